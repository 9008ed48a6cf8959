"""What a chapter calls: `from cvlib.journal import experiment`. Importing this loads nothing heavy."""

from cvlib.journal.captions import answer_quarto
from cvlib.journal.handle import ExperimentHandle, experiment, mistakes
from cvlib.journal.hypotheses import Hypotheses, hypotheses
from cvlib.journal.provenance import provenance_table
from cvlib.journal.reads import reads
from cvlib.recorder import start_in_quarto

start_in_quarto()
answer_quarto()

__all__ = [
    "ExperimentHandle",
    "Hypotheses",
    "experiment",
    "hypotheses",
    "mistakes",
    "provenance_table",
    "reads",
]
