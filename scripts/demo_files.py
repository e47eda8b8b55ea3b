"""The landing folder of the demo: a real data set, one small file per format, one broken file.

Owns the files. The single-cell data set is real: 700 blood cells that the package scanpy ships.
The other files are built here from the studies in `demo_studies`: real gene symbols of HGNC,
hand-written metadata, simulated values, the same on every machine.
Add a format's example as one writer and one row of `_FILES`. Keep out: ingesting them.
"""

from __future__ import annotations

import csv
import gzip
import json
import shutil
from collections.abc import Callable, Sequence
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
from demo_studies import BREAST, GLIOMA, ISLETS, LEUKEMIA, LIVER, LUNG, SYNOVIUM, Study

GENES = 1200
GENE = "BRD4"
PBMC_TEXT = {
    "title": "Peripheral blood mononuclear cells, 700 of the 68,579 cells of 10x Genomics",
    "summary": "Blood cells of a healthy donor (Homo sapiens); 765 genes, normalised and scaled.",
    "publication": "doi:10.1038/ncomms14049",
    "year": 2017,
}
PBMC = "10x_pbmc68k_reduced.h5ad"
MARKERS = (
    "ACTB", "ALB", "BRD4", "CCL2", "CCND1", "CD19", "CD3E", "CDKN1A", "COL1A1", "CYP2E1",
    "EGFR", "ESR1", "FLT3", "GAPDH", "HEXIM1", "HOXA9", "IL6", "INS", "KRT18", "LYZ", "MPO",
    "MYC", "NKG7", "SLC2A2", "TNF", "TP53", "TXNIP", "VIM",
)  # fmt: skip


def build(folder: Path) -> None:
    """Write the example files into a new folder."""
    folder.mkdir(parents=True)
    genes = _genes()
    for study, write in _FILES:
        write(folder, study, genes)
    if pbmc := _pbmc():
        shutil.copy(pbmc, folder / "pbmc68k_reduced.h5ad")
        (folder / "pbmc68k_reduced.json").write_text(json.dumps(PBMC_TEXT, indent=2))


def _pbmc() -> Path | None:
    """The data set inside the installed package scanpy, which is not imported."""
    spec = find_spec("scanpy")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        if (path := Path(place) / "datasets" / PBMC).exists():
            return path
    return None


def _genes() -> pl.DataFrame:
    """The marker genes, then others evenly from HGNC: symbol, name, entrez_id, ensembl_id."""
    table = files("polly_resources").joinpath("ontologies/data/hgnc.parquet")
    with table.open("rb") as file:
        every = pl.read_parquet(file)
    known = every.filter(
        (pl.col("status") == "Approved") & pl.col("entrez_id").ne("") & pl.col("ensembl_id").ne("")
    ).sort("symbol")
    others = known.filter(~pl.col("symbol").is_in(MARKERS))
    step = others.height // (GENES - len(MARKERS))
    markers = known.filter(pl.col("symbol").is_in(MARKERS))
    return pl.concat([markers, others.gather_every(step)]).head(GENES)


def _log2(study: Study, symbols: Sequence[str]) -> npt.NDArray[np.float64]:
    """Simulated log2 expression, genes x samples."""
    random = np.random.default_rng(sum(study.name.encode()))
    samples = study.samples()
    base = np.clip(random.normal(7.0, 2.2, len(symbols)), 2.0, 15.0)
    values = base[:, None] + random.normal(0.0, 0.25, (len(symbols), len(samples)))
    place = {symbol: i for i, symbol in enumerate(symbols)}
    for column, (_, group, _) in enumerate(samples):
        for symbol, change in group.effects.items():
            values[place[symbol], column] += change
    return np.round(values, 4)


def _gct_13(folder: Path, study: Study, genes: pl.DataFrame) -> None:
    symbols = genes["symbol"].to_list()
    samples = study.samples()
    keys = list(samples[0][2])
    ids = [f"{study.name.upper()}_{i:02d}" for i in range(1, len(samples) + 1)]
    rows = [
        ["#1.3"],
        [len(symbols), len(ids), 2, len(keys) + 1],
        ["id", "pr_gene_symbol", "pr_gene_title", *ids],
        ["title", "na", "na", *(title for title, _, _ in samples)],
        *([key, "na", "na", *(texts[key] for _, _, texts in samples)] for key in keys),
        *(
            [ensembl, symbol, name, *values]
            for ensembl, symbol, name, values in zip(
                genes["ensembl_id"], symbols, genes["name"], _log2(study, symbols), strict=True
            )
        ),
    ]
    _write_rows(folder / f"{study.name}.gct", rows)
    about = {
        "dataset_id": study.name.upper(),
        "data_type": "Bulk transcriptomics",
        "title": study.title,
        "summary": study.summary,
        "year": 2024,
    }
    (folder / f"{study.name}.json").write_text(json.dumps(about, indent=2))


def _gct_12(folder: Path, study: Study, genes: pl.DataFrame) -> None:
    symbols = genes["symbol"].to_list()
    samples = study.samples()
    titles = [title.replace(" ", "_") for title, _, _ in samples]
    rows = [
        ["#1.2"],
        [len(symbols), len(titles)],
        ["NAME", "Description", *titles],
        *(
            [symbol, name, *values]
            for symbol, name, values in zip(
                symbols, genes["name"], _log2(study, symbols), strict=True
            )
        ),
    ]
    if study is LUNG:
        rows[40] = rows[40][:-1]
    _write_rows(folder / f"{study.name}.gct", rows)
    if study is LEUKEMIA:
        labels = [group.label.removeprefix("marrow_") for _, group, _ in samples]
        names = list(dict.fromkeys(labels))
        lines = [f"{len(labels)} {len(names)} 1", f"# {' '.join(names)}", " ".join(labels)]
        (folder / f"{study.name}.cls").write_text("\n".join(lines) + "\n")


def _csv_counts(folder: Path, study: Study, genes: pl.DataFrame) -> None:
    symbols = genes["symbol"].to_list()
    random = np.random.default_rng(7)
    counts = random.poisson(np.exp2(_log2(study, symbols)))
    samples = study.samples()
    ids = [f"L{i:02d}" for i in range(1, len(samples) + 1)]
    rows = [["gene", *ids], *([s, *row] for s, row in zip(symbols, counts, strict=True))]
    _write_rows(folder / f"{study.name}.csv", rows, ",")
    keys = list(samples[0][2])
    described = [
        [one, title, *(texts[key] for key in keys)]
        for one, (title, _, texts) in zip(ids, samples, strict=True)
    ]
    _write_rows(
        folder / f"{study.name}_metadata.csv", [["sample_id", "title", *keys], *described], ","
    )


def _tsv(folder: Path, study: Study, genes: pl.DataFrame) -> None:
    symbols = genes["symbol"].to_list()
    samples = {title.replace(" ", "_"): texts for title, _, texts in study.samples()}
    values = _log2(study, symbols)
    rows = [
        ["ensembl_id", "symbol", *samples],
        *([e, s, *v] for e, s, v in zip(genes["ensembl_id"], symbols, values, strict=True)),
    ]
    with gzip.open(folder / f"{study.name}.tsv.gz", "wt", newline="") as file:
        csv.writer(file, delimiter="\t", lineterminator="\n").writerows(rows)
    about = {"title": study.title, "summary": study.summary, "samples": samples}
    (folder / f"{study.name}.json").write_text(json.dumps(about, indent=2))


def _soft_family(folder: Path, study: Study, genes: pl.DataFrame) -> None:
    """A family of two platforms: the second array measures half of the genes."""
    symbols = genes["symbol"].to_list()
    values = _log2(study, symbols)
    lines = [
        f"^SERIES = {study.name}",
        f"!Series_title = {study.title}",
        f"!Series_geo_accession = {study.name}",
        f"!Series_summary = {study.summary}",
        "!Series_type = Expression profiling by array",
        "!Series_status = Public on Mar 01 2024",
    ]
    for platform, count in (("GPL900001", len(symbols)), ("GPL900002", len(symbols) // 2)):
        lines += [
            f"^PLATFORM = {platform}",
            f"!Platform_title = Example array of {count} genes",
            "!Platform_organism = Homo sapiens",
            "#ID = probe",
            "#Gene Symbol = HGNC symbol",
            "!platform_table_begin",
            "ID\tGene Symbol",
            *(f"P{i:05d}_at\t{symbol}" for i, symbol in enumerate(symbols[:count])),
            "!platform_table_end",
        ]
        for column, (title, _, texts) in enumerate(study.samples()):
            lines += [
                f"^SAMPLE = GSM{platform[-1]}00000{column:02d}",
                f"!Sample_title = {title}",
                f"!Sample_source_name_ch1 = {study.source}",
                "!Sample_organism_ch1 = Homo sapiens",
                *(f"!Sample_characteristics_ch1 = {key}: {text}" for key, text in texts.items()),
                "!Sample_molecule_ch1 = total RNA",
                f"!Sample_platform_id = {platform}",
                f"!Sample_data_row_count = {count}",
                "#ID_REF = probe",
                "#VALUE = log2 intensity",
                "!sample_table_begin",
                "ID_REF\tVALUE",
                *(f"P{i:05d}_at\t{values[i, column]}" for i in range(count)),
                "!sample_table_end",
            ]
    with gzip.open(folder / f"{study.name}_family.soft.gz", "wt") as file:
        file.write("\n".join(lines) + "\n")


def _series_matrix(folder: Path, study: Study, genes: pl.DataFrame) -> None:
    symbols = genes["symbol"].to_list()
    samples = study.samples()
    ids = [f"GSM90001{i:02d}" for i in range(len(samples))]
    keys = list(dict.fromkeys(key for _, _, texts in samples for key in texts))
    rows = [
        ["!Series_title", study.title],
        ["!Series_geo_accession", study.name],
        ["!Series_summary", study.summary],
        ["!Series_type", "Expression profiling by array"],
        ["!Series_platform_id", "GPL900003"],
        [],
        ["!Sample_title", *(title for title, _, _ in samples)],
        ["!Sample_geo_accession", *ids],
        ["!Sample_source_name_ch1", *[study.source] * len(ids)],
        ["!Sample_organism_ch1", *["Homo sapiens"] * len(ids)],
    ]
    for key in keys:
        given = (f"{key}: {texts[key]}" if key in texts else "" for _, _, texts in samples)
        rows.append(["!Sample_characteristics_ch1", *given])
    rows += [
        ["!Sample_platform_id", *["GPL900003"] * len(ids)],
        ["!series_matrix_table_begin"],
        ["ID_REF", *ids],
        *([symbol, *row] for symbol, row in zip(symbols, _log2(study, symbols), strict=True)),
        ["!series_matrix_table_end"],
    ]
    text = "\n".join("\t".join(_quoted(cell) for cell in row) for row in rows) + "\n"
    with gzip.open(folder / f"{study.name}_series_matrix.txt.gz", "wt") as file:
        file.write(text)


def _quoted(cell: object) -> str:
    return f'"{cell}"' if isinstance(cell, str) and not cell.startswith("!") else str(cell)


def _write_rows(path: Path, rows: Sequence[Sequence[object]], separator: str = "\t") -> None:
    with path.open("w", newline="") as file:
        csv.writer(file, delimiter=separator, lineterminator="\n").writerows(rows)


_FILES: tuple[tuple[Study, Callable[[Path, Study, pl.DataFrame], None]], ...] = (
    (BREAST, _gct_13),
    (LEUKEMIA, _gct_12),
    (LIVER, _csv_counts),
    (GLIOMA, _tsv),
    (ISLETS, _soft_family),
    (SYNOVIUM, _series_matrix),
    (LUNG, _gct_12),
)
