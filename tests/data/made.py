"""Small pictures and files, really made and really encoded."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
from PIL import Image


def picture(seed: int, size: tuple[int, int] = (16, 16), mode: str = "RGB") -> Image.Image:
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(pixels).convert(mode)


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def write_parquet(
    path: Path,
    images: list[bytes | None],
    labels: list[int] | list[str],
    *,
    image_column: str = "image",
    label_column: str = "label",
    class_names: list[str] | None = None,
    plain_bytes: bool = False,
    row_group_size: int = 4,
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = images if plain_bytes else [{"bytes": data, "path": None} for data in images]
    kind = (
        pa.binary() if plain_bytes else pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    )
    table = pa.table({image_column: pa.array(rows, kind), label_column: labels})
    if class_names is not None:
        features = {
            image_column: {"_type": "Image"},
            label_column: {"_type": "ClassLabel", "names": class_names},
        }
        table = table.replace_schema_metadata(
            {"huggingface": json.dumps({"info": {"features": features}})}
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, row_group_size=row_group_size)
