from __future__ import annotations

import pytest

from cvlib.freeze.named_files import file_digest, named_files


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "own.py").write_text("import further\n")
    (tmp_path / "further.py").write_text("VALUE = 1\n")
    (tmp_path / "own.csv").write_text("a,b\n")
    (tmp_path / "cvlib" / "journal").mkdir(parents=True)
    (tmp_path / "cvlib" / "journal" / "table.py").write_text("")
    return tmp_path


def names(folder, *cells):
    return [path.name for path in named_files(cells, folder)]


def test_a_module_beside_the_chapter_is_found_with_what_it_imports(folder):
    assert names(folder, "import own") == ["further.py", "own.py"]
    assert names(folder, "from own import VALUE") == ["further.py", "own.py"]


def test_a_file_that_is_named_in_quotes_is_found(folder):
    assert names(folder, 'read_csv("own.csv")') == ["own.csv"]
    assert names(folder, 'read_csv("other.csv")') == []


def test_the_library_itself_is_no_file_of_a_chapter_at_the_root(folder):
    assert names(folder, "from cvlib.journal import table") == []


def test_a_module_counts_by_what_it_means(folder):
    before = file_digest(folder / "further.py")
    (folder / "further.py").write_text("# one\nVALUE = 1\n")
    assert file_digest(folder / "further.py") == before
    (folder / "further.py").write_text("VALUE = 2\n")
    assert file_digest(folder / "further.py") != before
