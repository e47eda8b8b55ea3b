"""The project's own source, for the tests that hold its rules.

Owns finding and parsing modules. Keep out: the rules.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("polly_resources", "polly_assets", "polly_api", "polly_client")


@dataclass(frozen=True)
class Module:
    """One source file, parsed."""

    path: str
    tree: ast.Module
    lines: int

    @property
    def name(self) -> str:
        """The file's name without folder."""
        return self.path.rpartition("/")[2]

    def imports(self, *, on_load: bool = False) -> Iterator[str]:
        """Dotted names that the module imports; `on_load`: only those its import runs."""
        for node in _on_load(self.tree) if on_load else ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _on_load(node: ast.AST) -> Iterator[ast.AST]:
    """Nodes outside functions and `if TYPE_CHECKING`."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child
        yield from _on_load(child)


@cache
def modules() -> tuple[Module, ...]:
    """Every module of the four packages."""
    return tuple(
        Module(path.relative_to(ROOT).as_posix(), ast.parse(text), text.count("\n"))
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        for text in [path.read_text(encoding="utf-8")]
    )


def below(name: str, *roots: str) -> bool:
    """Whether a dotted name is one of these packages or inside one."""
    return any(name == root or name.startswith(f"{root}.") for root in roots)
