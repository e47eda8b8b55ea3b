"""What a search must find, by reading every document; and documents and searches to try it on."""

from __future__ import annotations

import unicodedata

from hypothesis import strategies as st

from polly_resources.records import SearchDocument, SearchRequest


def words(text: str) -> list[str]:
    """The contract's rule, plainly: runs of letters and digits, each letter lowered."""
    normal = unicodedata.normalize("NFKC", text)
    plain = "".join(c.lower() if c.isalnum() else " " for c in normal)
    return plain.split()


def pieces(text: str) -> list[tuple[bool, bool, str]]:
    """The search text as (excluded, phrase, text), read character by character."""
    found: list[tuple[bool, bool, str]] = []
    at = 0
    while at < len(text):
        begins = at == 0 or text[at - 1].isspace()
        minus = begins and text[at] == "-"
        start = at + minus
        if text[start : start + 1] == '"' and '"' in text[start + 1 :]:
            end = text.index('"', start + 1)
            found.append((minus, True, text[start + 1 : end]))
            at = end + 1
            continue
        end = start
        while end < len(text) and not text[end].isspace() and text[end] != '"':
            end += 1
        found.append((minus, False, text[start:end]))
        at = max(end, at + 1)
    return found


def naive_match(source: SearchDocument, request: SearchRequest) -> bool:
    """Whether the document is a hit, by reading it."""
    fields = [words(f) for f in (source.dataset_id, source.title, source.text, source.concepts)]

    def has(phrase: list[str]) -> bool:
        return any(f[i : i + len(phrase)] == phrase for f in fields for i in range(len(f)))

    for excluded, phrase, text in pieces(unicodedata.normalize("NFKC", request.text)):
        wanted = words(text)
        if excluded and wanted and has(wanted):
            return False
        needed = [wanted] if phrase else [[word] for word in wanted]
        if not excluded and wanted and not all(map(has, needed)):
            return False
    return all(
        set(values) & set(source.facets.get(name, ())) for name, values in request.filters.items()
    )


WORD = st.sampled_from(["lung", "Cancer", "IL-6", "TNF", "Δ", "5", "a_b", "ß", "ΣΑΣ", "का", "x²"])
TEXT = st.lists(WORD, max_size=4).map(" ".join)
VALUE = st.sampled_from(
    ["lung", "Lung", "lung cancer", 'a/b "c"', "x:y", "é", "", "2020-01-01T00:00:00Z"]
)
NAME = st.sampled_from(["disease", "cell type (x.y)", "f/é"])
FACETS = st.dictionaries(NAME, st.lists(VALUE, max_size=3), max_size=3)
DOCUMENTS = st.lists(
    st.builds(
        SearchDocument,
        dataset_id=st.integers(1, 9).map(lambda n: f"GSE{n}_GPL96"),
        title=TEXT, text=TEXT, concepts=TEXT, facets=FACETS,
    ),
    max_size=8,
)  # fmt: skip
QUERY = st.lists(
    st.one_of(
        WORD,
        WORD.map(lambda word: f"-{word}"),
        TEXT.map(lambda text: f'"{text}"'),
        TEXT.map(lambda text: f'-"{text}"'),
        st.sampled_from(["gse1", '"', "+/-", "-", "GSE2_GPL96", ")("]),
    ),
    max_size=3,
).flatmap(lambda parts: st.sampled_from([" ", " ", ""]).map(lambda gap: gap.join(parts)))
REQUEST = st.builds(
    SearchRequest,
    text=QUERY,
    filters=st.dictionaries(NAME, st.lists(VALUE, max_size=2), max_size=2),
    facets=st.lists(NAME, max_size=3),
)
