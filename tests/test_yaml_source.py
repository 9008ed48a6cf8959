"""YAML as people, editors and attackers write it: values by YAML 1.2, or file, line and remedy, soon."""

import os
import time

import pytest

from cvlib.engine.errors import BookError
from cvlib.yaml_source import SpecError, parse_yaml, read_yaml

LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{key}: &{key} [{','.join([f'*{before}'] * 10)}]\n"
    for before, key in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        *[("010", 10), ("064", 64), ("0o17", 15), ("0x1F", 31), ("+3", 3), ("-0", 0)],
        *[("1e-3", 0.001), (".5", 0.5), ("1.", 1.0), ("1E3", 1000.0)],
        *[("1:30", "1:30"), ("1_000", "1_000"), ("0b1", "0b1"), ("2024-02-30", "2024-02-30")],
        *[("yes", "yes"), ("off", "off"), ("=", "="), ("none", "none"), ("True", True)],
        *[
            ("~", None),
            ("", None),
            ("'5'", "5"),
            ("!!str 5", "5"),
            ("! 5", "5"),
            ('"\\u00e9"', "é"),
        ],
    ],
)
def test_a_value_is_what_yaml_1_2_says(written, value):
    found = parse_yaml(f"a: {written}", "f").data["a"]
    assert found == value and type(found) is type(value)


def test_none_is_null_where_experiments_switch_something_off():
    text = "a: [none, None, 'none']"
    assert parse_yaml(text, "f", none_is_null=True).data == {"a": [None, None, "none"]}


def test_every_entry_has_its_line_and_a_part_the_lines_of_the_whole():
    yaml = parse_yaml("a:\n  b:\n    - 1\n    - c: 2\nd: 3\n", "f", first_line=10)
    assert [yaml.line("a", "b", 1, "c"), yaml.line("a", "b", "1", "x"), yaml.line("d")] == [
        13,
        13,
        14,
    ]
    assert yaml.line("e") is None
    part = yaml.part("a").part("b")
    assert part.data == [1, {"c": 2}] and part.line(0) == 12 and part.line("x") == 11


def test_an_alias_repeats_what_its_anchor_holds():
    assert parse_yaml("a: &x {b: [1, &y 2]}\nc: *x\nd: *y", "f").data["c"] == {"b": [1, 2]}


@pytest.mark.parametrize("text", ["", "# a comment\n", "---\n", "\ufeff"])
def test_an_empty_text_is_an_empty_mapping(text):
    assert parse_yaml(text, "f").data == {}


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (LAUGHS, 1, "over 100,000 values, each alias written out"),
        ("a: [" + "1," * 100_001 + "]", 1, "over 100,000 values; make it shorter"),
        ("a:\n  b: &a [*a]", 2, "&a holds itself; write the value out"),
        ("a: &a\n  b: {c: *a}", 1, "&a holds itself"),
        ("a: *b\nb: &b 1", 1, "*b repeats &b, which does not stand before it"),
        ("a:\n  " + "[" * 5_000, 2, "nested over 100 deep; make it flatter"),
        ("a: " + "[" * 100_000, 1, "nested over 100 deep"),
        ("a: &a " + "{a: " * 100_000, 1, "nested over 100 deep"),
        ("\n".join(" " * n + "a:" for n in range(5_000)), 101, "nested over 100 deep"),
        ("a: &a " + "[" * 60 + "]" * 60 + "\nb: " + "[" * 60 + "*a" + "]" * 60, 1, "nested over"),
        ("- " * 100_000, 1, "nested over 100 deep"),
        ("a: 1\nb: !foo x", 2, "the tag !foo is not read here; leave it out"),
        ("a: !!int abc", 1, "the tag !!int"),
        ("a: !!python/object/apply:os.system [ls]", 1, "the tag !!python/object/apply:os.system"),
        ("!foo a: 1", 1, "the tag !foo"),
        ("a: " + "7" * 5_000, 1, "has more than 64 bits"),
        ("a: 9223372036854775808", 1, "9223372036854775808 has more than 64 bits"),
        ("a: " + "7" * 5_000 + ".5", 1, "is too large for a number"),
        ("a: 1e999", 1, "1e999 is too large for a number"),
        ("a: -.inf", 1, "-.inf is no number that can be used"),
        ("a: .NaN", 1, ".NaN is no number that can be used"),
        ("a: 1\nb: \x01", 2, "the control character '\\x01' stands here; delete it"),
        ("a: \0", 1, "the control character '\\x00'"),
        ("a: \ud800", 1, "the control character '\\ud800'"),
        ('a: 1\nb: "\\e[31m"', 2, "a text holds the control character '\\x1b'; leave it out"),
        ('a: "x\\u202ey"', 1, "a text holds the control character '\\u202e'"),
        ('"\\a": 1', 1, "a text holds the control character '\\x07'"),
        ("a: 1\n---\nb: 2", 3, "a second document begins here"),
        ("a: {b: 1, b: 2}", 1, "`b` is given twice; delete one"),
        ("a: &a {b: 1}\nc:\n  <<: *a", 3, "`<<` is not merged here; write the keys out"),
        ("? [a]\n: 1", 1, "a key is a word"),
        ("'': 1", 1, "a key is empty; give it a name"),
        ("a:\n\tb: 1", 2, "indent with blanks, not with tabs"),
        ("a: [1", 2, "not valid YAML"),
        ("- 1", 1, "expected `key: value` lines, found [1]"),
        ("a", 1, "expected `key: value` lines, found 'a'"),
        ("%YAML 3.0\n---\na: 1", 1, "not valid YAML"),
    ],
)
def test_what_cannot_be_used_has_file_line_and_remedy_soon(text, line, said):
    before = time.monotonic()
    with pytest.raises(SpecError) as caught:
        parse_yaml(text, "f.yml")
    assert time.monotonic() - before < 2
    assert str(caught.value).startswith(f"f.yml:{line}: ") and said in str(caught.value)


def test_all_problems_of_a_file_are_said_at_once_and_of_very_many_the_first():
    with pytest.raises(BookError) as caught:
        parse_yaml("a: !x 1\nb: .inf\na: 2\n", "f", error=BookError)
    assert [line[:5] for line in str(caught.value).splitlines()] == ["f:1: ", "f:2: ", "f:3: "]
    assert (caught.value.file, caught.value.line) == ("f", 1)
    with pytest.raises(SpecError, match=r"… and 80 more$"):
        parse_yaml("".join(f"k{n}: .nan\n" for n in range(100)), "f")


def test_a_long_text_is_read_and_a_long_key_only_named_by_its_beginning():
    assert len(parse_yaml("a: " + "x" * 4_000_000, "f").data["a"]) == 4_000_000
    with pytest.raises(SpecError) as caught:
        parse_yaml(f"? {'k' * 100_000}\n: 1\n" * 2, "f")
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("# é\na: é".encode("latin-1"), "f:1: byte 0xe9 is not UTF-8; save the file as UTF-8"),
        ("a: 1\n".encode("utf-16"), "f:1: is UTF-16, or no text; save it as UTF-8"),
        ("a: 1\n".encode("utf-16-be"), "f:1: is UTF-16, or no text"),
        (b"a" * 5_000_001, "f: has over 5,000,000 bytes"),
    ],
)
def test_a_file_in_other_letters_or_of_any_size_is_refused(tmp_path, data, said):
    (tmp_path / "f").write_bytes(data)
    with pytest.raises(SpecError) as caught:
        read_yaml(tmp_path / "f", "f")
    assert str(caught.value).startswith(said)


def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path, monkeypatch):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    (tmp_path / "loop").symlink_to("loop")
    for name, said in {"folder": "is a folder", "pipe": "is no file", "zero": "is no file"}.items():
        with pytest.raises(SpecError, match=f"{name}: {said}"):
            read_yaml(tmp_path / name, name)
    for name in ("loop", "nowhere"):
        with pytest.raises(SpecError, match=f"{name}: is not there"):
            read_yaml(tmp_path / name, name)
    (tmp_path / "locked").touch()
    monkeypatch.setattr("pathlib.Path.read_bytes", _deny)
    with pytest.raises(SpecError, match=r"locked: cannot be read \(Permission denied\)"):
        read_yaml(tmp_path / "locked", "locked")


def _deny(_path):
    raise PermissionError(13, "Permission denied")


def test_utf_8_with_a_mark_at_its_start_is_read(tmp_path):
    (tmp_path / "f").write_bytes(b"\xef\xbb\xbfa: \xc3\xa9\r\n")
    assert read_yaml(tmp_path / "f", "f").data == {"a": "é"}
