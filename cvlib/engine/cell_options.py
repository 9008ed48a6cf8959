"""The `#|` lines of a cell: read, checked against the table, typed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from cvlib.engine.errors import BookError, Unsupported
from cvlib.engine.supported import CELL_OPTIONS
from cvlib.engine.yaml_lines import parse_yaml

_OPTION_LINE = re.compile(r"^#\s*\| ?")
_LABEL = re.compile(r"^[A-Za-z][\w-]*$")


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_text_or_list(value: Any) -> bool:
    return _is_text(value) or (
        isinstance(value, list) and bool(value) and all(isinstance(item, str) for item in value)
    )


_EXPECTED: dict[str, tuple[Callable[[Any], bool], str]] = {
    "label": (lambda value: isinstance(value, str) and _LABEL.match(value) is not None,
              "a name as fig-curves or tbl-accuracy (letters, digits, - and _)"),
    "fig-cap": (_is_text_or_list, "text, or a list of texts"),
    "fig-subcap": (lambda value: value is True or _is_text_or_list(value), "a list of texts"),
    "fig-alt": (_is_text_or_list, "text, or a list of texts"),
    "tbl-cap": (_is_text, "text"),
    "fig-width": (_is_number, "inches"),
    "fig-height": (_is_number, "inches"),
    "layout-ncol": (lambda value: _is_number(value) and isinstance(value, int), "a whole number"),
    "code-fold": (lambda value: _is_bool(value) or value == "show", "true, false or show"),
    "echo": (_is_bool, "true or false"),
    "eval": (_is_bool, "true or false"),
    "include": (_is_bool, "true or false"),
    "warning": (_is_bool, "true or false"),
    "output": (lambda value: _is_bool(value) or value == "asis", "true, false or asis"),
    "error": (lambda value: value is False, "false: a failing cell stops the render"),
}  # fmt: skip


def split_options(
    lines: list[str], file: str, first_line: int
) -> tuple[dict[str, Any], Mapping[str, int], list[str]]:
    """Split a cell's lines into its options, the options' lines in the file, and its code.

    `first_line` is the line in `file` of `lines[0]`. Raises Unsupported for an option that is not
    in the table, ProjectError for a value of the wrong kind.
    """
    count = 0
    while count < len(lines) and _OPTION_LINE.match(lines[count]):
        count += 1
    text = "\n".join(_OPTION_LINE.sub("", line, count=1) for line in lines[:count])
    parsed = parse_yaml(text, file, first_line)
    for name, value in parsed.data.items():
        line = parsed.line(str(name))
        if name not in CELL_OPTIONS:
            raise Unsupported(
                f"cell option `{name}` is not supported by the embedded engine "
                f"(supported: {', '.join(sorted(CELL_OPTIONS))})",
                file=file,
                line=line,
            )
        holds, expected = _EXPECTED[name]
        if not holds(value):
            raise BookError(
                f"cell option `{name}` is {value!r}, expected {expected}", file=file, line=line
            )
    return parsed.data, {str(path[0]): line for path, line in parsed.lines.items()}, lines[count:]
