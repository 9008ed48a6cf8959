"""Edits of a YAML file that people edit, too: what is not changed stays letter by letter as it was."""

from __future__ import annotations

import copy
import textwrap
from collections.abc import Callable
from difflib import SequenceMatcher
from io import StringIO
from typing import Any, cast

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedSeq
from ruamel.yaml.error import CommentMark, YAMLError
from ruamel.yaml.scalarstring import FoldedScalarString
from ruamel.yaml.tokens import CommentToken

from cvlib.starting import StartError

_INDENTS = ((2, 4, 2), (2, 2, 0), (4, 4, 2), (4, 6, 4), (4, 4, 0))  # of mappings, lists, and `-`


def edit_yaml(text: str, change: Callable[[Any], None], parse: Callable[[str], Any]) -> str:
    """Return `text` after `change(data)`: comments, order, quotes, blanks and line ends stay.

    change: alters nested dicts and lists in place. parse: the reader that the file is meant for; it
    has to read from the result what `change` makes of what it reads from `text`. Raises StartError.
    """
    lines = text.splitlines()
    wanted = copy.deepcopy(parse(text))
    change(wanted)
    try:
        data = _round_trip().load(text)
    except YAMLError:  # what `parse` takes
        raise StartError("it is written in a way that cannot be edited; edit it by hand") from None
    indent = max(_INDENTS, key=lambda indent: len(set(lines) & set(_dumped(data, indent))))
    before = _dumped(data, indent)
    change(data)
    after = _dumped(data, indent)
    newline = "\r\n" if "\r\n" in text else "\n"
    for found in (_with_changed_lines(lines, before, after), after):
        edited = newline.join(found) + newline
        if parse(edited) == wanted:
            return edited
    raise StartError("it is written in a way that cannot be edited; edit it by hand")


def _round_trip() -> YAML:
    yaml = YAML()  # keeps comments and order
    yaml.preserve_quotes = True
    yaml.width = 100_000
    return yaml


def _dumped(data: Any, indent: tuple[int, int, int]) -> list[str]:
    yaml = _round_trip()
    yaml.indent(*indent)
    stream = StringIO()
    yaml.dump(data, stream)
    return stream.getvalue().splitlines()


def _with_changed_lines(lines: list[str], before: list[str], after: list[str]) -> list[str]:
    """Make the changes between two dumps in the lines that the first of them is a dump of.

    A dump has single blanks where a person aligned something. As long as it has as many lines as
    the file, those that are equal in both dumps are taken from the file.
    """
    if len(lines) != len(before):
        return after
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    return [
        line
        for tag, start, end, new_start, new_end in matcher.get_opcodes()
        for line in (lines[start:end] if tag == "equal" else after[new_start:new_end])
    ]


def insert_item(items: list[Any], position: int, item: str) -> None:
    """Insert into a list, whether it is a plain one or ruamel's with its comments."""
    items.insert(position, item)
    if not hasattr(items, "ca") or position < len(items) - 1:
        return
    if comment := (items.ca.items.get(position - 1) or [None])[0]:
        # ruamel hangs what stands between a list and the next key on the list's last item
        own, newline, behind = comment.value.partition("\n")
        comment.value = own + newline
        items.ca.items[position] = [CommentToken(newline + behind, CommentMark(0)), None]


def on_a_line(items: list[Any]) -> list[Any]:
    """The items as `[1, 2]` and not one below the other."""
    made = CommentedSeq(items)
    made.fa.set_flow_style()
    return cast("list[Any]", made)


def folded(text: str) -> str:
    """A long text as a block that a person can edit: `>-` and wrapped lines."""
    lines = wrapped(text)
    block = FoldedScalarString(" ".join(lines))
    ends = [sum(len(line) + 1 for line in lines[: n + 1]) - 1 for n in range(len(lines) - 1)]
    block.fold_pos = ends  # type: ignore[attr-defined]
    return block


def wrapped(text: str) -> list[str]:
    """The lines of a long text in a YAML file."""
    return textwrap.wrap(" ".join(text.split()), 98, break_long_words=False)
