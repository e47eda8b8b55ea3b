"""The `recommend` macro: a text in, the ontology labels that match it or relate to it out.

`CONTAINS(curated_disease, recommend('curated_disease', 'breast neoplasms', 'related'))`
holds where the column has any of the labels. Keep out: ontologies; the caller expands.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlglot import exp

from polly_api.sql.places import place_of
from polly_resources.errors import BadQuery

Expand = Callable[[str, str, str], Sequence[str]]
"""Field (without `curated_`), text and mode (`match`, `related`, ...) to labels."""

_USAGE = "write recommend('curated_disease', 'breast neoplasms', 'related')"


def replace_recommend(tree: exp.Query, query: str, expand: Expand) -> None:
    """Replace each call by the array of its labels, and CONTAINS of two arrays by overlap.

    Raises BadQuery where arguments are not two or three texts, and what `expand` raises.
    """
    for call in list(tree.find_all(exp.Anonymous)):
        if call.name.lower() == "recommend":
            call.replace(_array(expand(*_arguments(call, query))))
    for contains in list(tree.find_all(exp.ArrayContains)):
        if isinstance(_bare(contains.expression), (exp.Array, exp.Cast)) and _is_array(contains):
            contains.replace(
                exp.Anonymous(
                    this="ARRAYS_OVERLAP", expressions=[contains.this, _bare(contains.expression)]
                )
            )


def _arguments(call: exp.Anonymous, query: str) -> tuple[str, str, str]:
    given = call.expressions
    if len(given) not in {2, 3} or not all(
        isinstance(item, exp.Literal) and item.is_string for item in given
    ):
        raise BadQuery(
            "bad_arguments",
            "recommend takes two or three texts in single quotes",
            place=place_of(query, call),
            hint=_USAGE,
        )
    field, text, mode = [*(item.name.strip() for item in given), "match"][:3]
    return field.lower().removeprefix("curated_"), text, " ".join(mode.lower().split())


def _array(labels: Sequence[str]) -> exp.Expr:
    array = exp.Array(expressions=[exp.Literal.string(label) for label in labels])
    return array if labels else exp.cast(array, "array(varchar)", dialect="trino")


def _bare(node: exp.Expr) -> exp.Expr:
    return node.unnest()


def _is_array(contains: exp.ArrayContains) -> bool:
    second = _bare(contains.expression)
    if isinstance(second, exp.Cast):
        return bool(second.args["to"].is_type(exp.DType.ARRAY))
    return not isinstance(_bare(contains.this), exp.Array)
