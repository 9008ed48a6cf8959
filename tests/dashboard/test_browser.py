"""The dashboard as a person sees it: FiftyOne's App, in a real browser, on runs that were trained."""

import signal
import subprocess
import sys

import pytest

from cvlib.results.reviews import read_reviews
from cvlib.results.run import Run
from cvlib.results.store import Store
from tests.dashboard.app_page import AppPage, app_page, needs_browser
from tests.dashboard.shown import (
    Command,
    copied,
    needs_fiftyone,
    needs_mongod,
    trained,
    without_fiftyone,
)

pytest.importorskip("playwright", reason="playwright is not installed; `make dashboard` does that")
pytestmark = [needs_fiftyone, needs_mongod, needs_browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return copied(trained(tmp_path_factory), tmp_path_factory.mktemp("browser") / "digits")


@pytest.fixture(scope="module")
def stored(project) -> Run:
    """The first run that the dashboard shows, from the store and not from the dashboard."""
    runs = [Store(project.runs).read(key) for key in Store(project.runs).keys()]  # noqa: SIM118
    [first] = [run for run in runs if run.provenance["made_for"]["variant"] == "narrow"]
    return first


@pytest.fixture(scope="module")
def command(project):
    command = Command(project).open()
    yield command
    if command.process.poll() is None:
        command.end(signal.SIGKILL)


@pytest.fixture(scope="module")
def app(command):
    """One page for all that follows: panels stay open from one claim to the next."""
    with app_page() as page:
        yield page


@pytest.fixture
def misclassified(app, command) -> AppPage:
    """The page, with that view open."""
    return app.open(f"{command.url}?view=misclassified")


def test_the_app_shows_every_test_image(app: AppPage, command, stored):
    assert app.open(command.url).samples() == len(stored.predictions().labels) == 200


def test_the_view_of_misclassified_images_has_as_many_as_the_store(misclassified, stored):
    wrong = int((~stored.predictions().correct).sum())
    assert 0 < wrong < 200
    assert misclassified.samples() == wrong


def test_tags_given_in_the_app_come_back_while_it_is_open(misclassified, project, stored):
    misclassified.tag(2, "label-error")
    done = subprocess.run(
        [sys.executable, "-m", "cvlib", "dashboard", "exp01", "--export-tags"],
        cwd=project.root,
        env=without_fiftyone(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    reviews = read_reviews(project.reviews / "exp01.json")
    wrong = stored.predictions().ids[~stored.predictions().correct]
    assert set(reviews.tags) == {"label-error"}
    assert len(reviews.tags["label-error"]) == 2
    assert set(reviews.tags["label-error"]) <= set(wrong.tolist())


def test_the_model_evaluation_panel_finds_the_accuracy_of_the_store(misclassified, stored):
    misclassified.add_panel("Model Evaluation")
    shown = misclassified.evaluation("eval_narrow")
    correct = stored.predictions().correct
    assert int(shown["Support"]) == len(correct)
    assert int(shown["Correct"]) == correct.sum()
    assert int(shown["Incorrect"]) == (~correct).sum()
    assert float(shown["Accuracy"]) == pytest.approx(correct.mean(), abs=0.0051)  # 2 decimals


def test_the_embeddings_panel_draws_a_map_and_marks_the_view_in_it(misclassified, stored):
    misclassified.add_panel("Embeddings")
    correct = stored.predictions().correct
    assert misclassified.map_points("narrow_logits_pca") == (len(correct), (~correct).sum())


def test_no_page_reported_an_error(app: AppPage):
    assert app.errors == []


def test_nothing_but_web_fonts_was_asked_of_other_machines(app: AppPage):
    assert app.outside == []


def test_sigterm_ends_it_although_a_page_is_open(misclassified: AppPage, command):
    assert command.running("server/main.py") and command.running("/mongod --dbpath")
    assert command.end(signal.SIGTERM) == 0
    assert command.left_over() == []
