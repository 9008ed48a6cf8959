"""`cvlib weights`: what pretrained weights the experiments need, and how to get and carry them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from cvlib.models.spec import BackboneSpec
    from cvlib.studies.project import Layout

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
    from cvlib.models.weights.inventory import inventory, inventory_text

    layout = _layout(profile)
    items = inventory(_specs(layout), _root(layout), layout.root)
    if as_json:
        typer.echo(json.dumps([item.as_json() for item in items], indent=1, ensure_ascii=False))
    else:
        typer.echo(inventory_text(items, layout.root))


@app.command()
def fetch(names: Names = None, profile: ProfileOption = None) -> None:
    """Get weights into the hub's cache. Exits with 1 if some cannot be had; the others are.

    Example: cvlib weights fetch resnet18 vit_small_patch14_dinov2.lvd142m
    """
    from cvlib.models.weights.errors import ModelError, WeightsUnavailable
    from cvlib.models.weights.find import fetch as fetch_weights
    from cvlib.models.weights.inventory import FETCH, megabytes, missing_item, weights_name

    layout = _layout(profile)
    specs = [spec for spec in _specs(layout, names) if spec.weights is not None]
    done: set[str] = set()
    failed: set[str] = set()
    can_be_carried = False
    for spec in specs:
        try:
            name = weights_name(spec, _root(layout))
            if name in done | failed:
                continue
            found = fetch_weights(spec, _root(layout), layout.root)
        except ModelError as error:
            failed.add(spec.name)
            typer.echo(f"{spec.name}: {error}", err=True)
            continue
        except WeightsUnavailable as error:
            failed.add(name)
            assert error.missing is not None
            lost = missing_item(name, spec, error.missing)
            typer.echo(f"{name}: {lost.reason}", err=True)
            can_be_carried |= lost.is_fetchable
            continue
        done.add(name)
        size = megabytes(found.path.stat().st_size)
        typer.echo(f"{name}  {found.source}  {size}  sha256 {found.sha256[:12]}  {found.path}")
    if can_be_carried:
        typer.echo(FETCH, err=True)
    if not specs:
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
    from cvlib.models.weights.bundle import file_name
    from cvlib.models.weights.bundle import pack as write_bundle
    from cvlib.models.weights.files import WeightsFile
    from cvlib.models.weights.inventory import inventory, megabytes

    layout = _layout(profile)
    root = _root(layout)
    files: dict[str, WeightsFile] = {}
    left_out = []
    for item in inventory(_specs(layout, names), root, layout.root):
        if item.found is None:
            why = "not here" if item.is_fetchable else item.reason
            left_out.append(f"{item.name}: {why}")
        elif item.spec.weights != "pretrained" and item.found.path.parent != root:
            left_out.append(f"{item.name}: lies outside data/weights, carry it with the project")
        else:
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
    from cvlib.models.weights.bundle import unpack as read_bundle
    from cvlib.models.weights.inventory import megabytes

    layout = _layout(None)
    for entry in read_bundle(file, _root(layout), replace=replace):
        verb = "unpacked" if entry.is_new else "already here:"
        shown = f"data/weights/{entry.file}"
        typer.echo(f"{verb} {shown}  {megabytes(entry.size)}  sha256 {entry.sha256[:12]}")


def _layout(profile: str | None) -> Layout:
    from cvlib.studies.project import find_layout

    return find_layout(profile=profile)


def _root(layout: Layout) -> Path:
    return layout.data / "weights"


def _specs(layout: Layout, names: list[str] | None = None) -> list[BackboneSpec]:
    """Backbones of the given names; of all experiments if there are none."""
    from cvlib.models.spec import BackboneSpec

    if names:
        return [BackboneSpec(name=name) for name in names]
    from cvlib.studies.run import make_plans

    models = (run.spec.model for plan in make_plans(layout) for run in plan.runs)
    return [model for model in models if isinstance(model, BackboneSpec)]
