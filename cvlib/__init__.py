"""Experiment journals for computer vision that are computed, not written up."""

__version__ = "0.1.0"
