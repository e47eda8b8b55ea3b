"""The grammar of search texts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polly_resources.errors import BadQuery
from polly_resources.search.text import (
    MAX_TERM_BYTES,
    Clause,
    Part,
    clauses,
    is_digest,
    normalise,
    parse,
    shortened,
    words,
)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", []),
        ("lung cancer", [Part("lung"), Part("cancer")]),
        ('"lung cancer" x', [Part("lung cancer", phrase=True), Part("x")]),
        ("-mouse", [Part("mouse", excluded=True)]),
        ('-"in vitro"', [Part("in vitro", phrase=True, excluded=True)]),
        ("IL-6 +/-", [Part("IL-6"), Part("+/-")]),
        ("a - b", [Part("a"), Part("-"), Part("b")]),
        ("--x", [Part("-x", excluded=True)]),
        ('5" disk', [Part("5"), Part("disk")]),
        ('a"b c"d', [Part("a"), Part("b c", phrase=True), Part("d")]),
        ('""', [Part("", phrase=True)]),
        ('"a"-b', [Part("a", phrase=True), Part("-b")]),
    ],
)
def test_parts(text, parts):
    assert parse(text) == parts


@given(st.text())
def test_every_text_parses_and_only_spaces_quotes_and_minus_are_lost(text):
    kept = "".join(part.text for part in parse(text))
    lost = ' "-'
    wanted = "".join(c for c in normalise(text) if not c.isspace() and c not in lost)
    assert "".join(c for c in kept if not c.isspace() and c not in lost) == wanted


@pytest.mark.parametrize(
    ("text", "split"),
    [
        ("", ""),
        ("IL-6, TNF_a/b", "il 6 tnf a b"),
        ("\u039f\u0394\u039f\u03a3", "\u03bf\u03b4\u03bf\u03c3"),
        ("\u0130x", "i\u0307x"),
        ("5 \u00b5M \ufb01ne", "5 \u03bcm fine"),
    ],
)
def test_words(text, split):
    assert words(text) == split


@given(st.text())
def test_words_are_runs_of_letters_and_digits_each_lowered(text):
    plain = "".join(c.lower() if c.isalnum() else " " for c in normalise(text))
    assert words(text).split() == plain.split()


def test_long_words_have_digests_of_their_own():
    first, second, short = words(f"{'a' * 40_000} {'a' * 40_001} {'a' * 29_000}").split()
    assert is_digest(first) and is_digest(second) and first != second
    assert short == "a" * 29_000
    assert words("A" * 40_000) == first


@given(st.text(), st.text())
def test_shortened_texts_differ_where_the_texts_do(one, other):
    first, second = shortened(one, 3), shortened(other, 3)
    assert (first == second) == (one == other)
    assert len(first.encode()) <= 3 or is_digest(first)
    assert shortened(one, MAX_TERM_BYTES) == one or one.startswith("sha256:")


def test_clauses_name_each_demand_once():
    assert clauses('Lung lung -IL-6 "Cell line" - x') == [
        Clause(("lung",)),
        Clause(("il", "6"), excluded=True),
        Clause(("cell", "line")),
        Clause(("x",)),
    ]
    for text, code in (
        ("\udce9", "bad_text"),
        (" ".join(map(str, range(2000))), "search_too_long"),
    ):
        with pytest.raises(BadQuery) as caught:
            clauses(text)
        assert caught.value.code == code
