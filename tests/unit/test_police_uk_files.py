"""Street files damaged, hostile, told twice or packed: a named refusal or a ledger entry."""

from __future__ import annotations

import gzip
import io
import os
import re
import stat
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from hotspot_eval.data.engine import Engine, Limits
from hotspot_eval.data.police_uk import diff_vintages, read_police_uk
from hotspot_eval.errors import InputError

HEADER = [
    "Crime ID", "Month", "Reported by", "Falls within", "Longitude", "Latitude", "Location",
    "LSOA code", "LSOA name", "Crime type", "Last outcome category", "Context",
]  # fmt: skip
FORCE = "Northumbria Police"


def rows(
    n: int = 40, month: str = "2022-02", force: str = FORCE, types: tuple[str, ...] = ()
) -> pd.DataFrame:
    kinds = types or ("Anti-social behaviour", "Robbery", "Violence and sexual offences")
    table = []
    for k in range(n):
        kind = kinds[k % len(kinds)]
        crime_id = "" if kind.startswith("Anti") else f"{force[:3]}{month}{k:058d}"
        table.append(
            [crime_id, month, force, force,
             f"{-1.6 - k % 7 / 1000:.6f}", f"{54.9 + k % 5 / 1000:.6f}", "On or near High Street",
             f"E0102063{k % 4}", "County Durham 001B", kind,
             "" if crime_id == "" else "Under investigation", ""]
        )  # fmt: skip
    return pd.DataFrame(table, columns=HEADER)


def text(frame: pd.DataFrame) -> bytes:
    return frame.to_csv(index=False, lineterminator="\r\n").encode()


def name(month: str = "2022-02", force: str = "northumbria") -> str:
    return f"{month}-{force}-street.csv"


def put(folder: Path, content: bytes | pd.DataFrame, file: str = name()) -> Path:
    path = folder / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else text(content))
    return path


def packed(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content in members.items():
            archive.writestr(member, content)
    return buffer.getvalue()


def total(source: object, **options: object) -> int:
    panel = read_police_uk(source, **options).panel(  # type: ignore[arg-type]
        outcomes={"all": ["Anti-social behaviour", "Robbery", "Violence and sexual offences"]}
    )
    return int(panel.counts.sum())


def reasons(incidents: object) -> dict[str, int]:
    frame = incidents.ledger.to_frame()  # type: ignore[attr-defined]
    return dict(zip(frame["reason"], frame["rows"], strict=True))


# ---- every way of packing gives the same rows


@pytest.mark.parametrize("form", ["csv", "gz", "zip", "nested folders", "list"])
def test_packing_does_not_matter(tmp_path: Path, form: str) -> None:
    a, b = text(rows()), text(rows(month="2022-03"))
    if form == "csv":
        put(tmp_path, a), put(tmp_path, b, name("2022-03"))
        source: object = tmp_path
    elif form == "gz":
        put(tmp_path, gzip.compress(a), name() + ".gz")
        put(tmp_path, gzip.compress(b), name("2022-03") + ".gz")
        source = str(tmp_path)
    elif form == "zip":
        members = {f"2022-02/{name()}": a, f"2022-03/{name('2022-03')}": b}
        source = put(tmp_path, packed(members), "download.zip")
    elif form == "nested folders":
        put(tmp_path / "x" / "2022-02", a), put(tmp_path / "y", b, name("2022-03"))
        source = tmp_path
    else:
        source = [put(tmp_path, a), put(tmp_path, gzip.compress(b), name("2022-03") + ".gz")]
    assert total(source) == 80


def test_header_in_another_order_and_with_more_columns(tmp_path: Path) -> None:
    shuffled = rows()[HEADER[::-1]].assign(extra="x")
    put(tmp_path, shuffled)
    put(tmp_path, rows(month="2022-03"), name("2022-03"))
    panel = read_police_uk(tmp_path).panel(outcomes=["robbery"])
    straight = rows()[rows()["Crime type"] == "Robbery"].groupby("LSOA code").size()
    assert panel.counts[:, 0, 0].tolist() == straight.reindex(panel.areas).tolist()
    assert (panel.counts[:, 0] == panel.counts[:, 1]).all()


def test_byte_order_mark_line_feeds_and_blank_around_codes(tmp_path: Path) -> None:
    frame = rows()
    content = b"\xef\xbb\xbf" + text(frame).replace(b"\r\n", b"\n")
    put(tmp_path, content)
    assert total(tmp_path) == 40


def test_quoted_commas_and_quotes_in_places(tmp_path: Path) -> None:
    frame = rows()
    frame.loc[3, "Location"] = 'On or near "The Bell", High Street'
    put(tmp_path, frame)
    incidents = read_police_uk(tmp_path)
    assert 'On or near "The Bell", High Street' in set(incidents.frame["location"])
    assert len(incidents.frame) == 40


# ---- damage


def test_truncated_gzip(tmp_path: Path) -> None:
    content = gzip.compress(text(rows(2000)))
    put(tmp_path, content[: len(content) // 2], name() + ".gz")
    with pytest.raises(InputError, match=r"street\.csv\.gz: is cut short or damaged"):
        read_police_uk(tmp_path)


def test_gzip_with_a_flipped_byte(tmp_path: Path) -> None:
    content = bytearray(gzip.compress(text(rows(2000))))
    content[len(content) // 2] ^= 0xFF
    put(tmp_path, bytes(content), name() + ".gz")
    with pytest.raises(InputError, match=r"is cut short or damaged|is not UTF-8"):
        read_police_uk(tmp_path)


def test_half_written_file_names_the_line(tmp_path: Path) -> None:
    content = text(rows())
    put(tmp_path, content[: content.rindex(b"Northumbria")])
    with pytest.raises(InputError, match=r"line 41 does not hold the 12 columns of the header"):
        read_police_uk(tmp_path)


def test_last_line_that_does_not_end_is_noted(tmp_path: Path) -> None:
    put(tmp_path, text(rows())[:-2])
    incidents = read_police_uk(tmp_path)
    assert reasons(incidents)["last line does not end: perhaps cut short"] == 1
    assert total(tmp_path) == 40


def test_cut_between_lines_shows_as_a_partial_month(tmp_path: Path) -> None:
    for month in ("2021-10", "2021-11", "2021-12", "2022-01"):
        put(tmp_path, rows(200, month), name(month))
    put(tmp_path, rows(60), name())
    incidents = read_police_uk(tmp_path)
    partial = incidents.coverage[incidents.coverage["status"] == "partial"]
    assert partial[["month", "rows", "expected"]].to_numpy().tolist() == [["2022-02", 60, 200.0]]
    assert [c.status for c in incidents.checks] == ["passed", "failed"]
    kept = incidents.panel(outcomes=["robbery"])
    blanked = incidents.panel(outcomes=["robbery"], partial="missing")
    assert kept.observed.all() and not blanked.observed[:, -1].any()
    assert blanked.observed[:, :-1].all() and blanked.counts[:, -1].sum() == 0


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
@pytest.mark.parametrize("squeezed", [False, True])
def test_wrong_encoding(tmp_path: Path, encoding: str, squeezed: bool) -> None:
    frame = rows()
    frame.loc[5, "Location"] = "On or near Café Lane"
    content = frame.to_csv(index=False).encode(encoding)
    if squeezed:
        put(tmp_path, gzip.compress(content), name() + ".gz")
    else:
        put(tmp_path, content)
    with pytest.raises(InputError, match=r"UTF-8"):
        read_police_uk(tmp_path)


def test_utf8_places_are_read(tmp_path: Path) -> None:
    frame = rows()
    frame.loc[5, "Location"] = "On or near Ynys Môn"
    put(tmp_path, gzip.compress(text(frame)), name() + ".gz")
    assert "On or near Ynys Môn" in set(read_police_uk(tmp_path).frame["location"])


def test_swapped_coordinates(tmp_path: Path) -> None:
    frame = rows().rename(columns={"Longitude": "Latitude", "Latitude": "Longitude"})
    put(tmp_path, frame)
    with pytest.raises(InputError, match=r"longitude and latitude are swapped in 40 of 40"):
        read_police_uk(tmp_path)


def test_a_few_wrong_coordinates_are_noted_and_not_used_as_points(tmp_path: Path) -> None:
    frame = rows()
    frame.loc[[1, 2], ["Longitude", "Latitude"]] = [["54.9", "-1.6"], ["0", "0"]]
    put(tmp_path, frame)
    incidents = read_police_uk(tmp_path)
    assert reasons(incidents)["coordinates outside the United Kingdom, not used as points"] == 2
    assert total(tmp_path) == 40


def test_no_coordinates_no_code_is_counted(tmp_path: Path) -> None:
    frame = rows()
    frame.loc[:3, ["Longitude", "Latitude", "LSOA code", "LSOA name"]] = ""
    frame.loc[:3, "Location"] = "No Location"
    put(tmp_path, frame)
    incidents = read_police_uk(tmp_path)
    assert reasons(incidents)["no LSOA code"] == reasons(incidents)["no coordinates"] == 4
    panel = incidents.panel(outcomes=["robbery"])
    lost = int((frame.loc[:3, "Crime type"] == "Robbery").sum())
    assert panel.counts.sum() == (frame["Crime type"] == "Robbery").sum() - lost
    assert panel.ledger.to_frame().set_index("reason")["rows"]["not located (no LSOA code)"] == lost


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"Month": "Feb 2022"}, r"'Month' is not of the form 2022-07, 40 rows \(1: Feb 2022\)"),
        ({"Month": "2022-13"}, "'Month' is not of the form"),
        ({"Reported by": ""}, "'Reported by' is blank, 40 rows"),
        ({"Crime type": ""}, "'Crime type' is blank, 40 rows"),
    ],
)
def test_rows_that_cannot_be_counted(tmp_path: Path, change: dict[str, str], message: str) -> None:
    put(tmp_path, rows().assign(**change))
    with pytest.raises(InputError, match=message):
        read_police_uk(tmp_path)


def test_files_joined_with_their_headers(tmp_path: Path) -> None:
    put(tmp_path, text(rows()) + text(rows(month="2022-03")))
    with pytest.raises(InputError, match=r"files were joined into one"):
        read_police_uk(tmp_path)


def test_file_appended_to_itself(tmp_path: Path) -> None:
    body = rows()
    put(tmp_path, pd.concat([body, body, body]))
    with pytest.raises(InputError, match=r"holds each of its rows 3 times"):
        read_police_uk(tmp_path)


def test_every_damaged_file_is_named_at_once(tmp_path: Path) -> None:
    put(tmp_path, text(rows())[:-40])
    put(tmp_path, text(rows(month="2022-03"))[:-40], name("2022-03"))
    put(tmp_path, gzip.compress(text(rows(2000)))[:900], name("2022-04") + ".gz")
    put(tmp_path, rows(month="2022-05"), name("2022-05"))
    with pytest.raises(InputError) as caught:
        read_police_uk(tmp_path)
    named = {re.match(r"[\d-]+", problem.where)[0][:7] for problem in caught.value.problems}
    assert named == {"2022-02", "2022-03", "2022-04"}


def test_other_table_and_missing_columns(tmp_path: Path) -> None:
    put(tmp_path, b"a,b\n1,2\n")
    with pytest.raises(InputError, match=r"is not a data.police.uk street file"):
        read_police_uk(tmp_path)
    put(tmp_path, rows().drop(columns=["LSOA code", "Month"]))
    with pytest.raises(InputError, match=r"columns are missing \(2: Month, LSOA code\)"):
        read_police_uk(tmp_path)
    doubled = text(rows()).replace(b"Context", b"Month", 1)
    put(tmp_path, doubled)
    with pytest.raises(InputError, match=r"columns occur twice \(1: Month\)"):
        read_police_uk(tmp_path)


@pytest.mark.parametrize(
    "content", [b"PK\x03\x04rest", gzip.compress(b"x,y\n", mtime=0)], ids=["zip", "gzip"]
)
def test_packed_file_under_a_plain_name(tmp_path: Path, content: bytes) -> None:
    put(tmp_path, content)
    with pytest.raises(InputError, match=r"under the name .csv"):
        read_police_uk(tmp_path)


def test_outcomes_and_searches_of_the_same_download_are_left_alone(tmp_path: Path) -> None:
    put(tmp_path, rows())
    put(tmp_path, b"a,b\n", "2022-02-northumbria-outcomes.csv")
    put(tmp_path, b"a,b\n", "2022-02-northumbria-stop-and-search.csv")
    incidents = read_police_uk(tmp_path)
    assert reasons(incidents)["outcomes or stop and search, not street files"] == 2


def test_no_file_no_row(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no .csv, .csv.gz or .zip file"):
        read_police_uk(tmp_path)
    put(tmp_path, rows(0))
    with pytest.raises(InputError, match=r"the files hold no row"):
        read_police_uk(tmp_path)
    with pytest.raises(InputError, match=r"names no street file"):
        read_police_uk([])
    with pytest.raises(InputError, match=r"does not exist"):
        read_police_uk(tmp_path / "absent.csv")
    with pytest.raises(InputError, match=r"is an address"):
        read_police_uk("https://data.police.uk/data/archive/2024-03.zip")
    with pytest.raises(InputError, match=r"address or a virtual path"):
        read_police_uk("/vsizip/x.zip/y.csv")


def test_line_breaks_of_another_age(tmp_path: Path) -> None:
    put(tmp_path, text(rows()).replace(b"\r\n", b"\r"))
    with pytest.raises(InputError, match=r"its first line cannot be read as CSV"):
        read_police_uk(tmp_path)


def test_codes_in_lower_case_are_the_same_areas(tmp_path: Path) -> None:
    put(tmp_path, rows())
    lower = rows(month="2022-03")
    put(tmp_path, lower.assign(**{"LSOA code": lower["LSOA code"].str.lower()}), name("2022-03"))
    panel = read_police_uk(tmp_path).panel(outcomes=["robbery"])
    assert panel.areas == tuple(f"E0102063{k}" for k in range(4))
    assert (panel.counts[:, 0] == panel.counts[:, 1]).all()


def test_what_a_spreadsheet_leaves(tmp_path: Path) -> None:
    """Columns without a name and rows of commas at the end."""
    lines = text(rows()).decode().splitlines()
    put(tmp_path, "".join(f"{line},,\r\n" for line in [*lines, "," * 11, "," * 11]).encode())
    incidents = read_police_uk(tmp_path)
    assert total(tmp_path) == len(incidents.frame) == 40
    assert incidents.ledger.steps[1].rows_in == 42
    assert reasons(incidents)["blank row, of commas only"] == 2


def test_what_an_operating_system_leaves_is_left_alone(tmp_path: Path) -> None:
    members = {f"2022-02/{name()}": text(rows()), f"__MACOSX/2022-02/._{name()}": b"\x00\x05"}
    put(tmp_path, packed(members), "DOWNLOAD.ZIP")
    put(tmp_path, b"\x00\x05\x16\x07", f"._{name('2022-03')}")
    put(tmp_path, b"x", f"~${name('2022-03')}")
    put(tmp_path, b"not data", "readme.txt")
    incidents = read_police_uk(tmp_path)
    assert total(tmp_path) == 40
    assert reasons(incidents)["left by an operating system, not street files"] == 3


def test_names_in_capitals_and_one_file_with_other_line_ends(tmp_path: Path) -> None:
    put(tmp_path, text(rows()).replace(b"\r\n", b"\n"), name().upper())
    put(tmp_path, gzip.compress(text(rows(month="2022-03"))), name("2022-03").upper() + ".GZ")
    put(tmp_path, packed({name().upper(): text(rows())}), "AGAIN.ZIP")
    assert total(tmp_path) == 80
    assert reasons(read_police_uk(tmp_path))["copy of a force and month already read"] == 40


@pytest.mark.parametrize("form", ["zip", "gz"])
def test_a_packed_file_without_a_byte(tmp_path: Path, form: str) -> None:
    if form == "zip":
        put(tmp_path, packed({name(): b""}), "download.zip")
    else:
        put(tmp_path, gzip.compress(b""), name() + ".gz")
    with pytest.raises(InputError, match=r"street.csv(.gz)?: is empty"):
        read_police_uk(tmp_path)


def test_another_table_is_named_and_not_skipped(tmp_path: Path) -> None:
    put(tmp_path, rows())
    put(tmp_path, b"LSOA11CD,LSOA21CD\nE01,E02\n", "lookup.csv")
    with pytest.raises(
        InputError, match=r"lookup.csv: .*If it is another table, move it elsewhere"
    ):
        read_police_uk(tmp_path)


def test_months_that_no_such_file_can_hold_are_noted(tmp_path: Path) -> None:
    put(tmp_path, rows())
    put(tmp_path, rows(7, month="2009-05"), name("2009-05"))
    late = put(tmp_path, rows(5, month="2023-03"), name("2023-03"))
    os.utime(late, (1_660_000_000, 1_660_000_000))
    note = "month before 2010-12, the first published, or after the file's own date"
    assert reasons(read_police_uk(tmp_path))[note] == 12


def test_codes_of_unknown_form_are_noted(tmp_path: Path) -> None:
    frame = rows()
    frame.loc[:2, "LSOA code"] = ["01020630", "95AA01S1", " e01020630 "]
    put(tmp_path, frame)
    assert reasons(read_police_uk(tmp_path))["LSOA code of unknown form"] == 1


@pytest.mark.parametrize("where", ["end", "middle"])
def test_blank_lines_are_no_rows(tmp_path: Path, where: str) -> None:
    content = text(rows())
    cut = len(content) if where == "end" else content.index(b"\r\n", 500) + 2
    put(tmp_path, content[:cut] + b"\r\n" + content[cut:])
    assert total(tmp_path) == 40


def test_stray_quote_is_refused(tmp_path: Path) -> None:
    put(tmp_path, text(rows()).replace(b"On or near", b'"On or near', 1))
    with pytest.raises(InputError, match=r"line 2 opens a quotation that does not close"):
        read_police_uk(tmp_path)


def test_names_that_are_patterns(tmp_path: Path) -> None:
    put(tmp_path, rows(), "2022-*-northumbria-street.csv")
    assert total(tmp_path) == 40
    with pytest.raises(InputError, match=r"file or folder names hold one of"):
        _ = read_police_uk(tmp_path).frame


# ---- archives that are not to be trusted


@pytest.mark.parametrize(
    "member",
    ["../2022-02-x-street.csv", "/etc/2022-02-x-street.csv", "a\\..\\..\\b.csv", "C:\\x.csv"],
)
def test_member_that_climbs_out(tmp_path: Path, member: str) -> None:
    file = put(tmp_path, packed({member: text(rows())}), "download.zip")
    with pytest.raises(InputError, match=r"members climb out of the archive or are absolute"):
        read_police_uk(file)


def test_member_that_is_a_link(tmp_path: Path) -> None:
    path = tmp_path / "download.zip"
    with zipfile.ZipFile(path, "w") as archive:
        link = zipfile.ZipInfo(name())
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(InputError, match=r"members are symbolic links"):
        read_police_uk(path)


def test_archive_in_an_archive(tmp_path: Path) -> None:
    inner = packed({name(): text(rows())})
    path = put(tmp_path, packed({name(): text(rows()), "more.zip": inner}), "download.zip")
    with pytest.raises(InputError, match=r"archives inside the archive \(1: more.zip\)"):
        read_police_uk(path)


def test_zip_bomb(tmp_path: Path) -> None:
    path = put(tmp_path, packed({name(): b"0" * 8_000_000}), "download.zip")
    with pytest.raises(InputError, match=r"members unpack to more than 200 times their size"):
        read_police_uk(path)


def test_zip_total(tmp_path: Path) -> None:
    path = put(tmp_path, packed({name(): text(rows(400))}), "download.zip")
    with pytest.raises(InputError, match=r"members unpack to more than 1e-05 GB together"):
        read_police_uk(path, limits=Limits(max_unpacked_gb=1e-5))


def test_gzip_bomb(tmp_path: Path) -> None:
    header = ",".join(HEADER).encode() + b"\n"
    put(tmp_path, gzip.compress(header + b"0" * 60_000_000), name() + ".gz")
    with pytest.raises(InputError, match=r"unpacks to more than .* which no street file does"):
        read_police_uk(tmp_path)


def test_zip_that_lies_about_its_size(tmp_path: Path) -> None:
    content = bytearray(packed({name(): text(rows(400))}))
    true = len(text(rows(400))).to_bytes(4, "little")
    content = bytearray(bytes(content).replace(true, (1000).to_bytes(4, "little")))
    path = put(tmp_path, bytes(content), "download.zip")
    with pytest.raises(InputError, match=r"cut short or damaged|unpacks to more than"):
        read_police_uk(path)


def test_cut_zip_and_members_of_one_name(tmp_path: Path) -> None:
    whole = packed({name(): text(rows())})
    path = put(tmp_path, whole[:-30], "download.zip")
    with pytest.raises(InputError, match=r"is not a whole zip archive"):
        read_police_uk(path)
    with pytest.warns(UserWarning, match=r"Duplicate name"), zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name(), text(rows()))
        archive.writestr(name(), text(rows()))
    with pytest.raises(InputError, match=r"members share a name"):
        read_police_uk(path)


def test_scratch_copies_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    put(tmp_path / "in", packed({name(): text(rows())}), "download.zip")
    incidents = read_police_uk(tmp_path / "in")
    assert len(incidents.frame) == 40
    assert list(scratch.iterdir()) == []


def test_engine_reads_nothing_but_its_files(tmp_path: Path) -> None:
    allowed = put(tmp_path, rows())
    other = put(tmp_path, rows(), "other.csv")
    engine = Engine([allowed], limits=Limits())
    assert len(engine.ask(f"SELECT * FROM read_csv('{allowed}', all_varchar=true)")) == 40
    for query in (
        f"FROM read_csv('{other}')",
        "FROM read_text('/etc/hostname')",
        f"COPY (SELECT 1) TO '{tmp_path}/out.csv'",
        "INSTALL httpfs",
        "SET enable_external_access = true",
    ):
        with pytest.raises(Exception, match=r"(?i)permission|cannot"):
            engine.ask(query)


def test_limits_are_checked() -> None:
    with pytest.raises(InputError, match=r"limits: must be above 0 \(1: threads=0\)"):
        Limits(threads=0)


# ---- the same month twice


def test_copy_under_another_name_counts_once(tmp_path: Path) -> None:
    put(tmp_path, rows())
    put(tmp_path, rows().sample(frac=1, random_state=3), "copy.csv")
    put(tmp_path / "again", gzip.compress(text(rows())), name() + ".gz")
    incidents = read_police_uk(tmp_path)
    assert total(tmp_path) == 40
    assert reasons(incidents)["copy of a force and month already read"] == 80
    assert incidents.files["rows_used"].tolist().count(0) == 2


def test_same_month_told_differently_is_refused(tmp_path: Path) -> None:
    put(tmp_path, rows(40))
    put(tmp_path, rows(44), "newer.csv")
    with pytest.raises(InputError, match=r"Northumbria Police, 2022-02: is in several files with"):
        read_police_uk(tmp_path)


def test_newest_snapshot_wins_if_asked(tmp_path: Path) -> None:
    old, new = put(tmp_path, rows(40)), put(tmp_path, rows(44), "newer.csv")
    os.utime(old, (1_650_000_000, 1_650_000_000))
    os.utime(new, (1_660_000_000, 1_660_000_000))
    incidents = read_police_uk(tmp_path, same_month="newest")
    assert reasons(incidents)["superseded by a newer snapshot of the force and month"] == 40
    assert total(tmp_path, same_month="newest") == 44
    os.utime(new, (1_650_000_000, 1_650_000_000))
    with pytest.raises(InputError, match=r"is in several files"):
        read_police_uk(tmp_path, same_month="newest")


def test_parts_are_added_up_if_asked(tmp_path: Path) -> None:
    whole = rows(60)
    put(tmp_path, whole[:25], "a.csv")
    put(tmp_path, whole[25:], "b.csv")
    assert total(tmp_path, same_month="parts") == 60
    with pytest.raises(InputError, match=r"same_month='parts'"):
        read_police_uk(tmp_path)


def test_equal_rows_without_id_in_two_files_are_not_taken_for_a_copy(tmp_path: Path) -> None:
    half = rows(6, types=("Anti-social behaviour",))
    put(tmp_path, half, "a.csv")
    put(tmp_path, half, "b.csv")
    with pytest.raises(InputError, match=r"is in several files"):
        read_police_uk(tmp_path)


def test_two_forces_with_the_same_month(tmp_path: Path) -> None:
    put(tmp_path, rows(40))
    put(tmp_path, rows(30, force="Durham Constabulary"), name(force="durham"))
    incidents = read_police_uk(tmp_path)
    assert total(tmp_path) == 70
    assert set(incidents.coverage["force"]) == {FORCE, "Durham Constabulary"}


def test_same_month_choice_is_checked(tmp_path: Path) -> None:
    put(tmp_path, rows())
    with pytest.raises(InputError, match=r"'both' is not one of the options"):
        read_police_uk(tmp_path, same_month="both")  # type: ignore[arg-type]


# ---- what the incidents tell


def test_files_frame_has_checksums_and_snapshots(tmp_path: Path) -> None:
    import hashlib

    put(tmp_path, packed({name(): text(rows())}), "download.zip")
    put(tmp_path, rows(month="2022-03"), name("2022-03"))
    incidents = read_police_uk(tmp_path)
    files = incidents.files.set_index("file")
    assert files.loc["download.zip", "sha256"] == hashlib.sha256(text(rows())).hexdigest()
    plain = text(rows(month="2022-03"))
    assert files.loc[name("2022-03"), "sha256"] == hashlib.sha256(plain).hexdigest()
    assert str(files.loc["download.zip", "snapshot"]) > "1980-01-01"
    assert files["rows"].tolist() == [40, 40]


def test_files_that_changed_since_are_refused(tmp_path: Path) -> None:
    path = put(tmp_path, rows())
    incidents = read_police_uk(tmp_path)
    os.utime(path, (1_650_000_000, 1_650_000_000))
    with pytest.raises(InputError, match=r"files have changed or gone since they were read"):
        _ = incidents.frame
    path.unlink()
    with pytest.raises(InputError, match=r"files have changed or gone since they were read"):
        _ = incidents.files


def test_crime_types_are_kept_and_the_rest_counted(tmp_path: Path) -> None:
    put(tmp_path, rows())
    incidents = read_police_uk(tmp_path, crime_types=["Robbery"])
    assert set(incidents.frame["crime_type"]) == {"Robbery"}
    assert reasons(incidents)["other crime types"] == 40 - len(incidents.frame)
    assert incidents.coverage["rows"].tolist() == [40]
    with pytest.raises(InputError, match=r"count crime types that were left out on reading"):
        incidents.panel(outcomes=["violence"])
    with pytest.raises(InputError, match=r"do not occur in the files \(1: robbery\)"):
        read_police_uk(tmp_path, crime_types=["robbery"])


def test_repr_shows_no_rows(tmp_path: Path) -> None:
    put(tmp_path, rows())
    incidents = read_police_uk(tmp_path)
    assert "40 of 40 rows" in repr(incidents)
    assert "High Street" not in incidents._repr_html_()
    assert incidents.to_frame().columns.tolist() == [
        "force", "month", "rows", "expected", "status",
    ]  # fmt: skip


# ---- two snapshots


def test_diff_of_two_vintages(tmp_path: Path) -> None:
    before = rows(40)
    after = before.copy()
    ids = before.index[before["Crime ID"] != ""]
    after.loc[ids[0], "LSOA code"] = "E01020639"
    after.loc[ids[1], "Last outcome category"] = "Charged"
    after = after.drop([ids[2], before.index[before["Crime ID"] == ""][0]])
    extra = rows(43).loc[[40]].assign(**{"Crime ID": "f" * 64})
    old = put(tmp_path / "old", before)
    put(tmp_path / "old", rows(month="2022-03"), name("2022-03"))
    new = put(tmp_path / "new", pd.concat([after, extra]).sample(frac=1, random_state=1))
    diff = diff_vintages(old.parent, new.parent)
    assert diff.months["status"].tolist() == ["revised", "only in old"]
    assert diff.ids[["change", "columns"]].to_numpy().tolist() == sorted(
        diff.ids[["change", "columns"]].to_numpy().tolist(),
        key=lambda row: diff.ids["columns"].tolist().index(row[1]),
    )
    told = {(row.change, row.columns) for row in diff.ids.itertuples(index=False)}
    assert told == {
        ("changed", "LSOA code"),
        ("changed", "Last outcome category"),
        ("removed", ""),
        ("added", ""),
    }
    assert diff.rows[["rows_old", "rows_new"]].to_numpy().tolist() == [[1, 0]] or (
        diff.rows["rows_old"] - diff.rows["rows_new"]
    ).tolist() == [1]
    assert diff_vintages(old, old).months["status"].tolist() == ["same"]
