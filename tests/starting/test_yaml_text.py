import pytest
import yaml

from cvlib.starting import StartError
from cvlib.starting.yaml_text import folded, insert_item, quoted, set_value

FILE = """\
# über alles: é
book:   # the book
  title: "Old"      # its title
  long: >-
    two lines
    of it

  chapters:
    - a.qmd
    # about the part
    - part: P
      chapters:
        - b.qmd     # the first

  # below
other: {x: 1, y: [p, q]}
"""


def edit(path, written, value, text=FILE):
    return set_value(text, path, written, value, yaml.safe_load)


def put(path, position, item, text=FILE):
    return insert_item(text, path, position, item, yaml.safe_load)


def changed_lines(before, after):
    return [line for line in after.splitlines() if line not in before.splitlines()]


@pytest.mark.parametrize(
    ("path", "written", "value", "line"),
    [
        (("book", "title"), '"New: é"', "New: é", '  title: "New: é"      # its title'),
        (("other", "x"), "2", 2, "other: {x: 2, y: [p, q]}"),
        (("other", "y"), "[]", [], "other: {x: 1, y: []}"),
        (("book", "chapters", 0), "z.qmd", "z.qmd", "    - z.qmd"),
    ],
)
def test_one_value_changes_and_nothing_else(path, written, value, line):
    after = edit(path, written, value)
    assert changed_lines(FILE, after) == [line]
    assert len(after.splitlines()) == len(FILE.splitlines())


def test_a_folded_text_is_replaced_by_another():
    after = edit(
        ("book", "long"), folded("a: b # c " * 30, indent="    "), ("a: b # c " * 30).strip()
    )
    assert "two lines" not in after and "# below" in after and "# about the part" in after
    assert max(map(len, after.splitlines())) < 110


def test_a_list_is_replaced_and_the_comments_behind_it_stay():
    after = edit(("book", "chapters"), "- x\n    - y", ["x", "y"])
    assert after.endswith(
        "    - x\n    - y     # the first\n\n  # below\nother: {x: 1, y: [p, q]}\n"
    )


def test_a_key_that_is_not_there_becomes_the_last_of_its_mapping():
    assert "  chapters:" in edit(("book", "new"), "1", 1).split("  new: 1")[0]
    assert changed_lines(FILE, edit(("other", "z"), "3", 3)) == ["other: {x: 1, y: [p, q], z: 3}"]
    with pytest.raises(StartError, match=r"`no.such` cannot be edited: there is no `no:`"):
        edit(("no", "such"), "1", 1)


@pytest.mark.parametrize(
    ("path", "position", "lines"),
    [
        (("book", "chapters", 1, "chapters"), 1, ["        - new.qmd"]),
        (("book", "chapters", 1, "chapters"), 0, ["        - new.qmd"]),
        (("book", "chapters"), 2, ["    - new.qmd"]),
        (("book", "chapters"), 1, ["    - new.qmd"]),
        (("other", "y"), 2, ["other: {x: 1, y: [p, q, new.qmd]}"]),
        (("other", "y"), 0, ["other: {x: 1, y: [new.qmd, p, q]}"]),
    ],
)
def test_an_item_is_put_where_it_belongs(path, position, lines):
    after = put(path, position, "new.qmd")
    assert changed_lines(FILE, after) == lines
    assert after.count("#") == FILE.count("#")


def test_windows_line_ends_stay():
    after = put(("book", "chapters", 1, "chapters"), 1, "new.qmd", FILE.replace("\n", "\r\n"))
    assert after.replace("\r\n", "").count("\n") == 0 and "        - new.qmd\r\n" in after


def test_a_file_that_ends_without_a_line_break_gets_one():
    assert put(("a",), 1, "y", "a:\n  - x") == "a:\n  - x\n  - y\n"
    assert edit(("a", "k"), "2", 2, "a:\n  j: 1") == "a:\n  j: 1\n  k: 2\n"


@pytest.mark.parametrize(("text", "path"), [("- - p\n  - q\n", (0,)), ("a:\n  -\n    p\n", ("a",))])
def test_an_edit_that_would_not_say_what_was_asked_is_refused(text, path):
    with pytest.raises(StartError, match="edit it by hand"):
        put(path, 9, "new", text)


def test_a_list_that_stands_in_two_places_changes_in_both():
    assert put(("b",), 1, "y", "a: &x [p]\nb: *x\n") == "a: &x [p, y]\nb: *x\n"


def test_what_is_no_list_is_refused():
    with pytest.raises(StartError, match="it is not a list with items"):
        put(("book", "title"), 0, "x")


@pytest.mark.parametrize("text", ['a "b" \\ c', "é: # x", "- 1"])
def test_quoted_text_is_read_as_it_was(text):
    assert yaml.safe_load(quoted(text)) == text
    assert yaml.safe_load(f"k: {folded(text)}") == {"k": text}
