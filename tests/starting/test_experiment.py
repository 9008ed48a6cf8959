"""`cvlib new`, called as a function: no process, nothing trained."""

import pytest
import yaml

from cvlib.project import Project, ProjectError
from cvlib.starting import StartError
from cvlib.starting.experiment import new_experiment, with_chapter
from cvlib.yaml_source import SpecError
from tests.starting.made import pictures

BOOK = """\
project: {type: book}
book:
  title: T
  author: Ivan Franko
  chapters:
    - index.qmd      # the Description
    - part: Experiment Journal
      chapters:
        - report/exp01.qmd
    - report/summary.qmd
"""
EXPERIMENT = """\
# EXP01, digits: `cvlib run exp01`, not exp02.
title: "Digits"      # in exp01
question: >-
  Do wider networks
  read digits better?
dataset: {name: fashion_mnist, subset: 400}
base:
  model: {depth: 2, width: 4}   # small
  train: {epochs: 2}
variants:
  base: {}
  wide: {label: "#1: wide", factor: width, set: {model.width: 8}}
profiles:
  quick: {seeds: [0], set: {train.epochs: 1}}
  full: {set: {dataset: cifar10, dataset.subset: none}}
"""


@pytest.fixture
def project(tmp_path):
    root = tmp_path / "project"
    for folder in ("experiments", "report", "data"):
        (root / folder).mkdir(parents=True)
    (root / "_quarto.yml").write_text(BOOK)
    (root / "experiments/exp01.yaml").write_text(EXPERIMENT)
    (root / "report/exp01.qmd").write_text("# EXP01\n")
    return Project(root)


def files(project):
    return {p: p.read_bytes() for p in sorted(project.root.rglob("*")) if p.is_file()}


def yaml_of(project, name):
    return (project.experiments / f"{name}.yaml").read_text()


def test_three_files_say_that_there_is_one_more_experiment(project):
    before = files(project)
    made = new_experiment(project, None, title="Deeper networks")
    assert (made.name, made.runs) == ("exp02", 12)
    new = sorted(p.name for p in files(project).keys() - before.keys())
    assert new == ["exp02.qmd", "exp02.yaml"]
    assert "        - report/exp02.qmd\n" in (project.root / "_quarto.yml").read_text()
    assert Project(project.root).experiment("exp02").title == "Deeper networks"
    chapter = (project.root / "report/exp02.qmd").read_text()
    assert chapter.startswith("# EXP02: Deeper networks {#sec-exp02}\n")
    assert '::: {.interpretation reviewed=""}' in chapter


def test_the_template_is_on_the_projects_own_dataset_in_every_profile(project):
    new_experiment(project, "exp02")
    for profile in ("default", "quick", "full"):
        experiment = Project(project.root, profile).experiment("exp02")
        assert {v.spec.dataset.name for v in experiment.variants} == {"fashion_mnist"}


def test_without_any_experiment_the_template_is_on_the_digits(project):
    (project.experiments / "exp01.yaml").unlink()
    (project.root / "report/exp01.qmd").unlink()
    assert new_experiment(project, None).name == "exp01"
    assert Project(project.root).experiment("exp01").variants[0].spec.dataset.name == "digits"


def test_a_copy_keeps_everything_but_id_title_and_question(project):
    new_experiment(project, "exp03", original="exp01", title='A "quoted" title: # yes')
    before, after = EXPERIMENT.splitlines(), yaml_of(project, "exp03").splitlines()
    assert [line for line in after if line not in before] == [
        "# EXP03, digits: `cvlib run exp03`, not exp02.",
        'title: "A \\"quoted\\" title: # yes" # in exp03',
        "  To write: what this experiment is to find out, in one or two sentences.",
    ]
    old, new = Project(project.root).experiment("exp01"), Project(project.root).experiment("exp03")
    assert [v.spec for v in new.variants] == [v.spec for v in old.variants]  # and so the same runs
    assert new.title == 'A "quoted" title: # yes' and new.question.startswith("To write:")


def test_a_copy_on_another_dataset_is_on_it_in_every_profile(project):
    new_experiment(project, "exp02", original="exp01", dataset="digits")
    for profile in ("default", "quick", "full"):
        experiment = Project(project.root, profile).experiment("exp02")
        assert {v.spec.dataset.name for v in experiment.variants} == {"digits"}
    assert Project(project.root).experiment("exp02").variants[0].spec.dataset.subset == 400


def test_pictures_elsewhere_are_linked_so_that_no_machines_path_is_committed(project, tmp_path):
    folder = pictures(tmp_path / "elsewhere" / "birds", sizes=(40, 90))
    made = new_experiment(project, None, original="exp01", dataset=f"imagefolder:{folder}")
    assert "6 images of 2 classes" in made.data
    assert (project.data / "birds").resolve() == folder
    assert str(tmp_path) not in yaml_of(project, "exp02")
    spec = Project(project.root).experiment("exp02").variants[0].spec.dataset
    # pictures of several sizes get one: the shortest side, up to 64
    assert (spec.name, spec.image_size) == ("imagefolder:data/birds", 40)
    again = new_experiment(project, None, dataset=f"imagefolder:{folder}")  # the link is there
    spec = Project(project.root).experiment(again.name).variants[0].spec.dataset
    assert (spec.name, spec.image_size) == ("imagefolder:data/birds", 40)


def test_pictures_in_the_project_are_named_from_its_root(project, monkeypatch):
    pictures(project.root / "my birds" / "all", sizes=(300, 80))
    monkeypatch.chdir(project.root / "my birds")
    for given in ("imagefolder:all", "imagefolder:my birds/all"):
        made = new_experiment(project, None, dataset=given)
        spec = Project(project.root).experiment(made.name).variants[0].spec.dataset
        assert (spec.name, spec.image_size) == ("imagefolder:my birds/all", 64)
    assert list(project.data.iterdir()) == []


@pytest.mark.parametrize("name", ["exp1", "exp_01", "six", "EXP02", "../exp02", ""])
def test_a_name_that_is_none_is_answered_with_the_next_free_one(project, name):
    if name:
        with pytest.raises(StartError, match="the next free one is exp02"):
            new_experiment(project, name)
    else:
        assert new_experiment(project, name).name == "exp02"


@pytest.mark.parametrize("name", ["exp01", "exp05"])
def test_what_exists_is_not_overwritten(project, name):
    (project.root / "report/exp05.qmd").write_text("mine\n")
    before = files(project)
    with pytest.raises(
        StartError, match=r"exists and is left as it is; the next free name is exp06"
    ):
        new_experiment(project, name)
    assert files(project) == before


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"original": "exp1"}, ProjectError, "did you mean 'exp01'"),
        ({"dataset": "fashion_mnits"}, StartError, "did you mean fashion_mnist"),
        ({"dataset": "imagefolder:nowhere"}, StartError, "there is no"),
        ({"dataset": "imagefolder:nowhere/*.png"}, StartError, "name the folder"),
        ({"title": "  "}, StartError, "leave --title out"),
    ],
)
def test_a_wrong_option_changes_nothing(project, options, error, says):
    before = files(project)
    with pytest.raises(error, match=says):
        new_experiment(project, None, **options)
    assert files(project) == before


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("depth: 2", "dpeth: 2", r"exp01.yaml:8: unknown key 'dpeth'.*did you mean 'depth'"),
        ("dataset:", "datasets:", r"exp01.yaml:6: unknown key 'datasets'"),
    ],
)
def test_an_original_that_is_broken_is_reported_and_not_copied(project, old, new, says):
    (project.experiments / "exp01.yaml").write_text(EXPERIMENT.replace(old, new))
    before = files(project)
    with pytest.raises(SpecError, match=says):
        new_experiment(project, None, original="exp01", dataset="digits")
    assert files(project) == before


def test_an_original_that_cannot_be_edited_is_named_and_not_copied(project, monkeypatch):
    # a round trip that reads something else than what was asked for
    monkeypatch.setattr("cvlib.starting.yaml_edit._dumped", lambda data, indent: ["title: other"])
    before = files(project)
    with pytest.raises(StartError, match=r"^experiments/exp01.yaml: .* edit it by hand"):
        new_experiment(project, None, original="exp01")
    assert files(project) == before


def test_a_text_that_stands_in_two_places_by_reference_changes_in_one(project):
    text = EXPERIMENT.replace('title: "Digits"', "title: &t Digits").replace(
        "question: >-\n  Do wider networks\n  read digits better?", "question: *t"
    )
    (project.experiments / "exp01.yaml").write_text(text)
    new_experiment(project, None, original="exp01", title="Other")
    made = Project(project.root).experiment("exp02")
    assert made.title == "Other" and made.question.startswith("To write:")


@pytest.mark.parametrize("error", [StartError, KeyboardInterrupt])
def test_when_the_last_step_fails_nothing_of_the_others_is_left(
    project, tmp_path, monkeypatch, error
):
    folder = pictures(tmp_path / "birds")
    before = files(project)

    def fails(*_):
        raise error("no")

    monkeypatch.setattr("cvlib.starting.experiment.with_chapter", fails)
    with pytest.raises(error):
        new_experiment(project, None, dataset=f"imagefolder:{folder}")
    assert files(project) == before and list(project.data.iterdir()) == []


def test_another_thing_of_the_links_name_is_left_alone(project, tmp_path):
    folder = pictures(tmp_path / "birds")
    (project.data / "birds").mkdir()
    with pytest.raises(StartError, match="data/birds is there already and is not"):
        new_experiment(project, None, dataset=f"imagefolder:{folder}")
    assert not (project.experiments / "exp02.yaml").exists()


def test_windows_line_ends_of_the_book_stay(project):
    book = project.root / "_quarto.yml"
    book.write_bytes(BOOK.replace("\n", "\r\n").encode())
    new_experiment(project, None)
    assert b"- report/exp02.qmd\r\n" in book.read_bytes()
    assert book.read_bytes().count(b"\n") == book.read_bytes().count(b"\r\n")
    assert yaml.safe_load(book.read_text())["book"]["title"] == "T"


HEAD = "project: {type: book}\nbook:\n  title: T\n  chapters:\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (  # the journal's part, though it is not the last
            "    - index.qmd\n    - part: J\n      chapters:\n        - report/exp01.qmd\n"
            "    - part: More\n      chapters: [report/notes.qmd]\n",
            "    - index.qmd\n    - part: J\n      chapters:\n        - report/exp01.qmd\n"
            "        - report/exp09.qmd\n    - part: More\n      chapters: [report/notes.qmd]\n",
        ),
        (  # the last part, where none holds an experiment
            "    - index.qmd\n    - part: A\n      chapters: [a.qmd]\n    - s.qmd\n",
            "    - index.qmd\n    - part: A\n      chapters: [a.qmd, report/exp09.qmd]\n    - s.qmd\n",
        ),
        (  # behind the last experiment
            "    - index.qmd\n    - report/exp01.qmd\n    - report/summary.qmd\n",
            "    - index.qmd\n    - report/exp01.qmd\n    - report/exp09.qmd\n"
            "    - report/summary.qmd\n",
        ),
        (  # before the summary
            "    - index.qmd\n    - report/summary.qmd\n",
            "    - index.qmd\n    - report/exp09.qmd\n    - report/summary.qmd\n",
        ),
        ("    - index.qmd\n", "    - index.qmd\n    - report/exp09.qmd\n"),
    ],
)
def test_a_chapter_goes_behind_the_last_of_the_journal(before, after):
    tail = "# the end\n"
    assert with_chapter(HEAD + before + tail, "report/exp09.qmd") == HEAD + after + tail


def test_the_shipped_book_gets_one_line_more_and_no_other_change(request):
    before = (request.config.rootpath / "_quarto.yml").read_text().splitlines()
    after = with_chapter("\n".join(before), "report/exp99.qmd").splitlines()
    assert [line for line in after if line not in before] == ["        - report/exp99.qmd"]
    assert [line for line in after if "exp99" not in line] == before


@pytest.mark.parametrize("text", ["book: {title: T}\n", "project: {type: website}\n"])
def test_a_book_without_chapters_is_refused(text):
    with pytest.raises(StartError, match="lists no chapters"):
        with_chapter(text, "report/exp09.qmd")


def test_a_list_that_cannot_be_edited_is_left_with_advice(monkeypatch):
    monkeypatch.setattr("cvlib.starting.yaml_edit._dumped", lambda data, indent: ["a: 1"])
    with pytest.raises(StartError, match=r"by hand: add `- report/exp09.qmd` to its chapters"):
        with_chapter(HEAD + "    - index.qmd\n", "report/exp09.qmd")
