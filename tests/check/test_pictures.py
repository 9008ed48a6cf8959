"""Pictures are there, can be read, and show something."""

from __future__ import annotations

import io

import matplotlib
import pytest
from PIL import Image

from cvlib.check.pictures import pictures, why_blank
from cvlib.check.submission import Submission
from tests.check.made import CURVE, EXP01, NOTHING, SVG, bad, freeze, make_project, verdicts

CELL = "\n```{python}\n#| label: fig-a\nplot()\n```\n"
SHOWN = "![A [nested] caption.](exp01_files/figure-typst/fig-a-output-1.svg){#fig-a}\n"
FIGURE = "figure-typst/fig-a-output-1.svg"


def submission(tmp_path, figures: dict[str, str | bytes], exp01: str = EXP01 + CELL) -> Submission:
    project = make_project(tmp_path / "project", exp01=exp01)
    if "```{python}" in exp01:
        freeze(project, "report/exp01.qmd", EXP01 + SHOWN, figures)
    return Submission(project)


def test_a_figure_that_shows_something_passes(tmp_path):
    (found,) = pictures(submission(tmp_path, {FIGURE: CURVE}))
    assert found.verdict == "ok" and found.says.startswith("1 picture files")


@pytest.mark.parametrize(
    ("figures", "says"),
    [
        ({}, "is not there"),
        ({FIGURE: NOTHING}, "is empty"),
        ({FIGURE: "<svg"}, "cannot be read"),
    ],
)
def test_a_lost_an_empty_and_a_broken_figure_fail_at_their_cell(tmp_path, figures, says):
    (found,) = bad(pictures(submission(tmp_path, figures)))
    assert says in found.says and found.label == "fig-a"
    assert (found.file, found.line) == ("report/exp01.qmd", 6)
    assert "cvlib render exp01 --fresh" in found.to_do


def test_a_picture_of_ones_own_that_is_not_there_fails_at_its_line(tmp_path):
    text = EXP01 + "\n![Set-up](photo.jpg)\n\n![Root](/photo.jpg)\n"
    found = bad(pictures(submission(tmp_path, {}, text)))
    assert [(f.file, f.line) for f in found] == [("report/exp01.qmd", 5), ("report/exp01.qmd", 7)]


def test_a_picture_on_the_web_is_not_looked_for(tmp_path):
    text = EXP01 + "\n[Elsewhere](https://example.org/a.png)\n"
    assert verdicts(pictures(submission(tmp_path, {}, text))) == ["ok"]


def test_an_unfrozen_chapter_is_said_not_to_be_checked(tmp_path):
    project = make_project(tmp_path / "project", exp01=EXP01 + CELL)
    assert verdicts(pictures(Submission(project))) == ["unchecked", "ok"]


@pytest.mark.parametrize(
    ("inside", "empty"),
    [
        ("", True),
        ('<path d=""/>', True),
        ('<rect width="100%" height="100%" fill="white"/>', True),
        ('<path d="M 0 30 L 120 30 L 120 0 L 0 0 z" style="fill: white"/>', True),
        ('<defs><path d="M0 0 L9 9"/></defs>', True),
        ('<path d="M0 0 L9 9" style="fill: none; stroke: none"/>', True),
        ('<g style="display: none"><path d="M0 0 L9 9"/></g>', True),
        ("<text>words</text>", False),
        ('<rect width="9" height="9"/>', False),
        ('<g><g><path d="M0 0 L9 9" style="fill: none; stroke: black"/></g></g>', False),
    ],
)
def test_an_svg_is_empty_when_nothing_is_painted(tmp_path, inside, empty):
    (tmp_path / "a.svg").write_text(SVG.format(inside))
    assert (why_blank(tmp_path / "a.svg") is not None) == empty


@pytest.mark.parametrize(
    ("draw", "empty"),
    [
        (lambda left, right: left.plot([0, 1]) and right.plot([1, 0]), False),
        (lambda left, right: left.bar([0, 1], [1, 2]) and right.scatter([0], [1]), False),
        (lambda left, right: left.imshow([[0, 1]]) and right.fill_between([0, 1], [1, 2]), False),
        (lambda left, right: left.plot([0, 1]) and right.set_axis_off(), False),
        (lambda left, right: left.plot([0, 1]), True),
        (lambda left, right: left.plot([0, 1]) and right.plot([float("nan")] * 2), True),
        (lambda left, right: left.plot([0, 1]) and right.set_title("Width"), True),
    ],
)
def test_a_panel_of_matplotlib_without_data_is_noticed(tmp_path, draw, empty):
    from matplotlib.figure import Figure

    with matplotlib.rc_context({"axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure((4, 2))
        draw(*figure.subplots(1, 2))
    figure.savefig(tmp_path / "a.svg")
    found = why_blank(tmp_path / "a.svg")
    assert (found is not None) == empty
    assert not empty or "1 of its panels" in str(found)


def test_pixels_of_one_colour_are_empty_and_a_thin_line_is_not(tmp_path):
    for name, line in (("a.png", False), ("b.png", True)):
        image = Image.new("RGB", (400, 300), "white")
        if line:
            image.paste("black", (0, 150, 400, 151))
        image.save(tmp_path / name)
    assert why_blank(tmp_path / "a.png") == "is of one colour"
    assert why_blank(tmp_path / "b.png") is None


def test_a_png_that_was_cut_short_cannot_be_read(tmp_path):
    buffer = io.BytesIO()
    Image.effect_noise((300, 300), 50).save(buffer, "PNG")
    (tmp_path / "a.png").write_bytes(buffer.getvalue()[:2000])
    assert "cannot be read" in str(why_blank(tmp_path / "a.png"))
