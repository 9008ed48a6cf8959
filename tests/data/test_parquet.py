from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cvlib.data.arrays import DataError
from cvlib.data.load import load
from cvlib.data.sources import open_source
from cvlib.data.spec import DatasetSpec
from tests.data.made import encoded, picture, write_parquet

SPEC = DatasetSpec(name="parquet:hub")
NAMES = ["plane", "ship"]


def images(count: int, seed: int = 0) -> list[bytes | None]:
    return [encoded(picture(seed + n, (8, 8))) for n in range(count)]


def labels(count: int) -> list[int]:
    return [n % 2 for n in range(count)]


def test_hub_layout_is_read_in_order_across_files_and_row_groups(root: Path) -> None:
    hub = root.parent / "hub"
    assert open_source(SPEC.name, root).missing()
    for n in range(2):
        path = hub / "data" / f"train-0000{n}-of-00002.parquet"
        write_parquet(path, images(15, 100 * n), labels(15), class_names=NAMES)
    write_parquet(
        hub / "data/test-00000-of-00001.parquet", images(6, 500), labels(6), class_names=NAMES
    )
    data = load(SPEC, root)
    assert data.class_names == ("plane", "ship")
    assert [len(s) for s in (data.train, data.val, data.test)] == [27, 3, 6]
    assert data.test.names[5] == "test/5"
    for split in (data.train, data.val):
        for image, label, position in zip(split.images, split.labels, split.ids, strict=True):
            file, row = divmod(int(position), 15)
            assert np.array_equal(image, np.asarray(picture(100 * file + row, (8, 8))))
            assert label == row % 2


def test_a_subset_takes_rows_out_of_the_middle_of_row_groups(root: Path) -> None:
    hub = root.parent / "hub"
    for n in range(2):
        write_parquet(
            hub / f"train-{n}.parquet", images(15, 100 * n), labels(15), class_names=NAMES
        )
    data = load(SPEC.model_copy(update={"subset": 12, "test_fraction": 0.3}), root)
    assert [len(s) for s in (data.train, data.val, data.test)] == [10, 2, 9]
    for split in (data.train, data.val, data.test):
        for image, position in zip(split.images, split.ids, strict=True):
            file, row = divmod(int(position), 15)
            assert np.array_equal(image, np.asarray(picture(100 * file + row, (8, 8))))


def test_validation_files_are_the_val_split(root: Path) -> None:
    for split, count in (("train", 8), ("validation", 4), ("test", 4)):
        write_parquet(
            root.parent / f"hub/{split}-0.parquet", images(count), labels(count), class_names=NAMES
        )
    data = load(SPEC, root)
    assert [len(s) for s in (data.train, data.val, data.test)] == [8, 4, 4]


def test_other_columns_are_found_by_the_metadata(root: Path) -> None:
    write_parquet(
        root.parent / "hub/train.parquet",
        images(20),
        labels(20),
        image_column="img",
        label_column="kind",
        class_names=NAMES,
        plain_bytes=True,
    )
    data = load(SPEC, root)
    assert [len(s) for s in (data.train, data.val, data.test)] == [14, 2, 4]


def test_without_names_the_labels_are_the_names(root: Path) -> None:
    write_parquet(root.parent / "hub/a.parquet", images(20), [3 + 4 * n for n in labels(20)])
    assert load(SPEC, root).class_names == ("3", "7")
    words = ["cat" if n else "ant" for n in labels(20)]
    write_parquet(root.parent / "hub/a.parquet", images(20), words)
    data = load(SPEC, root)
    assert data.class_names == ("ant", "cat")
    assert data.test.labels.tolist() == [n % 2 for n in data.test.ids]


def test_a_pattern_chooses_files(root: Path) -> None:
    for name in ("small-train", "large-train"):
        write_parquet(
            root.parent / f"hub/{name}.parquet", images(20), labels(20), class_names=NAMES
        )
    assert len(load(DatasetSpec(name="parquet:hub/small*.parquet"), root).test) == 4
    assert len(load(DatasetSpec(name="parquet:hub/small-train.parquet"), root).test) == 4


def test_rows_without_an_image_are_listed(root: Path) -> None:
    content = images(20)
    content[3], content[4] = None, b"broken"
    write_parquet(root.parent / "hub/train-0.parquet", content, labels(20), class_names=NAMES)
    reasons = {u.name: u.reason for u in load(SPEC, root).unreadable}
    assert reasons == {
        "train/3": "the row has no image bytes",
        "train/4": "no image format that Pillow knows",
    }


def test_unusable_files_are_named(root: Path) -> None:
    hub = root.parent / "hub"
    write_parquet(hub / "train-0.parquet", images(8), labels(8), class_names=NAMES)
    write_parquet(hub / "test-0.parquet", images(8), labels(8), class_names=["ship", "plane"])
    with pytest.raises(DataError, match=r"test-0\.parquet has class names \['ship', 'plane'\]"):
        load(SPEC, root)
    write_parquet(hub / "test-0.parquet", images(8), [-1] * 8, class_names=NAMES)
    with pytest.raises(DataError, match="labels of test run from -1 to -1"):
        load(SPEC, root)
    write_parquet(hub / "test-0.parquet", images(8), [0] * 8, class_names=NAMES)
    with pytest.raises(DataError, match="test has no image of 'ship'"):
        load(SPEC, root)
    (hub / "test-0.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(DataError, match=r"test-0\.parquet is no whole parquet file"):
        load(SPEC, root)


def test_unknown_columns_are_listed(root: Path) -> None:
    path = root.parent / "hub/train-0.parquet"
    write_parquet(path, images(8), labels(8), image_column="photo", label_column="y")
    with pytest.raises(DataError, match=r"columns \['photo', 'y'\]; expected one image column"):
        load(SPEC, root)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("small/train-0.parquet", "large/train-0.parquet"),
        ("small/train/0.parquet", "large/test/0.parquet"),
        ("small-train.parquet", "large-train.parquet"),
        ("photos_train.parquet", "photos_test.parquet"),
        ("train-00000-of-00001.parquet", "train-00000-of-00001-6b5f.parquet"),
        ("train-00000-of-00001.parquet", "train-00001-of-00004.parquet"),
    ],
)
def test_several_configurations_are_refused(root: Path, one: str, other: str) -> None:
    for path in (one, other):
        write_parquet(root.parent / "hub" / path, images(20), labels(20), class_names=NAMES)
    with pytest.raises(DataError, match="several configurations or copies"):
        load(SPEC, root)
    assert len(load(DatasetSpec(name=f"parquet:hub/{one}"), root).test) == 4


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("train/0.parquet", "test/0.parquet"),
        ("data/train-00000-of-00002-6b5f.parquet", "data/train-00001-of-00002-93ac.parquet"),
        ("a.parquet", "b.parquet"),
        ("photos_train_0.parquet", "photos_train_1.parquet"),
    ],
)
def test_one_configuration_may_have_several_files(root: Path, one: str, other: str) -> None:
    for n, path in enumerate((one, other)):
        write_parquet(root.parent / "hub" / path, images(20, n * 20), labels(20), class_names=NAMES)
    data = load(SPEC, root)
    assert sum(map(len, (data.train, data.val, data.test))) == 40


def table(image: object, label: object, metadata: bytes | None = None) -> object:
    import pyarrow as pa

    made = pa.table({"image": image, "label": label})
    return made.replace_schema_metadata({b"huggingface": metadata} if metadata else None)


@pytest.mark.parametrize(
    ("label", "metadata", "message"),
    [
        ([[n % 2] for n in range(20)], None, "holds list.* expected one class a row"),
        ([{"a": 1}] * 20, None, "holds struct"),
        (labels(20), b"{", "metadata of train.parquet cannot be read"),
        (labels(20), b"[" * 100_000, "metadata of train.parquet cannot be read"),
        (labels(20), b'"text"', "metadata of train.parquet cannot be read"),
        (labels(20), b'{"info": 3}', "metadata of train.parquet cannot be read"),
        (labels(20), b"\xff", "metadata of train.parquet cannot be read"),
        (labels(20), b'{"info": {"features": {"label": {"names": "ab"}}}}', "no list of different"),
        (labels(20), b'{"info": {"features": {"label": {"names": ["a", "a"]}}}}', "no list of"),
        (labels(20), b'{"info": {"features": {"label": {"names": ["a", "b\\n"]}}}}', "class name"),
    ],
)
def test_hostile_columns_are_refused(
    root: Path, label: object, metadata: bytes | None, message: str
) -> None:
    import pyarrow.parquet as pq

    (root.parent / "hub").mkdir()
    pq.write_table(table(images(20), label, metadata), root.parent / "hub/train.parquet")
    with pytest.raises(DataError, match=message):
        load(SPEC, root)


def test_text_is_no_picture(root: Path) -> None:
    import base64

    import pyarrow as pa
    import pyarrow.parquet as pq

    (root.parent / "hub").mkdir()
    text = [base64.b64encode(data or b"").decode() for data in images(20)]
    for column in (text, pa.array([{"path": "x"}] * 20), pa.array([images(2)] * 20)):
        pq.write_table(table(column, labels(20)), root.parent / "hub/train.parquet")
        with pytest.raises(DataError, match="no bytes of encoded pictures"):
            load(SPEC, root)


def test_damage_in_the_pages_is_named(root: Path) -> None:
    import numpy as np

    path = root.parent / "hub/train.parquet"
    write_parquet(path, images(40), labels(40), class_names=NAMES)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(60):
        damaged = bytearray(whole)
        damaged[int(rng.integers(len(whole)))] ^= int(rng.integers(1, 256))
        path.write_bytes(damaged[: len(whole) if rng.random() < 0.8 else int(rng.integers(9000))])
        try:
            load(SPEC, root)
        except DataError as error:
            assert str(error)
