"""A chapter is taken apart as Quarto does; what is not supported is named with its line."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from cvlib.engine.chapter import Cell, Markdown, check_supported, read_chapter
from cvlib.engine.errors import BookError, RenderError, Unsupported


def _chapter(tmp_path: Path, text: str, name: str = "a.qmd"):
    (tmp_path / name).write_text(text)
    chapter = read_chapter(tmp_path, name)
    check_supported([chapter])
    return chapter


def test_cells_know_their_lines_and_options(tmp_path: Path):
    text = "---\ntitle: T\n---\n\nText.\n\n```{python}\n#| label: fig-a\n#| echo: false\n\nx = 1\n```\n"
    chapter = _chapter(tmp_path, text)
    prose, cell = chapter.blocks
    assert isinstance(prose, Markdown) and (prose.text, prose.line) == ("Text.", 5)
    assert isinstance(cell, Cell)
    assert (cell.code, cell.line, cell.code_line) == ("x = 1", 7, 11)
    assert cell.options == {"label": "fig-a", "echo": False}


def test_hash_is_the_md5_of_the_text_with_unix_line_ends(tmp_path: Path):
    (tmp_path / "dos.qmd").write_bytes(b"# A\r\n\r\ntext\r\n")
    (tmp_path / "unix.qmd").write_bytes(b"# A\n\ntext\n")
    expected = hashlib.md5(b"# A\n\ntext\n").hexdigest()
    assert read_chapter(tmp_path, "unix.qmd").hash == expected
    assert read_chapter(tmp_path, "dos.qmd").hash == expected


@pytest.mark.parametrize(
    ("body", "names", "line"),
    [
        ("```{python}\n#| fig-algin: left\n1\n```", "`fig-algin`", 4),
        ("```{python}\n#| label: x\n#| echo: maybe\n1\n```", "`echo` is 'maybe'", 5),
        ("```{python}\n#| error: true\n1\n```", "`error`", 4),
        ("```{r}\n1\n```", "`{r}`", 3),
        ("```{mermaid}\ngraph\n```", "`{mermaid}`", 3),
        ("```{python, echo=FALSE}\n1\n```", "echo=FALSE", 3),
        ("text {{< video x.mp4 >}}", "{{< video >}}", 3),
        ("- item\n\n  ```{python}\n  1\n  ```", "start of its line", 5),
        ("```{python}\n1", "never closed", 3),
        ("---\nfoo: 1\n---", "second YAML block", 4),
        ("inline `{python} 1 + 1` alone", "without a cell", 3),
    ],
)
def test_what_the_engine_cannot_do_is_named_with_its_line(tmp_path, body, names, line):
    with pytest.raises(RenderError) as caught:
        _chapter(tmp_path, f"# T\n\n{body}\n")
    assert names in str(caught.value)
    assert str(caught.value).startswith(f"a.qmd:{line}: ")


def test_unknown_header_keys_are_refused(tmp_path: Path):
    with pytest.raises(Unsupported, match=r"a\.qmd:3: header key `runtime`"):
        _chapter(tmp_path, "---\ntitle: T\nruntime: shiny\n---\n")


def test_two_cells_of_one_label_are_refused(tmp_path: Path):
    cell = "```{python}\n#| label: fig-a\n1\n```\n\n"
    with pytest.raises(BookError, match="first is at line 1"):
        _chapter(tmp_path, cell * 2)


def test_included_text_keeps_its_own_lines(tmp_path: Path):
    (tmp_path / "part.qmd").write_text("included\n\n{{< video x >}}\n")
    with pytest.raises(Unsupported, match=r"^part\.qmd:3: "):
        _chapter(tmp_path, "# T\n\n{{< include part.qmd >}}\n")
    (tmp_path / "part.qmd").write_text("included\n")
    chapter = _chapter(tmp_path, "# T\n\n{{< include part.qmd >}}\n")
    assert chapter.included == {"part.qmd": "included\n"}
    assert "included" in chapter.blocks[0].text  # type: ignore[union-attr]


def test_code_that_is_only_shown_is_left_alone(tmp_path: Path):
    text = "````markdown\n```{r}\n{{< video x >}}\n```\n````\n\n```{=typst}\n#pagebreak()\n```\n"
    chapter = _chapter(tmp_path, text)
    assert not chapter.executes
    assert [type(block) for block in chapter.blocks] == [Markdown]
