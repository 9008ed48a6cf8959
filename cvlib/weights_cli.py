"""`cvlib weights`: what pretrained weights the experiments need, and how to get and carry them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cvlib.project import Project, find_project

if TYPE_CHECKING:
    from cvlib.models.spec import BackboneSpec
    from cvlib.models.weights import WeightsFile

app = typer.Typer(
    help="Pretrained weights: what is here, fetch it, carry it to a machine without a network.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)

Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[NAME]...", help="timm's names; all that the experiments use, if none."
    ),
]
ProfileOption = Annotated[
    str | None, typer.Option(help="Size of the study: quick, default or full.")
]

NOTHING_WANTED = "no experiment asks for pretrained weights"
FETCH = (
    "Where the hub can be reached: `cvlib weights fetch`; then `cvlib weights pack FILE` there and "
    "`cvlib weights unpack FILE` here."
)
_HEADINGS = ("backbone", "weights", "size", "sha256", "file")
_FROM = {
    "file": "here, a file",
    "cache": "here, the hub's cache",
    "network": "here, fetched",
    "package": "here, a package",
}


@dataclass(frozen=True)
class WeightsItem:
    """The weights that `spec` names; with both_towers the whole CLIP that zero-shot needs.

    name: timm's full name; of a file, the model's name and the PATH. found: None if it is not here;
    then reason says why. can_be_carried: not here, but where `fetch` gets it, `pack` takes it.
    """

    name: str
    spec: BackboneSpec
    both_towers: bool
    found: WeightsFile | None = None
    reason: str | None = None
    can_be_carried: bool = False


def look_up(project: Project, names: list[str] | None, fetch: bool = False) -> list[WeightsItem]:
    """Look up, once each, the weights of these names; of all experiments if there are none."""
    from cvlib.models.spec import BackboneSpec
    from cvlib.models.timm_names import ModelError, timm_entry
    from cvlib.models.weights import BOTH_TOWERS, CACHE, WeightsFile, find
    from cvlib.probing.spec import ZeroShotSpec

    if names:
        wanted = [
            (BackboneSpec(name=name.removesuffix(BOTH_TOWERS)), name.endswith(BOTH_TOWERS))
            for name in names
        ]
    else:
        runs = [run for name in project.experiment_ids() for run in project.plan(name).runs]
        wanted = [
            (run.spec.model, isinstance(run.spec.train, ZeroShotSpec))
            for run in runs
            if isinstance(run.spec.model, BackboneSpec) and run.spec.model.weights is not None
        ]
    items: dict[str, WeightsItem] = {}
    for spec, both_towers in wanted:
        towers = BOTH_TOWERS if both_towers else ""
        name = f"{spec.name} from {spec.weights}"
        try:
            if spec.weights == "pretrained":
                name = f"{timm_entry(spec.name, project.root / CACHE).name}{towers}"
            if name in items:
                continue
            found = find(spec, project.root, both_towers=both_towers, fetch=fetch)
        except ModelError as error:
            name = f"{spec.name}{towers}"
            items[name] = WeightsItem(name, spec, both_towers, reason=str(error))
            continue
        if isinstance(found, WeightsFile):
            items[name] = WeightsItem(name, spec, both_towers, found)
        else:
            carried = found.is_fetchable and not both_towers  # then FETCH says the rest
            reason = found.where if carried else f"{found.where}; {found.advice}"
            items[name] = WeightsItem(name, spec, both_towers, None, reason, carried)
    return list(items.values())


@app.command("list")
def list_weights(
    profile: ProfileOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Say of all weights that the experiments use whether they are here, and from where.

    Example: cvlib weights list
    """
    project = find_project(profile=profile)
    items = sorted(look_up(project, None), key=lambda item: item.name)
    if not as_json:
        typer.echo(_table(items, project.root))
        return
    rows: list[dict[str, Any]] = []
    for item in items:
        file = item.found and asdict(item.found) | {
            "path": str(item.found.path),
            "size": item.found.path.stat().st_size,
        }
        rows.append({"name": item.name, "here": bool(file), "file": file, "reason": item.reason})
    typer.echo(json.dumps(rows, indent=1, ensure_ascii=False))


@app.command()
def fetch(names: Names = None, profile: ProfileOption = None) -> None:
    """Get weights into the hub's cache. Exits with 1 if some cannot be had; the others are.

    Example: cvlib weights fetch resnet18 vit_small_patch14_dinov2.lvd142m
    """
    items = look_up(find_project(profile=profile), names, fetch=True)
    for item in items:
        if found := item.found:
            size = _megabytes(found.path.stat().st_size)
            typer.echo(
                f"{item.name}  {found.source}  {size}  sha256 {found.sha256[:12]}  {found.path}"
            )
        else:
            typer.echo(f"{item.name}: {item.reason}", err=True)
    if any(item.can_be_carried for item in items):
        typer.echo(FETCH, err=True)
    if not items:
        typer.echo(NOTHING_WANTED)
    raise typer.Exit(0 if all(item.found for item in items) else 1)


@app.command()
def pack(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Such as weights.tar.")],
    names: Names = None,
    profile: ProfileOption = None,
) -> None:
    """Write the weights that are here into one file with checksums, for `unpack` elsewhere.

    Example: cvlib weights pack weights.tar
    """
    from cvlib.models.bundle import pack as write_bundle

    project = find_project(profile=profile)
    root = project.data / "weights"
    files, left_out = {}, []
    for item in sorted(look_up(project, names), key=lambda item: item.name):
        if why := _not_packed(item, root):
            left_out.append(f"{item.name}: {why}")
        elif item.found:
            path = item.found.path
            suffix = ".safetensors" if path.suffix == ".safetensors" else ".pth"
            files[path.name if path.parent == root else f"{item.name}{suffix}"] = item.found
    for line in left_out:
        typer.echo(f"left out: {line}", err=True)
    if not files or (names and left_out):
        typer.echo("cvlib: nothing was packed", err=True)
        raise typer.Exit(1)
    for entry in write_bundle(file, files):
        typer.echo(f"packed {entry.file}  {_megabytes(entry.size)}  sha256 {entry.sha256[:12]}")
    size = _megabytes(file.stat().st_size)
    typer.echo(f"{file}: {size}; `cvlib weights unpack {file.name}`")


@app.command()
def unpack(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `cvlib weights pack` wrote.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace files that are there and differ.")
    ] = False,
) -> None:
    """Put the weights of a packed file under data/weights/: all, checked by checksum, or none.

    Example: cvlib weights unpack weights.tar
    """
    from cvlib.models.bundle import unpack as read_bundle

    for entry in read_bundle(file, find_project().data / "weights", replace_files=replace):
        verb = "unpacked" if entry.is_new else "already here:"
        shown = f"data/weights/{entry.file}"
        typer.echo(f"{verb} {shown}  {_megabytes(entry.size)}  sha256 {entry.sha256[:12]}")


def _not_packed(item: WeightsItem, root: Path) -> str | None:
    """Why `pack` leaves weights out; None for those that it takes."""
    from cvlib.models.bundle import can_be_packed

    if item.found is None:
        return "not here" if item.can_be_carried else item.reason
    path = item.found.path
    if item.both_towers:
        return f"both towers are not packed, copy {path.parents[2]} into the hub's cache there"
    if item.spec.weights == "pretrained" or (path.parent == root and can_be_packed(path.name)):
        return None
    return (
        "only .safetensors and .pth directly in data/weights are packed (names of letters, digits "
        "and . _ -); carry it with the project"
    )


def _table(items: list[WeightsItem], project: Path) -> str:
    """An aligned table; below it, why the missing ones are missing."""
    if not items:
        return NOTHING_WANTED
    rows = [_HEADINGS]
    for item in items:
        if found := item.found:
            path = found.path
            shown = path.relative_to(project) if path.is_relative_to(project) else path
            size = _megabytes(path.stat().st_size)
            row = (item.name, _FROM[found.source], size, found.sha256[:12], str(shown))
        else:
            row = (item.name, "not here", "", "", "")
        rows.append(row)
    width = [max(map(len, column)) for column in zip(*rows, strict=True)]
    form = f"{{:{width[0]}}}  {{:{width[1]}}}  {{:>{width[2]}}}  {{:{width[3]}}}  {{}}"
    lines = [form.format(*row).rstrip() for row in rows]
    if missing := [item for item in items if item.reason]:
        lines += ["", *(f"{item.name}: {item.reason}" for item in missing)]
    if any(item.can_be_carried for item in items):
        lines += ["", FETCH]
    return "\n".join(lines)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
