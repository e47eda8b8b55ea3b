# ruff: noqa: RUF001 - Greek letters and curly quotes are what is tested

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polly_assets.curate.text import HARD, compact_name, cut, spaced_name


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("T-cell", "T cells"),
        ("T_cell", "t cell"),
        ("TNF-α", "TNF alpha"),
        ("Sjögren syndrome", "sjogren syndrome"),
        ("acute myeloid leukaemia", "Acute Myeloid Leukemia"),
        ("Alzheimer's disease", "Alzheimer’s disease"),
        ("Alzheimer's disease", "Alzheimer disease"),
        ("lung tumour", "lung tumors"),
        ("CD4-positive T cell", "CD4+ T cell"),
        ("biopsies", "biopsy"),
    ],
)
def test_spellings_of_one_name_are_equal(one, other):
    assert spaced_name(one) == spaced_name(other)


@pytest.mark.parametrize("name", ["pancreas", "virus", "Sjogren syndrome", "sepsis", "bronchus"])
def test_words_that_are_no_plurals_keep_their_end(name):
    assert spaced_name(name) == name.casefold()


def test_cell_lines_lose_every_mark():
    assert compact_name("Hep-G2") == compact_name("HepG2") == compact_name("HEP G2") == "hepg2"


def test_names_do_not_cross_a_full_stop_but_follow_an_initial():
    assert HARD in cut("lung. Cancer").spaced
    assert HARD not in cut("E. coli").spaced


@given(st.text(max_size=80))
def test_words_lie_in_order_inside_the_text(text):
    words = cut(text)
    spans = list(zip(words.starts, words.ends, strict=True))
    assert all(0 <= start < end <= len(text) for start, end in spans)
    assert all(a[1] <= b[0] for a, b in pairwise(spans))
    assert len(words.spaced_at) == len(words.compact_at) == len(spans)
