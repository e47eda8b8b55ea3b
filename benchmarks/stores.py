"""The same studies in our atlas, in a TileDB-SOMA experiment and as h5ad files.

Owns filling each store once per command, for benchmarks that read. The peer gets its best
case: all studies in one experiment, written at once. Keep out: timing.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from benchmarks import data
from benchmarks.common import Bench
from polly_client import Polly

ATLAS = "bench"
MEASUREMENT = "RNA"
AT_ONCE = 50
"""Studies held in memory while an experiment is written."""


@cache
def h5ad_files(bench: Bench) -> list[Path]:
    """Each study as an h5ad file."""
    folder = bench.folder / "h5ad"
    folder.mkdir()
    return [data.write_h5ad(folder, study) for study in data.studies(bench.datasets)]


@cache
def atlas(bench: Bench) -> Polly:
    """A platform that has ingested the h5ad files."""
    polly = Polly(home=bench.folder / "home")
    jobs = polly.ingest(h5ad_files(bench), atlas=ATLAS).wait()
    failed = [job for job in jobs if job.status != "succeeded"]
    if failed:
        raise RuntimeError(f"ingest failed: {failed[0].error}")
    return polly


@cache
def experiment(bench: Bench) -> str:
    """A SOMA experiment of all studies, its samples told apart by `dataset_id`."""
    import anndata

    uri = str(bench.folder / "soma")
    files = h5ad_files(bench)
    for start in range(0, len(files), AT_ONCE):
        parts = [labelled(path) for path in files[start : start + AT_ONCE]]
        append(uri, anndata.concat(parts, merge="same"))
    return uri


def labelled(path: Path) -> Any:
    """The file as AnnData whose samples name their study; zeros not stored, as SOMA wants it."""
    import anndata
    from scipy import sparse  # type: ignore[import-untyped, unused-ignore]

    found = anndata.read_h5ad(path)
    found.obs["dataset_id"] = path.stem
    found.X = sparse.csr_matrix(found.X)
    return found


def append(uri: str, samples: Any) -> None:
    """Write AnnData into the experiment, made where it does not exist."""
    from tiledbsoma import io  # type: ignore[import-not-found, unused-ignore]

    names = {"obs_field_name": "sample_id", "var_field_name": "gene"}
    base = uri if Path(uri).exists() else None
    mapping = io.register_anndatas(base, [samples], measurement_name=MEASUREMENT, **names)
    if base:
        mapping.prepare_experiment(uri)
    io.from_anndata(
        uri,
        samples,
        measurement_name=MEASUREMENT,
        registration_mapping=mapping,
        obs_id_name="sample_id",
        var_id_name="gene",
    )
