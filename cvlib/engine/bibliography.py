"""The bibliography's entries, by key, so that a chapter depends on those that it cites alone."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

_CITED = re.compile(r"(?<![\w.])@\{?([\w][\w:.#$%&\-+?<>~/]*)")
_ENTRY = re.compile(r"@(\w+)\s*[{(]")
_MARK = re.compile(r"[{}(),\"]")


def cited_entries(texts: Iterable[str], bibliography: Iterable[Path]) -> dict[str, str]:
    """Key -> 16 hex digits, of every entry that one of `texts` cites.

    BibTeX counts by its fields, whatever their order and layout, and with the @string definitions
    that a field uses. A file in another format counts whole, under its name, for a text that cites.
    """
    entries: dict[str, str] = {}
    whole: dict[str, str] = {}
    for path in bibliography:
        try:
            content = path.read_bytes()
        except OSError:
            continue  # a render says that it is missing
        found = _entries_of(path, content)
        if found is None:
            whole[path.name] = hashlib.sha256(content).hexdigest()[:16]
        else:
            entries.update(found)
    cited: set[str] = set()
    for text in texts:
        # a key may be followed by the full stop of its sentence
        cited.update(key.rstrip(".:-?/") for key in _CITED.findall(text))
    known = {key: entries[key] for key in sorted(cited & entries.keys())}
    return known | whole if cited else {}


def _entries_of(path: Path, content: bytes) -> dict[str, str] | None:
    text = content.decode("utf-8", errors="replace")
    if path.suffix in (".bib", ".bibtex"):
        return {key: _digest(fields) for key, fields in _bibtex(text)}
    try:  # CSL's JSON; of another format nothing is known
        return {str(item["id"]): _digest(item) for item in json.loads(text)}
    except (ValueError, TypeError, KeyError):
        return None


def _bibtex(text: str) -> Iterator[tuple[str, Any]]:
    strings: dict[str, str] = {}
    for kind, body in _entries(text):
        if kind == "string":
            name, _, value = body.partition("=")
            strings[name.strip().lower()] = " ".join(value.split())
            continue
        key, _, rest = body.partition(",")
        fields = {}
        for field in _split(rest):
            name, _, value = field.partition("=")
            value = " ".join(value.split())
            words = re.sub(r"\{.*\}|\".*\"", " ", value, flags=re.DOTALL)
            macros = {w: strings[w.lower()] for w in re.findall(r"[^\W\d]\w*", words)
                      if w.lower() in strings}  # fmt: skip
            fields[name.strip().lower()] = [_bare(value), macros] if macros else _bare(value)
        yield key.strip(), [kind, fields]


def _entries(text: str) -> Iterator[tuple[str, str]]:
    """Kind and body of each entry; what stands between entries is a comment."""
    position = 0
    while found := _ENTRY.search(text, position):
        position = _closing(text, found.end())
        if (kind := found[1].lower()) not in ("comment", "preamble"):
            yield kind, text[found.end() : position]


def _closing(text: str, start: int) -> int:
    return next((at for at, _, depth in _marks(text, start) if depth < 0), len(text))


def _marks(text: str, start: int = 0) -> Iterator[tuple[int, str, int]]:
    """Each mark of BibTeX from `start` on: where it is, and how deep in braces it leaves one.

    A `)` outside of braces leaves the entry as `}` does; in braces it is a letter.
    """
    depth = 0
    for found in _MARK.finditer(text, start):
        depth += {"{": 1, "}": -1, ")": 0 if depth else -1}.get(found[0], 0)
        yield found.start(), found[0], depth


def _split(body: str) -> Iterator[str]:
    """The fields of an entry: parts between commas outside of braces and quotes."""
    quoted, start = False, 0
    for position, mark, depth in _marks(body):
        quoted ^= mark == '"' and depth == 0
        if mark == "," and depth == 0 and not quoted:
            yield body[start:position]
            start = position + 1
    if body[start:].strip():
        yield body[start:]


def _bare(value: str) -> str:
    """Without its outer braces or quotes: `{2017}`, `"2017"` and `2017` are one value."""
    if len(value) > 1 and (value[0], value[-1]) in (("{", "}"), ('"', '"')):
        inner = value[1:-1]
        if value[0] == '"' or _closing(value, 1) == len(value) - 1:
            return inner.strip()
    return value


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
