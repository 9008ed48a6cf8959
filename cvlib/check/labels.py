"""Labels and citation keys in markdown: what is defined, what is called."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from cvlib.check.prose import without_blocks, without_code
from cvlib.engine.citations import BIBTEX_KEY
from cvlib.engine.yaml_lines import parse_yaml

_KINDS = "fig|tbl|sec|eq|lst|thm|lem|cor|prp|cnj|def|exm|exr|alg|nte|tip|wrn|imp|cau|vid"
_LABEL = re.compile(rf"(?:{_KINDS})-.+", re.IGNORECASE)
_DEFINED = re.compile(rf"\{{[^{{}}]*?#((?:{_KINDS})-[\w:.-]+)")
_CELL_LABEL = re.compile(rf"^#\|\s*label:\s*[\"']?((?:{_KINDS})-[\w:.-]+)", re.MULTILINE)
# As pandoc reads a key: letters, digits and _, and inside of it some punctuation.
_CALL = re.compile(
    r"(?<![\w\\@./])@(?:\{(?P<braced>[^}\s]+)\}|(?P<key>\w(?:\w|[:.#$%&\-+?<>~/](?=\w))*))"
)


def calls_in(markdown: str) -> Iterator[str]:
    """Yield every `@key` of a text, code and the targets of links left out."""
    for found in _CALL.finditer(without_code(without_blocks(markdown))):
        yield found["braced"] or found["key"]


def is_label(key: str) -> bool:
    """Tell a label (`fig-x`) from a citation key."""
    return _LABEL.fullmatch(key) is not None


def as_defined(label: str) -> str:
    """Return the label that a call means: `Fig-x` at the start of a sentence is `fig-x`."""
    return label[:1].lower() + label[1:]


def labels_in(markdown: str) -> set[str]:
    """Return the labels that executed markdown defines."""
    return set(_DEFINED.findall(without_blocks(markdown)))


def cell_labels(source: str) -> set[str]:
    """Return the labels of a source's cells, for a chapter that is not executed."""
    return set(_CELL_LABEL.findall(source))


def bibliography_keys(path: Path) -> set[str]:
    """Return the keys of a bibliography: BibTeX, CSL JSON or CSL YAML.

    Raises ValueError for a file that is none of these.
    """
    text = path.read_text(encoding="utf-8")
    if path.suffix in (".bib", ".bibtex"):
        return set(BIBTEX_KEY.findall(text))
    if path.suffix == ".json":
        return {str(entry["id"]) for entry in json.loads(text)}
    if path.suffix in (".yaml", ".yml"):
        return {str(entry["id"]) for entry in parse_yaml(text, path.name).data["references"]}
    raise ValueError(f"{path.name}: expected .bib, .json or .yaml")
