from __future__ import annotations

import io
import json
import math
from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.csv as pa_csv
from hypothesis import given
from hypothesis import strategies as st

from polly_api.rows import arrow_chunks, csv_chunks, json_lines, json_rows, unique_columns


def test_repeated_names_are_told_apart():
    table = pa.table([[1], [2], [3], [4]], names=["a", "a", "a_2", "a"])
    assert unique_columns(table).column_names == ["a", "a_3", "a_2", "a_4"]


def test_what_json_cannot_say_is_text():
    table = pa.table(
        {
            "float": [math.nan, math.inf, -math.inf, 0.1, None],
            "whole": pa.array([Decimal("12345678901234567890"), None] * 2 + [None]),
            "part": pa.array([Decimal("0.10"), Decimal("0.1234567890123456789")] * 2 + [None]),
            "when": [datetime(2026, 1, 2, 3, tzinfo=UTC)] * 4 + [None],
            "day": [date(2026, 1, 2)] * 4 + [None],
            "raw": [b"\x00\xff"] * 4 + [None],
            "deep": [[{"x": math.nan}]] * 4 + [None],
        }
    )
    rows = [json.loads(line) for line in json_lines(table)]
    assert [row["float"] for row in rows] == ["NaN", "Infinity", "-Infinity", 0.1, None]
    assert rows[0]["whole"] == 12345678901234567890
    assert [row["part"] for row in rows[:2]] == [0.1, "0.1234567890123456789"]
    assert (rows[0]["when"], rows[0]["day"]) == ("2026-01-02T03:00:00+00:00", "2026-01-02")
    assert (rows[0]["raw"], rows[0]["deep"]) == ("AP8=", [{"x": "NaN"}])
    assert set(rows[4].values()) == {None}


def test_maps_and_dictionaries():
    table = pa.table(
        {
            "map": pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int64())),
            "coded": pa.array(["x"]).dictionary_encode(),
        }
    )
    assert list(json_rows(table)) == [{"map": {"a": 1}, "coded": "x"}]
    assert b"".join(csv_chunks(table)) == b'"map","coded"\n"{""a"": 1}","x"\n'


@given(
    st.lists(
        st.tuples(
            st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False)),
            st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"]), max_size=5)),
            st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)),
        ),
        max_size=5,
    )
)
def test_rows_survive(rows):
    kinds = [("f", pa.float64()), ("t", pa.string()), ("i", pa.int64())]
    table = pa.table([[row[n] for row in rows] for n in range(3)], schema=pa.schema(kinds))
    assert [json.loads(line) for line in json_lines(table)] == table.to_pylist()
    assert pa.ipc.open_stream(b"".join(arrow_chunks(table))).read_all() == table
    text = b"".join(csv_chunks(table))
    if "\x00" not in str(rows) and "\r" not in str(rows):
        back = pa_csv.read_csv(
            io.BytesIO(text),
            parse_options=pa_csv.ParseOptions(newlines_in_values=True),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict(kinds), strings_can_be_null=True, quoted_strings_can_be_null=False
            ),
        )
        assert back == table
