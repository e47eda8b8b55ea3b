from __future__ import annotations

from pathlib import Path

from polly_client.cli.reference import BEGIN, END, reference, renewed

PAGE = Path(__file__).parents[3] / "docs" / "command-line.md"


def test_reference_is_fresh():
    page = PAGE.read_text()
    renew = "renew it: python -m polly_client.cli.reference docs/command-line.md"
    assert page == renewed(page), renew


def test_only_the_block_is_renewed():
    page = f"before\n\n{BEGIN}\nold\n{END}\nafter\n"
    assert renewed(page) == f"before\n\n{BEGIN}\n\n{reference()}\n\n{END}\nafter\n"
    assert "polly atlas describe" in reference()
