from __future__ import annotations

import pytest

from cvlib.project import Project, ProjectError, find_project
from cvlib.studies.hypotheses import load_hypotheses
from cvlib.yaml_source import SpecError

GOOD = """\
H1:
  title: depth
  statement: Deeper is better.
  experiment: exp01
  claims:
    - {say: third block, first: exp01/base, second: exp01/depth2}
"""


@pytest.fixture
def layout(tmp_path) -> Project:
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "exp01.yaml").write_text("title: x\n")
    return Project(tmp_path)


def write(layout: Project, text: str) -> None:
    (layout.experiments / "hypotheses.yaml").write_text(text)


def test_a_project_without_the_file_has_no_hypotheses(layout):
    assert load_hypotheses(layout) == ()


def test_what_is_not_said_has_its_default(layout):
    write(layout, GOOD)
    (one,) = load_hypotheses(layout)
    (claim,) = one.claims
    assert (one.id, one.shown) == ("H1", None)
    assert (claim.metric, claim.scale, claim.expect, claim.margin) == (
        "test_accuracy", "difference", "above", 0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("statement:", "statment:", "hypotheses.yaml:3: unknown key 'statment'; did you mean 'statement'"),
        ("experiment: exp01\n", "experiment: exp09\n", "hypotheses.yaml:4: no experiment 'exp09'; there is: exp01"),
        (", second: exp01/depth2", "", "hypotheses.yaml:6: H1, claim 'third block': name first and second"),
        ("exp01/depth2", "depth2", "'depth2': expected experiment/variant, of exp01"),
        ("}", ", scale: ratio}", "a ratio takes no minus, and a margin above 0"),
        ("}", ", expect: more}", "'more' is not known; there is: above, below"),
        ("first: exp01/base, second: exp01/depth2", "measure: errors, of: exp01/base", "measure 'errors' is not known"),
        ("first: exp01/base, second: exp01/depth2", "measure: slices_found", "a measure is `of` one variant"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_told_with_its_line(layout, old, new, said):
    assert old in GOOD
    write(layout, GOOD.replace(old, new, 1))
    with pytest.raises(SpecError) as error:
        load_hypotheses(layout)
    assert said in str(error.value)


def test_the_file_is_no_experiment(layout):
    write(layout, GOOD)
    assert layout.experiment_ids() == ["exp01"]
    with pytest.raises(ProjectError, match="no experiment 'hypotheses'"):
        layout.experiment_file("hypotheses")


def test_the_shipped_hypotheses_name_variants_that_are_declared():

    layout = find_project()
    for one in load_hypotheses(layout):
        for claim in one.claims:
            for name in claim.names():
                experiment, _, variant = name.partition("/")
                declared = Project(layout.root, layout.profile).experiment(experiment).variants
                if variant.startswith("best:"):
                    assert any(v.factor == variant[5:] for v in declared), name
                else:
                    assert variant in [v.name for v in declared], name


def test_all_wrong_hypotheses_are_told_at_once(layout):
    write(layout, GOOD + "H2: 3\nH3: {title: a}\nh1: {}\n")
    with pytest.raises(SpecError) as error:
        load_hypotheses(layout)
    said = [line.split("hypotheses.yaml:")[1] for line in str(error.value).splitlines()]
    assert said[0] == "7: H2: expected title, statement, experiment and claims"
    assert said[1].startswith("8: the key 'statement' is missing")
    assert said[-1] == "9: h1 and H1 differ in case alone; rename one"


def test_an_empty_file_is_told(layout):
    write(layout, "")
    with pytest.raises(SpecError, match=r"hypotheses.yaml:1: the file is empty"):
        load_hypotheses(layout)
