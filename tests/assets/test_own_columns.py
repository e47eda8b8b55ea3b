"""Original columns come back from JSON, and what repeats among samples is found once."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from polly_assets.own_columns import decoded, is_number, wordings

KINDS = {"kind": "String", "ok": "Boolean", "n": "Int64", "words": "List(String)"}

objects = st.fixed_dictionaries(
    {
        "kind": st.none() | st.text(st.characters(codec="utf-8"), max_size=3),
        "ok": st.none() | st.booleans(),
        "n": st.none() | st.integers(-(2**63), 2**63 - 1),
        "words": st.none() | st.lists(st.sampled_from(["a", "", "é"]), max_size=2),
    }
)


@given(st.lists(objects, max_size=8), st.sets(st.sampled_from(sorted(KINDS))))
def test_each_wording_once_in_order(rows, names):
    kinds = {name: kind for name, kind in KINDS.items() if name in names}
    texts = pl.Series([json.dumps(row) for row in rows], dtype=pl.String)
    said, which = wordings(texts, kinds)
    wanted = [{name: row[name] for name in kinds} for row in rows]
    assert [said[at] for at in which] == wanted
    assert len({json.dumps(one) for one in said}) == len(said)
    assert np.array_equal(np.unique(which), np.arange(len(said)))
    assert list(dict.fromkeys(which.tolist())) == list(range(len(said)))


def test_what_an_object_has_besides_does_not_count():
    texts = pl.Series([json.dumps({"kind": "x", "n": n}) for n in range(3)] + ["{}"])
    said, which = wordings(texts, {"kind": "String"})
    assert said == [{"kind": "x"}, {"kind": None}] and which.tolist() == [0, 0, 0, 1]


def test_numbers_that_json_cannot_hold_are_text_and_come_back():
    texts = pl.Series(['{"x": "Infinity"}', '{"x": "1.5"}', '{"x": null}'])
    assert decoded(texts, {"x": "Float64"})["x"].to_list() == [float("inf"), 1.5, None]
    assert wordings(texts, {"x": "Float64"})[0][0] == {"x": "Infinity"}


def test_numbers():
    assert [is_number(kind) for kind in ("Float32", "UInt8", "Boolean", "String", "Date")] == [
        *(True, True),
        *(False, False, False),
    ]
