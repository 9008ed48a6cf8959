from __future__ import annotations

import subprocess
import sys

import pytest
from pydantic import ValidationError

from cvlib.data.spec import AugmentSpec, DatasetSpec


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        ("fashion-mnist", "did you mean fashion_mnist?"),
        ("CIFAR10", "did you mean cifar10?"),
        ("image_folder:birds", "did you mean imagefolder:PATH?"),
        ("zzzz", "Known: fashion_mnist, cifar10"),
        ("imagefolder:", "write imagefolder:PATH"),
        ("imagefolder", "did you mean imagefolder:PATH?"),
    ],
)
def test_unknown_name_is_refused_with_the_nearest_one(wrong: str, hint: str) -> None:
    with pytest.raises(ValidationError) as error:
        DatasetSpec(name=wrong)
    assert hint in str(error.value)


def test_test_fraction_belongs_only_to_data_without_a_test_split() -> None:
    assert DatasetSpec(name="digits", test_fraction=0.3).test_fraction == 0.3
    with pytest.raises(ValidationError, match="own test split"):
        DatasetSpec(name="cifar10", test_fraction=0.3)


@pytest.mark.parametrize(
    "field", [{"subset": 0}, {"val_fraction": 1.0}, {"channels": 2}, {"image_siez": 32}]
)
def test_bad_values_and_unknown_fields_are_refused(field: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        DatasetSpec.model_validate({"name": "digits", **field})


def test_specs_hold_no_option_that_is_off() -> None:
    assert AugmentSpec().model_dump(exclude_none=True) == {"flip": False}
    assert set(DatasetSpec(name="digits").model_dump(exclude_none=True)) == {
        "name",
        "val_fraction",
        "split_seed",
    }


def test_fingerprint_and_specs_load_neither_torch_nor_pillow_nor_scikit_learn() -> None:
    code = (
        "import sys; from pathlib import Path; from cvlib.data.load import fingerprint; "
        "from cvlib.data.spec import DatasetSpec; s = DatasetSpec(name='digits'); "
        "import tempfile; t = Path(tempfile.mkdtemp()); fingerprint(s, t); "
        "print([m for m in ('torch', 'PIL', 'sklearn', 'pandas', 'pyarrow') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
