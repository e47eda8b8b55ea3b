"""What annotators write into INFO: the gene, the consequence and the change of the protein.

Owns the fields of SnpEff (ANN), VEP (CSQ), bcftools (BCSQ), ANNOVAR, ClinVar and dbSNP.
Where an allele has several effects the annotator's own choice counts (PICK), else its first,
which these tools make the gravest; all stay in `info`. Add an annotator as one row.
Keep out: everything else of VCF.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from polly_assets.ingest.formats.vcf_fields import Value
from polly_assets.ingest.formats.vcf_header import Header

Effect = tuple[str | None, str | None, str | None]
"""Gene, consequence, protein change."""

_NONE: Effect = (None, None, None)

_DEFAULTS = {
    "ANN": "Allele|Annotation|Annotation_Impact|Gene_Name|Gene_ID|Feature_Type|Feature_ID|"
    "Transcript_BioType|Rank|HGVS.c|HGVS.p",
    "CSQ": "",
    "vep": "",
    "BCSQ": "Consequence|gene|transcript|biotype|strand|amino_acid_change|dna_change",
}
_GENE = ("gene_name", "symbol", "gene")
_CONSEQUENCE = ("annotation", "consequence")
_PROTEIN = ("hgvs.p", "hgvsp", "amino_acid_change")
_PLAIN_GENES = ("Gene.refGene", "Gene.ensGene", "GENEINFO", "GENE", "Gene", "SYMBOL")
_PLAIN_CONSEQUENCES = ("ExonicFunc.refGene", "Func.refGene", "MC")
_DESCRIBED = re.compile(r"[\w.()/ -]+(?:\s*\|\s*[\w.()/ -]+)+")


class Effects:
    """Finds the effect of an allele in the INFO of a record."""

    def __init__(self, header: Header) -> None:
        self._columns: dict[str, list[str]] = {}
        for key, usual in _DEFAULTS.items():
            described = header.described("INFO", key)
            found = _DESCRIBED.search(described.rpartition(":")[2]) or _DESCRIBED.search(described)
            names = found[0] if found else usual
            if names:
                self._columns[key] = [name.strip().lower() for name in names.split("|")]

    def of(self, info: Mapping[str, Value], ref: str, alt: str | None, index: int) -> Effect:
        """The effect of the ALT allele with this number."""
        for key, columns in self._columns.items():
            if key in info:
                return self._listed(info[key], columns, ref, alt, index)
        gene = next((_text(info[key]) for key in _PLAIN_GENES if key in info), None)
        consequence = next((_text(info[k]) for k in _PLAIN_CONSEQUENCES if k in info), None)
        return (_first_gene(gene), consequence, None) if gene or consequence else _NONE

    def _listed(
        self, value: Value, columns: list[str], ref: str, alt: str | None, index: int
    ) -> Effect:
        entries = [
            dict(zip(columns, (cell.strip() for cell in text.split("|")), strict=False))
            for text in (_text(value) or "").split(",")
        ]
        mine = [entry for entry in entries if _concerns(entry, ref, alt, index)]
        if not mine:
            return _NONE
        chosen = next((entry for entry in mine if entry.get("pick") == "1"), mine[0])
        gene, consequence, protein = (
            next((chosen[name] for name in names if chosen.get(name)), None)
            for names in (_GENE, _CONSEQUENCE, _PROTEIN)
        )
        return gene, consequence, protein


def _concerns(entry: Mapping[str, str], ref: str, alt: str | None, index: int) -> bool:
    """Whether an effect is of the allele: by its number, else by its bases, as VEP cuts them."""
    if entry.get("allele_num", "").isdigit():
        return int(entry["allele_num"]) == index
    allele = entry.get("allele")
    if allele is None or alt is None:
        return True
    cut = alt[1:] if ref[:1] == alt[:1] else alt
    return allele in (alt, cut or "-", alt.strip("<>"))


def _text(value: Value) -> str | None:
    found = json.loads(value.json)
    if isinstance(found, list):
        return ",".join(str(one) for one in found if one is not None) or None
    return None if found is None or found == "." else str(found)


def _first_gene(text: str | None) -> str | None:
    """The first of several genes; `TP53:7157|...` names it before the colon."""
    return re.split(r"[,;|:\\]", text)[0] or None if text else None
