import re
from pathlib import Path

import pytest

from cvlib.studies.experiment import parse_experiment
from cvlib.yaml_source import SpecError

GOOD = """\
title: A study
question: Does it work?
dataset: {name: digits, subset: 300}
base:
  model: {width: 8}
  train:
    epochs: 2
    optimizer: {name: sgd, lr: 0.1, momentum: 0.8}
variants:
  base: {}
  wide: {label: Wide net, factor: width, set: {model.width: 16}}
  adam: {set: {train.optimizer: {name: adamw, lr: 1e-3}}}
seeds: [0, 1]
profiles:
  quick: {seeds: [5], variants: [base, wide], set: {train.epochs: 1, model.width: 4}}
"""


def parse(tmp_path: Path, text: str, profile: str = "default"):
    path = tmp_path / "experiments" / "exp09.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return parse_experiment(path, profile)


def test_variants_are_the_base_with_a_few_values_changed(tmp_path):
    experiment = parse(tmp_path, GOOD)
    assert [v.name for v in experiment.variants] == ["base", "wide", "adam"]
    base, wide, adam = (v.spec for v in experiment.variants)
    assert base.train.optimizer.momentum == 0.8 and wide.model.width == 16
    assert wide.train == base.train
    assert experiment.variant("wide").label == "Wide net"
    assert experiment.seeds == (0, 1)
    assert adam.train.optimizer.lr == 1e-3


def test_another_choice_brings_its_own_defaults_and_none_of_the_first_ones_options(tmp_path):
    adam = parse(tmp_path, GOOD).variant("adam").spec.canonical()["train"]["optimizer"]
    assert "momentum" not in adam and adam["beta2"] == 0.999


def test_every_default_is_written_out_and_what_is_off_is_left_out(tmp_path):
    spec = parse(tmp_path, GOOD).variant("base").spec.canonical()
    assert spec["train"]["batch_size"] == 128 and spec["dataset"]["val_fraction"] == 0.1
    assert "dropout" not in spec["model"]


def test_a_profile_lies_under_the_variants(tmp_path):
    experiment = parse(tmp_path, GOOD, "quick")
    assert experiment.seeds == (5,)
    assert [v.name for v in experiment.variants] == ["base", "wide"]
    assert experiment.variant("base").spec.model.width == 4
    assert experiment.variant("wide").spec.model.width == 16
    assert experiment.variant("wide").spec.train.epochs == 1


def test_a_grid_gives_every_combination(tmp_path):
    grid = (
        "grid:\n  train.optimizer.lr: [0.1, 1e-2]\n  train.schedule.name: [cosine, constant]\n"
        "seeds: [0, 1]\n"
    )
    experiment = parse(tmp_path, GOOD.replace("seeds: [0, 1]\n", grid))
    names = [v.name for v in experiment.variants if v.factor == "grid"]
    assert names == [
        "lr=0.1, schedule=cosine",
        "lr=0.1, schedule=constant",
        "lr=0.01, schedule=cosine",
        "lr=0.01, schedule=constant",
    ]
    spec = experiment.variant("lr=0.01, schedule=cosine").spec
    assert spec.train.optimizer.lr == 0.01 and spec.train.schedule.name == "cosine"
    assert spec.train.optimizer.momentum == 0.8


def test_a_variant_may_have_more_seeds_than_the_others_one_of_a_grid_too(tmp_path):
    text = GOOD + "grid: {train.epochs: [3, 4]}\nmore_seeds: {wide: [2, 7], epochs=4: [2]}\n"
    of = {variant.name: variant.seeds for variant in parse(tmp_path, text).variants}
    others = dict.fromkeys((name for name in of if name not in ("wide", "epochs=4")), (0, 1))
    assert of == {**others, "wide": (0, 1, 2, 7), "epochs=4": (0, 1, 2)}
    assert parse(tmp_path, text, "quick").variant("wide").seeds == (5,)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("{wide: [1]}", "'wide' has seed 1 already, under `seeds`"),
        ("{wide: [2, 2]}", "seeds [2, 2]: expected different whole numbers"),
        ("{wyde: [2]}", "no variant 'wyde'; there is: "),
        ("{wide: [2]}\nmax_runs: 6", "and `more_seeds`, would be 7 runs, more than 6"),
    ],
)
def test_a_mistake_in_more_seeds_is_named(tmp_path, more, said):
    with pytest.raises(SpecError, match=re.escape(said)):
        parse(tmp_path, f"{GOOD}more_seeds: {more}\n")


def test_a_grid_over_the_choice_and_its_option_does_not_depend_on_their_order(tmp_path):
    for keys in (("lr: [2e-3]", "name: [adamw]"), ("name: [adamw]", "lr: [2e-3]")):
        grid = "grid:\n" + "".join(f"  train.optimizer.{key}\n" for key in keys)
        optimizer = parse(tmp_path, GOOD + grid).variants[-1].spec.train.optimizer
        assert (optimizer.name, optimizer.lr) == ("adamw", 2e-3)


def test_an_experiment_without_variants_is_its_base(tmp_path):
    experiment = parse(tmp_path, "title: T\nquestion: Q\ndataset: digits\n")
    assert [v.name for v in experiment.variants] == ["base"]


def test_the_dataset_alone_may_be_swapped_by_a_variant(tmp_path):
    text = GOOD + "  full: {set: {dataset: cifar10}}\n"
    assert parse(tmp_path, text, "full").variant("base").spec.dataset.name == "cifar10"
    assert parse(tmp_path, text, "full").variant("base").spec.dataset.subset == 300


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("title:", "titel:", 1, ["unknown key 'titel'", "did you mean 'title'?"]),
        ("width: 8", "widht: 8", 5, ["unknown key 'widht' in model", "did you mean 'width'?"]),
        ("width: 8", "width: eight", 5, ["model.width", "'eight'", "integer"]),
        ("width: 8", "width: 0", 5, ["model.width", "0", "greater than or equal to 1"]),
        ("epochs: 2", "epochs: 2.5", 7, ["train.epochs", "2.5"]),
        ("epochs: 2", 'epochs: "2"', 7, ["train.epochs", "'2'"]),
        ("momentum: 0.8", "momentun: 0.8", 8, ["momentun", "did you mean 'momentum'?"]),
        ("name: sgd", "name: sgdd", 8, ["train.optimizer.name", "'sgdd'", "did you mean 'sgd'?"]),
        ("model.width: 16", "model.widht: 16", 11, ["unknown key 'widht'", "'width'"]),
        ("model.width: 16", "model.norm: bath", 11, ["model.norm", "did you mean 'batch'?"]),
        ("model.width: 16", "modle.width: 16", 11, ["unknown key 'modle'", "'model'"]),
        ("name: digits", "name: digit", 3, ["dataset.name", "did you mean digits"]),
        ("name: adamw, lr", "name: adamw, momentum", 12, ["momentum", "beta1"]),
        ("factor: width", "facto: width", 11, ["facto", "did you mean 'factor'?"]),
        ("seeds: [0, 1]", "seeds: [0, 0]", 13, ["[0, 0]", "different"]),
        ("[base, wide]", "[base, wild]", 15, ["no variant 'wild'", "base, wide, adam"]),
        ("quick:", "quik:", 15, ["unknown profile 'quik'"]),
        ("set: {train.epochs: 1", "set: {train.epohs: 1", 15, ["epohs", "'epochs'"]),
        ("model.width: 16", "model.width: 8", 11, ["'base' and 'wide' are the same run"]),
        ("model.width: 16", "seed: 3", 11, ["seed", "seeds"]),
        ("question: Does it work?\n", "", None, ["'question' is missing"]),
        ("seeds: [0, 1]", "title: again", 13, ["`title` is given twice"]),
        ("model: {width: 8}", "model: {width: 8", 6, ["not valid YAML"]),
        ("model.width: 16", "model.width.x: 16", 11, ["model.width is 8"]),
    ],
)
def test_a_mistake_is_named_with_file_line_key_and_remedy(tmp_path, old, new, line, words):
    assert old in GOOD
    with pytest.raises(SpecError) as caught:
        profile = "quick" if "epohs" in new or "wild" in new else "default"
        parse(tmp_path, GOOD.replace(old, new, 1), profile)
    message = str(caught.value)
    where = f"experiments/exp09.yaml:{line}:" if line else "experiments/exp09.yaml"
    assert message.startswith(where), message
    for word in words:
        assert word in message, message


def test_all_mistakes_are_said_at_once(tmp_path):
    with pytest.raises(SpecError) as caught:
        parse(tmp_path, GOOD.replace("width: 8", "widht: 8, depht: 2", 1))
    assert len(str(caught.value).splitlines()) == 2


def test_numbers_may_be_written_as_yaml_1_2_has_them(tmp_path):
    spec = parse(tmp_path, GOOD.replace("lr: 0.1", "lr: 1e-1", 1)).variants[0].spec
    assert spec.train.optimizer.lr == 0.1


def test_none_switches_an_option_off(tmp_path):
    text = GOOD.replace("width: 8", "norm: none", 1)
    assert parse(tmp_path, text).variant("base").spec.model.norm is None


BACKBONE = """\
title: T
question: Q
dataset: digits
base:
  model: {kind: backbone, name: resnet18, image_size: 64}
  train: {epochs: 2, optimizer: {name: sgd, lr: 0.1}}
variants:
  a: {set: {SET}}
"""


def _one(tmp_path, change):
    path = tmp_path / "t.yaml"
    path.write_text(BACKBONE.replace("{SET}", change))
    return parse_experiment(path).variants[0].spec.canonical()


def test_another_mode_brings_its_own_options_and_keeps_none_of_the_recipe(tmp_path):
    train = _one(tmp_path, "{train.mode: linear_probe, train.values: 30}")["train"]
    assert train["values"] == 30 and "epochs" not in train


def test_the_modes_that_train_share_their_recipe_and_fine_tuning_is_not_written(tmp_path):
    train = _one(tmp_path, "{train.mode: probe_then_fine_tune}")["train"]
    assert train["mode"] == "probe_then_fine_tune" and train["epochs"] == 2
    assert "mode" not in _one(tmp_path, "{train.mode: fine_tune}")["train"]


def test_another_backbone_keeps_its_size_and_another_kind_of_model_does_not(tmp_path):
    assert _one(tmp_path, "{model.name: resnet34}")["model"]["image_size"] == 64
    model = _one(tmp_path, "{model: {kind: custom_vit, depth: 2}}")["model"]
    assert model["kind"] == "custom_vit" and "image_size" not in model


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("{train: {mode: lineer_probe}}", "train.mode: 'lineer_probe' is not known; did you mean"),
        ("{model: {kind: backbon}}", "model.kind: 'backbon' is not known; did you mean 'backbone'"),
        ("{train: {mode: linear_probe, valuess: 3}}", "did you mean 'values'?"),
        ("{train: {mode: linear_probe, values: 3}}", "train.values: 3 will not do"),
        ("{train.layer_decay: 0.5, model: {kind: custom_vit}}", "layer_decay is for backbones"),
        ("{train: {mode: linear_probe}, model: {kind: custom_cnn}}", "needs a backbone"),
    ],
)
def test_a_mistake_in_a_mode_or_kind_is_named(tmp_path, change, words):
    with pytest.raises(SpecError, match=re.escape(words)):
        _one(tmp_path, change)


def test_a_profile_caps_what_base_and_variants_say_and_adds_nothing(tmp_path):
    text = BACKBONE.replace("{SET}", "{train.epochs: 40}")
    text += "  b: {set: {train: {mode: linear_probe}}}\n"
    text += "profiles: {quick: {cap: {train.epochs: 3, dataset.subset: 10}}}\n"
    path = tmp_path / "t.yaml"
    path.write_text(text)
    tuned, probed = (v.spec.canonical() for v in parse_experiment(path, "quick").variants)
    assert tuned["train"]["epochs"] == 3 and "subset" not in tuned["dataset"]
    assert probed["train"]["mode"] == "linear_probe" and "epochs" not in probed["train"]
    assert parse_experiment(path).variants[0].spec.canonical()["train"]["epochs"] == 40


SHORT = "title: T\nquestion: Q\ndataset: digits\n"
TEN = "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]"


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("variants: {a: {set: {train: 3}}}", 4, "train: 3; expected keys below it"),
        ("variants: {a: {set: {model: x}}}", 4, "model: 'x'; expected keys below it"),
        ("variants: {a: {set: {dataset: 3}}}", 4, "dataset: 3 will not do: expected `key: value`"),
        ("base: {train: {mode: [1]}}", 4, "train.mode: [1] is not known; there is: fine_tune"),
        ("base: {model: {kind: {a: 1}}}", 4, "model.kind: {'a': 1} is not known"),
        ("variants: {a: {set: {" + "a." * 500 + "a: 3}}}", 4, "has over 20 parts"),
        ("base: {model: " + "{a: " * 90 + "1" + "}" * 91, 4, "has over 20 parts"),
        ("base:", 4, "base: None will not do: expected `key: value` lines below it"),
        ("base: {train: {optimizer: {lr: 1}}}", 4, "train.optimizer: {'lr': 1} will not do"),
        ("base: {train: {epochs: true}}", 4, "train.epochs: True will not do"),
        ("base: {train: {epochs: 1_000}}", 4, "train.epochs: '1_000' will not do"),
        ("base: {train: {batch_size: 1:30}}", 4, "train.batch_size: '1:30' will not do"),
        ("base: {model: {residual: yes}}", 4, "model.residual: 'yes' will not do"),
        ("seeds: [9223372036854775807]", 4, "expected different whole numbers from 0, below 2³¹"),
        ("seeds: [-1]", 4, "expected different whole numbers from 0"),
        ("seeds: [true]", 4, "seeds.0: True will not do"),
        ("profiles: {quick: {seeds: []}}", 4, "seeds []: expected different whole numbers"),
        ("variants: {a: {label: ''}}", 4, "'a' is called ''; expected a line of text"),
        ('variants: {a: {label: "x\\ny"}}', 4, "'a' is called 'x\\ny'; expected a line"),
        ("variants: {a: {label: " + "x" * 1_000_000 + "}}", 4, "of 500 letters at most"),
        (
            "variants:\n  a: {set: {train.epochs: 3}}\n  A: {set: {train.epochs: 4}}",
            6,
            "variants 'a' and 'A' have the same name but for case; rename one",
        ),
        (
            "variants:\n  a: {label: X}\n  b:\n    set: {train.epochs: 4}\n    label: X",
            8,
            "variants 'a' and 'b' have the same label 'X'; change one",
        ),
        ("variants: {epochs=1: {}}\ngrid: {train.epochs: [1]}", 5, "the same label 'epochs=1'"),
        ("grid: {train.epochs: [1, 1]}", 4, "are the same run; remove one"),
        ("grid: {train.epochs: []}", 4, "grid key 'train.epochs' has no values"),
        ("max_runs: 20000", 4, "max_runs: 20000 will not do"),
    ],
)
def test_a_value_of_another_kind_is_named_with_its_line(tmp_path, text, line, said):
    with pytest.raises(SpecError) as caught:
        parse(tmp_path, SHORT + text + "\n")
    message = str(caught.value)
    assert message.startswith(f"experiments/exp09.yaml:{line}: ") and said in message, message


def test_numbers_with_a_zero_before_them_are_decimal(tmp_path):
    assert (
        parse(tmp_path, SHORT + "base: {train: {epochs: 010}}").variants[0].spec.train.epochs == 10
    )


def test_a_grid_of_a_million_says_how_many_runs_it_would_be_and_makes_none(tmp_path):
    grid = "grid:\n" + "".join(f"  train.{key}: {TEN}\n" for key in "abcdef")
    words = (
        "exp09.yaml:4: 1,000,000 combinations × 2 seeds would be 2,000,000 runs, more than 500: "
    )
    with pytest.raises(SpecError, match=words + "shorten it, 10,000 are the most"):
        parse(tmp_path, SHORT + grid + "seeds: [0, 1]\n")


def test_more_than_500_runs_are_made_when_the_file_says_so(tmp_path):
    text = SHORT + f"grid: {{train.epochs: {list(range(1, 502))}}}\n"
    with pytest.raises(SpecError, match="write `max_runs: 501`"):
        parse(tmp_path, text)
    assert len(parse(tmp_path, text + "max_runs: 501\n").variants) == 501


def test_mistakes_in_several_variants_are_said_at_once(tmp_path):
    text = SHORT + "base: {train: {epochs: x}}\nvariants:\n"
    text += "  a: {set: {model.widht: 3}}\n  b: {set: {model.depht: 3}}\n"
    with pytest.raises(SpecError) as caught:
        parse(tmp_path, text)
    lines = sorted(line.split(":")[1] for line in str(caught.value).splitlines())
    assert lines == ["4", "6", "7"]


def test_two_files_that_differ_in_case_alone_are_refused(tmp_path):
    parse(tmp_path, SHORT)
    (tmp_path / "experiments" / "EXP09.yaml").write_text(SHORT)
    with pytest.raises(SpecError, match=r"exp09.yaml and EXP09.yaml differ in case alone"):
        parse(tmp_path, SHORT)


def test_an_empty_file_says_what_belongs_into_it(tmp_path):
    with pytest.raises(SpecError, match=r"exp09.yaml:1: the file is empty; expected title"):
        parse(tmp_path, "# later\n")
