"""Values in the captions of cells, for Quarto: `#| fig-cap: "… `{python} exp.seeds` seeds."`

Quarto's Jupyter engine fills in the inline values of texts and leaves those of a cell's options as
they are written. So a kernel that Quarto started prints, below each cell whose captions ask for
values, one line of JSON with them. The filter `_extensions/journal/captions.lua` takes that line out of
the document again and puts its values in the captions. The embedded engine needs none of this.
"""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path
from typing import Any


def answer_quarto() -> None:
    """Let the kernel of a chapter that Quarto runs answer; does nothing anywhere else."""
    if "QUARTO_DOCUMENT_PATH" not in os.environ or os.environ.get("CVLIB_ENGINE") == "embedded":
        return
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if shell is not None:
        shell.events.register("post_run_cell", partial(_answer, shell))


def _answer(shell: Any, result: Any) -> None:
    import json

    from cvlib.engine.quarto import ANSWER

    if not result.success or result.info is None:
        return
    if asked := _asked_in(str(result.info.raw_cell)):
        values = {}
        for expression, answer in shell.user_expressions({one: one for one in asked}).items():
            if answer["status"] != "ok":
                values[expression] = {"error": f"{answer['ename']}: {answer['evalue']}"}
            else:
                kind = "text/markdown" if "text/markdown" in answer["data"] else "text/plain"
                values[expression] = {kind: answer["data"][kind]}
        print(ANSWER + json.dumps(values, ensure_ascii=False))


def _asked_in(code: str) -> list[str]:
    """What the captions of the cell with this code ask for; of several with the same, all.

    Quarto hands a kernel the code without its options, so they are read in the chapter.
    """
    from cvlib.engine.chapter import read_chapter

    root = Path(os.environ.get("QUARTO_PROJECT_ROOT", ""))
    folder, name = os.environ["QUARTO_DOCUMENT_PATH"], os.environ.get("QUARTO_DOCUMENT_FILE", "")
    path = root / folder / name
    if not path.is_file():
        return []
    cells = read_chapter(root, os.path.relpath(path, root)).cells
    same = [cell for cell in cells if cell.code.strip() == code.strip()]
    return list(dict.fromkeys(one for cell in same for one in cell.asked_in_captions))
