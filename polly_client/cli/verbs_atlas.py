"""Verbs on atlases: create, list, describe."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from polly_api.words import NotFound
from polly_client.cli.context import Json, client
from polly_client.cli.render import emit, show

app = typer.Typer(help="Create, list and describe atlases.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Name of the atlas; also its SQL schema.")]


@app.command()
def create(
    ctx: typer.Context,
    name: Name,
    description: Annotated[str, typer.Option(help="What the atlas holds.")] = "",
    shards: Annotated[
        int, typer.Option(min=1, max=256, help="Parts that can be written at once.")
    ] = 1,
    json: Json = False,
) -> None:
    """Create an atlas."""
    made = client(ctx).create_atlas(name, description=description, shards=shards)
    if json:
        emit(asdict(made))
    else:
        typer.echo(f"created {made.atlas}")


@app.command("list")
def list_(ctx: typer.Context, json: Json = False) -> None:
    """List all atlases with their sizes."""
    found = client(ctx).atlases()
    if json:
        for info in found:
            emit(asdict(info))
        return
    show(
        ("atlas", "datasets", "samples", "description"),
        [(info.atlas, info.datasets, info.samples, info.description) for info in found],
    )


@app.command()
def describe(ctx: typer.Context, name: Name, json: Json = False) -> None:
    """Show one atlas: its size and the rows of its tables."""
    found = {info.atlas: info for info in client(ctx).atlases()}
    if name not in found:
        raise NotFound(
            "unknown_atlas",
            f"there is no atlas {name!r}",
            hint=f"the atlases are: {', '.join(found) or 'none yet'}",
        )
    info = found[name]
    if json:
        emit(asdict(info))
        return
    facts = {key: value for key, value in asdict(info).items() if key != "tables"}
    show(("fact", "value"), list(facts.items()))
    show(("table", "rows"), list(info.tables.items()))
