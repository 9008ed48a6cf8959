"""docs/tutorial.md, followed from top to bottom: commands, edits of files, and what comes of them."""

import re

import pytest

from cvlib.yaml_source import parse_yaml
from tests.docs.documents import blocks
from tests.docs.made import Project, Step, shrink, small_project, with_tools

DOCUMENT = "docs/tutorial.md"
CVLIB = ".venv/bin/cvlib"
NEXT = "cd ../my-report"
EXPECTED = {
    "make setup": Step(says=("uv pip install",), instead="make --dry-run --always-make setup"),
    f'{CVLIB} init ../my-report --author "Ivan Franko" --title "Reading digits"': Step(
        says=("{pdf}",), makes=("../my-report/_quarto.yml",)
    ),
    f"{CVLIB} status": Step(says=("exp01", "(default: 8 missing)"), code=1),
    f"{CVLIB} render --profile quick": Step(
        says=("training 4 runs",),
        makes=(
            "_output-quick/{pdf}",
            "_output-quick/index.html",
        ),
    ),
    f'{CVLIB} new exp02 --title "Filter size"': Step(
        makes=("experiments/exp02.yaml", "report/exp02.qmd")
    ),
    f"{CVLIB} status exp02": Step(says=("base ", "kernel-5 ", "kernel-7 ", "6 missing"), code=1),
    f"{CVLIB} run exp02": Step(says=("training 6 runs", "6 trained; all is fresh")),
    f"{CVLIB} render exp02 --to html": Step(
        # base and its seeds are in the store already
        says=("training 6 runs", "report/exp02.qmd: asked for"),
        makes=("_output/report/exp02.html",),
    ),
    f"{CVLIB} reviewed exp02": Step(says=("report/exp02.qmd: 1 marked",)),
    "make report": Step(
        says=(
            "index.qmd: the list of hypotheses changed",
            "report/summary.qmd: the list of hypotheses changed",
            "_output/{pdf}",
        ),
        makes=("_output/{pdf}",),
    ),
}


def steps():
    """(language, text) of each command line and each other block, in order."""
    found = [b for language in ("bash", "yaml", "markdown") for b in blocks(DOCUMENT, language)]
    for block in sorted(found, key=lambda block: block.line):
        texts = block.text.splitlines() if block.language == "bash" else [block.text]
        yield from ((block.language, text) for text in texts)


def test_every_command_has_an_expectation():
    lines = [text for language, text in steps() if language == "bash"]
    assert [line for line in lines if line not in EXPECTED and line != NEXT] == []
    assert EXPECTED.keys() - set(lines) == set()


def lay_over(path, block):
    """Put the keys of a block of YAML into a file, as a person would."""
    text, data = path.read_text(), parse_yaml(block, "block").data
    for key in data:
        written = re.search(rf"^{key}:(.*?)(?=^\w|\Z)", block, re.MULTILINE | re.DOTALL)
        given = re.compile(rf"^{key}:.*?(?=^\w|\Z)", re.MULTILINE | re.DOTALL)
        if given.search(text):
            text = given.sub(lambda match, new=written[0]: f"{new}\n", text)
        else:
            text += f"\n{written[0]}"
    assert {**parse_yaml(text, path.name).data, **data} == parse_yaml(text, path.name).data
    path.write_text(text)


def interpret(chapter, text):
    """Put a text into the chapter's block of interpretation."""
    before, opening, after = chapter.read_text().partition('::: {.interpretation reviewed=""}\n')
    chapter.write_text(before + opening + text + after[after.index(":::\n") :])


@pytest.mark.slow
def test_the_tutorial_works_from_top_to_bottom(tmp_path):
    project = small_project(tmp_path / "clone")
    for language, text in steps():
        if text == NEXT:
            project = Project(tmp_path / "my-report", project.pdf)
            with_tools(project.root)
            shrink(project.root / "experiments/exp01.yaml")
        elif language == "bash":
            EXPECTED[text].follow(project, text)
            if "new exp02" in text:
                shrink(project.root / "experiments/exp02.yaml")
        elif language == "yaml":
            name = "hypotheses" if text.startswith("H") else "exp02"
            lay_over(project.root / f"experiments/{name}.yaml", text)
        else:
            interpret(project.root / "report/exp02.qmd", text)
    again = project.run("make report")
    assert "executed" not in again.stdout and "training" not in again.stdout
    page = (project.root / "_output/report/exp02.html").read_text()
    assert (
        "Larger filters gain nothing that three seeds could show." in page
        and "To write: what table" not in page
    )
    summary = (project.root / "_output/report/summary.html").read_text()
    assert "5×5 less 3×3" in summary
