"""Mistakes of made predictions: what is counted, joined, left out and said."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.text import Text

from cvlib.analysis.mistakes import review_sample
from cvlib.journal import experiment, mistakes
from cvlib.journal.errors import JournalError, MissingResults
from cvlib.journal.mistake_cases import Model
from cvlib.journal.notes import left_out_note
from cvlib.project import Project
from tests.journal.made_mistakes import PLANTED, make_mistakes, review


@pytest.fixture(scope="session")
def made(tmp_path_factory) -> Project:
    """Digits, three seeds, default profile. Not to be changed: see `copy`."""
    return make_mistakes(tmp_path_factory.mktemp("mistakes"))


@pytest.fixture
def copy(made, tmp_path) -> Project:
    shutil.copytree(made.root, tmp_path / "copy")
    return Project(tmp_path / "copy")


@pytest.fixture
def exp(made):
    return experiment("exp01", root=made.root)


@pytest.fixture
def found(exp):
    return mistakes(exp["base"], exp["mapped"], exp["subset"])


def test_importing_the_journal_loads_nothing_heavy():
    heavy = "{'torch', 'numpy', 'matplotlib', 'pandas', 'pydantic', 'scipy', 'sklearn', 'tabulate'}"
    code = f"import sys; from cvlib.journal import mistakes; print({heavy} & set(sys.modules))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "set()"


def test_error_is_the_mean_over_seeds_with_an_interval_over_images(found, exp):
    wrong = [1 - run.metrics["test_accuracy"] for run in exp["base"].runs.values()]
    said = found.error()
    assert float(said) == pytest.approx(100 * np.mean(wrong))
    # the seeds agree on what is hard: the interval is wider than that of 3 N independent answers
    images = len(exp["base"].runs[0].predictions().labels)
    independent = 196 * np.sqrt(np.mean(wrong) * (1 - np.mean(wrong)) / (3 * images))
    assert (said.high - said.low) / 2 > independent


def test_pairs_and_their_share_of_all_errors_add_up(found, monkeypatch):
    subject = found.cases.subject
    images = sum(pair.images for pair in found.confused)
    assert images == pytest.approx(subject.wrong.sum() / 3)
    assert float(found.share_of_errors(len(found.confused))) == 100
    assert 0 < float(found.share_of_errors(2)) < 100
    # a digit is taken for the one after it only, so that either way there is nothing more
    assert float(found.share_of_errors(2, either_way=True)) == float(found.share_of_errors(2))
    mirrored = replace(found.confused[0], true=found.confused[0].predicted)
    twice = [*found.confused, replace(mirrored, predicted=found.confused[0].true)]
    monkeypatch.setitem(found.__dict__, "confused", twice)
    both = 100 * round(2 * found.confused[0].images) / round(subject.wrong.sum() / 3)
    assert float(found.share_of_errors(1, either_way=True)) == pytest.approx(both)
    assert float(found.pair_images()) == found.confused[0].images


def test_models_are_joined_by_image_id(found, exp):
    shared = found.cases.shared
    half = exp["subset"].runs[0].predictions().ids
    assert sorted(shared.tolist()) == sorted(half.tolist())
    for place, model in enumerate(found.cases.models):
        for column in (0, 7, len(shared) - 1):
            row = int(np.flatnonzero(model.ids == shared[column])[0])
            right = model.probabilities[row].argmax() == model.labels[row]
            assert found.cases.right[place, column] == right
    every = int((~found.cases.right.any(axis=0)).sum())
    assert found.every_model_wrong().text.startswith(f"{every} of {len(shared)} images")


def test_label_errors_are_sought_with_the_models_that_saw_every_image(found):
    assert [m.variant.name for m in found.cases.complete] == ["base", "mapped"]
    assert found.cases.pooled.shape == found.cases.subject.probabilities.shape
    planted = found.cases.subject.ids[::PLANTED].tolist()
    assert set(planted) <= set(found.suggested_labels)
    assert float(found.label_errors()) == len(found.suggested_labels)


def test_the_planted_pattern_is_the_first_slice(found):
    assert "dark" in found.slice().text
    table = str(found.slices())
    assert f"{float(found.slices_tried()):.0f} slices tried" in table
    assert "Holm" in table and "colourfulness" in table  # grey pictures: left out, and said so
    assert float(found.slice_error()) > float(found.slice_rest())


def test_slices_use_the_map_of_a_run_that_kept_one(found, exp):
    assert found.clusters is not None and (found.clusters >= 0).sum() == 179
    assert mistakes(exp["base"]).clusters is None


def test_consistency_is_high_between_seeds_that_share_what_is_hard(found):
    among, other = found.consistency("base"), found.consistency("base", "mapped")
    assert among.low > other.high and abs(float(other)) < 0.25
    with pytest.raises(JournalError, match="none of the variants"):
        found.consistency("base", "nobody")


def test_calibration_is_of_single_seeds_not_of_their_average(found):
    from cvlib.analysis.confidence import reliability

    runs = found.variants[0].runs.values()
    each = [
        reliability(r.predictions().logits, r.predictions().labels, 15).ece.estimate for r in runs
    ]
    assert float(found.ece()) == pytest.approx(100 * np.mean(each))
    assert found.gap().text.endswith("points")
    total = sum(one.count for one in found.calibrated.bins)
    assert abs(total - len(found.cases.subject.ids)) <= len(found.calibrated.bins) / 2


def test_skipped_and_missing_variants_are_left_out_and_named(exp):
    found = mistakes(exp["base"], exp["gone"], exp["missing"], exp["mapped"])
    assert [model.variant.name for model in found.cases.models] == ["base", "mapped"]
    assert found.only_right("gone").text == "skipped"
    assert "no weights" in found.gallery().get_supxlabel()


def test_a_skipped_subject_is_said_and_a_missing_one_raises(exp):
    found = mistakes(exp["gone"], exp["base"])
    assert {found.error().text, found.pair().text, found.reviewed().text} == {"skipped"}
    assert "Skipped" in str(found.pairs()) and "Skipped" in found.gallery_page().html
    assert "skipped" in found.confusion().get_supxlabel()
    with pytest.raises(MissingResults, match="cvlib run exp01"):
        mistakes(exp["missing"]).error()


def test_a_variant_tested_on_other_images_is_left_out_and_named(exp, monkeypatch):
    def read(variant):
        model = original(variant)
        return replace(model, ids=model.ids + 10_000) if variant.name == "subset" else model

    original = Model.read
    monkeypatch.setattr(Model, "read", read)
    found = mistakes(exp["base"], exp["subset"], exp["mapped"])
    assert [model.variant.name for model in found.cases.models] == ["base", "mapped"]
    assert found.only_right("subset").text == "left out (no image in common)"
    assert "tested on other images: half the test" in left_out_note(found)


def test_one_seed_has_no_consistency_among_seeds_but_says_so(tmp_path):
    make_mistakes(tmp_path, seeds="[0]")
    found = mistakes(*map(experiment("exp01", root=tmp_path).__getitem__, ("base", "mapped")))
    assert found.consistency("base").text == "not known (one seed)"
    assert found.consistency("base", "mapped").low is not None


@pytest.mark.parametrize("wrong", [(), ("base",)])
def test_what_is_no_variant_is_refused(wrong):
    with pytest.raises(JournalError, match=r"mistakes\(exp01"):
        mistakes(*wrong)


def test_before_a_review_everything_reads_and_says_how(found):
    assert "cvlib dashboard exp01" in found.reviewed().text
    assert found.verdict_share("label-error").text == "not reviewed yet"
    assert found.label_noise().text == "not reviewed yet"
    with pytest.raises(JournalError, match="expected one of label-error"):
        found.verdict_share("wrong")


def test_only_verdicts_on_the_random_sample_count_for_shares(copy):
    base = experiment("exp01", root=copy.root)["base"]
    subject = mistakes(base).cases.subject
    wrong = subject.ids[subject.wrong[0]]
    sample = review_sample(wrong)
    beyond = [image for image in wrong.tolist() if image not in set(sample.tolist())]
    review(
        copy,
        {
            "label-error": [*sample[:3].tolist(), *beyond[:2]],
            "ambiguous": sample[3:10].tolist(),
            "model-error": sample[10:].tolist(),
        },
    )
    found = mistakes(base)
    size = len(sample)
    said = found.reviewed().text
    assert said.startswith(f"of {size} reviewed mistakes, 3 are label errors, 7 are ambiguous")
    assert "2 more were picked by hand" in said
    assert float(found.verdict_share("label-error")) == pytest.approx(100 * 3 / size)
    bound = found.label_noise()
    assert float(bound) == pytest.approx(100 * subject.wrong[0].mean() * 3 / size)
    assert bound.low < float(bound) < bound.high
    written = [text.get_text() for text in found.gallery(["label-error"]).findobj(Text)]
    assert "Label errors, as reviewed" in written and "5 images" in written


def test_pictures_that_are_not_those_of_the_run_are_refused(copy):
    found = mistakes(experiment("exp01", root=copy.root)["base"])
    object.__setattr__(found.cases.subject.run, "dataset_fingerprint", "0" * 64)
    with pytest.raises(JournalError, match="cvlib data"):
        found.gallery()


def test_pictures_that_cannot_be_had_are_asked_for(found, monkeypatch):
    from cvlib.data import load as data

    def away(*_):
        raise data.DataUnavailable("digits: no mirror answered.")

    monkeypatch.setattr(data, "load", away)
    with pytest.raises(JournalError, match=r"no mirror answered.*`cvlib data`"):
        found.gallery()
