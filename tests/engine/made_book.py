"""A whole small project: a book with two experiments whose results are made, frozen and true."""

from __future__ import annotations

import shutil
from pathlib import Path

from cvlib.freeze.render import render
from cvlib.project import Project
from tests.journal.made import fill, make_project

EXTENSIONS = Path(__file__).parents[2] / "_extensions"

YML = """\
project:
  type: book
  output-dir: _output
  pre-render: _extensions/journal/hook.lua
  post-render: _extensions/journal/hook.lua
book:
  title: Small
  author: Ada Lovelace
  output-file: small
  chapters:
    - index.qmd
    - part: Journal
      chapters: [report/exp01.qmd, report/exp02.qmd]
    - report/summary.qmd
bibliography: references.bib
jupyter: python3
execute:
  echo: false
  freeze: auto
format:
  html:
    toc: true
    theme: cosmo
  journal-typst: default
"""

YML_QUICK = "project:\n  output-dir: _output-quick\nexecute:\n  freeze: false\n"

CHAPTERS = {
    "index.qmd": """\
# Description

Filters are small [@simonyan2015very].

```{python}
from cvlib.journal import hypotheses
hypotheses().listing()
```
""",
    "report/exp01.qmd": """\
# EXP01

{{< include _setup.qmd >}}

The recipe is AdamW [@loshchilov2019decoupled].

```{python}
#| label: tbl-exp01
#| tbl-cap: "All of it."
exp.table("accuracy", "difference", "seconds")
```

The base reaches `{python} exp.accuracy("base")`.
""",
    "report/_setup.qmd": """\
```{python}
from cvlib.journal import experiment
exp = experiment("exp01").run()
```
""",
    "report/exp02.qmd": """\
# EXP02

```{python}
from cvlib.journal import experiment, hypotheses
import own
exp, h = experiment("exp02"), hypotheses()
own.note("notes.csv")
exp.learning_curves()
```

It is `{python} h["H1"]`.
""",
    "report/own.py": "import own_words\n\n\ndef note(file):\n    return open(file).read() * own_words.SAID\n",
    "report/own_words.py": "SAID = 1  # a word\n",
    "report/notes.csv": "a,b\n",
    "report/summary.qmd": "# Summary\n\nNo code here.\n",
}

EXP02 = """\
title: Seeds
question: How much do seeds matter?
dataset: "imagefolder:pictures"
base:
  model: {depth: 3, width: 12}
  train: {epochs: 6, batch_size: 128}
variants:
  base: {}
  wide: {label: 32 channels, set: {model.width: 32}}
seeds: [0, 1]
"""

HYPOTHESES = """\
# what is claimed, before the runs
H1:
  title: width
  statement: Wider is better.
  experiment: exp02
  claims:
    - {say: wide less base, first: exp02/wide, second: exp02/base}
H2:
  title: depth
  statement: Deeper is better.
  experiment: exp01
  claims:
    - {say: four blocks less three, first: exp01/depth4, second: exp01/base}
H3:
  title: dropout
  statement: Dropout costs accuracy.
  experiment: exp01
  claims:
    - {say: three blocks less dropout, first: exp01/base, second: exp01/dropout}
"""

BIB = """\
A file of references.

@article{simonyan2015very,
  title = {Very Deep Convolutional Networks},
  author = {Simonyan, Karen and Zisserman, Andrew},
  year = {2015}
}

@inproceedings{loshchilov2019decoupled,
  title = {Decoupled Weight Decay Regularization},
  author = {Loshchilov, Ilya},
  year = 2019
}

@book{uncited2000book, title = {A Book}, author = {Nobody}, year = {2000}}
"""


def make_book(root: Path) -> Project:
    """Write the project with its results, and execute its chapters: all are frozen and true."""
    layout = make_project(root)
    files = {
        "_quarto.yml": YML,
        "_quarto-quick.yml": YML_QUICK,
        "references.bib": BIB,
        "README.md": "# A project\n",
        "experiments/exp02.yaml": EXP02,
        "experiments/hypotheses.yaml": HYPOTHESES,
        **CHAPTERS,
    }
    for name, text in files.items():
        (root / name).write_text(text)
    for number in range(24):
        picture = root / "pictures" / ("cat", "dog")[number % 2] / f"{number:02}.png"
        picture.parent.mkdir(parents=True, exist_ok=True)
        picture.write_bytes(bytes([number] * 50))  # never decoded
    shutil.copytree(EXTENSIONS, root / "_extensions")
    fill(layout)
    fill(layout, "exp02")
    freeze_book(layout)
    return layout


def freeze_book(layout: Project) -> None:
    """Execute every chapter that is not frozen and true."""
    render(layout, to="html", engine="embedded", notify=lambda text: None)
    shutil.rmtree(layout.root / "_output")
    layout.forget()
