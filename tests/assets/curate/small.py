"""A small ontology source for the tests of curation, and a model over it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from polly_assets.curate.models.base import CuratedRecord
from polly_resources.errors import NotFound
from polly_resources.ontologies.base import OntologyInfo, OntologySource
from polly_resources.records import Annotation, Term

ROOT = "MONDO:0000001"
VERTEBRATE = ("NCBITaxon:7742", "NCBITaxon:33208")


def _disease(number: int, label: str, *synonyms: str, above: tuple[int, ...] = ()) -> Term:
    ancestors = (ROOT, *(f"MONDO:{n:07}" for n in above))
    return Term(f"MONDO:{number:07}", label, synonyms, ancestors)


TERMS: dict[str, tuple[Term, ...]] = {
    "MONDO": (
        Term(ROOT, "disease"),
        _disease(4992, "cancer", "malignant tumor"),
        _disease(7254, "breast cancer", above=(4992,)),
        _disease(7256, "hepatocellular carcinoma", "HCC", "liver carcinoma", above=(4992,)),
        _disease(5015, "diabetes mellitus", "diabetes"),
        _disease(5148, "type 2 diabetes mellitus", "type 2 diabetes", above=(5015,)),
        _disease(4979, "asthma"),
        _disease(4975, "Alzheimer disease", "Alzheimer's disease"),
        _disease(18874, "acute myeloid leukemia", "AML", "acute myeloid leukaemia"),
        _disease(10030, "Sjogren syndrome", "Sjögren syndrome"),
        _disease(5233, "non-small cell lung carcinoma", "NSCLC"),
        _disease(9000, "hypophysitis", "pituitary"),
        Term(
            "MONDO:0099999", "obsolete sugar sickness", deprecated=True, replaced_by="MONDO:0005015"
        ),
        Term("MONDO:0024491", "tumor grade 1", ()),
    ),
    "UBERON": (
        Term("UBERON:0000178", "blood"),
        Term("UBERON:0000310", "breast"),
        Term("UBERON:0002107", "liver"),
        Term("UBERON:0002048", "lung"),
        Term("UBERON:0000955", "brain"),
        Term("UBERON:0002421", "hippocampal formation", (), ("UBERON:0000955",)),
        Term("UBERON:0000007", "pituitary gland", ("pituitary",)),
        Term("UBERON:0002371", "bone marrow"),
        Term("UBERON:0000479", "tissue"),
        Term("UBERON:0001013", "adipose tissue", ("fat",)),
    ),
    "CL": (
        Term("CL:0000000", "cell"),
        Term("CL:0000084", "T cell", ("T-cell", "T lymphocyte")),
        Term("CL:0000624", "CD4-positive, alpha-beta T cell", (), ("CL:0000084",)),
        Term("CL:2000001", "peripheral blood mononuclear cell", ("PBMC",)),
        Term("CL:0000235", "macrophage"),
    ),
    "CVCL": (
        Term("CVCL_0031", "MCF-7"),
        Term("CVCL_0045", "HEK293"),
        Term("CVCL_0027", "Hep-G2"),
        Term("CVCL_0030", "HeLa"),
        Term("CVCL_0554", "T24"),
        Term("CVCL_N819", "YOU"),
        Term("CVCL_9999", "1234"),
        Term("CVCL_A1B2", "MCF7"),
        Term("CVCL_0022", "U-87 MG"),
    ),
    "CHEBI": (
        Term("CHEBI:41879", "dexamethasone"),
        Term("CHEBI:15377", "water"),
        Term("CHEBI:16412", "lipopolysaccharide"),
    ),
    "DRUGBANK": (
        Term("DRUGBANK:DB01234", "dexamethasone", ("decadron",)),
        Term("DRUGBANK:DB00675", "tamoxifen", ("nolvadex",)),
        Term("DRUGBANK:DB09145", "water"),
    ),
    "NCBITaxon": (
        Term("NCBITaxon:9606", "Homo sapiens", ("human",), VERTEBRATE),
        Term("NCBITaxon:10090", "Mus musculus", ("mouse",), VERTEBRATE),
        Term("NCBITaxon:7460", "Apis mellifera", ("honey bee",), ("NCBITaxon:33208",)),
        Term("NCBITaxon:562", "Escherichia coli", ("E. coli",), ("NCBITaxon:2",)),
        Term("NCBITaxon:590", "Salmonella", (), ("NCBITaxon:2",)),
        Term("NCBITaxon:3701", "Arabidopsis"),
        Term("NCBITaxon:3702", "Arabidopsis thaliana", ("thale cress",), ("NCBITaxon:3701",)),
        Term("NCBITaxon:4530", "Oryza sativa", ("rice",)),
        Term("NCBITaxon:4932", "Saccharomyces cerevisiae", ("yeast", "baker's yeast")),
        Term("NCBITaxon:11676", "Human immunodeficiency virus 1", ("HIV-1", "HIV1")),
        Term("NCBITaxon:64320", "Zika virus", ("ZIKV",)),
        Term("NCBITaxon:7955", "Danio rerio", ("zebrafish",), VERTEBRATE),
    ),
    "HGNC": (
        Term("HGNC:11998", "TP53"),
        Term("HGNC:1516", "CAT"),
        Term("HGNC:7553", "MYC"),
    ),
    "HsapDv": (Term("HsapDv:0000087", "adult stage"),),
}


class SmallOntologies(OntologySource):
    """A handful of real terms per ontology, as a source of its own."""

    def __init__(self, release: str = "1") -> None:
        self.release = release

    def about(self) -> str:
        return "a few terms"

    def available(self) -> Sequence[OntologyInfo]:
        return [OntologyInfo(name, self.release, "CC0", "test") for name in sorted(TERMS)]

    def terms(self, name: str) -> Iterator[Term]:
        if name not in TERMS:
            raise NotFound("unknown_ontology", name)
        return iter(TERMS[name])

    def lookup(self, name: str, curies: Collection[str]) -> dict[str, Term]:
        return {term.curie: term for term in self.terms(name) if term.curie in curies}


def labels(record: CuratedRecord, field: str) -> list[str]:
    return [annotation.label for annotation in record.fields[field]]


def all_annotations(record: CuratedRecord) -> list[Annotation]:
    return [annotation for values in record.fields.values() for annotation in values]
