"""Everything a chapter can show names the runs, or the file, that it comes from."""

from __future__ import annotations

import re

import pytest
import yaml

from cvlib.analysis.mistakes import review_sample
from cvlib.journal import experiment, hypotheses, mistakes
from cvlib.journal.estimates import Comparison
from cvlib.journal.figure import ReportFigure
from cvlib.journal.handle import ExperimentHandle, marked
from cvlib.journal.quantity import Quantity, Skipped, keys_of
from tests.journal.made import planned
from tests.journal.made_backbones import make_backbones, make_stale
from tests.journal.made_mistakes import make_mistakes, review

YAML = "experiments/exp02.yaml"
# How each function is asked, and the variants whose runs it must name. One that is not here
# fails `test_every_function_is_asked`: say of a new one what it is computed from.
VALUES = {
    "accuracy": (("tuned",), ["tuned"]),
    "last_epoch": (("val_accuracy", "tuned"), ["tuned"]),
    "seconds": (("probe-a",), ["probe-a"]),
    "parameters": (("tuned",), ["tuned"]),
    "flops": (("tuned",), ["tuned"]),
    "metric": (("val_accuracy", "tuned"), ["tuned"]),
    "seconds_to": (("tuned", "common", ["tuned", "base"]), ["tuned", "base"]),
    "epochs_to": (("tuned",), ["tuned"]),
    "common_target": (("tuned", "base"), ["tuned", "base"]),
    "few_shot_accuracy": (("probe-a", 5), ["probe-a"]),
    "overlap": (("probe-a",), ["probe-a"]),
    "difference": (("tuned", "base"), ["tuned", "base"]),
    "ratio": (("train_seconds", "tuned", "base"), ["tuned", "base"]),
    "compare": (("tuned", "base"), ["tuned", "base"]),
    "comparisons": (("tuned",), ["base", "tuned"]),
    "gain_per_doubling": (("vit-500", "vit-2000"), ["vit-500", "vit-2000"]),
    "images_to_match": (("base", "vit-500", "vit-2000"), ["base", "vit-500", "vit-2000"]),
    "best": ((), None),
    "pareto": (("tuned", "base"), ["tuned", "base"]),
    "trade_off": ((1.0,), None),
}
MISTAKES = {
    "error": ((), ["base"]),
    "images": ((), ["base"]),
    "ece": ((), ["base"]),
    "gap": ((), ["base"]),
    "confident": ((), ["base"]),
    "pair": ((), ["base"]),
    "pair_share": ((), ["base"]),
    "pair_images": ((), ["base"]),
    "share_of_errors": ((), ["base"]),
    "every_model_wrong": ((), ["base", "mapped", "subset"]),
    "only_right": (("mapped",), ["base", "mapped", "subset"]),
    "consistency": (("mapped", "subset"), ["mapped", "subset"]),
    "label_errors": ((), ["base", "mapped"]),
    "slice": ((), ["base", "mapped"]),
    "slice_error": ((), ["base", "mapped"]),
    "slice_rest": ((), ["base", "mapped"]),
    "slice_images": ((), ["base", "mapped"]),
    "slices_found": ((), ["base", "mapped"]),
    "slices_tried": ((), ["base", "mapped"]),
}
FACTS = {
    "title": YAML,
    "question": YAML,
    "runs": YAML,
    "seeds": YAML,
    "epochs": YAML,
    "dataset": YAML,
    "images": YAML,
    "setting": YAML,
    "variants": "",  # handles, which name what they were chosen by
}
REVIEWS = {
    "reviewed": (),
    "verdict": ("label-error",),
    "verdict_share": ("ambiguous",),
    "label_noise": (),
}
BLOCKS = {
    "table": (("accuracy", "p"), {"variants": ["tuned"]}, ["base", "tuned"]),
    "learning_curves": (("tuned", "probe-a"), {}, ["tuned"]),  # a probe has no epochs
    "ablation": (("tuned",), {}, ["base", "tuned"]),
    "accuracy_against_time": (("tuned", "base"), {}, ["tuned", "base"]),
    "heat_map": ((), {"variants": ["base", "constant-1e-3"]}, ["base", "constant-1e-3"]),
    "data_curve": (("ViT",), {}, ["vit-500", "vit-2000", "vit-8000"]),
    "few_shot": (("probe-a", "probe-b"), {}, ["probe-a", "probe-b"]),
    "separability": (("probe-a", "tuned"), {}, ["probe-a", "tuned"]),
    "protocol": (("probe-a",), {}, ["probe-a"]),
    "embedding": (("probe-a",), {}, "first seed of probe-a"),
    "provenance": ((), {}, "every run"),
    "skipped": ((), {}, "none"),
}
OF_MISTAKES = {
    "confusion": ((), ["base"]),
    "calibration": ((), ["base"]),
    "gallery": ((), ["base", "mapped", "subset"]),
    "pairs": ((), ["base"]),
    "classes": ((), ["base"]),
    "slices": ((), ["base", "mapped"]),
}
FRAMES = {"metrics", "history", "predictions"}  # data to go on with, which name their runs' keys


@pytest.fixture(scope="module")
def backbones(tmp_path_factory):
    return make_backbones(tmp_path_factory.mktemp("origin"))


@pytest.fixture(scope="module")
def exp(backbones):
    return experiment("exp02", root=backbones.root)


@pytest.fixture(scope="module")
def erring(tmp_path_factory):
    """An experiment whose mistakes were reviewed."""
    layout = make_mistakes(tmp_path_factory.mktemp("mistakes"))
    exp = experiment("exp01", root=layout.root)
    subject = mistakes(exp["base"]).cases.subject
    sample = review_sample(subject.ids[subject.wrong[0]]).tolist()
    review(layout, {"label-error": sample[:3], "ambiguous": sample[3:]})
    return experiment("exp01", root=layout.root)


@pytest.fixture(scope="module")
def found(erring):
    return mistakes(erring["base"], erring["mapped"], erring["subset"])


def named(markdown: str, what: str = "value") -> list[str]:
    """Run keys that the marks of a Markdown text name, each once."""
    marks = re.findall(rf'\]\{{\.{what}(?: exact="[^"]*")? runs="([^"]*)"', markdown)
    return list(dict.fromkeys(key for mark in marks for key in mark.split(" ")))


def short(exp, names) -> set[str]:
    names = [variant.name for variant in exp.variants] if names is None else names
    return {key[:10] for key in keys_of(exp[name] for name in names)}


def in_markdown(shown) -> list[str]:
    return named(
        shown._repr_markdown_(), "traced" if "{.traced" in shown._repr_markdown_() else "value"
    )


def test_every_function_is_asked():
    assert set(marked("experiment")) == {*VALUES, "images", "setting", *BLOCKS, *FRAMES}
    assert set(marked("mistakes")) == {*MISTAKES, *REVIEWS, *OF_MISTAKES, "gallery_page"}
    facts = {
        name for name, member in vars(ExperimentHandle).items() if isinstance(member, property)
    }
    assert facts - {"id", "source", "results"} == FACTS.keys() - {"images", "setting"}


@pytest.mark.parametrize("name", VALUES)
def test_a_value_names_the_runs_of_the_variants_it_is_computed_from(exp, name):
    arguments, variants = VALUES[name]
    shown = getattr(exp, name)(*arguments)
    assert set(in_markdown(shown)) == short(exp, variants)


@pytest.mark.parametrize("name", FACTS)
def test_a_fact_names_the_file_that_declares_it(exp, name):
    fact = getattr(exp, name)
    arguments = {"images": ("train",), "setting": ("train.optimizer.lr",)}
    fact = fact(*arguments[name]) if name in arguments else fact
    if name != "variants":
        assert f'source="{FACTS[name]}"' in fact._repr_markdown_()


def test_the_label_of_a_variant_names_the_file_it_comes_from_or_the_runs_it_was_chosen_by(exp):
    file = exp.source
    assert file.startswith("experiments/")
    for shown in (exp["base"], exp["base"].label):
        assert f'source="{file}"' in shown._repr_markdown_() and not in_markdown(shown)
    best = exp.best("val_accuracy")
    for shown in (best, best.label):
        assert in_markdown(shown) and "source=" not in shown._repr_markdown_()


@pytest.mark.parametrize("name", MISTAKES)
def test_a_value_of_mistakes_names_the_runs_of_the_models_it_is_computed_from(found, erring, name):
    arguments, variants = MISTAKES[name]
    shown = getattr(found, name)(*arguments)
    assert not isinstance(shown, Skipped)
    assert set(in_markdown(shown)) == short(erring, variants)


@pytest.mark.parametrize("name", REVIEWS)
def test_a_value_of_a_review_names_its_file_and_the_run_that_was_sampled(found, erring, name):
    shown = getattr(found, name)(*REVIEWS[name])
    first = erring["base"].runs[0].key
    assert (shown.runs, shown.source) == ((first,), "experiments/reviews/exp01.json")


@pytest.mark.parametrize("name", BLOCKS)
def test_a_table_or_figure_names_the_runs_of_the_variants_it_shows(exp, name):
    arguments, options, variants = BLOCKS[name]
    shown = getattr(exp, name)(*arguments, **options)
    some = {
        "first seed of probe-a": {exp["probe-a"].runs[0].key[:10]},
        "every run": short(exp, None),
        "none": set(),
    }
    expected = some[variants] if isinstance(variants, str) else short(exp, variants)
    if isinstance(shown, ReportFigure):
        assert described(shown) == expected
    else:
        assert set(named(shown._repr_markdown_(), "traced")) == expected


@pytest.mark.parametrize("name", OF_MISTAKES)
def test_a_table_or_figure_of_mistakes_names_the_runs_it_shows(found, erring, name):
    arguments, variants = OF_MISTAKES[name]
    shown = getattr(found, name)(*arguments)
    if isinstance(shown, ReportFigure):
        assert described(shown) == short(erring, variants)
    else:
        assert set(named(shown._repr_markdown_(), "traced")) == short(erring, variants)


def described(figure: ReportFigure) -> set[str]:
    """Run keys in the metadata of a figure's SVG, which its PNG has, too."""
    svg, png = figure.drawn("svg").decode(), figure.drawn("png")
    (text,) = re.findall(r"<dc:description>runs: (.*?)</dc:description>", svg)
    assert f"runs: {text}".encode() in png
    return set(text.split(" "))


def test_a_figure_without_results_describes_no_runs(exp):
    svg = exp.few_shot("dino").drawn("svg")
    assert b"<dc:description>" not in svg


def test_the_text_of_a_value_stays_plain(exp):
    plain = str(exp.accuracy("tuned"))
    assert "runs" not in plain and plain.endswith("%")
    assert f"{exp.title}" == "Backbones" and exp.title == "Backbones"
    assert exp.compare("tuned").verdict in ("better", "worse", "not told apart")


def test_a_value_without_an_origin_has_no_span():
    assert Quantity("3", 3)._repr_markdown_() == "3"


def test_what_was_skipped_names_no_run(exp):
    for shown in (exp.accuracy("dino"), exp.difference("dino"), exp.difference("tuned", "dino")):
        assert shown._repr_markdown_() == "skipped"


def test_a_stale_value_keeps_its_mark_inside_its_span(tmp_path):
    layout = make_backbones(tmp_path)
    make_stale(layout, "tuned")
    shown = experiment("exp02", root=layout.root).accuracy("tuned")._repr_markdown_()
    assert re.fullmatch(r'\[.*%\^†\^\]\{\.value exact="[0-9.]+" runs="[0-9a-f ]+"\}', shown)


def test_a_comparison_names_both_whatever_is_shown_of_it(exp):
    found = exp.compare("tuned", "base")
    assert isinstance(found, Comparison)
    both = short(exp, ["tuned", "base"])
    for shown in (found, found.difference, found.verdict):
        assert set(named(shown._repr_markdown_())) == both


def test_a_variant_is_traced_to_what_it_was_chosen_by_alone(exp):
    assert named(exp["tuned"]._repr_markdown_()) == []
    best = exp.best(among=["tuned", "base"])
    assert set(named(best._repr_markdown_())) == short(exp, ["tuned", "base"])
    assert set(named(best.label._repr_markdown_())) == short(exp, ["tuned", "base"])
    assert best == exp[best.name]


def test_a_table_without_a_note_is_traced_in_a_paragraph_of_its_own(exp):
    lines = exp.table("accuracy", variants=["tuned"], note=False)._repr_markdown_().split("\n")
    assert lines[-1].startswith("[]{.traced runs=") and lines[-2] == ""
    assert lines[-3].startswith("|")


def test_a_verdict_names_the_runs_of_its_claims_and_the_file_that_declares_it(project):
    claims = [{"say": "it", "first": "exp01/base", "second": "exp01/kernel1"}]
    one = {"title": "size", "statement": "So.", "experiment": "exp01", "claims": claims}
    declared = {"H1": one, "H2": {**one, "claims": [{**claims[0], "first": "exp01/wide"}]}}
    (project.experiments / "hypotheses.yaml").write_text(yaml.safe_dump(declared))
    exp, said = experiment("exp01", root=project.root), hypotheses(root=project.root)
    assert set(in_markdown(said["H1"])) == short(exp, ["base", "kernel1"])
    assert said["H1"].verdict.source == "experiments/hypotheses.yaml"
    assert set(in_markdown(said["H1"].effect())) == short(exp, ["base", "kernel1"])
    for shown in (said.count("supported"), said.table()):
        assert set(in_markdown(shown)) == short(exp, ["base", "kernel1", "wide"])


def test_values_of_another_experiment_name_its_runs_and_its_file(filled):
    exp = experiment("exp01", root=filled.root)
    other = filled.root / "experiments" / "exp09.yaml"
    other.write_text((filled.root / "experiments" / "exp01.yaml").read_text())
    try:
        second = experiment("exp09", root=filled.root)
        assert exp.setting("train.epochs", second["wide"]).source == "experiments/exp09.yaml"
    finally:
        other.unlink()
    wide = {run.key for run in planned(filled) if run.variant == "wide"}
    assert set(exp.accuracy("wide").runs) == wide
