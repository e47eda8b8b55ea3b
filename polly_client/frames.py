"""Arrow tables in the user's table library, without loss.

Keep out: where the tables come from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from polly_api.words import Misconfigured

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa


def to_polars(table: pa.Table) -> pl.DataFrame:
    """The table as a polars frame; a repeated column name gets a number."""
    import polars as pl

    from polly_api.rows import unique_columns

    frame = pl.from_arrow(unique_columns(table))
    assert isinstance(frame, pl.DataFrame)
    return frame


def to_pandas(table: pa.Table) -> pd.DataFrame:
    """The table as a pandas frame with nullable types: missing stays missing.

    Raises:
        Misconfigured: pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError as error:
        missing("pandas", "pandas", error)
    import pyarrow as pa

    from polly_api.rows import unique_columns

    kinds = {
        pa.bool_(): pd.BooleanDtype(),
        pa.int8(): pd.Int8Dtype(),
        pa.int16(): pd.Int16Dtype(),
        pa.int32(): pd.Int32Dtype(),
        pa.int64(): pd.Int64Dtype(),
        pa.uint8(): pd.UInt8Dtype(),
        pa.uint16(): pd.UInt16Dtype(),
        pa.uint32(): pd.UInt32Dtype(),
        pa.uint64(): pd.UInt64Dtype(),
    }
    frame: pd.DataFrame = unique_columns(table).to_pandas(types_mapper=kinds.get)
    return frame


def missing(package: str, requirement: str, error: ImportError) -> NoReturn:
    """Raise Misconfigured for an optional package that is not installed."""
    raise Misconfigured(
        "missing_package",
        f"{package} is needed for this and is not installed",
        hint=f"pip install '{requirement}'",
    ) from error
