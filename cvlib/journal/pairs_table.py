"""The most confused pairs of classes, as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cvlib.journal.errors import JournalError
from cvlib.journal.mistake_notes import rates_note, table_sentences
from cvlib.journal.pipe_table import pipe_table
from cvlib.journal.quantity import Markdown
from cvlib.journal.shares import count_text, share_text
from cvlib.journal.table_note import noted
from cvlib.journal.words import counted

if TYPE_CHECKING:
    from cvlib.journal.mistakes import Mistakes


def pairs_table(found: Mistakes, count: int) -> Markdown:
    """A row a pair, most images first; raises JournalError for a count below 1."""
    if count < 1:
        raise JournalError(f"count {count!r}: expected at least 1 pair")
    pairs, names = found.confused[:count], found.class_names
    subject = found.cases.subject
    if not pairs:
        sentences = [f"{rates_note(found)}: no mistake.", *table_sentences(found)]
        return noted("", sentences, subject.variant.keys)
    errors = float(subject.wrong.sum()) / len(subject.predicted)
    rows = [
        [
            names[pair.true],
            names[pair.predicted],
            f"{count_text(pair.images)} of {pair.support:,}",
            share_text(pair.share, most=1),
            f"{100 * pair.images / errors:.0f}",
        ]
        for pair in pairs
    ]
    head = ["Label", "Taken for", "Images", "Share of the class (%)", "Share of all errors (%)"]
    note = (
        f"{rates_note(found)}; in brackets: 95% Wilson interval over images; "
        f"{counted(len(found.confused), 'pair')} confused at all."
    )
    sentences = [note, *table_sentences(found)]
    return noted(pipe_table(head, rows, "llrrr"), sentences, subject.variant.keys)
