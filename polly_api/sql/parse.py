"""Text to one statement: a query as a tree, or a listing; everything else is refused.

Owns the gate by kind of statement: only SELECT, WITH, VALUES, TABLE, SHOW and DESCRIBE
pass. Keep out: what the words inside a query may be (`gate`) and mean (`names`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import ParseError, TokenError
from sqlglot.tokenizer_core import Token, TokenType

from polly_api.sql.places import place_at
from polly_resources.errors import BadQuery

MAX_LENGTH = 1_000_000
"""Characters a statement may have; Trino's own default."""

_QUERIES = frozenset({"(", "SELECT", "TABLE", "VALUES", "WITH"})
_READ_ONLY = frozenset(
    re.findall(
        r"\w+",
        "ALTER ANALYZE ATTACH CALL COMMENT COMMIT COPY CREATE DEALLOCATE DELETE DENY DETACH DROP"
        " EXECUTE EXPLAIN EXPORT GRANT IMPORT INSERT INSTALL LOAD MERGE MSCK PRAGMA PREPARE"
        " REFRESH RESET REVOKE ROLLBACK SET START TRUNCATE UNLOAD UPDATE USE VACUUM",
    )
)
_ONLY = "statements begin with SELECT, WITH, SHOW or DESCRIBE"
_MISSING = re.compile(r"Required (?:keyword|argument)s?: .* missing for <class '.*\.(\w+)'>")
_LISTINGS = "write SHOW SCHEMAS, SHOW TABLES IN atlas, or DESCRIBE atlas.table"


@dataclass(frozen=True, slots=True)
class Listing:
    """SHOW SCHEMAS (no schema), SHOW TABLES (no table) or DESCRIBE, with where it names what."""

    schema: str = ""
    table: str = ""
    like: str = ""
    place: str = ""


def parse(query: str) -> exp.Query | Listing:
    """The one statement that the text holds.

    Raises BadQuery: `read_only` for statements that are no queries or more than one,
    `syntax_error` with the place, `query_too_large` for endless text.
    """
    tokens = _tokens(query)
    first = tokens[0].text.upper()
    if first in {"SHOW", "DESCRIBE", "DESC"}:
        return _listing(query, tokens)
    if first in _READ_ONLY:
        raise BadQuery("read_only", f"{first} is refused: SQL here only reads", hint=_ONLY)
    if first not in _QUERIES:
        raise _syntax(query, tokens[0], f"a statement cannot begin with {tokens[0].text!r}")
    if first == "WITH" and len(tokens) > 1 and tokens[1].text.upper() == "FUNCTION":
        raise BadQuery(
            "not_supported",
            "WITH FUNCTION is not supported",
            place=place_at(query, tokens[1].start),
            hint="write the expression in the query",
        )
    return _tree(query, tokens)


def _tokens(query: str) -> list[Token]:
    if len(query) > MAX_LENGTH:
        raise BadQuery(
            "query_too_large",
            f"the statement has {len(query):,} characters, at most {MAX_LENGTH:,} are read",
            hint="join with a query instead of listing values",
        )
    try:
        found = list(Dialect.get_or_raise("trino").tokenize(query))
    except TokenError as error:
        raise BadQuery(
            "syntax_error", f"cannot read the statement: {error}", hint="close every quote"
        ) from None
    if found and found[0].text.upper() == "SHOW":
        found = [found[0], *_after_show(query, found[0].end + 1)]
    while found and found[-1].token_type == TokenType.SEMICOLON:
        found.pop()
    if not found:
        raise BadQuery("syntax_error", "the statement is empty", hint=_ONLY)
    for token in found:
        if token.token_type == TokenType.SEMICOLON:
            raise BadQuery(
                "read_only",
                "there is more than one statement",
                place=place_at(query, token.start),
                hint="send one statement at a time",
            )
    return _split_numbers(found)


def _after_show(query: str, start: int) -> list[Token]:
    """The words after SHOW, which the tokenizer takes for one text."""
    rest = Dialect.get_or_raise("trino").tokenize(query[start:])
    return [
        Token(t.token_type, t.text, t.line, t.col, t.start + start, t.end + start) for t in rest
    ]


def _split_numbers(tokens: Sequence[Token]) -> list[Token]:
    """Read `1655454542384.datasets` as schema, dot, table: atlas ids may be numbers."""
    out: list[Token] = []
    for token, after in zip(tokens, [*tokens[1:], None], strict=True):
        glued = after is not None and after.start == token.end + 1
        if token.token_type != TokenType.NUMBER or not token.text.endswith(".") or not glued:
            out.append(token)
            continue
        end = token.end
        out.append(
            Token(
                TokenType.IDENTIFIER, token.text[:-1], token.line, token.col, token.start, end - 1
            )
        )
        out.append(Token(TokenType.DOT, ".", token.line, token.col, end, end))
    return out


def _tree(query: str, tokens: list[Token]) -> exp.Query:
    try:
        trees = Dialect.get_or_raise("trino").parser().parse(tokens, query)
    except ParseError as error:
        raise _from_parse_error(query, error) from None
    except RecursionError:
        raise BadQuery(
            "query_too_large", "the statement is nested too deeply", hint="use IN or a join"
        ) from None
    tree = trees[0]
    if isinstance(tree, exp.Values):
        return exp.select("*").from_(tree)
    if len(trees) != 1 or not isinstance(tree, exp.Query):
        raise BadQuery("read_only", "the statement is no query", hint=_ONLY)
    return tree


def _from_parse_error(query: str, error: ParseError) -> BadQuery:
    details = error.errors[0] if error.errors else {}
    line, end = details.get("line"), details.get("col")
    text = str(details.get("description") or error).split(" but got ")[0]
    text = _MISSING.sub(r"something is missing in \1", text)
    found = str(details.get("highlight") or "").strip()
    near = f", found {found!r}" if found else ""
    place = ""
    if isinstance(line, int) and isinstance(end, int):
        place = f"line {line}, column {max(1, end - len(found) + 1)}"
    return BadQuery("syntax_error", f"{text.rstrip('. ')}{near}", place=place)


def _syntax(query: str, token: Token, message: str) -> BadQuery:
    return BadQuery("syntax_error", message, place=place_at(query, token.start), hint=_ONLY)


def _listing(query: str, tokens: list[Token]) -> Listing:
    """SHOW and DESCRIBE. `words` are upper case; names keep theirs."""
    words = [token.text.upper() for token in tokens]
    if words[0] != "SHOW":
        return _named(query, tokens[1 + (words[1:2] == ["TABLE"]) :], 2)
    what = words[1] if len(words) > 1 else ""
    like, rest = "", tokens[2:]
    if len(rest) >= 2 and words[-2] == "LIKE" and rest[-1].token_type == TokenType.STRING:
        like, rest = rest[-1].text, rest[:-2]
    if what in {"SCHEMAS", "DATABASES"} and not rest:
        return Listing(like=like)
    if what in {"TABLES", "COLUMNS"} and rest and rest[0].text.upper() in {"IN", "FROM"}:
        found = _named(query, rest[1:], 1 if what == "TABLES" else 2)
        return Listing(found.schema, found.table, like, found.place)
    place = place_at(query, tokens[min(1, len(tokens) - 1)].start)
    raise BadQuery("syntax_error", f"cannot show {what or 'nothing'}", place=place, hint=_LISTINGS)


def _named(query: str, tokens: Sequence[Token], parts: int) -> Listing:
    dots = [token.text == "." for token in tokens]
    if dots != [False, True, False][: 2 * parts - 1]:
        found = "".join(token.text for token in tokens) or "nothing"
        raise BadQuery("syntax_error", f"expected a name, found {found!r}", hint=_LISTINGS)
    place = place_at(query, tokens[0].start)
    return Listing(tokens[0].text, tokens[2].text if parts == 2 else "", place=place)
