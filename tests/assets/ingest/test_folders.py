"""Whole folders of mixed files: what belongs together is together, and nothing is lost."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polly_assets.ingest.validate import FileFinding, validate
from polly_resources.errors import PollyError
from polly_resources.records import JobStatus
from tests.assets.ingest.archives import tar_gz, tarred, zipped
from tests.assets.ingest.formats.seeds import SEEDS
from tests.assets.instance import BROKEN_GCT, gct

G, BAD = gct().encode(), BROKEN_GCT.encode()
CSV = b"gene,S1,S2\nTP53,1,2\nMYC,3,4.5\n"
TABLE = b"sample_id,tissue\nS1,liver\nS2,lung\n"
CLS = b"2 2 1\n# a b\n0 1\n"
MTX = SEEDS["tenx_mtx"]()
TRIPLE = {"matrix.mtx": MTX.data} | {f"{k}.tsv": v for k, v in MTX.sidecars.items()}
STUDY = {"meta_study.txt": SEEDS["cbio_study"]().data, **SEEDS["cbio_study"]().sidecars}
SERIES = SEEDS["geo_series_matrix"]().data
MAF = SEEDS["maf"]().data

Files = Mapping[str, bytes]

CASES: Mapping[str, tuple[Files, set[str]]] = {
    "two matrices": ({"a.gct": G, "b.csv": CSV}, {"a", "b"}),
    "matrix and description": ({"a.gct": G, "a.json": b"{}"}, {"a < a.json"}),
    "description of other case": ({"A.gct": G, "a.JSON": b"{}"}, {"A < a.JSON"}),
    "description gzipped": ({"a.gct": G, "a.json.gz": gzip.compress(b"{}")}, {"a < a.json.gz"}),
    "matrix gzipped": ({"a.gct.gz": gzip.compress(G), "a.json": b"{}"}, {"a < a.json"}),
    "gzipped, not named so": ({"a.gct": gzip.compress(G)}, {"a"}),
    "named gzipped, and is not": ({"a.gct.gz": G}, {"a"}),
    "packed and not": ({"a.gct": G, "a.gct.gz": gzip.compress(G)}, {"a < a.gct.gz"}),
    "a description packed and not": (
        {"a.gct": G, "a_samples.csv": TABLE, "a_samples.csv.gz": gzip.compress(TABLE)},
        {"a < a_samples.csv a_samples.csv.gz"},
    ),
    "a list packed and not": (
        {**TRIPLE, "barcodes.tsv.gz": gzip.compress(TRIPLE["barcodes.tsv"])},
        {"f < f/barcodes.tsv f/barcodes.tsv.gz f/features.tsv"},
    ),
    "classes": ({"a.gct": G, "a.cls": CLS}, {"a < a.cls"}),
    "all three": (
        {"a.gct": G, "a.cls": CLS, "a.json": b"{}", "a.csv": TABLE},
        {"a < a.cls a.csv a.json"},
    ),
    "samples by mark": ({"a.csv": CSV, "a_samples.csv": TABLE}, {"a < a_samples.csv"}),
    "metadata by mark": ({"a.csv": CSV, "a.metadata.tsv": TABLE.replace(b",", b"\t")}, {
        "a < a.metadata.tsv"
    }),
    "two tables of samples": (
        {"a.csv": CSV, "a_samples.csv": TABLE, "a_metadata.csv": TABLE},
        {"a < a_metadata.csv a_samples.csv"},
    ),
    "three tables of samples": (
        {"a.csv": CSV, "a_samples.csv": TABLE, "a_metadata.csv": TABLE, "a_pheno.csv": TABLE},
        {"a < a_metadata.csv a_pheno.csv a_samples.csv"},
    ),
    "samples without a matrix": ({"t_samples.csv": TABLE, "u.csv": TABLE}, {"t_samples", "u"}),
    "classes of a longer name": (
        {"P53.cls": CLS, "P53_collapsed.gct": G, "b.gct": G},
        {"P53_collapsed < P53.cls", "b"},
    ),
    "classes of a name with a hyphen": ({"a.b.cls": CLS, "A.B-c.csv": CSV}, {"A.B-c < a.b.cls"}),
    "classes of two longer names": (
        {"P53.cls": CLS, "P53_a.gct": G, "P53_b.gct": G},
        {"! P53.cls sidecar_without_data", "P53_a", "P53_b"},
    ),
    "classes of a part of a name": (
        {"P5.cls": CLS, "P53_a.gct": G},
        {"! P5.cls sidecar_without_data", "P53_a"},
    ),
    "classes of another folder": (
        {"x/P53.cls": CLS, "y/P53_a.gct": G},
        {"! x/P53.cls sidecar_without_data", "P53_a"},
    ),
    "classes of a matrix that has its own": (
        {"P53.cls": CLS, "P53_a.gct": G, "P53_a.cls": CLS},
        {"! P53.cls sidecar_without_data", "P53_a < P53_a.cls"},
    ),
    "classes of two names": (
        {"P.cls": CLS, "P_a.cls": CLS, "P_a_b.gct": G},
        {"! P.cls sidecar_without_data", "! P_a.cls sidecar_without_data", "P_a_b"},
    ),
    "lone description": ({"a.gct": G, "b.json": b"{}"}, {"a", "! b.json sidecar_without_data"}),
    "lone classes": ({"a.gct": G, "b.cls": CLS}, {"a", "! b.cls sidecar_without_data"}),
    "description in another folder": (
        {"x/a.gct": G, "y/a.json": b"{}"},
        {"a", "! y/a.json sidecar_without_data"},
    ),
    "description that is no JSON": ({"a.gct": G, "a.json": b"{"}, {"! a.json bad_json"}),
    "one of several broken": ({"a.gct": G, "b.gct": BAD}, {"a", "! b.gct not_a_number"}),
    "empty file": ({"a.gct": G, "b.gct": b""}, {"a", "! b.gct empty_file"}),
    "empty gzip": ({"a.gct": G, "b.gct.gz": gzip.compress(b"")}, {"a", "! b.gct.gz empty_file"}),
    "no ending": ({"data": G}, {"data"}),
    "another's ending": ({"a.txt": G}, {"a"}),
    "unknown": ({"a.gct": G, "x.bin": b"\x01\x02"}, {"a", "! x.bin unknown_format"}),
    "a spreadsheet": ({"a.gct": G, "x.xlsx": zipped({"xl/workbook.xml": b""})}, {
        "a", "! x.xlsx unsupported_format"
    }),
    "a PDF": ({"a.gct": G, "x.pdf": b"%PDF-1.4\n%\xe2\xe3"}, {"a", "! x.pdf unsupported_format"}),
    "words": (
        {"a.gct": G, "README": b"", "LICENSE.txt": b"", "notes.md": b"", "Thumbs.db": b""},
        {"a", "- README", "- LICENSE.txt", "- notes.md", "- Thumbs.db"},
    ),
    "hidden": (
        {"a.gct": G, ".b.gct": G, ".DS_Store": b"", ".git/c.gct": G, "__MACOSX/._a.gct": b""},
        {"a", "- .b.gct", "- .DS_Store", "- .git/", "- __MACOSX/"},
    ),
    "one id twice": (
        {"x/a.gct": G, "y/a.gct": G},
        {"a", "! y/a.gct dataset_id_taken"},
    ),
    "one id by description": (
        {"a.gct": G, "b.gct": G, "b.json": b'{"dataset_id": "a"}'},
        {"a", "! b.gct dataset_id_taken"},
    ),
    "names that differ by case": ({"a.gct": G, "A.gct": G}, {"a", "A"}),
    "a triple": (TRIPLE, {"f < f/barcodes.tsv f/features.tsv"}),
    "triples of two runs": (
        {f"{run}/outs/{name}": data for run in ("r1", "r2") for name, data in TRIPLE.items()},
        {
            f"{run} < {run}/outs/barcodes.tsv {run}/outs/features.tsv"
            for run in ("r1", "r2")
        },
    ),
    "part of a triple": (
        {"s_matrix.mtx": MTX.data, "s_barcodes.tsv": MTX.sidecars["barcodes"]},
        {"! s_matrix.mtx missing_member"},
    ),
    "a study": (
        {f"st/{name}": data for name, data in STUDY.items()},
        {"st*"},
    ),
    "a study beside a matrix": (
        {"a.gct": G, **{f"st/{name}": data for name, data in STUDY.items()}},
        {"a", "st*"},
    ),
    "variants and their samples": (
        {"x.maf": MAF, "x_annot.tsv": b"Tumor_Sample_Barcode\tage\nS1\t3\nS2\t4\n"},
        {"x < x_annot.tsv"},
    ),
    "a bundle": ({"x.zip": zipped({"a.gct": G, "a.json": b"{}"})}, {"a < x/a.json"}),
    "a bundle beside its content": ({"x.zip": zipped({"a.gct": G}), "x/a.gct": G}, {"a"}),
    "a bundle of words": (
        {"a.gct": G, "x.zip": zipped({"README": b"", "__MACOSX/._a": b"", ".DS_Store": b""})},
        {"a", "- x/README", "- x/__MACOSX/._a", "- x/.DS_Store"},
    ),
    "gzip in tar in zip": (
        {"x.zip": zipped({"y.tar": tarred({"a.gct.gz": gzip.compress(G)})})},
        {"a"},
    ),
    "a broken bundle": (
        {"a.gct": G, "x.zip": zipped({"b.gct": G})[:-30], "y.tgz": tar_gz({"../b": G})},
        {"a", "! x.zip corrupt_bundle", "! y.tgz unsafe_member"},
    ),
    "a manifest": (
        {"manifest.csv": b"file,dataset_id,samples\na.gct,ONE,t.csv\n", "a.gct": G, "t.csv": TABLE},
        {"ONE < a.json a_samples.csv", "- manifest.csv", "- t.csv"},
    ),
    "a manifest by pattern": (
        {"manifest.csv": b"file,assay\n**/*.gct,RNA\n", "x/a.gct": G, "y/b.gct": G},
        {"a < x/a.json", "b < y/b.json", "- manifest.csv"},
    ),
    "a manifest with a fault": (
        {"manifest.csv": b"file\nb.gct\n", "a.gct": G},
        {"a", "! manifest.csv manifest_file_missing"},
    ),
    "a manifest of another kind": (
        {"manifest.csv": b"id,md5\n1,2\n", "a.gct": G},
        {"a", "- manifest.csv"},
    ),
    "a manifest within a bundle": (
        {"x.zip": zipped({"manifest.csv": b"file,dataset_id\na.gct,ONE\n", "a.gct": G})},
        {"ONE < x/a.json", "- x/manifest.csv"},
    ),
    "deep": ({"/".join("abcdefghij") + "/x.gct": G}, {"x"}),
    "odd names": ({"a b.gct": G, "ü.csv": CSV, "%41&=.gct": G}, {
        "a_b", "! ü.csv unusable_name", "_41_"
    }),
    "a series": ({"GSE1_series_matrix.txt": SERIES}, {"GSE1_GPL*"}),
}  # fmt: skip


def fill(folder: Path, files: Files) -> Path:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def said(finding: FileFinding) -> str:
    if finding.severity == "error":
        return f"! {finding.file} {finding.code}"
    if finding.severity == "skipped":
        return f"- {finding.file}"
    return " < ".join(filter(None, (finding.dataset_id, " ".join(finding.beside))))


def check_complete(files: Files, found: list[FileFinding]) -> None:
    """Every file is named by a finding, itself or by its bundle or hidden folder."""
    named = {each.file for each in found} | {name for each in found for name in each.beside}
    folders = tuple(name for name in named if name.endswith("/"))
    for name in files:
        opened = tuple(f"{name.removesuffix(end)}/" for end in (".zip", ".tgz") if end in name)
        around = any(each.startswith(opened) for each in named) if opened else False
        told = name in named or any(each.endswith(f"/{name}") for each in named)
        assert told or name.startswith(folders) or around, (name, named)


@pytest.mark.parametrize("case", CASES)
def test_what_becomes_of_each_file(tmp_path, case):
    files, expected = CASES[case]
    found = validate([fill(tmp_path / "f", files)], workers=2)
    seen = {said(each) for each in found if each.severity != "warning"}
    stars = {each.removesuffix("*") for each in expected if each.endswith("*")}
    left = {each for each in seen if not any(each.startswith(star) for star in stars)}
    assert left == {each for each in expected if not each.endswith("*")}
    assert stars <= {star for star in stars if any(each.startswith(star) for each in seen)}
    if not stars:
        check_complete(files, found)


@pytest.mark.parametrize("case", ["all three", "one of several broken", "a manifest", "odd names"])
def test_ingest_does_the_same(tmp_path, instance, case):
    files, expected = CASES[case]
    jobs = instance.ingest(fill(tmp_path / "f", files))
    good = {job.dataset_id for job in jobs if job.status == JobStatus.SUCCEEDED}
    assert good == {each.partition(" <")[0] for each in expected if each[0] not in "!-"}
    assert sum(job.error is not None for job in jobs) == sum(each[0] == "!" for each in expected)


PARTS = st.sampled_from(
    ["a", "A", "b", "GSE1", "matrix", "manifest", "x_samples", ".h", "barcodes"]
)
ENDS = st.sampled_from(
    ["", ".gct", ".csv", ".json", ".zip", ".tsv", ".mtx", ".maf", "_series_matrix.txt", ".cls.gz"]
)
CONTENTS = st.sampled_from(
    [b"", G, BAD, CSV, TABLE, CLS, b"{}", b'{"dataset_id": "a"}', MAF, SERIES, MTX.data,
     zipped({"a.gct": G}), b"file,samples\na.gct,b.csv\n", b"file\n*.gct\n", gzip.compress(G)]
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.tuples(PARTS, PARTS, ENDS), CONTENTS, min_size=1, max_size=7))
def test_no_folder_loses_a_file_or_ends_in_a_traceback(tmp_path_factory, drawn):
    files = {f"{folder}/{stem}{end}": data for (folder, stem, end), data in drawn.items()}
    folder = fill(tmp_path_factory.mktemp("folder"), files)
    try:
        found = validate([folder], workers=1)
    except PollyError as error:
        assert error.code in ("nothing_to_validate", "same_name") and error.hint
        return
    assert not [each for each in found if each.code == "internal_error"]
    kept = {name: data for name, data in files.items() if not name.endswith(".zip")}
    check_complete(kept, found)
    assert all(each.message and (each.hint or each.severity != "error") for each in found)
    json.dumps([each.file for each in found])
