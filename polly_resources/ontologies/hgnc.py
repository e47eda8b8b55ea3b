"""Reads the human genes that ship with this package, as `data/hgnc.parquet`.

A gene's synonyms are, in this order: its name, previous symbols, alias symbols, Ensembl
gene id (`ENSG...`) and NCBI gene id (`NCBIGene:...`). `scripts/build_hgnc.py` makes the file.
Keep out: genes of other species, and looking genes up.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from polly_resources.errors import BadInput, NotFound
from polly_resources.ontologies.catalogue import OntologyRow, Release
from polly_resources.records import Term

_SUCCESSOR = re.compile(r"symbol withdrawn, see .*?(HGNC:\d+)")


def release(package: Path, row: OntologyRow) -> Release:
    """The file in the folder; its version is the day on which HGNC was read.

    Raises NotFound where there is none, BadInput where it is damaged.
    """
    path = package / "data" / f"{row.name.lower()}.parquet"
    if not path.is_file():
        raise NotFound(
            "ontology_not_in_package",
            f"expected {path.name} with the genes of {row.name}",
            file=str(path),
            hint="run scripts/build_hgnc.py",
        )
    try:
        metadata = pq.read_schema(path).metadata or {}
    except pa.ArrowException as error:
        raise _damaged(path, error) from error
    return Release(metadata.get(b"version", b"").decode(), lambda: _read(path))


def _read(path: Path) -> Iterator[Term]:
    try:
        yield from map(_term, pq.read_table(path).to_pylist())
    except (pa.ArrowException, KeyError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> BadInput:
    return BadInput(
        "damaged_ontology_file",
        f"expected a Parquet file of genes, found: {error}",
        file=str(path),
        hint="run scripts/build_hgnc.py",
    )


def _term(gene: Mapping[str, Any]) -> Term:
    withdrawn = _SUCCESSOR.match(gene["name"])
    names = [] if withdrawn else [gene["name"]]
    names += [*gene["previous"], *gene["aliases"]]
    if gene["ensembl_id"]:
        names.append(gene["ensembl_id"])
    if gene["entrez_id"]:
        names.append(f"NCBIGene:{gene['entrez_id']}")
    return Term(
        curie=gene["hgnc_id"],
        label=gene["symbol"],
        synonyms=tuple(name for name in dict.fromkeys(names) if name and name != gene["symbol"]),
        deprecated=gene["status"] != "Approved",
        replaced_by=withdrawn[1] if withdrawn else None,
    )
