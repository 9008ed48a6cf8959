"""A chapter is taken apart as Quarto does; what is not supported is named with its line."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from cvlib.engine.chapter import Cell, Inline, TextBlock, check_supported, read_chapter
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
    assert isinstance(prose, TextBlock) and (prose.text, prose.line) == ("Text.", 5)
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


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("# Ä\n".encode("latin-1"), "a.qmd:1: not UTF-8 text: byte 0xc4 .*save the file as UTF-8"),
        ("# A\n".encode("utf-16"), "a.qmd:1: not UTF-8 text: it is UTF-16; save"),
        (b"# A\n\0\n", r"a.qmd:2: control character '\\x00': delete it"),
        (b"\n{{< include latin.qmd >}}\n", "latin.qmd:1: not UTF-8 text"),
        (b"\n{{< include ../secret.qmd >}}\n", "a.qmd:2: included file .*outside the project"),
        (b"\n{{< include linked.qmd >}}\n", "a.qmd:2: included file .*outside the project"),
        (b"\n{{< include b.qmd >}}\n{{< include a.qmd >}}\n", "a.qmd:2: .*b.qmd does not exist"),
        (b"{{< include laughs.qmd >}}\n", "laughs.qmd:1: laughs.qmd includes itself"),
        (b"{{< include l0.qmd >}}\n", "over 200 includes in one chapter"),
    ],
)
def test_text_that_cannot_be_taken_is_told_with_its_place(tmp_path: Path, content, words):
    root = tmp_path / "project"
    root.mkdir()
    (tmp_path / "secret.qmd").write_text("kept to oneself\n")
    (root / "linked.qmd").symlink_to(tmp_path / "secret.qmd")
    (root / "latin.qmd").write_bytes("Ä".encode("latin-1"))
    (root / "laughs.qmd").write_text("{{< include laughs.qmd >}}\n")
    for i in range(30):
        (root / f"l{i}.qmd").write_text(f"{{{{< include l{i + 1}.qmd >}}}}\n" * 2)
    (root / "l30.qmd").write_text("")
    (root / "a.qmd").write_bytes(content)
    with pytest.raises(RenderError, match=words):
        check_supported([read_chapter(root, "a.qmd")])


def test_code_that_is_only_shown_is_left_alone(tmp_path: Path):
    text = "````markdown\n```{r}\n{{< video x >}}\n```\n````\n\n```{=typst}\n#pagebreak()\n```\n"
    chapter = _chapter(tmp_path, text)
    assert not chapter.executes
    assert [type(block) for block in chapter.blocks] == [TextBlock]


# ── as Quarto's own reader takes it ─────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ("```{python}\n1\n```\n", ["1"]),
        ("```  {python}\n1\n```\n", ["1"]),
        ('````{python}\n"""\n```\n"""\n````\n', ['"""\n```\n"""']),
        ("```{python}\n1\n````\n", ["1"]),
        ("```{python }\n1\n```\n", ["1"]),
        ("- a\n\n  ```{python}\n  1\n  ```\n", ["1"]),
        ("~~~{python}\n1\n~~~\n", []),
        ("``` { python}\n1\n```\n", []),
        ("````\n```{python}\n1\n```\n````\n", []),
        ("```{python}\n1\n", []),
        ("```{r}\n1\n```\n", []),
    ],
)
def test_a_cell_is_what_quarto_takes_for_one(tmp_path, text, cells):
    (tmp_path / "a.qmd").write_text(text)
    assert [cell.code for cell in read_chapter(tmp_path, "a.qmd").cells] == cells


@pytest.mark.parametrize(
    ("text", "executes"),
    [
        ("```{r}\n1\n```\n", True),
        ("---\njupyter: python3\n---\n", True),
        ("```{mermaid}\ngraph\n```\n\n```{dot}\ngraph\n```\n\n```{ojs}\n1\n```\n", False),
        ("`{python} 1`\n", False),
        ("```python\n1\n```\n", False),
    ],
)
def test_a_chapter_is_executed_where_quarto_would(tmp_path, text, executes):
    (tmp_path / "a.qmd").write_text(text)
    assert read_chapter(tmp_path, "a.qmd").executes is executes


def test_what_quarto_may_take_is_read_and_its_problems_noted_in_order(tmp_path):
    text = "---\nruntime: x\n---\n\n{{< video x >}}\n\n```{python}\n#| colour: red\n1\n```\n"
    (tmp_path / "a.qmd").write_text(text)
    chapter = read_chapter(tmp_path, "a.qmd")
    assert [problem.line for problem in chapter.problems] == [2, 5, 8]
    assert chapter.header == {"runtime": "x"} and chapter.cells[0].options == {"colour": "red"}


def test_an_inline_value_knows_its_file_its_line_and_its_span(tmp_path):
    (tmp_path / "part.qmd").write_text("It is\n`{python} 1 +\n1` here.\n")
    chapter = _chapter(
        tmp_path, "# T\n\n{{< include part.qmd >}}\n`{python} b`\n\n```{python}\n1\n```\n"
    )
    [block, _] = chapter.blocks
    assert isinstance(block, TextBlock)
    assert [i[:3] for i in block.inlines] == [("1 +\n1", "part.qmd", 2), ("b", "a.qmd", 4)]
    assert [block.text[i.start : i.end] for i in block.inlines] == [
        "`{python} 1 +\n1`",
        "`{python} b`",
    ]


def test_an_inline_value_of_a_caption_has_the_line_of_its_option(tmp_path):
    options = '#| label: fig-a\n#| fig-cap:\n#|   - "`{python} a`"\n#|   - "b `{python} a`"\n'
    chapter = _chapter(tmp_path, f"```{{python}}\n{options}1\n```\n")
    assert [caption.text for caption in chapter.cells[0].captions] == [
        "`{python} a`",
        "b `{python} a`",
    ]
    assert chapter.cells[0].asked_in_captions == {"a": Inline("a", "a.qmd", 3, 0, 12)}


def test_a_chapter_says_whether_it_is_frozen_and_what_it_includes(tmp_path):
    (tmp_path / "part.qmd").write_text("part\n")
    chapter = _chapter(tmp_path, "# T\n\n{{< include part.qmd >}}\n")
    assert chapter.freeze is None and chapter.full_text == "# T\n\npart\n\n"
    (tmp_path / "b.qmd").write_text("---\nexecute:\n  freeze: true\n---\n")
    assert read_chapter(tmp_path, "b.qmd").freeze is True


def test_a_chapter_of_nothing_but_an_include_that_is_refused_says_so(tmp_path):
    (tmp_path / "a.qmd").write_text("{{< include x >}}")
    (problem,) = read_chapter(tmp_path, "a.qmd").problems
    assert str(problem).startswith("a.qmd:1: ")
