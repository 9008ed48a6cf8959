import pytest

from cvlib.starting import StartError
from cvlib.starting.experiment import with_chapter

HEAD = "project: {type: book}\nbook:\n  title: T\n  chapters:\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (  # the journal's part, though it is not the last
            "    - index.qmd\n    - part: J\n      chapters:\n        - report/exp01.qmd\n"
            "    - part: More\n      chapters: [report/notes.qmd]\n",
            "    - index.qmd\n    - part: J\n      chapters:\n        - report/exp01.qmd\n"
            "        - report/exp09.qmd\n    - part: More\n      chapters: [report/notes.qmd]\n",
        ),
        (  # the last part, where none holds an experiment
            "    - index.qmd\n    - part: A\n      chapters: [a.qmd]\n    - s.qmd\n",
            "    - index.qmd\n    - part: A\n      chapters: [a.qmd, report/exp09.qmd]\n    - s.qmd\n",
        ),
        (  # behind the last experiment
            "    - index.qmd\n    - report/exp01.qmd\n    - report/summary.qmd\n",
            "    - index.qmd\n    - report/exp01.qmd\n    - report/exp09.qmd\n"
            "    - report/summary.qmd\n",
        ),
        (  # before the summary
            "    - index.qmd\n    - report/summary.qmd\n",
            "    - index.qmd\n    - report/exp09.qmd\n    - report/summary.qmd\n",
        ),
        ("    - index.qmd\n", "    - index.qmd\n    - report/exp09.qmd\n"),
    ],
)
def test_a_chapter_goes_behind_the_last_of_the_journal(before, after):
    tail = "# the end\n"
    assert with_chapter(HEAD + before + tail, "report/exp09.qmd") == HEAD + after + tail


@pytest.mark.shipped
def test_the_shipped_book_gets_one_line_more_and_no_other_change(request):
    before = (request.config.rootpath / "_quarto.yml").read_text().splitlines()
    after = with_chapter("\n".join(before), "report/exp99.qmd").splitlines()
    assert [line for line in after if line not in before] == ["        - report/exp99.qmd"]
    assert [line for line in after if "exp99" not in line] == before


@pytest.mark.parametrize("text", ["book: {title: T}\n", "project: {type: website}\n"])
def test_a_book_without_chapters_is_refused(text):
    with pytest.raises(StartError, match="lists no chapters"):
        with_chapter(text, "report/exp09.qmd")


def test_a_list_that_cannot_be_edited_is_left_with_advice():
    text = "book:\n  chapters:\n  -\n    index.qmd\n  -\n    report/exp01.qmd\n"
    with pytest.raises(StartError, match=r"by hand: add `- report/exp09.qmd` to its chapters"):
        with_chapter(text, "report/exp09.qmd")
