import json

import pytest

from cvlib.results.reviews import ReviewError, Reviews, read_reviews, write_reviews

REVIEWS = Reviews(
    experiment="exp01",
    dataset="fashion_mnist",
    dataset_fingerprint="ab" * 32,
    runs=("k2", "k1"),
    tags={"label-error": (7, 3), "ambiguous": (3, 9), "lovely": (1,), "nothing": ()},
)


def test_what_was_written_is_read_sorted_and_without_empty_tags(tmp_path):
    path = tmp_path / "reviews" / "exp01.json"
    write_reviews(path, REVIEWS)

    read = read_reviews(path)

    assert read is not None
    assert read.tags == {"label-error": (3, 7), "ambiguous": (3, 9), "lovely": (1,)}
    assert read.runs == ("k1", "k2")
    assert read.dataset_fingerprint == "ab" * 32


def test_the_same_tags_give_the_same_bytes_one_line_a_tag(tmp_path):
    first, second = tmp_path / "a.json", tmp_path / "b.json"
    write_reviews(first, REVIEWS)
    shuffled = {tag: ids[::-1] for tag, ids in reversed(REVIEWS.tags.items())}
    write_reviews(second, Reviews(**{**vars(REVIEWS), "tags": shuffled, "runs": ("k1", "k2")}))

    assert first.read_bytes() == second.read_bytes()
    assert '"label-error": [3, 7]' in first.read_text()
    assert json.loads(first.read_text())["tags"]["ambiguous"] == [3, 9]


def test_an_image_with_two_verdicts_has_the_graver_and_own_tags_are_none():
    assert REVIEWS.verdicts() == {3: "label-error", 7: "label-error", 9: "ambiguous"}


def test_no_file_is_no_review(tmp_path):
    assert read_reviews(tmp_path / "exp01.json") is None


@pytest.mark.parametrize("text", ["{", "[]", '{"format": 1}', '{"format": 1, "tags": 3}'])
def test_a_file_that_is_none_is_named(tmp_path, text):
    path = tmp_path / "exp01.json"
    path.write_text(text)
    with pytest.raises(ReviewError, match=r"exp01\.json is no file of reviews"):
        read_reviews(path)


def test_another_format_is_said(tmp_path):
    path = tmp_path / "exp01.json"
    path.write_text('{"format": 9}')
    with pytest.raises(ReviewError, match="format 9, this cvlib reads 1"):
        read_reviews(path)
