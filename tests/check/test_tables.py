"""Tables are whole."""

from __future__ import annotations

from cvlib.check.tables import find
from tests.check.made import bad, subject_of, verdicts

CELLS = "".join(f"[column {i}]," for i in range(5)) + "".join(f"[{i}.5]," for i in range(15))


def table(cells: str = CELLS, columns: str = "5") -> str:
    return f"""
#figure(kind: table, supplement: [Table], caption: figure.caption(position: top)[Accuracies],
  table(columns: {columns}, stroke: none, table.hline(), {cells} table.hline()))
"""


def test_tables_inside_the_text_area_pass_even_over_two_pages(tmp_path):
    long = "".join(f"[{i}]," for i in range(500))
    body = "#show figure: set block(breakable: true)\n" + table() + table(long)
    (found,) = find(subject_of(tmp_path, body))
    assert (
        found.verdict == "ok" and found.says == "4 tables and parts of tables, none of them cut off"
    )


def test_a_table_wider_than_the_text_fails_with_its_name_and_page(tmp_path):
    (found,) = bad(find(subject_of(tmp_path, "#pagebreak()" + table(columns="(3.7cm,) * 5"))))
    assert found.label == "Table 1" and found.page == 2
    assert "Table 1 is cut off: it sticks" in found.says and "right margin" in found.says


def test_a_table_off_the_page_fails(tmp_path):
    (found,) = bad(find(subject_of(tmp_path, table(columns="(6cm,) * 5"))))
    assert "runs off the page" in found.says


def test_a_rule_alone_in_the_margin_fails(tmp_path):
    body = table().replace("table.hline()", "table.hline(), [#place(line(length: 20cm))]")
    assert bad(find(subject_of(tmp_path, body)))


def test_a_table_that_cannot_break_and_runs_into_the_foot_fails(tmp_path):
    long = "".join(f"[{i}]," for i in range(5 * 60))
    body = "#set block(breakable: false)\n" + table(long)
    (found,) = bad(find(subject_of(tmp_path, body)))
    assert "foot of the page" in found.says


def test_a_word_that_runs_into_the_next_cell_fails(tmp_path):
    cells = "[Efficientnetlite0withaverylongname],[85.9],[1],[2],[3],"
    (found,) = bad(find(subject_of(tmp_path, table(cells, columns="(2cm,) * 5"))))
    assert "over one another" in found.says and "85.9" in found.says


def test_a_pdf_without_tables_passes(tmp_path):
    assert verdicts(find(subject_of(tmp_path, "Text"))) == ["ok"]
