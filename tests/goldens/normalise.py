"""What of the goldens depends on the machine, the hour or the code's own layout, and is masked.

Always: absolute paths. In the project that is trained here, too: durations and speeds, versions,
processor, and digests over files that hold times. In the shipped report nothing else: its numbers,
times, commits and versions are read from the committed store, and must stay as they are.

Only while the code is not the one that made the committed runs: the marks of runs that are stale
by code. A run lists the modules that it imported by name and digest, so moving a function into
another file makes every run stale by code, without changing a number of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

Text = Callable[[str], str]
ENVIRONMENT = "environment.txt"
CODE_CUE = '"cue": "code"'  # in what `status --json` says

_TIMED = (
    # trace, of each run
    (r'"seconds": [\d.e-]+', '"seconds": <seconds>'),
    (r"  \d[\d.]* (?:ms|s|min|h) +(?=commit|fresh|stale|\n)", "  <seconds>  "),
    # check: whether runs of equal work took equally long
    (r'  \{\n   "verdict": [^}]*"check": "times"\n  \},?\n', ""),
    # the sentence below the table of provenance, and how long all trainings took
    (r"Trained on .+?\. Data:", "Trained on <machine and versions>. Data:"),
    (r"Digest of the (\d+) runs: [0-9a-f]{16}", r"Digest of the \1 runs: <digest>"),
)
_TRAINING_IN_ALL = (
    (r"(td: EXP\d+\ntd: .*\ntd: \d+\ntd: ).*", r"\1<seconds>"),
    (r"(\| EXP\d+ +\| [^|]+ \| +\d+ \|)[^|]+\|", r"\1 <seconds> |"),
    (r"(\[EXP\d+\], \[[^\]]+\], \[\d+\], )\[[^\]]+\]", r"\1[<seconds>]"),
)


class Masks:
    """Replaces what no golden may hold. paths: absolute path -> what stands for it."""

    def __init__(self, paths: Mapping[str, str], timed: bool) -> None:
        self.paths = paths
        self.timed = timed

    def apply(self, text: str) -> str:
        for path, name in sorted(self.paths.items(), key=lambda one: -len(one[0])):
            text = text.replace(path, name)
        for pattern, masked in (*_TIMED, *_TRAINING_IN_ALL) if self.timed else ():
            text = re.sub(pattern, masked, text)
        return text


def as_it_is(text: str) -> str:
    """Nothing more to mask."""
    return text


def without_stale_marks(expected: Mapping[str, str], made: Mapping[str, str]) -> Text:
    """For the shipped report: what to do to both sides before they are compared.

    Nothing, while its runs are fresh. Where they are stale by code, the marks of that go, and what
    follows from there being marks: padding of tables, lengths of pages, the digests of figures.
    """
    stale = CODE_CUE in made.get("status.json", "")
    return _without_code_marks if stale else as_it_is


# The callout in markdown: in a cell that shows code, too, and in one that shows nothing else.
_CALLOUT = (
    r"::: \{\.cell-output [^\n]*\}\n"
    r'::: \{\.callout-warning title="Stale results"\}\n(?:(?!:::).*\n)*:::\n:::\n'
)
_CODE_MARKS = (
    # status and trace
    (
        r'"state": "stale",\n( +)"cue": "code",\n +"reason": "[^"]*"',
        r'"state": "fresh",\n\1"cue": null,\n\1"reason": ""',
    ),
    (r'^ "(fresh|ok)": (true|false)', r' "\1": <by the runs>'),
    (r'"state": "stale by code",\n( +)"reason": "[^"]*"', r'"state": "fresh",\n\1"reason": ""'),
    (r"stale by code(?: \(.*\))?$", "fresh"),
    (r"--- exit code [01]$", "--- exit code <by the runs>"),
    # findings of the check: of stale runs, and of the room that their marks take
    (r'  \{\n   "verdict": "\w+",\n   "says": "[^"]*stale by code[^}]*\},?\n', ""),
    (r'  \{\n   "verdict": [^}]*"check": "(?:pages|lengths)"\n  \},?\n', ""),
    (r"\d+ of (\d+) runs fresh", r"<some> of \1 runs fresh"),
    (r"\d+ fonts", "<number of> fonts"),
    # the callout at the top of a chapter, in markdown, on the page and in the PDF's source
    (r"::: \{\.cell execution_count=\d+\}\n+" + _CALLOUT + r":::\n", ""),
    (_CALLOUT, ""),
    (
        r"(?:div\.cell\n)?(?:div\.cell-output.*\n)?(?:div|aside).*callout-warning.*\n(?:.*\n)*?.*trains them again.*\n",
        "",
    ),
    (r"#block\[\n#callout\((?:.*\n){1,9}?.*Stale results(?:.*\n){1,3}?\]\n", ""),
    # notes below tables, values, the table of provenance
    (r" (?:#super\[†\]|\^†\^|\\?†) Stale: [^\n]*?code changed since: [\w., ]*\.", ""),
    (r"#super\[†\]|\^†\^|\\?†", ""),
    (r"(?:\d+ fresh, )?\d+ (?:stale|fresh)\b", "<runs> fresh"),
    (r"changed for \d+ runs", "unchanged"),
    (r"columns: \([\d.]+%.*", "columns: <by the text>"),
    (r"^(\S+\.svg) .*", r"\1 <digest>"),
    # the padding of pipe tables, and lines that are left empty
    (r"(?<=\|) +| +(?=\|)", ""),
    (r"(?<=\|):?-+:?(?=\|)", "-"),
    (r"execution_count=\d+", "execution_count=N"),
    (r"\n\n+", "\n"),
)


def _without_code_marks(text: str) -> str:
    for pattern, masked in _CODE_MARKS:
        text = re.sub(pattern, masked, text, flags=re.MULTILINE)
    return text


def without_numbers_elsewhere(expected: Mapping[str, str], made: Mapping[str, str]) -> Text:
    """For the project that is trained here: numbers count only where they can be the same.

    Other kernels or another version of torch end a training with other last bits, and four epochs
    on 300 images with other accuracies.
    """
    if expected.get(ENVIRONMENT, made[ENVIRONMENT]) == made[ENVIRONMENT]:
        return as_it_is
    return lambda text: re.sub(r"[-+−]?\d+(?:[.,]\d+)*|[0-9a-f]{10,}", "#", text)
