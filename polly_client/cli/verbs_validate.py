"""The verb that looks at files before they are ingested.

Owns the forms of its report but HTML and JUnit (`validate_html`, `validate_junit`). Keep out: the
checks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from polly_client.cli.context import Json, client
from polly_client.cli.progress import counter
from polly_client.cli.render import cell, emit, note, show
from polly_client.cli.validate_html import totals, write_report
from polly_client.cli.validate_junit import write_junit

if TYPE_CHECKING:
    from polly_api.validation import FileFinding

FAILED = 1

SCHEMA_VERSION = 1
"""Of the JSON; counts up where a field changes its meaning or goes."""


def validate(
    ctx: typer.Context,
    paths: Annotated[list[Path], typer.Argument(help="Files, folders and bundles of data.")],
    *,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings fail, too.")] = False,
    html: Annotated[
        Path | None, typer.Option(help="Write a report for people to this file.")
    ] = None,
    junit: Annotated[
        Path | None, typer.Option(help="Write a report for build servers (JUnit XML) to this file.")
    ] = None,
    json: Json = False,
) -> None:
    """Check files and folders as ingest would, without loading anything.

    Reads the files on this machine, whatever --url says, and sends them nowhere. JSON is one
    finding a line. Exit code 1 where a dataset cannot be read (with --strict: or was read with
    a warning).
    """
    with ExitStack() as stack:
        say = None

        def on_file(name: str, total: int) -> None:
            nonlocal say
            say = say or stack.enter_context(counter(total))
            say(name, 1)

        findings = client(ctx).validate(paths, on_file=on_file)
    counts = Counter(str(finding.severity) for finding in findings)
    if html is not None:
        write_report(findings, html)
    if junit is not None:
        write_junit(findings, junit, strict=strict)
    if json:
        for finding in findings:
            emit({"schema_version": SCHEMA_VERSION, **asdict(finding)})
    else:
        _show(findings)
        note(totals(findings))
    if counts["error"] or (strict and counts["warning"]):
        raise typer.Exit(FAILED)


VERBS = (validate,)


def _show(findings: Sequence[FileFinding]) -> None:
    """Datasets that can be read as a table; what else was found beneath it, each whole."""
    show(
        ("dataset", "format", "samples x features", "file"),
        [
            (each.dataset_id, each.format, f"{each.samples} x {each.features}", each.file)
            for each in findings
            if each.severity == "ok"
        ],
    )
    for each in findings:
        if each.severity == "skipped":
            typer.echo(cell(f"skipped {each.file}: {each.message}"))
    for severity in ("warning", "error"):
        for each in findings:
            if each.severity != severity:
                continue
            what = each.dataset_id or each.file
            typer.echo(cell(f"{severity}[{each.code}] {what}: {each.message}"))
            where = ", ".join(part for part in (each.file, each.place) if part)
            for label, text in (("where", where), ("hint", each.hint)):
                if text:
                    typer.echo(cell(f"  {label}: {text}"))
