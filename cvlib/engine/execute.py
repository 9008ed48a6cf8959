"""Run a chapter's cells once and write the result for every format."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cvlib.engine.caption_values import Values, evaluate_captions, fill_captions
from cvlib.engine.cell_markdown import CellWriter
from cvlib.engine.chapter import Cell, Chapter, Markdown
from cvlib.engine.errors import CellFailed
from cvlib.engine.header_values import evaluate_header, fill_yaml
from cvlib.engine.inline import evaluate_inline, fill_inline
from cvlib.engine.kernel import Kernel, Output
from cvlib.engine.project import Book, Target

FIGURE_FOLDERS: dict[Target, str] = {"html": "figure-html", "typ": "figure-typst"}

_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_CELL_LINE = re.compile(r"Cell In\[(\d+)\], line (\d+)")
_SHOWN_LINES = 25
_SIZE = "list(__import__('matplotlib').rcParams['figure.figsize'])"


@dataclass(frozen=True)
class Executed:
    """A chapter's markdown for one format, and its figure files by name."""

    markdown: str
    figures: Mapping[str, bytes]


@dataclass(frozen=True)
class Ran:
    """What a block gave: a cell's outputs and the values of its captions, or those of a text."""

    outputs: list[dict[str, Any]]
    captions: Values = field(default_factory=dict)


def execute_chapter(
    project: Book,
    chapter: Chapter,
    on_stderr: Callable[[str], None] | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    give_up: Callable[[], bool] | None = None,
) -> dict[Target, Executed]:
    """Run every cell of `chapter` in one kernel, in the chapter's folder.

    environment: of the kernel, besides this process' own. give_up: see `Kernel`.
    Returns the result for each format of the project. Raises CellFailed with the place, the cell
    and the end of the traceback; nothing is written to disk in any case.
    """
    first = _options(project, chapter, next(iter(project.formats)))
    folder = (project.root / chapter.file).parent
    env = {**_environment(project, chapter, first), **(environment or {})}
    with Kernel(folder, env, _rc(first), on_stderr, give_up) as kernel:
        formats = {_options(project, chapter, each)["fig-format"] for each in project.formats}
        kernel.run(
            f"get_ipython().config.InlineBackend.figure_formats = {sorted(formats)!r}", silent=True
        )
        head = evaluate_header(kernel, chapter.head)
        ran = [_run_block(kernel, block, first) for block in chapter.blocks]
    return write_executed(project, chapter, head, ran)


def write_executed(
    project: Book, chapter: Chapter, head: list[dict[str, Any]], ran: Sequence[Ran]
) -> dict[Target, Executed]:
    """Write a chapter whose header's values and blocks ran for each format of the project."""
    return {
        target: _write(
            chapter, head, ran, target, _options(project, chapter, target), FIGURE_FOLDERS[target]
        )
        for target in project.formats
    }


def unexecuted_markdown(chapter: Chapter) -> str:
    """Return the markdown of a chapter that has no code, with its includes in place."""
    texts = [block.text + "\n\n" for block in chapter.blocks if isinstance(block, Markdown)]
    header = chapter.header_text + "\n\n" if chapter.header_text else ""
    return header + "".join(texts)


def _options(project: Book, chapter: Chapter, target: Target) -> dict[str, Any]:
    options = dict(project.formats[target].execute)
    own = chapter.header.get("execute") or {}
    options.update({key: value for key, value in own.items() if key in options})
    return options


def _environment(project: Book, chapter: Chapter, options: Mapping[str, Any]) -> dict[str, str]:
    document = project.root / chapter.file
    environment = {
        "QUARTO_PROJECT_ROOT": str(project.root),
        "QUARTO_DOCUMENT_PATH": str(document.parent),
        "QUARTO_DOCUMENT_FILE": document.name,
        "QUARTO_FIG_WIDTH": str(options["fig-width"]),
        "QUARTO_FIG_HEIGHT": str(options["fig-height"]),
        "QUARTO_FIG_DPI": str(options["fig-dpi"]),
        "QUARTO_FIG_FORMAT": "svg",
        "CVLIB_ENGINE": "embedded",
    }
    if sys.stderr.isatty():
        # What a cell writes to stderr is shown as it comes: a progress bar may draw itself.
        environment["CVLIB_TERMINAL"] = "1"
    if project.profile:
        environment["QUARTO_PROFILE"] = project.profile
    return environment


def _rc(options: Mapping[str, Any]) -> str:
    """Write the matplotlibrc: Quarto's figure size, and element ids that do not change by run."""
    return (
        f"figure.figsize: {options['fig-width']}, {options['fig-height']}\n"
        f"figure.dpi: {options['fig-dpi']}\n"
        "savefig.dpi: figure\n"
        "svg.hashsalt: cvlib\n"
    )


def _run_block(kernel: Kernel, block: Cell | Markdown, options: Mapping[str, Any]) -> Ran:
    if isinstance(block, Markdown):
        return Ran(evaluate_inline(kernel, block))
    if not block.options.get("eval", options["eval"]) or not block.code.strip():
        return Ran([])
    outputs = _run_cell(kernel, block)
    return Ran(outputs, evaluate_captions(kernel, block))


def _run_cell(kernel: Kernel, cell: Cell) -> list[Output]:
    try:
        outputs = _run_sized(kernel, cell)
    except CellFailed as died:
        raise CellFailed(f"{died}\n{_quoted(cell)}", file=cell.file, line=cell.line) from None
    for output in outputs:
        if output["output_type"] == "error":
            raise _failure(cell, output)
    return outputs


def _run_sized(kernel: Kernel, cell: Cell) -> list[Output]:
    size = {key: cell.options.get(key) for key in ("fig-width", "fig-height")}
    if not any(size.values()):
        return kernel.run(cell.code)
    before = kernel.evaluate([_SIZE])[0]["data"]["text/plain"]
    width, height = (float(inches) for inches in before.strip("[]").split(","))
    _set_size(kernel, size["fig-width"] or width, size["fig-height"] or height)
    outputs = kernel.run(cell.code)
    _set_size(kernel, width, height)
    return outputs


def _set_size(kernel: Kernel, width: float, height: float) -> None:
    code = f"__import__('matplotlib').rcParams['figure.figsize'] = ({width}, {height})"
    kernel.run(code, silent=True)


def _failure(cell: Cell, error: Output) -> CellFailed:
    """Name the line of the chapter that raised, and quote the end of the traceback."""
    trace = _ANSI.sub("", "\n".join(error["traceback"])).splitlines()
    frames = [found for found in map(_CELL_LINE.search, trace) if found]
    # The last number is this cell's: earlier ones are cells whose functions it called.
    own = max((int(found.group(1)) for found in frames), default=0)
    inside = next((int(found.group(2)) for found in frames if int(found.group(1)) == own), None)
    line = cell.line if inside is None else cell.code_line + inside - 1
    label = cell.options.get("label")
    shown = "\n".join(f"    {text}" for text in trace[-_SHOWN_LINES:])
    return CellFailed(
        f"{error['ename']}: {error['evalue']}{f' (cell {label})' if label else ''}\n"
        f"{_quoted(cell)}\nthe traceback's end:\n{shown}",
        file=cell.file,
        line=line,
        exception=error["ename"],
    )


def _quoted(cell: Cell) -> str:
    lines = cell.code.rstrip("\n").split("\n")
    numbered = [f"{cell.code_line + i:5d} | {text}" for i, text in enumerate(lines)]
    return "the cell:\n" + "\n".join(numbered)


def _write(
    chapter: Chapter,
    head: list[dict[str, Any]],
    ran: Sequence[Ran],
    target: Target,
    options: Mapping[str, Any],
    figure_folder: str,
) -> Executed:
    figures: dict[str, bytes] = {}
    folder = f"{Path(chapter.file).stem}_files/{figure_folder}"
    writer = CellWriter(target, options, folder, figures.__setitem__)
    parts = [fill_yaml(chapter.head, head, target) + "\n\n"] if chapter.header_text else []
    offset, cells = len(parts), 0
    for position, (block, result) in enumerate(zip(chapter.blocks, ran, strict=True)):
        if isinstance(block, Cell):
            cells += 1
            cell = fill_captions(block, result.captions)
            text = writer.write(cell, result.outputs, position + offset, cells)
        else:
            fill = fill_yaml if block.is_yaml else fill_inline
            text = fill(block, result.outputs, target) + "\n"
        parts.append(text + "\n")
    return Executed("".join(parts), figures)
