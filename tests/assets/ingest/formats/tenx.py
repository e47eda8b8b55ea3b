"""What tests of 10x formats share: triples and HDF5 files built on the spot."""

from __future__ import annotations

import gzip
from itertools import pairwise
from pathlib import Path

import h5py
import numpy as np
import scipy.sparse as sp

from polly_assets.ingest.formats.base import Matrix

BANNER = "%%MatrixMarket matrix coordinate integer general\n"
GENES = (("ENSG00000141510", "TP53"), ("ENSG00000012048", "BRCA1"), ("ENSG00000139618", "BRCA2"))


def whole(matrix: Matrix, features: int = 2) -> sp.csr_matrix | np.ndarray:
    """The matrix put together from its blocks."""
    blocks = list(matrix.blocks(features))
    if not matrix.sparse:
        return np.concatenate([np.asarray(block) for block in blocks])
    width = matrix.shape[1]
    rows = []
    for block in blocks:
        assert (block.indptr.dtype, block.indices.dtype) == (np.int64, np.int32)
        assert str(block.values.dtype) == matrix.dtype
        ends = block.indptr
        for start, stop in pairwise(ends):
            assert (np.diff(block.indices[start:stop]) > 0).all()
        shape = (len(ends) - 1, width)
        rows.append(sp.csr_matrix((block.values, block.indices, block.indptr), shape))
    found = sp.vstack(rows).tocsr() if rows else sp.csr_matrix((0, width), dtype=matrix.dtype)
    assert found.shape == matrix.shape
    return found


def barcodes(count: int) -> list[str]:
    return [f"AAAC{i:06d}-1" for i in range(count)]


def features(count: int) -> list[tuple[str, str]]:
    return [(f"ENSG{i:011d}", f"GENE{i}") for i in range(count)]


def triple(
    folder: Path,
    matrix: str | bytes,
    cells: list[str] | str,
    genes: list[tuple[str, ...]] | str,
    names: dict[str, str] | None = None,
) -> dict[str, Path]:
    """A triple on disk; `.gz` in a name packs the file. The paths by role."""
    texts = {
        "matrix": matrix,
        "barcodes": cells if isinstance(cells, str) else "".join(f"{c}\n" for c in cells),
        "features": genes
        if isinstance(genes, str)
        else "".join("\t".join(g) + "\n" for g in genes),
    }
    plain = {"matrix": "matrix.mtx", "barcodes": "barcodes.tsv", "features": "features.tsv"}
    paths = {}
    folder.mkdir(parents=True, exist_ok=True)
    for role, text in texts.items():
        path = folder / (names or {}).get(role, plain[role])
        data = text if isinstance(text, bytes) else text.encode()
        path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
        paths[role] = path
    return paths


def market(x: sp.spmatrix | np.ndarray, banner: str = BANNER) -> str:
    """A coordinate file, by column as Cell Ranger writes it."""
    coo = sp.coo_matrix(sp.csc_matrix(x))
    lines = [f"{i + 1} {j + 1} {v}\n" for i, j, v in zip(coo.row, coo.col, coo.data, strict=True)]
    return f"{banner}{coo.shape[0]} {coo.shape[1]} {coo.nnz}\n" + "".join(lines)


def counts(shape: tuple[int, int], seed: int = 0) -> sp.csc_matrix:
    rng = np.random.default_rng(seed)
    return sp.csc_matrix(rng.poisson(0.4, shape) * rng.integers(1, 50, shape))


def store(group: h5py.Group, x: sp.spmatrix, kind: str = "int32") -> None:
    """Barcodes and the sparse parts of features x cells, as all versions have them."""
    csc = sp.csc_matrix(x)
    group["barcodes"] = np.array(barcodes(csc.shape[1]), "S18")
    group["data"] = csc.data.astype(kind)
    group["indices"] = csc.indices.astype("int64")
    group["indptr"] = csc.indptr.astype("int64")
    group["shape"] = np.array(csc.shape, "int32")


def version_3(path: Path, x: sp.spmatrix, kind: str = "int32", **columns: list[str]) -> Path:
    rows = features(x.shape[0])
    own = {
        "id": [r[0] for r in rows],
        "name": [r[1] for r in rows],
        "feature_type": ["Gene Expression"] * len(rows),
        "genome": ["GRCh38"] * len(rows),
    }
    with h5py.File(path, "w") as file:
        file.attrs["chemistry_description"] = "Single Cell 3' v3"
        file.attrs["library_ids"] = np.array([b"lib1", b"lib2"])
        store(file.create_group("matrix"), x, kind)
        group = file["matrix"].create_group("features")
        group["_all_tag_keys"] = np.array([b"genome"])
        for name, values in (own | columns).items():
            group[name] = np.array(
                [v.encode() for v in values], f"S{max(map(len, values), default=1)}"
            )
    return path


def version_2(path: Path, **genomes: sp.spmatrix) -> Path:
    with h5py.File(path, "w") as file:
        for genome, x in genomes.items():
            group = file.create_group(genome)
            store(group, x)
            rows = features(x.shape[0])
            group["genes"] = np.array([r[0].encode() for r in rows], "S16")
            group["gene_names"] = np.array([r[1].encode() for r in rows], "S16")
    return path
