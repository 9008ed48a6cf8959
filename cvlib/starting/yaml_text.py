"""Edits of a YAML file's text: one value changes, and every comment and blank stays as it was.

A round trip through a parser would lose comments. Here the parser only says where a value stands;
afterwards the text is read again, and an edit that did anything else than asked is refused.
"""

from __future__ import annotations

import copy
import json
import textwrap
from collections.abc import Callable
from typing import Any

import yaml

from cvlib.starting import StartError

KeyPath = tuple[str | int, ...]
Parse = Callable[[str], Any]  # the reader that the file is meant for


def quoted(text: str) -> str:
    """A scalar in double quotes; JSON's escapes are YAML's."""
    return json.dumps(text, ensure_ascii=False)


def folded(text: str, indent: str = "  ", width: int = 98) -> str:
    """A long text as a folded block, which a person can edit: `>-` and wrapped lines."""
    lines = textwrap.wrap(" ".join(text.split()), width, break_long_words=False)
    return ">-\n" + "\n".join(indent + line for line in lines)


def has_value(text: str, path: KeyPath) -> bool:
    """Whether the file says something at `path`."""
    return _find(_compose(text), path) is not None


def column_of(text: str, path: KeyPath) -> int:
    """How far the value at `path`, which must be there, is indented."""
    node = _find(_compose(text), path)
    if node is None:
        raise _refused(path, "it is not there")
    return int(node.start_mark.column)


def set_value(text: str, path: KeyPath, written: str, value: Any, parse: Parse) -> str:
    """Return `text` with `written` as the value at `path`, which must then be read as `value`.

    A key that is not there becomes the last of its mapping. Raises StartError where that fails.
    """
    root = _compose(text)
    found = _find(root, path)
    if found is not None:
        start, end = _span(text, found)
        edited = text[:start] + written + text[end:]
    else:
        holder = _find(root, path[:-1])
        if not isinstance(holder, yaml.MappingNode) or not holder.value:
            raise _refused(path, f"there is no `{_dotted(path[:-1])}:` to put it into")
        edited = _with_key(text, holder, f"{path[-1]}: {written}")
    wanted = copy.deepcopy(parse(text))
    _at(wanted, path[:-1])[path[-1]] = value
    return _checked(edited, wanted, path, parse)


def insert_item(text: str, path: KeyPath, position: int, item: str, parse: Parse) -> str:
    """Return `text` with `item`, a plain word, at `position` of the list at `path`.

    A position behind the last item puts it there. Raises StartError where that fails.
    """
    node = _find(_compose(text), path)
    if not isinstance(node, yaml.SequenceNode) or not node.value:
        raise _refused(path, "it is not a list with items")
    is_last = position >= len(node.value)
    start, end = _span(text, node.value[-1 if is_last else position])
    if node.flow_style:
        at, new = (end, f", {item}") if is_last else (start, f"{item}, ")
    else:
        first = node.value[0].start_mark.index
        lead = text[_line_start(text, first) : first]  # indentation, and `- `
        newline = _newline(text)
        # behind the whole line: a comment beside the last item belongs to it
        at = _line_end(text, end) if is_last else _line_start(text, start)
        before = newline if is_last and not text.endswith("\n", 0, at) else ""
        new = f"{before}{lead}{item}{newline}"
    wanted = copy.deepcopy(parse(text))
    _at(wanted, path).insert(position, item)
    return _checked(text[:at] + new + text[at:], wanted, path, parse)


def _checked(edited: str, wanted: Any, path: KeyPath, parse: Parse) -> str:
    try:
        found = parse(edited)
    except Exception as error:
        raise _refused(path, str(error)) from None
    if found != wanted:
        raise _refused(path, "the file is written in a way that this edit does not cover")
    return edited


def _at(data: Any, path: KeyPath) -> Any:
    for key in path:
        data = data[key]
    return data


def _dotted(path: KeyPath) -> str:
    return ".".join(map(str, path))


def _refused(path: KeyPath, why: str) -> StartError:
    return StartError(f"`{_dotted(path)}` cannot be edited: {why}; edit it by hand")


def _compose(text: str) -> yaml.Node:
    try:
        # the loader in Python: libyaml counts bytes where the text has other letters
        root: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise StartError(f"line {line} is not YAML: {error.problem}") from None
    if root is None:
        raise StartError("there is nothing in the file")
    return root


def _find(node: yaml.Node, path: KeyPath) -> yaml.Node | None:
    for key in path:
        if isinstance(node, yaml.MappingNode):
            values = [value for name, value in node.value if name.value == str(key)]
        elif isinstance(node, yaml.SequenceNode) and isinstance(key, int):
            values = node.value[key : key + 1]
        else:
            values = []
        if not values:
            return None
        node = values[0]
    return node


def _span(text: str, node: yaml.Node) -> tuple[int, int]:
    """Where a value's text begins and ends, without the blanks and comments that follow it."""
    start, end = node.start_mark.index, node.end_mark.index
    if isinstance(node, yaml.CollectionNode) and not node.flow_style:
        # to the parser a block ends where the next token begins
        children = [item[1] if isinstance(item, tuple) else item for item in node.value]
        return start, max(_span(text, child)[1] for child in children)
    return start, start + len(text[start:end].rstrip())


def _line_start(text: str, index: int) -> int:
    return text.rfind("\n", 0, index) + 1


def _line_end(text: str, index: int) -> int:
    """Where the next line begins, or the text ends."""
    found = text.find("\n", index)
    return len(text) if found < 0 else found + 1


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _with_key(text: str, holder: yaml.MappingNode, entry: str) -> str:
    end = _span(text, holder.value[-1][1])[1]
    if holder.flow_style:
        return f"{text[:end]}, {entry}{text[end:]}"
    at, newline = _line_end(text, end), _newline(text)
    lead = " " * int(holder.value[0][0].start_mark.column)
    before = "" if text.endswith("\n", 0, at) else newline
    return f"{text[:at]}{before}{lead}{entry}{newline}{text[at:]}"
