from __future__ import annotations

import numpy as np
import pytest

from cvlib.dashboard import DashboardError
from cvlib.dashboard.runs import chosen_runs
from cvlib.results.store import Store
from tests.dashboard.made import make_project, one, stored


def names(chosen) -> list[str]:
    return [f"{item.experiment}/{item.variant}@{item.seed}" for item in chosen]


def test_without_names_each_factors_best_by_validation_the_best_four_first(filled):
    # `wide` tests worse than `wide-r` and `convs-2` worst of all: test accuracy must not choose
    expected = ["exp01/convs-2@0", "exp01/wide@0", "exp01/base@0", "exp01/no-norm@0"]
    assert names(chosen_runs(filled, "exp01")) == expected


def test_a_variant_stands_for_its_first_seed_with_a_result(project):
    Store(project.runs).remove(str(one(project, "exp01/wide seed 0").key))
    assert names(chosen_runs(project, "exp01", ["wide"])) == ["exp01/wide@1"]


def test_a_seed_another_experiment_and_a_key_can_be_named(filled):
    key = stored(filled, "exp01/base seed 1").key
    found = chosen_runs(filled, "exp01", ["wide@1", "exp02/base", key[:6], "exp02/base@1"])
    assert names(found) == ["exp01/wide@1", "exp02/base@0", "exp01/base@1", "exp02/base@1"]


def test_a_run_named_twice_is_shown_once(filled):
    key = stored(filled, "exp01/wide seed 0").key
    assert names(chosen_runs(filled, "exp01", ["wide", key, "wide@0"])) == ["exp01/wide@0"]


def test_a_key_of_no_variant_is_found_in_the_store(filled):
    key = stored(filled, "exp02/wide seed 1").key
    [found] = chosen_runs(filled, "exp01", [key[:12]])
    assert (found.experiment, found.variant, found.seed) == ("exp02", "wide", 1)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("widest", "variants with results: base, wide, wide-r, no-norm, convs-2, size"),
        ("wide@7", "seeds: 0, 1"),
        ("exp02/widest", "exp02 has no run 'widest'"),
        ("abcde", "no run 'abcde'"),  # a key needs six digits
        ("0" * 12, "no run has a key"),
    ],
)
def test_an_unknown_name_says_what_there_is(filled, name, said):
    with pytest.raises(DashboardError, match=said):
        chosen_runs(filled, "exp01", [name])


def test_without_any_result_it_says_how_to_get_one(tmp_path):
    layout = make_project(tmp_path / "empty")
    with pytest.raises(DashboardError, match="cvlib run exp01"):
        chosen_runs(layout, "exp01")
    with pytest.raises(DashboardError, match="exp01/wide has no result"):
        chosen_runs(layout, "exp01", ["wide"])


def test_fields_are_valid_distinct_and_clear_of_what_a_sample_has(filled):
    chosen = chosen_runs(filled, "exp01", ["convs-2", "size", "wide", "wide@1", "exp02/no-norm"])
    fields = [item.field for item in chosen]
    # `size` is also a property of an image
    assert fields == ["convs_2", "run_size", "wide_seed_0", "wide_seed_1", "exp02_no_norm"]
    assert all(field.isidentifier() for field in fields)


def test_a_stale_result_is_shown_with_its_reason(filled):
    [chosen] = chosen_runs(filled, "exp01", ["wide"])
    assert chosen.stale  # made runs hold no code fingerprints
    assert np.isfinite(chosen.run.predictions().logits).all()
