"""Harmless names, hidden paths, whole files."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotspot_eval.report.files import hide_paths, slug, write_atomically


@given(st.text(max_size=300))
def test_any_name_becomes_one_harmless_file_name(name):
    made = slug(name)
    assert made == PurePosixPath(made).name and made not in ("", ".", "..")
    assert made.isascii() and len(made) <= 64
    assert all(letter.isalnum() or letter in "_-" for letter in made)
    assert slug(made) == made


def test_names_that_only_look_alike_stay_apart():
    made = [slug(name) for name in ("a/b", "a.b", "a b", "ä-b", "../a/b")]
    assert len(set(made)) == len(made)


@pytest.mark.parametrize("name", ["internal", "Synthesis", "figures"])
def test_folders_of_the_study_cannot_be_taken_by_a_site(name):
    assert slug(name) != name


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("open '/srv/ann/data/x.csv'", "open 'x.csv'"),
        (r"open C:\Users\ann\x.csv", "open x.csv"),
        ("file:///srv/ann/x.csv", "x.csv"),
        ("~/data/secret/x.csv", "x.csv"),
        ("and/or, 3 /month, 1/2, https://a.org/b/c", "and/or, 3 /month, 1/2, https://a.org/b/c"),
        ("data/wards.csv", "data/wards.csv"),
        ("n/a, 31/02/2020", "n/a, 31/02/2020"),
    ],
)
def test_absolute_paths_are_cut_down(text, shown):
    assert hide_paths(text) == shown


def test_files_are_written_whole_with_line_feeds(tmp_path):
    path = tmp_path / "new" / "x.txt"
    write_atomically(path, "–\n")
    assert path.read_bytes() == "–\n".encode()
    assert [p.name for p in path.parent.iterdir()] == ["x.txt"]


def test_a_write_that_fails_leaves_the_old_file(tmp_path):
    path = tmp_path / "x.txt"
    write_atomically(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_atomically(path, "\ud800")
    assert path.read_text(encoding="utf-8") == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["x.txt"]
