"""The molecular data that benchmarks run on: made, seeded, and of plausible shape.

Owns studies of log2(CPM + 1) values over real gene symbols, and their writing as GCT and h5ad.
Counts repeat within a sample, as real counts do. Keep out: timing.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import polars as pl

if TYPE_CHECKING:
    import anndata

GENES, SAMPLES = 20_000, 12
PROBE = "BRD4"
"""The gene that one-gene reads ask for; every study has it."""

_TISSUES = ("liver", "lung", "blood", "kidney", "brain", "heart", "colon", "skin", "breast")
_DISEASES = (
    "hepatocellular carcinoma",
    "lung adenocarcinoma",
    "acute myeloid leukemia",
    "chronic kidney disease",
    "glioblastoma",
    "normal",
    "Crohn disease",
    "psoriasis",
    "breast cancer",
    "type 2 diabetes mellitus",
)
_DRUGS = ("DMSO", "JQ1", "dexamethasone", "cisplatin", "imatinib", "untreated", "tamoxifen")


@dataclass(frozen=True, slots=True)
class Study:
    """One data set: values are genes x samples, float64 with 4 decimals."""

    dataset_id: str
    genes: list[str]
    samples: pl.DataFrame
    values: npt.NDArray[np.float64]


def symbols(count: int) -> list[str]:
    """Approved human gene symbols, `PROBE` among them."""
    table = files("polly_resources.ontologies") / "data" / "hgnc.parquet"
    frame = pl.read_parquet(io.BytesIO(table.read_bytes()))
    approved = frame.filter(pl.col("status") == "Approved")["symbol"].to_list()
    chosen = [symbol for symbol in approved if symbol != PROBE][: count - 1]
    return sorted([*chosen, PROBE])


def studies(
    count: int, *, genes: int = GENES, samples: int = SAMPLES, first: int = 0
) -> Iterator[Study]:
    """Studies `first`, `first + 1`, ...; each is the same however many are asked for."""
    names = symbols(genes)
    for number in range(first, first + count):
        rng = np.random.default_rng(number)
        depth = rng.lognormal(2.0, 2.0, genes)[:, None]
        counts = rng.poisson(depth * rng.gamma(4, 0.25, (genes, samples)))
        cpm = counts / counts.sum(axis=0) * 1e6
        values = np.log2(cpm + 1).round(4)
        yield Study(f"STUDY{number:05d}", names, _samples(number, samples, rng), values)


def _samples(number: int, count: int, rng: np.random.Generator) -> pl.DataFrame:
    disease = _DISEASES[number % len(_DISEASES)]
    return pl.DataFrame(
        {
            "sample_id": [f"S{number:05d}_{i:03d}" for i in range(count)],
            "tissue": [_TISSUES[number % len(_TISSUES)]] * count,
            "disease": [disease if i % 2 else "normal" for i in range(count)],
            "treatment": [_DRUGS[(number + i) % len(_DRUGS)] for i in range(count)],
            "age": rng.integers(18, 90, count),
        }
    )


def write_gct(folder: Path, study: Study) -> Path:
    """The study as GCT 1.3 text."""
    rows, columns = study.values.shape
    fields = study.samples.columns[1:]
    head = [["#1.3"], [str(n) for n in (rows, columns, 1, len(fields))]]
    head.append(["id", "symbol", *study.samples["sample_id"]])
    head += [[name, "na", *study.samples[name].cast(pl.String)] for name in fields]
    body = pl.DataFrame(study.values, schema=[f"c{i}" for i in range(columns)])
    ids = pl.DataFrame({"id": study.genes, "symbol": study.genes})
    path = folder / f"{study.dataset_id}.gct"
    with path.open("wb") as file:
        file.write("".join("\t".join(line) + "\n" for line in head).encode())
        ids.hstack(body).write_csv(file, separator="\t", include_header=False, float_precision=4)
    return path


def to_anndata(study: Study) -> anndata.AnnData:
    """The study as AnnData: samples x genes, float32."""
    import anndata
    import pandas as pd

    samples = study.samples.to_pandas().set_index("sample_id")
    genes = pd.DataFrame({"symbol": study.genes}, index=pd.Index(study.genes, name="gene"))
    return anndata.AnnData(
        np.ascontiguousarray(study.values.T, dtype=np.float32), obs=samples, var=genes
    )


def write_h5ad(folder: Path, study: Study) -> Path:
    """The study as h5ad, compressed as most shared files are."""
    path = folder / f"{study.dataset_id}.h5ad"
    to_anndata(study).write_h5ad(path, compression="gzip")
    return path
