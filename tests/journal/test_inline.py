from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cvlib.analysis.estimate import Part, estimate, seed_variances, share_variance
from cvlib.analysis.verdicts import holm
from cvlib.journal import experiment
from cvlib.journal.errors import JournalError, MissingResults
from cvlib.results.store import Store
from tests.journal.made import planned, write


def accuracies(exp, variant):
    runs = exp.results.variant(variant).runs
    return np.array([100 * run.predictions().correct.mean() for run in runs.values()])


def parts(exp, *signed, metric="test_accuracy"):
    """Of (weight, variant): with variances over seeds that are moderated over all variants."""
    spread = dict(zip(names(exp), seed_variances(of_all(exp, metric)), strict=True))
    return [Part(w, exp[name].values(metric), spread[name]) for w, name in signed]


def names(exp):
    return [variant.name for variant in exp.variants]


def of_all(exp, metric):
    return [exp[name].values(metric) for name in names(exp)]


def outcomes(exp, variant):
    return np.array([run.predictions().correct for run in exp[variant].runs.values()])


def test_accuracy_is_the_mean_with_its_interval_over_seeds_and_images(exp):
    expected = estimate(parts(exp, (1, "wide")), [outcomes(exp, "wide")]).times(100).interval()
    shown = exp.accuracy("wide")
    assert shown.value == pytest.approx(accuracies(exp, "wide").mean())
    assert (shown.low, shown.high) == pytest.approx((expected.low, expected.high))
    assert str(shown) == f"{shown.value:.1f} ± {expected.half_width:.1f}%"


def test_difference_pairs_images_but_no_seeds(exp):
    pair = [(1, "kernel1"), (-1, "base")]
    right = [outcomes(exp, name) for _, name in pair]
    expected = estimate(parts(exp, *pair), right).times(100).interval()
    shown = exp.difference("kernel1", "base")
    assert (shown.value, shown.low, shown.high) == pytest.approx(
        (expected.estimate, expected.low, expected.high)
    )
    turned = estimate(parts(exp, *pair), [right[0][::-1], right[1]]).times(100).interval()
    assert (turned.low, turned.high) == pytest.approx((shown.low, shown.high))
    assert str(shown).startswith("−") and str(shown).endswith("points")


def test_validation_accuracies_are_over_their_images_though_no_outcomes_are_kept(exp):
    pair = [(1, "kernel1"), (-1, "base")]
    of = [exp[name].values("val_accuracy").mean() for _, name in pair]
    images = sum(share_variance(share, 200) for share in of)
    seeds = estimate(parts(exp, *pair, metric="val_accuracy"))
    expected = replace(seeds, images=images).times(100).interval()
    shown = exp.difference("kernel1", metric="val_accuracy")
    assert (shown.low, shown.high) == pytest.approx((expected.low, expected.high))


def remove(project, *, seeds, variants):
    for run in planned(project):
        if run.seed in seeds and (not variants or run.variant in variants):
            Store(project.runs).remove(str(run.key))


def test_one_seed_of_everything_gives_no_p_and_says_so(project):
    remove(project, seeds=(1, 2), variants=())
    found = experiment("exp01", root=project.root).compare("kernel1")
    assert str(found) == "no p-value of one seed"
    assert found.value is None and found.verdict == "one seed"
    assert str(found.difference).startswith("−") and found.difference.low is None


def test_one_seed_of_a_variant_borrows_the_variance_of_the_others(project):
    remove(project, seeds=(1, 2), variants=("kernel1", "base"))
    exp = experiment("exp01", root=project.root)
    found = exp.compare("kernel1")
    assert found.p < 0.05 and found.verdict == "worse"
    assert exp.accuracy("kernel1").low is not None


def test_variants_without_a_seed_in_common_are_compared(project):
    remove(project, seeds=(0,), variants=("kernel1",))
    remove(project, seeds=(1, 2), variants=("base",))
    assert experiment("exp01", root=project.root).compare("kernel1").verdict == "worse"


def test_comparisons_asked_together_are_corrected(exp):
    together = exp.comparisons("wide", "wider", "kernel5")
    alone = [exp.compare(name).p for name in together]
    assert [found.p for found in together.values()] == holm(alone)
    assert [found.p for found in together.values()] != alone


def test_a_variant_asked_for_twice_is_compared_once(exp):
    twice = exp.comparisons("wide", "wide", "flip")
    assert twice["wide"].p == exp.comparisons("wide", "flip")["wide"].p
    assert "adjusted for 2 comparisons" in str(twice)


def test_any_metric_has_its_interval_over_seeds(exp):
    expected = estimate(parts(exp, (1, "wide"), metric="train_seconds")).interval()
    shown = exp.metric("train_seconds", "wide")
    assert (shown.low, shown.high) == pytest.approx((expected.low, expected.high))
    assert str(exp.metric("parameters", "wide")) == "93,000"  # of every seed


def test_verdict_says_better_only_with_a_small_p(exp):
    assert exp.compare("kernel1").verdict == "worse"
    assert exp.compare("base", "kernel1").verdict == "better"
    unclear = exp.compare("dropout")
    assert unclear.p > 0.05 and unclear.verdict == "not told apart"


def test_variants_tested_on_other_images_are_not_compared(project):
    from cvlib.results.run import Run

    store = Store(project.runs)
    run = next(r for r in planned(project) if r.variant == "wide" and r.seed == 1)
    old = store.read(str(run.key))
    assert isinstance(old, Run)
    predictions = old.predictions()
    store.write_run(
        str(run.key),
        spec=old.spec,
        dataset_fingerprint=old.dataset_fingerprint,
        metrics=old.metrics,
        history=old.history,
        logits=predictions.logits,
        labels=predictions.labels,
        ids=predictions.ids + 1,
        provenance=old.provenance,
        weights={},
    )
    with pytest.raises(JournalError, match="the same images"):
        experiment("exp01", root=project.root).compare("wide")


def test_best_is_the_highest_mean_and_stands_for_its_variant(exp):
    means = {v.name: accuracies(exp, v.name).mean() for v in exp.variants}
    best = exp.best()
    assert best.name == max(means, key=means.__getitem__)
    assert str(exp.accuracy(best)) == str(exp.accuracy(best.name))
    assert exp.best("train_seconds").name == "kernel1"


def test_counts_and_words(exp):
    assert (str(exp.runs), str(exp.seeds), str(exp.epochs)) == ("39", "3", "6")
    assert str(exp.images("test")) == "1,000"
    assert exp.dataset == "Fashion-MNIST"
    assert str(exp.parameters("wider")) == "0.37M"
    assert str(exp.flops("wide")) == "12 MFLOPs"
    assert str(exp.ratio("train_seconds", "wider")).startswith("4.")


def test_unknown_variant_names_those_there_are(exp):
    with pytest.raises(JournalError, match=r"no variant 'wyde'.*base, depth2"):
        exp.accuracy("wyde")


def test_unknown_metric_names_those_there_are(exp):
    with pytest.raises(JournalError, match=r"no metric 'top5'.*test_accuracy"):
        exp.metric("top5")


def test_reading_without_results_says_how_to_make_them(empty):
    exp = experiment("exp01", root=empty.root)
    for ask in (exp.accuracy, exp.table, exp.ablation, exp.learning_curves, exp.metrics, exp.best):
        with pytest.raises(MissingResults, match="cvlib run exp01"):
            ask()


def test_missing_seed_is_said_with_the_number(project):
    run = next(r for r in planned(project) if r.variant == "wide" and r.seed == 1)
    Store(project.runs).remove(str(run.key))
    assert str(experiment("exp01", root=project.root).accuracy("wide")).endswith("(2 of 3 seeds)")


def test_one_seed_has_no_interval(empty, monkeypatch):
    monkeypatch.setenv("CVLIB_PROFILE", "quick")
    from cvlib.project import Project
    from tests.journal.made import note_data

    quick = Project(empty.root, "quick")
    note_data(quick)
    for run in planned(quick):
        write(quick, run)
    exp = experiment("exp01", root=empty.root)
    assert str(exp.accuracy()).endswith("% (one seed)")
    assert exp.accuracy().low is None
    assert "±" not in str(exp.table()) and "[" not in str(exp.table())
    assert [v.name for v in exp.variants] == ["base", "wide", "flip"]
    for figure in (exp.ablation(), exp.learning_curves(), exp.accuracy_against_time()):
        assert figure.drawn("png")[:4] == b"\x89PNG"


def test_frames_have_a_row_a_run_and_a_row_an_epoch(exp):
    metrics, history = exp.metrics(), exp.history()
    assert len(metrics) == 39 and len(history) == 39 * 6
    assert list(metrics.columns[:6]) == ["variant", "label", "factor", "seed", "key", "state"]
    wide = metrics[metrics.variant == "wide"].test_accuracy
    assert 100 * wide.mean() == pytest.approx(accuracies(exp, "wide").mean())


def test_predictions_of_a_run(exp):
    found = exp.predictions("base", 2)
    assert found.logits.shape == (1000, 10)
    with pytest.raises(JournalError, match="seed 7"):
        exp.predictions("base", 7)
