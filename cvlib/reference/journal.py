"""The page on what a chapter can call, made from the functions themselves; its examples are run.

A function's example is the last line of its docstring, `Example: exp01.accuracy("convs-2")`. It is run on
the experiments of this repository, whose results must be in the store.
"""

from __future__ import annotations

import inspect
import io
import re
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from cvlib.journal import ExperimentHandle, Hypotheses, provenance_table, reads
from cvlib.journal.handle import marked
from cvlib.journal.hypotheses import JudgedHypothesis

PICTURES = "journal"  # folder of the examples' figures, beside the page
DPI = 60
_OUTPUT = re.compile(r"<!-- output -->\n.*?<!-- end of output -->\n", re.DOTALL)
_KINDS = {  # heading -> what the functions below it return
    "Figures": ("ReportFigure", "GalleryPage"),
    "Tables": ("Markdown", "Comparisons"),
    "Data to go on with": ("pd.DataFrame", "Predictions"),
    "Values in a sentence": (),  # all others
}
INTRODUCTION = """\
<!-- made by `python -m cvlib.reference` from the functions themselves; do not edit -->

# What a chapter can call

```python
from cvlib.journal import experiment, hypotheses, mistakes, provenance_table, reads

exp01 = experiment("exp01").run()  # trains what is missing; without `.run()` it only reads
exp02, exp03, exp04 = (experiment(f"exp0{n}") for n in (2, 3, 4))
found = mistakes(exp01["convs-2"], exp02["last-two"], exp04["lite0-160"])
h = hypotheses()
```

A cell ends with a table or figure; a value stands in a sentence, see [numbers in the text](../how-to/values.md). `variant`
is a name, or one of another experiment: `exp02["probe"]`. `width` of a figure is a share of the text's width, `height` is
in inches. In a notebook `exp01.` and Tab lists all of this, and
`exp01.heat_map?` explains one. The examples below are run on the experiments of this repository. A † marks what was
computed from runs whose code or environment changed since.
"""


class FunctionEntry(NamedTuple):
    """One thing that a chapter can ask for. call: as it is written, with arguments and defaults."""

    call: str
    documented: str
    returned: str

    @property
    def example(self) -> str:
        """The code of its example; itself where it takes no arguments."""
        return self.documented.partition("\n\nExample: ")[2] or self.call


def journal_page(folder: Path | None) -> str:
    """The page as Markdown. folder: for the examples' figures, which are run; None: no outputs."""
    show = _Examples(folder).show if folder else lambda _: ""
    of_experiment = _functions("exp", marked("experiment"))
    of_mistakes = _functions("found", marked("mistakes"))
    lines = [INTRODUCTION, "## An experiment\n", *_facts(), ""]
    for title, entries in (("An experiment", of_experiment), ("Mistakes", of_mistakes)):
        for kind in _KINDS:
            if chosen := [entry for entry in entries if _kind(entry) == kind]:
                lines += [f"## {title}: {kind[0].lower()}{kind[1:]}\n"]
                lines += [_section(entry, show) for entry in chosen]
    lines += ["## Hypotheses, and the whole report\n"]
    lines += [_section(entry, show) for entry in _others()]
    return "\n".join(lines)


def without_outputs(page: str) -> str:
    """A page as it would be if its examples had not been run."""
    return _OUTPUT.sub("", page)


def _functions(subject: str, names: dict[str, str]) -> list[FunctionEntry]:
    functions = [getattr(import_module(module), name) for name, module in names.items()]
    return [_entry(f"{subject}.{one.__name__}", one, skip=1) for one in functions]


def _entry(name: str, function: Callable[..., Any], skip: int = 0) -> FunctionEntry:
    signature = inspect.signature(function)
    given = list(signature.parameters.values())[skip:]
    plain = [one.replace(annotation=inspect.Parameter.empty) for one in given]
    call = name + str(inspect.Signature(plain))
    return FunctionEntry(call, inspect.getdoc(function) or "", str(signature.return_annotation))


def _others() -> list[FunctionEntry]:
    ask = (Hypotheses.listing, Hypotheses.table, Hypotheses.changes, Hypotheses.count)
    return [
        *(_entry(f"h.{function.__name__}", function, 1) for function in ask),
        _entry("h[…].effect", JudgedHypothesis.effect, 1),
        FunctionEntry('h["H5"]', inspect.getdoc(JudgedHypothesis) or "", "Quantity"),
        _entry("provenance_table", provenance_table),
        _entry("reads", reads),
    ]


def _facts() -> Iterator[str]:
    """A table of the attributes of an experiment."""
    yield "| asked | what it is |\n|:--|:--|"
    for name, member in vars(ExperimentHandle).items():
        if isinstance(member, property) and name != "results":
            yield f"| `exp.{name}` | {' '.join((member.__doc__ or '').split())} |"
    yield f"| `exp[name]` | {inspect.getdoc(ExperimentHandle.__getitem__)} |"


def _kind(entry: FunctionEntry) -> str:
    kinds = (kind for kind, types in _KINDS.items() if entry.returned in types)
    return next(kinds, "Values in a sentence")


def _section(entry: FunctionEntry, show: Callable[[FunctionEntry], str]) -> str:
    name = entry.call.partition("(")[0]
    explained = entry.documented.partition("\n\nExample: ")[0]
    code = entry.call if entry.example == entry.call else f"{entry.call}\n\n{entry.example}"
    return f"### `{name}`\n\n{explained}\n\n```python\n{code}\n```\n\n{show(entry)}"


class _Examples:
    """Runs examples, one after the other. folder: for pictures; those of earlier pages go."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / PICTURES
        self.folder.mkdir(parents=True, exist_ok=True)
        for old in self.folder.glob("*.png"):
            old.unlink()
        self.names: dict[str, Any] = {}
        code = INTRODUCTION.partition("```python\n")[2].partition("```")[0].replace(".run()", "")
        exec(code, self.names)

    def show(self, entry: FunctionEntry) -> str:
        """The output of an entry's example, between marks."""
        shown = eval(entry.example, self.names)
        return f"<!-- output -->\n{self._text(entry, shown)}\n\n<!-- end of output -->\n"

    def _text(self, entry: FunctionEntry, shown: Any) -> str:
        name = entry.call.partition("(")[0].rpartition(".")[2]
        if shown is None:
            return "Nothing is shown."
        if entry.returned == "ReportFigure":
            picture = self.folder / f"{name}.png"
            picture.write_bytes(_small_png(shown))
            return f"![{entry.example}]({PICTURES}/{picture.name})"
        if entry.returned in ("Markdown", "Comparisons"):
            return str(shown)
        if entry.returned == "GalleryPage":
            return "On the web page, pictures that open with all that is known of each."
        return f"```\n{shown}\n```"


def _small_png(figure: Any) -> bytes:
    from PIL import Image

    picture = Image.open(io.BytesIO(figure.drawn("png")))
    size = figure.get_size_inches() * DPI * 1.5
    small = picture.convert("RGB").resize(
        tuple(round(side) for side in size), Image.Resampling.LANCZOS
    )
    file = io.BytesIO()
    small.quantize(64).save(file, "PNG", optimize=True)
    return file.getvalue()
