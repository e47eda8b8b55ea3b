"""The report of `polly validate` as one HTML file that needs nothing else.

Owns its looks. All text is escaped: names and cells of files come from strangers.
Keep out: other reports.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from polly_client.cli.render import cell
from polly_client.files import replacing

if TYPE_CHECKING:
    from polly_api.validation import FileFinding

COLUMNS = ("severity", "file", "dataset_id", "code", "message", "place", "hint", "format")
ORDER = ("error", "warning", "skipped", "ok")

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<title>polly validate</title>
<style>
body {{ font: 15px/1.45 system-ui, sans-serif; margin: 2rem; color: #1c2024; background: #fff }}
table {{ border-collapse: collapse; width: 100% }}
th, td {{ text-align: left; vertical-align: top; padding: .35rem .6rem; overflow-wrap: anywhere }}
th {{ border-bottom: 2px solid #8b949e }}
td {{ border-bottom: 1px solid #d8dee4 }}
td:nth-child(1), td:nth-child(4) {{ white-space: nowrap; overflow-wrap: normal }}
.error td:first-child {{ color: #b42318; font-weight: 600 }}
.warning td:first-child {{ color: #8a5a00; font-weight: 600 }}
.ok td:first-child {{ color: #1a7f37 }}
</style>
</head>
<body>
<h1>polly validate</h1>
<p>{totals}</p>
<table>
<thead><tr>{head}</tr></thead>
<tbody>
{rows}
</tbody>
</table>
</body>
</html>
"""


def write_report(findings: Sequence[FileFinding], out: Path) -> None:
    """The report into a file, which appears whole or not at all. Raises BadInput."""
    with replacing(out) as fresh:
        fresh.write_text(report(findings), encoding="utf-8")


def report(findings: Sequence[FileFinding]) -> str:
    """The whole page: totals, then a row per finding, errors first."""
    counts = Counter(str(finding.severity) for finding in findings)
    files = len({finding.file for finding in findings})
    totals = (
        f"{files} files, {counts['ok']} datasets can be read, {counts['error']} errors, "
        f"{counts['warning']} warnings"
    )
    ordered = sorted(findings, key=lambda finding: ORDER.index(finding.severity))
    head = "".join(f"<th>{escape(name.removesuffix('_id'))}</th>" for name in COLUMNS)
    return _PAGE.format(totals=totals, head=head, rows="\n".join(_rows(ordered)))


def _rows(findings: Iterable[FileFinding]) -> Iterable[str]:
    for finding in findings:
        texts = (cell(getattr(finding, name)) for name in COLUMNS)
        cells = "".join(f"<td>{escape(text)}</td>" for text in texts)
        yield f'<tr class="{escape(finding.severity)}">{cells}</tr>'
