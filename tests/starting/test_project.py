"""`cvlib init`, called as a function; tests/test_readme.py renders a project that it made."""

import re
import subprocess

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from cvlib.data.arrays import DataError
from cvlib.data.load import load
from cvlib.engine.book import load_book
from cvlib.project import Project
from cvlib.settings import expected_pdf_name, load_settings
from cvlib.starting import StartError, project_files
from cvlib.starting import project as module
from cvlib.starting.project import Words, new_project
from cvlib.starting.project_files import COPIED, LEFT_OUT, source_project
from cvlib.studies.hypotheses import load_hypotheses
from tests.starting.made import pictures

ME = Words("Ivan Franko")


def tracked(root):
    """The files that git keeps."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("no git checkout")
    return [name for name in listed.stdout.split("\0") if name]


def is_in(name, listed):
    return any(name == entry or name.startswith(f"{entry}/") for entry in listed)


@pytest.mark.shipped
def test_every_file_of_this_project_is_copied_or_left_out_on_purpose(request):
    names = tracked(request.config.rootpath)
    assert [n for n in names if not is_in(n, COPIED) and not is_in(n, LEFT_OUT)] == []
    assert [e for e in (*COPIED, *LEFT_OUT) if not any(is_in(n, [e]) for n in names)] == []


def test_the_library_its_tests_and_its_documents_are_copied(tmp_path, request):
    source = request.config.rootpath
    root = new_project(tmp_path / "mine", ME).root
    for name in tracked(source):
        kept = is_in(name, COPIED) and not is_in(name, LEFT_OUT)
        if kept and name != "pyproject.toml":
            assert (root / name).read_bytes() == (source / name).read_bytes(), name
    assert not list(root.rglob("__pycache__"))
    assert (root / ".ci/run").stat().st_mode & 0o100


def test_nothing_of_the_shipped_study_is_in_it(tmp_path):
    root = new_project(tmp_path / "mine", ME).root
    assert sorted(p.name for p in (root / "experiments").iterdir()) == [
        "exp01.yaml",
        "hypotheses.yaml",
    ]
    assert sorted(p.name for p in (root / "report").iterdir()) == ["exp01.qmd", "summary.qmd"]
    assert not (root / "_freeze").exists()
    own = [root / n for n in ("README.md", "index.qmd", "references.bib", "_quarto.yml")]
    for path in [*own, *(root / "report").iterdir(), *(root / "experiments").iterdir()]:
        assert "Fashion" not in path.read_text(), path


def test_title_author_course_and_module_are_where_they_are_needed(tmp_path):
    words = Words("Lesya Ukrainka", 'Birds: "all"', "Vision 2026", "3b")
    made = new_project(tmp_path / "mine", words)
    book = load_book(made.root).book
    assert (book.title, book.authors) == ('Birds: "all"', ("Lesya Ukrainka",))
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


def test_all_other_settings_of_the_book_and_its_comments_stay(tmp_path):
    here, there = source_project(), new_project(tmp_path / "mine", ME).root
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
        layout = Project(root, profile)
        experiment = Project(layout.root, layout.profile).experiment("exp01")
        assert {v.spec.dataset.name for v in experiment.variants} == {"digits"}
        names = {f"exp01/{v.name}" for v in experiment.variants}
        assert all(
            set(claim.names()) <= names for h in load_hypotheses(layout) for claim in h.claims
        )


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


def test_a_cvlib_without_its_project_says_where_to_run_it(tmp_path, monkeypatch):
    place = tmp_path / "site-packages/cvlib/starting/project_files.py"
    monkeypatch.setattr(project_files, "__file__", str(place))
    with pytest.raises(StartError, match="Run it from a checkout of cvlib"):
        new_project(tmp_path / "mine", ME)


def test_a_folder_that_cvlib_keeps_for_itself_is_linked_under_another_name(tmp_path):
    pictures(tmp_path / "weights")
    made = new_project(tmp_path / "mine", ME, f"imagefolder:{tmp_path / 'weights'}")
    assert made.data.name == "imagefolder:data/weights-pictures"


def test_an_empty_folder_is_filled_where_it_is(tmp_path, monkeypatch):
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path / "mine")
    new_project(module.Path("."), ME)
    assert (tmp_path / "mine/_quarto.yml").exists()
    assert [p.name for p in (tmp_path / "mine").iterdir() if p.name.startswith(".cvlib")] == []


def test_settings_of_the_source_hold_but_not_what_its_author_set_for_the_own_name(
    tmp_path, monkeypatch
):
    first = new_project(tmp_path / "first", ME).root
    monkeypatch.setattr(module, "source_project", lambda: first)
    book = first / "_quarto.yml"
    text = re.sub(r"(?m)^  (pdf-name|module): .*\n", "", book.read_text())
    own = 'pdf-name: "cv_{first}_{last}_module{module}.pdf"\n  first-name: I\n  last-name: F\n  module: 5'
    book.write_text(text.replace("\ncvlib:\n", f"\ncvlib:\n  {own}\n"))
    made = new_project(tmp_path / "second", Words("Jürgen Groß"))
    assert made.pdf == "cv_Juergen_Gross_module5.pdf"
    settings = load_settings(made.root)
    assert (settings.module, settings.first_name, settings.last_name) == (5, None, None)


def test_a_project_can_be_made_from_one_that_was_made(tmp_path, monkeypatch):
    first = new_project(tmp_path / "first", ME).root
    monkeypatch.setattr(module, "source_project", lambda: first)
    second = new_project(tmp_path / "second", Words("Lesya Ukrainka")).root
    skipped = "-m 'not shipped'"
    for root in (first, second):
        assert (root / "pyproject.toml").read_text().count(skipped) == 1
    assert load_book(second).book.authors == ("Lesya Ukrainka",)


WRONG = [
    ({"dataset": "imagefolder:PLACE/nowhere"}, StartError, "there is no"),
    ({"dataset": "imagefolder:PLACE/one"}, DataError, "only one class"),
    ({"dataset": "imagefolder:PLACE/empty"}, DataError, "no image"),
    ({"dataset": "imagenet"}, StartError, "unknown dataset 'imagenet'"),
    ({"words": Words("Ivan")}, StartError, "expected a first and a last name"),
    ({"words": Words("Іван Франко")}, StartError, "give it in Latin letters"),
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
        new_project(tmp_path / given.get("folder", "mine"), given.get("words", ME), dataset)
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


def test_a_folder_inside_the_project_it_is_made_from_is_refused():
    source = source_project()
    with pytest.raises(StartError, match=f"such as {source.parent / 'mine'}"):
        new_project(source / "mine", ME)
    assert not (source / "mine").exists()
