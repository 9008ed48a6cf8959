"""Fuzzing by hypothesis: readers of YAML, chapters, frozen JSON, parquet and pictures either read or refuse."""

from __future__ import annotations

import io
import json
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from PIL import Image

from cvlib.errors import CvlibError
from cvlib.project import Project
from tests.faults.hostile_cases import BASE, HEAD, TAIL, WHOLE, picture
from tests.faults.made import CHAPTER, add_chapters, make_project
from tests.faults.tally import Tally

# pieces that grammars are made of; hypothesis joins and breaks them
_YAML = ("a: ", "- ", "{", "}", "[", "]", "&x ", "*x", "!!int ", "!t ", "<<: ", '"', "'", "|\n", ">\n", "? ", "#", "%", "---\n", "...\n", "\n", "  ", "\t", "010", "1e9", ".inf", "~", "=", "0x", "2024-02-30", "\\x1b", "\x85", "\u2028", *WHOLE.splitlines(keepends=True))  # fmt: skip
_QMD = ("```{python}\n", "```\n", "````\n", "~~~\n", "#| label: x\n", "#| ", "`{python} 1`", "`", ":::", "::: {.a}\n", "---\n", "{{< include x >}}", "{{<", ">}}", "$", "$$", "<!--", "-->", "# ", "- ", "    ", "\t", "> ", "|", "[", "](", "@fig-a", "[@x]", "{#a}", "\n", "\r\n", "\n\n", "\ufeff", *CHAPTER.splitlines(keepends=True))  # fmt: skip


def _texts(pieces: tuple[str, ...]) -> st.SearchStrategy[str]:
    piece = st.one_of(st.sampled_from(pieces), st.text(max_size=8))
    return st.lists(piece, max_size=40).map("".join)


def _spliced(whole: str, pieces: tuple[str, ...]) -> st.SearchStrategy[str]:
    """The whole text with something cut out, and something else put in."""
    place = st.integers(0, len(whole))
    return st.tuples(place, place, _texts(pieces)).map(
        lambda at: whole[: min(at[:2])] + at[2] + whole[max(at[:2]) :]
    )


def _broken(whole: bytes) -> st.SearchStrategy[bytes]:
    """The bytes with some of them changed, cut out or put in."""
    change = st.tuples(st.integers(0, len(whole)), st.integers(0, 40), st.binary(max_size=12))

    def apply(changes: list[tuple[int, int, bytes]]) -> bytes:
        data = whole
        for at, length, put in changes:
            data = data[:at] + put + data[at + length :]
        return data

    return st.lists(change, min_size=1, max_size=4).map(apply)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(
        ("hash", "result", "markdown", "engine", "supporting", "filters", "includes", "reads",
         "format", "experiments", "wrote", "sha256", "x")) | st.text(max_size=4), inner, max_size=6),
    max_leaves=20,
)  # fmt: skip


def _readers(root: Path) -> dict[str, tuple[st.SearchStrategy[Any], Callable[[Any], Any]]]:
    project = make_project(root, WHOLE)
    add_chapters(project)
    chapter = root / "report" / "exp01.qmd"

    def status(text: str) -> None:
        (root / "experiments/exp01.yaml").write_bytes(text.encode("utf-8", "surrogatepass"))
        Project(root).plan("exp01")

    def parse(text: str) -> None:
        chapter.write_bytes(text.encode("utf-8", "surrogatepass"))
        Project(root).chapter("report/exp01.qmd")

    def frozen(content: Any) -> None:
        from cvlib.freeze.frozen_copy import FrozenCopy, freeze_folder

        folder = freeze_folder(root, "report/exp01.qmd")
        (folder / "execute-results").mkdir(parents=True, exist_ok=True)
        for name in ("html", "inputs"):
            (folder / "execute-results" / f"{name}.json").write_text(json.dumps(content))
        copy = FrozenCopy(folder)
        copy.record  # noqa: B018
        copy.read("html")

    def described(name: str, file: Path) -> Callable[[bytes], None]:
        def read(data: bytes) -> None:
            from cvlib.data.inventory import inventory
            from cvlib.data.spec import DatasetSpec

            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
            inventory(DatasetSpec(name=name), root / "data")

        return read

    buffer, rows = io.BytesIO(), io.BytesIO()
    picture(1).save(buffer, "PNG")
    image = [{"bytes": buffer.getvalue(), "path": "a.png"}] * 8
    pq.write_table(pa.table({"image": image, "label": [0, 1] * 4}), rows)
    forms = [buffer.getvalue()]
    for form in ("JPEG", "GIF", "BMP", "TIFF", "WEBP"):
        made = io.BytesIO()
        picture(2).save(made, form)
        forms.append(made.getvalue())
    for name in "ab":
        (root / "data/own" / name).mkdir(parents=True)
        for number in range(4):
            picture(number).save(root / "data/own" / name / f"{number}.png")
    Image.init()
    return {
        "YAML": (_spliced(WHOLE, _YAML) | _texts(_YAML) | _spliced(HEAD + BASE + TAIL, _YAML), status),
        "chapters": (_spliced(CHAPTER, _QMD) | _texts(_QMD), parse),
        "frozen JSON": (_JSON, frozen),
        "parquet": (_broken(rows.getvalue()), described("parquet:data/p", root / "data/p/train.parquet")),
        "pictures": (st.one_of(*map(_broken, forms)), described("imagefolder:data/own", root / "data/own/a/x.png")),
    }  # fmt: skip


def fuzz(folder: Path, seconds: float, seed: int | None = 0) -> Tally:
    """Fuzz each reader for so long. seed: None for other examples each time."""
    tally = Tally("fuzzing of YAML, chapters, frozen JSON, parquet and pictures", "read or refused")
    seed = random.SystemRandom().randrange(2**32) if seed is None else seed
    for name, (examples, read) in _readers(folder).items():
        count, until = 0, time.monotonic() + seconds
        wrong: dict[str, str] = {}
        while time.monotonic() < until and len(wrong) < 5:
            seed += 1
            count += _some(examples, read, until, seed, wrong)
        for what in wrong.values():
            tally.bad(f"{name}: {what}")
        tally.goods += count - len(wrong)
        tally.notes.append(f"{name} {count:,}")
    return tally


def _some(
    examples: st.SearchStrategy[Any],
    read: Callable[[Any], Any],
    until: float,
    seed: int,
    wrong: dict[str, str],
) -> int:
    from hypothesis import seed as seeded

    count = 0

    @seeded(seed)
    @settings(max_examples=100, deadline=None, database=None, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(examples)
    def attempt(example: Any) -> None:
        nonlocal count
        if time.monotonic() > until:
            return
        count += 1
        start = time.monotonic()
        try:
            read(example)
        except CvlibError:
            pass
        except Exception as error:  # that is what is looked for
            wrong.setdefault(type(error).__name__, f"{error!r:.200} by {example!r:.300}")
        if time.monotonic() - start > 10:
            wrong.setdefault("slow", f"took {time.monotonic() - start:.0f} s by {example!r:.300}")

    attempt()
    return count
