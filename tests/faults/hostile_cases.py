"""The hostile cases, kind by kind: name, what is done in an empty folder, whether it is to be refused."""

from __future__ import annotations

import base64
import io
import os
import pickle
import socket
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from tests.faults.made import BOOK, EXPERIMENT, add_chapters, command, make_project

Case = tuple[str, Callable[[Path], Any], bool]
HEAD = "title: T\nquestion: Q?\ndataset: {name: digits, subset: 100, test_subset: 50}\n"
BASE = "base:\n  model: {depth: 1, width: 2}\n  train: {epochs: 1}\n"
TAIL = "variants:\n  a: {label: A}\nseeds: [0]\n"
WHOLE = HEAD + BASE + TAIL


# ── YAML ─────────────────────────────────────────────────────────────────────────────────────────


def _laughs(depth: int) -> str:
    lines = ["x0: &x0 [a, a, a, a, a, a, a, a, a, a]"]
    lines += [f"x{i}: &x{i} [{', '.join([f'*x{i - 1}'] * 10)}]" for i in range(1, depth)]
    return "\n".join(lines) + "\n"


def _in(place: str, value: str) -> str:
    return {
        "title": WHOLE.replace("title: T", f"title: {value}"),
        "label": WHOLE.replace("label: A", f"label: {value}"),
        "epochs": WHOLE.replace("epochs: 1", f"epochs: {value}"),
        "seeds": WHOLE.replace("[0]", f"[{value}]"),
        "width": WHOLE.replace("width: 2", f"width: {value}"),
        "set": WHOLE.replace("{label: A}", f"{{label: A, set: {value}}}"),
        "subset": WHOLE.replace("subset: 100", f"subset: {value}"),
    }[place]


# texts, and whether each is an error; None: it may be either
_TEXTS: dict[str, tuple[str | bytes, bool | None]] = {
    "laughs of 6": (_laughs(6) + WHOLE, True),
    "laughs of 9": (_laughs(9) + WHOLE, True),
    "laughs in a label": (_laughs(8) + WHOLE.replace("label: A", "label: *x7"), True),
    "mappings that explode": ("a0: &a0 {k: v}\n" + "".join(f"a{i}: &a{i} {{x: *a{i-1}, y: *a{i-1}}}\n" for i in range(1, 40)) + WHOLE, True),
    "merges that explode": ("m0: &m0 {k0: v}\n" + "".join(f"m{i}: &m{i} {{<<: [*m{i-1}, *m{i-1}], k{i}: v}}\n" for i in range(1, 40)) + WHOLE, True),
    "recursion": ("x: &x [*x]\n" + WHOLE, True),
    "recursion in a mapping": ("x: &x {y: *x}\n" + WHOLE, True),
    "recursion of the base": (WHOLE.replace("base:\n", "base: &b\n  again: *b\n"), True),
    "recursion by merge": ("x: &x {<<: *x}\n" + WHOLE, True),
    **{f"{n} nested lists": (f"x: {'[' * n}{']' * n}\n" + WHOLE, True) for n in (1000, 5000, 100_000)},
    **{f"{n} open lists": (f"x: {'[' * n}\n" + WHOLE, True) for n in (5000, 100_000)},
    **{f"{n} nested mappings": (f"x: {'{a: ' * n}1{'}' * n}\n" + WHOLE, True) for n in (5000, 50_000)},
    "nested blocks": ("".join("  " * i + "a:\n" for i in range(3000)) + WHOLE, True),
    "nested dashes": ("x:\n" + "- " * 5000 + "a\n" + WHOLE, True),
    "a grid of 10⁶": (HEAD + BASE + "variants:\n  a: {label: A}\ngrid:\n" + "".join(f"  train.{k}: [{', '.join(map(str, range(1, 101)))}]\n" for k in ("epochs", "batch_size")) + "  model.width: [" + ", ".join(map(str, range(1, 101))) + "]\nseeds: [0]\n", True),
    "a million seeds": (_in("seeds", ", ".join(map(str, range(1_000_000)))), True),
    "5000 variants": (HEAD + BASE + "variants:\n" + "".join(f"  v{i}: {{label: L{i}}}\n" for i in range(5000)) + "seeds: [0]\n", True),
    "label: =": (_in("label", "="), None), "title: =": (_in("title", "="), None),
    "label: <<": (_in("label", "<<"), None),
    "!foo": (_in("label", "!foo A"), True), "!foo mapping": (_in("set", "!foo {}"), True),
    "!!int abc": (_in("epochs", "!!int abc"), True), "!!float x": (_in("epochs", "!!float x"), True),
    "!!binary": (_in("label", "!!binary aGk="), True), "!!set": (_in("label", "!!set {a, b}"), True),
    "!!timestamp": (_in("label", "!!timestamp x"), True), "!!bool 7": (_in("label", "!!bool 7"), True),
    "!!null x": (_in("label", "!!null x"), None), "!!omap": (_in("set", "!!omap [a: 1]"), True),
    "!!python/object": (_in("label", "!!python/object/apply:os.system ['touch /tmp/cvlib-was-here']"), True),
    "!!python/name": (_in("label", "!!python/name:os.system"), True),
    "!!python/module": (_in("label", "!!python/module:antigravity"), True),
    "2024-02-30": (_in("label", "2024-02-30"), None), "title 2024-02-30": (_in("title", "2024-02-30"), None),
    "date as epochs": (_in("epochs", "2024-02-03"), True), "99:99:99": (_in("label", "2024-01-01 99:99:99"), None),
    "5000 digits": (_in("epochs", "9" * 5000), True), "5000 digits in seeds": (_in("seeds", "1" * 5000), True),
    "5000 digits in a label": (_in("label", "1" * 5000), None), "hex of 5000": (_in("epochs", "0x" + "f" * 5000), True),
    "1e400": (_in("epochs", "1e400"), True), ".inf": (_in("epochs", ".inf"), True), ".nan": (_in("epochs", ".nan"), True),
    "010": (_in("width", "010"), None), "1:30": (_in("epochs", "1:30"), True), "064": (_in("width", "064"), None),
    "0b11": (_in("epochs", "0b11"), True), "1_000": (_in("subset", "1_00"), True), "0o17": (_in("width", "0o17"), None),
    "epochs: yes": (_in("epochs", "yes"), True), "epochs: true": (_in("epochs", "true"), True),
    "epochs: null": (_in("epochs", "null"), None), "epochs: 1.5": (_in("epochs", "1.5"), True),
    "epochs: -1": (_in("epochs", "-1"), True), "epochs: [1]": (_in("epochs", "[1]"), True), "epochs: {}": (_in("epochs", "{}"), True),
    "epochs: '1'": (_in("epochs", "'1'"), None), "epochs: ''": (_in("epochs", "''"), True),
    **{f"seeds: {s}": (_in("seeds", s), True) for s in ("-1", "9223372036854775808", "1.5", "true", "a", "null", "[0]", "{}", "0, 0")},
    "seeds: 2^63 - 1": (_in("seeds", "9223372036854775807"), None),
    **{f"set: {s}": (_in("set", s), True) for s in ("{train: 3}", "3", "[1]", "{model: x}", "{train: null}", "{train.epochs.x: 1}", "{'': 1}", "{train.: 1}", "{.: 1}", "{1: 2}", "{[a]: 2}", "{train: [1]}", "{model: {kind: {}}}", "{train.optimizer: 3}", "{dataset: 1}")},
    **{f"label: {s}": (_in("label", s), True) for s in ("''", "' '", "[a]", "{a: b}", "null", r'"\e[2J"', r'"\0"', r'"\a"', r'"a\nb"', r'"\x7f"', r'"\u202e"', r'"\ud800"')},
    **{f"variant {s}": (WHOLE.replace("  a: {", f"  {s}: {{"), True) for s in (r'"\e[2J"', "''", "a/b", "../a", "a@0", "null", "1.5", "[a]", "{}", "? x", "'a b'", r'"a\nb"', "." )},
    "control characters": (WHOLE.replace("T", "T\x07\x1b[31m"), True), "NUL": (WHOLE + "\0", True), "DEL": (WHOLE.replace("Q", "\x7f"), True),
    "UTF-16": (WHOLE.encode("utf-16"), None), "UTF-16 without BOM": (WHOLE.encode("utf-16-le"), True), "UTF-32": (WHOLE.encode("utf-32"), True),
    "Latin-1": (WHOLE.replace("T", "é").encode("latin-1"), True), "BOM": (b"\xef\xbb\xbf" + WHOLE.encode(), None),
    "lone continuation": (WHOLE.encode() + b"\x80", True), "surrogates": (WHOLE.encode() + b"\xed\xa0\x80", True), "overlong": (WHOLE.encode() + b"\xc0\xaf", True),
    "empty": ("", True), "a comment": ("# nothing\n", True), "a list": ("- a\n", True), "a word": ("hello\n", True), "a number": ("3\n", True), "null": ("null\n", True),
    "two documents": (WHOLE + "---\n" + WHOLE, True), "tabs": (WHOLE.replace("  model", "\tmodel"), True), "an unclosed quote": (WHOLE + "x: 'a\n", True),
    "an unclosed bracket": (WHOLE + "x: [a\n", True), "duplicate keys": (WHOLE + "title: Again\n", True), "duplicate variants": (WHOLE.replace("seeds", "  a: {label: B}\nseeds"), True),
    "equal labels": (WHOLE.replace("seeds", "  b: {label: A, set: {model.width: 4}}\nseeds"), True), "an unknown key": (WHOLE + "titel: x\n", True),
    "an unknown alias": (WHOLE.replace("label: A", "label: *nowhere"), True), "a directive": ("%YAML 3.0\n---\n" + WHOLE, None), "an unknown directive": ("%FOO bar\n---\n" + WHOLE, None),
    "a complex key": ("? [a, b]\n: c\n" + WHOLE, True), "a mapping as key": ("? {a: b}\n: c\n" + WHOLE, True), "CRLF": (WHOLE.replace("\n", "\r\n"), None), "CR": (WHOLE.replace("\n", "\r"), None),
    "10 MB of text": (WHOLE + "# " + "x" * 10_000_000, None), "a label of a megabyte": (_in("label", "x" * 1_000_000), True), "100,000 keys": (WHOLE + "".join(f"k{i}: 1\n" for i in range(100_000)), True),
    "a dataset from nowhere": (WHOLE.replace("digits", "imagefolder:/nowhere"), None), "a dataset of escapes": (WHOLE.replace("name: digits", r'name: "\e[2Jx"'), True),
    "a dataset of dots": (WHOLE.replace("digits", "imagefolder:../../../../etc"), None), "subset: 0": (_in("subset", "0"), True), "subset: 1e3": (_in("subset", "1e3"), None),
    "width: 10⁹": (_in("width", "1000000000"), True), "no seeds": (WHOLE.replace("seeds: [0]\n", "seeds: []\n"), True), "no variants": (HEAD + BASE + "variants: {}\nseeds: [0]\n", None), "variants: 3": (HEAD + BASE + "variants: 3\nseeds: [0]\n", True),
}  # fmt: skip


def yamls() -> Iterator[Case]:
    """As an experiment, and the structural ones as hypotheses and `_quarto.yml`, too."""

    def attempt(text: str | bytes, file: str) -> Callable[[Path], None]:
        def act(root: Path) -> None:
            project = make_project(root, WHOLE)
            data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
            (root / file).write_bytes(data)
            command(project, "status")

        return act

    for name, (text, wrong) in _TEXTS.items():
        yield name, attempt(text, "experiments/exp01.yaml"), bool(wrong)
    for file in ("experiments/hypotheses.yaml", "_quarto.yml"):
        for name in ("laughs of 9", "recursion", "5000 nested lists", "100000 nested lists", "!!python/object",
                     "UTF-32", "Latin-1", "control characters", "NUL", "a list", "a word", "an unclosed bracket",
                     "duplicate keys", "two documents"):  # fmt: skip
            text, _ = _TEXTS[name]
            yield f"{file}: {name}", attempt(text, file), True

    def folder(root: Path) -> None:
        project = make_project(root, WHOLE)
        (root / "experiments/exp02.yaml").mkdir()
        command(project, "status")

    yield "a folder named exp02.yaml", folder, True


# ── pictures in folders ──────────────────────────────────────────────────────────────────────────


def picture(seed: int = 0, side: int = 8, mode: str = "RGB") -> Image.Image:
    """A picture of noise."""
    shape = (side, side) if mode == "L" else (side, side, 3)
    chance = np.random.default_rng(seed)
    return Image.fromarray(chance.integers(0, 256, shape, dtype=np.uint8), mode)


def _pictures(root: Path, classes: tuple[str, ...] = ("a", "b"), each: int = 6) -> Path:
    home = root / "data" / "own"
    for number, name in enumerate(classes):
        (home / name).mkdir(parents=True)
        for i in range(each):
            picture(100 * number + i).save(home / name / f"{i}.png")
    return home


def _bytes_of(form: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture(7).save(buffer, form, **options)
    return buffer.getvalue()


def _a_class(name: str, png: bytes) -> Callable[[Path], Any]:
    def make(home: Path) -> None:
        (home / name).mkdir()
        (home / name / "1.png").write_bytes(png)

    return make


def folders() -> Iterator[Case]:
    """`cvlib data imagefolder:data/own`, with one thing amiss."""

    def case(
        change: Callable[[Path], Any], classes: tuple[str, ...] = ("a", "b")
    ) -> Callable[[Path], None]:
        def act(root: Path) -> None:
            project = make_project(root)
            change(_pictures(root, classes))
            command(project, "data", "imagefolder:data/own")

        return act

    def write(name: str, data: bytes) -> Callable[[Path], Any]:
        return lambda home: (home / name).write_bytes(data)

    def link(name: str, target: str) -> Callable[[Path], Any]:
        return lambda home: (home / name).symlink_to(target)

    png = _bytes_of("PNG")
    yield "a FIFO", case(lambda home: os.mkfifo(home / "a" / "x.png")), False
    yield "a FIFO as class", case(lambda home: os.mkfifo(home / "c")), False
    yield (
        "a socket",
        case(lambda home: socket.socket(socket.AF_UNIX).bind(os.path.relpath(home / "a/s.png"))),
        False,
    )
    yield "a link to /dev/zero", case(link("a/x.png", "/dev/zero")), True
    yield "a link to /dev/random", case(link("b/x.jpg", "/dev/random")), True
    yield "a link to /etc/passwd", case(link("a/x.png", "/etc/passwd")), True
    yield "a class that is a link to /etc", case(link("c", "/etc")), True
    yield "a class that is a link to /proc", case(link("c", "/proc")), True
    yield "a link to itself", case(link("a/x.png", "x.png")), False
    yield "a class that links to the folder", case(link("c", ".")), False
    yield "a class that links to its parent", case(link("a/up", "..")), False
    yield "a broken link", case(link("a/x.png", "nowhere")), False
    yield "a folder named x.png", case(lambda home: (home / "a/x.png").mkdir()), False
    for raw in (b"\xff\xfe", b"caf\xe9"):
        yield f"a class {raw!r}", case(_a_class(os.fsdecode(raw), png)), True
    for name in ("a\nb", "\x1b[2J", "\x7f", "a\tb", "\u202eabc"):
        yield f"a class {name!r}", case(_a_class(name, png)), name.isascii() and name != "a\tb"
    for name in (" ", "$10_bill", "a" * 250, "猫", "a|b", "<b>", "{{<", "`", "-rf", "A"):
        yield f"a class {name[:20]!r}", case(_a_class(name, png)), False
    yield "a picture named with escapes", case(write("a/\x1b[2J.png", png)), False
    yield (
        "a picture that is not UTF-8",
        case(lambda home: Path(os.fsdecode(os.fsencode(home) + b"/a/\xff.png")).write_bytes(png)),
        False,
    )
    for name, data in {
        "an empty file": b"", "text": b"hello", "half a PNG": png[: len(png) // 2], "a PNG header": png[:33],
        "a JPEG named png": _bytes_of("JPEG"), "a cut JPEG": _bytes_of("JPEG")[:200], "a GIF": _bytes_of("GIF"), "a TIFF": _bytes_of("TIFF"),
        "HTML": b"<html><script>alert(1)</script>", "an ELF": b"\x7fELF" + bytes(100), "zeros": bytes(1000), "a pickle": pickle.dumps({"a": 1}),
        "a BMP that lies about its size": b"BM" + (2**31 - 1).to_bytes(4, "little") + bytes(4) + (54).to_bytes(4, "little") + (40).to_bytes(4, "little") + (60000).to_bytes(4, "little") * 2 + b"\1\0\x18\0" + bytes(24),
        "a PNG of 10⁵ × 10⁵": png[:16] + (100_000).to_bytes(4, "big") * 2 + png[24:],
        "a PNG with a wrong checksum": png[:40] + bytes([png[40] ^ 1]) + png[41:], "an EPS": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/tmp/cvlib-was-here) (w) file\n",
        "an SVG": b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
    }.items():  # fmt: skip
        yield name, case(write("a/x.png", data)), False

    def sixteen(bits: int) -> Callable[[Path], Any]:
        values = np.linspace(0, 2**bits - 1, 64).astype(np.uint16).reshape(8, 8)
        return lambda home: Image.fromarray(values).save(home / "a" / "deep.png")

    yield "12 bits in 16", case(sixteen(12)), False
    yield "16 bits", case(sixteen(16)), False
    yield "CMYK", case(lambda home: picture().convert("CMYK").save(home / "a/c.jpg")), False
    yield "one pixel", case(lambda home: picture(side=1).save(home / "a/one.png")), False
    yield "an empty class", case(lambda home: (home / "c").mkdir()), False
    yield "nothing at all", case(lambda home: [f.unlink() for f in home.rglob("*.png")]), True
    yield (
        "equal pictures in two classes",
        case(lambda home: (home / "b/copy.png").write_bytes((home / "a/0.png").read_bytes())),
        False,
    )
    yield (
        "Kaggle's test folder",
        case(
            lambda home: (
                home.rename(home.parent / "t"),
                home.mkdir(),
                (home.parent / "t").rename(home / "train"),
                (home / "test").mkdir(),
                picture().save(home / "test/0.png"),
            )
        ),
        False,
    )
    for argument in (
        "imagefolder:",
        "imagefolder:nowhere",
        "imagefolder:data/own/a/0.png",
        "imagefolder:/",
        "imagefolder:/dev",
        "imagefolder:\0",
        "imagefolder:" + "x" * 5000,
        "parquet:data/own",
        "nothing:x",
        "",
        ":",
        "imagefolder:~",
    ):

        def named(root: Path, argument: str = argument) -> None:
            project = make_project(root)
            _pictures(root)
            command(project, "data", argument)

        yield f"named {argument[:30]!r}", named, True


# ── parquet ──────────────────────────────────────────────────────────────────────────────────────


def parquets() -> Iterator[Case]:
    """`cvlib data parquet:data/p`, each with something amiss."""

    def rows(count: int = 8, **columns: Any) -> pa.Table:
        image = [{"bytes": _png(i), "path": f"{i}.png"} for i in range(count)]
        return pa.table({"image": image, "label": [i % 2 for i in range(count)], **columns})

    def case(write: Callable[[Path], Any]) -> Callable[[Path], None]:
        def act(root: Path) -> None:
            project = make_project(root)
            home = root / "data" / "p"
            home.mkdir()
            write(home)
            command(project, "data", "parquet:data/p")

        return act

    def put(
        home: Path, name: str, table: pa.Table, metadata: dict[bytes, bytes] | None = None
    ) -> None:
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table.replace_schema_metadata(metadata) if metadata else table, home / name)

    file = "train-00000-of-00001.parquet"
    yield (
        "two configurations",
        case(lambda home: [put(home, f"{name}/{file}", rows()) for name in ("plain", "noisy")]),
        True,
    )
    for name, values in {"lists of labels": [[0, 1]] * 8, "labels of null": [None] * 8, "labels of float": [0.5] * 8, "negative labels": [-1] * 8,
                         "labels of text": ["a", "b"] * 4, "labels of bytes": [b"\xff"] * 8, "labels of newline": ["a\nb", "c"] * 4, "labels of mapping": [{"a": 1}] * 8}.items():  # fmt: skip
        yield (
            name,
            case(
                lambda home, values=values: put(
                    home, file, pa.table({"image": rows()["image"], "label": values})
                )
            ),
            name not in ("labels of text", "labels of null", "labels of float", "negative labels"),
        )
    yield (
        "base64 text",
        case(
            lambda home: put(
                home,
                file,
                pa.table(
                    {
                        "image": [base64.b64encode(_png(i)).decode() for i in range(8)],
                        "label": [0, 1] * 4,
                    }
                ),
            )
        ),
        True,
    )
    yield (
        "paths alone",
        case(
            lambda home: put(
                home,
                file,
                pa.table(
                    {"image": [{"bytes": None, "path": "/etc/passwd"}] * 8, "label": [0, 1] * 4}
                ),
            )
        ),
        False,
    )
    yield (
        "broken bytes",
        case(
            lambda home: put(
                home,
                file,
                pa.table({"image": [{"bytes": b"x", "path": "a"}] * 8, "label": [0, 1] * 4}),
            )
        ),
        False,
    )
    for text in (b"{", b"[]", b"null", b'{"info": 3}', b'{"info": {"features": {"label": {"names": 3}}}}', b'{"info": {"features": {"label": {"names": ["a"]}}}}',
                 b'{"info": {"features": {"label": {"names": ["a", "a"]}}}}', b'{"info": {"features": {"label": {"names": [1, {}]}}}}', b"\xff"):  # fmt: skip
        yield (
            f"metadata {text!r}",
            case(lambda home, text=text: put(home, file, rows(), {b"huggingface": text})),
            False,
        )
    yield (
        "no rows",
        case(
            lambda home: put(
                home,
                file,
                rows(
                    0,
                ),
            )
        ),
        True,
    )
    yield "no image", case(lambda home: put(home, file, pa.table({"label": [0, 1]}))), True
    yield "no label", case(lambda home: put(home, file, pa.table({"image": rows()["image"]}))), True
    for name, data in {
        "text": b"hello",
        "empty": b"",
        "magic alone": b"PAR1PAR1",
        "a huge footer": b"PAR1" + b"\xff" * 4 + b"PAR1",
    }.items():
        yield name, case(lambda home, data=data: (home / file).write_bytes(data)), True

    def cut(home: Path) -> None:
        put(home, file, rows())
        (home / file).write_bytes((home / file).read_bytes()[:-100])

    yield "cut", case(cut), True
    yield "an empty folder", case(lambda home: None), True


def _png(seed: int) -> bytes:
    buffer = io.BytesIO()
    picture(seed).save(buffer, "PNG")
    return buffer.getvalue()


# ── weights, bundles, checkpoints ────────────────────────────────────────────────────────────────


class _Trap:
    def __reduce__(self) -> tuple[Any, ...]:
        return (os.system, ("touch /tmp/cvlib-was-here",))


def weights() -> Iterator[Case]:
    """Files of weights, bundles of them, and a checkpoint: damaged, forged, or with code in them."""

    def bundle(members: list[tuple[str, bytes, bytes]]) -> Callable[[Path], None]:
        def act(root: Path) -> None:
            project = make_project(root)
            with tarfile.open(root / "b.tar", "w") as tar:
                for name, content, kind in members:
                    info = tarfile.TarInfo(name)
                    info.type, info.size, info.linkname = (
                        kind,
                        len(content),
                        content.decode("latin-1") if kind != tarfile.REGTYPE else "",
                    )
                    info.size = len(content) if kind == tarfile.REGTYPE else 0
                    tar.addfile(info, io.BytesIO(content) if kind == tarfile.REGTYPE else None)
            command(project, "weights", "unpack", "b.tar")

        return act

    def raw(content: bytes) -> Callable[[Path], None]:
        def act(root: Path) -> None:
            project = make_project(root)
            (root / "b.tar").write_bytes(content)
            command(project, "weights", "unpack", "b.tar")

        return act

    regular, symbolic, hard = tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE
    manifest = b'{"format": 1, "files": [{"file": "%s", "size": 1, "sha256": "x"}]}'
    for name in (
        "../out",
        "/tmp/cvlib-was-here",
        "weights/../../x.safetensors",
        "weights/a/b.safetensors",
        "weights/.hidden",
        "weights/x.sh",
        "",
        ".",
        "weights/" + "a" * 300 + ".pth",
        "weights/a\nb.pth",
        "weights/\x1b[2J.pth",
    ):
        yield (
            f"a member {name[:30]!r}",
            bundle([("manifest.json", manifest % name.encode(), regular), (name, b"x", regular)]),
            True,
        )
        yield f"a member {name[:30]!r}, no manifest", bundle([(name, b"x", regular)]), True
    for kind, word in (
        (symbolic, "symbolic link"),
        (hard, "hard link"),
        (tarfile.FIFOTYPE, "FIFO"),
        (tarfile.CHRTYPE, "device"),
        (tarfile.DIRTYPE, "folder"),
    ):
        yield (
            f"a {word}",
            bundle(
                [
                    ("manifest.json", manifest % b"a.pth", regular),
                    ("weights/a.pth", b"/etc/passwd", kind),
                ]
            ),
            True,
        )
    for text in (b"", b"{", b"[]", b"null", b"{}", b'{"format": 1}', b'{"format": 99, "files": []}', b'{"format": 1, "files": 3}', b'{"format": 1, "files": [3]}', b'{"format": 1, "files": [{}]}',
                 b'{"format": 1, "files": [{"file": 3, "size": "x", "sha256": null}]}', b"[" * 100_000, b'{"a":' * 50_000, b"\xff\xfe", b"9" * 10_000, b"x" * (2 << 20)):  # fmt: skip
        yield f"manifest {text[:20]!r}", bundle([("manifest.json", text, regular)]), True
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("../../x", "x")
    for name, content in {
        "nothing": b"",
        "text": b"hello",
        "zeros": bytes(10_240),
        "a zip": buffer.getvalue(),
        "gzip": b"\x1f\x8b" + bytes(20),
        "noise": np.random.default_rng(0).bytes(5000),
    }.items():
        yield f"a bundle of {name}", raw(content), True

    def started(name: str, content: bytes) -> Callable[[Path], None]:
        text = EXPERIMENT.replace("weights: none", "weights: local")

        def act(root: Path) -> None:
            from cvlib.models.load import read_state_dict

            make_project(root, text)
            (root / name).write_bytes(content)
            read_state_dict(root / name)

        return act

    huge = (2**62).to_bytes(8, "little")
    head = b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'
    forged = {
        "nothing.safetensors": b"", "huge header.safetensors": huge + b"{}", "no JSON.safetensors": (2).to_bytes(8, "little") + b"xx",
        "cut.safetensors": len(head).to_bytes(8, "little") + head + bytes(4), "overlap.safetensors": len(head).to_bytes(8, "little") + head.replace(b"[0,8]", b"[4,2]") + bytes(8),
        "negative.safetensors": len(head).to_bytes(8, "little") + head.replace(b"[0,8]", b"[-8,0]") + bytes(8), "deep.safetensors": (100_000).to_bytes(8, "little") + b"[" * 100_000,
        "trap.pth": pickle.dumps(_Trap()), "trap-2.pth": pickle.dumps({"a": _Trap()}, protocol=2), "text.pth": b"hello", "nothing.pth": b"", "half.pth": pickle.dumps({"a": 1})[:-3], "zip.pth": buffer.getvalue(),
        "list.pth": pickle.dumps([1, 2]), "numbers.pth": pickle.dumps({"a": 3}), "deep.pth": b"(" * 100_000, "protocol.pth": b"\x80\xff.",
    }  # fmt: skip
    for name, content in forged.items():
        yield f"weights {name}", started(name, content), True


# ── chapters ─────────────────────────────────────────────────────────────────────────────────────


def chapters() -> Iterator[Case]:
    """A chapter that is rendered to HTML by the embedded engine."""

    def case(text: str | bytes, yml: str = BOOK) -> Callable[[Path], None]:
        def act(root: Path) -> None:
            project = make_project(root, WHOLE)
            add_chapters(project)
            (root / "_quarto.yml").write_text(yml)
            data = text if isinstance(text, bytes) else text.encode()
            (root / "report/exp01.qmd").write_bytes(data)
            command(project, "render", "report/exp01.qmd", "--engine", "embedded", "--to", "html")

        return act

    def cell(code: str) -> Callable[[Path], None]:
        return case(f"# A\n\n```{{python}}\nimport cvlib.journal\n{code}\n```\n")

    for name, code in {
        "exits": "import os; os._exit(3)", "raises": "1 / 0", "SystemExit": "raise SystemExit(3)", "kills itself": "import os; os.kill(os.getpid(), 9)", "closes its files": "import os; os.closerange(0, 200)",
        "closes stdout": "import sys; sys.stdout.close()", "recurses": "f = lambda: f()\nf()", "prints 100 MB": "print('x' * 100_000_000)", "prints 10⁶ lines": "for i in range(1_000_000): print(i)",
        "asks": "input('?')", "segfaults": "import ctypes; ctypes.string_at(0)", "replaces stdout": "import sys; sys.stdout = None; print(1)", "leaves the folder": "import os, tempfile; os.chdir(tempfile.mkdtemp()); os.rmdir(os.getcwd())",
        "KeyboardInterrupt": "raise KeyboardInterrupt", "prints escapes": "print('\\x1b[2J\\x07\\x00')", "prints surrogates": "print('\\ud800')", "displays bad data": "from IPython.display import publish_display_data\npublish_display_data({'image/png': 'x', 'text/html': 3})",
        "a syntax error": "def", "a child that stays": "import subprocess; subprocess.Popen(['sleep', '60'], start_new_session=True)", "a thread that stays": "import threading, time; threading.Thread(target=time.sleep, args=(60,)).start()",
        "execs": "import os; os.execv('/bin/true', ['true'])", "stops": "import os; os.kill(os.getpid(), 19)",
        "forks": "import os; os.fork(); print(1)", "prints to the file itself": "import os; os.write(1, b'x' * 2_000_000)", "exit()": "exit()", "a daemon": "import os\nif not os.fork():\n    os.setsid()\n    if not os.fork():\n        import time; time.sleep(60)\n    os._exit(0)",
        "a magic in the background": "%%bash --bg\nsleep 60", "a shell's child": "!nohup sleep 60 > /dev/null 2>&1 &", "another get_ipython": "get_ipython = __import__ = None", "a bad repr": "class A:\n    def __repr__(self): return repr(self)\nA()", "a repr of nothing": "class A:\n    __repr__ = None\nA()",
        "an error of escapes": "raise ValueError('\\x1b[2J\\x07' * 10_000)", "10⁵ outputs": "from IPython.display import display\nfor i in range(5_000): display(i)", "a large value": "'x' * 100_000_000", "a large picture": "from IPython.display import Image\nImage(data=b'\\x89PNG' + bytes(60_000_000), format='png')",
        "half a picture": "import base64\nfrom IPython.display import Image\nImage(data=base64.b64decode('iVBORw0KGgoAAAANSUhEUgAAAAEAAAA'), format='png')", "writes noise to a socket": "k = get_ipython().kernel\nk.iopub_socket.send(b'noise')", "an empty message": "k = get_ipython().kernel\nk.session.send(k.iopub_socket, 'stream', {}, parent=k.get_parent())",
        "a message of numbers": "k = get_ipython().kernel\nk.session.send(k.iopub_socket, 'display_data', {'data': 3, 'metadata': 4}, parent=k.get_parent())", "says that it is done": "k = get_ipython().kernel\nk.session.send(k.iopub_socket, 'status', {'execution_state': 'idle'}, parent=k.get_parent())\nprint(1)",
        "a message of a list": "k = get_ipython().kernel\nk.session.send(k.iopub_socket, 'stream', [1], parent=k.get_parent())", "bad metadata": "from IPython.display import publish_display_data\npublish_display_data({'text/plain': 'x'}, {'text/plain': 3})",
        "another reply": "get_ipython().user_expressions = lambda asked: {}", "no values": "get_ipython().user_expressions = None", "draws on the terminal": "import sys; print('\\x1b[2J\\x1b]0;x\\x07\\r50 %', file=sys.stderr)", "prints NUL": "print(chr(0))", "raises surrogates": "raise ValueError('\\ud800')", "replaces json": "import json; json.dumps = None", "a thread that prints": "import threading, time\nthreading.Thread(target=lambda: [print(i) or time.sleep(0.1) for i in range(100)]).start()",
        "unserialisable data": "from IPython.display import publish_display_data\npublish_display_data({'application/json': object()})", "deep data": "from IPython.display import publish_display_data\nx = []\nfor _ in range(100_000): x = [x]\npublish_display_data({'application/json': x, 'text/plain': 'x'})",
    }.items():  # fmt: skip
        yield (
            f"a cell {name}",
            cell(code + "\n```\n\nA value: `{python} 1 + 1`.\n\n```{python}\n2"),
            name
            in (
                "exits",
                "raises",
                "kills itself",
                "a syntax error",
                "recurses",
                "execs",
                "segfaults",
            ),
        )
    for name, text, wrong in (
        ("Latin-1", "# Ä\n".encode("latin-1"), True), ("UTF-16", "# A\n".encode("utf-16"), True), ("NUL", b"# A\n\0\n", True), ("empty", b"", False), ("an open cell", "# A\n\n```{python}\n1\n", None),
        ("an open div", "# A\n\n::: {.x}\n", None), ("100,000 quotes", "# A\n\n" + ">" * 20_000 + "\n", None), ("nested lists", "# A\n\n" + "".join("  " * i + "- a\n" for i in range(300)), None),
        ("100 quotes", "# A\n\n" + ">" * 80 + " a\n", False), ("60 lists", "# A\n\n" + "".join("  " * i + "- a\n" for i in range(50)), False), ("50 divs", "# A\n\n" + "::: {.callout-note}\n" * 50 + "a\n" + ":::\n" * 50, False), ("2,000 divs", "# A\n\n" + "::: {.x}\n" * 2000 + "a\n", True), ("open brackets", "# A\n\nb\n\n" + "[" * 40 + "\n", True),
        ("tags", "# A\n\n" + "<" * 20_000 + "\n", True), ("emphasis", "# A\n\n" + "*a **b " * 2000 + "\n", False), ("a line of 1 MB", "# A\n\n" + "word " * 200_000 + "\n", False), ("a word of 1 MB", "# A\n\n" + "x" * 1_000_000 + "\n", False), ("brackets in a caption", "# A\n\n::: {#tbl-a tbl-cap=\"" + "[" * 40 + "\"}\n| a |\n|--|\n| b |\n:::\n", True),
        ("brackets in the title", "---\ntitle: '" + "[" * 40 + "'\n---\n\nText.\n", True), ("an include with a long name", "# A\n\n{{< include " + "a" * 5000 + " >}}\n", True), ("a header of nothing", "---\n---\n\n# A\n", None), ("a title that is a list", "---\ntitle: [a, {b: c}]\n---\n\nText.\n", None), ("a title that is a mapping", "---\ntitle: {a: b}\n---\n\nText.\n", None),
        ("execute that is a list", "---\ntitle: A\nexecute: [1]\n---\n\nText.\n", True), ("jupyter that is a mapping", "---\ntitle: A\njupyter: {kernelspec: {name: x}}\n---\n\nText.\n", True), ("a callout of no kind", "# A\n\n::: {.callout-nothing}\na\n:::\n", True), ("an option in the fence", "# A\n\n```{python label=x}\n1\n```\n", True), ("equal cell labels", "# A\n\n" + "```{python}\n#| label: fig-a\n1\n```\n\n" * 2, True),
        ("columns that are text", "# A\n\n::: {layout-ncol=x}\na\n:::\n", None), ("10⁹ columns", "# A\n\n::: {layout-ncol=1000000000}\na\n:::\n", True), ("no columns", "# A\n\n::: {layout-ncol=0}\na\n:::\n", True), ("an expression that is open", "# A\n\n```{python}\n1\n```\n\n`{python} (`\n", True), ("escapes in a heading", b"# A \x1b[2J\n", True), ("a link to nowhere", "# A\n\n[x](nowhere.qmd#y)\n", True),
        ("front matter of a list", "---\n- a\n---\n# A\n", True), ("broken front matter", "---\na: [\n---\n# A\n", True), ("bad options", "# A\n\n```{python}\n#| label: [\n1\n```\n", True), ("an unknown option", "# A\n\n```{python}\n#| labell: x\n1\n```\n", None),
        ("an include of itself", "# A\n\n{{< include exp01.qmd >}}\n", True), ("an include of nothing", "# A\n\n{{< include nowhere.qmd >}}\n", True), ("an include of /etc/passwd", "# A\n\n{{< include /etc/passwd >}}\n", True), ("an include from outside", "# A\n\n{{< include ../../../../../../etc/passwd >}}\n", True),
        ("an unknown shortcode", "# A\n\n{{< nothing >}}\n", True), ("an unknown reference", "# A\n\nSee @fig-nowhere.\n", None), ("an unknown citation", "# A\n\nSee [@nobody2020].\n", None), ("duplicate labels", "# A {#sec-a}\n\n## B {#sec-a}\n", None),
        ("a picture from outside", "# A\n\n![x](../../../../../../etc/passwd)\n", None), ("a picture that is not there", "# A\n\n![x](nowhere.png)\n", True), ("raw Typst", "# A\n\n```{=typst}\n#panic()\n```\n", None), ("raw Typst that reads", '# A\n\n```{=typst}\n#read("/etc/passwd")\n```\n', None),
        ("an inline error", "# A\n\n```{python}\nimport cvlib.journal\n```\n\n`{python} 1 / 0`\n", True), ("an unknown engine", "# A\n\n```{r}\n1\n```\n", True), ("CRLF", b"# A\r\n\r\nText.\r\n", False), ("a BOM", b"\xef\xbb\xbf# A\n", None),
    ):  # fmt: skip
        yield name, case(text), bool(wrong)


# ── names ────────────────────────────────────────────────────────────────────────────────────────

NAMES = (
    "@fig-one", "@8", "$x$", "$10_bill", "{{< include x >}}", "{{<", "#import", "<b>bold</b>", "<script>alert(1)</script>", "a|b", "snake_case", "*stars*", "**b**", "`code`", "`{python} 1`", "[link](x)", "![p](x)", "^note^", "~sub~", "---", "...", "a -- b",
    "\\alpha", "\\", "\\n", "%", "&amp;", "&lt;", "a & b", "'quoted'", '"double"', "//comment", "/*c*/", "#let x = 1", "#panic()", "= heading", "# heading", "- item", "1. item", "+ plus", ":::", "::: {.x}", "{.class}", "{#id}", "@", "<label>", "~~", "$", "$$", "_", "__", "^", "http://x.y/z",
    "C:\\path", "100%", "x" * 80, "snake_" * 12, "Ünïcödé", "Ελληνικά", "Русский", "ﬁ", "½", "≤ 5", "→", "–", "“quotes”", "a\u00a0b", "e\u0301", "؟", "日本",
)  # fmt: skip


def names() -> Iterator[Case]:
    """As a variant's label and as a class: status, and a page that shows it."""

    def case(name: str) -> Callable[[Path], None]:
        def act(root: Path) -> None:
            import yaml

            label = yaml.safe_dump(name, allow_unicode=True, default_style='"', width=10**6).strip()
            project = make_project(root, WHOLE.replace("label: A", f"label: {label}"))
            command(project, "status")

        return act

    for name in NAMES:
        yield f"label {name[:30]!r}", case(name), False


# ── requests ─────────────────────────────────────────────────────────────────────────────────────


def requests() -> Iterator[Case]:
    """Raw bytes to the preview's server; then it must still answer, and show nothing from outside."""
    host = b"Host: 127.0.0.1:%d\r\n"
    get = b"GET %s HTTP/1.1\r\n"
    paths = [
        b"/../secret.txt", b"/%2e%2e/secret.txt", b"/..%2fsecret.txt", b"/%252e%252e/secret.txt", b"//secret.txt", b"/./../secret.txt", b"/report/../../secret.txt", b"/%00", b"/a%00.html", b"/%", b"/%zz", b"/%ff%fe", b"/" + b"a" * 3000, b"/" + b"a" * 60_000,
        b"/" + b"a/" * 5000, b"/..\\secret.txt", b"/link.txt", b"/linked/secret.txt", b"*", b"secret.txt", b"http://evil/", b"/?a=" + b"b" * 5000, b"/#x", b"/~root", b"/.quarto", b"/.git/config", b"/\xff", b"/ x", b"/index.html/", b"/index.html/..", b"/\t", b"/;x", b"/CON", b"/" + b"a" * 300, b"/circle/x", b"/_cvlib/events/../../secret.txt",
    ]  # fmt: skip
    hosts = [
        b"[::1",
        b"127.0.0.1:99999x",
        b"",
        b"evil",
        b"127.0.0.1.evil",
        b"[::1]",
        b"127.0.0.1:",
        b":80",
        b"localhost:abc",
        b"\xff",
        b"a" * 5000,
        b"127.0.0.1, evil",
        b"127.0.0.1:-1",
        b"127.0.0.1:" + b"9" * 5000,
        b"[",
        b"]",
        b"127.0.0.1@evil",
        b" ",
    ]
    texts = [
        b"\0\0\0\0", b"\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET / FTP/1.1\r\n\r\n", b"POST / HTTP/1.1\r\n" + host + b"Content-Length: 5\r\n\r\nhello", b"PUT /x HTTP/1.1\r\n" + host + b"Content-Length: 0\r\n\r\n", b"DELETE / HTTP/1.1\r\n" + host + b"\r\n",
        b"POST / HTTP/1.1\r\n" + host + b"Content-Length: -1\r\n\r\n", b"POST / HTTP/1.1\r\n" + host + b"Content-Length: 99999999999999999999\r\n\r\n", b"POST / HTTP/1.1\r\n" + host + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", b"GET / HTTP/1.1\r\n" + host + b"X: " + b"a" * 100_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + host + b"X: a\r\n" * 5000 + b"\r\n", b"GET / HTTP/1.1\r\n" + host + b"Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n", b"GET / HTTP/1.1\r\n" + host + b"Range: bytes=5-1\r\n\r\n", b"GET / HTTP/1.1\r\n" + host + b"Range: bytes=0-,0-,0-,0-\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + host + b"If-Modified-Since: x\r\n\r\n", b"GET / HTTP/1.1\r\n" + host + b"If-None-Match: \xff\r\n\r\n", b"HEAD / HTTP/1.1\r\n" + host + b"\r\n", b"OPTIONS * HTTP/1.1\r\n" + host + b"\r\n", b"TRACE / HTTP/1.1\r\n" + host + b"\r\n", b"GET / HTTP/1.0\r\n\r\n", b"\x16\x03\x01\x02\0", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET / HTTP/1.1\nHost: 127.0.0.1\n\n",
        b"GET / HTTP/1.1\r\n" + host + host + b"\r\n", b"GET / HTTP/1.1\r\n" + host + b" folded: x\r\n\r\n", b"GET / HTTP/1.1\r\n" + host + b"no colon\r\n\r\n", b"G" * 70_000,
    ]  # fmt: skip
    whole = [(get % path) + host + b"\r\n" for path in paths]
    whole += [(get % b"/index.html") + b"Host: " + name + b"\r\n\r\n" for name in hosts]
    for text in [*whole, *texts]:
        yield repr(text[:60]), lambda root, text=text: _asked(root, text), False


def _asked(root: Path, text: bytes) -> None:
    from cvlib.preview.server import LiveNews, PreviewServer

    pages = root / "pages"
    pages.mkdir()
    (pages / "index.html").write_text("<html><body>here</body></html>")
    (root / "secret.txt").write_text("SECRET")
    (pages / "link.txt").symlink_to(root / "secret.txt")
    (pages / "linked").symlink_to(root)
    (pages / "circle").symlink_to(pages / "circle")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with PreviewServer(pages, pages, port, LiveNews()):
        said = _exchange(port, text.replace(b"%d", str(port).encode()))
        is_whole = b"\n\r\n" in text or b"\n\n" in text
        assert said.startswith(b"HTTP/1.1 ") or not is_whole, said
        assert b"SECRET" not in said, said
        assert b"Traceback" not in said, said
        well = _exchange(port, b"GET /index.html HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % port)
        assert well.startswith(b"HTTP/1.1 200") and b"here" in well, well


def _exchange(port: int, text: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
        try:
            connection.sendall(text)
            return connection.recv(1 << 16)
        except OSError:  # not answered within a second, or closed
            return b""
