"""Which of a chapter's inputs changed, in words: `code changed: cvlib.journal.table`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

# Kinds of inputs, the first word of their names, in the order in which they are told.
SPEC, RESULTS = "spec", "results"
INCLUDED, CITED, OPTION = "included", "cited", "option"
# What the publishing half finds out by itself, whoever tells the rest.
OWN_KINDS = (INCLUDED, CITED, OPTION)
_NAMED = 4


def reason(recorded: Mapping[str, str], now: Mapping[str, str], words: Mapping[str, str]) -> str:
    """Say what differs; '' when nothing does. words: what is the matter with some of `now`."""
    from cvlib.freeze.inputs import SOURCE

    differing = {**recorded, **now}.keys() - {SOURCE}
    changed = [name for name in differing if recorded.get(name) != now.get(name)]
    by_kind: dict[str, list[str]] = defaultdict(list)
    for name in sorted(changed):
        kind, _, rest = name.partition(" ")
        by_kind[kind].append(rest)
    specs, results = by_kind.pop(SPEC, []), by_kind.pop(RESULTS, [])
    said = list(_experiments(specs, results, recorded, now, words))
    for experiment in by_kind.pop("reviews", []):
        said.append(f"reviews of {experiment} changed")
    if options := by_kind.pop(OPTION, []):
        said += [_option(name, recorded, now) for name in options]
    if by_kind.pop("hypotheses", []):
        said.append("the list of hypotheses changed")
    if code := by_kind.pop("code", []):
        said.append(f"code changed: {_listed(code)}")
    for kind, names in by_kind.items():
        noun = {INCLUDED: "included file", CITED: "bibliography entry"}.get(kind, kind)
        several = {"bibliography entry": "bibliography entries"}.get(noun, noun + "s")
        said.append(f"{noun if len(names) == 1 else several} {_listed(names)} changed")
    return "; ".join(said)


def _experiments(
    specs: list[str],
    results: list[str],
    recorded: Mapping[str, str],
    now: Mapping[str, str],
    words: Mapping[str, str],
) -> Iterable[str]:
    """A changed spec explains the results that changed with it."""
    of_spec: dict[str, list[str]] = defaultdict(list)
    for name in specs:
        experiment, _, what = name.partition(" ")
        of_spec[experiment].append(what)
    for experiment, parts in of_spec.items():
        values = [words.get(f"{RESULTS} {experiment} {what}", "") for what in parts]
        if not any(name.startswith(f"{SPEC} {experiment} ") for name in recorded):
            yield f"{experiment} is new to it"
            continue
        if not any(name.startswith(f"{SPEC} {experiment}") for name in now):
            yield f"{experiment} is read no more"
            continue
        if f"{SPEC} {experiment}" in now:
            yield f"experiment {experiment} cannot be read"
            continue
        told = _listed(list(dict.fromkeys(v.removeprefix("stale by spec: ") for v in values if v)))
        named = [part for part in parts if part]
        yield f"spec of {experiment} changed: {_listed(named)}" + (f" ({told})" if told else "")
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name in results:
        experiment, _, variant = name.partition(" ")
        if experiment not in of_spec:
            groups[experiment, words.get(f"{RESULTS} {name}", "")].append(variant)
    for (experiment, state), variants in groups.items():
        told = f" ({state})" if state else ""
        yield f"results of {experiment} changed: {_listed(variants)}{told}"


def _option(name: str, recorded: Mapping[str, str], now: Mapping[str, str]) -> str:
    target, _, key = name.partition(" ")
    of = {"typ": " for the PDF", "html": " for HTML"}.get(target, "")
    before, after = (values.get(f"{OPTION} {name}", "none") for values in (recorded, now))
    return f"option {key}{of} changed: {before} → {after}"


def _listed(names: list[str]) -> str:
    shown = names[:_NAMED]
    left = len(names) - len(shown)
    return ", ".join(shown) + (f" and {left} more" if left else "")
