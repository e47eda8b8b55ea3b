"""What annotators write into INFO: the gene, the consequence and the change of the protein.

Owns the fields of SnpEff (ANN), VEP (CSQ), bcftools (BCSQ), ANNOVAR, ClinVar and dbSNP.
Where an allele has several effects the annotator's own choice counts (PICK), else its first,
which these tools make the gravest; all stay in `info`. Add an annotator as one row.
Keep out: everything else of VCF.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from polly_assets.ingest.formats.vcf.fields import decode
from polly_assets.ingest.formats.vcf.header import Header
from polly_assets.ingest.formats.vcf.info import Texts

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
_WANTED = (
    ("gene_name", "symbol", "gene"),
    ("annotation", "consequence"),
    ("hgvs.p", "hgvsp", "amino_acid_change"),
)
_PLAIN_GENES = ("Gene.refGene", "Gene.ensGene", "GENEINFO", "GENE", "Gene", "SYMBOL")
_PLAIN_CONSEQUENCES = ("ExonicFunc.refGene", "Func.refGene", "MC")
_ALL = frozenset((*_DEFAULTS, *_PLAIN_GENES, *_PLAIN_CONSEQUENCES))
_OF_PROTEIN = re.compile(r"^[^:\s]+:(?=p\.)")
"""The protein in HGVSp, as VEP has it: `ENSP00000493543.1:p.Val600Glu`; INFO keeps it whole."""


class _Listed:
    """The columns of one annotator's entries, by where they are; -1 for one that is not there."""

    def __init__(self, names: Sequence[str]) -> None:
        at = {name.strip().lower(): place for place, name in reversed(list(enumerate(names)))}
        self.allele, self.number = at.get("allele", -1), at.get("allele_num", -1)
        self.pick = at.get("pick", -1)
        self._wanted = [[at[name] for name in group if name in at] for group in _WANTED]

    def effect(self, entries: str, ref: str, alt: str | None, index: int) -> Effect:
        """The effect that was picked of those of the allele, else the first."""
        chosen: list[str] | None = None
        for entry in entries.split(","):
            cells = entry.split("|")
            if not self._concerns(cells, ref, alt, index):
                continue
            picked = _cell(cells, self.pick) == "1"
            if chosen is None or picked:
                chosen = cells
            if picked or self.pick < 0:
                break
        if chosen is None:
            return _NONE
        found: list[str | None] = []
        for places in self._wanted:
            cell = ""
            for at in places:
                if cell := _cell(chosen, at):
                    break
            found.append(cell or None)
        return found[0], found[1], found[2]

    def _concerns(self, cells: Sequence[str], ref: str, alt: str | None, index: int) -> bool:
        """By the allele's number, else by its bases, as VEP cuts them."""
        if (count := _cell(cells, self.number)).isdecimal():
            return int(count[:9]) == index
        if self.allele < 0 or self.allele >= len(cells) or alt is None:
            return True
        allele = _cell(cells, self.allele)
        cut = alt[1:] if ref[:1] == alt[:1] else alt
        return allele in (alt, cut or "-", alt.strip("<>"))


class Effects:
    """Finds the effect of an allele in the INFO of a record."""

    def __init__(self, header: Header) -> None:
        self._decoded = header.decoded
        self._listed: dict[str, _Listed] = {}
        for key, usual in _DEFAULTS.items():
            if names := _names(header.described("INFO", key)) or usual.split("|"):
                self._listed[key] = _Listed(names)

    def of(self, info: Texts, ref: str, alt: str | None, index: int) -> Effect:
        """The effect of the ALT allele with this number."""
        if _ALL.isdisjoint(info):
            return _NONE
        for key, listed in self._listed.items():
            if entries := info.get(key):
                gene, consequence, protein = listed.effect(entries, ref, alt, index)
                protein = _OF_PROTEIN.sub("", protein or "")
                return self._shown(gene), self._shown(consequence), self._shown(protein)
        found = next((info[key] for key in _PLAIN_GENES if key in info), None)
        consequence = next((info[key] for key in _PLAIN_CONSEQUENCES if key in info), None)
        if found is None and consequence is None:
            return _NONE
        return _first_gene(self._shown(found)), self._shown(consequence), None

    def _shown(self, text: str | None) -> str | None:
        if text is None or text in (".", ""):
            return None
        return decode(text) if self._decoded else text


def _cell(cells: Sequence[str], at: int) -> str:
    return cells[at].strip() if 0 <= at < len(cells) else ""


def _names(description: str) -> list[str]:
    """The columns that a description lists, joined by |; none where it does not."""
    for text in (description.rpartition(":")[2], description):
        names = [name.strip(" '\"()[]") for name in text.split("|")]
        if len(names) > 1:
            return [re.split(r"[\s'\"]", names[0])[-1], *names[1:]]
    return []


def _first_gene(text: str | None) -> str | None:
    """The first of several genes; `TP53:7157|...` names it before the colon."""
    return re.split(r"[,;|:\\]", text)[0] or None if text else None
