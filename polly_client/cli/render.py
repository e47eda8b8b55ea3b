"""Results on stdout: JSON, tables, and whole Arrow tables as text or files.

Owns how things look. Tables cut wide cells and long results, and say so on stderr; JSON, CSV and
parquet are exact. Keep out: asking the platform.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import typer

from polly_api.words import Job
from polly_client.files import replacing
from polly_client.jobs import failed

if TYPE_CHECKING:
    import pyarrow as pa

CELL_CHARS = 60
TABLE_ROWS = 1000


def emit(value: Any) -> None:
    """One JSON document on one line of stdout."""
    typer.echo(json.dumps(value, ensure_ascii=False, default=str))


def note(text: str) -> None:
    """A remark for people, on stderr."""
    typer.echo(text, err=True)


def show(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A table for people; says on stderr how many cells were cut."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title in header:
        table.add_column(Text(_printable(title)), no_wrap=True)
    cut = 0
    for row in rows:
        texts = [cell(value) for value in row]
        cut += sum(len(text) > CELL_CHARS for text in texts)
        table.add_row(*(Text(_cut(text)) for text in texts))
    # A table wider than the terminal runs on: squeezed columns would hide more.
    width = Console(width=1_000_000).measure(table).maximum
    Console(width=max(Console().width, width)).print(table, soft_wrap=True)
    if cut:
        note(f"{cut} cells were cut to {CELL_CHARS} characters; --json shows them whole")


def cell(value: Any) -> str:
    """A value as one line of printable text; NULL for a missing one."""
    if value is None:
        return "NULL"
    if isinstance(value, list | dict):
        return _printable(json.dumps(value, ensure_ascii=False, default=str))
    return _printable(str(value))


def show_jobs(jobs: Sequence[Job]) -> None:
    """What became of datasets, with the reasons of failures and the warnings beneath."""
    show(
        ("status", "dataset", "format", "samples x features", "seconds"),
        [
            (
                job.status.value,
                job.dataset_id,
                job.format or "",
                f"{job.samples} x {job.features}" if job.samples is not None else "",
                f"{job.seconds:.2f}" if job.seconds is not None else "",
            )
            for job in jobs
        ],
    )
    for job in jobs:
        for notice in job.warnings:
            place = f" ({notice.place})" if notice.place else ""
            typer.echo(
                _printable(f"warning[{notice.code}] {job.dataset_id}: {notice.message}{place}")
            )
    for job in failed(jobs):
        if job.error is None:
            continue
        where = ", ".join(part for part in (job.error.file, job.error.place) if part)
        typer.echo(_printable(f"error[{job.error.code}] {job.dataset_id}: {job.error.message}"))
        for label, text in (("where", where), ("hint", job.error.hint), ("job", job.job_id)):
            if text:
                typer.echo(_printable(f"  {label}: {text}"))


def show_table(table: pa.Table) -> None:
    """The first rows of a result for people."""
    from polly_api.rows import json_rows, unique_columns

    named = unique_columns(table)
    show(named.column_names, (list(row.values()) for row in islice(json_rows(named), TABLE_ROWS)))
    note(f"{table.num_rows} rows")
    if table.num_rows > TABLE_ROWS:
        note(f"only the first {TABLE_ROWS} are shown; --format csv, json or parquet gives all")


def write_table(table: pa.Table, format: str, out: Path | None) -> None:
    """The whole result as csv, json (lines) or parquet, to a file or to stdout."""
    if out is None:
        _write(table, format, typer.get_binary_stream("stdout"))
        return
    with replacing(out) as fresh, fresh.open("wb") as file:
        _write(table, format, file)


def _write(table: pa.Table, format: str, file: BinaryIO) -> None:
    from polly_api.rows import csv_chunks, json_lines, unique_columns

    if format == "parquet":
        import pyarrow.parquet as pq

        pq.write_table(unique_columns(table), file)
    elif format == "csv":
        file.writelines(csv_chunks(table))
    else:
        file.writelines(line.encode() + b"\n" for line in json_lines(table))
    file.flush()


def _cut(text: str) -> str:
    return text if len(text) <= CELL_CHARS else text[: CELL_CHARS - 1] + "…"


def _printable(text: str) -> str:
    """Text that cannot move the cursor: control characters are shown as escapes."""
    return (
        text
        if text.isprintable()
        else "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
    )
