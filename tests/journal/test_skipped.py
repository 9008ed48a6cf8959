"""Variants whose weights cannot be had: the chapter renders, says so, and makes up no number."""

from __future__ import annotations

import pytest

from cvlib.journal import experiment
from cvlib.journal.errors import MissingResults
from tests.journal.made_backbones import empty_backbones, make_backbones
from tests.journal.test_figures import visible_texts
from tests.journal.test_table import rows


@pytest.fixture(scope="module")
def layout(tmp_path_factory):
    return make_backbones(tmp_path_factory.mktemp("skipped"))


@pytest.fixture
def exp(layout):
    return experiment("exp02", root=layout.root)


@pytest.fixture
def nothing(tmp_path):
    """An experiment of which every variant is skipped."""
    layout = empty_backbones(tmp_path)
    path = layout.experiment_file("exp02")
    head, _, rest = path.read_text().partition("variants:\n")
    kept = [line for line in rest.splitlines() if line.startswith(("  dino:", "  clip:", "seeds"))]
    path.write_text(head + "variants:\n" + "\n".join(kept) + "\n")
    return experiment("exp02", root=layout.root)


def test_reasons_that_differ_in_the_name_alone_are_said_once(exp):
    text = str(exp.skipped())
    assert text.startswith("Skipped: DINOv2 and CLIP (2 variants): no weights of the backbone: ")
    assert text.count("out of reach") == 1
    assert "vit\\_small" in str(exp.skipped("dino"))


def test_what_is_its_of_one_is_their_of_several(exp, monkeypatch):
    from cvlib.journal.results import VariantResults

    monkeypatch.setattr(VariantResults, "skip_reason", "its weights are unknown")
    assert str(exp.skipped("dino")).endswith("DINOv2: its weights are unknown.")
    assert str(exp.skipped()).endswith("(2 variants): their weights are unknown.")
    assert "2 variants: their weights" in str(exp.provenance())


def test_labels_with_commas_are_told_apart():
    from cvlib.journal.words import listed

    assert listed(["a", "b", "c"]) == "a, b and c"
    assert listed(["R18, probe", "R18, tuned", "c"]) == "R18, probe; R18, tuned; and c"


def test_nothing_skipped_is_an_empty_text(exp):
    assert str(exp.skipped("base", "probe-a")) == ""


def test_skipped_variants_are_named_below_the_table_with_the_reason_not_in_its_rows(exp):
    for table in (exp.table("accuracy", "difference", "seconds"), exp.separability()):
        assert not {"DINOv2", "CLIP"} & set(rows(table))
        assert "Skipped: DINOv2 and CLIP: no weights of the backbone" in str(table)


def test_figures_leave_them_out_and_say_so(exp):
    for figure in (exp.embedding(), exp.few_shot(), exp.accuracy_against_time(), exp.ablation()):
        texts = [text.get_text().replace("\n", " ") for text in visible_texts(figure)]
        assert "DINOv2" not in texts
        assert any(
            "not shown: " in text and "DINOv2" in text and "(skipped)" in text for text in texts
        )


@pytest.mark.parametrize(
    "ask",
    [
        lambda exp: exp.accuracy("dino"),
        lambda exp: exp.difference("dino"),
        lambda exp: exp.difference("base", "dino"),
        lambda exp: exp.seconds("dino"),
        lambda exp: exp.ratio("train_seconds", "dino"),
        lambda exp: exp.parameters("dino"),
        lambda exp: exp.metric("silhouette", "dino"),
        lambda exp: exp.seconds_to("dino"),
        lambda exp: exp.few_shot_accuracy("dino", 5),
        lambda exp: exp.overlap("dino"),
        lambda exp: exp.images("train", "dino"),
        lambda exp: exp.compare("dino"),
        lambda exp: exp.compare("dino").difference,
        lambda exp: exp.comparisons("probe-a", "dino")["dino"],
    ],
)
def test_value_of_a_skipped_variant_reads_skipped_and_is_no_number(exp, ask):
    value = ask(exp)
    assert str(value) == value._repr_markdown_() == "skipped"
    with pytest.raises(MissingResults, match=r"'dino' was skipped.*out of reach"):
        float(value)


def test_its_data_cannot_be_read(exp):
    assert exp.compare("dino").verdict == "skipped"
    with pytest.raises(MissingResults, match=r"'dino' was skipped.*out of reach.*cvlib run exp02"):
        exp.predictions("dino", 0)
    with pytest.raises(MissingResults, match="was skipped"):
        exp["dino"].values("test_accuracy")


def test_skipped_runs_are_not_asked_for_again(nothing, monkeypatch):
    from cvlib.journal import handle

    monkeypatch.setattr(handle, "run_missing", None)
    assert nothing.run() is nothing


def test_a_chapter_renders_when_every_variant_is_skipped(nothing):
    for figure in (
        nothing.embedding(), nothing.few_shot(), nothing.accuracy_against_time(),
        nothing.learning_curves(), nothing.ablation(reference="dino"),
        nothing.data_curve({"DINOv2": ["dino"]}),
    ):  # fmt: skip
        texts = " ".join(text.get_text() for text in visible_texts(figure))
        assert "every variant of this figure was skipped" in texts and "out of reach" in texts
        assert figure.drawn("png")[:4] == b"\x89PNG"
    assert rows(nothing.table("accuracy"))["DINOv2"][2] == "skipped"
    assert "skipped" in str(nothing.separability())
    assert str(nothing.protocol()) == "No protocol: every variant was skipped."
    assert "skipped" in str(nothing.comparisons(reference="dino"))
    assert "4 skipped" in str(nothing.provenance())
    assert str(nothing.pareto()) == "" and str(nothing.images("test")) == "skipped"
    assert len(nothing.metrics()) == 0
    with pytest.raises(MissingResults, match="were skipped"):
        nothing.best()


def test_provenance_counts_the_skipped_and_says_why(exp):
    text = str(exp.provenance())
    assert "4 skipped" in text
    assert "Skipped: 2 variants: no weights of the backbone" in text


def test_without_any_result_but_not_skipped_it_is_still_an_error(tmp_path):
    exp = experiment("exp02", root=empty_backbones(tmp_path).root)
    with pytest.raises(MissingResults, match="cvlib run exp02"):
        exp.table()
