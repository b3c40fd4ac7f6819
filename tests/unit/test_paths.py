"""Only local files of the right kind are opened."""

import gzip
import zipfile

import pytest

from hotspot_eval.data import paths
from hotspot_eval.data.paths import local_file, local_files, refuse_inflated, text_advice, unpack
from hotspot_eval.errors import InputError


@pytest.mark.parametrize(
    "path",
    [
        "https://example.org/a.csv",
        "s3://bucket/a.csv",
        "file:///etc/a.csv",
        "/vsicurl/http://example.org/a.csv",
        "/vsizip/a.zip/a.csv",
        "\\vsimem\\a.csv",
        "VSIS3/a.csv",
    ],
)
def test_addresses_and_virtual_paths_are_refused(path):
    with pytest.raises(InputError, match=r"counts\.path: .* is an address or a virtual path"):
        local_file(path, suffixes=(".csv",), where="counts.path")


def test_each_other_reason_is_named(tmp_path):
    (tmp_path / "empty.csv").touch()
    (tmp_path / "book.xlsx").write_bytes(b"x")
    for name, match in [
        ("absent.csv", "does not exist"),
        ("", "is a folder, not a file"),
        ("empty.csv", "is empty"),
        ("book.xlsx", r"not one of the kinds .* It reads \.csv, \.csv\.gz"),
    ]:
        with pytest.raises(InputError, match=match):
            local_file(tmp_path / name, suffixes=(".csv", ".csv.gz"))


def test_a_path_cannot_leave_its_folder_even_by_a_link(tmp_path):
    inside, outside = tmp_path / "in", tmp_path / "out.csv"
    inside.mkdir()
    outside.write_text("a")
    (inside / "link.csv").symlink_to(outside)
    for path in (outside, inside / ".." / "out.csv", inside / "link.csv"):
        with pytest.raises(InputError, match="leaves the folder"):
            local_file(path, suffixes=(".csv",), within=inside)
    (inside / "own.csv").write_text("a")
    assert local_file(inside / "own.csv", suffixes=(".csv",), within=inside).name == "own.csv"


def test_files_and_folders_are_gathered_sorted_and_once(tmp_path):
    for name in ("b.csv", "a.csv", "c.txt"):
        (tmp_path / name).write_text("x")
    found = local_files([tmp_path, tmp_path / "a.csv"], suffixes=(".csv",))
    assert [path.name for path in found] == ["a.csv", "b.csv"]
    with pytest.raises(InputError, match="names no file"):
        local_files([], suffixes=(".csv",))


def test_every_bad_path_is_named_at_once(tmp_path):
    with pytest.raises(InputError) as error:
        local_files([tmp_path / "x.csv", "https://a/b.csv"], suffixes=(".csv",))
    assert len(error.value.problems) == 2


def archive(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in members.items():
            packed.writestr(name, content)
    return path


def test_members_are_written_under_their_bare_names(tmp_path):
    packed = archive(tmp_path / "a.zip", {"../../evil.csv": "x", "deep/b.csv": "y", "c.txt": "z"})
    target = tmp_path / "target"
    target.mkdir()
    names = sorted(path.name for path in unpack(packed, target, suffixes=(".csv",)))
    assert names == ["b.csv", "evil.csv"]
    assert sorted(path.name for path in target.iterdir()) == names


def test_archives_that_cannot_be_meant_are_refused(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="is not a zip archive"):
        plain = tmp_path / "plain.zip"
        plain.write_text("no")
        unpack(plain, tmp_path, suffixes=(".csv",))
    with pytest.raises(InputError, match=r"members share a name \(1: a\.csv"):
        unpack(
            archive(tmp_path / "t.zip", {"x/a.csv": "1", "y/a.csv": "2"}),
            tmp_path,
            suffixes=(".csv",),
        )
    with pytest.raises(InputError, match="not believable for such data"):
        bomb = archive(tmp_path / "b.zip", {"a.csv": "0" * 3_000_000})
        unpack(bomb, tmp_path, suffixes=(".csv",))
    monkeypatch.setattr(paths, "_MEMBERS", 1)
    with pytest.raises(InputError, match="unpacks to 2 files"):
        many = archive(tmp_path / "m.zip", {"a.csv": "1", "b.csv": "2"})
        unpack(many, tmp_path, suffixes=(".csv",))


def test_gzip_bombs_and_damage_are_refused(tmp_path):
    bomb = tmp_path / "bomb.gz"
    bomb.write_bytes(gzip.compress(b"0" * 120_000_000, compresslevel=1))
    with pytest.raises(InputError, match="unpacks to more than"):
        refuse_inflated(bomb)
    bomb.write_bytes(b"no gzip")
    with pytest.raises(InputError, match="cannot be unpacked"):
        refuse_inflated(bomb)
    bomb.write_bytes(gzip.compress(b"a,b\n"))
    refuse_inflated(bomb)


@pytest.mark.parametrize(
    ("start", "said"),
    [
        (b"PK\x03\x04rest", "workbook or an archive"),
        (b"\xd0\xcf\x11\xe0", "workbook"),
        (b"a\xff", "Save it as CSV UTF-8."),
    ],
)
def test_a_workbook_under_the_name_of_a_text_is_told(tmp_path, start, said):
    path = tmp_path / "counts.csv"
    path.write_bytes(start)
    assert said in text_advice(path)
