"""The verb that reads free text: curate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from polly_client.cli.context import Json, client
from polly_client.cli.progress import counter
from polly_client.cli.render import emit, show


def curate(
    ctx: typer.Context,
    text: Annotated[str | None, typer.Option(help="A text to curate.")] = None,
    input: Annotated[
        Path | None, typer.Option(help="Records to curate, one JSON object a line.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File for the curated records.")
    ] = None,
    json: Json = False,
) -> None:
    """Turn free text into ontology terms.

    Each comes with its place in the text, method and confidence. Either --text, or --input
    with --output. A record is {id, study?, title?, source?, characteristics?, description?};
    records of one study are read together.
    """
    if (text is None) == (input is None):
        raise typer.BadParameter("give either --text or --input")
    if (input is None) != (output is None):
        raise typer.BadParameter("--input and --output go together")
    if text is not None:
        found = client(ctx).curate(text)
        emit(found) if json else _show(found)
        return
    assert input is not None and output is not None
    _curate_file(ctx, input, output)
    emit({"path": str(output)}) if json else typer.echo(output)


VERBS = (curate,)


def _curate_file(ctx: typer.Context, input: Path, output: Path) -> None:
    from polly_client.curation import RecordFile

    records = RecordFile(input)
    with counter(len(records)) as say:
        records.curate(client(ctx), output, lambda count: say("records", count))


def _show(found: dict[str, Any]) -> None:
    columns = ("label", "curie", "text", "source_field", "method", "confidence")
    rows = [
        (field, *(value.get(column) for column in columns))
        for field, values in found.items()
        if isinstance(values, list)
        for value in values
    ]
    control = found.get("is_control")
    if isinstance(control, dict):
        rows.append(("is_control", control["value"], *[""] * 4, control["confidence"]))
    show(("field", *columns), rows)
