import re
import subprocess
import sys

import pytest

COMMANDS = (
    "run",
    "status",
    "fsck",
    "gc",
    "render",
    "data",
    "doctor",
    "init",
    "new",
    "vendor",
    "docs",
)


def cvlib(*words, cwd=None):
    return subprocess.run(
        [sys.executable, "-m", "cvlib", *words], capture_output=True, text=True, cwd=cwd
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_every_commands_help_shows_an_example(command):
    done = cvlib(command, "--help")
    assert done.returncode == 0
    assert f"Example: cvlib {command}" in done.stdout


def test_help_names_every_command():
    said = cvlib("--help").stdout
    assert all(f"  {command} " in said for command in COMMANDS)


def test_the_command_starts_without_heavy_imports():
    code = (
        "import sys, cvlib.cli;"
        "heavy = {'torch', 'numpy', 'pandas', 'matplotlib', 'pydantic', 'rich'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_status_of_the_shipped_project_needs_no_torch(request):
    code = (
        "import sys; sys.argv = ['cvlib', 'status'];\n"
        "from cvlib.cli import app\n"
        "try: app()\n"
        "except SystemExit: pass\n"
        "assert 'torch' not in sys.modules and 'pandas' not in sys.modules\n"
    )
    subprocess.run(
        [sys.executable, "-c", code], check=True, cwd=request.config.rootpath, capture_output=True
    )


@pytest.mark.parametrize("words", [("status",), ("run",), ("render",), ("data",)])
def test_outside_a_project_the_error_says_where_to_go(tmp_path, words):
    done = cvlib(*words, cwd=tmp_path)
    assert done.returncode == 2
    assert "no _quarto.yml" in done.stderr and "Traceback" not in done.stderr


def test_an_unknown_experiment_is_answered_with_the_nearest(request):
    done = cvlib("status", "exp1", cwd=request.config.rootpath)
    assert done.returncode == 2 and "did you mean 'exp01'?" in done.stderr


def test_a_mistake_in_the_yaml_is_said_without_a_traceback(tmp_path):
    (tmp_path / "_quarto.yml").write_text("project: {type: book}\n")
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments/exp01.yaml").write_text(
        "title: T\nquestion: Q\ndataset: fashion_mnits\n"
    )
    done = cvlib("status", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("cvlib: experiments/exp01.yaml:3:"), done.stderr
    assert "fashion_mnist" in done.stderr and "Traceback" not in done.stderr


def test_doctor_examines_this_machine(request):
    done = cvlib("doctor", cwd=request.config.rootpath)
    assert done.returncode == 0, done.stdout + done.stderr
    for what in ("Python", "packages", "device", "pandoc", "typst", "project", "store"):
        assert what in done.stdout


def test_doctor_says_so_when_a_folder_of_the_project_hides_the_library(tmp_path):
    (tmp_path / "cvlib").mkdir()
    (tmp_path / "cvlib/__init__.py").write_text("")
    code = "import sys; sys.path.pop(0); from cvlib.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "doctor"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert (
        f"BAD   library      chapters would import another cvlib, {tmp_path}/cvlib" in done.stdout
    )


def test_the_version_is_that_of_the_distribution_and_of_the_code():
    assert re.fullmatch(r"cvlib-journal 0\.1\.0\+c[0-9a-f]{10}\n", cvlib("--version").stdout)


def test_an_unknown_document_is_answered_with_the_nearest():
    done = cvlib("docs", "own-dateset")
    assert done.returncode == 2 and "did you mean 'own-dataset'?" in done.stderr


def test_quartos_hook_is_a_command_that_the_help_leaves_out(tmp_path):
    assert "hook" not in cvlib("--help").stdout
    done = cvlib("hook", "pre", cwd=tmp_path)
    assert done.returncode == 0 and "cvlib: freshness was not checked" in done.stdout


def test_what_a_name_holds_is_shown_on_the_terminal_and_never_carried_out(tmp_path):
    (tmp_path / "_quarto.yml").write_text("book: {}\n")
    folder = tmp_path / "experiments"
    folder.mkdir()
    (folder / "exp\x1b]0;owned\x07\x9b31m\udce9\u202e.yaml").write_text("title: 3\n")
    done = cvlib("status", cwd=tmp_path)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    said = "experiments/exp\\x1b]0;owned\\x07\\x9b31m\\udce9\\u202e.yaml:1: title: 3 will not do"
    assert said in done.stderr


def test_what_a_verb_says_is_shown_and_not_carried_out(capsys):
    import typer

    import cvlib.cli  # noqa: F401 - from here on

    typer.echo("a\tb\n\x1b[2Jc")
    assert capsys.readouterr().out == "a\tb\n\\x1b[2Jc\n"
