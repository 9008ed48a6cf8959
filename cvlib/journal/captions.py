"""Values in the captions of cells, for Quarto: `#| fig-cap: "… `{python} exp.seeds` seeds."`

Quarto's Jupyter engine fills in the inline values of texts and leaves those of a cell's options as
they are written. So a kernel that Quarto started prints, below each cell whose captions ask for
values, one line of JSON with them. The filter `_extensions/journal/captions.lua` takes that line out of
the document again and puts its values in the captions. The embedded engine needs none of this.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

OPTIONS = ("fig-cap", "fig-subcap", "fig-alt", "tbl-cap")
ANSWER = "cvlib-values: "

# As in Quarto's reader.
INLINE = re.compile(r"(^|[^`])`\{python\}[ \t]([^`]+)`", re.MULTILINE)

_CELL = re.compile(
    r"^(?P<fence>`{3,})\s*\{python\}[ \t]*\n(?P<cell>.*?)^(?P=fence)[ \t]*$",
    re.MULTILINE | re.DOTALL,
)

_OPTION_LINE = re.compile(r"^#\s*\| ?")


def answer_quarto() -> None:
    """Let the kernel of a chapter that Quarto runs answer; does nothing anywhere else."""
    if "QUARTO_DOCUMENT_PATH" not in os.environ or os.environ.get("CVLIB_ENGINE") == "embedded":
        return
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if shell is not None:
        shell.events.register("post_run_cell", partial(_answer, shell))


def expressions_in(options: Mapping[str, Any]) -> list[str]:
    """The inline expressions of a cell's captions, each once."""
    texts = (text for name in OPTIONS for text in _texts(options.get(name)))
    found = (match.group(2) for text in texts for match in INLINE.finditer(text))
    return list(dict.fromkeys(as_one_line(expression) for expression in found))


def as_one_line(expression: str) -> str:
    """An expression as pandoc reads it back from a caption."""
    return re.sub(r"\s*\n\s*", " ", expression).strip()


def _texts(value: Any) -> Iterator[str]:
    yield from (text for text in (value if isinstance(value, list) else [value]) if _is_text(text))


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _answer(shell: Any, result: Any) -> None:
    if not result.success or result.info is None:
        return
    asked = _asked_in(str(result.info.raw_cell))
    if not asked:
        return
    import json

    said = shell.user_expressions({expression: expression for expression in asked})
    values = {expression: _value(answer) for expression, answer in said.items()}
    print(ANSWER + json.dumps(values, ensure_ascii=False))


def _asked_in(code: str) -> list[str]:
    """What the captions of the cell with this code ask for; of several with the same, all.

    Quarto hands a kernel the code without its options, so they are read in the chapter.
    """
    folder, name = os.environ["QUARTO_DOCUMENT_PATH"], os.environ.get("QUARTO_DOCUMENT_FILE", "")
    path = Path(folder) / name
    if not path.is_file():
        return []
    asked: list[str] = []
    for match in _CELL.finditer(path.read_text(encoding="utf-8")):
        options, rest = _split(match["cell"])
        if rest.strip() == code.strip():
            asked += expressions_in(options)
    return list(dict.fromkeys(asked))


def _value(answer: Mapping[str, Any]) -> dict[str, str]:
    if answer["status"] != "ok":
        return {"error": f"{answer['ename']}: {answer['evalue']}"}
    kind = "text/markdown" if "text/markdown" in answer["data"] else "text/plain"
    return {kind: answer["data"][kind]}


def without_quotes(representation: str) -> str:
    """A str's repr without its quotes; anything else as it is."""
    for quote in ("'", '"'):
        if len(representation) > 1 and representation[0] == quote == representation[-1]:
            return representation[1:-1]
    return representation


def _split(cell: str) -> tuple[dict[str, Any], str]:
    """A cell's options, and its code without them."""
    import yaml

    lines = cell.splitlines()
    count = next((n for n, line in enumerate(lines) if not _OPTION_LINE.match(line)), len(lines))
    text = "\n".join(_OPTION_LINE.sub("", line, count=1) for line in lines[:count])
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError:
        found = {}  # Quarto says it, with the line
    return found if isinstance(found, dict) else {}, "\n".join(lines[count:])
