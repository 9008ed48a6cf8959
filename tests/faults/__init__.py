"""Faults, injected for real: `make faults` counts how they end and writes docs/reliability.md."""
