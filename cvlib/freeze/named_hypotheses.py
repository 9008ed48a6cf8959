"""Which hypotheses a chapter's cells ask for, read from their source."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Named:
    """ids: of hypotheses whose verdicts are shown; all: every one; listed: their statements."""

    ids: frozenset[str] = frozenset()
    all: bool = False
    listed: bool = False


def named_hypotheses(cells: Iterable[str]) -> Named:
    """What cells ask of `hypotheses()`: `h["H5"]` of one, `h.listing()` of no verdict, else of all."""
    try:
        tree = ast.Module([s for cell in cells for s in ast.parse(cell).body], [])
    except SyntaxError:  # IPython's magics are no Python
        return Named(all=True)
    above = {id(child): node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    calls = [node for node in ast.walk(tree) if _is_call(node)]
    variables = {name for call in calls if (name := _variable(call, above))}
    uses = [call for call in calls if not _variable(call, above)]
    uses += [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in variables
    ]
    ids, listed, everything = set(), False, False
    for use in uses:
        around = above.get(id(use))
        key = around.slice if isinstance(around, ast.Subscript) and around.value is use else None
        if isinstance(key, ast.Constant):
            ids.add(str(key.value))
        elif isinstance(around, ast.Attribute) and around.attr == "listing":
            listed = True
        else:
            everything = True
    return Named(frozenset(ids), everything, listed)


def _is_call(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    called = node.func
    name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", None)
    return name == "hypotheses"


def _variable(call: ast.AST, above: dict[int, ast.AST]) -> str | None:
    """The variable that a call's value is given to: `h = …`, or `exp, h = experiment("a"), …`."""
    holder = above.get(id(call))
    place = None
    if isinstance(holder, ast.Tuple):
        place = next(i for i, item in enumerate(holder.elts) if item is call)
        holder = above.get(id(holder))
    if not isinstance(holder, ast.Assign) or len(holder.targets) != 1:
        return None
    target: ast.AST = holder.targets[0]
    if place is not None:
        if not isinstance(target, ast.Tuple) or len(target.elts) <= place:
            return None
        target = target.elts[place]
    return target.id if isinstance(target, ast.Name) else None
