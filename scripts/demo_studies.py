"""The studies of the demo: what they are about, in the words that submitters use.

Owns text only. The designs are typical of public studies and the metadata is written by hand;
the values that `demo_files` puts beside it are simulated, which every summary says.
Keep out: file formats and numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

SIMULATED = "The expression values of this example are simulated."


@dataclass(frozen=True, slots=True)
class Group:
    """Samples that are alike: how many, what is said of each, and which genes they change.

    `effects` maps a gene symbol to its log2 change.
    """

    label: str
    count: int
    characteristics: Mapping[str, str]
    effects: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Study:
    """One study: its name, its texts, and its groups of samples."""

    name: str
    title: str
    summary: str
    groups: tuple[Group, ...]
    source: str = ""

    def samples(self) -> list[tuple[str, Group, dict[str, str]]]:
        """Sample title, group, and characteristics of every sample; ages and sexes vary."""
        found = []
        for group in self.groups:
            for number in range(1, group.count + 1):
                texts = dict(group.characteristics)
                if "age" in texts:
                    texts["age"] = f"{int(texts['age']) + 3 * number} years"
                if texts.get("Sex") == "alternating":
                    texts["Sex"] = "female" if number % 2 else "male"
                found.append((f"{group.label} {number}", group, texts))
        return found


BREAST = Study(
    name="mcf7_jq1",
    title="BET bromodomain inhibition in MCF-7 breast cancer cells",
    summary=f"MCF-7 cells were treated with JQ1 or DMSO for 24 h. {SIMULATED}",
    groups=(
        Group(
            "MCF-7 DMSO",
            3,
            {"organism": "Homo sapiens", "cell line": "MCF-7", "treatment": "DMSO (vehicle)"},
        ),
        Group(
            "MCF-7 JQ1",
            3,
            {"organism": "Homo sapiens", "cell line": "MCF-7", "treatment": "JQ1 500 nM, 24 h"},
            {"MYC": -2.1, "BRD4": 0.4, "HEXIM1": 1.8, "CCND1": -1.2},
        ),
    ),
)

LEUKEMIA = Study(
    name="aml_bone_marrow",
    title="Bone marrow of acute myeloid leukemia patients and healthy donors",
    summary=SIMULATED,
    groups=(
        Group("marrow_healthy_donor", 4, {}),
        Group("marrow_acute_myeloid_leukemia", 4, {}, {"FLT3": 2.5, "HOXA9": 3.0, "MPO": 1.6}),
    ),
)

LIVER = Study(
    name="liver_biopsies",
    title="RNA-seq of liver biopsies in steatohepatitis",
    summary=f"Counts of needle biopsies. {SIMULATED}",
    groups=(
        Group(
            "healthy liver",
            4,
            {"tissue": "liver", "disease state": "healthy", "Sex": "alternating", "age": "38"},
        ),
        Group(
            "NASH liver",
            5,
            {
                "tissue": "liver",
                "disease state": "non-alcoholic steatohepatitis",
                "Sex": "alternating",
                "age": "47",
            },
            {"COL1A1": 2.2, "CCL2": 1.4, "CYP2E1": -1.1},
        ),
    ),
)

GLIOMA = Study(
    name="u87_temozolomide",
    title="Temozolomide response of U-87 MG glioblastoma cells",
    summary=f"U-87 MG cells, 48 h with temozolomide or left untreated. {SIMULATED}",
    groups=(
        Group("untreated", 3, {"organism": "human", "cell line": "U-87 MG", "agent": "none"}),
        Group(
            "TMZ",
            3,
            {"organism": "human", "cell line": "U-87 MG", "agent": "temozolomide"},
            {"CDKN1A": 2.4},
        ),
    ),
)

ISLETS = Study(
    name="GSE9000001",
    title="Pancreatic islets of donors with type 2 diabetes",
    summary=f"Islets of cadaver donors, hybridized to two arrays. {SIMULATED}",
    source="pancreatic islets",
    groups=(
        Group(
            "non-diabetic donor",
            3,
            {"tissue": "islet of Langerhans", "disease state": "no diabetes", "age": "50"},
        ),
        Group(
            "T2D donor",
            3,
            {"tissue": "islet of Langerhans", "disease state": "type 2 diabetes", "age": "52"},
            {"INS": -1.5, "TXNIP": 2.0, "SLC2A2": -1.2},
        ),
    ),
)

SYNOVIUM = Study(
    name="GSE9000002",
    title="Synovial tissue in rheumatoid arthritis before and after adalimumab",
    summary=f"Biopsies of the knee before and 12 weeks after the first dose. {SIMULATED}",
    source="synovial tissue",
    groups=(
        Group(
            "RA before treatment",
            4,
            {"tissue": "synovial membrane", "disease": "rheumatoid arthritis", "Sex": "female"},
            {"TNF": 1.2, "IL6": 1.9},
        ),
        Group(
            "RA after adalimumab",
            4,
            {
                "tissue": "synovial membrane",
                "disease": "rheumatoid arthritis",
                "Sex": "female",
                "treatment": "adalimumab 40 mg",
            },
        ),
    ),
)

LUNG = Study(
    name="lung_adenocarcinoma",
    title="Lung adenocarcinoma and adjacent normal lung",
    summary=f"The file was cut while it was copied: one of its rows is short. {SIMULATED}",
    groups=(Group("tumor", 2, {}, {"EGFR": 1.8}), Group("adjacent normal", 2, {})),
)
