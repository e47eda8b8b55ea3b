"""Bundles become the files that are in them, and hostile ones nothing at all."""

from __future__ import annotations

import io
import stat
import struct
import tarfile
import warnings
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polly_assets.ingest import archives as reading
from polly_assets.ingest import bundles
from polly_assets.ingest.bundles import folder_of, is_bundle, unbundled, unpack
from polly_assets.ingest.formats.streams import packed
from polly_resources.errors import BadInput, Conflict, PollyError
from polly_resources.records import JobStatus
from tests.assets.ingest.archives import (
    PACKERS,
    add,
    tar_gz,
    tar_of,
    tarred,
    zip_of,
    zipped,
)
from tests.assets.ingest.test_landing import missed
from tests.assets.instance import BROKEN_GCT, gct

A, B = gct().encode(), gct([[1]]).encode()


@pytest.fixture
def opened(tmp_path):
    """Unpack bytes as a bundle of this name: names and contents."""

    def one(data: bytes, name: str = "in/x.zip") -> dict[str, bytes]:
        path, folder = tmp_path / "bundle", tmp_path / "unpacked"
        path.write_bytes(data)
        folder.mkdir(exist_ok=True)
        found = unpack(path, name, folder)
        assert all(folder in file.parents for file in found.values())
        return {name: file.read_bytes() for name, file in found.items()}

    return one


@pytest.fixture
def refused(opened, tmp_path):
    """The error of unpacking; nothing may have been written beside the folder."""

    def one(data: bytes, name: str = "x.zip") -> BadInput:
        with pytest.raises(BadInput) as caught:
            opened(data, name)
        assert caught.value.file == name and caught.value.hint
        assert {path.name for path in tmp_path.iterdir()} == {"bundle", "unpacked"}
        return caught.value

    return one


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("x.zip", "x"),
        ("a/GSE1_RAW.tar", "a/GSE1_RAW"),
        ("x.v1.TAR.GZ", "x.v1"),
        ("GSE1_family.xml.tgz", "GSE1_family.xml"),
        ("a/.zip", "a/bundle"),
        ("...tar", "..bundle"),
    ],
)
def test_names(name, folder):
    assert is_bundle(name) and folder_of(name) == folder


def test_what_is_no_bundle():
    assert not any(map(is_bundle, ["x.gct.gz", "x.xlsx", "x.h5ad", "zip", "x.zip.csv"]))


@pytest.mark.parametrize("suffix", PACKERS)
def test_every_kind(opened, suffix):
    files = {"a.gct": A, "./deep/er/b.gct": B, "Ünï 数.csv": b"", "big.txt": bytes(3 << 20)}
    found = opened(PACKERS[suffix](files), f"s/x{suffix}")
    assert found == {
        "s/x/a.gct": A,
        "s/x/deep/er/b.gct": B,
        "s/x/Ünï 数.csv": b"",
        "s/x/big.txt": bytes(3 << 20),
    }


def test_names_of_windows(opened):
    assert opened(zipped({"folder\\a.gct": A})) == {"in/x/folder/a.gct": A}


def test_bundles_in_a_bundle(opened):
    inner = {"in/a.zip": zipped({"a.gct": A}), "b.tgz": tar_gz({"s/b.gct": B}), "c.gct": A}
    assert opened(tarred(inner), "x.tar") == {
        "x/c.gct": A,
        "x/in/a/a.gct": A,
        "x/b/s/b.gct": B,
    }


def test_no_deeper(refused):
    error = refused(zipped({"1.zip": zipped({"2.zip": zipped({"a.gct": A})})}))
    assert (error.code, error.place) == ("nested_bundle", "1.zip: 2.zip")


BAD_NAMES = ["../a.gct", "a/../../b", "/etc/x", "C:/x", "\\\\host\\x", "a\nb", "x" * 300, "a//b"]


@pytest.mark.parametrize("name", BAD_NAMES)
@pytest.mark.parametrize("packer", [zipped, tarred])
def test_names_that_leave_the_folder(refused, packer, name):
    error = refused(packer({"good.gct": A, name: B}))
    assert error.code == "unsafe_member" and repr(name)[1:-1].startswith(error.place)


def test_a_name_that_is_no_text(refused):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as archive:
        add(archive, "\udcff.gct", A)
    assert refused(out.getvalue()).code == "unsafe_member"


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE]
)
def test_links_and_devices_in_a_tar(refused, kind):
    error = refused(tar_of(type=kind, linkname="/etc/passwd"))
    assert (error.code, error.place) == ("linked_member", "odd")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_devices_in_a_zip(refused, kind):
    error = refused(zip_of(mode=kind | 0o777))
    assert (error.code, error.place) == ("linked_member", "odd")


def test_encrypted(refused):
    error = refused(zip_of(flags=1))
    assert (error.code, error.place) == ("encrypted_bundle", "odd")


def test_unknown_compression(refused):
    error = refused(zip_of(method=9))
    assert (error.code, error.place) == ("unknown_compression", "odd")


@pytest.mark.parametrize("packer", [zipfile.ZipFile, tarfile.open])
@pytest.mark.parametrize(("one", "two"), [("a", "a"), ("a", "./a"), ("a", "a/b"), ("a/b", "a")])
def test_two_members_of_one_name(refused, tmp_path, packer, one, two):
    path = tmp_path / "bundle"
    with packer(path, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in (one, two):
            if isinstance(archive, tarfile.TarFile):
                add(archive, name, A)
            else:
                archive.writestr(name, A)
    assert refused(path.read_bytes()).code == "duplicate_member"


@pytest.mark.parametrize("packer", [zipped, tarred])
def test_too_many_members(refused, packer, monkeypatch):
    monkeypatch.setattr(bundles, "MAX_MEMBERS", 3)
    assert refused(packer({f"{i}.gct": b"" for i in range(4)})).code == "too_many_members"


def test_too_many_members_within(refused, monkeypatch):
    monkeypatch.setattr(bundles, "MAX_MEMBERS", 3)
    inner = zipped({"1.gct": b"", "2.gct": b""})
    error = refused(zipped({"a.zip": inner, "b.gct": b""}))
    assert error.code == "too_many_members"


def test_a_directory_of_millions_is_not_held_in_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(zipfile, "ZipFile", None)
    path = tmp_path / "x.zip"
    end = b"PK\x05\x06" + struct.pack("<4H2LH", 0, 0, 0, 0, 4_000_000, 0, 0)
    path.write_bytes(b"PK\x01\x02" * 1_000_000 + end)
    with pytest.raises(reading.Refused) as caught:
        next(reading.zip_members(path, 10_000))
    assert caught.value.code == "too_many_members"


@pytest.mark.parametrize("packer", [zipped, tar_gz])
def test_bombs(refused, packer, monkeypatch):
    monkeypatch.setattr(packed, "FREE_BYTES", 1 << 20)
    error = refused(packer({"a.gct": A, "bomb.gct": bytes(32 << 20)}))
    assert error.code == "unpacks_too_large"


def test_a_sparse_tar_is_a_bomb_too(refused, monkeypatch):
    monkeypatch.setattr(packed, "FREE_BYTES", 1 << 20)
    head = tarfile.TarInfo("bomb").tobuf(tarfile.GNU_FORMAT)
    block = bytearray(head)
    block[156:157] = tarfile.GNUTYPE_SPARSE
    block[386:398] = block[398:410] = b"00000000000\0"
    block[483:495] = b"77777777777\0"
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    error = refused(bytes(block) + bytes(1024))
    assert error.code in ("unpacks_too_large", "corrupt_bundle")


@pytest.mark.parametrize("suffix", PACKERS)
@pytest.mark.parametrize("part", [0.1, 0.4, 0.6, 0.8])
def test_cut_short(refused, suffix, part):
    whole = PACKERS[suffix]({"a.gct": A * 500, "b.gct": B * 500})
    error = refused(whole[: int(len(whole) * part)], f"x{suffix}")
    assert error.code in ("corrupt_bundle", "cut_bundle")


def test_a_tar_that_ends_between_members(refused):
    whole = tarred({"a.gct": A, "b.gct": B})
    second = whole.index(b"b.gct")
    assert refused(whole[:second], "x.tar").code == "cut_bundle"


def test_a_damaged_member(refused):
    data = zipped({"a.gct": A}, zipfile.ZIP_STORED).replace(b"Description", b"Descripti0n")
    error = refused(data)
    assert (error.code, error.place) == ("corrupt_bundle", "a.gct")


@pytest.mark.parametrize("data", [b"", b"PK", b"\x1f\x8b", b"no archive", gct().encode()])
def test_what_is_no_archive(refused, data):
    assert refused(data).code == "corrupt_bundle"


@pytest.mark.parametrize("packer", [zipped, tarred])
def test_empty(refused, packer):
    assert refused(packer({})).code == "empty_bundle"


@settings(max_examples=300, deadline=None)
@given(
    suffix=st.sampled_from([".zip", ".tar", ".tar.gz"]),
    changes=st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=3)), max_size=5),
    cut=st.floats(0, 1),
)
def test_damage_never_surfaces_as_a_traceback(tmp_path_factory, suffix, changes, cut):
    folder = tmp_path_factory.mktemp("bundle")
    data = PACKERS[suffix]({"a.gct": A, "d/b.gct": B})
    for at, new in changes:
        place = int(at * len(data))
        data = data[:place] + new + data[place + len(new) // 2 :]
    path = folder / "x"
    path.write_bytes(data[: int(len(data) * max(cut, 0.5))] if cut < 0.5 else data)
    (folder / "in").mkdir()
    try:
        unpack(path, f"x{suffix}", folder / "in")
    except PollyError as error:
        assert error.hint


class TestUnbundled:
    def test_a_file_beside_its_bundle_is_one_file(self, write, tmp_path):
        files = {"x.zip": write("x.zip", zipped({"a.gct": A})), "x/a.gct": write("x/a.gct", A)}
        found, refused = unbundled(files, tmp_path)
        assert set(found) == {"x/a.gct"} and not refused

    def test_another_file_of_the_name(self, write, tmp_path):
        files = {"x.zip": write("x.zip", zipped({"a.gct": A})), "x/a.gct": write("x/a.gct", B)}
        with pytest.raises(Conflict) as caught:
            unbundled(files, tmp_path)
        assert (caught.value.code, caught.value.place) == ("same_name", "x/a.gct")


class TestIngest:
    def test_sidecars_inside_work(self, instance, write):
        files = {"m.gct": A, "m.json": b'{"dataset_id": "ONE", "title": "t"}', "README": b""}
        write("f/x.tar.gz", tar_gz(files))
        (job,) = instance.ingest(write("f/b.gct", B).parent / "x.tar.gz")
        assert (job.status, job.source) == (JobStatus.SUCCEEDED, "landing/demo/x/m.gct")
        assert instance.ids("normalized_datasets") == ["ONE"]

    def test_a_refused_bundle_fails_alone(self, instance, write):
        write("f/bad.zip", zipped({"../a.gct": A})), write("f/good.zip", zipped({"a.gct": A}))
        bad, good = sorted(instance.ingest(write("f/b.gct", B).parent), key=lambda j: j.source)[1:]
        assert (bad.status, bad.error.code, bad.error.file) == (
            JobStatus.ERRORED,
            "unsafe_member",
            "bad.zip",
        )
        assert (good.source, good.status) == ("landing/demo/good/a.gct", JobStatus.SUCCEEDED)

    def test_the_same_bundle_again_changes_nothing(self, instance, write):
        path = write("x.zip", zipped({"a.gct": A, "b.gct": B}))
        instance.ingest(path)
        write("x.zip", zipped({"a.gct": A, "b.gct": A}))
        statuses = {job.dataset_id: job.status for job in instance.submit(path)}
        assert statuses == {"a": JobStatus.UNCHANGED, "b": JobStatus.QUEUED}

    def test_a_bundle_that_others_landed(self, instance, write):
        path = write("x.zip", zipped({"a.gct": A, "bad.gct": BROKEN_GCT.encode()}))
        instance.objects.put("landing/demo/x.zip", path)
        instance.ledger.submit(missed(instance))
        jobs = {job.dataset_id: job for job in instance.drain()}
        assert {name: job.status for name, job in jobs.items()} == {
            "x.zip": JobStatus.SUCCEEDED,
            "a": JobStatus.SUCCEEDED,
            "bad": JobStatus.ERRORED,
        }
        assert jobs["x.zip"].format == "bundle"
        assert [w.code for w in jobs["x.zip"].warnings] == ["bundle_unpacked"]
        assert instance.ids("normalized_datasets") == ["a"] and missed(instance) == []

    def test_a_landed_bundle_without_data(self, instance, write):
        instance.objects.put("landing/demo/x.zip", write("x.zip", zipped({"README": b"words"})))
        instance.ledger.submit(missed(instance))
        (job,) = instance.drain()
        assert job.error.code == "empty_bundle" and job.error.file == "x.zip"

    def test_a_given_bundle_without_data(self, instance, write):
        with pytest.raises(BadInput) as caught:
            instance.requests(write("x.zip", zipped({"README": b"words"})))
        assert caught.value.code == "nothing_to_ingest"
