"""`cvlib init`, called as a function; tests/docs renders projects that it made."""

import re
import subprocess
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from cvlib.data.arrays import DataError
from cvlib.data.load import load
from cvlib.engine.book import load_book
from cvlib.engine.tree import as_read
from cvlib.project import Project
from cvlib.settings import expected_pdf_name, load_settings
from cvlib.starting import StartError
from cvlib.starting import project as module
from cvlib.starting.project import new_project
from tests.starting.made import pictures

ME = "Ivan Franko"
FILES = """\
.github/workflows/report.yml
.gitignore
Makefile
README.md
_quarto-full.yml
_quarto-quick.yml
_quarto.yml
constraints.txt
data/README.md
experiments/exp01.yaml
experiments/hypotheses.yaml
index.qmd
references.bib
report/exp01.qmd
report/summary.qmd
requirements.txt
""".split()  # noqa: SIM905


def files(root):
    return sorted(p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file())


def test_a_project_is_small_and_holds_no_library(tmp_path):
    root = new_project(tmp_path / "mine", ME).root
    look = [f for f in files(root) if f.startswith("_extensions/journal/")]
    (wheel,) = (root / "vendor").iterdir()
    assert files(root) == sorted([*FILES, *look, f"vendor/{wheel.name}"])
    assert not any(path.is_symlink() for path in root.rglob("*"))
    assert sum(path.stat().st_size for path in root.rglob("*") if path.is_file()) < 1_500_000


def test_look_versions_and_profiles_are_those_of_the_library(tmp_path, request):
    here, root = request.config.rootpath, new_project(tmp_path / "mine", ME).root
    look = [f"_extensions/journal/{p.name}" for p in (here / "_extensions/journal").iterdir()]
    same = [*look, "constraints.txt", "_quarto-quick.yml", "_quarto-full.yml", "data/README.md"]
    for name in [*same, ".gitignore"]:
        assert (root / name).read_bytes() == (here / name).read_bytes(), name


def test_nothing_of_the_shipped_study_is_in_it(tmp_path):
    root = new_project(tmp_path / "mine", ME).root
    for name in FILES:
        if name not in ("data/README.md", "constraints.txt"):
            assert "Fashion" not in (root / name).read_text(), name


def test_no_file_asks_an_index_for_the_library(tmp_path, request):
    here, root = request.config.rootpath, new_project(tmp_path / "mine", ME).root
    required = [x for x in (root / "requirements.txt").read_text().splitlines() if x[0] != "#"]
    (wheel,) = (root / "vendor").iterdir()
    assert required == [f"./vendor/{wheel.name}"]
    texts = [root / "Makefile", root / "README.md", here / "Makefile", here / "README.md"]
    for path in [*texts, *(here / "docs").rglob("*.md"), *(here / "cvlib").rglob("*.py")]:
        asked = re.findall(r"(?:pip|pipx|tool|uv) (?:install|add) .*", path.read_text())
        assert not [line for line in asked if re.search(r"[ '\"]cvlib(-journal)?\b", line)], path
    pins = (root / "constraints.txt").read_text().splitlines()
    assert not [pin for pin in pins if pin.startswith("cvlib")]


def test_title_author_course_and_module_are_where_they_are_needed(tmp_path):
    given = {"title": 'Birds: "all"', "course": "Vision 2026", "module": "3b"}
    made = new_project(tmp_path / "mine", "Lesya Ukrainka", **given)
    book = load_book(made.root)
    assert (as_read(book.title), book.names) == ('Birds: "all"', ("Lesya Ukrainka",))
    assert book.subtitle == "Vision 2026, module 3b"
    assert made.pdf == f"{book.output_file}.pdf"
    settings = load_settings(made.root)
    assert (settings.course, settings.module) == ("Vision 2026", "3b")
    assert made.pdf == expected_pdf_name(settings, "Lesya Ukrainka")
    assert [c.file for c in book.chapters] == [
        "index.qmd",
        "report/exp01.qmd",
        "report/summary.qmd",
    ]
    assert (made.root / "README.md").read_text().startswith('# Birds: "all"\n')


def test_all_other_settings_of_the_book_and_its_comments_are_those_shipped(tmp_path, request):
    here, there = request.config.rootpath, new_project(tmp_path / "mine", ME).root
    before = yaml.safe_load((here / "_quarto.yml").read_text())
    after = yaml.safe_load((there / "_quarto.yml").read_text())
    for data in (before, after):
        for key in ("title", "subtitle", "author", "output-file", "chapters"):
            data["book"].pop(key)
    assert before == after
    comments = [
        line for line in (here / "_quarto.yml").read_text().splitlines() if line.startswith("#")
    ]
    assert comments and set(comments) <= set((there / "_quarto.yml").read_text().splitlines())


def test_the_first_experiment_and_the_hypotheses_can_be_read_in_every_profile(tmp_path):
    root = new_project(tmp_path / "mine", ME).root
    for profile in ("default", "quick", "full"):
        project = Project(root, profile)
        experiment = project.experiment("exp01")
        assert {v.spec.dataset.name for v in experiment.variants} == {"digits"}
        names = {f"exp01/{v.name}" for v in experiment.variants}
        assert all(set(claim.names()) <= names for h in project.hypotheses() for claim in h.claims)


def test_pictures_are_linked_and_the_project_can_be_moved(tmp_path, monkeypatch):
    pictures(tmp_path / "birds", sizes=(20, 30), each=10)
    monkeypatch.chdir(tmp_path)
    made = new_project(tmp_path / "mine", ME, "imagefolder:birds")
    spec = Project(made.root).experiment("exp01").variants[0].spec.dataset
    assert (spec.name, spec.image_size) == ("imagefolder:data/birds", 20)
    written = [p for p in made.root.rglob("*") if p.is_file() and p.suffix != ".py"]
    assert not [p for p in written if str(tmp_path).encode() in p.read_bytes()]
    before = load(spec, made.root / "data").fingerprint
    made.root.rename(tmp_path / "elsewhere")
    assert load(spec, tmp_path / "elsewhere" / "data").fingerprint == before


@pytest.mark.parametrize("is_file", [False, True])
def test_parquet_is_linked_as_it_is(tmp_path, is_file):
    folder = pictures(tmp_path / "birds", each=10)
    rows = [
        (p.read_bytes(), n) for n, c in enumerate(("crow", "owl")) for p in (folder / c).iterdir()
    ]
    images = [{"bytes": content, "path": None} for content, _ in rows]
    table = pa.table({"image": images, "label": [label for _, label in rows]})
    (tmp_path / "hub").mkdir()
    pq.write_table(table, tmp_path / "hub/train-0.parquet")
    given = tmp_path / ("hub/train-0.parquet" if is_file else "hub")
    made = new_project(tmp_path / "mine", ME, f"parquet:{given}")
    spec = Project(made.root).experiment("exp01").variants[0].spec.dataset
    assert spec.name == f"parquet:data/{given.name}"
    assert len(load(spec, made.root / "data").class_names) == 2


def test_a_folder_that_cvlib_keeps_for_itself_is_linked_under_another_name(tmp_path):
    pictures(tmp_path / "weights")
    made = new_project(tmp_path / "mine", ME, f"imagefolder:{tmp_path / 'weights'}")
    assert made.data.name == "imagefolder:data/weights-pictures"


def test_an_empty_folder_is_filled_where_it_is(tmp_path, monkeypatch):
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path / "mine")
    new_project(Path(), ME)
    assert (tmp_path / "mine/_quarto.yml").exists()
    assert [p.name for p in (tmp_path / "mine").iterdir() if p.name.startswith(".cvlib")] == []


WRONG = [
    ({"dataset": "imagefolder:PLACE/nowhere"}, StartError, "there is no"),
    ({"dataset": "imagefolder:PLACE/one"}, DataError, "only one class"),
    ({"dataset": "imagefolder:PLACE/empty"}, DataError, "no image"),
    ({"dataset": "imagenet"}, StartError, "unknown dataset 'imagenet'"),
    ({"author": "Ivan"}, StartError, "expected a first and a last name"),
    ({"author": "Іван Франко"}, StartError, "give it in Latin letters"),
    ({"folder": "full"}, StartError, "is not empty"),
    ({"folder": "file"}, StartError, "is no folder"),
    ({"folder": "a/b"}, StartError, "mkdir -p"),
]


@pytest.mark.parametrize("is_there", [False, True])
@pytest.mark.parametrize(("given", "error", "says"), WRONG)
def test_an_error_leaves_nothing_behind(tmp_path, given, error, says, is_there):
    pictures(tmp_path / "one", classes=("owl",))
    for folder in ("empty", "full"):
        (tmp_path / folder).mkdir()
    (tmp_path / "full/thesis.tex").write_text("mine")
    (tmp_path / "file").write_text("mine")
    if is_there:
        (tmp_path / "mine").mkdir()
    before = sorted(tmp_path.rglob("*"))
    dataset = given.get("dataset", "digits").replace("PLACE", str(tmp_path))
    with pytest.raises(error, match=says):
        new_project(tmp_path / given.get("folder", "mine"), given.get("author", ME), dataset)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("is_there", [False, True])
def test_ctrl_c_on_the_way_leaves_nothing_behind(tmp_path, monkeypatch, is_there):
    if is_there:
        (tmp_path / "mine").mkdir()

    def interrupted(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "_check", interrupted)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(KeyboardInterrupt):
        new_project(tmp_path / "mine", ME)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_disk_that_fills_up_while_the_folder_is_filled_leaves_it_empty(tmp_path, monkeypatch):
    (tmp_path / "mine").mkdir()
    real, moves = module.Path.rename, []

    def rename(path, target):
        moves.append(path.name)
        if len(moves) > 6:
            raise OSError(28, "No space left on device")
        return real(path, target)

    monkeypatch.setattr(module.Path, "rename", rename)
    with pytest.raises(StartError, match=r"could not be written: .*No space left"):
        new_project(tmp_path / "mine", ME)
    assert len(moves) == 7 and list((tmp_path / "mine").iterdir()) == []


def make(root, *words, **environment):
    """What make would do in a project, a line a command."""
    given = {"PATH": "/usr/bin:/bin", **environment}
    done = subprocess.run(
        ["make", "--dry-run", *words], cwd=root, env=given, capture_output=True, text=True
    )
    return done.stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return new_project(tmp_path_factory.mktemp("made") / "mine", ME).root


def command(folder, says="cvlib-journal 0.1.0+c0"):
    folder.mkdir(parents=True)
    path = folder / "cvlib"
    path.write_text(f"#!/bin/sh\necho {says}\n")
    path.chmod(0o755)
    return folder


def test_make_installs_what_is_in_vendor_and_nothing_else(project):
    said = make(project, "report")
    assert "-m venv .venv" in said and "--requirement requirements.txt" in said
    assert "--constraint constraints.txt" in said
    assert ".venv/bin/cvlib render --profile default" in said


def test_make_uses_a_cvlib_on_the_path_and_says_which(project, tmp_path):
    shared = command(tmp_path / "bin")
    said = make(project, "report", PATH=f"{shared}:/usr/bin:/bin")
    assert f"{shared}/cvlib render" in said and f"using {shared}/cvlib" in said
    assert "venv" not in said


def test_make_passes_over_another_command_of_the_name(project, tmp_path):
    shared = command(tmp_path / "bin", says="cvlib 0.2.7")
    assert ".venv/bin/cvlib render" in make(project, "test", PATH=f"{shared}:/usr/bin:/bin")


def test_make_uses_the_cvlib_that_is_named(project):
    said = make(project, "report", "CVLIB=/opt/cvlib")
    assert "/opt/cvlib render" in said and "venv" not in said


def test_an_environment_of_its_own_goes_before_the_path(project, tmp_path):
    (project / ".venv").mkdir()
    (project / ".venv/.installed").touch()
    shared = command(tmp_path / "bin")
    said = make(project, "report", PATH=f"{shared}:/usr/bin:/bin")
    assert "\n.venv/bin/cvlib render" in said and str(shared) not in said
