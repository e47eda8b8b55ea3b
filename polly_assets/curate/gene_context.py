"""Gene symbols where the words around them speak of a gene.

Owns the contexts, as data: `siRNA X`, `X knockout`, `X-/-`, `anti-X`, and keys that ask for a
gene. Symbols look like words and sample codes, so nothing is taken without a context.
Keep out: any other field.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from polly_assets.curate.keys import Route
from polly_assets.curate.lexicon import Lexicon
from polly_assets.curate.matcher import Match
from polly_assets.curate.naming import Kind
from polly_assets.curate.text import compact_name

_SYMBOL = r"(?P<gene>[A-Z][A-Z0-9]{1,9}(?:-[A-Z0-9]{1,4})?|C\d+orf\d+)"
_CONTEXTS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"\b(?:si|sh|sg|g)(?:RNA)?[\s_-]*(?:against|targeting|for|of"
        rf"|to)?[\s_-]*{_SYMBOL}(?![A-Za-z0-9])",
        rf"\b(?:anti|Anti|ANTI|alpha|Ad|Lv|pLenti)[\s_-]{_SYMBOL}(?![A-Za-z0-9])",
        rf"\b(?:[Kk]nock(?:ed)?[\s-]?(?:down|out|in)|[Dd]epletion|[Ll]oss|[Oo]ver-?expression|[Dd]eletion"
        rf"|[Ss]ilencing|[Ee]xpression|[Mm]utation|[Ii]nhibition) (?:of"
        rf"|in|for) (?:the )?{_SYMBOL}(?![A-Za-z0-9])",
        rf"(?<![A-Za-z0-9]){_SYMBOL}[\s_-]*(?:-/-|\+/-|\(-/-\)|KO\b|KD\b|[Kk]nock|[Nn]ull\b"
        rf"|[Mm]utant|[Mm]utat"
        rf"|[Oo]ver-?express|[Dd]eficien|[Dd]eplet|[Dd]elet|[Tt]ransgenic|si(?:RNA)?\b"
        rf"|sh(?:RNA)?\b|sg(?:RNA)?\b"
        rf"|ChIP|[Ii]nhibitor|gene\b|WT\b|wild[\s-]?type)",
    )
)
_KEYED = re.compile(rf"(?<![A-Za-z0-9]){_SYMBOL}(?![A-Za-z0-9])")
_WORDS = frozenset(
    (
        "CAT", "MICE", "IMPACT", "REST", "SET", "MAX", "WAS", "HAS", "CELL",
        "DNA", "RNA", "KO", "KD", "WT", "NA", "OE", "CTRL", "GFP",
        "EGFP", "RFP", "LUC",
    )
)  # fmt: skip
"""Symbols, or near symbols, that are mostly something else even in a gene's context."""


def genes_in(lexicon: Lexicon, text: str, route: Route) -> Iterator[Match]:
    """Approved symbols in `text`, in capitals as approved, each place once."""
    if not route.genes:
        return
    keyed = route.name == "gene"
    taken: set[int] = set()
    for pattern in (_KEYED, *_CONTEXTS) if keyed else _CONTEXTS:
        for found in pattern.finditer(text):
            symbol, start = found["gene"], found.start("gene")
            if start in taken or symbol in _WORDS or len(symbol) < 3:
                continue
            for entry in lexicon.symbol(compact_name(symbol)):
                if entry.kind is Kind.SYMBOL and entry.form == symbol:
                    taken.add(start)
                    end = start + len(symbol)
                    whole = symbol == text.strip()
                    yield Match("gene", entry.term, entry.kind, start, end, keyed, whole)
                    break
