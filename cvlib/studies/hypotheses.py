"""Hypotheses as data: what each claims, declared in `experiments/hypotheses.yaml`.

    H5:
      title: fine-tuning
      statement: Fine-tuning all weights beats a linear probe and takes several times as long.
      experiment: exp02
      shown: tbl-exp02
      claims:
        - {say: fine-tuned less probe, first: "exp02/best:grid", second: exp02/probe}
        - {say: its time, first: "exp02/best:grid", second: exp02/probe,
           metric: seconds, scale: ratio, margin: 3}

A hypothesis is supported when all of its claims are, and refuted when one is.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cvlib.project import HYPOTHESES, Project
from cvlib.studies.located_yaml import explain
from cvlib.yaml_source import SpecError, Yaml, read_yaml, shown, together

FILE = f"{HYPOTHESES}.yaml"
BEST = "best:"  # `exp02/best:grid`: of a factor's variants the best by validation

MEASURES = ("share_of_errors", "slices_found", "label_error_share")

_CONFIG = ConfigDict(frozen=True, extra="forbid", strict=True)


class Pair(BaseModel):
    """Two variants, the second subtracted from the first."""

    model_config = _CONFIG

    first: str = Field(description="experiment/variant; experiment/best:FACTOR is its best")
    second: str = Field(description="experiment/variant")


class Claim(BaseModel):
    """One number that is to lie above, or below, a margin."""

    model_config = _CONFIG

    say: str = Field(description="what is measured, in a few words")
    first: str | None = Field(None, description="experiment/variant, or experiment/best:FACTOR")
    second: str | None = Field(None, description="the variant that it is compared with")
    minus: Pair | None = Field(None, description="a difference that is subtracted from the first")
    metric: str = Field(
        "test_accuracy", description="a metric that the runs keep; seconds: their training time"
    )
    scale: Literal["difference", "ratio"] = Field(
        "difference", description="first less second, or first over second"
    )
    measure: str | None = Field(None, description=f"of mistakes: {', '.join(MEASURES)}")
    of: str | None = Field(None, description="the variant that a measure is of")
    options: dict[str, Any] = Field(default_factory=dict, description="of the measure")
    expect: Literal["above", "below"] = Field("above", description="side of the margin")
    margin: float | int = Field(
        0, description="where that side begins: points, percent, a ratio, or a count"
    )

    def names(self) -> list[str]:
        """Every variant that the claim reads."""
        pair = [self.minus.first, self.minus.second] if self.minus else []
        return [name for name in (self.first, self.second, *pair, self.of) if name]


class HypothesisFields(BaseModel):
    """One hypothesis, by its id."""

    model_config = _CONFIG

    title: str = Field(description="one or two words")
    statement: str = Field(description="what is claimed, a full sentence")
    experiment: str = Field(description="the experiment that tests it")
    shown: str | None = Field(None, description="label of the figure or table that shows it")
    claims: list[Claim] = Field(min_length=1, description="what is measured; all must hold")
    settle: bool = Field(
        False,
        description="whether `cvlib run --settle` may add seeds until it is decided; it is then judged "
        "at the level of its last look, 0.025 at first, so that its error stays at 5%",
    )


class Hypothesis(HypothesisFields):
    """A declared hypothesis. `id` is its key, `H5`."""

    id: str


def load_hypotheses(project: Project) -> tuple[Hypothesis, ...]:
    """Read and check the project's hypotheses, in their order; empty where there is no file.

    Raises SpecError with file, line and key: a misspelt key, an experiment that is not there, a
    claim that is neither a comparison nor a measure.
    """
    path = project.experiments / FILE
    if not path.exists():
        return ()
    yaml = read_yaml(path, shown_as=f"{path.parent.name}/{path.name}", none_is_null=True)
    if not yaml.data:
        raise yaml.error((), "the file is empty; declare a hypothesis in it, or delete it")
    read: list[Hypothesis] = []
    errors: list[SpecError] = []
    by_id: dict[str, str] = {}
    for name in yaml.data:
        try:
            if (twin := by_id.setdefault(name.lower(), name)) != name:
                message = f"{name} and {twin} differ in case alone; rename one"
                raise yaml.error((name,), message)
            read.append(_read(name, yaml, project))
        except SpecError as error:
            errors.append(error)
    if errors:
        raise SpecError(together(errors))
    return tuple(read)


def _read(name: str, yaml: Yaml, project: Project) -> Hypothesis:
    own = yaml.part(name)
    if not isinstance(yaml.data[name], dict):
        raise yaml.error((name,), f"{name}: expected title, statement, experiment and claims")
    try:
        fields = HypothesisFields.model_validate(own.data)
    except ValidationError as error:
        raise explain(error, HypothesisFields, own) from None
    known = project.experiment_ids()
    if fields.experiment not in known:
        raise own.error(
            ("experiment",),
            f"no experiment {shown(fields.experiment)}; there is: {', '.join(known)}",
        )
    for index, claim in enumerate(fields.claims):
        problem = _problem(claim, known)
        if not problem and fields.settle and claim.measure is not None:
            problem = "no seeds settle a measure of mistakes, whose interval is the measure's own; "
            problem += "leave `settle` out"
        if problem:
            raise own.error(("claims", index), f"{name}, claim {shown(claim.say)}: {problem}")
    return Hypothesis(id=name, **{**dict(fields), "statement": fields.statement.strip()})


def _problem(claim: Claim, known: list[str]) -> str:
    """What is wrong with a claim besides its keys; '' when nothing is."""
    compares = claim.first is not None and claim.second is not None
    if claim.measure is None and not compares:
        return "name first and second (two variants), or measure and of"
    if claim.measure is not None:
        if claim.measure not in MEASURES:
            return f"measure {claim.measure!r} is not known; there is: {', '.join(MEASURES)}"
        if claim.of is None or claim.first or claim.second or claim.minus:
            return "a measure is `of` one variant, and has no first, second or minus"
    if claim.scale == "ratio" and (claim.minus or claim.margin <= 0):
        return "a ratio takes no minus, and a margin above 0"
    for name in claim.names():
        experiment, slash, variant = name.partition("/")
        if not slash or not variant or experiment not in known:
            return f"{name!r}: expected experiment/variant, of {', '.join(known)}"
    return ""
