"""The reference of the command line, made from the command itself.

`python -m polly_client.cli.reference docs/command-line.md` renews the block between the markers;
a test fails while that block is stale. Keep out: prose.
"""

from __future__ import annotations

import sys
from pathlib import Path

import typer
from typer.cli import get_docs_for_click

from polly_client.cli.main import app

BEGIN = "<!-- reference: begin -->"
END = "<!-- reference: end -->"


def reference() -> str:
    """All verbs with their arguments and options, as Markdown."""
    command = typer.main.get_command(app)
    context = typer.Context(command, info_name="polly")
    return get_docs_for_click(obj=command, ctx=context, name="polly", indent=1).strip()


def renewed(page: str) -> str:
    """The page with the reference between its markers made anew."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{reference()}\n\n{END}{after}"


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(renewed(path.read_text()))
