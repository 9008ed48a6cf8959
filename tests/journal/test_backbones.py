"""Chapters whose variants are of every kind: fine-tuned, probed, from scratch, failed, skipped."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from cvlib.analysis.estimate import Estimate, seed_variances, share_variance
from cvlib.journal import experiment
from cvlib.journal.errors import JournalError
from cvlib.results.store import Store
from tests.journal.made_backbones import (
    TEST_IMAGES,
    make_backbones,
    make_stale,
    planned_backbones,
    rewrite,
    write_backbone,
)
from tests.journal.test_figures import letters, visible_texts
from tests.journal.test_table import rows


@pytest.fixture(scope="module")
def layout(tmp_path_factory):
    return make_backbones(tmp_path_factory.mktemp("backbones"))


@pytest.fixture
def exp(layout):
    return experiment("exp02", root=layout.root)


def texts(figure):
    return [text.get_text() for text in visible_texts(figure)]


def cell_texts(axes):
    """Text -> (column, row) of a heat map's main numbers and words."""
    return {
        (round(t.get_position()[0]), round(t.get_position()[1])): t.get_text()
        for t in axes.texts
        if t.get_text() and not t.get_text().startswith("±")
    }


FIGURES = {
    "heat_map": lambda exp: exp.heat_map(),
    "embedding": lambda exp: exp.embedding(),
    "pca": lambda exp: exp.embedding("probe-a", "tuned", method="pca"),
    "few_shot": lambda exp: exp.few_shot(),
    "data_curve": lambda exp: exp.data_curve("CNN", "ViT"),
    "accuracy_against_time": lambda exp: exp.accuracy_against_time(),
    "ablation": lambda exp: exp.ablation(),
}


@pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)
def test_every_figure_keeps_inside_has_no_tiny_letter_and_is_light(exp, draw, recwarn):
    figure = draw(exp)
    box = figure.get_tightbbox(figure.canvas.get_renderer())
    width, height = figure.get_size_inches()
    assert box.x0 >= -0.01 and box.y0 >= -0.01 and box.x1 <= width + 0.01
    assert box.y1 <= height + 0.01
    assert min(text.get_fontsize() for text in visible_texts(figure)) >= 7
    assert len(figure.drawn("svg")) < 200_000 and len(figure.drawn("png")) < 250_000
    assert not [w for w in recwarn if "Glyph" in str(w.message)]


# ── heat map ─────────────────────────────────────────────────────────────────────────────────


def test_cells_of_the_heat_map_are_the_means_of_their_variants(exp):
    axes = exp.heat_map().axes[0]
    assert [t.get_text() for t in axes.get_yticklabels()] == ["cosine", "constant", "one cycle"]
    ticks = [t.get_text() for t in axes.get_xticklabels()]
    assert ticks == ["10⁻⁴", "3×10⁻⁴", "0.001", "0.003"]
    cells = cell_texts(axes)
    assert len(cells) == 12
    for place, name in {(0, 1): "constant-1e-4", (2, 0): "base", (2, 2): "one_cycle-1e-3"}.items():
        mean = 100 * exp.results.variant(name).values("test_accuracy").mean()
        assert cells[place] == f"{mean:.1f}"


def test_half_width_in_a_cell_never_reads_as_nothing(tmp_path):
    layout = make_backbones(tmp_path)
    for run in planned_backbones(layout):
        if run.variant == "base":
            old = Store(layout.runs).read(str(run.key))
            metrics = {**old.metrics, "test_loss": 0.4 + 1e-7 * run.seed}
            rewrite(layout, run, metrics=metrics)
    words = texts(experiment("exp02", root=layout.root).heat_map(metric="test_loss"))
    shown = {word for word in words if word.startswith("±")}
    assert shown and not any(float(word[1:]) == 0 for word in shown)


def test_diverged_cell_says_so_and_best_by_validation_is_outlined(exp):
    axes = exp.heat_map().axes[0]
    assert cell_texts(axes)[(3, 2)] == "diverged"
    frames = [p for p in axes.patches if not p.get_fill()]
    assert len(frames) == 1
    chosen = exp.best("val_accuracy", among=[v.name for v in exp.variants[:12] if v.runs])
    assert chosen.name == "base"  # cosine at 0.001
    assert (round(frames[0].get_x() + 0.47), round(frames[0].get_y() + 0.44)) == (2, 0)


def test_a_schedule_with_warm_up_has_a_row_of_its_own(tmp_path):
    layout = make_backbones(tmp_path)
    path = layout.experiment_file("exp02")
    old = "factor: schedule, set: {train.schedule: {name: constant}"
    new = "factor: schedule, set: {train.schedule: {name: cosine, warmup_epochs: 2}"
    path.write_text(path.read_text().replace(old, new))
    for run in planned_backbones(layout):
        if run.variant.startswith("constant"):
            write_backbone(layout, run)
    exp = experiment("exp02", root=layout.root)
    rows = [t.get_text().replace("\n", " ") for t in exp.heat_map().axes[0].get_yticklabels()]
    assert rows == ["cosine", "cosine, 2 epochs of warm-up", "one cycle"]
    with pytest.raises(JournalError, match="a setting that tells them apart"):
        exp.heat_map(rows="train.schedule.name")


def test_two_variants_in_one_cell_are_an_error_that_names_them(exp):
    with pytest.raises(JournalError, match=r"'base' and 'tuned' both have schedule cosine"):
        exp.heat_map(variants=["base", "tuned"])
    with pytest.raises(JournalError, match=r"no 'train.optimizer.momentum'; train.optimizer has"):
        exp.heat_map(columns="train.optimizer.momentum", variants=["base"])


# ── maps of features ─────────────────────────────────────────────────────────────────────────


def test_each_panel_names_every_class_once_and_names_keep_apart(exp):
    figure = exp.embedding("probe-a", "probe-b", titles=["before", "after"])
    renderer = figure.canvas.get_renderer()
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["before", "after"]
    for axes in figure.axes:
        named = [t for t in axes.texts if t.get_color() != "white"]
        assert len({t.get_text() for t in named}) == len(named) == 10
        assert "T-shirt" in {t.get_text() for t in named}
        boxes = [letters(t, renderer) for t in named]
        for i, one in enumerate(boxes):
            assert not any(one.overlaps(other) for other in boxes[:i])


def test_classes_can_be_told_apart_in_grey():
    from cvlib.journal.figure import class_style

    styles = [class_style(n) for n in range(47)]
    assert len(set(styles)) == 47
    assert len({marker for _, marker in styles[:10]}) == 10  # ten classes: ten shapes


def test_pca_axes_state_their_variance_and_tsne_its_perplexity(exp):
    words = texts(exp.embedding("probe-a", method="pca"))
    assert "PC 1 (23% of variance)" in words and "PC 2 (12%)" in words
    assert any("perplexity 30" in text for text in texts(exp.embedding("probe-a")))
    with pytest.raises(JournalError, match="expected 'tsne' or 'pca'"):
        exp.embedding("probe-a", method="umap")


@pytest.mark.parametrize("classes", [2, 47])
def test_maps_of_few_and_of_many_classes(tmp_path, classes):
    exp = experiment("exp02", root=make_backbones(tmp_path, classes).root)
    figure = exp.embedding("probe-a", "probe-b")
    named = [t.get_text() for t in figure.axes[0].texts if t.get_color() != "white"]
    assert len(named) == classes
    if classes == 47:  # by number, with a key
        assert "46" in named and any("46\xa0texture\xa046" in text for text in texts(figure))
        assert not any("left out" in text for text in texts(figure))
        small = exp.embedding("probe-a", "probe-b", width=0.5, height=3.2)
        renderer = small.canvas.get_renderer()
        boxes = [letters(t, renderer) for t in small.axes[0].texts if t.get_color() != "white"]
        assert 5 < len(boxes) < 47
        note = " ".join(texts(small)).replace("\n", " ")
        assert "names that would cover others are left out" in note
        for i, one in enumerate(boxes):
            assert not any(one.overlaps(other) for other in boxes[:i])
    box = figure.get_tightbbox(figure.canvas.get_renderer())
    assert box.y0 >= -0.01 and box.x1 <= figure.get_size_inches()[0] + 0.01


def test_at_most_four_maps_and_only_where_there_are_any(exp):
    with pytest.raises(JournalError, match="name at most 4"):
        exp.embedding("probe-a", "probe-b", "tuned", "probe-a", "tuned")
    with pytest.raises(JournalError, match="base kept no map"):
        exp.embedding("base")


# ── few shots, growing data ──────────────────────────────────────────────────────────────────


def test_few_shot_line_is_the_mean_over_seeds_and_draws_and_ends_at_all(exp):
    axes = exp.few_shot("probe-a").axes[0]
    line = max(axes.lines, key=lambda one: len(one.get_xdata()))
    assert [t.get_text() for t in axes.get_xticklabels()] == ["1", "5", "10", "50", "all"]
    runs = exp.results.variant("probe-a").runs.values()
    of_five = [
        100 * r["accuracy"] for run in runs for r in run.tables["few_shot"] if r["shots"] == 5
    ]
    assert len(of_five) == 6
    assert line.get_ydata()[1] == pytest.approx(np.mean(of_five))
    assert line.get_ydata()[-1] == pytest.approx(float(exp.accuracy("probe-a")))
    shown = exp.few_shot_accuracy("probe-a", 5)
    seeds = seed_variances([np.array(of_five)])[0].variance / 6
    images = 1e4 * share_variance(np.mean(of_five) / 100, TEST_IMAGES)
    # nothing tells other variants' spread of five shots: the degrees of freedom are its own
    expected = Estimate(np.mean(of_five), seeds, images, df=5)
    assert (shown.low, shown.high) == pytest.approx(
        (expected.interval().low, expected.interval().high)
    )


def test_variant_without_few_shots_says_what_to_set(exp):
    with pytest.raises(JournalError, match=r"set train\.shots"):
        exp.few_shot("base")
    with pytest.raises(JournalError, match=r"not probed with 7 images a class; there is: 1, 5"):
        exp.few_shot_accuracy("probe-a", 7)


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    """Of probe-a 50 a class are left out and a seed is missing, of probe-b nothing random is left."""
    layout = make_backbones(tmp_path_factory.mktemp("few"))
    for run in planned_backbones(layout):
        if run.variant not in ("probe-a", "probe-b"):
            continue
        old = Store(layout.runs).read(str(run.key))
        if run.variant == "probe-a" and run.seed:
            Store(layout.runs).remove(str(run.key))
        elif run.variant == "probe-a":
            kept = [row for row in old.tables["few_shot"] if row["shots"] < 50]
            left_out = [{"shots": 50, "reason": "class 3 has 31 training images"}]
            tables = {**old.tables, "few_shot": kept, "few_shot_left_out": left_out}
            rewrite(layout, run, tables=tables)
        else:
            same = [{**row, "accuracy": 0.5} for row in old.tables["few_shot"]]
            rewrite(layout, run, tables={**old.tables, "few_shot": same})
    return experiment("exp02", root=layout.root)


def test_counts_that_the_data_cannot_fill_are_said_below_the_curve(few):
    note = " ".join(texts(few.few_shot("probe-a", "probe-b"))).replace("\n", " ")
    assert "left out: 50 a class (class 3 has 31 training images) of probe of A" in note
    alone = few.few_shot("probe-a")
    assert [t.get_text() for t in alone.axes[0].get_xticklabels()] == ["1", "5", "10", "all"]
    assert "(class 3 has 31 training images);" in " ".join(texts(alone)).replace("\n", " ") + ";"
    assert "left out" not in " ".join(texts(few.few_shot("probe-b")))


def test_a_count_left_out_reads_so_and_is_no_number(few):
    shown = few.few_shot_accuracy("probe-a", 50)
    assert str(shown) == "left out (too few images a class)"
    with pytest.raises(JournalError, match="class 3 has 31 training images"):
        float(shown)
    with pytest.raises(JournalError, match="not probed with 7"):
        few.few_shot_accuracy("probe-a", 7)


def test_few_shot_accuracy_says_when_seeds_are_missing_or_do_not_differ(few):
    assert str(few.few_shot_accuracy("probe-a", 5)).endswith("% (1 of 2 seeds)")
    same = few.few_shot_accuracy("probe-b", 5)
    assert str(same) == "50.0 ± 4.9% (interval over images)"


def test_all_stands_at_what_the_probe_was_fitted_on(exp, monkeypatch):
    def of_all():
        figure = exp.few_shot("probe-a")
        line = max(figure.axes[0].lines, key=lambda one: len(one.get_xdata()))
        return figure, line.get_xdata()[-1]

    figure, place = of_all()
    assert place == pytest.approx((1800 + 200) / 10), "as an earlier cvlib refitted it"
    for run in exp["probe-a"].runs.values():
        monkeypatch.setitem(run.metrics, "fitted_images", 1800)
    assert of_all()[1] == pytest.approx(180)
    note = " ".join(texts(figure)).replace("\n", " ")
    assert "all: the probe itself, the rest on the shots alone" in note


def test_a_table_shows_c_and_between_which_it_could_have_been(exp, monkeypatch):
    def cells():
        return {row[1]: row[-1] for row in rows_by_position(exp.table("accuracy", "c"))}

    assert cells()["probe of A"] == "0.01", "as an earlier cvlib kept it"
    assert cells()["fine-tuned"] == "–", "which has no C"
    for run in exp["probe-a"].runs.values():
        monkeypatch.setitem(run.metrics, "c_low", 0.0031)
        monkeypatch.setitem(run.metrics, "c_high", 0.031)
    assert cells()["probe of A"].replace("\\", "") == "0.01 [0.0031, 0.031]"


def test_data_curve_has_a_line_a_family_over_its_sizes(exp):
    axes = exp.data_curve({"CNN": ["scratch-8000", "scratch-500", "scratch-2000"]}, "ViT").axes
    lines = [line for line in axes[0].lines if len(line.get_xdata()) == 3]
    sizes = [450, 1800, 7200]
    assert [list(line.get_xdata()) for line in lines] == [sizes, sizes]
    assert lines[0].get_ydata()[0] == pytest.approx(float(exp.accuracy("scratch-500")))
    assert [t.get_text() for t in axes[0].texts] == ["CNN", "ViT"]


def test_a_line_is_marked_stale_where_another_is_not(tmp_path):
    layout = make_backbones(tmp_path)
    make_stale(layout, "vit-500", "vit-2000", "vit-8000")
    exp = experiment("exp02", root=layout.root)
    assert [t.get_text() for t in exp.data_curve("CNN", "ViT").axes[0].texts] == ["CNN", "ViT†"]
    alone = exp.data_curve("ViT")
    assert [t.get_text() for t in alone.axes[0].texts] == ["ViT"]
    assert any("all results shown are stale" in text for text in texts(alone))


def test_data_curve_refuses_two_variants_at_one_size(exp):
    with pytest.raises(JournalError, match="'scratch-500' and 'vit-500' are on one line"):
        exp.data_curve({"both": ["scratch-500", "vit-500"]})
    with pytest.raises(JournalError, match=r"no factor 'MLP'; it has: schedule"):
        exp.data_curve("MLP")


def test_gain_of_a_doubling_and_images_to_match_are_read_off_the_curve(exp):
    family = ["vit-8000", "vit-500", "vit-2000"]
    means = [100 * exp[v].mean("test_accuracy") for v in ("vit-500", "vit-2000", "vit-8000")]
    shown = exp.gain_per_doubling(*family)
    assert shown.value == pytest.approx(np.polyfit(np.log2([450, 1800, 7200]), means, 1)[0])
    ends = exp.difference("vit-8000", "vit-500")
    # of three evenly spaced sizes the slope is that from the first to the last, four doublings on
    assert (shown.low, shown.high) == pytest.approx((ends.low / 4, ends.high / 4), rel=0.02)
    assert str(shown).startswith("+") and str(shown).endswith("points")
    assert str(exp.images_to_match("scratch-8000", *family)) == "more than 7,200"
    assert str(exp.images_to_match("vit-500", "scratch-500", "scratch-2000")) == "fewer than 450"
    assert 1800 < float(exp.images_to_match("scratch-500", *family)) < 7200
    assert str(exp.images_to_match("dino", *family)) == "skipped"
    with pytest.raises(JournalError, match="two numbers of training images"):
        exp.gain_per_doubling("vit-500")


# ── probes among trained networks ────────────────────────────────────────────────────────────


def test_probe_without_random_part_has_its_interval_over_images_alone(exp):
    shown = exp.accuracy("probe-a")
    right = exp.predictions("probe-a", 0).correct
    assert str(shown).endswith("% (interval over images)")
    # Agresti and Caffo's: as if a few more images had been seen
    normal = 196 * right.std() / len(right) ** 0.5
    assert normal < shown.high - shown.value < 1.05 * normal
    table = str(exp.table("accuracy", "difference", variants=["base", "probe-a", "probe-b"]))
    assert f"{rows(table)['probe of A'][2]}% " in str(shown)
    assert "probe of A and probe of B: no random part, the same for every seed." in table


def test_two_probes_differ_with_an_interval_over_images(exp):
    a, b = (exp.predictions(v, 0).correct.astype(int) for v in ("probe-a", "probe-b"))
    normal = 196 * (a - b).std() / len(a) ** 0.5
    shown = exp.difference("probe-a", "probe-b")
    assert shown.value == pytest.approx(100 * (a - b).mean())
    assert normal < shown.high - shown.value < 1.05 * normal
    assert str(shown).endswith("points (interval over images)")
    assert float(exp.compare("probe-a", "probe-b")) < 1
    table = exp.table("difference", variants=["probe-a", "probe-b"], reference="probe-b")
    assert "‡" in rows(table)["probe of A"][2] and "‡ neither has a random part" in str(table)


def test_runs_that_differ_by_seed_are_not_called_the_same(exp):
    assert not exp["base"].is_deterministic and exp["probe-a"].is_deterministic


def test_probe_is_fast_to_a_target_and_has_no_epochs(exp):
    columns = ("epochs_to", "seconds_to", "epochs_to_own", "seconds_to_own", "knn", "ridge")
    table = exp.table(*columns, "extract_seconds", "best_epoch", target=0.8)
    probe, base = rows(table)["probe of A"], rows(table)["fine-tuned"]
    mean = exp["probe-a"].values("train_seconds").mean()
    assert probe[2:] == ["–", f"{mean:.1f}", "–", "–", "77.0 ± 4.2", "80.0 ± 4.0", "2.2", "–"]
    assert base[2] == "2.0" and base[4] == "3.0" and base[6:9] == ["–", "–", "–"]
    assert "a probe is there when it is done" in str(table)
    assert str(exp.seconds_to("probe-a", 0.8)) == f"{mean:.1f} s"
    assert str(exp.seconds_to("probe-a", 0.99)) == "not reached"
    assert str(exp.epochs_to("base", 0.8)) == "2.0 epochs"


def test_seconds_to_own_best_are_those_of_the_history(exp):
    own = []
    for run in exp["base"].runs.values():
        best = max(row["val_accuracy"] for row in run.history)
        seconds = 0.0
        for row in run.history:
            seconds += row["seconds"]
            if row["val_accuracy"] >= 0.95 * best:
                break
        own.append(seconds)
    assert float(exp.seconds_to("base")) == pytest.approx(np.mean(own))


def test_common_target_is_set_by_the_best_run_shown(exp):
    shown = ["base", "probe-a", "scratch-500"]
    best = max(
        max([row["val_accuracy"] for row in run.history] or [run.metrics["val_accuracy"]])
        for name in shown
        for run in exp[name].runs.values()
    )
    target = exp.common_target(*shown)
    assert float(target) == pytest.approx(95 * best, abs=0.05)
    table = exp.table("seconds_to", "epochs_to", variants=shown, target="common")
    assert f"Seconds to {target}" in str(table) and "best of all runs shown" in str(table)
    found = rows(table)
    assert found["CNN 500"][2:] == ["not reached", "not reached"]
    assert found["probe of A"][2:] == ["not reached", "–"]
    seconds = exp.seconds_to("base", "common", among=shown)
    assert str(seconds) == f"{found['fine-tuned'][2]} s"
    # among probes a probe sets it, and is there when it is done
    alone = exp.seconds_to("probe-a", "common", among=["probe-a"])
    assert float(alone) == pytest.approx(exp["probe-a"].values("train_seconds").mean())
    for wrong in ("best", 80):
        with pytest.raises(JournalError, match=f"target {wrong!r}: expected a share"):
            exp.table("seconds_to", target=wrong)


def test_column_of_epochs_is_said_only_where_it_stands(exp):
    assert "epochs until" not in str(exp.table("seconds_to", target=0.8))
    assert "epochs until" in str(exp.table("epochs_to", target=0.8))


def test_a_single_seed_that_got_there_is_one_seed(tmp_path):
    layout = make_backbones(tmp_path)
    for run in planned_backbones(layout):
        if run.variant == "base" and run.seed:
            old = Store(layout.runs).read(str(run.key))
            low = [{**row, "val_accuracy": 0.1} for row in old.history]
            rewrite(layout, run, history=low)
    exp = experiment("exp02", root=layout.root)
    table = rows(exp.table("seconds_to", variants=["base", "tuned"], target=0.8))
    assert table["fine-tuned"][2].endswith("(1 seed)")
    assert str(exp.seconds_to("base", 0.8)).endswith("(1 of 2 seeds)")


def test_table_of_an_experiment_without_a_base_has_no_difference(tmp_path):
    layout = make_backbones(tmp_path)
    path = layout.experiment_file("exp02")
    path.write_text(path.read_text().replace("  base: {label", "  first: {label"))
    table = str(experiment("exp02", root=layout.root).table())
    assert "Δ" not in table and "parameters: those that are trained, of a probe its head" in table


def test_column_that_no_row_has_is_an_error(exp):
    with pytest.raises(JournalError, match="no metric 'knn_10_accuracy'"):
        exp.table("knn", variants=["base"])


def test_learning_curves_leave_probes_out_and_say_so(exp):
    words = texts(exp.learning_curves("base", "probe-a"))
    assert "probe of A" not in words
    assert any("without epochs, so not shown: probe of A" in text for text in words)
    with pytest.raises(JournalError, match="have no epochs"):
        exp.learning_curves("probe-a", "probe-b")
    with pytest.raises(JournalError, match="is not trained in epochs"):
        exp.last_epoch("val_accuracy", "probe-a")


def test_accuracy_against_time_and_ratio_include_probes(exp):
    assert "probe of A" in texts(exp.accuracy_against_time())
    assert float(exp.ratio("train_seconds", "probe-a")) < 0.2
    assert exp.compare("probe-a").verdict == "worse"


# ── choosing ─────────────────────────────────────────────────────────────────────────────────


def test_front_is_what_nobody_beats_and_reads_as_labels(exp):
    found = exp.pareto()
    seconds = {v.name: v.values("train_seconds").mean() for v in exp.variants if v.runs}
    accuracy = {v.name: v.values("test_accuracy").mean() for v in exp.variants if v.runs}
    for name in seconds:
        beaten = any(
            seconds[o] <= seconds[name]
            and accuracy[o] >= accuracy[name]
            and (seconds[o], accuracy[o]) != (seconds[name], accuracy[name])
            for o in seconds
        )
        assert (name in [v.name for v in found]) == (not beaten)
    assert str(found).startswith("probe of A, probe of B, fine-tuned")


def test_trade_off_is_the_quickest_within_reach_of_the_best(exp):
    assert exp.trade_off(0.0).name == exp.best(by="val_accuracy").name
    assert exp.trade_off(5.0).name == "probe-b"
    assert exp.trade_off(50.0).name == "probe-a"
    assert str(exp.seconds(exp.trade_off(5.0))) == str(exp.seconds("probe-b"))
    with pytest.raises(JournalError, match="expected points"):
        exp.trade_off(-1.0)


# ── words and counts ─────────────────────────────────────────────────────────────────────────


def test_counts_that_differ_by_variant_are_a_range(exp):
    assert str(exp.images("train")) == "450–7,200"
    assert str(exp.images("train", "scratch-500")) == "450"
    assert str(exp.images("test")) == "400" and str(exp.epochs) == "5"
    with pytest.raises(ValueError):
        float(exp.images("train"))


def test_a_probe_whose_solver_stopped_early_is_named_below_its_tables(tmp_path):
    layout = make_backbones(tmp_path)
    exp = experiment("exp02", root=layout.root)
    assert "minimum" not in str(exp.table()) + str(exp.separability())
    first, *others = (run for run in planned_backbones(layout) if run.variant == "probe-a")
    old = Store(layout.runs).read(str(first.key))
    rewrite(layout, first, metrics={**old.metrics, "converged": 0})
    exp = experiment("exp02", root=layout.root)
    said = f"the solver of the probe stopped before its minimum (1 of {1 + len(others)} seeds)"
    assert said in str(exp.table()) and said in str(exp.separability())


def test_settings_read_as_in_the_yaml(exp):
    assert str(exp.setting("train.optimizer.lr")) == "0.001"
    assert str(exp.setting("train.optimizer.lr", "constant-3e-4")) == "3×10⁻⁴"
    assert str(exp.setting("train.schedule.name", "one_cycle-1e-3")) == "one cycle"
    assert str(exp.setting("model.name", "dino")) == "vit_small_patch14_dinov2.lvd142m"
    assert str(exp.setting("train.mode", "probe-a")) == "linear probe"
    with pytest.raises(JournalError, match=r"train has: mode"):
        exp.setting("train.optimizer.lr", "probe-a")


def test_separability_table_names_the_classes_that_overlap(exp):
    table = exp.separability()
    found = {row[0]: row for row in (line for line in rows_by_position(table))}
    assert found["probe of A"][-1] == "T-shirt / Shirt 21%, Pullover / Coat 16%"
    assert found["probe of A"][2] == "60.0 ± 2.1"  # over images, as stored
    assert found["probe of A"][3] == "77.0 ± 4.2" and found["B after fine-tuning"][3] == "–"
    assert str(exp.overlap("probe-a")) == "T-shirt / Shirt 21%"
    assert "no random part" in str(table) and "2 seeds" in str(table)
    assert "Linear probe (%)" in str(exp.separability("probe-a", "probe-b"))
    with pytest.raises(JournalError, match="kept no measure"):
        exp.separability("base")


def test_silhouette_has_the_interval_of_the_table_in_sentences(tmp_path):
    layout = make_backbones(tmp_path)
    for run in planned_backbones(layout):
        if run.variant == "tuned":
            old = Store(layout.runs).read(str(run.key))
            rewrite(layout, run, metrics={**old.metrics, "silhouette": 0.3 + 0.02 * run.seed})
    exp = experiment("exp02", root=layout.root)
    probe, tuned = (exp.metric("silhouette", name) for name in ("probe-a", "tuned"))
    # nothing random: over the images, as stored; else over the seeds
    assert probe.high - probe.value == pytest.approx(0.013)
    assert str(probe).endswith(" ± 0.013 (interval over images)")
    spread = seed_variances([np.array([0.30, 0.32])])[0]
    expected = Estimate(0.31, spread.variance / 2, (0.013 / 1.959964) ** 2, df=1).interval()
    assert (tuned.low, tuned.high) == pytest.approx((expected.low, expected.high))
    table = exp.separability("probe-a", "tuned")
    found = {row[0]: row for row in rows_by_position(table)}
    assert found["probe of A"][1].endswith("± 0.01")
    assert found["B after fine-tuning"][1] == f"0.31 ± {expected.half_width:.2f}"
    over = "mean ± 95% interval over seeds and images, 2 seeds (over images where no seeds differ)"
    assert over in str(table)
    assert "95% interval over test images" in str(exp.separability("probe-a", "probe-b"))
    assert str(exp.accuracy("probe-a", "knn_purity")) == "60.0 ± 2.1% (interval over images)"


def rows_by_position(text):
    lines = [line for line in str(text).splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_protocol_is_a_line_for_each_that_differs(exp):
    assert str(exp.protocol()).count("\n- **") == 1
    assert str(exp.protocol("probe-a")).startswith("Protocol of probe of A: average pool")
    with pytest.raises(JournalError, match="no protocol"):
        exp.protocol("base")


# ── comparisons beyond the base ──────────────────────────────────────────────────────────────


def test_any_variant_may_be_the_reference(exp):
    found = exp.comparisons("probe-a", "tuned", reference="probe-b")
    assert list(found) == ["probe-a", "tuned"]
    assert found["probe-a"].difference.value == pytest.approx(
        float(exp.difference("probe-a", "probe-b"))
    )
    table = exp.table("difference", "p", variants=["probe-a", "probe-b"], reference="probe-b")
    assert rows(table)["probe of B"][2:] == ["–", "–"]


def test_table_of_comparisons_says_who_is_missing_and_why(tmp_path):
    layout = make_backbones(tmp_path)
    for run in planned_backbones(layout):
        if run.variant == "tuned" and run.seed:
            Store(layout.runs).remove(str(run.key))
    make_stale(layout, "probe-a")
    exp = experiment("exp02", root=layout.root)
    found = exp.comparisons("probe-a", "tuned", "dino", "one_cycle-3e-3")
    text = str(found)
    assert "over seeds and test images; 1–2 seeds a variant" in text
    assert "adjusted for 2 comparisons (Holm)" in text
    assert "probe of A†" in text and "† Stale: probe of A: code changed since" in text
    assert "Skipped: DINOv2: no weights of" in text
    assert "one\\_cycle 3e-3: no result, failed: training loss is nan" in text
    assert "B after fine-tuning: 1 of 2 seeds, missing" in text
    assert str(found["dino"]) == "skipped"
    with pytest.raises(JournalError, match=r"no comparison of 'dune'; there is: .*skipped: dino"):
        found["dune"]
    with pytest.raises(JournalError, match="training loss is nan"):
        found["one_cycle-3e-3"]


def test_variants_of_two_experiments_are_compared_on_the_same_images(tmp_path):
    layout = make_backbones(tmp_path)
    path = layout.experiment_file("exp02")
    other = path.with_name("exp03.yaml")
    other.write_text(path.read_text().replace("title: Backbones", "title: Others"))
    one, two = (experiment(name, root=layout.root) for name in ("exp02", "exp03"))
    across = one.compare(one["tuned"], two["probe-a"])
    assert across.p == one.compare("tuned", "probe-a").p
    assert one.difference("tuned", two["probe-a"]).value == one.difference("tuned", "probe-a").value
    # the same name in another experiment is another variant
    assert one.compare("base", two["base"]).verdict == "not told apart"
    with pytest.raises(JournalError, match="compared with itself"):
        one.compare("base", one["base"])


def test_another_dataset_with_the_same_ids_is_not_compared(tmp_path):
    from tests.journal.made_backbones import note

    layout = make_backbones(tmp_path)
    path = layout.experiment_file("exp02")
    path.write_text(path.read_text().replace("subset: 8000}}", "name: cifar10}}", 1))
    note(layout)
    run = next(r for r in planned_backbones(layout) if r.variant == "scratch-8000")
    other = experiment("exp02", root=layout.root)
    assert run.spec.dataset.name == "cifar10"
    for seed in (0, 1):
        write_backbone(layout, planned_backbones(layout)[_place(layout, "scratch-8000") + seed])
    with pytest.raises(JournalError, match="not tested on the same images"):
        other.compare("scratch-8000")


def _place(layout, name):
    return [r.variant for r in planned_backbones(layout)].index(name)


def test_stale_probe_is_marked_in_the_new_figures(tmp_path):
    layout = make_backbones(tmp_path)
    make_stale(layout, "probe-a")
    exp = experiment("exp02", root=layout.root)
    assert "probe of A†" in texts(exp.few_shot())
    assert "probe of A†" in texts(exp.embedding("probe-a", "probe-b"))
    assert "probe of A†" in str(exp.separability())
    assert str(exp.overlap("probe-a")).endswith("†")


def test_a_chapter_on_backbones_imports_no_torch_and_no_pyplot(layout):
    program = (
        "import sys; from pathlib import Path; from cvlib.journal import experiment; "
        f"exp = experiment('exp02', root=Path({str(layout.root)!r})); "
        "exp.heat_map(); exp.embedding(); exp.few_shot(); exp.data_curve('CNN'); "
        "exp.separability(); exp.protocol(); exp.skipped(); exp.pareto(); exp.trade_off(); "
        "print([m for m in ('torch', 'timm', 'sklearn', 'matplotlib.pyplot') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_predictions_of_a_run_are_read_once_a_chapter_and_not_to_count_images(layout, monkeypatch):
    from collections import Counter

    from cvlib.results.run import Run

    read = Counter()
    predictions = Run.predictions
    monkeypatch.setattr(
        Run, "predictions", lambda run: (read.update([run.key]), predictions(run))[1]
    )
    exp = experiment("exp02", root=layout.root)
    assert str(exp.images("test")) == "400" and not read
    probes = ["probe-a", "probe-b"]
    exp.table("accuracy", "difference", "p", variants=["base", *probes])
    exp.comparisons(*probes)
    exp.comparisons(*probes, reference="tuned")
    exp.few_shot()
    exp.separability()
    exp.ablation(*probes, reference="tuned")
    assert set(read.values()) == {1}


def test_what_the_data_was_too_small_for_is_left_out_with_the_reason(tmp_path):
    layout = make_backbones(tmp_path)
    few = "there are 15 images to find 20 neighbours among"
    small = "t-SNE needs at least 5 test images, got 4"
    for run in planned_backbones(layout):
        if run.variant == "probe-a":
            old = Store(layout.runs).read(str(run.key))
            gone = ("knn_20_accuracy", "silhouette", "silhouette_half_width", "knn_purity",
                    "knn_purity_half_width", "mapped_images")  # fmt: skip
            metrics = {name: value for name, value in old.metrics.items() if name not in gone}
            tables = {name: rows for name, rows in old.tables.items() if name != "overlaps"} | {
                "left_out": [{"metric": "knn_20_accuracy", "reason": few}],
                "maps_left_out": [{"reason": small}],
            }
            rewrite(layout, run, metrics=metrics, tables=tables, embedding=None)
    exp = experiment("exp02", root=layout.root)
    table = exp.table("knn", "knn_20", variants=["probe-a", "probe-b"])
    assert rows(table)["probe of A"][3] == "–"
    assert f"20-NN (%) left out of probe of A: {few}." in str(table)
    assert f"left out of probe of A: {few}." in str(exp.table("knn_20", variants=["probe-a"]))
    apart = str(exp.separability())
    assert f"Silhouette left out of probe of A: {small}." in apart
    assert f"20-NN (%) left out of probe of A: {few}." in apart
    for shown in (exp.metric("silhouette", "probe-a"), exp.accuracy("probe-a", "knn_purity")):
        assert str(shown) == "left out (too few images)"
        with pytest.raises(JournalError, match="t-SNE needs at least 5"):
            float(shown)
    figure = exp.embedding("probe-a", "probe-b")
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["probe of B"]
    assert f"cannot be mapped: probe of A ({small})" in " ".join(texts(figure)).replace("\n", " ")
    with pytest.raises(JournalError, match="no map of probe of A"):
        exp.embedding("probe-a")
