"""What the documents name exists: files, headings, commands, options, make targets, YAML keys."""

import os
import re
import shlex

import pytest
import yaml
from cvlib.reference.keys import anchor

from cvlib.cli import app
from cvlib.reference.commands import _commands, _parameters
from cvlib.settings import load_settings
from cvlib.starting.yaml_text import quoted
from cvlib.studies.experiment import parse_experiment
from cvlib.studies.hypotheses import HypothesisFields
from cvlib.studies.located_yaml import parse_yaml
from tests.docs.documents import DOCUMENTS, README, ROOT, TEMPLATE, blocks, commands, read

VERBS = {name.removeprefix("cvlib "): call for name, call in _commands(app)}
LINK = re.compile(r"(?<!`)\[[^\]]*\]\((?P<to>[^)\s]+)\)")
TARGET = re.compile(r"^([a-z]+):.*##", re.MULTILINE)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_leads_somewhere(document):
    text = re.sub(r"^```.*?^```", "", read(document), flags=re.MULTILINE | re.DOTALL)
    # the template is read where it ends up: at the root of a project
    home = ROOT if document == TEMPLATE else (ROOT / document).parent
    for match in LINK.finditer(text):
        name, _, heading = match["to"].partition("#")
        if "://" in name:
            continue
        target = home / name if name else ROOT / document
        assert target.exists(), match[0]
        if heading:
            found = re.findall(r"^#+ (.+)$", target.read_text(), re.MULTILINE)
            assert heading in {anchor(one) for one in found}, match[0]


@pytest.mark.parametrize("readme", [pytest.param(README, marks=pytest.mark.shipped), TEMPLATE])
def test_every_document_can_be_reached_from_the_readme(readme):
    reached, waiting = set(), [ROOT / "docs/README.md"]
    assert "(docs/README.md)" in read(readme)
    while waiting:
        path = waiting.pop()
        if path in reached or path.suffix != ".md":
            continue
        reached.add(path)
        for match in LINK.finditer(path.read_text()):
            target = path.parent / match["to"].partition("#")[0]
            if target.is_file():
                waiting.append(type(path)(os.path.normpath(target)))
    assert set((ROOT / "docs").rglob("*.md")) <= reached


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_command_and_option_exists(document):
    targets = set(TARGET.findall((ROOT / "Makefile").read_text()))
    inline = re.findall(r"`((?:cvlib|make|python -m cvlib\.)[^`\n]*)`", read(document))
    for line in [*commands(document), *inline]:
        words = shlex.split(line.replace("…", "x"))
        for position, word in enumerate(words):
            if word.endswith("cvlib") and words[position - 1 : position] != ["-m"]:
                check_command(words[position + 1 :], line)
            elif word == "make":
                asked = [w for w in words[position + 1 :] if "=" not in w]
                assert asked and asked[0].rstrip(".,;") in targets, line


def check_command(words, line):
    verb = next((" ".join(words[:n]) for n in (2, 1) if " ".join(words[:n]) in VERBS), None)
    if verb is None and words in ([], ["weights"]):
        return  # the command, or a group of commands, is spoken of
    assert verb is not None, line
    known = {row[0].split()[0] for rows in _parameters(VERBS[verb]) for row in rows}
    for word in words:
        if word in ("&&", "|", ";", ">"):
            break
        if word.startswith("--") and word != "--help":
            assert word.split("=")[0] in known, line


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_yaml_block_is_valid(document, tmp_path):
    for block in blocks(document, "yaml"):
        # a fragment is laid over the smallest experiment that there is
        data = parse_yaml(block.text, f"{document}:{block.line}").data
        if set(data) == {"cvlib"}:  # settings of the course, in _quarto.yml
            (tmp_path / "_quarto.yml").write_text(block.text)
            load_settings(tmp_path)
            continue
        if all(re.fullmatch(r"H\d+", key) for key in data):
            for fields in data.values():
                HypothesisFields.model_validate(fields)
            continue
        base = {key: data.pop(key) for key in ("model", "train") if key in data}
        if base:
            data["base"] = base
        whole = {"title": "T", "question": "Q", "dataset": "digits", **data}
        path = tmp_path / "exp01.yaml"
        text = yaml.safe_dump(whole, sort_keys=False, allow_unicode=True)
        # PyYAML takes 1e-4 for text, cvlib for a number
        path.write_text(re.sub(r"'(\d+e-\d+)'", r"\1", text))
        if "mlp" not in text:  # the family that the reader is shown how to add: see test_own_model
            assert parse_experiment(path).variants, quoted(block.text)
