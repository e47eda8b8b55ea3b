"""Verbs that read: sql, search, get."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from polly_client.cli.context import Atlas, Json, client
from polly_client.cli.render import emit, note, show, show_table, write_table


class TableFormat(StrEnum):
    """How rows are written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


class DatasetFormat(StrEnum):
    """How a whole dataset is written."""

    H5AD = "h5ad"
    GCT = "gct"
    PARQUET = "parquet"
    CSV = "csv"


def sql(
    ctx: typer.Context,
    query: Annotated[str, typer.Argument(help="A read-only statement; `-` reads stdin.")],
    format: Annotated[
        TableFormat | None,
        typer.Option(help="`table` cuts wide cells; the others are exact. [default: table]"),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write; needed for parquet.")
    ] = None,
    json: Json = False,
) -> None:
    """Answer an SQL statement.

    The dialect is Trino's, over metadata and matrices. `SHOW SCHEMAS` lists the atlases, `SHOW
    TABLES IN atlas` its tables. JSON is one object a line; with --output, --json describes the
    file written.
    """
    chosen = _table_format(format, output, json)
    text = typer.get_text_stream("stdin").read() if query == "-" else query
    table = client(ctx).sql(text, format="arrow")
    if chosen is TableFormat.TABLE:
        show_table(table)
        return
    write_table(table, chosen.value, output)
    if output is not None and json:
        emit({"path": str(output), "format": chosen.value, "rows": table.num_rows})
    elif output is not None:
        typer.echo(output)


def search(
    ctx: typer.Context,
    text: Annotated[str, typer.Argument(help='Words; "a phrase", and -word to exclude.')],
    *,
    atlas: Atlas,
    filter: Annotated[
        list[str] | None,
        typer.Option(help="field=value; repeat for more fields, or values of one field."),
    ] = None,
    facet: Annotated[
        list[str] | None, typer.Option(help="Count the values of this field; may be repeated.")
    ] = None,
    limit: Annotated[int, typer.Option(min=0, help="How many hits.")] = 20,
    offset: Annotated[int, typer.Option(min=0, help="How many hits to skip.")] = 0,
    json: Json = False,
) -> None:
    """Find datasets by words and filters."""
    found = client(ctx).search(
        text,
        atlas=atlas,
        filters=_filters(filter or []),
        facets=facet or (),
        limit=limit,
        offset=offset,
    )
    if json:
        hits = [asdict(hit) for hit in found]
        emit({"total": found.total, "hits": hits, "facets": dict(found.facets)})
        return
    fields = list(dict.fromkeys(field for hit in found for field in hit.stored))
    show(
        ("dataset", "score", *fields),
        [
            (hit.dataset_id, f"{hit.score:.3g}", *(hit.stored.get(field) for field in fields))
            for hit in found
        ],
    )
    for name, counts in found.facets.items():
        show((name, "datasets"), list(counts.items()))
    note(f"{len(found)} of {found.total} datasets")


def get(
    ctx: typer.Context,
    dataset: Annotated[str, typer.Argument(help="Id of the dataset.")],
    *,
    atlas: Annotated[
        str | None, typer.Option("--atlas", "-a", help="Its atlas; not needed for a unique id.")
    ] = None,
    format: Annotated[DatasetFormat, typer.Option(help="File format.")] = DatasetFormat.H5AD,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File to write. [default: DATASET.FORMAT]"),
    ] = None,
    json: Json = False,
) -> None:
    """Write a whole dataset to a file.

    Matrix, samples and features with their metadata. Prints the path written. CSV writes
    tables of samples and features beside the matrix.
    """
    found = client(ctx).dataset(dataset, atlas)
    path = found.download(output or Path(f"{dataset}.{format.value}"), format=format.value)
    if json:
        emit(
            {
                "dataset_id": dataset,
                "atlas": found.atlas,
                "format": format.value,
                "path": str(path),
                "bytes": path.stat().st_size,
            }
        )
    else:
        typer.echo(path)


VERBS = (sql, search, get)


def _table_format(format: TableFormat | None, output: Path | None, json: bool) -> TableFormat:
    suffixes = {".csv": "csv", ".json": "json", ".jsonl": "json", ".parquet": "parquet"}
    if output is None and json and format not in (None, TableFormat.JSON):
        raise typer.BadParameter(f"--json and --format {format} exclude each other without -o")
    if format is None and output is not None:
        if output.suffix not in suffixes:
            raise typer.BadParameter(f"--format is needed: {output.name} does not show it")
        return TableFormat(suffixes[output.suffix])
    chosen = format or (TableFormat.JSON if json else TableFormat.TABLE)
    if chosen is TableFormat.PARQUET and output is None:
        raise typer.BadParameter("--format parquet needs -o FILE")
    if chosen is TableFormat.TABLE and output is not None:
        raise typer.BadParameter("--format table is for the terminal; -o takes the others")
    return chosen


def _filters(given: list[str]) -> dict[str, list[str]]:
    filters: dict[str, list[str]] = {}
    for each in given:
        field, found, value = each.partition("=")
        if not found or not field:
            raise typer.BadParameter(f"--filter {each!r} is not field=value")
        filters.setdefault(field, []).append(value)
    return filters
