"""What a chapter can call: found by name when it is asked for, and shown by a notebook as a method is."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest
from IPython.core.completer import IPCompleter, provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell

from cvlib.journal import heat_map as drawn
from cvlib.journal import mistakes
from cvlib.journal.errors import JournalError
from cvlib.journal.handle import marked


@pytest.fixture
def shell(exp):
    made = InteractiveShell()
    made.push({"exp": exp, "found": mistakes(exp["base"])})
    return made


def test_tab_completes_functions_and_facts_and_nothing_else(shell, exp):
    completer = IPCompleter(shell=shell, namespace=shell.user_ns, use_jedi=False)
    for typed, name in (("exp.heat", "heat_map"), ("found.gal", "gallery_page")):
        with provisionalcompleter():
            found = list(completer.completions(typed, len(typed)))
        assert name in [one.text.lstrip(".") for one in found]
    public = {name for name in dir(exp) if not name.startswith("_")}
    facts = {"id", "source", "title", "question", "variants", "runs", "seeds", "epochs", "dataset"}
    assert public == {*marked("experiment"), *facts, "run", "results", "project"}


def test_signature_is_that_of_the_function_without_its_first_argument(exp):
    names = list(inspect.signature(exp.heat_map).parameters)
    assert names == ["rows", "columns", "metric", "variants", "width", "height"]
    assert str(inspect.signature(exp.last_epoch)).startswith(
        "(metric: 'str', variant: 'Name' = 'base')"
    )
    assert list(inspect.signature(mistakes(exp["base"]).pair).parameters) == ["place"]


def test_question_mark_shows_signature_and_docstring(shell, capsys):
    for name in marked("experiment"):
        shell.run_line_magic("pinfo", f"exp.{name}")
    for name in marked("mistakes"):
        shell.run_line_magic("pinfo", f"found.{name}")
    said = capsys.readouterr().out
    assert "The mean of a metric for each pair of two settings" in said
    assert said.count("Docstring:") == len(marked("experiment")) + len(marked("mistakes"))
    assert "<no docstring>" not in said


def test_unknown_name_says_the_nearest_and_is_no_attribute(exp):
    with pytest.raises(JournalError, match=r"has no 'heat_mapp'; did you mean 'heat_map'\?"):
        _ = exp.heat_mapp
    with pytest.raises(AttributeError, match=r"has no 'zzz'; there is: ablation, accuracy"):
        _ = exp.zzz
    with pytest.raises(JournalError, match=r"has no 'galery'; did you mean 'gallery'\?"):
        _ = mistakes(exp["base"]).galery
    assert not hasattr(exp, "_repr_html_")


def test_a_function_is_called_with_the_results_first(exp, monkeypatch):
    monkeypatch.setattr(drawn, "heat_map", lambda results, *given, **named: (results, given, named))
    assert exp.heat_map("a", metric="b") == (exp.results, ("a",), {"metric": "b"})


def test_a_new_function_is_written_in_one_file(tmp_path):
    program = (
        "import sys, cvlib.journal.handle as f; from pathlib import Path; "
        f"f.__file__ = {str(tmp_path / 'handle.py')!r}; print(f.marked('experiment'))"
    )
    (tmp_path / "own.py").write_text("@of_experiment\n@styled\ndef own(results):\n    pass\n")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "{'own': 'cvlib.journal.own'}", done.stderr


def test_looking_at_a_name_reads_no_result_and_draws_nothing(filled):
    program = (
        "import sys; from pathlib import Path; from cvlib.journal import experiment; "
        f"exp = experiment('exp01', root=Path({str(filled.root)!r})); dir(exp); exp.accuracy; "
        "print([m for m in ('matplotlib', 'pandas', 'torch', 'scipy') if m in sys.modules], "
        "[what for what in exp.project._snapshot])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "[] [('experiment', 'exp01')]", done.stdout + done.stderr
