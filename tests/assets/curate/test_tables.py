"""The tables of curation against the ontology releases that are installed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import pytest

from polly_assets.curate import naming
from polly_assets.curate.models.base import CurationRecord
from polly_assets.curate.models.dictionary import DictionaryModel
from polly_resources.ontologies.base import OntologyInfo, OntologySource
from polly_resources.ontologies.packages import PackageOntologies
from polly_resources.records import Term
from tests.assets.curate.small import labels

PREFIXES = {"MONDO": "disease", "UBERON": "tissue", "CL": "cell_type", "CVCL": "cell_line"}


class Installed(OntologySource):
    """The four ontologies that samples need most, out of the installed packages."""

    def __init__(self, cache: str) -> None:
        self._all = PackageOntologies(f"packages://{cache}")

    def about(self) -> str:
        return "installed"

    def available(self) -> Sequence[OntologyInfo]:
        return [info for info in self._all.available() if info.name in PREFIXES]

    def terms(self, name: str) -> Iterator[Term]:
        return self._all.terms(name)

    def lookup(self, name: str, curies: Collection[str]) -> dict[str, Term]:
        return self._all.lookup(name, curies)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return Installed(str(tmp_path_factory.mktemp("ontologies")))


@pytest.fixture(scope="module")
def current(installed) -> dict[str, Term]:
    return {t.curie: t for name in PREFIXES for t in installed.terms(name) if not t.deprecated}


def test_every_extra_name_points_at_a_current_term_of_its_field(current):
    for field, curie, name in naming.extra_names():
        if field in PREFIXES.values():
            assert curie in current, name
            assert PREFIXES[curie.replace("_", ":").partition(":")[0]] == field


def test_every_origin_joins_a_line_to_a_tissue(current):
    origins = naming.line_origins()
    assert origins
    for line, tissue in origins.items():
        assert line in current
        assert tissue in current


def test_real_names_are_read(installed, tmp_path):
    model = DictionaryModel(installed, tmp_path)
    records = [
        CurationRecord(
            "1", "S", "AML patient 3", "bone marrow mononuclear cells", {"disease": "AML"}
        ),
        CurationRecord("2", "S", "healthy donor", "PBMCs", {"disease state": "none"}),
        CurationRecord("3", "S", "MCF7 + vehicle", "", {"cell line": "MCF-7"}),
        CurationRecord("4", "S", "hippocampus, Alzheimer's", "", {"tissue": "brain"}),
    ]
    aml, healthy, line, brain = model.annotate(records)
    assert aml.fields["disease"][0].curie == "MONDO:0018874"
    assert healthy.fields["disease"] == ()
    assert healthy.fields["cell_type"][0].curie == "CL:2000001"
    assert healthy.is_control.value is True
    assert line.fields["cell_line"][0].curie == "CVCL_0031"
    assert labels(line, "tissue") == ["breast"]
    assert labels(brain, "disease") == ["Alzheimer disease"]
    assert brain.fields["tissue"][0].curie == "UBERON:0002421"
