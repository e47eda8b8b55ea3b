"""The tables of samples: which columns count, and where their values go.

Owns the choice of the id and value columns, and putting values away as soon as a table was read,
so that a family of any size needs the memory of one table. Rules:

- `ID_REF` identifies features and `VALUE` is the value, in any case.
- A table of SAGE has `TAG` for the one, and `COUNT` or `TAG_COUNT` for the other.

Keep out: lining tables up (`align`), and what a dataset holds (`study`).
"""

from __future__ import annotations

from collections.abc import Sequence

from polly_assets.ingest.formats.geo import common
from polly_assets.ingest.formats.geo.align import Alignment
from polly_assets.ingest.formats.geo.entities import Entity, Loaded
from polly_assets.ingest.formats.geo.table import LOST_TABS, Table
from polly_resources.errors import BadInput


def put_away(sample: Entity, aligned: Alignment) -> None:
    """Gives the values of a sample's table to `aligned`; a fault in it becomes the sample's."""
    table, sample.table = sample.table, None
    if table is None or sample.fault is not None:
        return
    try:
        sample.loaded = _loaded(table, aligned)
    except BadInput as error:
        sample.fault = error


def _loaded(table: Table, aligned: Alignment) -> Loaded:
    if table.empty:
        return Loaded(0)
    key, value = columns_of(table)
    others = tuple(n for i, n in enumerate(table.header) if n and i not in (key, value))
    if value is None:
        return Loaded(table.row_count, others)
    found = table.numbers(key, [value])
    column, repeats = aligned.add(found.keys, found.values[:, 0])
    return Loaded(found.rows, others, column, repeats, found.errors)


def columns_of(table: Table) -> tuple[int, int | None]:
    """Where ids and values are in a sample's table. Raises BadInput `no_id_column`."""
    header, key = table.header, id_column(table, "ID_REF")
    sage = header[key].upper() == "TAG"
    return key, find(header, "VALUE", *(("COUNT", "TAG_COUNT") if sage else ()))


def find(header: Sequence[str], *names: str) -> int | None:
    """Where the first of the names is that the header has."""
    upper = [found.upper() for found in header]
    return next((upper.index(name) for name in names if name in upper), None)


def id_column(table: Table, name: str) -> int:
    """Where the column of this name is, or that of tags. Raises BadInput `no_id_column`."""
    found = find(table.header, name, "TAG")
    if found is None:
        spaced = len(table.header) == 1 and len(table.header[0].split()) > 1
        raise table.text.fault(
            "no_id_column",
            f"found columns {common.named(table.header) or 'none'}, expected {name} among them",
            table.header_line,
            hint=LOST_TABS if spaced else f"the column of feature ids must be called {name}",
        )
    return found
