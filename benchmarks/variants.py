"""How fast variants and segments are read, beside pysam, cyvcf2 and pandas, and in how much memory.

Peers iterate over all records and take every field of every sample; ours checks all of it, and
keeps it as rows for the table of variants, with INFO and FORMAT whole as JSON. That the number of
calls with an ALT allele is the same is checked. Memory is that of a process of its own.
"""

from __future__ import annotations

import gzip
import random
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.common import OURS, Bench, Result, Side, turns
from polly_assets.ingest.formats.base import ParsedDataset, Reader, Source
from polly_assets.ingest.formats.cbio.events import SegReader
from polly_assets.ingest.formats.maf.reader import MafReader
from polly_assets.ingest.formats.vcf.reader import VcfReader

_INFO = (("AC", "A", "Integer"), ("AF", "A", "Float"), ("AN", "1", "Integer"), ("DB", "0", "Flag"),
         ("DP", "1", "Integer"), ("FS", "1", "Float"), ("MQ", "1", "Float"), ("QD", "1", "Float"),
         ("SOR", "1", "Float"), ("CSQ", ".", "String"))  # fmt: skip
_FORMAT = (("GT", "1", "String"), ("AD", "R", "Integer"), ("DP", "1", "Integer"),
           ("GQ", "1", "Integer"), ("PL", "G", "Integer"))  # fmt: skip
_COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"
_MEASURE = """
import sys
from pathlib import Path
from polly_assets.ingest.formats.base import Source
from polly_assets.ingest.formats.vcf.reader import VcfReader
def peak():
    (line,) = (l for l in open("/proc/self/status") if l.startswith("VmHWM"))
    return int(line.split()[1])
before = peak()
(parsed,) = VcfReader().read(Source(Path(sys.argv[1]), "x.vcf.gz"))
rows = sum(table.num_rows for table in parsed.variants)
print(rows, before // 1024, peak() // 1024)
"""


def run(bench: Bench) -> None:
    """Measure and tell."""
    scale = 1 if bench.quick else 4
    shapes = (
        ("genotypes only, 500 samples", 200 * scale, 500, False),
        ("GT:AD:DP:GQ:PL, 3 samples", 5_000 * scale, 3, True),
        ("GT:AD:DP:GQ:PL, 100 samples", 200 * scale, 100, True),
        ("sites with effects, no samples", 5_000 * scale, 0, True),
    )
    for what, records, samples, rich in shapes:
        path = bench.folder / f"variants-{samples}.vcf"
        with path.open("w") as file:
            file.writelines(_vcf(records, samples, rich=rich))
        _compare(bench, what, path, max(1, samples) * records)
    _compare_maf(bench, 5_000 * scale)
    _compare_segments(bench, 50_000 * scale)
    _memory(bench, 20_000 if bench.quick else 5_000_000)


def _vcf(records: int, samples: int, *, rich: bool) -> Iterator[str]:
    chance = random.Random(1)
    yield "##fileformat=VCFv4.2\n"
    for kind, fields in (("INFO", _INFO), ("FORMAT", _FORMAT)):
        for key, number, type_ in fields:
            said = "Format: Allele|Consequence|IMPACT|SYMBOL|HGVSp" if key == "CSQ" else key
            yield f'##{kind}=<ID={key},Number={number},Type={type_},Description="{said}">\n'
    names = "".join(f"\tS{i}" for i in range(samples))
    yield f"##contig=<ID=chr1>\n{_COLUMNS}" + (f"\tFORMAT{names}\n" if samples else "\n")
    for index in range(records):
        quality = f"{chance.random() * 900:.2f}"
        fixed = f"chr1\t{1000 + index * 7}\trs{index}\tA\tT\t{quality}\tPASS\t"
        info = _info(chance, effects=not samples) if rich else f"AC=3;AF=0.01;AN={2 * samples}"
        cells = [_call(chance, rich=rich) for _ in range(samples)]
        layout = ":".join(key for key, _, _ in (_FORMAT if rich else _FORMAT[:1]))
        yield fixed + info + ("\t" + "\t".join([layout, *cells]) if samples else "") + "\n"


def _info(chance: random.Random, *, effects: bool) -> str:
    draw = chance.random
    text = (
        f"AC={chance.randint(1, 9)};AF={draw():.4g};AN=6;DB;DP={chance.randint(1, 900)};"
        f"FS={draw() * 20:.3f};MQ={draw() * 60:.2f};QD={draw() * 30:.2f};SOR={draw() * 4:.3f}"
    )
    entry = "T|missense_variant|MODERATE|GENE{}|p.Val{}Glu"
    several = (entry.format(chance.randint(1, 900), chance.randint(1, 999)) for _ in range(4))
    return text + (f";CSQ={','.join(several)}" if effects else "")


def _call(chance: random.Random, *, rich: bool) -> str:
    genotype = chance.choices(["0/0", "0/1", "1/1", "./."], [80, 12, 6, 2])[0]
    if not rich:
        return genotype
    ref, alt = chance.randint(0, 60), chance.randint(0, 60)
    likely = f"{chance.randint(0, 900)},{chance.randint(0, 90)},{chance.randint(0, 900)}"
    return f"{genotype}:{ref},{alt}:{ref + alt}:{chance.randint(0, 99)}:{likely}"


def _compare(bench: Bench, what: str, path: Path, rows: int) -> None:
    sides: dict[str, Side] = {OURS: partial(_ours, VcfReader(), path)}
    peers: Mapping[str, Callable[[Any, Path], int]] = {"pysam": _pysam, "cyvcf2": _cyvcf2}
    for name, side in peers.items():
        if (module := bench.peer(name)) is not None:
            sides[name] = partial(side, module, path)
    times = turns(sides, bench.rounds, _equal)
    bench.add(Result("variants", f"VCF, {what}", times, "", rows, "rows"))


def _ours(reader: Reader, path: Path) -> int:
    (found,) = reader.read(Source(path, path.name))
    if not isinstance(found, ParsedDataset):
        raise found.error
    return sum(1 for table in found.variants or () for one in table["copies"].to_pylist() if one)


def _pysam(module: Any, path: Path) -> int:
    calls = 0
    with module.VariantFile(str(path)) as file:
        for record in file:
            _ = record.chrom, record.pos, record.id, record.ref, record.alts, record.qual
            _ = list(record.filter), dict(record.info.items())
            for sample in record.samples.values():
                values = dict(sample.items())
                calls += any(values["GT"] or ())
    return calls


def _cyvcf2(module: Any, path: Path) -> int:
    calls = 0
    for record in module.VCF(str(path)):
        _ = record.CHROM, record.POS, record.ID, record.REF, record.ALT, record.QUAL, record.FILTER
        _ = dict(record.INFO)
        for key in record.FORMAT or ():
            if key != "GT":
                record.format(key)
        if record.FORMAT:
            calls += sum(1 in one or 2 in one for one in (g[:-1] for g in record.genotypes))
    return calls


def _equal(answers: dict[str, Any]) -> None:
    if len(set(answers.values())) > 1:
        raise AssertionError(f"sides count other calls: {answers}")


def _compare_maf(bench: Bench, rows: int) -> None:
    pandas = bench.peer("pandas")
    if pandas is None:
        return
    path = bench.folder / "variants.maf"
    with path.open("w") as file:
        file.writelines(_maf(rows))
    theirs = partial(_pandas, pandas, path)
    sides = {OURS: partial(_ours, MafReader(), path), "pandas read_csv, as text": theirs}
    times = turns(sides, bench.rounds, _equal)
    bench.add(Result("variants", "MAF of 117 columns", times, "", rows, "rows"))


def _pandas(module: Any, path: Path) -> int:
    frame = module.read_csv(path, sep="\t", comment="#", dtype=str)
    return int((frame["Tumor_Seq_Allele2"] != frame["Reference_Allele"]).sum())


def _compare_segments(bench: Bench, rows: int) -> None:
    pandas = bench.peer("pandas")
    if pandas is None:
        return
    path = bench.folder / "variants.seg"
    with path.open("w") as file:
        file.write("ID\tchrom\tloc.start\tloc.end\tnum.mark\tseg.mean\n")
        for row in range(rows):
            place = f"{row % 22 + 1}\t{row * 10 + 1}\t{row * 10 + 9}"
            file.write(f"S{row // 500}\t{place}\t{row % 77}\t{row % 331 / 97 - 1.3:.4f}\n")
    theirs = partial(_pandas_segments, pandas, path)
    sides = {OURS: partial(_segments, path), "pandas read_csv": theirs}
    times = turns(sides, bench.rounds, _equal)
    bench.add(Result("variants", "segments (.seg)", times, "", rows, "rows"))


def _segments(path: Path) -> int:
    (found,) = SegReader().read(Source(path, path.name))
    if not isinstance(found, ParsedDataset):
        raise found.error
    return sum(table.num_rows for table in found.variants or ())


def _pandas_segments(module: Any, path: Path) -> int:
    return len(module.read_csv(path, sep="\t"))


def _maf(rows: int) -> Iterator[str]:
    known = {"Hugo_Symbol": "TP53", "Entrez_Gene_Id": "7157", "Chromosome": "17",
             "NCBI_Build": "38",
             "Variant_Classification": "Silent", "Reference_Allele": "C", "Tumor_Seq_Allele1": "C",
             "Tumor_Seq_Allele2": "T", "HGVSp_Short": "p.V1E", "t_depth": "50", "t_ref_count": "30",
             "t_alt_count": "20", "FILTER": "PASS"}  # fmt: skip
    moving = ["Start_Position", "End_Position", "Tumor_Sample_Barcode"]
    extra = [f"extra_{i}" for i in range(117 - len(known) - len(moving))]
    yield "#version 2.4\n" + "\t".join([*known, *moving, *extra]) + "\n"
    rest = "\t".join(("", "0.5", "some text")[i % 3] for i in range(len(extra)))
    for row in range(rows):
        yield "\t".join([*known.values(), str(row + 1), str(row + 1), f"S{row % 300}", rest]) + "\n"


def _memory(bench: Bench, records: int) -> None:
    """The peak of a process that reads a gzipped VCF, and takes its rows."""
    path = bench.folder / "variants-large.vcf.gz"
    size = 0
    with gzip.open(path, "wt", compresslevel=1) as file:
        block = list(_vcf(min(records, 20_000), 0, rich=True))
        repeats = max(1, records // 20_000)
        for repeat in range(repeats):
            lines = block if not repeat else [line for line in block if line[0] != "#"]
            file.writelines(lines)
            size += sum(map(len, lines))
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE, str(path)], capture_output=True, text=True, check=True
    )
    rows, before, peak = done.stdout.split()
    print(
        f"variants: VCF.gz of {size / 1e6:,.0f} MB of text, {int(rows):,} rows\n"
        f"    peak memory {peak} MB, of which {before} MB before reading"
    )
    path.unlink()
