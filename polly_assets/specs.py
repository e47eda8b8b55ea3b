"""Table specifications become asset specifications.

Owns the mapping: asset = table, with its description, columns and owner in the UI.
Keep out: what assets do.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import dagster as dg

from polly_assets.partitions import SHARDS
from polly_resources.tables.base import TableSpec

OWNER = "team:data-engineering"
CODE_VERSION = "1"


def table_asset(
    spec: TableSpec, group: str, deps: Iterable[str] = (), kinds: Iterable[str] = ("deltalake",)
) -> dg.AssetSpec:
    """The asset of an atlas table."""
    return dg.AssetSpec(
        key=spec.name,
        description=spec.description,
        deps=list(deps),
        group_name=group,
        owners=[OWNER],
        kinds=set(kinds),
        code_version=CODE_VERSION,
        partitions_def=SHARDS,
        metadata={"dagster/column_schema": column_schema(spec)},
    )


def column_schema(spec: TableSpec) -> dg.TableSchema:
    """The columns of a table as the UI shows them."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=column.name,
                type=str(column.type),
                description=column.description,
                constraints=dg.TableColumnConstraints(nullable=column.nullable),
            )
            for column in spec.columns
        ]
    )


def check_specs(names: Sequence[str], asset: str) -> list[dg.AssetCheckSpec]:
    """Check specifications of one asset, described in `checks.CHECKS`."""
    from polly_assets.checks import CHECKS

    return [dg.AssetCheckSpec(name=name, asset=asset, description=CHECKS[name]) for name in names]
