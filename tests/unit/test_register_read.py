"""Reading registers: every trap is named, nothing is dropped silently."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
from shapely.geometry import box

from hotspot_eval.data import InterventionRegister, read_register
from hotspot_eval.errors import InputError

HEADER = "Site,Borough,Ward code,Start,End,Arrests"
GOOD = "Market,Camden,E05000001,01/05/2020,21/05/2020,3"


@pytest.fixture
def areas() -> gpd.GeoDataFrame:
    """Four wards in two boroughs; both boroughs have a Kilburn."""
    return gpd.GeoDataFrame(
        {
            "area": ["E05000001", "E05000002", "E05000003", "E05000004"],
            "area_name": ["Regent's Park", "Kilburn", "Kilburn", "Wembley"],
            "cluster": ["Camden", "Camden", "Brent", "Brent"],
        },
        geometry=[box(i * 1000, 0, (i + 1) * 1000, 1000) for i in range(4)],
        crs=27700,
    ).set_index("area")


def write(folder: Path, *lines: str, encoding: str = "utf-8", name: str = "r.csv") -> Path:
    path = folder / name
    path.write_bytes("\n".join(lines).encode(encoding) + b"\n")
    return path


def read(folder: Path, *lines: str, **options: object) -> InterventionRegister:
    return read_register(write(folder, HEADER, *lines), latest="2026-01-01", **options)  # type: ignore[arg-type]


def found(register: InterventionRegister, problem: str) -> pd.DataFrame:
    findings = register.findings
    return findings[findings["problem"] == problem]


def days(register: InterventionRegister, column: str = "start") -> list[str]:
    return [str(day)[:10] for day in register.spells[column]]


def test_a_plain_row_becomes_one_spell(tmp_path, areas):
    register = read(tmp_path, GOOD, areas=areas, kind="hotspot")
    row = register.spells.iloc[0]
    assert (row["site"], row["borough"], row["cluster"], row["kind"], row["area"]) == (
        "Market",
        "Camden",
        "Camden",
        "hotspot",
        "E05000001",
    )
    assert (days(register), days(register, "end")) == (["2020-05-01"], ["2020-05-21"])
    assert register.outputs["arrests"].tolist() == [3.0]
    assert register.deployments == 1
    assert not len(register.findings)


@pytest.mark.parametrize(
    ("line", "match"),
    [
        ("Market,Camden,E05000001,21/05/2020,20/05/2020,3", "ends before it starts.*row 2"),
        ("Market,Camden,E05000001,,,3", "no start date.*row 2: Market"),
        ("Market,Camden,E05000001,soon,,3", "unreadable date.*row 2: soon"),
        ("Market,Camden,E05000001,31/02/2020,,3", "unreadable date.*31/02/2020"),
        ("Market,Camden,E05000001,20/05/2031,,3", "start lies in the future.*2026-01-01"),
        ("Market,Camden,E05000001,20/05/1990,,3", "outside the plausible range.*1990-05-20"),
        ("Market,Camden,E05000001,20/05/2020,20/05/2220,3", "outside the plausible range.*2220"),
        ("Market,Camden,,20/05/2020,,3", "no area and no geometry.*Market"),
        (",Camden,,20/05/2020,,3", "no area and no geometry"),
        ("Market,Camden,E05999999,20/05/2020,,3", "not in the boundaries.*another year's"),
        ("Market,Camden,E01000001,20/05/2020,,3", "another geography: .*begin E05"),
    ],
)
def test_a_deployment_that_cannot_be_placed_is_named(tmp_path, areas, line, match):
    with pytest.raises(InputError, match=match):
        read(tmp_path, line, areas=areas)


def test_every_problem_is_named_at_once(tmp_path, areas):
    lines = (
        GOOD,
        "A,Camden,E05000001,21/05/2020,20/05/2020,3",
        "B,Camden,E05999999,20/05/2020,,3",
        "C,Camden,E05000001,,,3",
        "D,Camden,E05000001,32/05/2020,,3",
    )
    with pytest.raises(InputError) as caught:
        read(tmp_path, *lines, areas=areas)
    assert len(caught.value.problems) == 4
    for number in (3, 4, 5, 6):
        assert f"row {number}" in str(caught.value)


def test_left_out_rows_stand_in_the_ledger(tmp_path, areas):
    register = read(
        tmp_path,
        GOOD,
        "B,Camden,E05999999,20/05/2020,,3",
        "C,Camden,E05000001,,,3",
        areas=areas,
        problems="leave_out",
    )
    assert register.deployments == 1
    ledger = register.ledger.to_frame()
    gone = ledger[ledger["entry"] == "left out"].set_index("reason")["rows"]
    assert gone["area is not in the boundaries"] == 1
    assert gone["no start date"] == 1


def test_a_row_with_two_faults_is_counted_once(tmp_path, areas):
    register = read(tmp_path, GOOD, "B,Camden,E05999999,,,3", areas=areas, problems="leave_out")
    assert register.deployments == 1
    assert set(found(register, "no start date")["row"]) == {3}
    assert set(found(register, "area is not in the boundaries")["row"]) == {3}


def test_nothing_usable_is_refused(tmp_path, areas):
    with pytest.raises(InputError, match="no deployment that can be used"):
        read(tmp_path, "B,Camden,E05999999,20/05/2020,,3", areas=areas, problems="leave_out")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (",,,,,", "blank row"),
        (",,,,,17", "totals row"),
        ("Total,,,,,17", "totals row"),
        ("Grand total,,,,,17", "totals row"),
        (",,TOTALS:,,,17", "totals row"),
        ("Total 2020,,,,,17", "totals row"),
        ("Camden total,Camden,,,,17", "totals row"),
        (GOOD, "repeated row"),
        (HEADER, "header repeated"),
        ("Source: the force's own figures,,,,,", "remark below or between the rows"),
    ],
)
def test_rows_that_are_no_deployments(tmp_path, areas, line, reason):
    register = read(tmp_path, GOOD, line, "Lane,Camden,E05000001,01/06/2020,,2", areas=areas)
    assert register.deployments == 2
    assert found(register, reason)["row"].tolist() == [3]
    step = register.ledger.steps[1]
    assert {note.reason: note.rows for note in step.left_out} == {reason: 1}
    assert step.rows_in == 3


def test_a_site_called_total_with_a_date_is_a_deployment(tmp_path, areas):
    register = read(tmp_path, "Total,Camden,E05000001,01/06/2020,,2", areas=areas)
    assert register.spells["site"].tolist() == ["Total"]


OTHERS = (
    GOOD,
    "Bridge,Camden,E05000002,01/06/2020,21/06/2020,4",
    "Park,Brent,E05000003,01/07/2020,21/07/2020,5",
)


@pytest.mark.parametrize(
    "row",
    [
        "Total,,,31/07/2020,,12",
        "TOTALS:,,,,31/07/2020,12",
        "Total,,,31/07/2020,,99",
        ",,,31/07/2020,,12",
        "Total to 31 July,,,31/07/2020,,12",
        "Camden subtotal,Camden,,31/07/2020,,12",
    ],
)
def test_a_totals_row_may_carry_a_date(tmp_path, areas, row):
    register = read(tmp_path, *OTHERS, row, areas=areas, kind="hotspot")
    assert register.spells["site"].tolist() == ["Market", "Bridge", "Park"]
    assert found(register, "totals row")["row"].tolist() == [5]
    left_out = {n.reason: n.rows for s in register.ledger.steps for n in s.left_out}
    assert left_out == {"totals row": 1}
    word = "disagrees" if row.endswith("99") else "agrees"
    reasons = [note.reason for step in register.ledger.steps for note in step.remarks]
    assert any(reason.startswith(f"totals row {word}") for reason in reasons)


@pytest.mark.parametrize(
    "row",
    [
        ",Camden,,31/07/2020,,11",  # not the sum: a deployment without its place
        "Corner,Camden,,31/07/2020,,12",  # a site of its own, though as large as the others
        "Total Garage,Camden,,31/07/2020,,7",
    ],
)
def test_a_deployment_without_a_place_is_not_taken_for_a_total(tmp_path, areas, row):
    with pytest.raises(InputError, match=r"area"):
        read(tmp_path, *OTHERS, row, areas=areas, kind="hotspot")


def test_dated_subtotals_are_held_against_the_rows_since_the_last(tmp_path, areas):
    register = read(
        tmp_path,
        *OTHERS[:2],
        ",,,30/06/2020,,7",
        OTHERS[2],
        "Pier,Brent,E05000004,01/07/2020,21/07/2020,1",
        ",,,31/07/2020,,6",
        "Total,,,31/07/2020,,13",
        areas=areas,
        kind="hotspot",
    )
    assert len(register.spells) == 4
    assert found(register, "totals row")["row"].tolist() == [4, 7, 8]


@pytest.mark.parametrize(("total", "word"), [("5", "agrees"), ("6", "disagrees")])
def test_a_totals_row_is_held_against_the_rows(tmp_path, areas, total, word):
    register = read(
        tmp_path,
        GOOD,
        GOOD.replace(",3", ",2").replace("Market", "B"),
        f",,,,,{total}",
        areas=areas,
    )
    reasons = [note.reason for note in register.ledger.steps[1].remarks]
    assert any(reason.startswith(f"totals row {word}") for reason in reasons)


def test_subtotals_are_held_against_the_rows_above(tmp_path, areas):
    lines = [GOOD.replace("Market", name) for name in ("A", "B", "C")]
    register = read(
        tmp_path,
        lines[0],
        "Subtotal,,,,,3",
        *lines[1:],
        "Subtotal,,,,,6",
        "Total,,,,,9",
        areas=areas,
    )
    reasons = [note.reason for note in register.ledger.steps[1].remarks]
    assert [reason for reason in reasons if reason.startswith("totals row")] == [
        f"totals row agrees with the rows read: arrests {n}, rows {n}" for n in (3, 6, 9)
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_encodings_and_apostrophes(tmp_path, encoding):
    path = write(tmp_path, HEADER, GOOD.replace("Market", "Regent’s Park"), encoding=encoding)
    assert read_register(path).spells["site"].tolist() == ["Regent's Park"]


def test_mixed_encodings_within_one_file(tmp_path):
    path = tmp_path / "r.csv"
    lines = [HEADER, GOOD.replace("Market", "King’s"), GOOD.replace("Market", "Earl’s")]
    path.write_bytes(
        b"\n".join(
            text.encode(code)
            for text, code in zip(lines, ("utf-8", "utf-8", "cp1252"), strict=True)
        )
    )
    register = read_register(path)
    assert register.spells["site"].tolist() == ["King's", "Earl's"]
    remarks = {note.reason: note.rows for note in register.ledger.steps[1].remarks}
    assert remarks["line read as Windows-1252"] == 1


def test_utf8_that_was_read_as_windows_1252_is_mended(tmp_path):
    path = write(tmp_path, HEADER, GOOD.replace("Market", "Regentâ€™s Park"))
    assert read_register(path).spells["site"].tolist() == ["Regent's Park"]


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_other_separators(tmp_path, separator):
    path = write(tmp_path, HEADER.replace(",", separator), GOOD.replace(",", separator))
    assert days(read_register(path)) == ["2020-05-01"]


def test_the_header_may_stand_below_a_title(tmp_path):
    path = write(tmp_path, "Operation register 2020,,,,,", ",,,,,", HEADER, GOOD)
    register = read_register(path)
    assert register.spells["row"].tolist() == [4]
    remarks = {note.reason: note.rows for note in register.ledger.steps[1].remarks}
    assert remarks["line above the header passed over"] == 1


def test_gzip_and_line_breaks_inside_cells(tmp_path):
    path = tmp_path / "r.csv.gz"
    text = f'{HEADER}\n"High\nStreet",Camden,E05000001,01/05/2020,,1\n{GOOD}\n'
    path.write_bytes(gzip.compress(text.encode()))
    register = read_register(path)
    assert register.spells["site"].tolist() == ["High Street", "Market"]
    assert register.spells["row"].tolist() == [3, 4]


def test_a_workbook_is_refused(tmp_path):
    path = tmp_path / "r.csv"
    path.write_bytes(b"PK\x03\x04" + b"0" * 50)
    with pytest.raises(InputError, match="is a workbook, not text"):
        read_register(path)


def test_an_unfinished_gzip_is_refused(tmp_path):
    path = tmp_path / "r.csv.gz"
    path.write_bytes(gzip.compress(f"{HEADER}\n{GOOD}\n".encode() * 50)[:-12])
    with pytest.raises(InputError, match="cannot be unpacked"):
        read_register(path)


def test_cells_beyond_the_header_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"more cells than the header, lines \(1: 2\)"):
        read(tmp_path, GOOD + ",spilled")


def test_no_header_no_dates_no_places(tmp_path):
    with pytest.raises(InputError, match="no line that names a site or area and a date"):
        read_register(write(tmp_path, "a,b", "1,2"))
    with pytest.raises(InputError, match="has no column of dates"):
        read_register(write(tmp_path, "Site,Ward code", "A,E05000001"))
    with pytest.raises(InputError, match="has neither area ids nor geometry"):
        read_register(write(tmp_path, "Site,Date", "A,01/05/2020"))
    with pytest.raises(InputError, match="holds no deployment"):
        read_register(write(tmp_path, HEADER, ",,,,,"))


def test_columns_can_be_named(tmp_path):
    path = write(tmp_path, "Where,When,Code,Cautions,Note", "A,01/05/2020,E05000001,4,x")
    register = read_register(
        path, columns={"site": "Where", "day": "When", "area": "Code"}, outputs=["Cautions"]
    )
    assert register.outputs["Cautions"].tolist() == [4.0]
    left = register.ledger.steps[0].left_out
    assert [(note.rows, note.examples) for note in left] == [(1, ("Note",))]
    with pytest.raises(InputError, match=r"has no column \(1: Wherever\)"):
        read_register(path, columns={"site": "Wherever", "day": "When", "area": "Code"})
    with pytest.raises(InputError, match="names fields a register does not have"):
        read_register(path, columns={"victim": "Where", "day": "When", "area": "Code"})


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (" e05000001 ", ["E05000001"]),
        ("E05000001; E05000004", ["E05000001", "E05000004"]),
        ("E05000001 E05000001", ["E05000001"]),
        ("Wembley", ["E05000004"]),
    ],
)
def test_area_cells(tmp_path, areas, cell, expected):
    register = read(tmp_path, f"Market,,{cell},01/05/2020,,1", areas=areas)
    assert register.spells["area"].tolist() == expected


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("A1 a2", ["A1", "a2"]),
        ("A1, A2", ["A1", "A2"]),
        ("Old Town", ["Old Town"]),
        ("Ward 7; Ward 8", ["Ward 7", "Ward 8"]),
        ("8001.0", ["8001"]),
    ],
)
def test_area_cells_without_boundaries(tmp_path, cell, expected):
    register = read(tmp_path, f'Market,,"{cell}",01/05/2020,,1')
    assert register.spells["area"].tolist() == expected


def test_an_area_name_that_two_boroughs_share_needs_the_borough(tmp_path, areas):
    register = read(tmp_path, "Market,Brent,Kilburn,01/05/2020,,1", areas=areas)
    assert register.spells["area"].tolist() == ["E05000003"]
    with pytest.raises(InputError, match="of the same name: E05000002 Kilburn, E05000003"):
        read(tmp_path, "Market,,Kilburn,01/05/2020,,1", areas=areas)


def test_an_area_in_another_borough_is_flagged_with_its_namesake(tmp_path, areas):
    register = read(tmp_path, "Market,Camden,E05000003,01/05/2020,,1", areas=areas)
    flagged = found(register, "area lies in another borough than stated").iloc[0]
    assert flagged["outcome"] == "flagged"
    assert "E05000002 of the same name lies in Camden" in flagged["why"]
    assert register.spells[["borough", "cluster"]].iloc[0].tolist() == ["Camden", "Brent"]


def test_the_analyst_may_know_better_than_the_file(tmp_path, areas):
    line = "Market,Camden,E05000003,01/05/2020,,1"
    register = read(tmp_path, line, areas=areas, corrections={2: {"area": "E05000002"}})
    assert register.spells["area"].tolist() == ["E05000002"]
    by_hand = found(register, "corrected by hand")
    assert by_hand[["field", "read", "concluded"]].to_numpy().tolist() == [
        ["area", "E05000003", "E05000002"]
    ]
    assert not len(found(register, "area lies in another borough than stated"))
    with pytest.raises(InputError) as caught:
        read(tmp_path, line, corrections={9: {"area": "x"}, 2: {"victim": "x"}})
    assert "names rows that are no deployments of r.csv (1: 9)" in str(caught.value)
    assert "names fields a register does not have (1: victim)" in str(caught.value)


def test_boroughs_take_the_spelling_of_the_boundaries(tmp_path, areas):
    areas["cluster"] = ["Kingston upon Thames"] * 2 + ["Hammersmith and Fulham"] * 2
    register = read(
        tmp_path,
        "A,Kingston,E05000001,01/05/2020,,1",
        "B,LB Hammersmith & Fulham,E05000003,01/05/2020,,1",
        "C,Atlantis,E05000003,01/05/2020,,1",
        areas=areas,
    )
    assert register.spells["borough"].tolist() == [
        "Kingston upon Thames",
        "Hammersmith and Fulham",
        "Atlantis",
    ]
    assert found(register, "borough is not in the boundaries")["row"].tolist() == [4]


def test_boundaries_without_boroughs_or_names(tmp_path, areas):
    bare = areas.assign(area_name=None, cluster=None)
    register = read(tmp_path, GOOD, areas=bare)
    assert register.boroughs == ("Camden",)
    assert not len(register.findings)
    ids_only = pd.DataFrame(index=areas.index)
    assert read(tmp_path, GOOD, areas=ids_only).deployments == 1


def test_one_site_name_in_two_boroughs_means_two_sites(tmp_path, areas):
    register = read(
        tmp_path, GOOD, GOOD.replace("Camden", "Brent").replace("0001", "0003"), areas=areas
    )
    assert register.sites["site"].tolist() == ["Market (Brent)", "Market (Camden)"]
    assert len(found(register, "site name in several boroughs")) == 2


def test_site_spellings_are_joined(tmp_path):
    register = read(tmp_path, GOOD, GOOD.replace("Market", "MARKET").replace("2020", "2021"))
    assert register.sites["site"].tolist() == ["Market"]
    assert found(register, "site spelled in another way")["row"].tolist() == [3]


def test_overlapping_spells_of_a_site_are_flagged_and_kept(tmp_path):
    register = read(tmp_path, GOOD, "Market,Camden,E05000001,20/05/2020,30/05/2020,1")
    assert register.deployments == 2
    assert found(register, "overlaps another spell of its site")["row"].tolist() == [3]


@pytest.mark.parametrize(
    ("cell", "problem"),
    [("-4", "negative number"), ("see note", "text in a number column")],
)
def test_tallies_that_are_no_tallies_are_missing_and_flagged(tmp_path, cell, problem):
    register = read(tmp_path, GOOD, f"B,Camden,E05000001,01/05/2020,,{cell}")
    assert found(register, problem)["row"].tolist() == [3]
    assert register.outputs["arrests"].isna().tolist() == [False, True]


def test_a_dash_is_zero_unless_the_column_writes_zeros(tmp_path):
    dashes = read(tmp_path, GOOD, "B,Camden,E05000001,01/05/2020,,-")
    assert dashes.outputs["arrests"].tolist() == [3.0, 0.0]
    both = read(tmp_path, GOOD.replace(",3", ",0"), "B,Camden,E05000001,01/05/2020,,-")
    assert both.outputs["arrests"].isna().tolist() == [False, True]
    assert found(both, "dash in a number column")["row"].tolist() == [3]


@pytest.mark.parametrize(
    ("cell", "hours"),
    [
        ("05:48:00", 5.8),
        ("5:30", 5.5),
        ("26:00:00", 26.0),
        ("1 day, 2:00:00", 26.0),
        ("1899-12-31 02:00:00", 26.0),
        ("0.25", 6.0),
        ("5h 30m", 5.5),
        ("90 min", 1.5),
    ],
)
def test_durations_become_hours_a_day(tmp_path, cell, hours):
    path = write(
        tmp_path,
        "Site,Ward code,Date,Duration",
        f'A,E05000001,01/05/2020,"{cell}"',
        "B,E05000001,02/05/2020,01:00:00",
    )
    register = read_register(path)
    assert register.spells["dose"].tolist() == pytest.approx([hours, 1.0])


def test_unreadable_durations_are_flagged(tmp_path):
    path = write(tmp_path, "Site,Ward code,Date,Duration", "A,E05000001,01/05/2020,05:99:00")
    assert found(read_register(path), "unreadable duration")["row"].tolist() == [2]


def test_a_total_of_hours_is_shared_among_the_days(tmp_path):
    path = write(
        tmp_path,
        "Site,Ward code,Start,End,Dosage hours",
        "A,E05000001,01/05/2020,10/05/2020,60",
        "B,E05000001,01/05/2020,,60",
    )
    register = read_register(path)
    assert register.spells["dose"].iloc[0] == 6.0
    assert found(register, "total dose of a spell without end")["row"].tolist() == [3]


def test_what_a_missing_end_means(tmp_path):
    day = write(tmp_path, "Site,Ward code,Date", "A,E05000001,01/05/2020", name="day.csv")
    start = write(tmp_path, "Site,Ward code,Start", "A,E05000001,01/05/2020", name="start.csv")
    assert days(read_register(day), "end") == ["2020-05-01"]
    assert days(read_register(start), "end") == ["NaT"]
    assert days(read_register(start, without_end="one_day"), "end") == ["2020-05-01"]
    assert days(read_register(day, without_end="ongoing"), "end") == ["NaT"]


@pytest.mark.parametrize(
    ("cell", "kind"),
    [
        ("Crime Hotspot", "hotspot"),
        ("Problem-oriented", "problem_oriented"),
        ("problem_oriented", "problem_oriented"),
        ("IOM", "offender_management"),
        ("", None),
    ],
)
def test_kinds(tmp_path, cell, kind):
    path = write(tmp_path, "Site,Ward code,Date,Kind", f"A,E05000001,01/05/2020,{cell}")
    assert read_register(path).spells["kind"].tolist() == [kind]


def test_unknown_kinds_are_flagged(tmp_path):
    path = write(tmp_path, "Site,Ward code,Date,Kind", "A,E05000001,01/05/2020,Sporting event")
    assert found(read_register(path), "unknown kind")["read"].tolist() == ["Sporting event"]


def test_options_are_checked(tmp_path):
    path = write(tmp_path, HEADER, GOOD)
    for option in ("date_order", "without_end", "problems", "kind"):
        with pytest.raises(InputError, match=f"argument '{option}'"):
            read_register(path, **{option: "nonsense"})
    with pytest.raises(InputError, match="argument 'earliest'"):
        read_register(path, earliest="long ago")


def geojson(folder: Path, *features: dict[str, object], crs: str | None = None) -> Path:
    path = folder / "r.geojson"
    content: dict[str, object] = {"type": "FeatureCollection", "features": list(features)}
    if crs:
        content["crs"] = {"type": "name", "properties": {"name": crs}}
    path.write_text(json.dumps(content))
    return path


def feature(geometry: object, **properties: object) -> dict[str, object]:
    return {"type": "Feature", "properties": properties, "geometry": geometry}


SQUARE = {
    "type": "Polygon",
    "coordinates": [[[500, 0], [1500, 0], [1500, 500], [500, 500], [500, 0]]],
}
POINT = {"type": "Point", "coordinates": [500.0, 500.0]}


def test_a_drawn_site_gets_its_areas_and_their_shares(tmp_path, areas):
    path = geojson(tmp_path, feature(SQUARE, site="Park", start="2020-05-01"), crs="EPSG:27700")
    register = read_register(path, areas=areas)
    assert register.spells[["area", "share", "cluster"]].to_numpy().tolist() == [
        ["E05000001", 0.25, "Camden"],
        ["E05000002", 0.25, "Camden"],
    ]
    assert register.sites.geometry.area.tolist() == [500_000.0]


def test_a_drawn_site_without_boundaries_has_no_area_yet(tmp_path):
    path = geojson(tmp_path, feature(SQUARE, site="Park", start="2020-05-01"), crs="EPSG:27700")
    assert read_register(path).spells["area"].tolist() == [None]


def test_sites_drawn_below_the_scale_of_snap_points_are_told(tmp_path):
    path = geojson(
        tmp_path,
        feature(POINT, site="Corner", start="2020-05-01", radius_m=60),
        feature(POINT, site="Park", start="2020-05-01", radius_m=140),
        crs="EPSG:27700",
    )
    register = read_register(path, kind="hotspot", latest="2026-01-01")
    step = next(step for step in register.ledger.steps if step.name == "drawn sites")
    assert [(note.rows, note.examples) for note in step.remarks] == [(1, ("Corner",))]


def test_points_need_a_radius(tmp_path, areas):
    near = feature(POINT, site="Park", start="2020-05-01", radius_m=200)
    register = read_register(geojson(tmp_path, near, crs="EPSG:27700"), areas=areas)
    assert register.spells["share"].iloc[0] == pytest.approx(3.14159 * 0.04, rel=1e-2)
    bare = feature(POINT, site="Park", start="2020-05-01")
    with pytest.raises(InputError, match="point without a radius"):
        read_register(geojson(tmp_path, bare, crs="EPSG:27700"), areas=areas)


def test_sites_outside_the_boundaries_are_named(tmp_path, areas):
    far = {"type": "Point", "coordinates": [90_000, 90_000]}
    path = geojson(
        tmp_path,
        feature(POINT, site="In", start="2020-05-01", radius_m=50),
        feature(far, site="Out", start="2020-05-01", radius_m=50),
        crs="EPSG:27700",
    )
    with pytest.raises(InputError, match=r"site lies outside the boundaries.*row 2: Out"):
        read_register(path, areas=areas)
    left = read_register(path, areas=areas, problems="leave_out")
    assert left.sites["site"].tolist() == ["In"]


def test_an_unknown_reference_system_is_refused(tmp_path, areas):
    path = geojson(tmp_path, feature(SQUARE, site="Park", start="2020-05-01"), crs="EPSG:0")
    with pytest.raises(InputError, match="reference system 'EPSG:0' is not known"):
        read_register(path, areas=areas)


def test_spells_inside_a_feature_keep_their_tallies_once(tmp_path, areas):
    spells = [{"start": "2020-05-01", "end": "2020-05-05"}, ["2020-06-01", "2020-06-05"]]
    path = geojson(
        tmp_path, feature(None, site="Park", area=["E05000001"], spells=spells, arrests=7)
    )
    register = read_register(path, areas=areas)
    assert days(register) == ["2020-05-01", "2020-06-01"]
    assert register.outputs["arrests"].sum() == 7


def test_a_feature_with_spells_keeps_its_radius_and_counts_each_spell(tmp_path, areas):
    spells = [["2020-05-01", "2020-05-05"], ["2020-06-01", "2020-06-05"]]
    path = geojson(
        tmp_path,
        feature(POINT, site="Park", radius_m=300, spells=spells, arrests=7),
        feature(POINT, site="Pond", spells=spells),
        crs="EPSG:27700",
    )
    register = read_register(path, areas=areas, problems="leave_out")
    assert register.deployments == len(register.spells) == 2
    step = register.ledger.steps[1]
    assert (step.rows_in, step.rows_out) == (4, 2)
    assert [(n.reason, n.rows) for n in step.left_out] == [("point without a radius", 2)]


def test_points_in_columns(tmp_path, areas):
    path = write(tmp_path, "Site,Date,Easting,Northing,Radius (m)", "A,01/05/2020,1500,500,100")
    assert read_register(path, areas=areas).spells["area"].tolist() == ["E05000002"]


def test_geojson_that_is_none_is_refused(tmp_path):
    path = tmp_path / "r.geojson"
    path.write_text('{"type": "FeatureCollection"}')
    with pytest.raises(InputError, match="is not a GeoJSON feature collection"):
        read_register(path)
    with pytest.raises(InputError, match="holds no feature"):
        read_register(geojson(tmp_path))


def test_the_page_shows_counts_and_never_rows(tmp_path, areas):
    register = read(tmp_path, GOOD, ",,,,,", areas=areas)
    page = register._repr_html_()
    assert "blank row, left out: 1" in page
    assert "Market" not in page


def test_select_keeps_the_rest_as_background(tmp_path, areas):
    register = read(
        tmp_path, GOOD, "B,Brent,E05000003,01/07/2020,05/07/2020,1", areas=areas, kind="hotspot"
    )
    camden = register.select(boroughs=["camden"])
    assert camden.boroughs == ("Camden",)
    assert camden.background["area"].tolist() == ["E05000003"]
    assert camden.outputs["row"].tolist() == [2]
    assert register.select(start="2020-06").spells["site"].tolist() == ["B"]
    assert register.select(end="2020-06").spells["site"].tolist() == ["Market"]
    with pytest.raises(InputError, match=r"not in the register \(1: Barnet\)"):
        register.select(boroughs=["Barnet"])
    with pytest.raises(InputError, match="leaves no spell"):
        register.select(kinds=["problem_oriented"])
    with pytest.raises(InputError, match="argument 'kinds'"):
        register.select(kinds=["patrol"])  # type: ignore[list-item]


def test_a_register_made_by_hand_is_checked(tmp_path):
    register = read(tmp_path, GOOD)
    late = register.spells.assign(end=pd.Timestamp("2020-01-01"))
    wide = register.spells.assign(share=1.5)
    parts = {
        "sites": register.sites,
        "outputs": register.outputs,
        "findings": register.findings,
        "ledger": register.ledger,
    }
    with pytest.raises(InputError, match="end before they start"):
        InterventionRegister(spells=late, **parts)
    with pytest.raises(InputError, match=r"share outside \(0, 1\]"):
        InterventionRegister(spells=wide, **parts)
    with pytest.raises(InputError, match="lacks columns"):
        InterventionRegister(spells=late.drop(columns="dose"), **parts)
