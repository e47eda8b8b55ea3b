"""`make demo`: ingest a folder into the atlas `demo` and ask the platform about it.

Owns the order of what is shown; everything goes through the public client, as a user's own
script would. Without `--data` the folder of `demo_files` is used, of which one file is broken on
purpose. The exit code is 0 when all else was done.
Keep out: anything that the client cannot do.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import demo_files
import polars as pl
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from polly_api.words import FINISHED, Job, JobStatus, PollyError
from polly_client import Polly
from polly_client.cli.progress import counter

ATLAS = "demo"
BROKEN = "lung_adenocarcinoma"
SHOWN = 8
CELL_CHARS = 56
STYLES = {"succeeded": "green", "errored": "red", "unchanged": "cyan"}

console = Console(width=max(120, min(Console().width, 160)), highlight=False)


def main() -> int:
    """Run the demo; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--home", type=Path, required=True, help="instance, made anew")
    parser.add_argument("--data", type=Path, help="folder to ingest instead of the example")
    options = parser.parse_args()
    began = time.monotonic()
    _clear(options.home)
    folder = options.data or options.home / "landing"
    if options.data is None:
        demo_files.build(folder)
    polly = Polly(home=options.home)
    try:
        jobs = ingest(polly, folder)
        done = [job for job in jobs if job.status is not JobStatus.ERRORED]
        if done:
            ask(polly, "" if options.data else "cancer")
    except PollyError as error:
        console.print(f"[red]{escape(str(error))}[/]")
        return 3
    closing(options.home, time.monotonic() - began)
    unexpected = {job.dataset_id for job in jobs} - {job.dataset_id for job in done} - {BROKEN}
    return 0 if done and (options.data or not unexpected) else 1


def _clear(home: Path) -> None:
    """Remove what an earlier demo left, and nothing else."""
    if home.exists() and any(home.iterdir()) and not (home / "dagster.yaml").exists():
        sys.exit(f"{home} is not an instance; the demo would have to remove it")
    shutil.rmtree(home, ignore_errors=True)


def ingest(polly: Polly, folder: Path) -> list[Job]:
    """Ingest the folder, with progress, and show what became of it."""
    heading(f"Ingest {folder}")
    submission = polly.ingest(folder, atlas=ATLAS)
    console.print("[dim]the first time, ontologies are compiled; that takes half a minute[/]")
    with counter(len(submission.jobs)) as say:
        ended: set[str] = set()

        def on_change(jobs: Sequence[Job]) -> None:
            for job in jobs:
                if job.status in FINISHED and job.job_id not in ended:
                    ended.add(job.job_id)
                    say(f"{job.status.value} {job.dataset_id}", 1)
                elif job.stage:
                    say(job.stage, 0)

        jobs = submission.wait(on_change)
    table = Table("status", "dataset", "format", "samples x features", "reason", box=None)
    for job in jobs:
        size = "" if job.samples is None else f"{job.samples:,} x {job.features:,}"
        reason = ""
        if job.error:
            place = f", {job.error.place}" if job.error.place else ""
            reason = f"{job.error.message} ({job.error.file}{place})"
        status = Text(job.status.value, STYLES.get(job.status.value, ""))
        table.add_row(status, Text(job.dataset_id), job.format or "", size, Text(reason, "red"))
    console.print(table)
    return jobs


def ask(polly: Polly, word: str) -> None:
    """Three SQL answers, a search (for the commonest disease without `word`), a gene, a value."""
    heading("SQL")
    diseases = sql(
        polly,
        "SELECT disease, COUNT(*) AS samples, COUNT(DISTINCT src_dataset_id) AS datasets\n"
        f"FROM {ATLAS}.samples CROSS JOIN UNNEST(curated_disease) AS t(disease)\n"
        f"GROUP BY disease ORDER BY samples DESC, disease LIMIT {SHOWN}",
    )
    sql(
        polly,
        "SELECT dataset_id, data_type, total_num_samples, curated_tissue, curated_drug\n"
        f"FROM {ATLAS}.datasets WHERE CONTAINS(curated_organism, 'Homo sapiens')\n"
        f"ORDER BY total_num_samples DESC, dataset_id LIMIT {SHOWN}",
    )
    gene, row, matrix = known_gene(polly)
    if matrix:
        sql(polly, f"SELECT * FROM data_matrices.{matrix} WHERE rid = '{row}'")
    search(polly, word or next(iter(diseases["disease"]), ""))
    if gene:
        across(polly, gene)
    provenance(polly)


def sql(polly: Polly, query: str) -> pl.DataFrame:
    """Show a statement and its answer."""
    console.print(Syntax(query, "sql", theme="ansi_light", background_color="default"))
    rows = polly.sql(query)
    show(rows)
    return rows


def known_gene(polly: Polly) -> tuple[str, str, str]:
    """The gene of most datasets (BRD4 where it is measured), its row and matrix in a small one."""
    genes = polly.sql(
        f"SELECT symbol, COUNT(DISTINCT src_dataset_id) AS datasets FROM {ATLAS}.features "
        "WHERE symbol IS NOT NULL GROUP BY symbol "
        f"ORDER BY symbol = '{demo_files.GENE}' DESC, datasets DESC, symbol LIMIT 1"
    )
    if genes.is_empty():
        return "", "", ""
    gene = str(genes["symbol"][0])
    found = polly.sql(
        f"SELECT f.feature_id, d.data_table_name FROM {ATLAS}.features f "
        f"JOIN {ATLAS}.datasets d ON f.src_dataset_id = d.dataset_id "
        f"WHERE f.symbol = '{gene}' AND d.data_matrix_available "
        "ORDER BY d.total_num_samples, d.dataset_id LIMIT 1"
    )
    return (gene, *found.row(0)) if found.height else (gene, "", "")


def search(polly: Polly, word: str) -> None:
    """Show hits and facets."""
    heading(f'Search "{word}"')
    found = polly.search(word, atlas=ATLAS, facets=("curated_disease", "file_type"), limit=SHOWN)
    console.print(f"{found.total} datasets; the words may be those of broader terms or synonyms")
    show(found.to_polars().select("dataset_id", "score", "title", "curated_disease"))
    for field, counts in found.facets.items():
        listed = ", ".join(f"{value} ({count})" for value, count in counts.items())
        console.print(f"[bold]{field}[/]: {escape(listed)}")


def across(polly: Polly, gene: str) -> None:
    """Show one gene in every dataset."""
    heading(f"{gene} in every dataset")
    values = polly.gene(gene, atlas=ATLAS)
    by_dataset = values.group_by("dataset_id").agg(
        pl.len().alias("values"),
        pl.col("value").min().alias("min"),
        pl.col("value").mean().alias("mean"),
        pl.col("value").max().alias("max"),
    )
    show(by_dataset.sort("dataset_id"))


def provenance(polly: Polly) -> None:
    """Show where one curated value comes from."""
    rows = polly.sql(
        f"SELECT * FROM {ATLAS}.annotations WHERE field = 'disease' AND curie IS NOT NULL "
        "ORDER BY LOWER(raw_text) = LOWER(label), dataset_id, sample_id LIMIT 1"
    )
    if rows.is_empty():
        return
    row = rows.row(0, named=True)
    heading("One curated value, and where it comes from")
    columns = (
        "dataset_id", "sample_id", "source_field", "raw_text", "span_begin", "span_end", "label",
        "curie", "ontology_version", "method", "model_version", "confidence", "status",
    )  # fmt: skip
    table = Table(box=None, show_header=False)
    for column in columns:
        table.add_row(Text(column, "bold"), Text(str(row[column])))
    console.print(table)


def show(rows: pl.DataFrame) -> None:
    """A small table; wide ones lose their last columns, and say so."""
    if rows.is_empty():
        console.print("[dim]no rows[/]\n")
        return
    kept = rows.columns[:SHOWN]
    table = Table(box=None, header_style="bold")
    for name in kept:
        justify = "right" if rows.schema[name].is_numeric() else "left"
        table.add_column(Text(name), justify=justify, no_wrap=True, overflow="ellipsis")
    for row in rows.select(kept).head(SHOWN).iter_rows():
        table.add_row(*(Text(_cell(value)) for value in row))
    console.print(table)
    more = rows.width - len(kept)
    console.print(f"[dim]and {more} more columns[/]\n" if more else "")


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= CELL_CHARS else f"{text[: CELL_CHARS - 1]}…"


def heading(text: str) -> None:
    """A rule with a title."""
    console.rule(f"[bold]{escape(text)}[/]", align="left")


def closing(home: Path, seconds: float) -> None:
    """How to go on."""
    lines = (
        f"make up INSTANCE={home}",
        "    serves the UI at http://127.0.0.1:3000 and the API at http://127.0.0.1:8765/docs",
        f'.venv/bin/polly --home {home} sql "SHOW TABLES IN {ATLAS}"',
        f'.venv/bin/polly --home {home} search "diabetes" --atlas {ATLAS} --facet curated_tissue',
        "docs/quickstart.md goes on from here",
    )
    console.print(Panel("\n".join(lines), title=f"done in {seconds:.0f} s; next", expand=False))


if __name__ == "__main__":
    sys.exit(main())
