"""Sparse loops: the compiled and the numpy way give the same arrays, and scipy's."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from polly_assets.native import sparse

WAYS = ("1", "0")
EACH = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(params=WAYS)
def way(request, monkeypatch):
    monkeypatch.setenv("POLLY_NATIVE", request.param)
    if request.param == "1":
        request.getfixturevalue("sparse_module")
    return request.param


def drawn(data, rows: int = 6, bound: int = 9) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Offsets, keys and values of random rows; keys may be repeated and in any order."""
    sizes = data.draw(st.lists(st.integers(0, 7), min_size=1, max_size=rows))
    indptr = np.concatenate(([0], np.cumsum(sizes))).astype(np.int64)
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    key = data.draw(st.sampled_from(["int32", "int64"]))
    kind = data.draw(st.sampled_from(["int32", "int64", "float32", "float64"]))
    count = int(indptr[-1])
    return (
        indptr,
        rng.integers(0, bound, count).astype(key),
        rng.integers(-5, 5, count).astype(kind),
    )


@EACH
@given(data=st.data())
def test_transpose_and_group_are_stable_sorts(way, data):
    indptr, keys, values = drawn(data)
    found = sparse.transpose(indptr, keys, values, 9, first=3)
    majors = np.repeat(np.arange(3, 3 + len(indptr) - 1, dtype=np.int32), np.diff(indptr))
    order = np.argsort(keys, kind="stable")
    for rows in (found, sparse.group(majors, keys, values, 9)):
        assert np.array_equal(rows.indptr[1:], np.cumsum(np.bincount(keys, minlength=9)))
        assert rows.minors.tolist() == majors[order].tolist()
        assert (rows.values.dtype, rows.values.tolist()) == (values.dtype, values[order].tolist())


@pytest.mark.parametrize("kind", ["int32", "int64"])
@pytest.mark.parametrize("order", ["rising", "falling", "any", "repeated"])
@pytest.mark.parametrize("per_row", [2, 900])
def test_many_keys_in_bands(way, kind, order, per_row):
    rng = np.random.default_rng(per_row)
    bound = 40_000
    rows = [rng.choice(bound, rng.integers(1, 1 + per_row), replace=False) for _ in range(30)]
    if order != "any":
        rows = [np.sort(row)[:: -1 if order == "falling" else 1] for row in rows]
    if order == "repeated":
        rows[7] = np.repeat(rows[8], 2)
    keys = np.concatenate(rows).astype(kind)
    values = rng.random(len(keys))
    indptr = np.cumsum([0, *map(len, rows)])
    majors = np.repeat(np.arange(30, dtype=np.int32), np.diff(indptr))
    by_key = np.argsort(keys, kind="stable")
    backwards = sparse.group(majors[::-1], keys[::-1], values[::-1], bound)
    for found in (
        sparse.transpose(indptr, keys, values, bound),
        sparse.group(majors, keys, values, bound),
    ):
        assert np.array_equal(np.diff(found.indptr), np.bincount(keys, minlength=bound))
        assert np.array_equal(found.minors, majors[by_key])
        assert np.array_equal(found.values, values[by_key])
        assert found.rising == (order != "repeated" and way == "1")
        assert np.array_equal(backwards.indptr, found.indptr)
    assert sparse.sort_rows(backwards) == (len(rows[8]) if order == "repeated" else 0)
    assert np.array_equal(backwards.minors, majors[by_key])


def test_no_keys(way):
    places, values = np.zeros(0, np.int32), np.zeros(0, np.float32)
    for bound in (0, 3):
        found = sparse.transpose(np.zeros(1, np.int64), places, values, bound)
        assert found.indptr.tolist() == [0] * (bound + 1)
        assert sparse.group(places, places, values, bound).indptr.tolist() == [0] * (bound + 1)
    with pytest.raises(sparse.KeyOutOfRange):
        sparse.group(np.zeros(1, np.int32), np.zeros(1, np.int32), np.ones(1), 0)


@EACH
@given(data=st.data())
def test_sort_rows_and_examine(way, data):
    indptr, keys, values = drawn(data)
    rows = sparse.Rows(indptr, keys.astype(np.int32), values.copy())
    repeated = sparse.sort_rows(rows)
    order = np.lexsort((keys, np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))))
    assert rows.minors.tolist() == keys[order].tolist()
    assert rows.values.tolist() == values[order].tolist()
    x = sp.csr_matrix((np.ones(len(keys)), keys.copy(), indptr), (len(indptr) - 1, 9))
    x.sum_duplicates()
    assert repeated == len(keys) - x.nnz
    assert sparse.examine(indptr, rows.minors, 9) == (repeated == 0)
    assert sparse.examine(indptr, keys, 9) == (
        keys.tolist() == rows.minors.tolist() and not repeated
    )


@EACH
@given(sizes=st.lists(st.lists(st.integers(0, 4), min_size=5, max_size=5), min_size=1, max_size=4))
def test_regroup(way, sizes):
    sizes = np.array(sizes, np.int64)
    data = np.arange(sizes.sum(), dtype=np.float32)
    runs = [
        np.split(part, np.cumsum(own)[:-1])
        for part, own in zip(np.split(data, np.cumsum(sizes.sum(axis=1))[:-1]), sizes, strict=True)
    ]
    expected = [x for row in range(5) for run in runs for x in run[row].tolist()]
    assert sparse.regroup(sizes, data).tolist() == expected


@pytest.mark.parametrize("kind", ["int8", "int16", "float32", "float64"])
def test_weave(way, kind):
    values = np.random.default_rng(0).integers(-100, 100, 37).astype(kind)
    planes = values.view(np.uint8).reshape(37, -1).T.tobytes()
    assert sparse.weave(planes, values.dtype).tolist() == values.tolist()


@pytest.mark.parametrize("wrong", [-1, 9, 2**40])
def test_keys_out_of_range(way, wrong):
    indptr, values = np.array([0, 2, 3]), np.ones(3, "f4")
    keys = np.array([0, 8, wrong])
    majors = np.zeros(3, np.int32)
    for call in (
        lambda: sparse.transpose(indptr, keys, values, 9),
        lambda: sparse.group(majors, keys, values, 9),
        lambda: sparse.examine(indptr, keys, 9),
    ):
        with pytest.raises(sparse.KeyOutOfRange) as caught:
            call()
        assert (caught.value.at, caught.value.key) == (2, wrong)


KINDS = {"i": "int32", "w": "int64", "r": "float64", "p": None}
NUMBERS = st.one_of(
    st.integers(-(10**17), 10**17).map(str),
    st.integers(0, 99999999).map(lambda n: f"{n:08d}"),
    st.floats(allow_nan=False).map(repr),
    st.sampled_from(["+5", "-0", "1.", ".5", "1e5", "1E-7", "inf", "-Infinity", "007", "1.5e+3"]),
)


@EACH
@given(
    cells=st.lists(st.tuples(st.integers(1, 10**9), st.integers(1, 10**7), NUMBERS), max_size=12),
    blanks=st.sampled_from([" ", "\t", "  ", " \t"]),
    ending=st.sampled_from(["\n", " \n", "\n\n"]),
    last=st.booleans(),
)
def test_real_entries_are_pythons_floats(way, cells, blanks, ending, last):
    text = ending.join(blanks.join(map(str, cell)) for cell in cells) + ("\n" if last else "")
    found = sparse.parse_triples(
        text.encode(), 0, (10**9, 10**7), sparse.room(True, "float64", 100)
    )
    assert found.stop == len(text)
    assert found.rows.tolist() == [row - 1 for row, _, _ in cells]
    assert found.columns.tolist() == [column - 1 for _, column, _ in cells]
    assert found.values.tobytes() == np.array([float(v) for _, _, v in cells]).tobytes()


@pytest.mark.parametrize(
    "line",
    [
        *("0 1 2", "4 1 2", "1 3 2", "-1 1 2", "1 1", "1 1 2 3", "1 1 x", "1 1 2.5", "1 1 0x2"),
        *("a", "1 1 2\0", "1\u00a01 2", "1 1 1e400", "1 1 nan(1)", "1.0 1 2", "1 1 --2", "1 1 +-2"),
        *("99999999999999999999 1 2", "1,1,2", "1 1 2,5", "1 1 1_0", "1 1 ٣", "1 1 2 %", "% 1 1"),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_stops_before_what_is_unusual(way, line, kind):
    """Or, where the kind allows it, reads it; never beyond and never otherwise."""
    before = "1 1\n3 2\n" if kind == "p" else "1 1 7\n3 2 8\n"
    text = f"{before}{line}\n{before}".encode()
    found = sparse.parse_triples(text, 0, (3, 2), sparse.room(True, KINDS[kind], 100))
    fine = {("1 1 2.5", "r"), ("1 1", "p")}
    if line == "1 1 1e400":  # of polars infinity, as of Python; of C++ none
        assert found.stop in (len(before), len(text)) if kind == "r" else found.stop == len(before)
        return
    assert found.stop == (len(text) if (line, kind) in fine else len(before))
    assert found.height == (5 if (line, kind) in fine else 2)


LIMITS = (99_999_999, 40_000)
PLACES = st.tuples(
    st.integers(0, 8).flatmap(lambda digits: st.integers(1, max(1, 10**digits - 1))),
    st.integers(1, 40_000),
    st.integers(0, 8).flatmap(lambda digits: st.integers(0, max(1, 10**digits - 1))),
)


def lines_of(entries) -> list[str]:
    return [f"{row} {column} {value}\n" for row, column, value in entries]


@EACH
@given(
    few=st.lists(PLACES, min_size=1, max_size=9),
    count=st.integers(0, 900),
    room=st.integers(0, 900),
    kind=st.sampled_from(["int32", "int64", "float64"]),
)
def test_many_short_entries(way, few, count, room, kind):
    entries = [few[i * i % len(few)] for i in range(count)]
    lines = lines_of(entries)
    found = sparse.parse_triples("".join(lines).encode(), 0, LIMITS, sparse.room(True, kind, room))
    taken = min(count, room)
    assert (found.height, found.lines) == (taken, taken)
    assert found.stop == sum(map(len, lines[:taken]))
    assert found.values.dtype == kind
    parsed = zip(found.rows.tolist(), found.columns.tolist(), found.values.tolist(), strict=True)
    assert [*parsed] == [(row - 1, column - 1, value) for row, column, value in entries[:taken]]


FINE = [
    "",
    "\t ",
    " 7 1 2",
    "7\t1 2",
    "7 1  2",
    "7 1 2 ",
    "000000007 1 2",
    "7 1 123456789",
    "7 1 -2",
]
WRONG = [
    *("0 1 2", "100000000 1 2", "7 0 2", "7 40001 2", "7 1", "7 1 ", "7  2", "7 1 2 3", "7 1 2x"),
    *("7,1 2", "7 1\0002", "7 1 2:", "7 1 2/", "7 1 \xff", "71 2", "7\v1 2"),
]


@pytest.mark.parametrize("kind", ["int32", "int64", "float64"])
@pytest.mark.parametrize("line", [*FINE, *WRONG])
@pytest.mark.parametrize("before", [0, 3, 170, 173, 395])
def test_one_other_line_among_short_ones(way, line, before, kind):
    """Whatever it follows, it is read as it is alone, or nothing from it on."""
    lines = lines_of((1 + i * 37 % 36_000, 1 + i, i % 120) for i in range(400))
    text = "".join([*lines[:before], f"{line}\n", *lines[before:]]).encode("latin-1")
    found = sparse.parse_triples(text, 0, LIMITS, sparse.room(True, kind, 500))
    if line in FINE:
        values = [i % 120 for i in range(400)]
        if line.strip():
            values.insert(before, int(line.split()[2]))
        assert (found.stop, found.lines, found.values.tolist()) == (len(text), 401, values)
        assert found.rows.tolist()[-1] == 399 * 37 % 36_000
    else:
        assert (found.height, found.stop) == (before, sum(map(len, lines[:before])))


def test_no_more_than_wanted(way):
    text = b"1 1 7\n\n2 2 8\n"
    found = sparse.parse_triples(text, 0, (3, 2), sparse.room(True, "int64", 1))
    assert (found.values.tolist(), text[found.stop :]) == ([7], b"2 2 8\n")
    assert found.lines == 2
    bare = sparse.room(False, "int64", 9)
    assert sparse.parse_triples(b"5\n6\n", 2, None, bare).values.tolist() == [6]


def test_compiled_functions_refuse_what_does_not_fit(sparse_module):
    native = sparse_module
    i8, i4, f4 = np.zeros(2, "i8"), np.zeros(3, "i4"), np.zeros(3, "f4")
    for call in (
        lambda: native.transpose(np.array([0, 9]), i4, f4, i8, i4.copy(), f4.copy(), 4, 4, 0),
        lambda: native.transpose(np.array([0, 3]), i4, f4, i8, i4.copy(), f4.copy(), 8, 4, 0),
        lambda: native.group(i4[:2], i4, f4, i8, i4.copy(), f4.copy(), 4, 4),
        lambda: native.sort_rows(np.array([0, 4]), i4, f4, 4),
        lambda: native.sort_rows(np.array([3, 0]), i4, f4, 4),
        lambda: native.examine(np.array([0, 2]), i4, 9, 4),
        lambda: native.regroup(np.array([1, 5]), f4, f4.copy(), 1, 4),
        lambda: native.regroup(np.array([-1, 4]), f4, f4.copy(), 1, 4),
        lambda: native.weave(b"12345", np.zeros(1, "f4"), 4),
        lambda: native.parse_triples(b"1 1 1\n", 7, True, "w", 3, 3, i4, i4, np.zeros(3, "i8")),
        lambda: native.parse_triples(b"1 1 1\n", 0, True, "w", 3, 3, i4[:1], i4, np.zeros(3, "i8")),
        lambda: native.parse_triples(b"1 1 1\n", 0, True, "i", 3, 3, i4, i4, np.zeros(3, "i8")),
    ):
        with pytest.raises(ValueError, match=r"buffers|sizes"):
            call()
