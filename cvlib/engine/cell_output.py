"""A cell that ran, written as Markdown exactly as Quarto's Jupyter engine writes it."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cvlib.engine.book import Target
from cvlib.engine.chapter import Cell
from cvlib.engine.errors import Unsupported
from cvlib.engine.messages import HTML, JPEG, LATEX, MARKDOWN, PLAIN, PNG, SVG, Output
from cvlib.engine.pictures import png_without_text, retina_size, svg_without_metadata

IMAGES = {SVG: "svg", PNG: "png", JPEG: "jpeg"}
# Widgets and JavaScript, which no page of ours runs.
SCRIPTS = (
    "application/vnd.jupyter.widget-state+json",
    "application/vnd.jupyter.widget-view+json",
    "application/javascript",
)

# Options that become attributes of the cell's div: first those that Quarto's engine does not know as
# options of a cell, in the order of the alphabet, then the others as they are given.
_UNKNOWN_TO_QUARTO = ("fig-height", "fig-width")
_OF_CELL = ("tbl-cap", "layout-ncol")
ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_TICKS = re.compile(r"^\s*(`+)", re.MULTILINE)
_SCRIPT = re.compile(r"<script\b", re.IGNORECASE)
_TABLE = re.compile(r"<table", re.IGNORECASE)
_WRAPPED = re.compile(r"^[<(\[].*?[>)\]]$")


def with_math(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Offer LaTeX that is a formula as Markdown too, as Quarto does."""
    latex = data.get(LATEX, "")
    formula = (latex.startswith("$") and latex.endswith("$")) or (
        latex.startswith("\\begin{") and "\\end{" in latex
    )
    return {**data, MARKDOWN: latex} if formula and MARKDOWN not in data else data


def shown_kind(data: Mapping[str, Any], target: Target, figure_format: str) -> str | None:
    """Return the MIME type of `data` that `target` shows, or None if it can show none.

    For HTML an object's HTML comes before its Markdown, for Typst only Markdown counts, and HTML
    only when it is a table. A pyplot figure, which the kernel draws as both SVG and PNG so that one
    execution serves both formats, is taken in `figure_format`; of other objects SVG comes first.
    """
    images = [SVG, PNG, JPEG]
    if data.get(PLAIN, "").startswith("<Figure size ") and figure_format != "svg":
        images = [PNG, SVG, JPEG]
    order = [MARKDOWN, *images]
    if target == "html":
        order = [*SCRIPTS, HTML, *order]
    elif _TABLE.search(data.get(HTML, "")):
        order.append(HTML)
    order.append(PLAIN)
    return next((kind for kind in order if kind in data), None)


@dataclass(frozen=True)
class CellWriter:
    """Writes the cells of one chapter for one format.

    execute: the options of the format; `figures` is the folder's name in the markdown
    (`exp01_files/figure-html`); `save` is called with a file name and its bytes for each picture.
    """

    target: Target
    execute: Mapping[str, Any]
    figures: str
    save: Callable[[str, bytes], object]

    def write(self, cell: Cell, all_outputs: list[Output], block: int, count: int) -> str:
        """Return the cell's markdown. `block` is its place among all blocks, `count` among cells.

        Both are counted as Quarto counts: blocks from 0, cells from 1.
        """
        if not self._on(cell, "include"):
            return ""
        outputs = self._shown(cell, all_outputs)
        if not cell.code and not outputs:
            return ""
        label = str(cell.options.get("label") or "")
        displays = sum(map(_is_display, outputs))
        caption, captions = _captions(cell, displays)
        several = displays > 1 and not isinstance(cell.options.get("fig-cap"), list)
        on_container = bool(label) and (
            several or not displays or label.startswith("tbl-") or not self._on(cell, "output")
        )
        head = "::: {"
        if on_container:
            head += f"#{label.lower()} "
        elif self.target == "html":
            head += f"#cell-{label or block} "
        attributes = _attributes(cell)
        head += f".cell {attributes}execution_count={count}}}\n"

        asis = cell.options.get("output", self.execute["output"]) == "asis"
        is_special = on_container or attributes or caption is not None or captions
        needs_div = not asis or bool(is_special)
        body = self._code(cell) if self._on(cell, "echo") else ""
        if self._on(cell, "output"):
            stem = label.lower().lstrip("0123456789_-") if label else f"cell-{count + 1}"
            panel = 0
            for number, output in enumerate(outputs):
                own = f"#{label.lower()}" if label else ""
                if on_container and _is_display(output):
                    panel += 1
                    own += f"-{panel}"
                name = f"{stem}-output-{number + 1}"
                opening, text = self._output(cell, output, number, own, name, captions)
                if asis and output.get("name") == "stdout":
                    text = output["text"]
                body += text if asis else f"{opening}{text}:::\n"
        if body and needs_div:
            body = head + body.removesuffix("\n") + "\n"
            body += (f"\n{caption}\n" if caption else "") + ":::\n"
        return body + "\n"

    def _on(self, cell: Cell, option: str) -> bool:
        return bool(cell.options.get(option, self.execute[option]))

    def _shown(self, cell: Cell, outputs: list[Output]) -> list[Output]:
        warns = self._on(cell, "warning")
        if self.execute["output"] is False and cell.options.get("output") is not False:
            warns = bool(cell.options.get("warning", False))
        has_image = any(self._kind(output) in IMAGES for output in outputs)
        shown = []
        for output in outputs:
            if _is_display(output):
                if not _is_left_over(output, has_image):
                    shown.append({**output, "data": with_math(output["data"])})
            elif output.get("name") != "stderr" or warns:
                shown.append(output)
        return shown

    def _kind(self, output: Output) -> str | None:
        if not _is_display(output):
            return None
        return shown_kind(output["data"], self.target, self.execute["fig-format"])

    def _code(self, cell: Cell) -> str:
        ticks = _fence(cell.code)
        fold = cell.options.get("code-fold")
        folded = "" if fold is None else f' code-fold="{_js(fold)}"'
        return f"{ticks} {{.python .cell-code{folded}}}\n{cell.code}\n{ticks}\n"

    def _output(
        self, cell: Cell, output: Output, number: int, label: str, name: str, captions: list[str]
    ) -> tuple[str, str]:
        """The opening of an output's div, and what stands inside; takes its caption off `captions`."""
        kind = self._kind(output)
        classes = "display" if _is_display(output) else output.get("name", output["output_type"])
        is_table = str(cell.options.get("label")).startswith("tbl-")
        opening = "\n::: {"
        if label and _is_display(output) and not is_table and kind not in IMAGES:
            opening += f"{label} "
        opening += f".cell-output .cell-output-{classes}"
        opening += " .cell-output-markdown" if kind == MARKDOWN else ""
        count = output.get("execution_count")
        opening += "}\n" if count is None else f" execution_count={count}}}\n"
        if output["output_type"] == "stream":
            return opening, _code_block(_plain(output["text"]))
        if not output["data"]:
            return opening, ""
        caption = captions.pop(0) if captions else ""
        if kind in IMAGES:
            alt = cell.options.get("fig-alt")
            if isinstance(alt, list):
                alt = alt[number] if number < len(alt) else None
            return opening, self._picture(output, kind, label, caption, name, alt)
        text = "" if kind is None else output["data"][kind]
        if kind is None or kind in SCRIPTS or (kind == HTML and _SCRIPT.search(text)):
            raise Unsupported(
                "the cell shows something that needs JavaScript or has no form for a page "
                f"({', '.join(sorted(output['data']))}); show a figure, a table or text",
                file=cell.file,
                line=cell.line,
            )
        if kind == HTML:
            text = _code_block(text, "{=html}")
        else:
            text = text + "\n" if kind == MARKDOWN else _code_block(_plain(text))
        return opening, text + (f"\n{caption}\n" if caption else "")

    def _picture(
        self, output: Output, kind: str, label: str, caption: str, stem: str, alt: str | None
    ) -> str:
        value = output["data"][kind]
        metadata = output["metadata"].get(kind)
        size = metadata if isinstance(metadata, dict) else {}
        width, height = size.get("width"), size.get("height")
        content = base64.b64decode(value) if kind != SVG else svg_without_metadata(value).encode()
        if kind == PNG:
            if self.execute["fig-format"] == "retina":
                width, height = retina_size(content, self.execute["fig-dpi"]) or (width, height)
            content = png_without_text(content)
        name = f"{stem}.{IMAGES[kind]}"
        self.save(name, content)
        attributes = [label] if label else []
        attributes += [f"width={width}"] if width else []
        attributes += [f"height={height}"] if height else []
        attributes += [f"fig-alt={_quoted(alt)}"] if alt else []
        return f"![{caption}]({self.figures}/{name}){{{' '.join(attributes)}}}\n"


def _is_display(output: Output) -> bool:
    """Whether an output is shown as itself: a figure, a table, a value."""
    return output["output_type"] in ("display_data", "execute_result")


def _captions(cell: Cell, displays: int) -> tuple[str | None, list[str]]:
    """The caption of the whole cell, if any, and those of its outputs, in order."""
    whole, given = None, cell.options.get("fig-cap")
    parts = cell.options.get("fig-subcap")
    if isinstance(given, list):
        given = given if displays else []
    elif given and parts is not None:
        whole, given = given, "" if parts is True else parts
    elif not given:
        given = []
    texts = given if isinstance(given, list) else [given]
    return whole, [text.strip().replace("\n", " ") for text in texts]


def _attributes(cell: Cell) -> str:
    forwarded = [key for key in _UNKNOWN_TO_QUARTO if key in cell.options]
    forwarded += [key for key in cell.options if key in _OF_CELL]
    return "".join(f"{key}={_quoted(_js(cell.options[key]))} " for key in forwarded)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "\\'") + "'"


def _js(value: Any) -> str:
    """Write a value as JavaScript prints it: true, 4 for 4.0."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value)


def _is_left_over(output: Output, has_image: bool) -> bool:
    """Whether this is what a plotting call happened to return, shown beside its figure."""
    if output["output_type"] != "execute_result" or set(output["data"]) != {PLAIN}:
        return False
    text = output["data"][PLAIN]
    if not has_image:
        return text.startswith(("[<matplotlib", "<matplotlib", "<seaborn.", "<ggplot:"))
    if "\n" in text.rstrip("\n"):
        return "<matplotlib." in text
    line = text.strip()
    return (
        _WRAPPED.match(line) is not None
        or re.match(r"^Text\([-\d]", line) is not None
        or (line.startswith("{") and "<matplotlib." in line)
    )


def _plain(text: str) -> str:
    """Drop colours, and of a line that was written over keep what was last seen."""
    text = ANSI.sub("", text).replace("\r\n", "\n")
    return "\n".join(line.rstrip("\r").rsplit("\r", 1)[-1] for line in text.split("\n"))


def _fence(text: str) -> str:
    return "`" * max(3, 1 + max((len(run) for run in _TICKS.findall(text)), default=0))


def _code_block(text: str, form: str = "") -> str:
    ticks = _fence(text)
    return f"{ticks}{form}\n{text.removesuffix(chr(10))}\n{ticks}\n"
