import re

import pytest

from cvlib.reference.keys import EXPERIMENT, SETTINGS, anchor
from cvlib.reference.pages import DOCS, MARK, pages
from cvlib.studies.experiment import parse_experiment
from tests.docs.documents import VERBS

MODELS = {**EXPERIMENT, **SETTINGS}


@pytest.mark.parametrize("name", pages())
def test_the_committed_page_is_what_the_code_makes(name):
    committed = (DOCS / name).read_text()
    assert MARK in committed
    assert committed == pages()[name], "`python -m cvlib.reference` writes it anew"


@pytest.mark.parametrize("model", MODELS, ids=lambda model: MODELS[model][0])
def test_every_key_is_explained(model):
    assert model.__doc__
    unexplained = [k for k, field in model.model_fields.items() if not field.description]
    assert unexplained == []


def test_every_link_of_the_page_leads_to_a_heading():
    page = pages()["reference/experiment-yaml.md"]
    headings = {anchor(heading) for heading in re.findall(r"^## (.+)$", page, re.MULTILINE)}
    links = set(re.findall(r"\]\(#([^)]+)\)", page))
    assert len(links) >= 15 and links <= headings


def test_the_example_on_the_page_is_an_experiment(tmp_path):
    example = re.search(r"```yaml\n(.+?)```", pages()["reference/experiment-yaml.md"], re.DOTALL)
    path = tmp_path / "exp01.yaml"
    path.write_text(example[1])
    assert len(parse_experiment(path).variants) == 2
    assert parse_experiment(path, "quick").seeds == (0,)


@pytest.mark.parametrize("name", VERBS)
def test_every_command_and_option_is_explained_with_an_example(name):
    command = VERBS[name]
    assert f"\n\nExample: cvlib {name}" in command.help
    assert all(parameter.help for parameter in command.params), name
    if not command.hidden:
        assert f"# cvlib {name}\n" in pages()["reference/commands.md"]
