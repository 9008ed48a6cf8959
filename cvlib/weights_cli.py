"""`cvlib weights`: what pretrained weights the experiments need, and how to get and carry them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from cvlib.project import Project
    from cvlib.weights_cli import WeightsItem

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


@app.command("list")
def list_weights(
    profile: ProfileOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Say of all weights that the experiments use whether they are here, and from where.

    Example: cvlib weights list
    """
    from cvlib.models.weights.inventory import inventory_text
    from cvlib.weights_cli import look_up

    layout = _layout(profile)
    items = look_up(_wanted(layout), _root(layout), layout.root)
    if as_json:
        typer.echo(json.dumps([item.as_json() for item in items], indent=1, ensure_ascii=False))
    else:
        typer.echo(inventory_text(items, layout.root))


@app.command()
def fetch(names: Names = None, profile: ProfileOption = None) -> None:
    """Get weights into the hub's cache. Exits with 1 if some cannot be had; the others are.

    Example: cvlib weights fetch resnet18 vit_small_patch14_dinov2.lvd142m
    """
    from cvlib.models.timm_names import ModelError
    from cvlib.models.weights import WeightsUnavailable
    from cvlib.models.weights.inventory import FETCH, megabytes, missing_item

    layout = _layout(profile)
    wanted = [one for one in _wanted(layout, names) if one.spec.weights is not None]
    done: set[str] = set()
    failed: set[str] = set()
    can_be_carried = False
    for one in wanted:
        try:
            name = one.name(_root(layout))
            if name in done | failed:
                continue
            found = one.fetch(_root(layout), layout.root)
        except ModelError as error:
            failed.add(one.written)
            typer.echo(f"{one.written}: {error}", err=True)
            continue
        except WeightsUnavailable as error:
            failed.add(name)
            assert error.missing is not None
            lost = missing_item(name, one, error.missing)
            typer.echo(f"{name}: {lost.reason}", err=True)
            can_be_carried |= lost.can_be_carried
            continue
        done.add(name)
        size = megabytes(found.path.stat().st_size)
        typer.echo(f"{name}  {found.source}  {size}  sha256 {found.sha256[:12]}  {found.path}")
    if can_be_carried:
        typer.echo(FETCH, err=True)
    if not wanted:
        typer.echo("no experiment asks for pretrained weights")
    raise typer.Exit(1 if failed else 0)


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
    from cvlib.models.weights import WeightsFile
    from cvlib.models.weights.bundle import file_name
    from cvlib.models.weights.inventory import megabytes
    from cvlib.weights_cli import look_up

    layout = _layout(profile)
    root = _root(layout)
    files: dict[str, WeightsFile] = {}
    left_out = []
    for item in look_up(_wanted(layout, names), root, layout.root):
        if why := _not_packed(item, root):
            left_out.append(f"{item.name}: {why}")
        elif item.found:
            files[file_name(item.name, item.found, root)] = item.found
    for line in left_out:
        typer.echo(f"left out: {line}", err=True)
    if not files or (names and left_out):
        typer.echo("cvlib: nothing was packed", err=True)
        raise typer.Exit(1)
    for entry in write_bundle(file, files):
        typer.echo(f"packed {entry.file}  {megabytes(entry.size)}  sha256 {entry.sha256[:12]}")
    typer.echo(f"{file}: {megabytes(file.stat().st_size)}; `cvlib weights unpack {file.name}`")


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
    from cvlib.models.weights.inventory import megabytes

    layout = _layout(None)
    for entry in read_bundle(file, _root(layout), replace=replace):
        verb = "unpacked" if entry.is_new else "already here:"
        shown = f"data/weights/{entry.file}"
        typer.echo(f"{verb} {shown}  {megabytes(entry.size)}  sha256 {entry.sha256[:12]}")


def _not_packed(item: WeightsItem, root: Path) -> str | None:
    """Why `pack` leaves weights out; None for those that it takes."""
    from cvlib.models.bundle import can_be_packed

    if item.found is None:
        return "not here" if item.can_be_carried else item.reason
    path = item.found.path
    if item.wanted.both_towers:
        return f"both towers are not packed, copy {path.parents[2]} into the hub's cache there"
    if item.wanted.spec.weights == "pretrained":
        return None
    if path.parent == root and can_be_packed(path.name):
        return None
    return (
        "only .safetensors and .pth directly in data/weights are packed (names of letters, digits "
        "and . _ -); carry it with the project"
    )


def _layout(profile: str | None) -> Project:
    from cvlib.project import find_project

    return find_project(profile=profile)


def _root(layout: Project) -> Path:
    return layout.data / "weights"


def _wanted(layout: Project, names: list[str] | None = None) -> list[WeightsItem]:
    """Weights of the given names; of all experiments if there are none."""
    from cvlib.weights_cli import WeightsItem

    if names:
        return [WeightsItem.named(name) for name in names]
    from cvlib.models.spec import BackboneSpec
    from cvlib.probing.spec import ZeroShotSpec

    specs = [run.spec for name in layout.experiment_ids() for run in layout.plan(name).runs]
    return [
        WeightsItem(spec.model, both_towers=isinstance(spec.train, ZeroShotSpec))
        for spec in specs
        if isinstance(spec.model, BackboneSpec)
    ]
