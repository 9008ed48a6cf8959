"""A reason names what changed, and the cause rather than its consequences."""

from __future__ import annotations

import pytest

from cvlib.freeze.freshness import reason
from cvlib.freeze.reads import Reads

SPEC = {"spec exp01 title": "t", "spec exp01 base": "b", "spec exp01 wide": "w"}
RESULTS = {"results exp01 base": "rb", "results exp01 wide": "rw"}


@pytest.mark.parametrize(
    ("recorded", "now", "words", "said"),
    [
        ({}, {}, {}, ""),
        (SPEC | RESULTS, SPEC | {"spec exp01 wide": "x"} | RESULTS | {"results exp01 wide": "y"},
         {"results exp01 wide": "stale by spec: model.width: 8 → 9"},
         "spec of exp01 changed: wide (model.width: 8 → 9)"),
        (SPEC | RESULTS, SPEC | {"results exp01 base": "x", "results exp01 wide": "y"},
         {"results exp01 wide": "not trained yet"},
         "results of exp01 changed: base; results of exp01 changed: wide (not trained yet)"),
        (SPEC, {"spec exp01": "error"}, {}, "experiment exp01 cannot be read"),
        ({"path a.csv": "none"}, {"path a.csv": "file"}, {}, "a.csv is there now"),
        ({"path a.csv": "file"}, {"path a.csv": "none"}, {}, "a.csv is gone"),
        ({"folder pictures": "1"}, {"folder pictures": "2"}, {}, "folder pictures changed"),
        ({"book experiments": "1"}, {"book experiments": "2"}, {},
         "the book's chapters ask for other experiments"),
        ({"code a.b": "1", "code a.c": "1"}, {"code a.b": "2"}, {}, "code changed: a.b, a.c"),
        ({f"code m{n}": "1" for n in range(6)}, {}, {}, "code changed: m0, m1, m2, m3 and 2 more"),
        ({"included a.qmd": "1"}, {"included a.qmd": "2"}, {}, "included file a.qmd changed"),
        ({"cited a": "1", "cited b": "1"}, {}, {}, "bibliography entries a, b changed"),
        ({"option html echo": "true"}, {"option html echo": "false"}, {},
         "option echo for HTML changed: true → false"),
        ({}, {"option - jupyter": '"x"'}, {}, 'option jupyter changed: none → "x"'),
        ({"reviews exp01": "1"}, {}, {}, "reviews of exp01 changed"),
        ({"hypothesis H1": "1", "hypotheses listed": "1"}, {}, {},
         "the list of hypotheses changed; hypothesis H1 changed"),
    ],
)  # fmt: skip
def test_reason(recorded, now, words, said):
    assert reason(recorded, Reads(now, words)) == said
