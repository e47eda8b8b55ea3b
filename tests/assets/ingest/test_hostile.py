"""Archives and folders made to harm: each is refused by one error, quickly, and nothing is lost."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import socket
import struct
import tarfile
import tempfile
import zipfile
import zlib
from pathlib import Path

import pytest
import zstandard

from polly_assets.ingest import bundles
from polly_assets.ingest.bundles import unpack
from polly_assets.ingest.formats.streams import packed
from polly_assets.ingest.given import collect, survey
from polly_resources.errors import BadInput
from tests.assets.ingest.archives import add, tarred, zipped
from tests.assets.instance import gct
from tests.machine import ordinary_user

A, B = gct().encode(), gct([[1]]).encode()
FILES = {"a.gct": A, "d/b.gct": B}


def opened(tmp_path: Path, data: bytes, name: str = "x.zip") -> dict[str, bytes]:
    path, folder = tmp_path / "bundle", tmp_path / "unpacked"
    path.write_bytes(data)
    folder.mkdir()
    return {name: file.read_bytes() for name, file in unpack(path, name, folder).items()}


def refused(tmp_path: Path, data: bytes, name: str = "x.zip") -> BadInput:
    with pytest.raises(BadInput) as caught:
        opened(tmp_path, data, name)
    assert caught.value.file == name and caught.value.hint
    return caught.value


WAYS = {
    ".tar.bz2": bz2.compress,
    ".tbz2": bz2.compress,
    ".tar.xz": lzma.compress,
    ".txz": lzma.compress,
    ".tar.zst": zstandard.ZstdCompressor().compress,
    ".tzst": zstandard.ZstdCompressor().compress,
}


@pytest.mark.parametrize("ending", WAYS)
def test_other_ways_to_pack(tmp_path, ending):
    data = WAYS[ending](tarred({**FILES, "big": bytes(3 << 20)}))
    found = opened(tmp_path, data, f"x{ending}")
    assert found == {"x/a.gct": A, "x/d/b.gct": B, "x/big": bytes(3 << 20)}


@pytest.mark.parametrize("pack", [bz2.compress, lzma.compress, WAYS[".tzst"], gzip.compress])
def test_several_packed_streams_are_one(tmp_path, pack):
    whole = tarred(FILES)
    found = opened(tmp_path, pack(whole[:700]) + pack(whole[700:]), "x.tar")
    assert found == {"x/a.gct": A, "x/d/b.gct": B}


@pytest.mark.parametrize("ending", WAYS)
@pytest.mark.parametrize("part", [0.3, 0.7, 0.95])
def test_other_ways_cut_short(tmp_path, ending, part):
    data = WAYS[ending](tarred({"a": os.urandom(50_000), **FILES}))
    error = refused(tmp_path, data[: int(len(data) * part)], f"x{ending}")
    assert error.code in ("corrupt_bundle", "cut_bundle")


@pytest.mark.parametrize("ending", WAYS)
def test_other_bombs(tmp_path, ending, monkeypatch):
    monkeypatch.setattr(packed, "FREE_BYTES", 1 << 20)
    data = WAYS[ending](tarred({"a.gct": bytes(64 << 20)}))
    assert refused(tmp_path, data, f"x{ending}").code == "unpacks_too_large"


def test_xz_that_wants_gigabytes(tmp_path):
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 20}]
    data = bytearray(lzma.compress(tarred(FILES), filters=filters))
    at = data.index(bytes([0x21, 1]), 12)
    data[at + 2] = 40  # 4 GiB, in a block header whose checksum is made to fit
    size = (data[12] + 1) * 4
    data[12 + size - 4 : 12 + size] = struct.pack("<L", zlib.crc32(data[12 : 12 + size - 4]))
    error = refused(tmp_path, bytes(data), "x.tar.xz")
    assert error.code == "corrupt_bundle" and "emory" in error.message


@pytest.mark.parametrize(
    ("first", "kind"),
    [(b"7z\xbc\xaf\x27\x1c", "7-Zip"), (b"Rar!\x1a\x07\x01\0", "RAR"), (b"\x1f\x9d", "compress")],
)
@pytest.mark.parametrize("name", ["x.7z", "x.rar", "x.zip", "x.tar"])
def test_archives_that_are_not_read(tmp_path, first, kind, name):
    error = refused(tmp_path, first + bytes(100), name)
    assert error.code == "unknown_archive" and kind in error.message


def test_a_page_of_errors_for_a_zip(tmp_path):
    assert refused(tmp_path, b"<!DOCTYPE html><html>404</html>").code == "corrupt_bundle"


class TestZip:
    def test_many_entries_over_one_content(self, tmp_path, monkeypatch):
        monkeypatch.setattr(packed, "FREE_BYTES", 1 << 20)
        error = refused(tmp_path, _overlapping(bytes(1 << 20), 200))
        assert error.code in ("unpacks_too_large", "corrupt_bundle")

    def test_nested_like_42(self, tmp_path):
        data = zipped({"0.dll": bytes(1 << 20)})
        for _ in range(5):
            data = zipped({f"lib {i}.zip": data for i in range(4)})
        assert refused(tmp_path, data).code == "nested_bundle"

    def test_nested_in_two_levels(self, tmp_path, monkeypatch):
        monkeypatch.setattr(packed, "FREE_BYTES", 1 << 20)
        inner = zipped({"0": bytes(8 << 20)})
        error = refused(tmp_path, zipped({f"{i}.zip": inner for i in range(9)}))
        assert error.code == "unpacks_too_large"

    def test_part_of_several_disks(self, tmp_path):
        data = bytearray(zipped(FILES))
        at = data.rindex(b"PK\x05\x06")
        data[at + 4] = data[at + 6] = 2
        assert refused(tmp_path, bytes(data)).code == "split_bundle"

    @pytest.mark.parametrize("size", [0, 1, 10**6, 0xFFFFFFFE])
    def test_a_directory_of_another_size(self, tmp_path, size):
        data = bytearray(zipped(FILES))
        at = data.rindex(b"PK\x05\x06")
        data[at + 12 : at + 16] = struct.pack("<L", size)
        assert refused(tmp_path, bytes(data)).code in ("corrupt_bundle", "empty_bundle")

    def test_zip64_is_read(self, tmp_path):
        out = io.BytesIO()
        with (
            zipfile.ZipFile(out, "w") as archive,
            archive.open("a.gct", "w", force_zip64=True) as f,
        ):
            f.write(A)
        assert opened(tmp_path, out.getvalue()) == {"x/a.gct": A}

    def test_entries_within_stored_members_are_not_counted(self, tmp_path, monkeypatch):
        monkeypatch.setattr(bundles, "MAX_MEMBERS", 5)
        inner = zipped({f"{i}": b"" for i in range(9)})
        found = opened(tmp_path, zipped({"a.xlsx": inner}, zipfile.ZIP_STORED))
        assert found == {"x/a.xlsx": inner}

    def test_sizes_that_lie(self, tmp_path):
        data = bytearray(zipped({"a.gct": A * 50}))
        at = data.index(b"PK\x01\x02")
        data[at + 24 : at + 28] = struct.pack("<L", 10)
        assert refused(tmp_path, bytes(data)).code == "corrupt_bundle"

    def test_a_name_with_a_hidden_end(self, tmp_path):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            archive.writestr("a.gct_x.exe", A)
        data = out.getvalue().replace(b"a.gct_x", b"a.gct\0x")
        assert refused(tmp_path, data).code == "unsafe_member"

    def test_a_member_without_a_name(self, tmp_path):
        data = bytearray(zipped({"a": A}))
        at = data.index(b"PK\x01\x02")
        data[26:30] = data[at + 28 : at + 32] = b"\0\0\1\0"  # the name is an extra field now
        assert refused(tmp_path, bytes(data)).code == "unsafe_member"

    def test_utf8_that_is_not_marked(self, tmp_path):
        data = zipped({"Ü_数.gct": A})
        flags = bytearray(data)
        flags[7] = 0
        flags[flags.index(b"PK\x01\x02") + 9] = 0
        assert opened(tmp_path, bytes(flags)) == {"x/Ü_数.gct": A}

    def test_names_of_dos(self, tmp_path):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            archive.writestr("Gr_n.gct", A)
        data = out.getvalue().replace(b"Gr_n", b"Gr\x81n")
        assert opened(tmp_path, data) == {"x/Grün.gct": A}

    def test_folders_of_windows(self, tmp_path):
        assert opened(tmp_path, zipped({"d\\": b"", "d\\a.gct": A})) == {"x/d/a.gct": A}

    def test_a_bundle_and_a_folder_of_its_name(self, tmp_path):
        files = {"a.zip": zipped({"x.gct": A}), "a.zip.unpacked/y.gct": B, "a/z.gct": A}
        found = opened(tmp_path, zipped(files), "b.zip")
        assert found == {"b/a/x.gct": A, "b/a.zip.unpacked/y.gct": B, "b/a/z.gct": A}

    @pytest.mark.parametrize(("other", "fine"), [(A, True), (B, False)])
    def test_two_that_would_land_as_one(self, tmp_path, other, fine):
        files = {"a.zip": zipped({"x.gct": A}), "a.tar": tarred({"x.gct": other})}
        if fine:
            assert opened(tmp_path, zipped(files), "b.zip") == {"b/a/x.gct": A}
        else:
            error = refused(tmp_path, zipped(files), "b.zip")
            assert (error.code, error.place) == ("duplicate_member", "b/a/x.gct")

    def test_an_inner_bundle_of_a_long_name(self, tmp_path):
        name = "n" * 250
        found = opened(tmp_path, zipped({f"{name}.zip": zipped({"a.gct": A})}), "b.zip")
        assert found == {f"b/{name}/a.gct": A}

    def test_a_damaged_inner_bundle_is_named(self, tmp_path):
        error = refused(tmp_path, zipped({"in/a.zip": zipped(FILES)[:-9], "b.gct": B}))
        assert (error.code, error.place) == ("corrupt_bundle", "in/a.zip")

    def test_names_that_differ_by_case(self, tmp_path):
        assert opened(tmp_path, zipped({"a.gct": A, "A.gct": B})) == {"x/a.gct": A, "x/A.gct": B}


def _overlapping(content: bytes, copies: int) -> bytes:
    """A zip whose entries are all of one content."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("000", content)
    data = out.getvalue()
    at, end = data.index(b"PK\x01\x02"), data.rindex(b"PK\x05\x06")
    entries = [data[at:end].replace(b"000", b"%03d" % i) for i in range(copies)]
    size = sum(map(len, entries))
    record = b"PK\x05\x06" + struct.pack("<4H2LH", 0, 0, copies, copies, size, at, 0)
    return data[:at] + b"".join(entries) + record


class TestTar:
    def test_damage_of_a_header_ends_nothing_silently(self, tmp_path):
        data = bytearray(tarred({"a.gct": A, "b.gct": B, "c.gct": A}))
        data[data.index(b"b.gct") + 1] ^= 1
        assert refused(tmp_path, bytes(data), "x.tar").code == "corrupt_bundle"

    def test_two_joined(self, tmp_path):
        error = refused(tmp_path, tarred({"a.gct": A}) + tarred({"b.gct": B}), "x.tar")
        assert error.code == "content_after_end"

    def test_a_checksum_after_the_end_mark(self, tmp_path):
        data = bytearray(gzip.compress(tarred(FILES)))
        data[-6] ^= 1
        assert refused(tmp_path, bytes(data), "x.tgz").code == "corrupt_bundle"

    def test_huge_extended_headers(self, tmp_path):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
            info = tarfile.TarInfo("a.gct")
            info.pax_headers = {"comment": "1" * 100_000}
            archive.addfile(info)
        assert refused(tmp_path, out.getvalue(), "x.tar").code == "corrupt_bundle"

    def test_many_large_extended_headers(self, tmp_path):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
            for number in range(40):
                info = tarfile.TarInfo(f"{number}.gct")
                info.pax_headers = {"comment": "x" * 20_000}
                archive.addfile(info)
        assert refused(tmp_path, out.getvalue(), "x.tar").code == "corrupt_bundle"

    def test_headers_without_end(self, tmp_path):
        header = tarfile.TarInfo("x")
        header.type, header.size = tarfile.XHDTYPE, 0
        data = header.tobuf(tarfile.USTAR_FORMAT) * 5000 + bytes(1024)
        assert refused(tmp_path, data, "x.tar").code == "corrupt_bundle"

    @pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.CONTTYPE, b"Z", b"V"])
    def test_a_member_of_exabytes_that_is_skipped(self, tmp_path, kind):
        header = tarfile.TarInfo("b.gct")
        header.type, header.size = kind, 1 << 62
        data = tarred({"a.gct": A})[:1024] + header.tobuf(tarfile.GNU_FORMAT) + bytes(1024)
        error = refused(tmp_path, data, "x.tar")
        assert error.code in ("corrupt_bundle", "cut_bundle", "linked_member")

    def test_sizes_beyond_the_file(self, tmp_path):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as archive:
            add(archive, "a.gct", A)
        header = tarfile.TarInfo("b.gct")
        header.size = 1 << 60
        data = out.getvalue()[:1024] + header.tobuf(tarfile.GNU_FORMAT)
        assert refused(tmp_path, data, "x.tar").code in ("corrupt_bundle", "cut_bundle")


def test_time_is_limited(tmp_path, monkeypatch):
    monkeypatch.setattr(bundles, "MAX_SECONDS", -1.0)
    assert refused(tmp_path, zipped(FILES)).code == "unpacks_too_long"


class TestFolders:
    def test_pipes_and_sockets_are_skipped(self, write, monkeypatch):
        folder = write("f/a.gct").parent
        os.mkfifo(folder / "pipe.gct")
        with socket.socket(socket.AF_UNIX) as one:
            monkeypatch.chdir(folder)  # the path of a socket is short
            one.bind("s.gct")
        given = survey([folder])
        assert set(given.files) == {"a.gct"} and not given.refused
        assert given.skipped == {"pipe.gct": "a pipe", "s.gct": "a socket"}

    def test_a_pipe_that_is_given(self, tmp_path):
        os.mkfifo(tmp_path / "p.gct")
        with pytest.raises(BadInput) as caught:
            collect([tmp_path / "p.gct"])
        assert (caught.value.code, caught.value.file) == ("not_a_file", str(tmp_path / "p.gct"))

    def test_links_in_a_circle(self, write):
        folder = write("f/d/a.gct").parents[1]
        (folder / "up").symlink_to("..")
        (folder / "d" / "self").symlink_to(".")
        (folder / "root").symlink_to("/")
        (folder / "again").symlink_to("d")
        given = survey([folder])
        assert set(given.files) == {"d/a.gct"} and not given.refused
        assert set(given.skipped) == {"up/", "d/self/", "root/", "again/"}

    def test_a_linked_folder_is_followed(self, write):
        write("elsewhere/deep/a.gct")
        folder = write("f/b.gct").parent
        (folder / "linked").symlink_to("../elsewhere")
        assert set(survey([folder]).files) == {"b.gct", "linked/deep/a.gct"}

    @pytest.mark.parametrize("target", ["none.gct", "l.gct"])
    def test_links_that_lead_nowhere(self, write, target):
        folder = write("f/a.gct").parent
        (folder / "l.gct").symlink_to(target)
        with pytest.raises(BadInput) as caught:
            collect([folder])
        assert (caught.value.code, caught.value.file) == ("broken_link", "l.gct")

    @pytest.mark.parametrize("name", [b"\xff.gct", b"a\nb.gct", b"a\\b.gct", b"\x1b[2J.gct"])
    def test_names_that_cannot_land(self, write, name):
        folder = write("f/a.gct").parent
        Path(os.fsdecode(bytes(folder) + b"/" + name)).write_bytes(A)
        given = survey([folder])
        (shown,) = given.refused
        assert given.refused[shown].code == "unsafe_name" and shown.isprintable()
        assert set(given.files) == {"a.gct"}

    def test_what_may_not_be_read(self):
        with tempfile.TemporaryDirectory() as name:
            given = Path(name)
            given.chmod(0o755)
            (given / "a.gct").write_bytes(A)
            (given / "a.gct").chmod(0)
            (given / "d").mkdir(0)
            with ordinary_user():
                found = survey([given])
            (given / "d").chmod(0o700)
        assert {name: e.code for name, e in found.refused.items()} == {
            "a.gct": "unreadable_file",
            "d/": "unreadable_file",
        }

    def test_hidden_folders_are_not_entered(self, write):
        write("f/.git/x.gct"), write("f/__MACOSX/._a.gct"), write("f/.a.gct")
        given = survey([write("f/a.gct").parent])
        assert set(given.skipped) == {".git/", "__MACOSX/"}
