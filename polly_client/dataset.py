"""One dataset in a user's hands.

Owns the reading of its metadata, samples, features and matrix.
Keep out: file formats; the door writes them.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polly_client.frames import missing, to_polars
from polly_client.quoting import select

if TYPE_CHECKING:
    import anndata
    import polars as pl

    from polly_api.base import Door


class Dataset:
    """A dataset of an atlas; made by `Polly.dataset`.

    Attributes:
        atlas: The atlas that holds it.
        dataset_id: Its id, unique in the atlas.
    """

    def __init__(self, door: Door, atlas: str, dataset_id: str) -> None:
        self._door = door
        self.atlas = atlas
        self.dataset_id = dataset_id

    @property
    def metadata(self) -> dict[str, Any]:
        """Its row of `datasets`; under `metadata`, the submitter's own fields."""
        row: dict[str, Any] = self._rows("datasets", "dataset_id").row(0, named=True)
        return row | {"metadata": json.loads(row["metadata"] or "{}")}

    def samples(self) -> pl.DataFrame:
        """Its samples in matrix order, with curated columns and original metadata."""
        return self._rows("samples", "src_dataset_id", "sample_index")

    def features(self) -> pl.DataFrame:
        """Its features in matrix order."""
        return self._rows("features", "src_dataset_id", "feature_index")

    def to_anndata(self) -> anndata.AnnData:
        """The whole dataset: samples x features, with all metadata.

        Raises:
            Misconfigured: The extra `anndata` is not installed.
        """
        try:
            import anndata
        except ImportError as error:
            missing("anndata", "polly-open[anndata]", error)
        with tempfile.TemporaryDirectory(prefix="polly-") as folder:
            path = self.download(Path(folder) / "dataset.h5ad", format="h5ad")
            return anndata.read_h5ad(path)

    def download(self, path: Path | str, *, format: str = "h5ad") -> Path:
        """Write the whole dataset to a file.

        Args:
            path: Where to; an existing file is replaced.
            format: `h5ad`, `gct`, `parquet` or `csv` (with tables of samples and features
                beside it).
        """
        return self._door.export(self.atlas, self.dataset_id, format, Path(path).expanduser())

    def _rows(self, table: str, key: str, order: str | None = None) -> pl.DataFrame:
        query = select("*", self.atlas, table, key, self.dataset_id)
        return to_polars(self._door.sql(f"{query} ORDER BY {order}" if order else query))

    def __repr__(self) -> str:
        return f"Dataset({self.atlas!r}, {self.dataset_id!r})"
