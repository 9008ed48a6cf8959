"""Run a chapter's cells once and write the result for every format."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cvlib.engine.book import Book, Target
from cvlib.engine.cell_output import ANSI, CellWriter, shown_kind, with_math
from cvlib.engine.chapter import (
    CAPTION_OPTIONS,
    INLINE,
    YAML_RULE,
    Cell,
    Chapter,
    Inline,
    TextBlock,
    as_one_line,
    check_supported,
)
from cvlib.engine.errors import BookError, CellFailed, Unsupported, raise_all
from cvlib.engine.kernel import Kernel
from cvlib.engine.messages import HTML, MARKDOWN, MOST_PRINTED, PLAIN, Output
from cvlib.engine.supported import CELL_OPTIONS
from cvlib.engine.tree import parse_inlines, text_of
from cvlib.yaml_source import parse_yaml

FIGURE_FOLDERS: dict[Target, str] = {"html": "figure-html", "typ": "figure-typst"}

Values = Mapping[str, Mapping[str, Any]]  # expression -> its value by MIME type

# What stands for what a cell has not given yet.
VALUE = "…"
TABLE = "| no results yet |\n|:--|\n| … |\n"
FIGURE = """<svg xmlns="http://www.w3.org/2000/svg" width="300pt" height="110pt" viewBox="0 0 300 110">
<rect x="1" y="1" width="298" height="108" rx="4" fill="#f6f7f9" stroke="#b6bdc7" stroke-dasharray="5 4"/>
<text x="150" y="59" text-anchor="middle" font-family="sans-serif" font-size="11" fill="#5b6470">no results yet</text>
</svg>
"""

_CELL_LINE = re.compile(r"Cell In\[(\d+)\], line (\d+)")
_SPECIAL = re.compile(r"([\\`*_{}\[\]()>#+\-.!,])")
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
    book: Book,
    chapter: Chapter,
    on_stderr: Callable[[str], None] | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    give_up: Callable[[], bool] | None = None,
    setup: str = "",
) -> dict[Target, Executed]:
    """Run every cell of `chapter` in one kernel, in the chapter's folder.

    environment: of the kernel, besides this process' own. give_up: see `Kernel`. setup: code that
    runs silently before the header's values and the first cell.
    Returns the result for each format of the book. Raises what `check_supported` raises, and CellFailed with the place, the cell and the end of the
    traceback; nothing is written to disk in any case.
    """
    check_supported([chapter])
    options = {target: _options(book, chapter, target) for target in book.formats}
    first = next(iter(options.values()))
    figure_formats = sorted({each["fig-format"] for each in options.values()})
    figures = f"get_ipython().config.InlineBackend.figure_formats = {figure_formats!r}\n"
    env = {**_environment(book, chapter, first), **(environment or {})}
    folder = (book.root / chapter.file).parent
    tell = on_stderr or (lambda _: None)
    # Quarto's figure size, and element ids that do not change by run
    matplotlibrc = (
        f"figure.figsize: {first['fig-width']}, {first['fig-height']}\n"
        f"figure.dpi: {first['fig-dpi']}\nsavefig.dpi: figure\nsvg.hashsalt: cvlib\n"
    )
    kernel = Kernel(folder, env, matplotlibrc, figures + setup, tell, give_up)
    try:
        with kernel:
            head = _evaluate(
                kernel,
                chapter.head.inlines,
                hint=" (the header is read before any cell runs; a title that needs one stands in a "
                "YAML block of its own, --- title: … ---, after that cell)",
            )
            ran = [Ran(head), *(_run_block(kernel, each, first) for each in chapter.blocks)]
    finally:
        if left := kernel.left_running:
            tell(f"{chapter.file}: its cells left running, and it was ended: {', '.join(left)}\n")
    return _write(book, chapter, ran)


def with_places_kept(book: Book, chapter: Chapter) -> dict[Target, Executed]:
    """Write a chapter that did not run, with places kept for figures, tables and numbers."""
    if not chapter.executes:
        return {target: Executed(_texts(chapter), {}) for target in book.formats}
    blocks = tuple(_with_valid_options(block) for block in chapter.blocks)
    ran = [_place(block) for block in (chapter.head, *blocks)]
    return _write(book, replace(chapter, blocks=blocks), ran)


def unexecuted_markdown(chapter: Chapter) -> str:
    """Return the markdown of a chapter that has no code, with its includes in place.

    Raises what `check_supported` raises.
    """
    check_supported([chapter])
    return _texts(chapter)


def _texts(chapter: Chapter) -> str:
    texts = [
        block.text for block in (chapter.head, *chapter.blocks) if isinstance(block, TextBlock)
    ]
    return "".join(text + "\n\n" for text in texts if text)


def _options(book: Book, chapter: Chapter, target: Target) -> dict[str, Any]:
    options, own = book.formats[target].execute, chapter.header.get("execute")
    own = own if isinstance(own, dict) else {}
    return {key: own.get(key, value) for key, value in options.items()}


def _environment(book: Book, chapter: Chapter, options: Mapping[str, Any]) -> dict[str, str]:
    document = book.root / chapter.file
    figures = {"WIDTH": "fig-width", "HEIGHT": "fig-height", "DPI": "fig-dpi"}
    return {
        "QUARTO_PROJECT_ROOT": str(book.root),
        "QUARTO_DOCUMENT_PATH": str(document.parent),
        "QUARTO_DOCUMENT_FILE": document.name,
        **{f"QUARTO_FIG_{name}": str(options[option]) for name, option in figures.items()},
        "QUARTO_FIG_FORMAT": "svg",
        **({"QUARTO_PROFILE": book.profile} if book.profile else {}),
        "CVLIB_ENGINE": "embedded",
        # What a cell writes to stderr is shown as it comes: a progress bar may draw itself.
        **({"CVLIB_TERMINAL": "1"} if sys.stderr.isatty() else {}),
    }


# ── running ──────────────────────────────────────────────────────────────────────────────────────


def _run_block(kernel: Kernel, block: Cell | TextBlock, options: Mapping[str, Any]) -> Ran:
    if isinstance(block, TextBlock):
        return Ran(_evaluate(kernel, block.inlines))
    if not block.options.get("eval", options["eval"]) or not block.code.strip():
        return Ran([])
    try:
        outputs = _run_sized(kernel, block)
    except CellFailed as died:
        raise CellFailed(f"{died}\n{_quoted(block)}", file=block.file, line=block.line) from None
    for output in outputs:
        if output["output_type"] == "error":
            raise _failure(block, output)
    if any("is_cut" in output for output in outputs):
        where = f"{block.file}:{block.line}"
        kernel.on_stderr(f"{where}: the cell printed over {MOST_PRINTED:,} characters: cut there\n")
    asked = block.asked_in_captions
    values = _evaluate(
        kernel, [i._replace(expression=e) for e, i in asked.items()], in_caption=True
    )
    return Ran(outputs, {e: value["data"] for e, value in zip(asked, values, strict=True)})


def _run_sized(kernel: Kernel, cell: Cell) -> list[Output]:
    size = {key: cell.options.get(key) for key in ("fig-width", "fig-height")}
    if not any(size.values()):
        return kernel.run(cell.code)
    before = kernel.evaluate([_SIZE])[0]["data"][PLAIN]
    width, height = ast.literal_eval(before)
    set_size = "__import__('matplotlib').rcParams['figure.figsize'] = ({}, {})".format
    kernel.run(set_size(size["fig-width"] or width, size["fig-height"] or height), silent=True)
    outputs = kernel.run(cell.code)
    kernel.run(set_size(width, height), silent=True)
    return outputs


def _evaluate(
    kernel: Kernel, inlines: Iterable[Inline], *, in_caption: bool = False, hint: str = ""
) -> list[dict[str, Any]]:
    """Evaluate expressions; raises CellFailed with the line of each that fails."""
    asked = list(inlines)
    if not asked:
        return []
    try:
        results = kernel.evaluate([each.expression for each in asked])
    except CellFailed as died:
        raise CellFailed(str(died), file=asked[0].file, line=asked[0].line) from None
    failed = []
    for each, result in zip(asked, results, strict=True):
        if result["status"] != "ok":
            code = f"`{{python}} {each.expression.strip()}`"
            what = f"the value {code} in a caption" if in_caption else f"inline {code}"
            wrong = f"{what} failed: {result['ename']}: {result['evalue']}{hint}"
            ename = result["ename"]
            failed.append(CellFailed(wrong, file=each.file, line=each.line, what=ename))
    raise_all(failed)
    return results


def _failure(cell: Cell, error: Output) -> CellFailed:
    """Name the line of the chapter that raised, and quote the end of the traceback."""
    trace = ANSI.sub("", "\n".join(error["traceback"])).splitlines()
    frames = [(int(found[1]), int(found[2])) for found in map(_CELL_LINE.search, trace) if found]
    # The last number is this cell's: earlier ones are cells whose functions it called.
    own = max((cell_number for cell_number, _ in frames), default=0)
    inside = next((line for cell_number, line in frames if cell_number == own), None)
    label = cell.options.get("label")
    shown = "\n".join(f"    {text}" for text in trace[-_SHOWN_LINES:])
    return CellFailed(
        f"{error['ename']}: {error['evalue']}{f' (cell {label})' if label else ''}\n"
        f"{_quoted(cell)}\nthe traceback's end:\n{shown}",
        file=cell.file,
        line=cell.line if inside is None else cell.code_line + inside - 1,
        what=error["ename"],
    )


def _quoted(cell: Cell) -> str:
    lines = cell.code.rstrip("\n").split("\n")
    numbered = [f"{cell.code_line + i:5d} | {text}" for i, text in enumerate(lines)]
    return "the cell:\n" + "\n".join(numbered)


def _place(block: Cell | TextBlock) -> Ran:
    """What stands for what a block will give."""
    if isinstance(block, TextBlock):
        count = len(block.inlines)
        return Ran([{"status": "ok", "data": {"text/markdown": VALUE}}] * count)
    captions = {asked: {"text/markdown": VALUE} for asked in block.asked_in_captions}
    label, panels = str(block.options.get("label", "")), block.options.get("fig-subcap")
    data, count = {}, 0
    if label.startswith("fig-"):
        data, count = {"image/svg+xml": FIGURE}, len(panels) if isinstance(panels, list) else 1
    elif label.startswith("tbl-"):
        data, count = {"text/markdown": TABLE}, 1
    shown = {"output_type": "display_data", "data": data, "metadata": {}}
    return Ran([shown] * count, captions)


def _with_valid_options(block: Cell | TextBlock) -> Cell | TextBlock:
    if isinstance(block, TextBlock):
        return block
    known = {name: value for name, value in block.options.items() if name in CELL_OPTIONS}
    valid = {name: value for name, value in known.items() if CELL_OPTIONS[name][0](value)}
    return replace(block, options=valid)


# ── writing ──────────────────────────────────────────────────────────────────────────────────────


def _write(book: Book, chapter: Chapter, ran: Sequence[Ran]) -> dict[Target, Executed]:
    """Write a chapter whose header and blocks ran for each format of the book."""
    head, *results = ran
    written = {}
    for target in book.formats:
        figures: dict[str, bytes] = {}
        folder = f"{Path(chapter.file).stem}_files/{FIGURE_FOLDERS[target]}"
        options = _options(book, chapter, target)
        writer = CellWriter(target, options, folder, figures.__setitem__)
        parts = [_fill(chapter.head, head.outputs, target) + "\n\n"] if chapter.head.text else []
        offset, cells = len(parts), 0
        for position, (block, result) in enumerate(zip(chapter.blocks, results, strict=True)):
            if isinstance(block, Cell):
                cells += 1
                cell = _fill_captions(block, result.captions)
                text = writer.write(cell, result.outputs, position + offset, cells)
            else:
                text = _fill(block, result.outputs, target) + "\n"
            parts.append(text + "\n")
        written[target] = Executed("".join(parts), figures)
    return written


def _fill(block: TextBlock, results: list[dict[str, Any]], target: Target) -> str:
    """Return the block's text with each expression replaced by its value for `target`.

    Quarto puts values into YAML as text: a value whose Markdown has quotes or backslashes stands in a
    block (`title: >-`) or between single quotes. Raises BookError for what is no YAML any more.
    """
    values = []
    forms: dict[str, Callable[[str], str]]
    forms = {HTML: "`{}`{{=html}}".format, MARKDOWN: str, PLAIN: _escaped}
    for found, result in zip(block.inlines, results, strict=True):
        data = with_math(result["data"])
        kind = shown_kind(data, target, "svg") or ""
        text = forms[kind](data[kind]) if kind in forms else None
        if not text:
            what = "an empty text" if text == "" else "nothing that can stand in a line of text"
            message = f"inline `{{python}} {found.expression.strip()}` gives {what}"
            raise Unsupported(message, file=found.file, line=found.line)
        values.append(text)
    following = iter(values)
    filled = INLINE.sub(lambda found: found[1] + next(following), block.text)
    if block.is_yaml and values:
        inside = [line for line in filled.split("\n") if not YAML_RULE.match(line)]
        try:
            parse_yaml("\n".join(inside), block.file, block.line + 1, error=BookError)
        except BookError as error:
            why = str(error).partition("not valid YAML: ")[2] or error
            message = (
                "with its inline values in place this is no YAML any more: write the text on a "
                f"line of its own below `title: >-`, or between single quotes ({why})"
            )
            raise BookError(message, file=block.file, line=block.inlines[0].line) from None
    return filled


def _fill_captions(cell: Cell, values: Values) -> Cell:
    """The cell with its captions as they read: Markdown, of `fig-alt` plain text."""
    options = dict(cell.options)
    for name in CAPTION_OPTIONS if values else ():
        if isinstance(options.get(name), list):
            options[name] = [fill_caption(name, text, values) for text in options[name]]
        elif isinstance(options.get(name), str):
            options[name] = fill_caption(name, options[name], values)
    return replace(cell, options=options)


def fill_caption(option: str, text: str, values: Values) -> str:
    """A caption with its values in their places; an expression without one stays as it is."""

    def value(found: re.Match[str]) -> str:
        data = values.get(as_one_line(found[2]))
        return found[0] if data is None else found[1] + _written(option, data)

    return INLINE.sub(value, text)


def _written(option: str, data: Mapping[str, Any]) -> str:
    """A value on one line, as the text of an option has it."""
    markdown = data.get(MARKDOWN)
    if option == "fig-alt":  # no markup
        return _unquoted(data[PLAIN]) if markdown is None else text_of(parse_inlines(markdown))
    text = _escaped(data[PLAIN]) if markdown is None else markdown.replace("\n", " ")
    # a quoted attribute takes one level of backslashes away
    return text.replace("\\", "\\\\") if option == "tbl-cap" else text


def _unquoted(representation: str) -> str:
    """A str's repr without its quotes; anything else as it is."""
    found = re.fullmatch(r"(['\"])(.*)\1", representation, re.DOTALL)
    return found[2] if found else representation


def _escaped(representation: str) -> str:
    """A str's repr without its quotes, escaped; a number stays as it is."""
    inner = _unquoted(representation)
    if inner == representation:
        return inner
    return _SPECIAL.sub(r"\\\1", inner.replace("\\", "\\\\"))
