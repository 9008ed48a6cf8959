"""What a chapter calls: `from cvlib.journal import experiment`. Importing this loads nothing heavy."""

from cvlib.journal.handle import ExperimentHandle, experiment

__all__ = ["ExperimentHandle", "experiment"]
