"""One small valid file per format, as the seed that fuzzing changes.

Add the seed of a format as one function. Keep out: changing them.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

TEXT = h5py.string_dtype()


@dataclass(frozen=True)
class Seed:
    """A valid file by a name that its reader takes, and the files that belong to it."""

    name: str
    data: bytes
    sidecars: Mapping[str, bytes] = field(default_factory=dict)


CLINICAL = (
    b"#Patient\tSample\tAge\n#p\ts\ta\n#STRING\tSTRING\tNUMBER\n#1\t1\t1\n"
    b"PATIENT_ID\tSAMPLE_ID\tAGE\nP1\tS1\t61\nP2\tS2\t[Not Available]\n"
)


def cbio_clinical() -> Seed:
    return Seed("data_clinical.txt", CLINICAL)


def cbio_seg() -> Seed:
    text = (
        "ID\tchrom\tloc.start\tloc.end\tnum.mark\tseg.mean\n"
        "S1\t1\t0\t900\t9\t-0.5\nS1\t2\t10\t20\t1\tNA\nS2\tX\t5\t5\t\t1e-3\n"
    )
    return Seed("x.seg", text.encode())


def cbio_study() -> Seed:
    named = b"cancer_study_identifier: st\ngenetic_alteration_type: MRNA_EXPRESSION\n"
    return Seed(
        "meta_study.txt",
        b"cancer_study_identifier: st\nname: A study\ntype_of_cancer: brca\n",
        {
            "meta_exp.txt": named + b"stable_id: rna\ndata_filename: data_exp.txt\n",
            "data_exp.txt": b"Hugo_Symbol\tS1\tS2\nTP53\t1.5\tNA\nMYC\t-2\t3\n",
            "data_cna.txt": b"Hugo_Symbol\tSample_Id\tValue\nTP53\tS1\t-2\nMYC\tS2\t1\n",
            "data_ic50.txt": b"ENTITY_STABLE_ID\tNAME\tS1\tS2\nD1\tDrug\t>8\t0.5\n",
            "data_sv.txt": b"Sample_Id\tSite1_Hugo_Symbol\tSite1_Position\tSite2_Hugo_Symbol\n"
            b"S1\tEML4\t42\tALK\n",
            "data_clinical.txt": CLINICAL,
        },
    )


def count_files() -> Seed:
    text = "TP53\t5\nMYC\t1\nABC1\t0\n__no_feature\t7\n__ambiguous\t3\n"
    return Seed("GSM1_a.txt", text.encode(), {"counts.gsm2_b.txt": text.encode()})


def csv() -> Seed:
    text = 'gene,Length,"S 1",S2,S3\nTP53,10,1.5,2,NA\n"MY""C",20,0,-3e5,7\nABC1,30,4,5,6\n'
    described = "sample_id,tissue\nS 1,liver\nS2,lung\nS3,\n"
    return Seed("x.csv", text.encode(), {"csv": described.encode(), "json": b'{"title": "t"}'})


def gct() -> Seed:
    text = (
        "#1.3\n3\t2\t1\t1\nid\tsymbol\tS1\tS2\ntissue\tna\tliver\tlung\n"
        "g1\tTP53\t1.5\t-2\ng2\tMYC\t\t1e-3\ng3\tABC1\t7\tNaN\n"
    )
    return Seed("x.gct", text.encode(), {"cls": b"2 2 1\n# a b\n0 1\n"})


def geo_series_matrix() -> Seed:
    text = (
        '!Series_title\t"t"\n!Series_geo_accession\t"GSE1"\n\n'
        '!Sample_title\t"one"\t"two"\n!Sample_geo_accession\t"GSM1"\t"GSM2"\n'
        '!Sample_characteristics_ch1\t"tissue: liver"\t"tissue: lung"\n'
        '!Sample_platform_id\t"GPL1"\t"GPL2"\n!series_matrix_table_begin\n'
        '"ID_REF"\t"GSM1"\t"GSM2"\n"a"\t1.5\t\n"b"\t2\t3\n!series_matrix_table_end\n'
    )
    return Seed("GSE1_series_matrix.txt", text.encode())


def geo_soft() -> Seed:
    parts = [
        "^DATABASE = GeoMiame\n!Database_name = GEO\n^SERIES = GSE1\n!Series_title = t\n"
        "!Series_sample_id = GSM1\n!Series_sample_id = GSM2\n"
        "^PLATFORM = GPL1\n!Platform_organism = Homo sapiens\n#ID = probe\n"
        "!platform_table_begin\nID\tGene Symbol\na\tTP53\nb\tMYC\n!platform_table_end\n"
    ]
    for number in (1, 2):
        parts.append(
            f"^SAMPLE = GSM{number}\n!Sample_title = s{number}\n!Sample_platform_id = GPL1\n"
            "!Sample_characteristics_ch1 = tissue: liver\n!Sample_data_row_count = 2\n"
            f"!sample_table_begin\nID_REF\tVALUE\tABS_CALL\na\t{number}.5\tP\nb\t\tA\n"
            "!sample_table_end\n"
        )
    return Seed("GSE1_family.soft", "".join(parts).encode())


def geo_miniml() -> Seed:
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<MINiML xmlns="http://www.ncbi.nlm.nih.gov/geo/info/MINiML" version="0.5.0">\n'
        '<Platform iid="GPL1"><Title>p</Title><Accession database="GEO">GPL1</Accession>\n'
        '<Data-Table><Column position="1"><Name>ID</Name></Column>'
        '<Internal-Data rows="2">\na\nb\n</Internal-Data></Data-Table></Platform>\n'
        '<Sample iid="GSM1"><Title>s</Title><Accession database="GEO">GSM1</Accession>\n'
        '<Channel position="1"><Characteristics tag="tissue">liver</Characteristics></Channel>'
        '<Platform-Ref ref="GPL1"/><Data-Table><Column position="1"><Name>ID_REF</Name></Column>'
        '<Column position="2"><Name>VALUE</Name></Column>'
        '<Internal-Data rows="2">\na\t1.5\nb\t2\n</Internal-Data></Data-Table></Sample>\n'
        '<Series iid="GSE1"><Title>t &amp; u</Title><Accession database="GEO">GSE1</Accession>'
        '<Sample-Ref ref="GSM1"/></Series>\n</MINiML>\n'
    )
    return Seed("GSE1_family.xml", text.encode())


def tenx_mtx() -> Seed:
    text = (
        "%%MatrixMarket matrix coordinate integer general\n%c\n3 2 4\n1 1 5\n2 1 1\n3 2 9\n1 2 2\n"
    )
    features = (
        "ENSG1\tTP53\tGene Expression\nENSG2\tMYC\tGene Expression\nAB1\tCD3\tAntibody Capture\n"
    )
    return Seed(
        "matrix.mtx",
        text.encode(),
        {"barcodes": b"AAAC-1\nAAAG-1\n", "features": features.encode()},
    )


def vcf() -> Seed:
    text = (
        '##fileformat=VCFv4.3\n##FILTER=<ID=q10,Description="q">\n'
        '##INFO=<ID=DP,Number=1,Type=Integer,Description="d">\n'
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="g">\n'
        '##FORMAT=<ID=AD,Number=R,Type=Integer,Description="a">\n##contig=<ID=1,length=1000>\n'
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tS1\tS2\n"
        "1\t10\trs1\tA\tG,T\t50\tPASS\tDP=10\tGT:AD\t0/1:3,4,0\t1|2:0,5,6\n"
        "1\t20\t.\tAC\t<DEL>\t.\tq10\t.\tGT\t./.\t1\n"
    )
    return Seed("x.vcf", text.encode())


def maf() -> Seed:
    text = (
        "#version 2.4\nHugo_Symbol\tEntrez_Gene_Id\tNCBI_Build\tChromosome\tStart_Position\t"
        "End_Position\tStrand\tVariant_Classification\tVariant_Type\tReference_Allele\t"
        "Tumor_Seq_Allele1\tTumor_Seq_Allele2\tTumor_Sample_Barcode\tHGVSp_Short\n"
        "TP53\t7157\tGRCh38\t17\t7674220\t7674220\t+\tMissense_Mutation\tSNP\tC\tC\tT\tS1\tp.R248Q\n"
        "KRAS\t3845\tGRCh38\t12\t25245350\t25245350\t+\tSilent\tSNP\tC\tC\tA\tS2\t\n"
    )
    return Seed("x.maf", text.encode())


def h5ad() -> Seed:
    def build(file: h5py.File) -> None:
        for key, ids in (("obs", ["c1", "c2"]), ("var", ["g1", "g2", "g3"])):
            group = file.create_group(key)
            group.attrs.update({"_index": "_index", "encoding-type": "dataframe"})
            group.attrs["column-order"] = np.array(["kind"], dtype=TEXT)
            group.create_dataset("_index", data=ids, dtype=TEXT)
            kind = group.create_group("kind")
            kind.attrs.update({"encoding-type": "categorical", "ordered": False})
            kind.create_dataset("codes", data=np.zeros(len(ids), "int8"))
            kind.create_dataset("categories", data=["a"], dtype=TEXT)
        sparse = file.create_group("X")
        sparse.attrs.update({"encoding-type": "csr_matrix", "shape": np.array([2, 3])})
        sparse.create_dataset("data", data=np.array([1.5, 2, 3], "float32"), compression="gzip")
        sparse.create_dataset("indices", data=np.array([0, 2, 1], "int32"))
        sparse.create_dataset("indptr", data=np.array([0, 2, 3], "int32"))
        file.create_dataset("layers/dense", data=np.arange(6, dtype="int64").reshape(2, 3))
        file.create_dataset("uns/title", data="t", dtype=TEXT)

    return Seed("x.h5ad", _hdf5(build))


def gctx() -> Seed:
    def build(file: h5py.File) -> None:
        file.attrs["version"] = "GCTX1.0"
        file.create_dataset("0/DATA/0/matrix", data=np.ones((2, 3), "float32"), chunks=(1, 3))
        for side, ids in (("COL", [b"s1", b"s2"]), ("ROW", [b"g1", b"g2", b"g3"])):
            file.create_dataset(f"0/META/{side}/id", data=np.array(ids))
            file.create_dataset(f"0/META/{side}/dose", data=np.arange(len(ids), dtype="float64"))

    return Seed("x.gctx", _hdf5(build))


def loom() -> Seed:
    def build(file: h5py.File) -> None:
        file.create_dataset("matrix", data=np.arange(6.0).reshape(3, 2), compression="gzip")
        file.create_dataset("layers/spliced", data=np.ones((3, 2), "int16"))
        file.create_dataset("row_attrs/Gene", data=["TP53", "MYC", "ABC1"], dtype=TEXT)
        file.create_dataset("row_attrs/chr", data=np.array([b"17", b"8", b"16"]))
        file.create_dataset("col_attrs/CellID", data=["c1", "c2"], dtype=TEXT)
        file.create_dataset("col_attrs/n", data=np.array([4, 5]))
        file.create_dataset("attrs/LOOM_SPEC_VERSION", data="3.0.0", dtype=TEXT)

    return Seed("x.loom", _hdf5(build))


def parquet() -> Seed:
    columns = {
        "gene": pa.array(["TP53", "MYC", "ABC1"]),
        "kind": pa.array(["a", "b", "a"]).dictionary_encode(),
        "Length": pa.array([10, 20, 30]),
        "S1": pa.array([1, None, 3], pa.int32()),
        "S2": pa.array([0.5, 1.5, -2.5]),
    }
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out, compression="zstd", row_group_size=2)
    return Seed("x.parquet", out.getvalue(), {"csv": b"sample,t\nS1,a\nS2,b\n"})


def tenx_h5() -> Seed:
    def build(file: h5py.File) -> None:
        group = file.create_group("matrix")
        group.create_dataset("barcodes", data=np.array([b"AAAC-1", b"AAAG-1"]))
        group.create_dataset("data", data=np.array([5, 1, 9], "int32"), compression="gzip")
        group.create_dataset("indices", data=np.array([0, 1, 2], "int64"))
        group.create_dataset("indptr", data=np.array([0, 2, 3], "int64"))
        group.create_dataset("shape", data=np.array([3, 2], "int32"))
        for name, values in {
            "id": [b"ENSG1", b"ENSG2", b"ENSG3"],
            "name": [b"TP53", b"MYC", b"ABC1"],
            "feature_type": [b"Gene Expression"] * 3,
            "genome": [b"GRCh38"] * 3,
        }.items():
            group.create_dataset(f"features/{name}", data=np.array(values))

    return Seed("x.h5", _hdf5(build))


def tsv() -> Seed:
    return Seed("x.tsv", csv().data.replace(b",", b"\t"))


def _hdf5(build: Callable[[h5py.File], None]) -> bytes:
    out = io.BytesIO()
    with h5py.File(out, "w") as file:
        build(file)
    return out.getvalue()


SEEDS: Mapping[str, Callable[[], Seed]] = {
    make.__name__: make
    for make in (
        cbio_clinical, cbio_seg, cbio_study, count_files, csv, gct, gctx, geo_miniml,
        geo_series_matrix, geo_soft, h5ad, loom, maf, parquet, tenx_h5, tenx_mtx, tsv, vcf,
    )
}  # fmt: skip
