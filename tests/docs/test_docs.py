"""What the documents name exists: files, headings, commands, options, make targets, YAML keys."""

import os
import re
import shlex

import pytest
import yaml
from typer.testing import CliRunner

from cvlib.cli import app
from cvlib.reference.keys import anchor
from cvlib.settings import load_settings
from cvlib.studies.experiment import parse_experiment
from cvlib.studies.hypotheses import HypothesisFields
from cvlib.yaml_source import parse_yaml
from tests.docs.documents import DOCUMENTS, README, ROOT, TEMPLATE, VERBS, blocks, commands, read

LINK = re.compile(r"(?<!`)\[[^\]]*\]\((?P<to>[^)\s]+)\)")
TARGET = re.compile(r"^([a-z]+):.*##", re.MULTILINE)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_leads_somewhere(document):
    text = re.sub(r"^```.*?^```", "", read(document), flags=re.MULTILINE | re.DOTALL)
    home = (ROOT / document).parent
    for match in LINK.finditer(text):
        name, _, heading = match["to"].partition("#")
        if "://" in name:
            continue
        target = home / name if name else ROOT / document
        assert target.exists(), match[0]
        if heading:
            found = re.findall(r"^#+ (.+)$", target.read_text(), re.MULTILINE)
            assert heading in {anchor(one) for one in found}, match[0]


def test_every_document_can_be_reached_from_the_readme():
    reached, waiting = set(), [ROOT / "docs/README.md"]
    assert "(docs/README.md)" in read(README)
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


def test_every_document_is_installed_with_the_library():
    done = CliRunner().invoke(app, ["docs"])
    listed = {line.split()[0] for line in done.stdout.splitlines()[:-1]}
    assert listed == {p.stem for p in (ROOT / "docs").rglob("*.md")} - {"README"}
    shown = CliRunner().invoke(app, ["docs", "own-dataset"])
    assert shown.stdout.rstrip() == read("docs/how-to/own-dataset.md").rstrip()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_command_and_option_exists(document):
    # the documents speak of a project that `cvlib init` makes, these of the repository
    of_repository = document in (README, "CONTRIBUTING.md", "docs/reliability.md")
    makefile = "Makefile" if of_repository else TEMPLATE.replace("README.md", "Makefile")
    targets = set(TARGET.findall(read(makefile)))
    inline = re.findall(r"`((?:cvlib|make|python -m cvlib\.)[^`\n]*)`", read(document))
    for line in [*commands(document), *inline]:
        words = shlex.split(line.replace("…", "x"))
        for position, word in enumerate(words):
            if (
                word.endswith("cvlib")
                and "=" not in word
                and words[position - 1 : position] != ["-m"]
            ):
                check_command(words[position + 1 :], line)
            elif word == "make":
                asked = [w for w in words[position + 1 :] if "=" not in w]
                assert asked and asked[0].rstrip(".,;") in targets, line


def check_command(words, line):
    verb = next((" ".join(words[:n]) for n in (2, 1) if " ".join(words[:n]) in VERBS), None)
    if verb is None and words in ([], ["weights"]):
        return  # the command, or a group of commands, is spoken of
    assert verb is not None, line
    known = {name for parameter in VERBS[verb].params for name in parameter.opts}
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
            assert parse_experiment(path).variants, block.text
