"""One experiment's YAML, validated: what is asked, on which data, in which variants and seeds."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from cvlib.project import PROFILES, Project
from cvlib.studies.located_yaml import Address, Located, SpecError, read_yaml
from cvlib.studies.overrides import capped, overlay
from cvlib.studies.spec import RunSpec
from cvlib.studies.validation import explain

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

    title: str = Field(description="the experiment's name, in plain words")
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


@dataclass(frozen=True)
class Experiment:
    """One experiment in one profile."""

    id: str
    title: str
    question: str
    profile: str
    variants: tuple[Variant, ...]
    seeds: tuple[int, ...]

    def variant(self, name: str) -> Variant:
        """The variant of that name; raises KeyError that lists the names there are."""
        for variant in self.variants:
            if variant.name == name:
                return variant
        names = ", ".join(v.name for v in self.variants)
        raise KeyError(
            f"{self.id} has no variant {name!r} in profile {self.profile!r}; it has: {names}"
        )


def load_experiment(layout: Project, experiment_id: str) -> Experiment:
    """Read and resolve `experiments/<id>.yaml` in the layout's profile.

    Raises SpecError that names the file, the line, the key and the nearest valid name.
    """
    path = layout.experiment_file(experiment_id)
    return parse_experiment(path, layout.profile)


def parse_experiment(path: Path, profile: str = "default") -> Experiment:
    """Read and resolve one experiment file in one profile."""
    yaml = read_yaml(path, shown_as=f"{path.parent.name}/{path.name}")
    try:
        fields = ExperimentFields.model_validate(yaml.data)
    except ValidationError as error:
        raise explain(error, ExperimentFields, yaml) from None
    _check_seeds(fields.seeds, yaml, ("seeds",))
    for name in fields.profiles:
        if name not in PROFILES or name == "default":
            raise yaml.error(
                ("profiles", name), f"unknown profile {name!r}; expected quick or full"
            )
    if profile != "default" and profile not in fields.profiles:
        raise yaml.error(
            ("title",),
            f"no profile {profile!r} here; add `profiles: {{{profile}: …}}`, or use another profile",
        )

    base = Located({}, {}, yaml.file)
    if "base" in yaml.data:
        base = overlay(base, yaml.part("base"))
    dataset = yaml.data["dataset"]
    dataset = {"name": dataset} if isinstance(dataset, str) else dataset
    lines = {address: n for address, n in yaml.lines.items() if address[0] == "dataset"}
    base = overlay(base, Located({"dataset": dataset}, lines, yaml.file))

    seeds, chosen = fields.seeds, None
    this = fields.profiles.get(profile, ProfileFields())
    if profile in fields.profiles:
        seeds, chosen = this.seeds or seeds, this.variants
        _check_seeds(seeds, yaml, ("profiles", profile, "seeds"))
        base = overlay(base, yaml.part("profiles").part(profile).part("set"))

    variants = _named(fields, yaml, base, this.cap) + _gridded(fields, yaml, base, this.cap)
    if not variants:
        variants = [Variant("base", "base", None, _resolve(capped(base, this.cap)))]
    if chosen is not None:
        names = [v.name for v in variants]
        for index, name in enumerate(chosen):
            if name not in names:
                address = ("profiles", profile, "variants", str(index))
                raise yaml.error(address, f"no variant {name!r}; there is: {', '.join(names)}")
        variants = [v for v in variants if v.name in chosen]
    _check_distinct(variants, yaml)
    return Experiment(
        id=path.stem,
        title=fields.title,
        question=fields.question,
        profile=profile,
        variants=tuple(variants),
        seeds=tuple(seeds),
    )


Caps = dict[str, int | float]


def _named(fields: ExperimentFields, yaml: Located, base: Located, cap: Caps) -> list[Variant]:
    variants = []
    for name, given in fields.variants.items():
        change = yaml.part("variants").part(name).part("set")
        spec = _resolve(capped(overlay(base, change), cap))
        variants.append(Variant(name, given.label or name, given.factor, spec))
    return variants


def _gridded(fields: ExperimentFields, yaml: Located, base: Located, cap: Caps) -> list[Variant]:
    if not fields.grid:
        return []
    for key, values in fields.grid.items():
        if not values:
            raise yaml.error(("grid", key), f"grid key {key!r} has no values")
    variants = []
    keys = list(fields.grid)
    for combination in itertools.product(*fields.grid.values()):
        setting = dict(zip(keys, combination, strict=True))
        lines: dict[Address, int] = {(key,): yaml.line(("grid", key)) or 0 for key in keys}
        spec = _resolve(capped(overlay(base, Located(setting, lines, yaml.file)), cap))
        name = ", ".join(f"{_short(key)}={_shown(value)}" for key, value in setting.items())
        variants.append(Variant(name, name, "grid", spec))
    return variants


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


def _resolve(located: Located) -> RunSpec:
    if "seed" in located.data:
        raise located.error(("seed",), "`seed` is not set here; list seeds under `seeds:`")
    try:
        return _RUN_SPEC.validate_python(located.data, strict=True)
    except ValidationError as error:
        raise explain(error, RunSpec, located) from None


def _check_seeds(seeds: list[int], yaml: Located, address: Address) -> None:
    if not seeds or len(set(seeds)) != len(seeds) or min(seeds) < 0:
        raise yaml.error(address, f"seeds {seeds}: expected different whole numbers from 0")


def _check_distinct(variants: list[Variant], yaml: Located) -> None:
    seen: dict[str, str] = {}
    for variant in variants:
        spec = variant.spec.model_dump_json()
        if spec in seen:
            address = ("variants", variant.name) if variant.factor != "grid" else ("grid",)
            raise yaml.error(
                address,
                f"variants {seen[spec]!r} and {variant.name!r} are the same run; remove one",
            )
        seen[spec] = variant.name


__all__ = ["Experiment", "SpecError", "Variant", "load_experiment", "parse_experiment"]
