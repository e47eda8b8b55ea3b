"""Sizes: files and functions stay small enough to be read at one sitting."""

from __future__ import annotations

import ast

from tests.house.source import ROOT, modules

FILE_LINES = 400
FUNCTION_LINES = 60
CONTRACT_METHODS = 6

LARGE_CONTRACTS = {"Door": "every operation of users is one method; its two faces must agree"}


def test_files_are_short():
    assert not [f"{m.path}: {m.lines}" for m in modules() if m.lines > FILE_LINES]


def test_functions_are_short():
    long = [
        f"{m.path}: {node.name} has {length} lines"
        for m in modules()
        for node in ast.walk(m.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or 0) - node.lineno + 1) > FUNCTION_LINES
    ]
    assert not long


def test_package_files_define_nothing():
    defining = [
        m.path
        for m in modules()
        if m.name == "__init__.py"
        and any(
            isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            for node in m.tree.body
        )
    ]
    assert not defining


def test_contracts_have_at_most_six_methods():
    large = [
        f"{m.path}: {node.name} has {methods}"
        for m in modules()
        if m.name == "base.py"
        for node in m.tree.body
        if isinstance(node, ast.ClassDef) and node.name not in LARGE_CONTRACTS
        if (
            methods := sum(
                any("abstractmethod" in ast.unparse(one) for one in member.decorator_list)
                for member in node.body
                if isinstance(member, ast.FunctionDef)
            )
        )
        > CONTRACT_METHODS
    ]
    assert not large


def test_every_contract_has_a_suite():
    suites = {path.stem for path in (ROOT / "tests" / "contracts").glob("*.py")}
    assert {path.parent.name for path in (ROOT / "polly_resources").glob("*/base.py")} <= suites
