"""`cvlib fsck` and `cvlib gc`: what is damaged is found and mended, what is needed is never deleted."""

import json
import os
import shutil
import subprocess

import pytest

from cvlib.cli import main
from cvlib.files import write_sealed
from cvlib.project import Project
from cvlib.results.store import Store
from cvlib.studies.registered import register, registered_file
from tests.engine.made_book import freeze_book, make_book
from tests.journal.made import planned

GIT = ("git", "-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    project = make_book(tmp_path_factory.mktemp("kept"))
    freeze_book(project)
    return project.root


@pytest.fixture
def project(made, tmp_path, monkeypatch):
    root = shutil.copytree(made, tmp_path / "book")
    monkeypatch.chdir(root)
    return Project(root)


@pytest.fixture
def cvlib(capsys, monkeypatch):
    def call(*words: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["cvlib", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), capsys.readouterr().out

    return call


def alter(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_what_is_whole_is_said_to_be(project, cvlib):
    code, said = cvlib("fsck")
    assert code == 0 and "all is as it was written" in said


def test_a_damaged_result_is_said_with_its_run_and_what_shows_it_and_git_restores_it(
    project, cvlib
):
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "all")):
        subprocess.run([*GIT, *words], check=True)
    run = planned(project)[0]
    alter(project.runs / run.key / "metrics.json")
    code, said = cvlib("fsck")
    assert code == 1 and f"results: {run.name}: metrics.json was altered" in said
    assert "shown in report/exp01.qmd (" in said
    code, said = cvlib("fsck", "--repair")
    assert code == 0 and "restored from git" in said
    assert cvlib("fsck")[0] == 0


def test_damaged_words_of_before_the_runs_are_said_and_never_made_anew(project, cvlib):
    register(project)
    path = registered_file(project)
    assert cvlib("fsck")[0] == 0
    alter(path)
    damaged = path.read_bytes()
    code, said = cvlib("fsck", "--repair")
    assert code == 1 and "notes: registered.json: " in said and "counts as written after" in said
    assert path.read_bytes() == damaged


def test_a_damaged_result_that_git_has_not_stays_and_training_is_named(project, cvlib):
    run = planned(project)[0]
    alter(project.runs / run.key / "predictions.npz")
    code, said = cvlib("fsck", "--repair")
    assert code == 1 and "`cvlib run exp01` trains it again" in said
    assert (project.runs / run.key).is_dir()


def test_what_can_be_made_again_is_deleted_and_only_that(project, cvlib):
    cache = project.data / ".cache" / "images" / "x.sealed"
    cache.parent.mkdir(parents=True)
    write_sealed(cache, lambda file: file.write(b"pictures" * 99))
    checkpoint = Store(project.runs).scratch(planned(project)[0].key) / "checkpoint.pt"
    write_sealed(checkpoint, lambda file: file.write(b"weights" * 99))
    figure = next(project.root.glob("_freeze/report/*/figure-html/*"))
    before = {p for p in project.root.rglob("*") if p.is_file()}
    for path in (cache, checkpoint, figure):
        alter(path)
    code, said = cvlib("fsck", "--repair")
    assert code == 0, said
    assert "worked out again" in said and "the run starts anew" in said
    after = {p for p in project.root.rglob("*") if p.is_file()}
    frozen = {p for p in before if figure.parents[1] in p.parents}
    assert before - after == {cache, checkpoint, *frozen}


def test_what_another_process_works_on_is_not_judged(project, cvlib):
    run = planned(project)[0]
    with Store(project.runs).lock(run.key):
        alter(project.runs / run.key / "metrics.json")
        assert cvlib("fsck", "--repair")[0] == 0
    assert cvlib("fsck")[0] == 1


def test_gc_shows_first_and_deletes_what_nothing_asks_for_alone(project, cvlib):
    cvlib("gc", "--yes")  # the copied project's caches name where it was
    assert "nothing to delete" in cvlib("gc")[1]
    yaml = project.experiment_file("exp01")
    gone = [run for run in planned(project) if run.variant == planned(project)[-1].variant]
    text = yaml.read_text()
    cut = text.rindex(f"  {gone[0].variant}:")
    end = text.find("\n", cut)
    yaml.write_text(text[:cut] + text[end + 1 :])
    leftover = project.data / ".cache" / ".note.sealed.999999999"
    leftover.parent.mkdir(exist_ok=True)
    leftover.touch()
    (project.data / ".cache" / f".mine.sealed.{os.getpid()}").touch()
    before = set(Store(project.runs).keys())
    code, said = cvlib("gc")
    assert code == 0 and all(run.name in said for run in gone) and leftover.name in said
    assert set(Store(project.runs).keys()) == before
    cvlib("gc", "--yes")
    assert before - set(Store(project.runs).keys()) == {run.key for run in gone}
    assert not leftover.exists() and len(list((project.data / ".cache").glob(".mine*"))) == 1


def test_gc_keeps_a_run_whose_key_cannot_be_known_here(project, cvlib):
    note = project.runs / "datasets.json"
    noted = json.loads(note.read_text())
    note.write_text(json.dumps({}))
    keys = Store(project.runs).keys()
    cvlib("gc", "--yes")
    assert noted and Store(project.runs).keys() == keys
