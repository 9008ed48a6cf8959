from __future__ import annotations

import base64
import io
import warnings

import numpy as np
import pytest
from matplotlib.font_manager import findfont

from cvlib.journal import experiment
from cvlib.journal.accuracy_against_time import place_labels
from cvlib.journal.embedding import push_apart, uncovered
from cvlib.journal.errors import JournalError
from cvlib.journal.figure import LINES, TEXT_WIDTH, _letters_of, new_figure, styled
from cvlib.journal.lines import spread_apart
from cvlib.results.store import Store
from tests.journal.made import planned, write

FIGURES = ("learning_curves", "ablation", "accuracy_against_time")


@pytest.fixture(scope="module", params=FIGURES)
def figure(request, filled):
    return getattr(experiment("exp01", root=filled.root), request.param)()


def visible_texts(figure):
    import matplotlib.text

    return [t for t in figure.findobj(matplotlib.text.Text) if t.get_text() and t.get_visible()]


def letters(text, renderer):
    """Box of an annotation's letters, its arrow left out."""
    import matplotlib.text

    return matplotlib.text.Text.get_window_extent(text, renderer)


def test_figure_is_as_wide_as_the_text_and_keeps_inside(figure):
    assert figure.get_size_inches()[0] == TEXT_WIDTH
    box = figure.get_tightbbox(figure.canvas.get_renderer())
    width, height = figure.get_size_inches()
    assert box.x0 >= -0.01 and box.y0 >= -0.01
    assert box.x1 <= width + 0.01 and box.y1 <= height + 0.01


def test_same_results_give_the_same_bytes(exp):
    for name in FIGURES:
        first, second = (getattr(exp, name)("base", "wide", "flip") for _ in range(2))
        svg = first.drawn("svg")
        assert svg == second.drawn("svg") == first.drawn("svg")
        assert b"<dc:date>" not in svg
        assert first.drawn("png") == second.drawn("png")


def test_notebook_shows_the_figure_once_at_full_width(figure):
    # as Quarto sets a kernel up: printers for every matplotlib figure, cropping
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.core.pylabtools import select_figure_formats
    from IPython.utils.capture import capture_output

    shell = InteractiveShell.instance()
    select_figure_formats(shell, {"retina", "svg"})
    with capture_output() as captured:
        data, _ = shell.display_formatter.format(figure)
    assert data == {}
    (shown,) = captured.outputs
    assert f'width="{TEXT_WIDTH * 72:g}pt"' in shown.data["image/svg+xml"]
    assert "<text" not in shown.data["image/svg+xml"]  # letters are outlines
    from PIL import Image

    with Image.open(io.BytesIO(base64.b64decode(shown.data["image/png"]))) as picture:
        assert picture.width == int(TEXT_WIDTH * 192)  # twice the screen's 96 dots an inch


def test_no_letter_is_smaller_than_seven_points(figure):
    assert min(text.get_fontsize() for text in visible_texts(figure)) >= 7


def test_names_of_lines_do_not_cover_each_other(exp):
    figure = exp.learning_curves()
    renderer = figure.canvas.get_renderer()
    for axes in figure.axes:
        boxes = [letters(text, renderer) for text in axes.texts]
        names = sorted(text.get_text() for text in axes.texts)
        assert "base" in names and len(names) >= 2
        for i, one in enumerate(boxes):
            for other in boxes[:i]:
                overlap = min(one.y1, other.y1) - max(one.y0, other.y0)
                assert overlap <= 1.5  # the empty rim of a letter's box


def test_names_of_points_do_not_cover_each_other_or_leave_the_axes(exp):
    figure = exp.accuracy_against_time()
    renderer = figure.canvas.get_renderer()
    (axes,) = figure.axes
    inside = axes.get_window_extent(renderer)
    boxes = [letters(text, renderer) for text in axes.texts]
    assert len(boxes) == 13
    for i, one in enumerate(boxes):
        assert inside.x0 - 1 <= one.x0 and one.x1 <= inside.x1 + 1
        for other in boxes[:i]:
            assert not one.overlaps(other)


def test_more_than_five_variants_get_a_panel_a_factor(exp):
    figure = exp.learning_curves(metrics=("val_accuracy",))
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert [title for title in titles if title] == [
        "depth", "width", "kernel size", "norm", "dropout", "augmentation",
    ]  # fmt: skip
    assert len(exp.learning_curves("base", "wide").axes) == 2


def test_ablation_shows_the_differences_of_the_sentences(exp):
    figure = exp.ablation()
    left = figure.axes[0]
    points = sorted(float(line.get_xdata()[0]) for line in left.lines if line.get_marker() == "o")
    expected = sorted(float(exp.difference(v)) for v in exp.variants if v.name != "base")
    assert points == pytest.approx(expected)


def test_stale_results_are_said_in_the_figure(project):
    for run in planned(project):
        if run.variant == "wide":
            Store(project.runs).remove(str(run.key))
            write(project, run, code={"cvlib.training.loop": "0"})
    exp = experiment("exp01", root=project.root)
    for name in FIGURES:
        texts = [
            text.get_text() for text in visible_texts(getattr(exp, name)("base", "wide", "no_norm"))
        ]
        assert "32 channels†" in texts
        assert any("stale" in text and "32 channels" in text for text in texts)


def test_variant_without_results_is_named_below_the_figure(project):
    for run in planned(project):
        if run.variant == "no_norm":
            Store(project.runs).remove(str(run.key))
    exp = experiment("exp01", root=project.root)
    for name in FIGURES:
        texts = [
            text.get_text() for text in visible_texts(getattr(exp, name)("base", "wide", "no_norm"))
        ]
        assert "no norm" not in texts
        assert any("not shown: no norm (missing)" in text for text in texts)


def test_lines_can_be_told_apart_in_grey():
    # by dashes and by marker, whatever their lightness
    assert len({str(style.dashes) for style in LINES}) == len(LINES)
    assert len({style.marker for style in LINES}) == len(LINES)


def test_spread_moves_as_little_as_it_must():
    assert spread_apart([0, 10, 20], gap=5) == [0, 10, 20]
    assert spread_apart([10, 10], gap=4) == [8, 12]
    assert spread_apart([3, 1, 2], gap=2) == [4, 0, 2]


def test_placed_labels_are_apart_where_there_is_room():
    generator = np.random.default_rng(0)
    points = generator.uniform(60, 540, (14, 2))
    sizes = np.column_stack([generator.uniform(20, 60, 14), np.full(14, 11.0)])
    corners = place_labels(points, sizes, [], (0, 0, 600, 600), near=6)
    for i in range(14):
        for j in range(i):
            apart = (corners[i] + sizes[i] <= corners[j]) | (corners[j] + sizes[j] <= corners[i])
            assert apart.any()


def crowd(names, width, height):
    generator = np.random.default_rng(names)
    centres = generator.normal((width / 2, height / 2), (width / 5, height / 5), (names, 2))
    sizes = np.column_stack([generator.uniform(9, 18, names), np.full(names, 9.0)])
    return centres, sizes


@pytest.mark.parametrize("names", [10, 47, 100])
def test_names_in_a_crowd_are_pushed_apart_no_further_than_they_must(names):
    centres, sizes = crowd(names, 300, 240)
    placed = push_apart(centres, sizes, (0, 0, 300, 240))
    assert ((placed - sizes / 2 >= 0) & (placed + sizes / 2 <= (300, 240))).all()
    for i in range(names):
        apart = np.abs(placed[i] - placed[:i]) >= (sizes[i] + sizes[:i]) / 2 - 0.02
        assert apart.any(axis=1).all()
    assert uncovered(placed, sizes).all()
    assert np.abs(placed - centres).mean() < 4


def test_two_names_in_one_place_part():
    placed = push_apart(np.array([[50.0, 50.0]] * 2), np.array([[20.0, 8.0]] * 2), (0, 0, 99, 99))
    assert abs(placed[1, 1] - placed[0, 1]) == pytest.approx(8, abs=0.02)


def test_names_without_room_are_left_out_and_the_rest_is_clear():
    centres, sizes = crowd(100, 120, 100)
    placed = push_apart(centres, sizes, (0, 0, 120, 100))
    kept = uncovered(placed, sizes)
    assert 20 < kept.sum() < 100
    assert uncovered(placed[kept], sizes[kept]).all()


def test_a_figure_is_drawn_at_the_size_it_is_shown_at(exp):
    whole, half = exp.accuracy_against_time(), exp.accuracy_against_time(width=0.49, height=2.0)
    assert half.get_size_inches()[0] == pytest.approx(0.49 * whole.get_size_inches()[0])
    assert half.get_size_inches()[1] == 2.0
    assert exp.accuracy_against_time().get_size_inches()[0] == TEXT_WIDTH
    with pytest.raises(JournalError, match="width 2: expected a share"):
        exp.accuracy_against_time(width=2)


# ── letters without a glyph ───────────────────────────────────────────────────────────────────────


def test_a_letter_falls_back_over_the_fonts_that_are_here_and_one_without_glyph_is_noted():
    @styled
    def words(text):
        figure = new_figure(1.0)
        figure.text(0.1, 0.5, text)
        return figure

    own, other = (_letters_of(str(findfont(name))) for name in ("STIXGeneral", "DejaVu Sans"))
    borrowed = min(c for c in other - own if c.isalpha())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = words(f"a {borrowed} b")
        assert figure.without_glyph == "" and "DejaVu Sans" in figure.texts[0].get_fontfamily()
        assert words("plain").texts[0].get_fontfamily() == ["STIXGeneral"]
    lost = words("\U000e0fff猫\U00013000")
    assert lost.without_glyph in (
        "猫\U00013000",
        "猫",
        "\U00013000",
        "",
    )  # as this machine has fonts
    lost.without_glyph = "猫"
    assert b"no glyph: U+732B" in lost.drawn("svg")
