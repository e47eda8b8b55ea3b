"""Reads the drug names that the package `drug_named_entity_recognition` carries.

Its dictionary maps variants to a canonical name and that to ids. Only entries with a
DrugBank id become terms: the MeSH ids of the dictionary are those of a drug's
pharmacological action (sorafenib has that of "Protein Kinase Inhibitors").
Keep out: other packages' layouts, and anything that imports the package.
"""

from __future__ import annotations

import bz2
import importlib.metadata
import pickle
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from polly_resources.errors import BadInput, NotFound
from polly_resources.ontologies.catalogue import OntologyRow, Release
from polly_resources.records import Term

_FILE = "drug_ner_dictionary.pkl.bz2"

CORRECTIONS = {
    "acetylcysteine": "DB06151",
    "amisulpride": "DB06288",
    "bentonite": "DB11306",
    "cyanamide": "DB02679",
    "ergocalciferol": "DB00153",
    "estradiol": "DB00783",
    "gallamine triethiodide": "DB00483",
    "hemin": "DB03404",
    "irinotecan": "DB00762",
    "lactic acid": "DB04398",
    "levetiracetam": "DB01202",
    "mirtazapine": "DB00370",
    "palovarotene": "DB12320",
    "propranolol": "DB00571",
    "rabeprazole": "DB01129",
    "sparteine": "DB06727",
    "succimer": "DB00566",
    "testosterone": "DB00624",
    "thymidine monophosphate": "DB01643",
    "verapamil": "DB00661",
}
"""Names to which release 2.0.9 gives the DrugBank id of a salt, ester or isomer."""


class _PlainUnpickler(pickle.Unpickler):
    """Loads dicts, lists and strings; refuses whatever would run code."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"a dictionary of names needs no {module}.{name}")


def release(package: Path, row: OntologyRow) -> Release:
    """The dictionary in the package's folder; its version is the package's.

    Raises NotFound where the package has none.
    """
    path = package / _FILE
    if not path.is_file():
        raise NotFound(
            "ontology_not_in_package",
            f"{package.name} holds no file {_FILE}, wanted for {row.name}",
            file=str(package),
            hint="install drug-named-entity-recognition 2",
        )
    return Release(importlib.metadata.version(package.name), lambda: _read(path))


def _read(path: Path) -> Iterator[Term]:
    try:
        with bz2.open(path) as stream:
            content = _PlainUnpickler(stream).load()
        yield from _terms(content["drug_canonical_to_data"], content["drug_variant_to_canonical"])
    except (pickle.UnpicklingError, OSError, EOFError, KeyError, TypeError) as error:
        raise BadInput(
            "damaged_ontology_file",
            f"expected a dictionary of drug names, found: {error}",
            file=str(path),
            hint="reinstall drug-named-entity-recognition",
        ) from error


def _terms(
    drugs: Mapping[str, Mapping[str, Any]], variants: Mapping[str, list[str]]
) -> Iterator[Term]:
    names: dict[str, list[str]] = defaultdict(list)
    for variant, canonicals in variants.items():
        for canonical in canonicals:
            names[canonical].append(variant)
    for canonical, drug in drugs.items():
        drugbank = CORRECTIONS.get(canonical) or drug.get("drugbank_id")
        if not drugbank:
            continue
        label = str(drug.get("name") or canonical).strip()
        synonyms = dict.fromkeys(names.get(canonical, ()))
        synonyms.pop(label.lower(), None)
        yield Term(f"DRUGBANK:{drugbank}", label, tuple(synonyms))
