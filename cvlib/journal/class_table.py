"""Precision, recall and F1 of each class, as a table."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from cvlib.analysis.confusion import class_scores
from cvlib.analysis.intervals import Interval
from cvlib.journal import numbers
from cvlib.journal.mistake_notes import rates_note, table_sentences
from cvlib.journal.pipe_table import pipe_table
from cvlib.journal.quantity import Markdown
from cvlib.journal.shares import share_text
from cvlib.journal.table_note import noted

if TYPE_CHECKING:
    from cvlib.journal.mistakes import Mistakes

MOST = 30


def class_table(found: Mistakes) -> Markdown:
    """A row a class, the lowest F1 first; of very many classes the worst 30."""
    subject, names = found.cases.subject, found.class_names
    scores = class_scores(subject.labels, subject.predicted, subject.classes)
    order = sorted(range(len(scores)), key=lambda n: _rank(scores[n].f1.estimate))
    rows = [
        [
            names[index],
            f"{scores[index].support:,}",
            *map(_cell, (scores[index].precision, scores[index].recall, scores[index].f1)),
        ]
        for index in order[:MOST]
    ]
    head = ["Class", "Images", "Precision (%)", "Recall (%)", "F1 (%)"]
    note = f"{rates_note(found)}; in brackets: 95% interval over images."
    if len(order) > MOST:
        note += f" The {MOST} of {len(order)} classes with the lowest F1."
    sentences = [note, *table_sentences(found)]
    return noted(pipe_table(head, rows, "lrrrr"), sentences, subject.variant.keys)


def _rank(f1: float) -> float:
    return 2.0 if math.isnan(f1) else f1


def _cell(score: Interval) -> str:
    return numbers.NO_VALUE if math.isnan(score.estimate) else share_text(score, most=1)
