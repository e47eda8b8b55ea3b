"""The report of `polly validate` as JUnit's XML, which build servers show by themselves.

Owns what is a test case and when it fails: each dataset that can be read and each error is one.
Keep out: other reports.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement, tostring

from polly_client.cli.render import cell
from polly_client.files import replacing

if TYPE_CHECKING:
    from polly_api.validation import FileFinding


def write_junit(findings: Sequence[FileFinding], out: Path, *, strict: bool) -> None:
    """The report into a file, which appears whole or not at all. Raises BadInput."""
    with replacing(out) as fresh:
        fresh.write_text(junit(findings, strict=strict), encoding="utf-8")


def junit(findings: Sequence[FileFinding], *, strict: bool) -> str:
    """One suite; warnings are output of their dataset's case, and with `strict` its failures."""
    counts = Counter(str(finding.severity) for finding in findings)
    failures = counts["error"] + (counts["warning"] if strict else 0)
    suite = Element(
        "testsuite",
        name="polly validate",
        tests=str(len(findings) - (0 if strict else counts["warning"])),
        failures=str(failures),
        skipped=str(counts["skipped"]),
    )
    warnings = defaultdict(list)
    for finding in findings:
        if finding.severity == "warning":
            warnings[finding.file, finding.dataset_id].append(finding)
    for finding in findings:
        if finding.severity != "warning" or strict:
            _case(suite, finding, warnings[finding.file, finding.dataset_id])
    head = '<?xml version="1.0" encoding="UTF-8"?>\n'
    return head + tostring(suite, encoding="unicode") + "\n"


def _case(suite: Element, finding: FileFinding, warnings: Sequence[FileFinding]) -> None:
    name = finding.dataset_id or finding.file
    if finding.severity == "warning":
        name = f"{name}: {finding.code}"
    case = SubElement(suite, "testcase", classname=cell(finding.file), name=cell(name))
    if finding.severity == "skipped":
        SubElement(case, "skipped", message=cell(finding.message))
    elif finding.severity == "ok":
        if warnings:
            SubElement(case, "system-out").text = "\n".join(map(_told, warnings))
    else:
        failure = SubElement(
            case, "failure", type=cell(finding.code), message=cell(finding.message)
        )
        failure.text = _told(finding)


def _told(finding: FileFinding) -> str:
    where = ", ".join(part for part in (finding.file, finding.place) if part)
    text = f"{finding.severity}[{finding.code}] {where}: {finding.message}"
    return cell(f"{text} ({finding.hint})" if finding.hint else text)
