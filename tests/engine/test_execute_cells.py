"""One execution of a chapter gives both formats, as Quarto's engine would have written them."""

from __future__ import annotations

import contextlib
import difflib
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest

from cvlib.engine.book import load_book
from cvlib.engine.chapter import read_chapter
from cvlib.engine.errors import CellFailed, Unsupported
from cvlib.engine.execute import execute_chapter
from tests.engine.chapters import FIXTURES, copy_fixture, small_book


def _execute(root: Path, file: str = "report/one.qmd", **options):
    return execute_chapter(load_book(root), read_chapter(root, file), **options)


@pytest.fixture(scope="module")
def every_option(tmp_path_factory):
    root = copy_fixture("every_option", tmp_path_factory.mktemp("book"))
    return _execute(root, "report/cells.qmd"), _execute(root, "report/cells.qmd")


@pytest.mark.parametrize("target", ["html", "typ"])
def test_markdown_is_what_quarto_writes(every_option, target):
    """But for Quarto's random ids, and the size of a figure: its Jupyter engine ignores it."""

    def lines(text: str) -> list[str]:
        text = re.sub(r"#(?:cell-\d+|[0-9a-f]{8}) \.cell", "#ID .cell", text)
        return re.sub(r"(fig-wide \.?width)=\d+ height=\d+", r"\1", text).splitlines()

    reference = (FIXTURES / "every_option" / f"quarto-1.10.{target}.md").read_text()
    ours = every_option[0][target].markdown
    assert list(difflib.unified_diff(lines(reference), lines(ours), n=0)) == []


def test_a_second_execution_gives_the_same_bytes(every_option):
    first, second = every_option
    assert first == second


def test_pictures_carry_no_version_or_date(every_option):
    results = every_option[0]
    for content in (*results["html"].figures.values(), *results["typ"].figures.values()):
        assert b"matplotlib.org" not in content and b"Software" not in content
    assert all(name.endswith(".png") for name in results["html"].figures)
    assert all(name.endswith(".svg") for name in results["typ"].figures)


def test_a_cell_may_set_the_size_of_its_figure(every_option):
    svg = every_option[0]["typ"].figures["fig-wide-output-2.svg"].decode()
    width, height = (float(n) for n in re.findall(r'(?:width|height)="([\d.]+)pt"', svg)[:2])
    assert width / height == pytest.approx(2.6, abs=0.5)
    assert 300 < width < 440  # 6 inches, less the tight margins


def test_an_object_with_svg_and_png_of_its_own_is_shown_as_quarto_shows_it(tmp_path: Path):
    code = """
class Drawing:
    def _repr_mimebundle_(self, include=None, exclude=None):
        return {"image/svg+xml": "<svg/>", "image/png": "iVBORw0KGgo=", "text/plain": "<Drawing>"}
Drawing()
"""
    root = small_book(tmp_path / "b", one=f"```{{python}}\n{code}\n```\n")
    for target, result in _execute(root).items():
        assert list(result.figures) == ["cell-2-output-1.svg"], target


def test_cells_see_quartos_environment(tmp_path: Path):
    names = ["PROJECT_ROOT", "DOCUMENT_PATH", "FIG_WIDTH", "FIG_HEIGHT", "FIG_DPI", "FIG_FORMAT"]
    code = f"import os\nfor n in {names}: print(os.environ['QUARTO_' + n])\nprint(os.getcwd())"
    root = small_book(tmp_path / "b", one=f"```{{python}}\n{code}\n```\n")
    said = _execute(root)["html"].markdown
    shown = re.search(r"stdout\}\n```\n(.*?)```", said, re.DOTALL)[1].splitlines()
    report = str(root / "report")
    assert shown == [str(root), report, "5.5", "3.5", "96", "svg", report]


def test_a_failing_cell_is_named_with_its_line_source_and_traceback(tmp_path: Path):
    one = """\
    # One

    ```{python}
    def f():
        return 1 / 0
    ```

    ```{python}
    #| label: fig-x
    a = 1

    f()
    ```
    """
    root = small_book(tmp_path / "b", one=textwrap.dedent(one))
    with pytest.raises(CellFailed) as caught:
        _execute(root)
    message = str(caught.value)
    assert message.startswith("report/one.qmd:12: ZeroDivisionError: division by zero (cell fig-x)")
    assert "   12 | f()" in message and "return 1 / 0" in message
    assert "\x1b" not in message


def test_a_failing_inline_expression_is_named_with_its_line(tmp_path: Path):
    one = "```{python}\n1\n```\n\nText\nand `{python} 1 / 0`.\n"
    root = small_book(tmp_path / "b", one=one)
    with pytest.raises(CellFailed, match=r"^report/one\.qmd:6: inline .*ZeroDivisionError"):
        _execute(root)


def test_an_empty_inline_value_is_an_error_not_code_in_the_text(tmp_path: Path):
    root = small_book(tmp_path / "b", one="```{python}\n1\n```\n\nSo `{python} ''`.\n")
    with pytest.raises(Unsupported, match=r"report/one\.qmd:5: .*empty text"):
        _execute(root)


def test_output_that_needs_scripts_is_refused(tmp_path: Path):
    code = "from IPython.display import HTML\nHTML('<script>1</script>')"
    root = small_book(tmp_path / "b", one=f"# One\n\n```{{python}}\n{code}\n```\n")
    with pytest.raises(Unsupported, match=r"report/one\.qmd:3: .*JavaScript"):
        _execute(root)


def test_a_kernel_that_dies_is_reported(tmp_path: Path):
    root = small_book(tmp_path / "b", one="```{python}\nimport os\nos._exit(7)\n```\n")
    with pytest.raises(CellFailed, match=r"report/one\.qmd:1: .*exit status 7"):
        _execute(root)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import os; os.kill(os.getpid(), 19)", "no sign of life"),
        ("get_ipython().user_expressions = None", "gave no reply"),
        ("get_ipython().kernel.iopub_socket.send(b'noise')", "no message of Jupyter's"),
        (
            "k = get_ipython().kernel\n"
            "k.session.send(k.iopub_socket, 'stream', {'name': 3}, parent=k.get_parent())",
            "no message of Jupyter's: name: .*found 3",
        ),
        ("get_ipython().display_pub.publish({'text/html': 3})", "text/html that is 3"),
    ],
)
def test_a_cell_that_breaks_its_kernel_is_told_with_its_place_within_ten_seconds(
    tmp_path: Path, code, words
):
    root = small_book(tmp_path / "b", one=f"# One\n\n```{{python}}\n{code}\n```\n")
    started = time.monotonic()
    with pytest.raises(CellFailed, match=rf"^report/one\.qmd:3: .*{words}"):
        _execute(root)
    assert time.monotonic() - started < 10


def test_what_a_cell_prints_is_cut_at_a_limit_and_both_page_and_terminal_say_so(tmp_path: Path):
    code = "import sys\nprint('x' * 3_000_000 + '\\ud800')\nprint('y')"
    root = small_book(tmp_path / "b", one=f"```{{python}}\n{code}\n```\n\n`{{python}} 1 + 1`\n")
    told: list[str] = []
    said = _execute(root, on_stderr=told.append)["html"].markdown
    assert 1_000_000 <= said.count("x") < 1_000_100 and said.endswith("2\n\n")
    assert "… cut after 1,000,000 characters" in said
    assert told == ["report/one.qmd:1: the cell printed over 1,000,000 characters: cut there\n"]


def test_what_a_cell_leaves_running_is_ended_and_named(tmp_path: Path):
    code = (
        "import subprocess\n"
        "child = subprocess.Popen(['sleep', '60'], start_new_session=True)\nprint(child.pid)"
    )
    root = small_book(tmp_path / "b", one=f"```{{python}}\n{code}\n```\n")
    told: list[str] = []
    said = _execute(root, on_stderr=told.append)["html"].markdown
    child = re.search(r"```\n(\d+)\n```", said)[1]
    assert told == [
        f"report/one.qmd: its cells left running, and it was ended: sleep (process {child})\n"
    ]
    with contextlib.suppress(psutil.NoSuchProcess):  # a container's init may not collect the dead
        assert psutil.Process(int(child)).status() == psutil.STATUS_ZOMBIE


def test_progress_on_stderr_is_seen_while_the_cell_runs(tmp_path: Path):
    code = (
        "import sys, time\nprint('half', file=sys.stderr, flush=True)\n"
        "time.sleep(1)\nprint('done', file=sys.stderr)"
    )
    root = small_book(tmp_path / "b", one=f"```{{python}}\n#| warning: false\n{code}\n```\n")
    seen: list[tuple[float, str]] = []
    said = _execute(root, on_stderr=lambda text: seen.append((time.monotonic(), text)))
    assert "".join(text for _, text in seen) == "half\ndone\n"
    assert seen[-1][0] - seen[0][0] > 0.8
    assert "half\n" not in said["html"].markdown.split("```")[-1]


def test_code_runs_before_the_header_and_the_first_cell(tmp_path: Path):
    one = '---\ntitle: "`{python} len(seen)`"\n---\n\n```{python}\nprint(seen)\n```\n'
    root = small_book(tmp_path / "b", one=one)
    html = _execute(root, setup="print('x')\nseen = ['setup']")["html"].markdown
    assert html.startswith('---\ntitle: "1"\n---')
    assert "['setup']" in html and "execution_count=1" in html
    plain = small_book(tmp_path / "c", one="# One\n\n```{python}\nprint(1)\n```\n")
    assert _execute(plain) == _execute(plain, setup="a = 1")
    with pytest.raises(CellFailed, match="ZeroDivisionError"):
        _execute(plain, setup="1 / 0")


@pytest.mark.skipif(os.name != "posix", reason="process groups")
def test_ctrl_c_lets_the_cell_stop_and_leaves_no_process(tmp_path: Path):
    code = f"""
import pathlib, subprocess, sys, time, os
child = subprocess.Popen(["sleep", "600"])
pathlib.Path({str(tmp_path / "pids")!r}).write_text(f"{{os.getpid()}} {{child.pid}}")
try:
    time.sleep(600)
except KeyboardInterrupt:
    time.sleep(0.5)
    pathlib.Path({str(tmp_path / "stopped")!r}).write_text("checkpoint")
    raise
"""
    root = small_book(tmp_path / "b", one=f"```{{python}}\n{code}\n```\n")
    script = (  # a runner started in the background hands down an ignored SIGINT
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from pathlib import Path; from cvlib.engine.book import load_book; "
        "from cvlib.engine.chapter import read_chapter; "
        "from cvlib.engine.execute import execute_chapter; "
        f"r = Path({str(root)!r}); "
        "execute_chapter(load_book(r), read_chapter(r, 'report/one.qmd'))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script], stderr=subprocess.PIPE, start_new_session=True
    )
    until = time.monotonic() + 20
    while not (tmp_path / "pids").exists() and time.monotonic() < until:
        time.sleep(0.05)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=20)
    assert process.returncode != 0 and b"KeyboardInterrupt" in said
    assert (tmp_path / "stopped").read_text() == "checkpoint"
    for pid in map(int, (tmp_path / "pids").read_text().split()):
        assert not _alive(pid)


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        return state != "Z"
    except FileNotFoundError:
        return False
    except NotADirectoryError:
        pytest.skip("no /proc here")
