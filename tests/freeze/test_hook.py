"""The hook that Quarto starts: true copies stand, others go, and a render never fails by it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pypandoc
import pytest

from cvlib.engine.chapter import read_chapter
from cvlib.engine.quarto import UNDER_CVLIB, find_quarto
from cvlib.freeze import hook
from cvlib.freeze.freshness import chapter_statuses, reads_now
from cvlib.freeze.frozen_copy import FrozenCopy, freeze_folder
from cvlib.project import Project
from cvlib.recorder import reads_file
from cvlib.results.store import Store
from tests.journal.made import planned, write

LUA = Path("_extensions/journal/hook.lua")
QUARTO = find_quarto()
FROZEN = ["index.qmd", "report/exp01.qmd", "report/exp02.qmd"]


@pytest.fixture
def book(frozen_book) -> Project:
    return frozen_book


def run_hook(stage: str, capsys) -> list[str]:
    assert hook.main([stage]) == 0
    return capsys.readouterr().out.splitlines()


def untrue(book: Project) -> dict[str, str]:
    return {s.file: s.reason for s in chapter_statuses(Project(book.root)) if s.reason}


def edit(book: Project, file: str, old: str, new: str) -> None:
    path = book.root / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


@pytest.fixture
def execute_as_quarto(book, made_book):
    """What Quarto leaves when it executes a chapter: records with the text's hash, and its kernel's reads."""

    def execute(file: str, markdown: str = "run anew") -> None:
        project, chapter = Project(book.root), read_chapter(book.root, file)
        results = freeze_folder(book.root, file) / "execute-results"
        results.mkdir(parents=True, exist_ok=True)
        for target in ("html", "typ"):
            result = {"engine": "jupyter", "markdown": markdown}
            content = {"hash": chapter.hash, "result": result}
            (results / f"{target}.json").write_text(json.dumps(content))
        record = FrozenCopy(freeze_folder(made_book.root, file)).record
        now = reads_now(project, file, record)
        reads = {
            n: now[n] for n in record.reads if n.split()[0] not in ("option", "included", "cited")
        }
        left = {"hash": chapter.hash, "late": None, "experiments": record.experiments,
                "wrote": [], "reads": reads}  # fmt: skip
        path = reads_file(book.root, file)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(left))

    return execute


def test_what_is_true_stands_and_what_is_not_goes_with_its_reason(book, capsys):
    assert run_hook("pre", capsys) == ["cvlib: 3 of 3 chapters are frozen and true"]
    edit(book, "experiments/exp02.yaml", "title: Seeds", "title: Many seeds")
    said = run_hook("pre", capsys)
    assert said == [
        "cvlib: report/exp02.qmd: spec of exp02 changed: title; its frozen copy is removed",
        "cvlib: 2 of 3 chapters are frozen and true",
    ]
    assert [f for f in FROZEN if freeze_folder(book.root, f).exists()] == FROZEN[:2]


def test_what_quarto_executed_is_noted_and_true_afterwards(book, capsys, execute_as_quarto):
    edit(book, "experiments/exp02.yaml", "title: Seeds", "title: Many seeds")
    run_hook("pre", capsys)
    execute_as_quarto("report/exp02.qmd")
    assert "without a record" in untrue(book)["report/exp02.qmd"]
    assert run_hook("post", capsys) == []
    assert untrue(book) == {}


def test_a_chapter_that_was_asked_for_is_noted_though_its_copy_was_true(
    book, capsys, execute_as_quarto
):
    run_hook("pre", capsys)
    execute_as_quarto("report/exp01.qmd")
    run_hook("post", capsys)
    assert untrue(book) == {}


def test_an_edit_while_quarto_ran_is_not_taken_for_what_it_read(book, capsys, execute_as_quarto):
    edit(book, "experiments/exp02.yaml", "title: Seeds", "title: Many seeds")
    run_hook("pre", capsys)
    execute_as_quarto("report/exp02.qmd")
    edit(book, "experiments/exp02.yaml", "title: Many seeds", "title: Other seeds")
    run_hook("post", capsys)
    assert untrue(book) == {"report/exp02.qmd": "spec of exp02 changed: title"}


def test_what_a_chapter_trained_itself_is_what_it_read(book, capsys, execute_as_quarto):
    run = planned(book, "exp02")[0]
    Store(book.runs).remove(str(run.key))
    assert "results of exp02 changed: base (not trained yet)" in run_hook("pre", capsys)[0]
    write(book, run)
    execute_as_quarto("report/exp02.qmd")
    run_hook("post", capsys)
    assert untrue(book) == {}


def test_without_a_hook_before_it_a_render_is_not_vouched_for(book, capsys, execute_as_quarto):
    execute_as_quarto("report/exp02.qmd")
    run_hook("post", capsys)
    assert "not the one that was recorded" in untrue(book)["report/exp02.qmd"]


def test_the_quick_profile_freezes_nothing_and_leaves_the_freeze_alone(book, capsys, monkeypatch):
    monkeypatch.setenv("QUARTO_PROFILE", "quick")
    edit(book, "report/exp01.qmd", "All of it", "All")
    edit(book, "experiments/exp02.yaml", "seeds: [0, 1]", "seeds: [0, 1]\nprofiles: {quick: {}}")
    assert run_hook("pre", capsys) == []
    assert all(freeze_folder(book.root, file).exists() for file in FROZEN)
    run_hook("post", capsys)


def test_freeze_true_keeps_what_is_not_true_and_says_so(book, capsys):
    edit(book, "_quarto.yml", "freeze: auto", "freeze: true")
    edit(book, "experiments/exp02.yaml", "title: Seeds", "title: Many seeds")
    said = run_hook("pre", capsys)
    assert said[0].endswith("title, but freeze is true: its frozen copy is used")
    assert freeze_folder(book.root, "report/exp02.qmd").exists()


def test_fingerprints_of_the_results_are_up_to_date_when_quarto_begins(book, capsys):
    run_hook("pre", capsys)
    path = book.root / "_freeze" / "fingerprints.json"
    before = json.loads(path.read_text())
    Store(book.runs).remove(str(planned(book, "exp02")[0].key))
    run_hook("pre", capsys)
    after = json.loads(path.read_text())
    assert after["exp01"] == before["exp01"] and after["exp02"] != before["exp02"]


@pytest.mark.parametrize(
    ("breaks", "said"),
    [
        (lambda b: edit(b, "_quarto.yml", "book:", "bok:"), "there is no `book:`"),
        (lambda b: (b.root / "_quarto.yml").write_text("a: ["), "not valid YAML"),
        (lambda b: (b.root / "experiments/exp01.yaml").write_text("a: ["), None),
        (lambda b: (b.root / "report/_setup.qmd").unlink(), "report/_setup.qmd does not exist"),
    ],
)
def test_whatever_is_wrong_the_render_goes_on(book, capsys, breaks, said):
    breaks(book)
    lines = run_hook("pre", capsys)
    if said is None:  # executing the chapter will say it
        assert "report/exp01.qmd: experiment exp01 cannot be read" in lines[0]
    else:
        assert any("freshness" in line and "not checked" in line and said in line for line in lines)
    run_hook("post", capsys)


def test_a_mistake_of_ours_is_said_and_stops_nothing(book, capsys, monkeypatch):
    monkeypatch.setattr(hook, "running_quarto", lambda: 1 / 0)
    said = run_hook("pre", capsys)
    assert said == ["cvlib: freshness was not checked: ZeroDivisionError: division by zero"]


def imports(book: Project, stage: str) -> set[str]:
    heavy = ("torch", "numpy", "pandas", "scipy", "matplotlib", "PIL", "sklearn", "IPython")
    heavy += ("typer", "rich", "jupyter_client", "pypandoc", "pydantic", "yaml")
    code = (
        f"import sys; from cvlib.freeze.hook import main; main([{stage!r}]); "
        f"print([m for m in {heavy} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(eval(done.stdout.splitlines()[-1]))


def test_nothing_heavy_is_imported(book):
    imports(book, "pre")  # the copy's data are read once, with numpy
    edit(book, "experiments/exp01.yaml", "seeds:", "# a remark\nseeds:")
    assert imports(book, "pre") == {"pydantic", "yaml"}
    assert imports(book, "post") <= {"yaml"}


# ── the script that Quarto runs ───────────────────────────────────────────────────────────────


def run_lua(book: Project, stage: str = "pre", **environment: str) -> subprocess.CompletedProcess:
    """Run hook.lua as Quarto does: a filter of its own pandoc, nothing to filter."""
    if stage == "post":
        environment["QUARTO_PROJECT_OUTPUT_FILES"] = "_output/index.html"
    command = [pypandoc.get_pandoc_path(), "--from", "markdown", "--to", "plain"]
    return subprocess.run(
        [*command, "--lua-filter", str(LUA)],
        cwd=book.root,
        env={"QUARTO_PROJECT_DIR": str(book.root), "PATH": "/usr/bin:/bin", **environment},
        input="",
        capture_output=True,
        text=True,
        check=True,
    )


def python_that(folder: Path, *lines: str) -> str:
    path = folder / "stand-in python"
    path.write_text("#!/bin/sh\n" + "\n".join(lines) + "\n")
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def python(tmp_path) -> str:
    """This Python with this cvlib, at a path with a blank in it."""
    source = Path(hook.__file__).parents[2]
    return python_that(tmp_path, f'PYTHONPATH="{source}" exec "{sys.executable}" "$@"')


def test_the_script_needs_no_python_and_says_what_it_could_not_do(book, tmp_path):
    shutil.rmtree(book.root / "_extensions/journal", ignore_errors=True)
    (book.root / LUA).parent.mkdir(parents=True)
    shutil.copy(Path(__file__).parents[2] / LUA, book.root / LUA)
    edit(book, "experiments/exp02.yaml", "title: Seeds", "title: Many seeds")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "sh").symlink_to("/bin/sh")
    done = run_lua(book, PATH=str(tmp_path / "empty"))
    assert done.stderr.strip() == (
        "cvlib: freshness was not checked (no Python was found); frozen chapters are taken as they "
        "are"
    )
    assert freeze_folder(book.root, "report/exp02.qmd").exists()
    assert run_lua(book, "post", PATH=str(tmp_path / "empty")).stderr == "", "said once"


def test_a_python_without_cvlib_is_named(book, tmp_path):
    lacking = python_that(tmp_path, f'exec "{sys.executable}" -I -S "$@"')
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "sh").symlink_to("/bin/sh")
    done = run_lua(book, QUARTO_PYTHON=lacking, PATH=str(tmp_path / "empty"))
    assert f"{lacking}: No module named 'cvlib'" in done.stderr
    assert "frozen chapters are taken as they are" in done.stderr


def test_quartos_python_is_asked_first_then_the_projects_own(book, tmp_path, python):
    edit(book, "experiments/exp02.yaml", "title: Seeds", "title: Many seeds")
    assert "spec of exp02 changed: title" in run_lua(book, QUARTO_PYTHON=python).stderr
    inside = book.root / ".venv" / "bin"
    inside.mkdir(parents=True)
    shutil.copy(python, inside / "python")
    broken = python_that(tmp_path / "book", "exit 1")
    said = run_lua(book, QUARTO_PYTHON=broken).stderr
    assert said == "cvlib: 2 of 3 chapters are frozen and true\n"


def test_the_script_passes_the_stage_on(book, python, capsys, execute_as_quarto):
    run_hook("pre", capsys)
    execute_as_quarto("report/exp01.qmd")
    run_lua(book, "post", QUARTO_PYTHON=python)
    assert untrue(book) == {}


def test_the_script_leaves_it_to_cvlib_where_that_renders(book, tmp_path):
    trap = python_that(tmp_path, f"touch '{tmp_path}/called'")
    assert run_lua(book, QUARTO_PYTHON=trap, **{UNDER_CVLIB: "1"}).stderr == ""
    assert not (tmp_path / "called").exists()


@pytest.mark.slow
@pytest.mark.skipif(QUARTO is None, reason="no Quarto on PATH, and QUARTO is not set")
def test_the_real_quarto_executes_what_is_not_true_and_nothing_else(book, tmp_path, python):
    def render(*words: str, **environment: str) -> str:
        done = subprocess.run(
            [str(QUARTO), "render", *words],
            cwd=book.root,
            env={**os.environ, "QUARTO_PYTHON": python, **environment},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout + done.stderr

    texts = {"report/exp01.qmd": "# EXP01\n\n```{python}\nprint(1)\n```\n"}
    for file, text in texts.items():
        (book.root / file).write_text(text)
    shutil.rmtree(freeze_folder(book.root, "report/exp02.qmd"))
    (book.root / "report/exp02.qmd").write_text("# EXP02\n\nNo code.\n")
    said = render("--to", "html")
    assert "report/exp01.qmd: text changed" in said and "Executing 'exp01" in said
    assert FrozenCopy(freeze_folder(book.root, "report/exp01.qmd")).record is not None
    said = render("--to", "html")
    assert "chapters are frozen and true" in said and "Executing" not in said
    edit(book, "_quarto.yml", "echo: false", "echo: true")
    said = render("--to", "html")
    assert "option echo for HTML changed: false → true" in said and "Executing 'exp01" in said
    assert (book.root / "_output/index.html").exists()
