"""One experiment's YAML, validated: what is asked, on which data, in which variants and seeds."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from cvlib.project import PROFILES
from cvlib.studies.located_yaml import explain
from cvlib.studies.spec import TRAINING_MODES, RunSpec
from cvlib.yaml_source import Address, SpecError, Yaml, read_yaml, shown, together

MAX_RUNS, MOST_RUNS = 500, 10_000  # without a word in the file, and at all
_LONGEST_NAME = 500
_MOST_PARTS = 20  # of a dotted key with what is nested below it

_CONFIG = ConfigDict(frozen=True, extra="forbid", strict=True)


class VariantFields(BaseModel):
    """One named variant: a few values that differ from the base."""

    model_config = _CONFIG

    label: str | None = Field(
        None, description="name in tables and figures; null: the variant's name"
    )
    factor: str | None = Field(None, description="what is varied, for grouping: depth, norm, …")
    set: dict[str, Any] = Field(default_factory=dict, description="values laid over the base")


class ProfileFields(BaseModel):
    """What differs in a profile; laid over the base before any variant."""

    model_config = _CONFIG

    seeds: list[int] | None = Field(None, description="seeds instead of the experiment's own")
    variants: list[str] | None = Field(None, description="only these variants; null: all")
    set: dict[str, Any] = Field(default_factory=dict, description="values laid over the base")
    cap: dict[str, int | float] = Field(
        default_factory=dict, description="dotted key → largest value, whatever base or variant say"
    )


class BaseFields(BaseModel):
    """What all variants share."""

    model_config = _CONFIG

    model: dict[str, Any] = Field(default_factory=dict, description="what is trained")
    train: dict[str, Any] = Field(
        default_factory=dict, description="how it is trained, probed or asked"
    )


class ExperimentFields(BaseModel):
    """The top level of `experiments/<id>.yaml`."""

    model_config = _CONFIG

    title: str = Field(max_length=500, description="the experiment's name, in plain words")
    question: str = Field(description="what it is to find out, one or two sentences")
    dataset: str | dict[str, Any] = Field(description="a dataset's name, or its keys")
    base: BaseFields = Field(default_factory=BaseFields, description="shared by all variants")
    variants: dict[str, VariantFields] = Field(
        default_factory=dict, description="what is compared; none: the base"
    )
    grid: dict[str, list[Any]] = Field(
        default_factory=dict,
        description="dotted key → list of values; every combination is a variant",
    )
    seeds: list[int] = Field(default=[0], description="each variant runs once for each seed")
    more_seeds: dict[str, list[int]] = Field(
        default_factory=dict,
        description="variant → seeds that it is run with besides `seeds`, which `cvlib run --settle` "
        "writes, too; in the default profile alone",
    )
    max_runs: int = Field(
        MAX_RUNS,
        ge=1,
        le=MOST_RUNS,
        description="an experiment of more runs is an error: a grid grows faster than one thinks",
    )
    profiles: dict[str, ProfileFields] = Field(
        default_factory=dict, description="what differs in quick and full"
    )


@dataclass(frozen=True)
class Variant:
    """One variant of an experiment, ready to be run with each seed."""

    name: str
    label: str
    factor: str | None
    spec: RunSpec  # with seed 0
    seeds: tuple[int, ...]


@dataclass(frozen=True)
class Experiment:
    """One experiment in one profile. `seeds` are those of every variant; a variant may have more."""

    id: str
    title: str
    question: str
    profile: str
    variants: tuple[Variant, ...]
    seeds: tuple[int, ...]

    def variant(self, name: str) -> Variant:
        """The variant of that name; raises KeyError that lists the names there are."""
        by_name = {variant.name: variant for variant in self.variants}
        if name in by_name:
            return by_name[name]
        raise KeyError(
            f"{self.id} has no variant {name!r} in profile {self.profile!r}; it has: "
            f"{', '.join(by_name)}"
        )


def parse_experiment(path: Path, profile: str = "default") -> Experiment:
    """Read and resolve one experiment file in one profile.

    Raises SpecError that names the file, the line, the key and the nearest valid name.
    """
    yaml = read_yaml(path, f"{path.parent.name}/{path.name}", none_is_null=True)
    if not yaml.data:
        raise yaml.error((), "the file is empty; expected title, question and dataset")
    for twin in path.parent.glob("*.yaml"):
        if twin.stem.lower() == path.stem.lower() and twin.stem != path.stem:
            raise yaml.error((), f"{path.name} and {twin.name} differ in case alone; rename one")
    try:
        fields = ExperimentFields.model_validate(yaml.data)
    except ValidationError as error:
        raise explain(error, ExperimentFields, yaml) from None
    this = fields.profiles.get(profile, ProfileFields())
    seeds = fields.seeds if this.seeds is None else this.seeds
    more = fields.more_seeds if profile == "default" else {}
    if errors := list(_errors(fields, yaml, profile, seeds, more)):
        raise SpecError(together(errors))

    base = overlay(Yaml({}, {}, yaml.file), yaml.part("base"))
    dataset = {"name": fields.dataset} if isinstance(fields.dataset, str) else fields.dataset
    base = overlay(base, Yaml({"dataset": dataset}, yaml.lines, yaml.file))
    base = overlay(base, yaml.part("profiles").part(profile).part("set"))
    asked = [
        (
            name,
            name if given.label is None else given.label,
            given.factor,
            yaml.part("variants").part(name).part("set"),
        )
        for name, given in fields.variants.items()
    ] + [(name, name, "grid", change) for name, change in _grid(fields, yaml)]
    variants: list[Variant] = []
    for name, label, factor, change in asked or [("base", "base", None, Yaml({}))]:
        try:
            spec = _resolve(capped(overlay(base, change), this.cap))
            own = (*seeds, *more.get(name, ()))
            variants.append(Variant(name, label, factor, spec, own))
        except SpecError as error:
            errors.append(error)
    if errors:
        raise SpecError(together(errors))
    names = [v.name for v in variants]
    named: dict[tuple[Any, ...], str] = {("more_seeds", name): name for name in fields.more_seeds}
    for place, name in enumerate(this.variants or ()):
        named["profiles", profile, "variants", place] = name
    for address, name in named.items():
        if name not in names:
            message = f"no variant {shown(name)}; there is: {', '.join(names)}"
            raise yaml.error(address, message)
    if this.variants is not None:
        variants = [v for v in variants if v.name in this.variants]
    _check_distinct(variants, yaml)
    return Experiment(
        id=path.stem,
        title=fields.title,
        question=fields.question,
        profile=profile,
        variants=tuple(variants),
        seeds=tuple(seeds),
    )


def _errors(
    fields: ExperimentFields,
    yaml: Yaml,
    profile: str,
    seeds: list[int],
    more: Mapping[str, list[int]],
) -> Iterator[SpecError]:
    """What is wrong with an experiment besides its keys and the values of its runs."""
    listed: list[tuple[Address, list[int]]] = [(("seeds",), fields.seeds)]
    listed += [
        (("profiles", n, "seeds"), p.seeds)
        for n, p in fields.profiles.items()
        if p.seeds is not None
    ]
    listed += [(("more_seeds", name), given) for name, given in fields.more_seeds.items()]
    for address, given in listed:
        if not given or len(set(given)) != len(given) or not 0 <= min(given) <= max(given) < 2**31:
            message = f"seeds {shown(given)}: expected different whole numbers from 0, below 2³¹"
            yield yaml.error(address, message)
    for name, given in fields.more_seeds.items():
        if twice := sorted(set(given) & set(fields.seeds)):
            message = f"{shown(name)} has seed {twice[0]} already, under `seeds`; remove it here"
            yield yaml.error(("more_seeds", name), message)
    for name in fields.profiles:
        if name not in PROFILES or name == "default":
            message = f"unknown profile {shown(name)}; expected quick or full"
            yield yaml.error(("profiles", name), message)
    if profile != "default" and profile not in fields.profiles:
        yield yaml.error(
            ("title",),
            f"no profile {profile!r} here; add `profiles: {{{profile}: …}}`, or use another profile",
        )
    for key, values in fields.grid.items():
        if not values:
            yield yaml.error(("grid", key), f"grid key {shown(key)} has no values")
    of_grid = math.prod(map(len, fields.grid.values())) if fields.grid else 0
    runs = (len(fields.variants) + of_grid or 1) * len(seeds) + sum(map(len, more.values()))
    if runs > fields.max_runs:
        of = f"{of_grid:,} combinations" if of_grid else f"{len(fields.variants):,} variants"
        remedy = (
            f"or write `max_runs: {runs}`" if runs <= MOST_RUNS else f"{MOST_RUNS:,} are the most"
        )
        yield yaml.error(
            ("grid",) if of_grid else ("variants",),
            f"{of} × {len(seeds):,} seed{'s' * (len(seeds) != 1)}"
            f"{', and `more_seeds`,' * bool(more)} would be {runs:,} runs, more than "
            f"{fields.max_runs:,}: shorten it, {remedy}",
        )


def _grid(fields: ExperimentFields, yaml: Yaml) -> Iterator[tuple[str, Yaml]]:
    """Name and change of every combination of the grid's values."""
    lines: dict[Address, int] = {(key,): yaml.line("grid", key) or 0 for key in fields.grid}
    for combination in itertools.product(*fields.grid.values()) if fields.grid else ():
        setting = dict(zip(fields.grid, combination, strict=True))
        name = ", ".join(f"{_short(key)}={_shown(value)}" for key, value in setting.items())
        yield name, Yaml(setting, lines, yaml.file)


def _short(key: str) -> str:
    # `train.schedule.name: cosine` reads best as schedule=cosine
    parts = key.split(".")
    return parts[-2] if parts[-1] in ("name", "kind") and len(parts) > 1 else parts[-1]


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        name = value.get("name") or value.get("kind")
        if name is None:
            return str(value)
        # `{name: cosine, warmup_epochs: 3}` reads best as cosine warmup_epochs=3
        options = [f"{k}={_shown(v)}" for k, v in value.items() if k not in ("name", "kind")]
        return " ".join([str(name), *(o for o in options if not o.endswith("=none"))])
    return "none" if value is None else str(value)


_RUN_SPEC: TypeAdapter[RunSpec] = TypeAdapter(RunSpec)


def _resolve(located: Yaml) -> RunSpec:
    if "seed" in located.data:
        raise located.error(("seed",), "`seed` is not set here; list seeds under `seeds:`")
    try:
        return _RUN_SPEC.validate_python(located.data, strict=True)
    except ValidationError as error:
        raise explain(error, RunSpec, located) from None


def _check_distinct(variants: list[Variant], yaml: Yaml) -> None:
    seen: dict[tuple[str, str], str] = {}
    errors: list[SpecError] = []
    for variant in variants:
        of_grid = variant.factor == "grid"
        address = ("grid",) if of_grid else ("variants", variant.name, "label")
        label = " ".join(variant.label.split())
        both = variant.name, variant.label
        if not label or "\n" in "".join(both) or max(map(len, both)) > _LONGEST_NAME:
            message = f"{shown(variant.name)} is called {shown(variant.label)}; expected a line of "
            message += f"text, of {_LONGEST_NAME} letters at most"
            errors.append(yaml.error(address, message))
        for what, value, remedy in (
            ("are the same run", variant.spec.model_dump_json(), "remove one"),
            (f"have the same label {shown(label)}", label, "change one"),
            ("have the same name but for case", variant.name.lower(), "rename one"),
        ):
            if (other := seen.get((remedy, value))) is not None:
                message = f"variants {shown(other)} and {shown(variant.name)} {what}; {remedy}"
                errors.append(yaml.error(address, message))
                break
            seen[remedy, value] = variant.name
    if errors:
        raise SpecError(together(errors))


# A mapping with such a key is a choice (`optimizer: {name: adamw, …}`): naming another choice
# replaces the whole mapping, since the options of the first mean nothing to the second. Another
# dataset keeps its subset and splits; another name of a backbone keeps its size.
CHOICE_KEYS = ("name", "kind", "mode")
_CHOICE_OF: dict[Address, str | None] = {("dataset",): None, ("model",): "kind", ("train",): "mode"}


def overlay(base: Yaml, change: Yaml) -> Yaml:
    """Return `base` with `change` laid over it; neither is altered. Lines follow the values."""
    result = Yaml(copy.deepcopy(base.data), dict(base.lines), base.file)
    for key, value in sorted(change.data.items(), key=lambda item: not _is_choice(item[0])):
        _put(result, tuple(key.split(".")), value, change, (key,))
    return result


def capped(located: Yaml, largest: Mapping[str, float]) -> Yaml:
    """Return `located` with no number above its cap; keys that it does not have stay absent."""
    result = Yaml(copy.deepcopy(located.data), dict(located.lines), located.file)
    for key, cap in largest.items():
        *parents, last = key.split(".")
        inner: Any = result.data
        for parent in parents:
            inner = inner.get(parent) if isinstance(inner, dict) else None
        value = inner.get(last) if isinstance(inner, dict) else None
        if isinstance(value, int | float) and value > cap:
            inner[last] = cap
    return result


def _put(into: Yaml, target: Address, value: Any, change: Yaml, source: Address) -> None:
    line = change.line(*source) or 0
    if len(target) > _MOST_PARTS:
        message = (
            f"{shown('.'.join(target))[1:-1]} has over {_MOST_PARTS} parts; there is no such key"
        )
        raise change.error(source, message)
    parent = into.data
    for depth, key in enumerate(target[:-1]):
        inner = parent.setdefault(key, {})
        if isinstance(inner, str) and key == "dataset":
            inner = parent[key] = {"name": inner}
        if not isinstance(inner, dict):
            raise change.error(
                source,
                f"{'.'.join(target)} cannot be set: {'.'.join(target[: depth + 1])} is {shown(inner)}",
            )
        into.lines.setdefault(target[: depth + 1], line)
        parent = inner
    last = target[-1]
    if target == ("dataset",) and isinstance(value, str):
        value = {"name": value}  # `dataset: cifar10` is short for its name
    if _is_another(target[:-1], parent, last, value):
        parent.clear()
    if isinstance(value, dict):
        existing = parent.get(last)
        if not isinstance(existing, dict) or any(
            key in value and _is_another(target, existing, key, value[key]) for key in CHOICE_KEYS
        ):
            parent[last] = {}
        into.lines[target] = line
        for key, inner_value in value.items():
            _put(into, (*target, *key.split(".")), inner_value, change, (*source, key))
        return
    parent[last] = value
    into.lines[target] = line


def _is_another(address: Address, existing: dict[str, Any], key: str, value: Any) -> bool:
    """Whether `key: value` in the mapping at `address` makes another choice than there is."""
    if key != _CHOICE_OF.get(address, key if key in ("name", "kind") else None):
        return False
    before = existing.get(key)
    if key == "mode":
        return bool(existing) and not (
            before == value or (before in TRAINING_MODES and value in TRAINING_MODES)
        )
    return before not in (None, value)


def _is_choice(key: str) -> bool:
    # choices first: `{train.optimizer.lr: …, train.optimizer.name: …}` means the same either way
    return key.split(".")[-1] in CHOICE_KEYS
