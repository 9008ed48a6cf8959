"""What a kernel sends, checked where it comes in: a cell can make it send anything at all."""

from __future__ import annotations

import base64
import re
import reprlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cvlib.engine.errors import CellFailed

Output = dict[str, Any]  # of a cell, as a notebook holds it

HTML, MARKDOWN, LATEX, PLAIN = "text/html", "text/markdown", "text/latex", "text/plain"
SVG, PNG, JPEG = "image/svg+xml", "image/png", "image/jpeg"
_TEXTS = (HTML, MARKDOWN, LATEX, PLAIN, SVG)
_PICTURES = (PNG, JPEG)

# What pandoc reads and a page shows in a moment. Of more text the beginning is kept.
MOST_PRINTED = 1_000_000  # characters of a cell, or of a value
MOST_SHOWN = 50_000_000  # of a picture or of HTML, as it is sent

# No page and no file can hold these.
_NO_CHARACTER = re.compile("[\x00\ud800-\udfff]")


def values_in(reply: Any, names: Mapping[str, str]) -> list[dict[str, Any]]:
    """What a reply says of each expression: `status` ok with `data` by MIME type, or error."""
    given = _checked(reply, user_expressions=dict)["user_expressions"]
    values = []
    for name, text in names.items():
        if name not in given:
            raise CellFailed(f"the kernel gave no value of {text!r}: a cell changed how it works")
        value = _checked(given[name], status=str)
        if value["status"] == "ok":
            values.append({"status": "ok", "data": _shown(_checked(value, data=dict)["data"])})
        else:
            error = _checked(value, ename=str, evalue=str)
            values.append({**value, "evalue": _clean(error["evalue"])})
    return values


@dataclass
class Outputs:
    """Collects a cell's outputs in notebook form: streams joined, clear_output obeyed.

    on_stderr: gets what is written to stderr. A stream that was cut has `is_cut`.
    """

    on_stderr: Callable[[str], None]
    collected: list[Output] = field(default_factory=list)
    clear_next: bool = False
    printed: int = 0

    def take(self, kind: str, content: Any) -> None:
        """Add one message of the kernel. Raises CellFailed for what is none, or is too large."""
        if kind == "stream":
            stream = _checked(content, name=str, text=str)
            text = _clean(stream["text"])
            if stream["name"] == "stderr":
                self.on_stderr(text)
            self._print(stream["name"], text)
        elif kind in ("display_data", "execute_result", "update_display_data"):
            shown = _checked(content, data=dict, metadata=dict)
            transient = shown.get("transient")
            shown_as = transient.get("display_id") if isinstance(transient, dict) else None
            output: Output = {"data": _shown(shown["data"]), "metadata": shown["metadata"]}
            if kind == "update_display_data":
                for one in self.collected:
                    if shown_as is not None and one.get("display_id") == shown_as:
                        one.update(output)
                return
            output |= {"output_type": kind, "display_id": shown_as}
            if kind == "execute_result":
                output["execution_count"] = _checked(shown, execution_count=int)["execution_count"]
            self._add(output)
        elif kind == "error":
            error = _checked(content, ename=str, evalue=str, traceback=list)
            trace = [_clean(str(line)) for line in error["traceback"]]
            said = {"ename": _clean(error["ename"]), "evalue": _clean(error["evalue"])}
            self._add({"output_type": "error", **said, "traceback": trace})
        elif kind == "clear_output":
            self.clear_next = bool(isinstance(content, dict) and content.get("wait"))
            if not self.clear_next:
                self._clear()

    def _print(self, name: str, text: str) -> None:
        last = self.collected[-1] if self.collected and not self.clear_next else {}
        if (last.get("output_type"), last.get("name")) != ("stream", name):
            last = {"output_type": "stream", "name": name, "text": ""}
            self._add(last)
        left = MOST_PRINTED - self.printed
        self.printed += len(text)
        if left > 0:
            last["text"] += text[:left]
        if len(text) > left >= 0:
            last["text"] += f"\n… cut after {MOST_PRINTED:,} characters\n"
            last["is_cut"] = True
            self.printed += 1  # said once

    def _add(self, output: Output) -> None:
        if self.clear_next:
            self._clear()
        self.collected.append(output)

    def _clear(self) -> None:
        self.collected.clear()
        self.clear_next, self.printed = False, 0


def _checked(content: Any, **expected: type) -> dict[str, Any]:
    """A message's content, or a part of it, that must have these keys."""
    given: dict[str, Any] = content if isinstance(content, dict) else {}
    for key, kind in expected.items():
        if not isinstance(given.get(key), kind):
            found = (
                reprlib.repr(given.get(key)) if key in given else f"none in {reprlib.repr(content)}"
            )
            raise CellFailed(
                "the cell made its kernel send what is no message of Jupyter's: "
                f"{key}: expected {kind.__name__}, found {found}"
            )
    return given


def _shown(data: dict[str, Any]) -> dict[str, Any]:
    """The forms of an output, those that a page may show as text."""
    shown = dict(data)
    for kind in data.keys() & {*_TEXTS, *_PICTURES}:
        value = data[kind]
        text = "".join(map(str, value)) if isinstance(value, list) else value
        if not isinstance(text, str):
            raise CellFailed(f"the cell shows {kind} that is {reprlib.repr(value)}, expected text")
        if kind == PLAIN and len(text) > MOST_PRINTED:
            text = text[:MOST_PRINTED] + f"\n… cut after {MOST_PRINTED:,} characters"
        elif len(text) > MOST_SHOWN:
            raise CellFailed(
                f"the cell shows {len(text):,} characters of {kind}, at most {MOST_SHOWN:,} fit a "
                "page: show it smaller"
            )
        if kind in _PICTURES:
            try:
                base64.b64decode(text)
            except ValueError as error:
                raise CellFailed(f"the cell shows {kind} that is no base64: {error}") from None
        shown[kind] = _clean(text)
    return shown


def _clean(text: str) -> str:
    return _NO_CHARACTER.sub("\ufffd", text)
