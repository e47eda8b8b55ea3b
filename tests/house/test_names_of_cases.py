"""Cases have the same names whenever they are collected: suites run in several workers."""

from __future__ import annotations

import gzip

import pytest

NOW = gzip.compress(b"made when the module is imported")


@pytest.mark.parametrize("content", [NOW, b"a\tb\r\n", b""])
def test_packed_content_is_not_in_the_name_of_a_case(
    content: bytes, request: pytest.FixtureRequest
):
    name = request.node.callspec.id
    assert (name == "content") == (content == NOW)
