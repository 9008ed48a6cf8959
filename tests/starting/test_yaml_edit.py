import pytest
import yaml
from ruamel.yaml.scalarstring import DoubleQuotedScalarString as quoted

from cvlib.starting import StartError
from cvlib.starting.yaml_edit import edit_yaml, folded, insert_item

FILE = """\
# über alles: é
book:   # the book
  title: "Old"      # its title
  other:   'single'
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
more: {x: 1e-2,   y: [p, q]}
"""
LONG = ("a: b # c " * 30).strip()


def changed(before, after):
    """Lines that are new, and how many went."""
    before, after = before.splitlines(), after.splitlines()
    new = [line for line in after if line not in before]
    return new, len(before) + len(new) - len(after)


def at(data, path):
    for key in path:
        data = data[key]
    return data


def set_value(path, value, text=FILE):
    def change(data):
        at(data, path[:-1])[path[-1]] = value

    return edit_yaml(text, change, yaml.safe_load)


def put(path, position, item, text=FILE):
    return edit_yaml(text, lambda data: insert_item(at(data, path), position, item), yaml.safe_load)


@pytest.mark.parametrize(
    ("path", "value", "line"),
    [
        (("book", "title"), quoted("New: é"), '  title: "New: é"   # its title'),
        (("book", "chapters", 0), "z.qmd", "    - z.qmd"),
        (("more", "x"), 2, "more: {x: 2, y: [p, q]}"),
        (("more", "z"), 3, "more: {x: 1e-2, y: [p, q], z: 3}"),
    ],
)
def test_one_value_changes_and_no_other_line(path, value, line):
    (new,), gone = changed(FILE, set_value(path, value))
    assert new.split() == line.split() and gone == 1


def test_a_folded_text_is_replaced_by_another():
    after = set_value(("book", "long"), folded(LONG))
    assert "two lines" not in after and "# below" in after and "# about the part" in after
    assert "long: >-\n" in after and max(map(len, after.splitlines())) < 110


@pytest.mark.parametrize(
    ("path", "position", "line"),
    [
        (("book", "chapters", 1, "chapters"), 1, "        - new.qmd"),
        (("book", "chapters", 1, "chapters"), 0, "        - new.qmd"),
        (("book", "chapters"), 1, "    - new.qmd"),
        (("more", "y"), 2, "more: {x: 1e-2, y: [p, q, new.qmd]}"),
        (("more", "y"), 0, "more: {x: 1e-2, y: [new.qmd, p, q]}"),
    ],
)
def test_an_item_is_put_where_it_belongs(path, position, line):
    after = put(path, position, "new.qmd")
    assert changed(FILE, after)[0] == [line]
    assert after.count("#") == FILE.count("#")


def test_what_stands_behind_a_list_stays_behind_it():
    after = put(("book", "chapters", 1, "chapters"), 1, "new.qmd")
    assert after.endswith(
        "        - b.qmd     # the first\n        - new.qmd\n\n  # below\n"
        "more: {x: 1e-2,   y: [p, q]}\n"
    )


@pytest.mark.parametrize("text", ["a:\n- x\n- y\n", "a:\n    - x\n    - y\n", "a:\n  - x\n  - y"])
def test_a_list_is_indented_as_it_was(text):
    (new,), gone = changed(text, put(("a",), 1, "new", text))
    assert new == text.splitlines()[1].replace("x", "new") and gone == 0


def test_windows_line_ends_stay():
    after = put(("book", "chapters", 1, "chapters"), 1, "new.qmd", FILE.replace("\n", "\r\n"))
    assert after.replace("\r\n", "").count("\n") == 0 and "        - new.qmd\r\n" in after


def test_a_list_that_stands_in_two_places_changes_in_both():
    assert put(("b",), 1, "y", "a: &x [p]\nb: *x\n") == "a: &x [p, y]\nb: *x\n"


def test_a_file_that_is_written_in_an_odd_way_is_still_right_and_keeps_its_comments():
    after = put(("a",), 2, "new", "# first\na:\n  -\n    p\n  -  q   # second\n")
    assert yaml.safe_load(after) == {"a": ["p", "q", "new"]}
    assert "# first" in after and "# second" in after


def test_an_edit_that_would_be_read_in_another_way_is_refused():
    def reads(text):
        return yaml.safe_load(text.replace("on", "[1]"))

    with pytest.raises(StartError, match="edit it by hand"):
        edit_yaml("a: x\n", lambda data: data.update(a="on"), reads)


def test_what_cannot_be_edited_is_refused():
    with pytest.raises(StartError, match="edit it by hand"):
        edit_yaml("a: 1\nb: [\n", lambda data: None, lambda text: {})


@pytest.mark.parametrize("text", ['a "b" \\ c', "é: # x", "- 1", LONG])
@pytest.mark.parametrize("written", [quoted, folded])
def test_a_written_text_is_read_as_it_was(text, written):
    assert yaml.safe_load(set_value(("book", "title"), written(text)))["book"]["title"] == text
