"""Samples of VCF that are read together: the same rows and doubts as of each read by itself."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polly_assets.ingest.formats.vcf import genotype
from polly_assets.ingest.formats.vcf import reader as vcf_reader
from polly_resources.errors import BadInput
from tests.assets.ingest.formats.vcf_texts import content, parsed, rows

SAMPLES = [f"S{i}" for i in range(6)]
FORMATS = ("GT", "GT:DP", "GT:AD:DP", "GT:AD:PL", "DP:GT", "AD:DP", "GT:RD:AD", "GT:AO:XX")
GENOTYPES = {
    "T": ("0/1", "0|1", "./.", ".", "1", "0/0/1", "1/1"),
    "T,G": ("1/2", "0/2", "./1", "2"),
    ".": ("0/0", "./.", "0", "."),
}
VALUES = {
    "DP": ("5", "0", ".", "x", "-1", "7,8"),
    "AD": ("3,4", "3,4,5", ".", "3", "3,.", ".,."),
    "PL": ("0,1,2", ".", "0,1,2,3,4,5", "0,1"),
    "RD": ("9", "."),
    "AO": ("4", "4,5"),
    "XX": ("a~b", "b%3Ac", '"'),
}


@st.composite
def cells(draw, layout, alt):
    genotypes = ("9/9",) if draw(st.integers(0, 99)) == 99 else GENOTYPES[alt]
    found = [draw(st.sampled_from(VALUES.get(key, genotypes))) for key in layout.split(":")]
    whole = draw(st.booleans()) or draw(st.booleans())
    return ":".join(found if whole else found[: draw(st.integers(1, len(found)))])


@st.composite
def records(draw):
    layout, alt = draw(st.sampled_from(FORMATS)), draw(st.sampled_from(("T", "T,G", ".")))
    plain = draw(st.booleans())
    samples = [draw(cells(layout, alt)) for _ in SAMPLES]
    return alt, layout, [samples[0]] * len(SAMPLES) if plain else samples


def text(found):
    lines = [
        " ".join(["1", str(at + 1), ".", "A", alt, ".", ".", ".", layout, *samples])
        for at, (alt, layout, samples) in enumerate(found)
    ]
    return content(lines, samples=SAMPLES)


def read(path, said):
    try:
        dataset = parsed(path, said)
    except BadInput as error:
        return error.failure()
    return rows(dataset), dataset.notices


@settings(deadline=None)
@given(found=st.lists(records(), min_size=1, max_size=12), portion=st.sampled_from([1, 40, 1000]))
def test_as_one_by_one(tmp_path_factory, found, portion):
    path, said = tmp_path_factory.mktemp("vcf") / "x.vcf", text(found)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vcf_reader, "_PORTION_CELLS", portion)
        together = read(path, said)
        patch.setattr(genotype, "_MANY", 1000)
        patch.setattr(genotype.Genotypes, "prepare", lambda *_: None)
        assert together == read(path, said)


def test_short_ones_among_whole_ones(tmp_path):
    samples = ["0/1:3,4:7", "./.", "1/1:0,9:9", "0/0:5,0:5", "./.:.", "0/1:1,1:2"]
    record = ("T", "GT:AD:DP", samples)
    found, notices = read(tmp_path / "x.vcf", text([record] * 3))
    expected = [("0/1", 1, 7, 4), ("./.", None, None, None), ("1/1", 2, 9, 9), ("0/0", 0, 5, 0),
                ("./.", None, None, None), ("0/1", 1, 2, 1)]  # fmt: skip
    names = ("genotype", "copies", "depth", "alt_depth")
    assert [tuple(row[name] for name in names) for row in found] == expected * 3
    assert notices == ()
