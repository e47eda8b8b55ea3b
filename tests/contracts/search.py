"""The contract suite of search indexes: subclass it and give `open_index`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from polly_resources.errors import BadInput, BadQuery
from polly_resources.records import IndexEntry, SearchAnswer, SearchDocument, SearchRequest
from polly_resources.search.base import SearchIndex
from tests.contracts.search_model import DOCUMENTS, REQUEST, naive_match, words


def document(dataset_id: str, title: str = "", text: str = "", **changes: object) -> SearchDocument:
    base = SearchDocument(dataset_id, title, text, "", {}, {"title": title})
    return replace(base, **changes)  # type: ignore[arg-type]


class SearchIndexContract(ABC):
    """What every search index does."""

    @abstractmethod
    def open_index(self, folder: Path) -> SearchIndex:
        """A handle on the indexes of the folder; a second call opens the same indexes."""

    @pytest.fixture
    def reopen(self, tmp_path: Path) -> Callable[[], SearchIndex]:
        return lambda: self.open_index(tmp_path / "search")

    @pytest.fixture
    def index(self, reopen: Callable[[], SearchIndex]) -> SearchIndex:
        return reopen()

    def ids(self, index: SearchIndex, text: str, **more: object) -> list[str]:
        request = SearchRequest(text, **{"limit": 100, **more})  # type: ignore[arg-type]
        return sorted(hit.dataset_id for hit in index.search("demo", request).hits)

    def test_it_says_what_serves_it(self, index):
        assert len(index.about()) > 3

    def test_an_atlas_without_documents_answers_with_nothing(self, index):
        request = SearchRequest("x", facets=["disease"])
        assert index.search("demo", request) == SearchAnswer(0, (), {"disease": {}})
        assert index.count("demo") == 0
        index.delete("demo", ["GSE1"])
        index.put("demo", [])
        assert index.search("demo", request) == SearchAnswer(0, (), {"disease": {}})

    def test_all_words_match_somewhere(self, index):
        index.put("demo", [
            document("d1", "Lung cancer", "in mice"),
            document("d2", "Lung", "healthy", concepts="neoplasm Cancer"),
            document("d3", "Liver cancer", "mice"),
        ])  # fmt: skip
        assert self.ids(index, "cancer lung") == ["d1", "d2"]
        assert self.ids(index, "LUNG") == ["d1", "d2"]
        assert self.ids(index, "canc") == []
        assert self.ids(index, "cancer -mice") == ["d2"]
        assert self.ids(index, "-lung") == ["d3"]
        assert self.ids(index, "") == self.ids(index, " +/- ?") == ["d1", "d2", "d3"]

    def test_phrases_match_within_one_field(self, index):
        index.put("demo", [
            document("d1", "breast cancer", "cell line"),
            document("d2", "cancer of the breast", "line of cell"),
        ])  # fmt: skip
        assert self.ids(index, '"breast cancer"') == ["d1"]
        assert self.ids(index, '"cancer cell"') == []
        assert self.ids(index, '-"breast cancer"') == ["d2"]
        assert self.ids(index, '"cell-line" breast') == ["d1"]
        assert self.ids(index, '"breast') == ["d1", "d2"]

    @pytest.mark.parametrize(
        "text",
        [
            "IL-6 (human) +/- TNF:alpha /x", "a AND", "[1 TO", 'title:"', "^2 ~", "* ?", "\\", "{}",
            "--", '-"', "x" * 10_000, "\0", "IN [a b]", "é" * 5000, "a:b:c", "NOT OR", "<5",
        ],
    )  # fmt: skip
    def test_any_text_is_a_search(self, index, text):
        body = f"said: IL-6 (human) +/- TNF:alpha /x; {text}"
        index.put("demo", [document("d1", "t", body), document("d2", "other")])
        assert "d1" in self.ids(index, text.lstrip("-"))

    def test_words_split_at_punctuation(self, index):
        index.put("demo", [document("d1", "IL-6"), document("d2", "IL-2, 6 hours")])
        assert self.ids(index, "il 6") == self.ids(index, "IL-6") == ["d1", "d2"]
        assert self.ids(index, '"IL-6"') == ["d1"]
        assert self.ids(index, "IL -IL-6") == ["d2"]

    def test_accessions_are_found(self, index):
        index.put("demo", [document(d) for d in ("GSE12345_GPL96", "GSE1", "GSE12345_GPL97")])
        assert self.ids(index, "GSE12345_GPL96") == ["GSE12345_GPL96"]
        assert self.ids(index, "gse12345") == ["GSE12345_GPL96", "GSE12345_GPL97"]
        assert self.ids(index, "GSE1") == ["GSE1"]

    def test_one_letter_is_one_letter(self, index):
        index.put("demo", [document("d1", "Sjo\u0308gren 5 \u00b5M \ufb01ne")])
        assert self.ids(index, "sj\u00f6gren") == self.ids(index, "\u03bcm fine") == ["d1"]

    @pytest.mark.parametrize("length", [300, 40_000, 200_000])
    def test_very_long_words_are_found(self, index, length):
        index.put("demo", [document("d1", "x" * length), document("d2", "é" * length)])
        assert self.ids(index, "X" * length) == ["d1"]
        assert self.ids(index, "é" * length) == ["d2"]
        assert self.ids(index, "x" * (length - 1)) == []

    @settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
    @given(texts=st.lists(st.text(max_size=30), min_size=1, max_size=5))
    def test_words_are_those_of_the_rule_in_every_script(
        self, index: SearchIndex, texts: list[str]
    ) -> None:
        odd = [
            "İstanbul ΌΣΟΣ",
            "हिन्दी का",
            "ไทยนี้",
            "Ⅷ x² ½ ﷺ",
            "a\u0301\u0301b \u200b\ufeffc",
            "\x1fz\x85y",
        ]
        documents = [document(f"d{i}", text) for i, text in enumerate([*odd, *texts])]
        index.put("demo", documents)
        for source in documents:
            told = words(source.title)
            for text in ["".join(told), *told, f'"{" ".join(told)}"', source.title.upper()]:
                request = SearchRequest(text, limit=100)
                wanted = sorted(d.dataset_id for d in documents if naive_match(d, request))
                assert self.ids(index, text) == wanted
        index.delete("demo", [source.dataset_id for source in documents])

    def test_a_title_counts_more(self, index):
        index.put("demo", [
            document("d1", "other words", "lung"), document("d2", "lung words", "other"),
        ])  # fmt: skip
        answer = index.search("demo", SearchRequest("lung"))
        assert [hit.dataset_id for hit in answer.hits] == ["d2", "d1"]
        assert answer.hits[0].score > answer.hits[1].score

    def test_too_many_words_are_refused(self, index):
        index.put("demo", [document("d1")])
        with pytest.raises(BadQuery) as caught:
            index.search("demo", SearchRequest(" ".join(map(str, range(5000)))))
        assert caught.value.code == "search_too_long"
        assert self.ids(index, "word " * 5000) == []

    @pytest.mark.parametrize("page", [{"limit": -1}, {"offset": -1}])
    def test_pages_below_zero_are_refused(self, index, page):
        with pytest.raises(BadQuery):
            index.search("demo", SearchRequest("", **page))

    def test_text_that_is_not_unicode_is_refused(self, index):
        index.put("demo", [document("d1")])
        for bad in (SearchRequest("\udce9"), SearchRequest("", {"a": ["\udce9"]})):
            with pytest.raises(BadQuery):
                index.search("demo", bad)
        with pytest.raises(BadInput):
            index.put("demo", [document("d2", "\udce9")])

    def test_filters_are_exact(self, index):
        values = [
            "lung",
            "Lung",
            "lung cancer",
            'a/b "c" \\',
            "x:y AND *",
            "é",
            "2020-01-01T00:00:00Z",
        ]
        odd = {f"d{i}": value for i, value in enumerate(values)}
        index.put("demo", [document(k, facets={"cell type.x": [v]}) for k, v in odd.items()])
        for dataset_id, value in odd.items():
            assert self.ids(index, "", filters={"cell type.x": [value]}) == [dataset_id]
        assert self.ids(index, "", filters={"cell type.x": ["lung", "é", "?"]}) == ["d0", "d5"]
        assert self.ids(index, "", filters={"cell type.x": ["cancer"]}) == []
        assert self.ids(index, "", filters={"cell type.x": []}) == []
        assert self.ids(index, "", filters={"unknown": ["lung"]}) == []
        answer = index.search("demo", SearchRequest("", facets=["cell type.x", "unknown"]))
        assert answer.facets == {"cell type.x": dict.fromkeys(values, 1), "unknown": {}}

    def test_all_filters_must_hold(self, index):
        index.put("demo", [
            document("d1", facets={"disease": ["flu", "cold"], "tissue": ["lung"]}),
            document("d2", facets={"disease": ["flu"], "tissue": ["nose"]}),
        ])  # fmt: skip
        both = {"disease": ["flu"], "tissue": ["lung", "liver"]}
        assert self.ids(index, "", filters=both) == ["d1"]

    def test_facets_count_all_hits_not_the_page(self, index):
        index.put("demo", [
            document(f"d{i}", ("even", "odd")[i % 2], facets={"n": [str(i % 3), "all", "all"]})
            for i in range(30)
        ])  # fmt: skip
        answer = index.search("demo", SearchRequest("even", facets=["n"], limit=2))
        assert (answer.total, len(answer.hits)) == (15, 2)
        assert answer.facets == {"n": {"all": 15, "0": 5, "1": 5, "2": 5}}
        nothing = index.search("demo", SearchRequest("even", facets=["n"], limit=0))
        assert (nothing.total, nothing.hits, nothing.facets) == (15, (), answer.facets)
        assert index.search("demo", SearchRequest("even")).facets == {}

    def test_a_facet_lists_thousands_of_values(self, index):
        index.put("demo", [document(f"d{i}", facets={"n": [str(i)]}) for i in range(3000)])
        counts = index.search("demo", SearchRequest("", facets=["n"])).facets["n"]
        assert counts == {str(i): 1 for i in range(3000)}

    def test_pages_join_to_the_whole(self, index):
        index.put("demo", [document(f"d{i}", "word " * (i % 4)) for i in range(25)])
        pages = [
            index.search("demo", SearchRequest("", limit=7, offset=start)).hits
            for start in range(0, 35, 7)
        ]
        assert [len(page) for page in pages] == [7, 7, 7, 4, 0]
        assert len({hit.dataset_id for page in pages for hit in page}) == 25

    def test_a_scan_tells_titles_and_facets(self, index):
        odd = {"a b": ["é", "x", "é"], "n.1": [], "plain": ["x" * 100_000]}
        index.put("demo", [document("d1", "Lung: a title", facets=odd), document("d2")])
        told = sorted(index.scan("demo"), key=lambda entry: entry.dataset_id)
        assert told == [IndexEntry("d1", "Lung: a title", odd), IndexEntry("d2", "", {})]
        assert list(index.scan("absent")) == []

    def test_a_scan_is_of_one_moment(self, index):
        index.put("demo", [document(f"d{i}") for i in range(2500)])
        scan = index.scan("demo")
        first = next(scan)
        index.put("demo", [document("new"), document("d1", "changed")])
        index.delete("demo", ["d2", "d2499"])
        index.rebuild("demo", [document("rebuilt")])
        entries = [first, *scan]
        assert {entry.dataset_id for entry in entries} == {f"d{i}" for i in range(2500)}
        assert {entry.title for entry in entries} == {""}
        assert [entry.dataset_id for entry in index.scan("demo")] == ["rebuilt"]

    def test_long_values_are_filtered_and_counted_whole(self, index):
        long = ["x" * 100_000, "x" * 99_999 + "y", "sha256:x"]
        index.put("demo", [document(f"d{i}", facets={"a": [v]}) for i, v in enumerate(long)])
        answer = index.search("demo", SearchRequest("", {"a": long[:1]}, facets=["a"]))
        assert [hit.dataset_id for hit in answer.hits] == ["d0"]
        assert answer.facets == {"a": {long[0]: 1}}
        assert index.search("demo", SearchRequest("", facets=["a"])).facets["a"] == dict.fromkeys(
            long, 1
        )

    def test_long_and_odd_ids_are_ids(self, index):
        ids = ["x" * 600, "x" * 599 + "y", "", "sha256:", "_a", "a b/c?"]
        index.put("demo", [document(each) for each in ids])
        index.put("demo", [document(each) for each in ids])
        assert self.ids(index, "") == sorted(ids)
        index.delete("demo", ids[:1])
        assert self.ids(index, "") == sorted(ids[1:])

    def test_many_facets_at_once(self, index):
        names = [f"f{i}" for i in range(20)]
        index.put("demo", [document("d1", facets={name: [name] for name in names})])
        answer = index.search("demo", SearchRequest("", facets=[*names, "f1"]))
        assert (answer.total, len(answer.hits)) == (1, 1)
        assert answer.facets == {name: {name: 1} for name in names}

    def test_a_page_may_begin_anywhere(self, index):
        index.put("demo", [document(f"d{i:05}") for i in range(10_500)])
        page = index.search("demo", SearchRequest("", limit=300, offset=10_400))
        assert (page.total, len(page.hits)) == (10_500, 100)
        before = index.search("demo", SearchRequest("", limit=10_400))
        assert len({hit.dataset_id for hit in (*before.hits, *page.hits)}) == 10_500
        beyond = index.search("demo", SearchRequest("", offset=10**12))
        assert (beyond.total, beyond.hits) == (10_500, ())

    def test_stored_fields_come_back(self, index):
        stored = {"title": "é", "n": 1, "x": 0.5, "none": None, "list": [1, {"a": True}]}
        index.put("demo", [document("d1", stored=stored)])
        [hit] = index.search("demo", SearchRequest("")).hits
        assert (hit.dataset_id, hit.stored) == ("d1", stored)
        for bad in ({"x": float("nan")}, {"x": object()}):
            with pytest.raises(BadInput) as caught:
                index.put("demo", [document("d2", stored=bad)])
            assert caught.value.code == "bad_document"

    def test_a_put_replaces_and_is_seen_by_all(self, index, reopen):
        other = reopen()
        index.put("demo", [document("d1", "old", facets={"a": ["1"]}), document("d2", "old")])
        assert self.ids(other, "old") == ["d1", "d2"]
        other.put("demo", [document("d1", "first"), document("d1", "new")])
        assert self.ids(index, "old") == ["d2"]
        assert self.ids(index, "new") == self.ids(reopen(), "new") == ["d1"]
        assert self.ids(index, "first") == self.ids(index, "", filters={"a": ["1"]}) == []
        assert index.count("demo") == 2
        assert index.search("demo", SearchRequest("", facets=["a"])).facets == {"a": {}}

    def test_a_delete_removes_by_whole_id(self, index):
        index.put("demo", [document("GSE1"), document("GSE1_GPL96"), document("gse1")])
        index.delete("demo", ["GSE1", "absent"])
        assert self.ids(index, "") == ["GSE1_GPL96", "gse1"]
        assert index.count("demo") == 2

    def test_a_rebuild_leaves_only_what_it_was_given(self, index, reopen):
        index.put("demo", [document("d1"), document("d2")])
        other = reopen()
        assert other.count("demo") == 2
        index.rebuild("demo", [document("d3"), document("d3", "last")])
        assert self.ids(other, "") == self.ids(index, "last") == ["d3"]
        index.put("demo", [document("d4")])
        assert other.count("demo") == 2
        index.rebuild("demo", [])
        assert other.count("demo") == 0

    def test_atlases_are_apart(self, index):
        index.put("demo", [document("d1")])
        index.put("other", [document("d2"), document("d3")])
        assert (index.count("demo"), index.count("other"), index.count("demo2")) == (1, 2, 0)
        assert self.ids(index, "") == ["d1"]

    @pytest.mark.parametrize(
        "atlas", ["Demo", "_demo", "demo-x", "demo_x", "d\u00e9mo", "a b", "a,b*"]
    )
    def test_names_that_differ_are_atlases_apart(self, index, atlas):
        index.put(atlas, [document("d1"), document("d2")])
        index.put("demo", [document("d3")])
        assert (index.count(atlas), index.count("demo")) == (2, 1)
        index.rebuild("demo", [])
        assert (index.count(atlas), index.count("demo")) == (2, 0)

    @pytest.mark.parametrize("atlas", ["", "..", "../x", "a/b", ".hidden", "a\0b"])
    def test_what_cannot_name_an_atlas_is_refused(self, index, atlas):
        for call in (index.count, lambda name: index.put(name, [document("d1")])):
            with pytest.raises(BadInput) as caught:
                call(atlas)
            assert caught.value.code == "bad_atlas"

    @settings(
        max_examples=60,
        deadline=None,
        suppress_health_check=[
            HealthCheck.function_scoped_fixture,
            HealthCheck.differing_executors,
            HealthCheck.too_slow,
        ],
    )
    @given(first=DOCUMENTS, second=DOCUMENTS, requests=st.lists(REQUEST, min_size=4, max_size=8))
    def test_hits_and_counts_are_those_of_reading_everything(
        self,
        index: SearchIndex,
        first: list[SearchDocument],
        second: list[SearchDocument],
        requests: Sequence[SearchRequest],
    ) -> None:
        index.rebuild("demo", first)
        index.put("demo", second)
        documents = {d.dataset_id: d for d in [*first, *second]}
        assert index.count("demo") == len(documents)
        for request in requests:
            hits = [d for d in documents.values() if naive_match(d, request)]
            answer = index.search("demo", request)
            assert answer.total == len(hits)
            assert {h.dataset_id for h in answer.hits} == {d.dataset_id for d in hits}
            assert answer.facets == {
                name: Counter(v for d in hits for v in set(d.facets.get(name, ())))
                for name in request.facets
            }
