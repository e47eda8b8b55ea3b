"""The grammar of search texts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polly_resources.search.text import Part, normalise, parse


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
