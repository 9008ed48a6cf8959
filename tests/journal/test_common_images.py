"""Accuracies are compared on the images that both were tested on, and that is said, or not at all."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cvlib.journal import experiment
from cvlib.journal.errors import JournalError
from tests.journal.made import TEST_IMAGES, fill, make_project


@pytest.fixture
def apart(tmp_path):
    """`wide` was tested on the last 800 of the images of `base`."""
    project = make_project(tmp_path)
    fill(project)
    return experiment("exp01", root=project.root)


def keep(exp, name, of, labels=None):
    """Let a variant have been tested on some of its images alone."""
    for seed in exp[name].runs:
        tested = exp[name].tested(seed)
        new = labels if labels is not None else tested.labels
        exp[name]._tested[seed] = replace(
            tested, correct=tested.correct[of], ids=tested.ids[of], labels=new[of]
        )


def test_a_difference_is_of_the_common_images_and_says_so(apart):
    of = np.arange(TEST_IMAGES)[-800:][::-1]  # in another order
    base = [apart["base"].tested(seed).correct[-800:].mean() for seed in apart["base"].runs]
    wide = [apart["wide"].tested(seed).correct[-800:].mean() for seed in apart["wide"].runs]
    keep(apart, "wide", of)
    found = apart.difference("wide")
    assert float(found) == pytest.approx(100 * (np.mean(wide) - np.mean(base)))
    assert str(found).endswith("points (on 800 common images)")
    assert "on 800 common images" in str(apart.compare("wide").difference)
    assert "§ on the 800 images that both were tested on" in str(
        apart.table("difference", variants=["base", "wide"])
    )


def test_other_images_or_other_labels_are_refused(apart):
    whole = np.arange(TEST_IMAGES)
    keep(apart, "wide", whole, labels=(apart["wide"].tested(0).labels + 1) % 10)
    with pytest.raises(JournalError, match="were not tested on the same images"):
        apart.difference("wide")
    keep(apart, "base", whole[:500])
    keep(apart, "wide", whole[500:])
    with pytest.raises(JournalError, match="were not tested on the same images"):
        apart.compare("wide")
