"""Variants of two experiments in one figure or table, where names and labels are alike."""

from __future__ import annotations

import pytest

from cvlib.journal import experiment
from cvlib.journal.errors import JournalError
from tests.journal.made_backbones import make_backbones, make_stale
from tests.journal.test_figures import visible_texts
from tests.journal.test_table import rows

# the names and labels of exp02's variants, with the runs of others of them
OTHER = """\
title: Others
question: Is a namesake another variant?
dataset: {name: fashion_mnist, subset: 2000, test_subset: 400}
base:
  model: {kind: backbone, name: resnet18, weights: none}
  train: {epochs: 5, optimizer: {name: adamw, lr: 1e-3}, schedule: {name: cosine}}
variants:
  base: {label: fine-tuned, set: {train.schedule: {name: constant}}}
  probe-a: {label: probe of A, factor: probe, set: {model.name: resnet34, train: {mode: linear_probe, shots: [1, 5, 10, 50], draws: 3}, embedding: {}}}
  tuned: {label: B after fine-tuning, factor: fine-tuning, set: {model.name: resnet34, embedding: {}}}
  vit-500: {label: ViT 500, factor: ViT, set: {model: {kind: custom_vit}, dataset.subset: 500}}
  vit-2000: {label: ViT 2000, factor: ViT, set: {model: {kind: custom_vit}}}
seeds: [0, 1]
"""


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    layout = make_backbones(tmp_path_factory.mktemp("two"))
    return both_of(layout)


def both_of(layout):
    layout.experiment_file("exp02").with_name("exp03.yaml").write_text(OTHER)
    return tuple(experiment(name, root=layout.root) for name in ("exp02", "exp03"))


def texts(figure):
    return [text.get_text() for text in visible_texts(figure)]


def test_the_two_hold_different_results_under_the_same_names(pair):
    one, two = pair
    for name in ("base", "probe-a"):
        assert float(one.accuracy(name)) != float(two.accuracy(name))
        assert float(two.accuracy(name)) == float(one.accuracy(two[name]))


def test_table_has_a_row_with_the_own_numbers_of_each(pair):
    one, two = pair
    shown = ["probe-a", two["probe-a"], "probe-b"]
    table = rows(one.table("accuracy", "difference", "p", variants=shown, reference="base"))
    assert list(table) == ["exp02 probe of A", "exp03 probe of A", "probe of B"]
    for label, variant in (("exp02 probe of A", "probe-a"), ("exp03 probe of A", two["probe-a"])):
        assert str(one.accuracy(variant)) == f"{table[label][2]}% (interval over images)"
    tests = one.comparisons(*shown, reference="base")
    for label, key in (
        ("exp02 probe of A", "exp02/probe-a"),
        ("exp03 probe of A", "exp03/probe-a"),
    ):
        assert table[label][4].replace("\\", "") == str(tests[key])[2:].removeprefix("= ")


def test_a_namesake_of_the_reference_is_compared_with_it(pair):
    one, two = pair
    table = one.table("difference", "p", variants=["base", two["base"]], reference="base")
    found = rows_by_label(table)
    assert found["exp02 fine-tuned"].count(" – ") == 2
    difference = str(one.difference(two["base"])).removesuffix(" points")
    assert f" {difference} " in found["exp03 fine-tuned"].replace("\\", "")
    assert "Δ to exp02 fine-tuned" in str(table)


def test_comparisons_of_namesakes_go_by_id_and_others_by_name(pair):
    one, two = pair
    tests = one.comparisons("probe-a", two["probe-a"], "tuned", reference="base")
    assert list(tests) == ["exp02/probe-a", "exp03/probe-a", "tuned"]
    assert tests["exp02/tuned"] is tests["tuned"]
    assert tests["exp03/probe-a"].first.id == "exp03/probe-a"
    assert tests["exp03/probe-a"].difference.value == pytest.approx(
        float(one.difference(two["probe-a"], "base"))
    )
    assert list(rows_by_label(tests)) == [
        "exp02 probe of A",
        "exp03 probe of A",
        "B after fine-tuning",
    ]
    with pytest.raises(JournalError, match="say exp02/probe-a or exp03/probe-a"):
        tests["probe-a"]


def rows_by_label(text):
    lines = [line for line in str(text).splitlines() if line.startswith("|")][2:]
    return {line.split("|")[1].strip(): line for line in lines}


def test_separability_has_a_row_for_each(pair):
    one, two = pair
    found = rows_by_label(one.separability("probe-a", two["probe-a"]))
    assert list(found) == ["exp02 probe of A", "exp03 probe of A"]
    for variant, line in zip(("probe-a", two["probe-a"]), found.values(), strict=True):
        assert f"{float(one.accuracy(variant)):.1f}" in line


def test_maps_have_their_own_titles(pair):
    one, two = pair

    def heads(figure):
        return [axes.get_title(loc="left") for axes in figure.axes]

    both = ["probe-a", two["probe-a"]]
    assert heads(one.embedding(*both)) == ["exp02 probe of A", "exp03 probe of A"]
    assert heads(one.embedding(*both, titles=["this", "that"])) == ["this", "that"]
    with pytest.raises(JournalError, match="expected one for each of 2 variants"):
        one.embedding(*both, titles=["this"])


def test_few_shot_curves_are_two(pair):
    one, two = pair
    figure = one.few_shot("probe-a", two["probe-a"])
    lines = [line for line in figure.axes[0].lines if len(line.get_xdata()) == 5]
    ends = [line.get_ydata()[-1] for line in lines]
    assert ends == pytest.approx([float(one.accuracy(v)) for v in ("probe-a", two["probe-a"])])
    assert {"exp02 probe of A", "exp03 probe of A"} <= set(texts(figure))


def test_other_figures_name_both(pair):
    one, two = pair
    both = {"exp02 fine-tuned", "exp03 fine-tuned"}
    for draw in (one.learning_curves, one.accuracy_against_time):
        assert both <= set(texts(draw("base", two["base"])))
    words = texts(one.ablation(two["base"]))
    assert "exp03 fine-tuned" in words
    assert any("difference in test accuracy to exp02 fine-tuned" in text for text in words)
    assert str(one.pareto("probe-a", two["probe-a"])).count("probe of A") in (1, 2)
    assert texts(one.data_curve({"here": ["scratch-500", "scratch-2000"],
                                 "there": [two["vit-500"], two["vit-2000"]]}))  # fmt: skip


def test_one_that_took_no_time_takes_no_namesake_along(pair, monkeypatch):
    from cvlib.journal.results import VariantResults

    one, two = pair
    mean = VariantResults.mean
    monkeypatch.setattr(
        VariantResults,
        "mean",
        lambda v, m: 0.0 if (v.id, m) == ("exp03/base", "train_seconds") else mean(v, m),
    )
    words = texts(one.accuracy_against_time("base", two["base"], "tuned"))
    assert "exp02 fine-tuned" in words and "exp03 fine-tuned" not in words
    assert any("no training time, so not shown: exp03 fine-tuned" in text for text in words)


def test_labels_that_do_not_clash_stay_as_they_are(pair):
    one, two = pair
    assert list(rows(one.table("accuracy", variants=["base", two["tuned"]]))) == [
        "fine-tuned", "B after fine-tuning",
    ]  # fmt: skip


def test_only_the_stale_one_of_two_namesakes_is_marked(tmp_path):
    layout = make_backbones(tmp_path)
    make_stale(layout, "probe-b")  # exp03's probe of A
    one, two = both_of(layout)
    shown = ["probe-a", two["probe-a"]]
    for figure in (one.few_shot(*shown), one.embedding(*shown), one.accuracy_against_time(*shown)):
        words = texts(figure)
        assert "exp02 probe of A" in words and "exp03 probe of A†" in words
        note = "stale, see the provenance: exp03 probe of A"
        assert any(note in " ".join(text.split()) for text in words)
    table = one.table("accuracy", variants=shown)
    assert list(rows(table)) == ["exp02 probe of A", "exp03 probe of A†"]
    assert "† Stale: exp03 probe of A: code changed since" in str(table)
