import inspect
import re

import pytest
from cvlib.reference.keys import anchor

from cvlib.cli import app
from cvlib.reference import experiment_yaml, settings
from cvlib.reference.commands import _commands, _parameters
from cvlib.reference.experiment_yaml import INTRODUCTION
from cvlib.reference.pages import pages
from cvlib.studies.experiment import parse_experiment


@pytest.mark.parametrize("name", pages())
def test_the_committed_page_is_what_the_code_makes(name, request):
    committed = (request.config.rootpath / "docs" / name).read_text()
    assert committed == pages()[name], "`python -m cvlib.reference` writes it anew"


@pytest.mark.parametrize(
    "section", [*experiment_yaml.SECTIONS, *settings.SECTIONS], ids=lambda section: section.heading
)
def test_every_key_is_explained(section):
    assert section.model.__doc__
    unexplained = [k for k, field in section.model.model_fields.items() if not field.description]
    assert unexplained == []


def test_every_link_of_the_page_leads_to_a_heading():
    page = pages()["reference/experiment-yaml.md"]
    headings = {anchor(heading) for heading in re.findall(r"^## (.+)$", page, re.MULTILINE)}
    links = set(re.findall(r"\]\(#([^)]+)\)", page))
    assert len(links) >= 15 and links <= headings


def test_the_example_on_the_page_is_an_experiment(tmp_path):
    example = re.search(r"```yaml\n(.+?)```", INTRODUCTION, re.DOTALL)
    path = tmp_path / "exp01.yaml"
    path.write_text(example[1])
    assert len(parse_experiment(path).variants) == 2
    assert parse_experiment(path, "quick").seeds == (0,)


COMMANDS = list(_commands(app))


@pytest.mark.parametrize(("name", "call"), COMMANDS, ids=[name for name, _ in COMMANDS])
def test_every_command_and_option_is_explained_with_an_example(name, call):
    assert f"\n\nExample: {name}" in inspect.getdoc(call)
    for rows in _parameters(call):
        assert all(means for _, _, means in rows)
