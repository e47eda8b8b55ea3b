"""Gaps of contracts are honest: they name tests that exist."""

from __future__ import annotations

pytest_plugins = ["pytester"]

SUITE = """
from tests.contracts.gaps import never, notyet

class TestBackend:
    GAPS = {"test_absent": never("no such thing"), "test_owed": notyet("to do")}
    def test_absent(self): assert False
    def test_owed(self): assert False
    def test_held(self): pass
"""


def test_a_gap_leaves_out_or_expects_a_failure(pytester):
    pytester.makeconftest('pytest_plugins = ["tests.contracts.gaps"]')
    pytester.makepyfile(SUITE)
    result = pytester.runpytest("-p", "no:cacheprovider")
    result.assert_outcomes(passed=1, xfailed=1, deselected=1)


def test_a_gap_that_is_none_any_more_is_told(pytester):
    pytester.makeconftest('pytest_plugins = ["tests.contracts.gaps"]')
    pytester.makepyfile(
        SUITE.replace("def test_owed(self): assert False", "def test_owed(self): pass")
    )
    result = pytester.runpytest("-p", "no:cacheprovider")
    result.assert_outcomes(passed=1, failed=1, deselected=1)
