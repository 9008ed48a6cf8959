"""Figures and galleries of mistakes: on one seed, many classes, colour pictures, no mistake at all."""

from __future__ import annotations

import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from cvlib.journal import experiment, mistakes
from cvlib.journal.errors import JournalError
from cvlib.journal.gallery import each_once, groups_of
from cvlib.journal.gallery_page import thumbnail
from tests.journal.made_mistakes import make_mistakes, make_pictures


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    return experiment("exp01", root=make_mistakes(tmp_path_factory.mktemp("shown")).root)


@pytest.fixture(scope="module")
def found(digits):
    return mistakes(digits["base"], digits["mapped"], digits["subset"])


@pytest.fixture(scope="module", params=["quick", "many classes", "large colour", "perfect"])
def other(request, tmp_path_factory, digits):
    """Mistakes of every other kind of project."""
    root = tmp_path_factory.mktemp("other")
    if request.param == "perfect":
        return mistakes(digits["perfect"], digits["base"])
    if request.param == "quick":
        make_mistakes(root, "{name: digits, test_subset: 60}", 30, "[0]", "quick")
        exp = experiment("exp01", root=root, profile="quick")
    else:
        classes, each, side = (200, 2, 8) if request.param == "many classes" else (3, 12, 224)
        made = make_mistakes(root, make_pictures(root, classes, each, side), classes, "[0, 1]")
        exp = experiment("exp01", root=made.root)
    return mistakes(exp["base"], exp["mapped"], exp["subset"])


@pytest.mark.parametrize("name", ["confusion", "calibration", "gallery"])
def test_every_figure_is_drawn_of_every_kind_of_project(other, name):
    assert getattr(other, name)().drawn("svg").startswith(b"<?xml")


@pytest.mark.parametrize("name", ["pairs", "classes", "slices"])
def test_every_table_is_made_of_every_kind_of_project(other, name):
    assert str(getattr(other, name)()).strip()


def test_every_sentence_is_said_of_every_kind_of_project(other):
    names = [
        *("error", "images", "ece", "gap", "confident", "pair", "pair_share", "pair_images"),
        *("share_of_errors", "every_model_wrong", "label_errors", "slice", "slice_error"),
        *("slice_rest", "slice_images", "slices_found", "slices_tried", "reviewed", "label_noise"),
    ]
    for name in names:
        said = getattr(other, name)()._repr_markdown_()
        assert said and "nan" not in said, name


def test_the_page_is_made_of_every_kind_of_project_and_is_small(other):
    assert 20 < len(other.gallery_page().html) < 600_000


def test_many_classes_are_shown_as_bars_of_pairs(tmp_path):
    make_mistakes(tmp_path, make_pictures(tmp_path, 24, 4, 8), 30, "[0]")
    exp = experiment("exp01", root=tmp_path)
    axes = mistakes(exp["base"]).confusion().axes[0]
    assert all(" as " in label.get_text() for label in axes.get_yticklabels())


def test_confusion_says_the_same_as_the_counts(found):
    figure = found.confusion()
    subject = found.cases.subject
    written = {
        (round(text.get_position()[1]), round(text.get_position()[0])): text.get_text()
        for text in figure.axes[0].texts
    }
    for pair in found.confused[:3]:
        percent = 100 * pair.share.estimate
        wanted = f"{percent:.1f}" if percent < 9.95 else f"{percent:.0f}"
        assert written[pair.true, pair.predicted] == wanted
    own = subject.labels == 3
    assert written[3, 3] == f"{100 * (~subject.wrong[:, own]).mean():.0f}"


def test_no_picture_stands_in_two_rows_and_every_one_belongs_there(found):
    groups = groups_of(found, ["pairs:2", "confident", "every model", "label errors", "others"])
    rows = each_once(groups, 6)
    shown = [image for _, ids in rows for image in ids.tolist()]
    assert len(shown) == len(set(shown)) > 12
    subject = found.cases.subject
    for group, ids in rows:
        assert set(ids.tolist()) <= set(group.ids.tolist())
        if group.title.startswith("Wrong with"):
            sure = subject.confidence[[subject.row_of[image] for image in ids.tolist()]]
            assert (sure >= 0.9).all() and (np.diff(sure) <= 0).all()


def test_letters_below_pictures_are_legible_and_within_their_column(found, monkeypatch):
    names = [f"a class with a long name, number {n}" for n in range(10)]
    monkeypatch.setitem(found.__dict__, "short_names", names)
    figure = found.gallery(each=10)
    below = [text for axes in figure.axes for text in axes.texts]
    assert min(text.get_fontsize() for text in below) >= 6
    column = figure.bbox.width / 10
    assert max(text.get_window_extent().width for text in below) < column


def test_gallery_that_has_no_room_says_what_to_change(found):
    with pytest.raises(JournalError, match="fewer groups"):
        found.gallery(["pairs:5", "confident"], height=1.5)
    with pytest.raises(JournalError, match="no group 'nonsense'"):
        found.gallery(["nonsense"])


def test_figures_are_the_same_bytes_every_time(found):
    assert found.gallery().drawn("png") == found.gallery().drawn("png")


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.buttons: list[dict] = []
        self.images: list[dict] = []
        self.sources: list[dict] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        if tag == "button" and "title" in dict(attributes):
            self.buttons.append(dict(attributes))
        if tag in ("svg", "image"):
            place = self.images if tag == "svg" else self.sources
            place.append(dict(attributes))


@pytest.fixture(scope="module")
def page(found):
    parsed = _Page()
    parsed.feed(found.gallery_page(limit=40).html)
    return parsed


def test_page_shows_at_most_as_many_pictures_as_asked_for_each_once(page):
    assert 32 <= len(page.buttons) == len(page.images) <= 40
    names = [button["title"].splitlines()[-1] for button in page.buttons]
    assert len(set(names)) == len(names) and all(name.startswith("Image: ") for name in names)


def test_page_needs_no_script_element_and_no_other_file(found, page):
    html = found.gallery_page(limit=40).html
    assert not re.search(r"<(script|img|iframe)", html) and "http" not in html
    assert all(source["href"].startswith("data:image/") for source in page.sources)


def test_pictures_on_the_page_are_the_images_of_their_ids(found, page):
    test = found.pictures.data.test
    for button, source in list(zip(page.buttons, page.sources, strict=True))[::5]:
        image = int(button["title"].splitlines()[-1].rsplit("/", 1)[1])
        shown = Image.open(io.BytesIO(base64.b64decode(source["href"].split(",")[1])))
        wanted = test.images[test.ids.tolist().index(image), :, :, 0]
        assert np.array_equal(np.asarray(shown), wanted)


def test_facts_of_a_picture_are_its_own_and_in_words(found, page):
    for button, image in zip(page.buttons, page.images, strict=True):
        facts = dict(line.split(": ", 1) for line in button["title"].splitlines())
        subject = found.cases.subject
        row = subject.row_of[int(facts["Image"].rsplit("/", 1)[1])]
        assert facts["Label"] == found.class_names[subject.labels[row]]
        assert facts["base"].startswith(found.class_names[subject.answer[row]])
        assert {"mapped", "Hardness", "Mistakenness", "Brightness"} <= set(facts)
        assert "Colourfulness" not in facts  # 0 in every grey picture
        assert image["aria-label"].startswith(facts["Label"])


def test_a_format_without_html_gets_a_sentence(found):
    bundle = found.gallery_page()._repr_mimebundle_()
    assert set(bundle) == {"text/html", "text/markdown", "text/plain"}
    assert "web edition" in bundle["text/markdown"]


def test_names_that_could_be_markup_are_escaped(found, monkeypatch):
    names = [f'<b>"{n}' for n in range(10)]
    monkeypatch.setitem(found.__dict__, "class_names", names)
    monkeypatch.setitem(found.__dict__, "short_names", names)
    html = found.gallery_page(limit=5).html
    assert '<b>"' not in html and "&lt;b&gt;" in html


def test_large_pictures_are_kept_within_their_bytes():
    noise = np.random.default_rng(0).integers(0, 256, (224, 300, 3), dtype=np.uint8)
    uri = thumbnail(noise, 2_500)
    content = base64.b64decode(uri.split(",")[1])
    assert uri.startswith("data:image/jpeg") and len(content) <= 2_500
    assert max(Image.open(io.BytesIO(content)).size) <= 96


def test_keys_of_the_page_are_escaped_into_one_attribute(found):
    html = found.gallery_page(limit=3).html
    handler = re.search(r'onkeydown="([^"]*)"', html)
    assert handler and "showModal" in handler.group(1)
