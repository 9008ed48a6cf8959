"""YAML, read in one way wherever a person writes it: values by YAML 1.2's core schema, with their lines.

Experiments, hypotheses, `_quarto.yml` and its profiles, headers and cell options of chapters all come
through here. A file is read event by event, so that nothing in it is built before its depth and size
are known; no tag makes an object. Raises with file, line and what to do, never anything else.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from cvlib.errors import CvlibError

Address = tuple[str, ...]
_Event = Any  # a yaml.Event

MOST_BYTES = 5_000_000
MOST_DEPTH = 100
MOST_VALUES = 100_000  # with every alias written out
_MOST_SAID = 20  # problems of one file

# libyaml's parser where PyYAML was built with it: ten times as fast
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# https://yaml.org/spec/1.2.2/#103-core-schema; all else that is not in quotes is text, too
_NULL = ("", "~", "null", "Null", "NULL")
_BOOL = {
    word: word.lower() == "true" for word in ["true", "True", "TRUE", "false", "False", "FALSE"]
}
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_TEXT_TAGS = ("!", "tag:yaml.org,2002:str")

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")
_CONTROL_IN_VALUE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff]")


class SpecError(CvlibError, ValueError):
    """A file does not say what it should; the message names file, line and key."""

    def __init__(self, message: str, *, file: str | None = None, line: int | None = None) -> None:
        where = "" if file is None else f"{file}: " if line is None else f"{file}:{line}: "
        super().__init__(where + message)


@dataclass
class Yaml:
    """Nested plain data with the line of every entry: address of keys and positions -> line from 1.

    below: the address of `data`, where it is a part of what `lines` are of.
    """

    data: dict[str, Any]
    lines: dict[Address, int] = field(default_factory=dict)
    file: str = ""
    below: Address = ()

    def line(self, *address: str | int) -> int | None:
        """Line of the value at `address`, or of the nearest entry that encloses it."""
        keys = (*self.below, *map(str, address))
        while keys and keys not in self.lines:
            keys = keys[:-1]
        return self.lines.get(keys)

    def error(self, address: Iterable[str | int], message: str) -> SpecError:
        """Return a SpecError that begins with file and line; those of the file where no key is."""
        return SpecError(message, file=self.file, line=self.line(*address) or 1)

    def part(self, key: str) -> Yaml:
        """Return the mapping below `key`, with its lines; empty when there is none."""
        return Yaml(self.data.get(key) or {}, self.lines, self.file, (*self.below, key))


def together(messages: Iterable[object]) -> str:
    """Several messages as one, no line twice; of very many the first ones and their number."""
    said = list(dict.fromkeys("\n".join(map(str, messages)).split("\n")))
    more = [f"… and {len(said) - _MOST_SAID} more"] if len(said) > _MOST_SAID else []
    return "\n".join(said[:_MOST_SAID] + more)


def shown(value: object) -> str:
    """A value as a message has it: one line, of a long one its beginning."""
    text = repr(value[:61] if isinstance(value, str) else value)
    return text if len(text) <= 80 else f"{text[:60]}…"


def read_yaml(
    path: Path,
    shown_as: str,
    *,
    error: Callable[..., CvlibError] = SpecError,
    none_is_null: bool = False,
) -> Yaml:
    """Read a YAML file whose top level is a mapping; see `parse_yaml`. shown_as: its name in messages."""
    return parse_yaml(
        read_text(path, shown_as, error), shown_as, error=error, none_is_null=none_is_null
    )


def read_text(path: Path, shown_as: str, error: Callable[..., CvlibError] = SpecError) -> str:
    """The text of a file in UTF-8, its line ends as they are. Raises `error` for what is none."""
    try:
        if not path.is_file():  # a folder, but also a pipe or a device, which would never end
            what = (
                "is a folder"
                if path.is_dir()
                else "is no file"
                if path.exists()
                else "is not there"
            )
            raise error(f"{what}; expected a YAML file", file=shown_as)
        if path.stat().st_size > MOST_BYTES:
            raise error(f"has over {MOST_BYTES:,} bytes; is it YAML?", file=shown_as)
        data = path.read_bytes()
    except OSError as problem:
        why = problem.strerror or problem
        raise error(f"cannot be read ({why}); see to its permissions", file=shown_as) from None
    try:
        if data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in data[:4]:
            raise error("is UTF-16, or no text; save it as UTF-8", file=shown_as, line=1)
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line = data.count(b"\n", 0, problem.start) + 1
        message = f"byte 0x{data[problem.start]:02x} is not UTF-8; save the file as UTF-8"
        raise error(message, file=shown_as, line=line) from None


def parse_yaml(
    text: str,
    file: str,
    first_line: int = 1,
    *,
    error: Callable[..., CvlibError] = SpecError,
    none_is_null: bool = False,
) -> Yaml:
    """Parse a YAML mapping; an empty text is an empty one.

    file: its name in messages; first_line: where `text` begins in it; none_is_null: `none` switches
    off, as in experiments. Raises `error(message, file=, line=)` that names every problem found.
    """
    reader = _Reader(text.removeprefix("\ufeff"), file, first_line, none_is_null)
    try:
        data = reader.read()
    except _Stop:
        data = {}
    if reader.problems:
        (line, first), *rest = reader.problems
        others = [f"{file}:{n}: {message}" for n, message in rest]
        raise error(together([first, *others]), file=file, line=line)
    return Yaml(data, reader.lines, file)


class _Stop(Exception):
    """A problem after which nothing more can be read."""


class _Reader:
    """Reads one document. Problems are kept, (line, message), and reading goes on where it can."""

    def __init__(self, text: str, file: str, first_line: int, none_is_null: bool) -> None:
        self.problems: list[tuple[int, str]] = []
        self.lines: dict[Address, int] = {}
        self._text = text
        self._first_line = first_line
        self._null = (*_NULL, "none", "None") if none_is_null else _NULL
        self._anchors: dict[str, list[_Event]] = {}
        self._values = 0

    def read(self) -> dict[str, Any]:
        """The data. Raises _Stop, after which there is a problem."""
        if found := _CONTROL.search(self._text):
            line = self._first_line + self._text.count("\n", 0, found.start())
            raise self._stop(line, f"the control character {found[0]!r} stands here; delete it")
        events = self._events()
        first = next(events, None)
        if first is None:
            return {}
        data = self._value(first, events, (), 0)
        if (second := next(events, None)) is not None:
            raise self._stop(
                second, "a second document begins here; one file holds one: delete `---`"
            )
        if data is None and isinstance(first, yaml.ScalarEvent):
            return {}
        if not isinstance(data, dict):
            message = f"expected `key: value` lines, found {shown(data)}"
            raise self._stop(first, message)
        return data

    def _events(self) -> Iterator[_Event]:
        """The events of values, and the line where the text stops to be YAML."""
        depth = 0
        try:
            for event in yaml.parse(self._text, Loader=_LOADER):
                depth += isinstance(event, yaml.CollectionStartEvent)
                depth -= isinstance(event, yaml.CollectionEndEvent)
                if depth > MOST_DEPTH:
                    raise self._too_deep(event)
                if isinstance(event, yaml.NodeEvent | yaml.CollectionEndEvent):
                    yield event
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            at = mark.line if mark else 0
            lines = self._text.split("\n")
            indent = re.match(r"\s*", lines[at] if at < len(lines) else "")
            hint = "; indent with blanks, not with tabs" * (
                indent is not None and "\t" in indent[0]
            )
            message = f"not valid YAML: {error.problem}{hint}"
            raise self._stop(self._first_line + at, message) from None
        except yaml.YAMLError as error:  # a character that YAML has not
            raise self._stop(self._first_line, f"not valid YAML: {error}") from None

    def _value(self, event: _Event, events: Iterator[_Event], address: Address, depth: int) -> Any:
        """The value that `event` begins, the rest of which is taken from `events`."""
        self._values += 1
        if self._values > MOST_VALUES:
            what = "values, each alias written out" if self._anchors else "values"
            raise self._stop(event, f"over {MOST_VALUES:,} {what}; make it shorter")
        if depth > MOST_DEPTH:
            raise self._too_deep(event)
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchors:
                message = f"*{event.anchor} repeats &{event.anchor}, which does not stand before it"
                raise self._stop(event, f"{message}; write the value out")
            events = iter(self._anchors[event.anchor])
            event = next(events)
        elif event.anchor is not None:
            inner = [event, *_rest(event, events)]
            self._values += len(inner)
            if any(isinstance(e, yaml.AliasEvent) and e.anchor == event.anchor for e in inner):
                raise self._stop(event, f"&{event.anchor} holds itself; write the value out")
            self._anchors[event.anchor] = inner
            events = iter(inner[1:])
        self._check_tag(event)
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(events, address, depth)
        if isinstance(event, yaml.SequenceStartEvent):
            items: list[Any] = []
            while not isinstance(item := next(events), yaml.SequenceEndEvent):
                inner_address = (*address, str(len(items)))
                self.lines[inner_address] = self._line(item)
                items.append(self._value(item, events, inner_address, depth + 1))
            return items
        return self._scalar(event)

    def _mapping(self, events: Iterator[_Event], address: Address, depth: int) -> dict[str, Any]:
        built: dict[str, Any] = {}
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            key = event.value if isinstance(event, yaml.ScalarEvent) else None
            if key is None:
                self._note(event, "a key is a word, not a list, a mapping or an alias; name it")
                key = str(self._value(event, events, address, depth + 1))
            elif not key.strip():
                self._note(event, "a key is empty; give it a name")
            elif key == "<<" and event.style in (None, ""):
                self._note(event, "`<<` is not merged here; write the keys out")
            elif key in built:
                self._note(event, f"`{shown(key)[1:-1]}` is given twice; delete one")
            else:
                self._check_tag(event)
            self._check_text(event, key)
            inner = (*address, key)
            self.lines[inner] = self._line(event)
            built[key] = self._value(next(events), events, inner, depth + 1)
        return built

    def _scalar(self, event: _Event) -> Any:
        text = event.value
        if not event.implicit[0] or event.tag is not None:
            return self._check_text(event, text)
        if text in self._null:
            return None
        if text in _BOOL:
            return _BOOL[text]
        if _NOT_FINITE.fullmatch(text):
            self._note(event, f"{text} is no number that can be used; write a finite one")
        elif _INT.fullmatch(text):
            number = (
                int(text, {"0o": 8, "0x": 16}.get(text[:2], 10)) if len(text) < 100 else 1 << 64
            )
            if -(1 << 63) <= number < 1 << 63:
                return number
            self._note(event, f"{shown(text)[1:-1]} has more than 64 bits; text stands in quotes")
        elif _FLOAT.fullmatch(text):
            if math.isfinite(float(text)):
                return float(text)
            self._note(
                event, f"{shown(text)[1:-1]} is too large for a number; text stands in quotes"
            )
        return self._check_text(event, text)

    def _check_tag(self, event: _Event) -> None:
        tag = getattr(event, "tag", None)
        if tag is not None and tag not in _TEXT_TAGS:
            tag = tag.replace("tag:yaml.org,2002:", "!!")
            self._note(event, f"the tag {shown(tag)[1:-1]} is not read here; leave it out")

    def _check_text(self, event: _Event, text: str) -> str:
        if found := _CONTROL_IN_VALUE.search(text):
            self._note(event, f"a text holds the control character {found[0]!a}; leave it out")
        return text

    def _line(self, event: _Event) -> int:
        return self._first_line + event.start_mark.line

    def _note(self, where: _Event | int, message: str) -> None:
        line = where if isinstance(where, int) else self._line(where)
        if (line, message) not in self.problems:
            self.problems.append((line, message))

    def _too_deep(self, event: _Event) -> _Stop:
        return self._stop(event, f"nested over {MOST_DEPTH} deep; make it flatter")

    def _stop(self, where: _Event | int, message: str) -> _Stop:
        self._note(where, message)
        return _Stop()


def _rest(event: _Event, events: Iterator[_Event]) -> Iterator[_Event]:
    """The events after `event` that belong to the same value."""
    depth = int(isinstance(event, yaml.CollectionStartEvent))
    while depth:
        event = next(events)
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        yield event
