"""Class labels (`.cls`) of GenePattern and GSEA: one label per sample, in matrix order.

Owns that format. Keep out: joining the labels to samples (`sidecars`).
"""

from __future__ import annotations

from collections.abc import Sequence

from polly_resources.errors import BadInput
from polly_resources.records import Notice


def read_classes(text: str, file: str) -> tuple[tuple[str, ...], tuple[Notice, ...]]:
    """The class name of each sample.

    The three lines are `samples classes 1`, `# name name ...` and one label per sample. A
    label is a class name or the 0-based index of one; other labels stand for the names in
    order of first appearance, as the format's authors define it. Raises BadInput
    `bad_classes` where the counts disagree.
    """
    lines = [line.split() for line in text.splitlines()]
    lines = [cells for cells in lines if cells]
    if len(lines) != 3 or not lines[1][0].startswith("#") or len(lines[0]) < 2:
        raise _bad(f"{len(lines)} lines that are not empty", "counts, '# names', labels", file, 1)
    if lines[0][0].lower().startswith("#numeric"):
        raise _bad("a continuous phenotype (#numeric)", "class labels", file, 1)
    names = " ".join(lines[1])[1:].split()
    labels = lines[2]
    if lines[0][:2] != [str(len(labels)), str(len(names))]:
        found = f"line 1 states {lines[0][0]} samples and {lines[0][1]} classes"
        raise _bad(found, f"{len(labels)} and {len(names)}, as lines 3 and 2 have", file, 1)
    return _named(labels, names, file)


def _named(
    labels: Sequence[str], names: Sequence[str], file: str
) -> tuple[tuple[str, ...], tuple[Notice, ...]]:
    distinct = list(dict.fromkeys(labels))
    if set(distinct) <= set(names):
        return tuple(labels), ()
    if len(distinct) > len(names):
        raise _bad(f"{len(distinct)} different labels", f"{len(names)}, one per class", file, 3)
    by_index = {str(i): name for i, name in enumerate(names)}
    if not set(distinct) <= set(by_index):
        by_order = dict(zip(distinct, names, strict=False))
        return tuple(by_order[label] for label in labels), ()
    notices: tuple[Notice, ...] = ()
    if distinct != sorted(distinct, key=int) or distinct[0] != "0":
        message = f"{file}: labels were read as 0-based indices, though the first is {distinct[0]}"
        notices = (Notice("ambiguous_class_labels", message, "line 3"),)
    return tuple(by_index[label] for label in labels), notices


def _bad(found: str, expected: str, file: str, line: int) -> BadInput:
    return BadInput(
        "bad_classes",
        f"found {found}, expected {expected}",
        file=file,
        place=f"line {line}, column 1",
        hint="a .cls file is: '6 2 1', then '# ctrl case', then one label per sample",
    )
