"""Every command of README.md, and of the README that `cvlib init` writes, is run and answered.

A bash line that has no expectation here fails the test: write one beside it.
"""

import pytest

from tests.docs.documents import README, ROOT, TEMPLATE, commands
from tests.docs.made import Step, small_project

CVLIB = ".venv/bin/cvlib"
BIRDS = "imagefolder:pictures/birds"
EXPECTED = {
    # make's own part is to call the command; what that does is asked below
    "make report": Step(
        says=(f"{CVLIB} render --profile default",), instead=f"make -C {ROOT} --dry-run report"
    ),
    "make test": Step(
        says=(".venv/bin/ruff check .", ".venv/bin/mypy", ".venv/bin/pytest"),
        instead=f"make -C {ROOT} --dry-run test",
    ),
    f"{CVLIB} status": Step(
        says=("exp01", "(default: 8 missing)", "exp09"),
        code=1,  # not all is fresh
    ),
    f"{CVLIB} run exp01 --profile quick": Step(
        says=("training 4 runs", "4 trained; all is fresh"), makes=("experiments/runs-quick",)
    ),
    f"{CVLIB} run exp01": Step(says=("training 8 runs", "8 trained; all is fresh")),
    f"{CVLIB} render exp01 --to html": Step(
        says=("report/exp01.qmd: asked for", "_output/index.html"),
        makes=("_output/report/exp01.html",),
    ),
    f"{CVLIB} render": Step(
        says=("_output/{pdf}", "_output/index.html"),
        makes=("_output/{pdf}", "_output/index.html"),
    ),
    # two that serve pages until they are ended; tests of their own open them in a browser
    f"{CVLIB} preview": Step(says=("--train",), instead=f"{CVLIB} preview --help"),
    "make dashboard EXP=exp02": Step(
        says=(f"{CVLIB} dashboard exp02 --profile default",),
        instead=f"make -C {ROOT} --dry-run dashboard EXP=exp02",
    ),
    f"{CVLIB} dashboard exp02 --export-tags": Step(
        says=("--export-tags",), instead=f"{CVLIB} dashboard --help"
    ),
    f"{CVLIB} check": Step(says=("pages",), code=1),  # a page too few, and more
    f"{CVLIB} reviewed exp01": Step(says=("report/exp01.qmd: 1 marked",)),
    f"{CVLIB} trace tbl-exp01": Step(says=("exp01/base", "cvlib run exp01")),
    f'{CVLIB} init ../my-report --author "Ivan Franko" --dataset {BIRDS}': Step(
        says=(
            "20 images of 2 classes",
            "linked as data/birds",
            "{pdf}",
        ),
        makes=("../my-report/experiments/exp01.yaml", "../my-report/data/birds/owl/0.png"),
    ),
    f"{CVLIB} new exp06": Step(
        says=("experiments/exp06.yaml   12 runs",), makes=("report/exp06.qmd",)
    ),
    f"{CVLIB} new exp07 --from exp01 --dataset {BIRDS}": Step(
        says=("20 images of 2 classes", "experiments/exp07.yaml   8 runs"),
        makes=("experiments/exp07.yaml", "report/exp07.qmd"),
    ),
    f"{CVLIB} new": Step(says=("experiments/exp10.yaml",), makes=("report/exp10.qmd",)),
    f"{CVLIB} data {BIRDS}": Step(says=("2: crow, owl", "32×32", "fingerprint")),
    f"{CVLIB} doctor": Step(says=("ok    Python", "ok    project      4 experiment(s)")),
    f"{CVLIB} weights list": Step(says=("tf_efficientnet_lite0", "package")),
    f"{CVLIB} weights fetch": Step(says=("tf_efficientnet_lite0.in1k  package",)),
    f"{CVLIB} weights pack weights.tar": Step(
        says=("packed tf_efficientnet_lite0",), makes=("weights.tar",)
    ),
    f"{CVLIB} weights unpack weights.tar": Step(
        says=("unpacked data/weights/tf_efficientnet_lite0",), makes=("data/weights",)
    ),
}


# of the project that `cvlib init` makes: its Makefile is another
OF_PROJECT = {
    "make report": Step(says=(f"using {CVLIB}: cvlib-journal ", "_output/{pdf}")),
    "make test": Step(
        says=("ok    library", "_output-quick/{pdf}", "make report trains what is missing"),
        makes=("_output-quick/index.html",),
    ),
    "make check": Step(says=("FAILED", "still to write"), code=2),
    f"{CVLIB} docs": Step(says=("tutorial", "experiment-yaml", "own-dataset")),
    f"{CVLIB} docs tutorial": Step(says=("# Your first experiment in 15 minutes",)),
}


@pytest.mark.parametrize("document", [README, TEMPLATE])
def test_every_command_has_an_expectation(document):
    expected = EXPECTED if document == README else {**EXPECTED, **OF_PROJECT}
    assert [line for line in commands(document) if line not in expected] == []


def test_every_expectation_is_of_a_command_that_is_there():
    assert EXPECTED.keys() - {*commands(README), *commands(TEMPLATE)} == set()
    assert OF_PROJECT.keys() - set(commands(TEMPLATE)) == set()


@pytest.mark.slow
def test_every_command_does_what_it_is_said_to_do(tmp_path):
    project = small_project(tmp_path / "mine")
    for command in dict.fromkeys(commands(README)):
        EXPECTED[command].follow(project, command)


@pytest.mark.slow
def test_every_command_of_a_new_project_does_what_it_is_said_to_do(tmp_path):
    project = small_project(tmp_path / "mine")
    # first the verbs, for which make would train; a new experiment last: it has twelve runs of full size
    order = {f"{CVLIB} new": 2} | {c: 1 for c in commands(TEMPLATE) if c.startswith("make")}
    for command in sorted(dict.fromkeys(commands(TEMPLATE)), key=lambda c: order.get(c, 0)):
        {**EXPECTED, **OF_PROJECT}[command].follow(project, command)
