"""The report of `polly validate` as one HTML file that needs nothing else.

Owns its looks. All text is escaped: names and cells of files come from strangers. Rows are hidden
by style alone, so that the page needs no script and may be published as it is.
Keep out: other reports.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from polly_client.cli.render import cell
from polly_client.files import replacing

if TYPE_CHECKING:
    from polly_api.validation import FileFinding

ORDER = ("error", "warning", "skipped", "ok")
LABELS = ("errors", "warnings", "skipped", "readable")
COLUMNS = ("severity", "file", "dataset", "code", "message", "place", "read as")

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<title>polly validate</title>
<style>
body {{ font: 15px/1.45 system-ui, sans-serif; margin: 2rem; color: #1c2024; background: #fff }}
table {{ border-collapse: collapse; table-layout: fixed; width: 100%; min-width: 60rem;
  margin-top: 1rem }}
th, td {{ text-align: left; vertical-align: top; padding: .35rem .4rem; overflow-wrap: anywhere }}
th {{ border-bottom: 2px solid #8b949e; position: sticky; top: 0; background: #fff }}
td {{ border-bottom: 1px solid #d8dee4 }}
th:nth-child(1) {{ width: 5rem }}
th:nth-child(2) {{ width: 17% }}
th:nth-child(3), th:nth-child(4) {{ width: 11% }}
th:nth-child(6) {{ width: 9% }}
th:nth-child(7) {{ width: 8% }}
small {{ display: block; color: #57606a; font-size: inherit }}
label {{ margin-right: 1.5rem }}
.error td:first-child {{ color: #b42318; font-weight: 600 }}
.warning td:first-child {{ color: #8a5a00; font-weight: 600 }}
.skipped td:first-child {{ color: #57606a }}
.ok td:first-child {{ color: #1a7f37 }}
{filters}
</style>
</head>
<body>
<h1>polly validate</h1>
<p>{totals}</p>
{boxes}
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


def totals(findings: Sequence[FileFinding]) -> str:
    """What was found, in one line, such as `4 files: 2 datasets can be read, ...`."""
    counts = Counter(str(finding.severity) for finding in findings)
    files = len({finding.file for finding in findings})
    return (
        f"{_many(files, 'file')}: {_many(counts['ok'], 'dataset')} can be read, "
        f"{_many(counts['error'], 'error')}, {_many(counts['warning'], 'warning')}"
        + (f", {counts['skipped']} skipped" if counts["skipped"] else "")
    )


def report(findings: Sequence[FileFinding]) -> str:
    """The whole page: totals, a box to hide each severity, a row per finding, errors first."""
    counts = Counter(str(finding.severity) for finding in findings)
    ordered = sorted(findings, key=lambda finding: ORDER.index(finding.severity))
    boxes = "\n".join(
        f'<input type="checkbox" id="{name}" checked>'
        f'<label for="{name}">{label} ({counts[name]})</label>'
        for name, label in zip(ORDER, LABELS, strict=True)
    )
    return _PAGE.format(
        filters="\n".join(
            f"#{name}:not(:checked) ~ table .{name} {{ display: none }}" for name in ORDER
        ),
        totals=totals(findings),
        boxes=boxes,
        head="".join(f'<th scope="col">{name}</th>' for name in COLUMNS),
        rows="\n".join(map(_row, ordered)),
    )


def _row(finding: FileFinding) -> str:
    plain = [
        escape(cell(text))
        for text in (finding.severity, finding.file, finding.dataset_id, finding.code)
    ]
    said = escape(cell(finding.message)) + _aside(finding.hint)
    read = escape(cell(finding.format)) + _aside(*finding.beside)
    cells = [*plain, said, escape(cell(finding.place)), read]
    return f'<tr class="{escape(finding.severity)}">{"".join(_cells(cells))}</tr>'


def _cells(cells: Sequence[str]) -> Iterator[str]:
    return (f"<td>{text}</td>" for text in cells)


def _aside(*texts: str) -> str:
    return "".join(f"<small>{escape(cell(text))}</small>" for text in texts if text)


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
