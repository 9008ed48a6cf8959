"""Encoded images become pixels or a reason; a dataset's are decoded once, completely or not at all."""

from __future__ import annotations

import io
import signal
import struct
import subprocess
import sys
import textwrap
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cvlib.data import decode as decoding
from cvlib.data.arrays import DataError
from cvlib.data.decode import Undecodable, decode, own_size_limit, read_header, resize_pixels
from cvlib.data.load import load
from cvlib.data.spec import DatasetSpec
from tests.data.made import encoded, picture


def png(width: int, height: int, bits: int, rows: bytes) -> bytes:
    """A PNG of colours: `rows` as its standard has them, not compressed yet."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    size = struct.pack(">IIBBBBB", width, height, bits, 2, 0, 0, 0)
    content = chunk(b"IHDR", size) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + content


def test_plain_colour_and_grey_come_back_as_they_are() -> None:
    for mode, channels in (("RGB", 3), ("L", 1)):
        image = picture(0, (13, 9), mode)
        pixels = decode(encoded(image), None, channels)
        assert pixels.shape == (9, 13, channels)
        assert np.array_equal(pixels.squeeze(), np.asarray(image))


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
def test_transparency_is_laid_on_white(mode: str) -> None:
    image = Image.new("RGBA", (4, 4), (200, 0, 0, 255))
    image.putpixel((1, 1), (0, 0, 0, 0))
    image.putpixel((2, 2), (0, 0, 0, 128))
    image = image.convert("LA" if mode == "LA" else "RGBA")
    if mode == "PA":
        image = image.quantize(8)  # a palette with alpha
    pixels = decode(encoded(image), None, 3)
    assert pixels[1, 1].tolist() == [255, 255, 255]
    assert abs(int(pixels[2, 2, 0]) - 127) <= 1
    expected = 0.299 * 200 if mode == "LA" else 200
    assert abs(int(pixels[0, 0, 0]) - expected) <= 1


def test_palette_images_get_their_colours_and_count_as_colour() -> None:
    image = Image.new("P", (4, 4), 1)
    image.putpalette([0, 0, 0, 10, 200, 30])
    data = encoded(image)
    assert decode(data, None, 3)[0, 0].tolist() == [10, 200, 30]
    assert not read_header(data).grey


def test_a_transparent_palette_colour_is_laid_on_white() -> None:
    image = Image.new("P", (4, 4), 1)
    image.putpalette([0, 0, 0, 10, 200, 30])
    image.putpixel((0, 0), 0)
    pixels = decode(encoded(image, "GIF", transparency=0), None, 3)
    assert pixels[0, 0].tolist() == [255, 255, 255]
    assert pixels[1, 1].tolist() == [10, 200, 30]


def test_cmyk_jpeg_is_converted() -> None:
    data = encoded(Image.new("RGB", (16, 16), (220, 40, 40)).convert("CMYK"), "JPEG", quality=95)
    assert Image.open(io.BytesIO(data)).mode == "CMYK"
    pixels = decode(data, None, 3).astype(int)
    assert np.abs(pixels - [220, 40, 40]).max() <= 6


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bit_grey_is_scaled_and_not_clipped(kind: str) -> None:
    values = np.array([[0, 257, 128 * 257, 65535]], dtype=np.uint16).repeat(4, axis=0)
    data = encoded(Image.fromarray(values), kind)
    assert read_header(data).grey
    assert decode(data, None, 1)[0, :, 0].tolist() == [0, 1, 128, 255]


def test_1_bit_images_are_black_and_white() -> None:
    image = Image.new("1", (4, 4), 0)
    image.putpixel((1, 0), 1)
    data = encoded(image)
    assert read_header(data).grey
    assert decode(data, None, 1)[0, :, 0].tolist() == [0, 255, 0, 0]


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_the_first_frame_of_an_animation_is_taken(kind: str) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ((255, 0, 0), (0, 0, 255))]
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    assert getattr(Image.open(io.BytesIO(data)), "n_frames", 1) == 2
    assert decode(data, None, 3)[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation: int) -> None:
    from PIL import ImageOps

    image = picture(1, (12, 8))
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(image, "PNG", exif=exif)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    assert np.array_equal(decode(data, None, 3), np.asarray(upright))
    header = read_header(data)
    assert (header.width, header.height) == upright.size


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_damaged_exif_does_not_make_an_image_unreadable() -> None:
    data = encoded(picture(1), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff garbage")
    assert decode(data, None, 3).shape == (16, 16, 3)


def test_floating_point_and_out_of_range_pixels_are_refused_with_a_reason() -> None:
    floats = encoded(Image.fromarray(np.ones((4, 4), np.float32)), "TIFF")
    with pytest.raises(Undecodable, match="no fixed range"):
        decode(floats, None, 1)
    large = encoded(Image.fromarray(np.full((4, 4), 70_000, np.int32)), "TIFF")
    with pytest.raises(Undecodable, match="do not fit in 16 bits"):
        decode(large, None, 1)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP"])
def test_truncated_files_are_refused_and_never_crash(kind: str) -> None:
    data = encoded(picture(2, (64, 64)), kind)
    for share in (0.0, 0.02, 0.3, 0.6):
        with pytest.raises(Undecodable):
            decode(data[: int(share * len(data))], 32, 3)


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_random_damage_gives_pixels_or_a_reason() -> None:
    rng = np.random.default_rng(0)
    for kind in ("PNG", "JPEG", "GIF", "TIFF"):
        whole = np.frombuffer(encoded(picture(3, (32, 32)), kind), dtype=np.uint8)
        for _ in range(40):
            damaged = whole.copy()
            damaged[rng.integers(0, len(whole), 8)] = rng.integers(0, 256, 8)
            try:
                assert decode(damaged.tobytes(), 16, 3).shape == (16, 16, 3)
            except Undecodable as error:
                assert str(error)


def test_text_is_no_image() -> None:
    with pytest.raises(Undecodable, match="no image format"):
        decode(b"<html>404 not found</html>", None, 3)


def test_resizing_cuts_the_middle_of_the_long_side() -> None:
    pixels = np.zeros((8, 24, 3), np.uint8)
    pixels[:, 8:16] = 255  # the middle square is white
    assert resize_pixels(pixels, 8, 3).min() == 255
    assert resize_pixels(pixels, 4, 1).shape == (4, 4, 1)


def test_enormous_jpegs_are_reduced_while_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "MAX_DECODED_PIXELS", 100 * 100)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)  # Pillow's own limit would refuse it
    left_and_right = np.zeros((400, 400, 3), np.uint8)
    left_and_right[:, 200:] = 255
    data = encoded(Image.fromarray(left_and_right), "JPEG", quality=95)
    with own_size_limit():
        pixels = decode(data, 16, 3)
        assert pixels[:, :6].max() < 20 and pixels[:, -6:].min() > 235
        with pytest.raises(Undecodable, match=r"400×400 .* over the limit"):
            decode(data, None, 3)
    assert Image.MAX_IMAGE_PIXELS == 100


def test_a_decompression_bomb_is_refused_from_its_header() -> None:
    """30,000 x 30,000 pixels in a file of 80 bytes: decoding it would take 2.7 GB."""
    bomb = png(30_000, 30_000, 8, b"\0" * 100)
    with own_size_limit(), pytest.raises(Undecodable, match="900 megapixels"):
        decode(bomb, 64, 3)


def test_large_jpegs_reduced_early_look_like_those_resized_from_full_size() -> None:
    smooth = picture(5, (12, 12)).resize((600, 600), Image.Resampling.BICUBIC)
    data = encoded(smooth, "JPEG", quality=95)
    reduced = decode(data, 48, 3).astype(int)
    full = resize_pixels(decode(data, None, 3), 48, 3).astype(int)
    assert np.abs(reduced - full).mean() < 1.5


Make = Callable[..., Path]
SPEC = DatasetSpec(name="imagefolder:pictures", image_size=8)


def cached(root: Path) -> list[str]:
    folder = root / ".cache" / "images"
    return sorted(p.name for p in folder.iterdir()) if folder.exists() else []


def test_images_are_decoded_once(
    root: Path, make_folder: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_folder({"a": 10, "b": 10})
    first = load(SPEC, root)
    monkeypatch.setattr(decoding, "decode_all", lambda *args: pytest.fail("decoded again"))
    second = load(SPEC, root)
    for split in ("train", "val", "test"):
        assert np.array_equal(getattr(first, split).images, getattr(second, split).images)


def test_what_changes_the_pixels_makes_a_cache_of_its_own(root: Path, make_folder: Make) -> None:
    base = make_folder({"a": 10, "b": 10})
    load(SPEC, root)
    load(SPEC.model_copy(update={"val_fraction": 0.3}), root)  # the same images: shared
    assert len(cached(root)) == 1
    load(SPEC.model_copy(update={"image_size": 12}), root)
    load(SPEC.model_copy(update={"channels": 1}), root)
    assert len(cached(root)) == 3
    (base / "a" / "000.png").write_bytes(encoded(picture(99)))
    load(SPEC, root)
    assert len(cached(root)) == 4


def test_arrays_are_resized_too(root: Path) -> None:
    data = load(DatasetSpec(name="digits", image_size=16, channels=3, subset=100), root)
    assert data.train.images.shape == (90, 16, 16, 3)
    assert np.array_equal(data.train.images[..., 0], data.train.images[..., 2])


def test_an_error_half_way_leaves_nothing(
    root: Path, make_folder: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_folder({"a": 10, "b": 10})
    real = decoding.decode_all

    def fails(*args: object) -> object:
        for n, array in enumerate(real(*args)):
            if n == 7:
                raise MemoryError
            yield array

    monkeypatch.setattr(decoding, "decode_all", fails)
    with pytest.raises(MemoryError):
        load(SPEC, root)
    assert cached(root) == []


def test_a_killed_process_leaves_no_half_cache(root: Path, make_folder: Make) -> None:
    make_folder({"a": 10, "b": 10})
    code = f"""
        import os, signal
        from pathlib import Path
        from cvlib.data import decode
        from cvlib.data.load import load
        from cvlib.data.spec import DatasetSpec
        real = decode.decode_all
        def dies(*args):
            for n, array in enumerate(real(*args)):
                if n == 7:
                    os.kill(os.getpid(), signal.SIGKILL)
                yield array
        decode.decode_all = dies
        load(DatasetSpec(name={SPEC.name!r}, image_size=8), Path({str(root)!r}))
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=False)
    assert done.returncode == -signal.SIGKILL
    (left,) = cached(root)
    assert left.startswith(".")
    data = load(SPEC, root)
    assert data.train.images.reshape(len(data.train), -1).max(axis=1).min() > 0
    (whole,) = cached(root)
    assert left.startswith(f".{whole}.")


def test_a_damaged_cache_is_said_and_decoded_anew(
    root: Path, make_folder: Make, caplog: pytest.LogCaptureFixture
) -> None:
    base = make_folder({"a": 10, "b": 10})
    (base / "a" / "000.png").write_bytes(b"broken")
    first = load(SPEC, root)
    (path,) = (root / ".cache" / "images").iterdir()
    whole = path.read_bytes()
    cuts = [whole[:n] for n in (0, 1, 79, 80, 81, 300, len(whole) - 1)]
    flips = [
        whole[:n] + bytes([whole[n] ^ 1]) + whole[n + 1 :]
        for n in (0, 14, 15, 78, 79, 80, 90, 150, 208, 400, len(whole) - 2)
    ]
    for damaged in (*cuts, *flips, whole + b"x"):
        path.write_bytes(damaged)
        caplog.clear()
        again = load(SPEC, root)
        assert again.unreadable == first.unreadable
        for split in ("train", "val", "test"):
            assert np.array_equal(getattr(first, split).images, getattr(again, split).images)
        (line,) = caplog.messages
        assert line.startswith(f"{path} was altered")
        assert path.read_bytes() == whole


@pytest.mark.parametrize("mode", ["I;16", "RGB of 16 bits"])
def test_12_bits_in_16_are_refused(root: Path, make_folder: Make, mode: str) -> None:
    base = make_folder({"a": 10, "b": 10})
    values = np.random.default_rng(0).integers(0, 4096, (16, 16), dtype=np.uint16)
    if mode == "I;16":
        (base / "a" / "000.png").write_bytes(encoded(Image.fromarray(values)))
    else:
        rows = b"".join(b"\0" + row.repeat(3).astype(">u2").tobytes() for row in values)
        (base / "a" / "000.png").write_bytes(png(16, 16, 16, rows))
    with pytest.raises(DataError, match=r"at most 1[56] of 255 .* 12-bit camera"):
        load(SPEC, root)
    assert cached(root) == []
    (base / "a" / "001.png").write_bytes(encoded(Image.fromarray(values * 16)))
    load(SPEC, root)  # one picture says that the range is 16 bits: the others are dark


def test_a_program_that_draws_is_no_picture() -> None:
    with pytest.raises(Undecodable, match="EPS is a program"):
        decode(encoded(picture(0), "EPS"), None, 3)


def test_two_processes_decode_once(root: Path, make_folder: Make) -> None:
    make_folder({"a": 10, "b": 10})
    code = f"""
        from pathlib import Path
        from cvlib.data import decode
        from cvlib.data.load import load
        from cvlib.data.spec import DatasetSpec
        real = decode.decode_all
        def counted(*args):
            print("decoding", flush=True)
            yield from real(*args)
        decode.decode_all = counted
        print(load(DatasetSpec(name={SPEC.name!r}, image_size=8), Path({str(root)!r})).fingerprint)
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    lines = [line for p in both for line in p.communicate()[0].split()]
    assert lines.count("decoding") == 1
    assert len(lines) == 3 and len(cached(root)) == 1


def test_nothing_readable_is_an_error(root: Path, make_folder: Make) -> None:
    base = make_folder({"a": 10, "b": 10})
    for path in base.rglob("*.png"):
        path.write_bytes(b"broken")
    with pytest.raises(DataError, match="none of the 20 images can be read"):
        load(SPEC, root)
