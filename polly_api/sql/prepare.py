"""The public face of the SQL door: a user's text in, a checked statement or a listing out.

Keep out: everything else; each step has its own module.
"""

from __future__ import annotations

import pyarrow as pa

from polly_api.sql.catalog import Catalog
from polly_api.sql.gate import check
from polly_api.sql.listing import answer
from polly_api.sql.names import resolve
from polly_api.sql.parse import Listing, parse
from polly_api.sql.recommend import Expand, replace_recommend
from polly_resources.errors import BadQuery
from polly_resources.query.base import Statement


def prepare(query: str, catalog: Catalog, expand: Expand) -> Statement | pa.Table:
    """A statement to run, or the answer itself for SHOW and DESCRIBE.

    Args:
        query: One statement in Trino's dialect.
        catalog: The tables that it may read.
        expand: `(field, text, mode)` to the labels that `recommend` stands for.

    Raises:
        BadQuery: with a code (`read_only`, `syntax_error`, `not_supported`,
            `unknown_function`, `unknown_schema`, `unknown_table`, `unknown_column`,
            `bad_arguments`, `query_too_large`), the place and the nearest names.
    """
    parsed = parse(query)
    if isinstance(parsed, Listing):
        return answer(parsed, catalog)
    try:
        check(parsed, query)
        replace_recommend(parsed, query, expand)
        return resolve(parsed, query, catalog)
    except RecursionError:
        raise BadQuery(
            "query_too_large", "the statement is nested too deeply", hint="use IN or a join"
        ) from None
