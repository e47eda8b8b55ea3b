"""The generated parts of the docs: error codes, command reference, SQL tables.

`make docs` renews them; `--check` only says which are stale (exit code 1).
Owns the list of pages with generated parts, and the table of error codes, which is read from the
source. Keep out: prose.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from polly_api.sql import docs as sql
from polly_client.cli import reference as command

ROOT = Path(__file__).parents[1]
PACKAGES = ("polly_resources", "polly_assets", "polly_api", "polly_client")
BEGIN, END = "<!-- {}: begin -->", "<!-- {}: end -->"
KINDS = (
    "BadInput", "BadQuery", "Conflict", "NotFound", "Misconfigured", "Unavailable", "Permanent",
)  # fmt: skip
"""The error classes, in the order of the page."""

FAULTS = {"fault": "BadInput", "kind": "Permanent"}
"""Functions that make an error of their first argument, and the class that they make."""

NOTICES = ("Notice", "note", "notice")
"""Functions that record a warning of their first argument."""


@dataclass(frozen=True, slots=True, order=True)
class Code:
    """One code as the source has it; `…` stands for what is filled in."""

    kind: str
    code: str
    message: str
    hint: str


def codes() -> list[Code]:
    """Every error and warning code of the source, the first message of each."""
    first: dict[tuple[str, str], Code] = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call):
                    for found in _codes_of(node):
                        first.setdefault((found.kind, found.code), found)
    return sorted(first.values())


def _codes_of(call: ast.Call) -> Iterator[Code]:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    kind = FAULTS.get(name) or ("Notice" if name in NOTICES else name)
    arguments = list(call.args)
    if name == "ErrorDetail" and len(arguments) > 1:
        kind, *arguments = "Permanent", *arguments[1:]
    if kind not in (*KINDS, "Notice") or not arguments:
        return
    message = _text(arguments[1]) if len(arguments) > 1 else ""
    hint = next((_text(word.value) for word in call.keywords if word.arg == "hint"), "")
    for code in _choices(arguments[0]):
        yield Code(kind, code, message, hint)


def _choices(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.IfExp):
        yield from _choices(node.body)
        yield from _choices(node.orelse)
    elif isinstance(node, ast.Constant | ast.JoinedStr):
        yield _text(node, "*")


def _text(node: ast.expr, gap: str = "…") -> str:
    """A text of the source, with `gap` for what is filled in."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part, gap) for part in node.values)
    if isinstance(node, ast.BinOp):
        return _text(node.left, gap) + _text(node.right, gap)
    return gap


def errors() -> str:
    """The tables of codes, one per class."""
    parts = []
    for kind in (*KINDS, "Notice"):
        rows = [
            f"| `{one.code}` | {_cell(one.message)} | {_cell(one.hint)} |"
            for one in codes()
            if one.kind == kind
        ]
        title = "Warnings" if kind == "Notice" else kind
        parts.append(
            "\n".join((f"### {title}", "", "| code | message | hint |", "|---|---|---|", *rows))
        )
    return "\n\n".join(parts)


def _cell(text: str) -> str:
    plain = " ".join(text.split()).replace("|", r"\|").replace("<", "&lt;")
    return "" if plain == "…" else plain


def _errors_page(page: str) -> str:
    return _between(page, BEGIN.format("errors"), END.format("errors"), f"\n\n{errors()}\n\n")


def _sql_page(page: str) -> str:
    return _between(page, sql.BEGIN, sql.END, sql.table_docs()[len(sql.BEGIN) : -len(sql.END)])


def _between(page: str, begin: str, end: str, text: str) -> str:
    before, found, rest = page.partition(begin)
    _, also, after = rest.partition(end)
    if not (found and also):
        raise SystemExit(f"a page lacks its marks {begin} {end}")
    return f"{before}{begin}{text}{end}{after}"


PAGES: dict[str, Callable[[str], str]] = {
    "docs/command-line.md": command.renewed,
    "docs/errors.md": _errors_page,
    "docs/sql.md": _sql_page,
}


def main() -> int:
    """Renew the pages, or with `--check` name the stale ones."""
    stale = []
    for name, renewed in PAGES.items():
        path = ROOT / name
        page = path.read_text(encoding="utf-8")
        fresh = renewed(page)
        if fresh != page:
            stale.append(name)
            if "--check" not in sys.argv:
                path.write_text(fresh, encoding="utf-8")
    if stale:
        print(
            ("stale, run `make docs`: " if "--check" in sys.argv else "renewed: ")
            + ", ".join(stale)
        )
    return int(bool(stale) and "--check" in sys.argv)


if __name__ == "__main__":
    sys.exit(main())
