"""The kinds of files that count one sample, told by their first lines.

Owns what the columns of each kind mean: the id, the values, further values, what describes
features. Add a program as one row of `_PROGRAMS`. Keep out: reading all of a file
(`file`) and joining files (`join`).

Formats: https://htseq.readthedocs.io/en/latest/htseqcount.html,
https://github.com/alexdobin/STAR (--quantMode GeneCounts), https://deweylab.github.io/RSEM,
https://salmon.readthedocs.io, https://pachterlab.github.io/kallisto,
https://subread.sourceforge.net (featureCounts), https://docs.gdc.cancer.gov (augmented STAR counts)
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import polars as pl

from polly_assets.ingest.formats.separated.orientation import (
    is_annotation,
    is_number,
    is_text_column,
    is_whole,
    looks_like_genes,
)
from polly_assets.ingest.formats.streams.table import is_missing, unquote

_STAR = ("unstranded", "stranded_first", "stranded_second")
_STAR_TOTALS = ("N_unmapped", "N_multimapping", "N_noFeature", "N_ambiguous")
_HTSEQ_TOTALS = ("no_feature", "ambiguous", "too_low_aQual", "not_aligned", "alignment_not_unique")
_MEASURES = re.compile(
    r"(raw[ _.]?|est[ _.]?|expected[ _.]?|read[ _.]?|gene[ _.]?|normali[sz]ed[ _.]?)?counts?"
    r"|(num)?reads|value|expression|fpkm|rpkm|tpm|cpm|umis?|coverage"
    r"|(fpkm|rpkm|tpm)_.*|detection[ _.]?p-?[ _.]?val(ue)?"
)
_COUNTS = re.compile(r".*count.*|.*reads|umis?")
_PLACES = frozenset(["chr", "start", "end", "strand"])


@dataclass(frozen=True, slots=True)
class Kind:
    """What the columns of a file are, by position.

    `names` are those of all columns; `values` are the matrix and its layers, in order, and
    `texts` are read as text. `described` are numbers that describe features where all files
    agree on them; `whole` are the columns whose first numbers are whole. Files are of one kind
    where `key` is the same. `header` says whether the first line behind `comments` names the
    columns.
    """

    program: str
    names: tuple[str, ...]
    values: tuple[int, ...]
    texts: frozenset[int]
    described: tuple[int, ...] = ()
    whole: frozenset[int] = frozenset()
    header: bool = True
    separator: str = "\t"
    comments: tuple[str, ...] = ()
    first_line: int = 1

    @property
    def key(self) -> tuple[str, ...]:
        """What files of one dataset have in common: the program, and what its values are."""
        told = self.values if len(self.values) > 1 else ()
        return (self.program, *(self.names[i].lower() for i in (*told, *self.described)))

    def layers(self) -> list[str]:
        """The names of the matrices: `X`, then `layers/NAME`."""
        return ["X", *(f"layers/{self.names[i]}" for i in self.values[1:])]


ONE_COLUMN = "table"
"""The kind of a file with a header and one column of values, whatever program wrote it."""


@dataclass(frozen=True, slots=True)
class _Program:
    """The columns that tell a program's file, in lower case; of `values` the first is X."""

    name: str
    first: str
    values: tuple[str, ...]
    described: tuple[str, ...] = ()


_PROGRAMS: Sequence[_Program] = (
    _Program("salmon", "name", ("numreads", "tpm", "effectivelength"), ("length",)),
    _Program("kallisto", "target_id", ("est_counts", "tpm", "eff_length"), ("length",)),
    _Program("rsem", "gene_id", ("expected_count", "tpm", "fpkm", "effective_length"), ("length",)),
    _Program("rsem", "transcript_id", ("expected_count", "tpm", "fpkm", "effective_length"),
             ("length",)),
    _Program("gdc", "gene_id", (*_STAR, "tpm_unstranded", "fpkm_unstranded", "fpkm_uq_unstranded")),
)  # fmt: skip


def totals(ids: pl.Series, program: str) -> pl.Series:
    """Which rows count reads outside of features; htseq before 0.6 called them without `__`."""
    if program in ("star", "gdc"):
        return ids.is_in(_STAR_TOTALS)
    marked = ids.str.starts_with("__")
    return marked | ids.is_in(_HTSEQ_TOTALS) if program == "htseq" else marked


def is_total(names: pl.Series) -> pl.Series:
    """Which names are those that htseq and STAR give to reads outside of features."""
    return names.is_in(_STAR_TOTALS) | names.str.strip_prefix("__").is_in(_HTSEQ_TOTALS)


def kind_of(head: bytes, *, lone: bool = True) -> Kind | None:
    """The kind of a file by its beginning; None where it is none of these.

    `lone` demands what tells a program or genes, where the name says nothing.
    """
    lines = _lines(head)
    comments = tuple(line for line in lines[: _first_row(lines)] if line.strip())
    at = _first_row(lines)
    lines = [line for line in lines[at:] if line.strip()]
    if not lines:
        return None
    separator = "\t" if "\t" in lines[0] else "," if "," in lines[0] else " "
    rows = [[unquote(cell.strip()) for cell in line.split(separator)] for line in lines]
    found = _star(rows) or _bare(rows, lone) or _with_header(rows, comments, lone)
    if found is None:
        return None
    whole = frozenset(
        i
        for i in found.values
        if all(is_whole(row[i]) for row in rows[found.header :] if i < len(row))
    )
    return replace(
        found,
        whole=whole,
        separator=separator,
        comments=comments,
        first_line=at + 1 + found.header,
    )


def _lines(head: bytes) -> list[str]:
    """The whole lines of the beginning."""
    codec = "utf-16" if head.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    text = head.decode(codec, "replace").replace("\r\n", "\n").replace("\r", "\n")
    lines = text.split("\n")
    return lines[:-1] if len(lines) > 1 else lines


def _first_row(lines: Sequence[str]) -> int:
    return next((i for i, line in enumerate(lines) if line.strip() and line[0] != "#"), len(lines))


def _star(rows: Sequence[Sequence[str]]) -> Kind | None:
    """STAR's table, which has no header and begins with its totals."""
    if len(rows) < 4 or [row[0] for row in rows[:4]] != [*_STAR_TOTALS]:
        return None
    if any(len(row) != 4 for row in rows[:4]):
        return None
    names = ("gene_id", *_STAR)
    return Kind("star", names, (1, 2, 3), frozenset([0]), header=False)


def _bare(rows: Sequence[Sequence[str]], lone: bool) -> Kind | None:
    """Lines of an id, perhaps further text, and a number, without a header, as htseq writes."""
    width = len(rows[0])
    whole = [row for row in rows if len(row) == width and row[0] and is_number(row[-1])]
    if width not in (2, 3) or whole[:1] != rows[:1] or 2 * len(whole) < len(rows):
        return None  # one damaged line must not make it a file of another kind
    if width == 3 and any(is_number(row[1]) for row in whole):
        return None
    if lone and not (len(whole) > 1 and _genes([row[0] for row in whole])):
        return None
    names = ("id", "name", "count") if width == 3 else ("id", "count")
    return Kind("htseq", names, (width - 1,), frozenset(range(width - 1)), header=False)


def _genes(ids: Sequence[str]) -> bool:
    return looks_like_genes(ids) and not all(map(is_number, ids))


def _with_header(rows: Sequence[Sequence[str]], comments: Sequence[str], lone: bool) -> Kind | None:
    names = list(rows[0])
    if len(rows) > 1 and len(rows[1]) == len(names) + 1:  # as R writes row names
        names = ["", *names]
    while len(names) > 1 and not names[-1]:
        names.pop()
    body = [[*row, *[""] * (len(names) - len(row))] for row in rows[1:]]
    if len(names) < 2 or (not body and lone):
        return None
    lower = [name.lower() for name in names]
    if len(set(lower)) < len(lower):
        return None
    texts = frozenset(
        i for i in range(len(names)) if i == 0 or is_text_column([row[i] for row in body])
    )
    if lower[:6] == ["geneid", "chr", "start", "end", "strand", "length"] and len(names) == 7:
        return Kind("featurecounts", tuple(names), (6,), frozenset(range(5)), (5,))
    return _program(names, lower, texts) or (None if lone else _one(names, lower, texts, body))


def _program(names: Sequence[str], lower: Sequence[str], texts: frozenset[int]) -> Kind | None:
    for program in _PROGRAMS:
        if lower[0] != program.first or program.values[0] not in lower:
            continue
        if not {*program.values[:2], *program.described} <= {*lower}:
            continue
        values = [lower.index(name) for name in program.values if name in lower]
        described = [lower.index(name) for name in program.described]
        taken = {*values, *described, *texts}
        values += [i for i in range(len(names)) if i not in taken]
        texts -= {*values, *described}
        return Kind(program.name, tuple(names), tuple(values), texts, tuple(described))
    return None


def _one(
    names: Sequence[str], lower: Sequence[str], texts: frozenset[int], body: Sequence[Sequence[str]]
) -> Kind | None:
    """A table of one column of values, or of several measures of the one sample."""
    known = [i for i in range(1, len(names)) if i not in texts or _empty(body, i)]
    known = [i for i in known if lower[i] not in _PLACES]
    measures = [i for i in known if _MEASURES.fullmatch(lower[i])]
    unknown = [i for i in known if i not in measures and not is_annotation(names[i])]
    described = tuple(i for i in known if i not in measures and i not in unknown)
    if len(unknown) > 1 or not (unknown or measures):
        return None
    values = unknown or [next((i for i in measures if _COUNTS.fullmatch(lower[i])), measures[0])]
    values += [i for i in measures if i not in values]
    texts = frozenset(range(len(names))) - {*values, *described}
    return Kind(ONE_COLUMN, tuple(names), tuple(values), texts, described)


def _empty(body: Sequence[Sequence[str]], column: int) -> bool:
    return all(is_missing(row[column]) for row in body)
