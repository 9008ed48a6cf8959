"""Which experiments a chapter's cells ask for, read from their source."""

from __future__ import annotations

import ast
import itertools
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

_CALL = re.compile(r"\bexperiment\(\s*(?:name\s*=\s*)?(?:(['\"])(?P<name>[^'\"]*)\1)?")
# More values than a chapter would ever name: the loop is over something else.
_MANY = 100

Values = dict[str, list[ast.expr]]
_UNCLEAR = ast.Tuple([], ast.Load())


def named_experiments(cells: Iterable[str], known: Sequence[str]) -> list[str]:
    """Ids that the cells hand to `experiment(…)`, sorted; all `known` ones where that is unclear.

    A name may be written out, given by a loop over names that are written out, or be put together
    from such: `experiment(f"exp0{n}") for n in (1, 2)`.
    """
    names: set[str] = set()
    trees = []
    for cell in cells:
        try:
            trees.append(ast.parse(cell))
        except SyntaxError:  # IPython's magics are no Python
            found = [match["name"] for match in _CALL.finditer(cell)]
            if None in found:
                return list(known)
            names.update(found)
    values = _bound(trees)
    for tree in trees:
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or _last_name(node.func) != "experiment":
                continue
            given = [*node.args[:1], *(k.value for k in node.keywords if k.arg == "name")]
            found_names = _texts(given[0], values) if given else None
            if found_names is None:
                return list(known)
            names.update(found_names)
    return sorted(names)


def _bound(trees: Iterable[ast.AST]) -> Values:
    """Every value that each variable may have: assigned, or one after the other in a loop."""
    values: Values = defaultdict(list)
    clear: set[ast.AST] = set()
    nodes = [node for tree in trees for node in ast.walk(tree)]
    for node in nodes:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    values[target.id].append(node.value)
                    clear.add(target)
        elif isinstance(node, ast.For | ast.comprehension):
            target, items = node.target, node.iter
            if isinstance(target, ast.Name) and isinstance(items, ast.Tuple | ast.List):
                values[target.id] += items.elts
                clear.add(target)
    for node in nodes:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node not in clear:
            values[node.id].append(_UNCLEAR)
        elif isinstance(node, ast.arg):
            values[node.arg].append(_UNCLEAR)
    return values


def _texts(node: ast.expr, values: Values, depth: int = 0) -> set[str] | None:
    """The texts that an expression may stand for; None where that is unclear."""
    if isinstance(node, ast.Constant):
        return {str(node.value)} if isinstance(node.value, str | int) else None
    if depth > 3:
        return None
    if isinstance(node, ast.Name):
        found = [_texts(value, values, depth + 1) for value in values.get(node.id, ())]
        if not found or None in found:
            return None
        return set().union(*(texts for texts in found if texts))
    if isinstance(node, ast.JoinedStr):
        parts = []
        for part in node.values:
            inner = part.value if isinstance(part, ast.FormattedValue) else part
            if isinstance(part, ast.FormattedValue) and part.format_spec is not None:
                return None
            texts = _texts(inner, values, depth + 1)
            if texts is None:
                return None
            parts.append(sorted(texts))
        joined = {"".join(words) for words in itertools.islice(itertools.product(*parts), _MANY)}
        return joined if len(joined) < _MANY else None
    return None


def _last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
