"""Rows of text read natively, by polars and carefully: one answer, whatever the bytes."""

from __future__ import annotations

import math
import random
import struct
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polly_assets.ingest.formats.streams import table
from polly_assets.ingest.formats.streams.lines import Stretch
from polly_assets.ingest.formats.streams.table import Layout, Table, read_blocks, read_table
from polly_assets.native import text as native
from polly_assets.native.compiled import compiled
from polly_resources.errors import BadInput

needs_compiled = pytest.mark.usefixtures("text_module")


def layout(kinds: str, **more: object) -> Layout:
    """`t` for a column of text, `n` for one of numbers."""
    return Layout(
        tuple(f"C{i}" for i in range(len(kinds))), tuple(k == "t" for k in kinds), 1, **more
    )  # type: ignore[arg-type]


def answer(body: str, how: Layout) -> object:
    try:
        found = read_table(body.encode(), 0, how, "x")
    except BadInput as error:
        return error.code, error.place, error.message
    bits = found.values.astype(np.float64)
    bits[np.isnan(bits)] = math.nan
    return found.text.rows(), found.values.dtype, bits.view(np.int64).tolist()


def carefully(body: str, how: Layout, monkeypatch: pytest.MonkeyPatch) -> object:
    with monkeypatch.context() as patch:
        patch.setattr(native, "parse", lambda *args, **more: None)
        return answer(body, how)


def without_compiled(body: str, how: Layout, monkeypatch: pytest.MonkeyPatch) -> object:
    with monkeypatch.context() as patch:
        patch.setenv("POLLY_NATIVE", "0")
        return answer(body, how)


NUMBERS = (
    "0", "-0", "0.0", "-0.0", "1", "+1", "-1", "1.", ".5", "-.5", "+.5", "007", "00.10", "1.5",
    "12345678", "123456789", "1234567.8", "12345678.9", "0.1234567", "0.12345678", "0.123456789",
    "1.2345678901234567", "9007199254740992", "9007199254740993", "9007199254740993.0",
    "123456.1234567890123", "1e5", "1E5", "1e+5", "1.5e-7", "1e22", "1e23", "1e308", "1e309",
    "-1e400", "1e-400", "5e-324", "2.5e-324", "2.2250738585072011e-308", "1e0000000000000000005",
    "0." + "0" * 400 + "1", "1" * 400, "9" * 19, "9" * 20, "9223372036854775807",
    "-9223372036854775808", "9223372036854775808", "inf", "-Inf", "+INFINITY", "nan", "-nan",
)  # fmt: skip
MISSING = (
    "",
    "NA",
    "na",
    "NaN",
    "N/A",
    "#N/A",
    "<NA>",
    "None",
    "null",
    "NULL",
    " ",
    " NA ",
    '"NA"',
    '""',
    '" "',
)
WRONG = (
    "abc", "1_0", "0x10", "1e", "e5", "1e+", ".", "-", "+", "--1", "+-1", "-+1", "1.2.3", "1,5",
    "1 2", "nan(1)", "infin", "-NA", "1f", "1d5", '"1', '1"', '"', "\u0661", "1\u00a0", "\u00a0",
    "é", "1\x0b2", "1-2", "1e5.0", "1/2", "1:", "12345678:", "1.234567x", "12345678.1x",
)  # fmt: skip
PADDED = (" 1", "1 ", "\x0b1", '"1.5"', '" 1"', '"1"2"', '""1""', "'1'")
CELLS = st.sampled_from((*NUMBERS, *MISSING, *WRONG, *PADDED))
GOOD = st.sampled_from((*NUMBERS, *MISSING))
NAMES = st.sampled_from(
    ("g1", "", " ", "TP53", "é", "\u00a0", '"q"', '"a""b"', '5" UTR', '"', '""', "x" * 70, "名")
)


@pytest.mark.parametrize("cell", [*NUMBERS, *MISSING, *WRONG, *PADDED])
@pytest.mark.parametrize("place", ["far", "end"])
@pytest.mark.parametrize("integers", [False, True])
@pytest.mark.parametrize("csv_quotes", [False, True])
def test_every_cell_means_the_same_to_all(
    cell: str, place: str, integers: bool, csv_quotes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    behind = "h\t1\n" * (20 if place == "far" else 0)
    how = layout("tn", integers=integers, csv_quotes=csv_quotes)
    body = f"g\t{cell}\n{behind}"
    expected = carefully(body, how, monkeypatch)
    assert answer(body, how) == expected
    if csv_quotes and '"' in cell:
        return  # polars is stricter about quotes
    assert without_compiled(body, how, monkeypatch) == expected


@needs_compiled
@pytest.mark.parametrize("cell", [*NUMBERS, *MISSING])
def test_numbers_and_missing_cells_need_no_care(cell: str) -> None:
    found = native.parse(f"g\t{cell}\n".encode(), 0, (True, False))
    assert found is not None
    plain = cell.strip(' "')
    expected = math.nan if plain.lower() in table.MISSING else float(plain)
    assert struct.pack("d", abs(found[0].values[0, 0])) == struct.pack("d", abs(expected))


ROW = st.one_of(
    st.lists(st.one_of(NAMES, CELLS), min_size=0, max_size=5),
    st.tuples(NAMES, GOOD, GOOD, NAMES).map(list),
)


@settings(deadline=None, max_examples=400)
@given(
    st.lists(ROW, min_size=1, max_size=6),
    st.sampled_from(["tnnt", "tnn", "ttnn", "nnt"]),
    st.sampled_from(["\t", ",", ";"]),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["\n", "\n\n", "\n \n"]),
    st.integers(0, 9),
)
def test_odd_rows_mean_the_same_to_all(
    rows: list[list[str]],
    kinds: str,
    separator: str,
    integers: bool,
    csv_quotes: bool,
    end: str,
    behind: int,
) -> None:
    body = end.join(separator.join(row) for row in rows) + "\n"
    body += (separator.join("12.5" if kind == "n" else "h" for kind in kinds) + "\n") * behind
    how = layout(kinds, separator=separator, integers=integers, csv_quotes=csv_quotes)
    patch = pytest.MonkeyPatch()
    assert answer(body, how) == carefully(body, how, patch)


@needs_compiled
@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=300), st.integers(1, 5), st.booleans(), st.booleans())
def test_no_bytes_do_harm(junk: bytes, width: int, csv_quotes: bool, integers: bool) -> None:
    kinds = [column % 2 == 0 for column in range(width)]
    runs = native.parse(junk + b"\n", 0, kinds, csv_quotes=csv_quotes, integers=integers)
    for run in runs or ():
        assert run.values.shape[1] == kinds.count(False)
        assert len(run.text) == kinds.count(True)


@settings(deadline=None, max_examples=300)
@given(st.floats(allow_nan=False), st.sampled_from(["{!r}", "{:.4f}", "{:.7g}", "{:.17g}", "{:e}"]))
def test_floats_are_exact(value: float, form: str) -> None:
    cell = form.format(value)
    body = f"g\t{cell}\n" + "h\t1\n" * 10
    found = read_table(body.encode(), 0, layout("tn"), "x")
    assert struct.pack("d", found.values[0, 0]) == struct.pack("d", float(cell))


SHORT = st.one_of(
    st.from_regex(r"-?[0-9]{0,7}\.?[0-9]{0,7}", fullmatch=True),
    st.sampled_from(("0", "-0", "-0.0", "5.", ".5", "-.5", "99999999", "9999.999", "-999.999")),
)


@settings(deadline=None, max_examples=400)
@given(
    st.lists(st.lists(st.one_of(SHORT, SHORT, CELLS), min_size=9, max_size=9), max_size=4),
    st.sampled_from(["nnnnnnnnn", "tnnnnnnnn", "tnnnntnnn", "nnnntnnnn"]),
    st.sampled_from(["\t", ",", "|"]),
    st.integers(0, 9),
    st.booleans(),
    st.booleans(),
)
def test_numbers_side_by_side_mean_the_same_to_all(
    rows: list[list[str]], kinds: str, separator: str, cut: int, quotes: bool, integers: bool
) -> None:
    rows = [*rows, (rows[0] if rows else ["1.5"] * 9)[:cut]]
    body = "".join(separator.join(row) + "\n" for row in rows)
    how = layout(kinds, separator=separator, csv_quotes=quotes, integers=integers)
    assert answer(body, how) == carefully(body, how, pytest.MonkeyPatch())


@needs_compiled
@settings(deadline=None, max_examples=200)
@given(st.lists(st.tuples(st.integers(-9999999, 9999999), st.integers(0, 7)), min_size=4))
def test_short_decimals_are_exact(parts: list[tuple[int, int]]) -> None:
    cells = [f"{whole / 10**places:.{places}f}"[:8] for whole, places in parts]
    runs = native.parse(
        ("g\t" + "\t".join(cells) + "\n").encode(), 0, (True, *[False] * len(cells))
    )
    assert runs is not None
    expected = struct.pack(f"{len(cells)}d", *map(float, cells))
    assert runs[0].values.tobytes() == expected


def large(rows: int, width: int) -> tuple[str, np.ndarray]:
    rng = np.random.default_rng(5)
    values = rng.normal(0, 30, (rows, width)).round(3)
    lines = ["\t".join([f"g{i}", *map(str, row)]) for i, row in enumerate(values.tolist())]
    return "\n".join(lines) + "\n", values


@pytest.mark.parametrize("whole", [True, False])
def test_threads_give_rows_in_order(whole: bool) -> None:
    body, values = large(12_000, 30)
    how = layout("t" + "n" * 30)
    if whole:
        table_of_all = read_table(body.encode(), 0, how, "x")
        text, found = table_of_all.text, table_of_all.values
    else:
        lines = body.encode().splitlines(keepends=True)
        cut = [
            Stretch(b"".join(lines[at : at + 700]), 0, at + 1) for at in range(0, len(lines), 700)
        ]
        text, matrix = read_blocks(cut, how, "x")
        found = np.concatenate([np.asarray(block) for block in matrix.blocks()])
    assert text["c0"].to_list() == [f"g{i}" for i in range(12_000)]
    np.testing.assert_array_equal(found, values)


@pytest.mark.parametrize("wrong", [0, 1, 5, 11])
def test_the_first_fault_of_all_blocks_is_told(wrong: int) -> None:
    blocks = [Stretch(b"g\tx\n" if at >= wrong else b"g\t1\n", 0, at + 1) for at in range(12)]
    with pytest.raises(BadInput) as caught:
        read_blocks(blocks, layout("tn"), "x")
    assert (caught.value.code, caught.value.place) == (
        "not_a_number",
        f"line {wrong + 1}, column 2",
    )


@needs_compiled
def test_blank_lines_take_no_memory() -> None:
    width = 100_000
    body = b"\n" * 200_000 + b"g" + b"\t1" * (width - 1) + b"\n"
    runs = native.parse(body, 0, [True] + [False] * (width - 1))
    assert runs is not None
    assert sum(len(run.values) for run in runs) == 1
    assert sum(run.values.base.nbytes for run in runs) < 5_000_000


def test_what_is_not_text_by_rows_is_refused(text_module: Any) -> None:
    module = text_module
    good = (b"a\t1\n", 0, 4, b"\t", b"\1\0", False, False, 1)
    assert len(module.parse(*good)) == 1
    wrongs = [(0, b"a\t1"), (1, -1), (1, 4), (2, 5), (2, 3), (3, b"\n"), (4, b""), (7, 0)]
    for position, wrong in wrongs:
        with pytest.raises(ValueError, match="expected"):
            module.parse(*good[:position], wrong, *good[position + 1 :])


def test_census() -> None:
    rng = random.Random(3)
    for _ in range(200):
        data = bytes(rng.choices(b"abc\n\r\0\xc3", [90, 9, 9, 9, 1, 1, 1], k=rng.randrange(400)))
        expected = (data.count(b"\n"), data.isascii(), b"\r" in data or b"\0" in data)
        assert native.census(data) == expected


def test_without_compiled_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLLY_NATIVE", "0")
    assert compiled("_text") is None
    assert native.census(b"a\r\n") == (1, True, True)
    body, values = large(50, 4)
    read: Table = read_table(body.encode(), 0, layout("tnnnn"), "x")
    np.testing.assert_array_equal(read.values, values)
    assert isinstance(read.text, pl.DataFrame)


def test_a_module_that_is_not_there() -> None:
    assert compiled("_nothing") is None
