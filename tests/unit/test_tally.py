"""From cells to a panel: what is zero, what is missing, and what is refused."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from hotspot_eval.data.incidents import Incidents
from hotspot_eval.data.police_uk import read_police_uk
from hotspot_eval.errors import InputError

HEADER = (
    "Crime ID,Month,Reported by,Falls within,Longitude,Latitude,Location,LSOA code,LSOA name,"
    "Crime type,Last outcome category,Context"
)
MONTHS = ("2022-01", "2022-02", "2022-03")
CITY, RAIL, OTHER = "City Police", "Rail Police", "Other Police"


def delivery(
    folder: Path, force: str, month: str, cells: dict[tuple[str, str], int], at: str = "-1.6,54.9"
) -> None:
    """One file: (LSOA, crime type) → rows."""
    lines = [HEADER]
    for (code, kind), n in cells.items():
        lines += [
            f"{force[:4]}{month}{code}{kind[:3]}{k:040d},{month},{force},{force},{at},"
            f"On or near High Street,{code},,{kind},,"
            for k in range(n)
        ]
    file = folder / f"{month}-{force.split()[0].lower()}-street.csv"
    file.write_text("\n".join([*lines, ""]), encoding="utf-8")


def two_forces(folder: Path) -> Incidents:
    """City serves A and B and misses February; Rail visits A (2 of 122 rows), Other serves C."""
    for month in MONTHS:
        if month != "2022-02":
            delivery(folder, CITY, month, {("A", "Robbery"): 60, ("B", "Robbery"): 5})
        delivery(folder, OTHER, month, {("C", "Robbery"): 4, ("C", "Drugs"): 1})
    delivery(folder, RAIL, "2022-01", {("A", "Robbery"): 2})
    return read_police_uk(folder)


def test_gap_of_a_force_blanks_its_areas_only(tmp_path: Path) -> None:
    panel = two_forces(tmp_path).panel(outcomes=["robbery"])
    assert panel.areas == ("A", "B", "C")
    assert panel.counts[:, :, 0].tolist() == [[62, 0, 60], [5, 0, 5], [4, 4, 4]]
    # Rail is a visitor: its missing months do not blank A; City's do.
    assert panel.observed[:, :, 0].tolist() == [
        [True, False, True], [True, False, True], [True, True, True],
    ]  # fmt: skip


def test_area_without_any_record_needs_every_force(tmp_path: Path) -> None:
    panel = two_forces(tmp_path).panel(outcomes=["robbery"], areas=["A", "C", "Z"])
    assert panel.observed[2, :, 0].tolist() == [True, False, False]
    assert panel.counts[2].sum() == 0


def test_visitor_counts_in_a_missing_month_are_blanked_and_told(tmp_path: Path) -> None:
    two_forces(tmp_path)
    delivery(tmp_path, RAIL, "2022-02", {("A", "Robbery"): 2})
    panel = read_police_uk(tmp_path).panel(outcomes=["robbery"])
    assert not panel.observed[0, 1, 0] and panel.counts[0, 1, 0] == 0
    told = panel.ledger.to_frame().set_index("reason")["rows"]
    assert told["incidents counted in cells set to missing"] == 2


def test_type_that_a_force_never_records_is_missing_there(tmp_path: Path) -> None:
    incidents = two_forces(tmp_path)
    panel = incidents.panel(outcomes=["drugs"])
    assert panel.observed[:, 0, 0].tolist() == [False, False, True]
    zero = incidents.panel(outcomes=["drugs"], absent_types="zero")
    assert zero.observed[:, 0, 0].all()
    with pytest.raises(InputError, match=r"none of their crime types occurs .*burglary"):
        incidents.panel(outcomes=["drugs", "burglary"])
    assert incidents.panel(outcomes=["burglary"], absent_types="zero").counts.sum() == 0


def test_periods_beyond_the_records_are_missing(tmp_path: Path) -> None:
    panel = two_forces(tmp_path).panel(outcomes=["robbery"], start="2021-12", end="2022-04")
    assert panel.periods.labels[0] == "2021-12" and len(panel.periods) == 5
    assert panel.observed[2, :, 0].tolist() == [False, True, True, True, False]
    short = two_forces(tmp_path).panel(outcomes=["robbery"], start="2022-02", end="2022-02")
    left = short.ledger.to_frame().set_index("reason")["rows"]
    assert left["before the start or after the end"] == 62 + 5 + 4 + 60 + 5 + 4


def test_months_asked_for_at_the_edges_are_missed(tmp_path: Path) -> None:
    two_forces(tmp_path)
    incidents = read_police_uk(tmp_path, start="2021-12", end="2022-03")
    missing = incidents.missing_months
    assert missing[missing["force"] == OTHER]["month"].tolist() == ["2021-12"]


def test_years_need_all_their_months(tmp_path: Path) -> None:
    panel = two_forces(tmp_path).panel(outcomes=["robbery"], frequency="year")
    assert panel.periods.labels == ("2022",) and not panel.observed.any()


def test_outcomes_may_overlap_and_rows_are_counted_once_in_the_ledger(tmp_path: Path) -> None:
    panel = two_forces(tmp_path).panel(
        outcomes={"robbery": ["Robbery"], "all": ["Robbery", "Drugs", "Robbery"]}, areas=["C"]
    )
    assert panel.counts[0, :, 0].tolist() == [4, 4, 4]
    assert panel.counts[0, :, 1].tolist() == [5, 5, 5]
    placed = next(s for s in panel.ledger.steps if s.name == "place incidents by code")
    assert placed.rows_out == 15


def test_offsets_and_clusters(tmp_path: Path) -> None:
    incidents = two_forces(tmp_path)
    base = {"A": 10, "B": 20, "C": 30}
    panel = incidents.panel(
        outcomes=["robbery"], offset_base=base, cluster={"A": "x", "B": "x", "C": "y"}
    )
    assert panel.offset_base is not None and panel.offset_base[:, 0].tolist() == [10, 20, 30]
    assert panel.cluster == ("x", "x", "y")
    with pytest.raises(InputError, match=r"'offset_base': has no value for areas .*\(1: C\)"):
        incidents.panel(outcomes=["robbery"], offset_base={"A": 1, "B": 2})


def test_points_place_what_codes_do_not(tmp_path: Path) -> None:
    delivery(tmp_path, CITY, "2022-01", {("A", "Robbery"): 3, ("", "Robbery"): 2})
    incidents = read_police_uk(tmp_path)
    at = gpd.GeoSeries(gpd.points_from_xy([-1.6], [54.9]), crs=4326).to_crs(27700)[0]
    square = shapely.box(at.x - 100, at.y - 100, at.x + 100, at.y + 100)
    away = shapely.box(at.x + 500, at.y, at.x + 600, at.y + 100)
    areas = gpd.GeoDataFrame(geometry=[away, square], index=["A", "Q"], crs=27700)
    by_code = incidents.panel(outcomes=["robbery"], areas=areas, where="code")
    by_point = incidents.panel(outcomes=["robbery"], areas=areas, where="point")
    assert by_code.counts[:, 0, 0].tolist() == [3, 2]
    assert by_point.counts[:, 0, 0].tolist() == [0, 5]
    assert (incidents.panel(outcomes=["robbery"], areas=areas).counts == by_code.counts).all()
    named = areas.set_axis(["X", "Y"])
    assert incidents.panel(outcomes=["robbery"], areas=named).counts[:, 0, 0].tolist() == [0, 5]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"frequency": "week"}, r"'week' needs dates"),
        ({"frequency": "day"}, r"'day' is not one of the options"),
        ({"partial": "drop"}, r"'drop' is not one of the options"),
        ({"absent_types": "ignore"}, r"'ignore' is not one of the options"),
        ({"where": "guess"}, r"'guess' is not one of the options"),
        ({"where": "point"}, r"'point' needs polygons"),
        ({"areas": []}, r"argument 'areas': names no area"),
        ({"outcomes": ["theft"]}, r"outcome 'theft': is not defined"),
    ],
)
def test_refusals(tmp_path: Path, options: dict[str, object], message: str) -> None:
    incidents = two_forces(tmp_path)
    with pytest.raises(InputError, match=message):
        incidents.panel(**{"outcomes": ["robbery"], **options})  # type: ignore[arg-type]


def test_panel_equals_the_obvious_way(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    for month in MONTHS:
        cells = {
            (code, kind): int(rng.integers(0, 6))
            for code in ("A", "B", "C", "D")
            for kind in ("Robbery", "Drugs", "Burglary")
        }
        delivery(tmp_path, CITY, month, {**cells, ("A", "Robbery"): 3})
    incidents = read_police_uk(tmp_path)
    panel = incidents.panel(outcomes={"two": ["Robbery", "Burglary"]})
    rows = pd.concat(pd.read_csv(file) for file in tmp_path.glob("*.csv"))
    rows = rows[rows["Crime type"].isin(["Robbery", "Burglary"])]
    truth = rows.groupby(["LSOA code", "Month"]).size().unstack(fill_value=0)
    truth = truth.reindex(index=list(panel.areas), columns=list(MONTHS), fill_value=0)
    assert (panel.counts[:, :, 0] == truth.to_numpy()).all()


def test_polygons_below_the_scale_of_snap_points_are_told(tmp_path: Path) -> None:
    """A circle of 100 m has 31,416 m²: a square of 177 m is as large, one of 178 m larger."""
    incidents = two_forces(tmp_path)
    squares = gpd.GeoDataFrame(
        geometry=[shapely.box(0, 0, w, w) for w in (50, 177, 178, 400)],
        index=["A", "B", "C", "D"],
        crs=27700,
    )
    panel = incidents.panel(outcomes=["robbery"], areas=squares)
    step = next(step for step in panel.ledger.steps if step.name == "areas of the study")
    (note,) = step.remarks
    assert (note.rows, note.examples) == (2, ("A", "B"))
    assert "smaller than a circle of 100 m" in note.reason
    large = incidents.panel(outcomes=["robbery"], areas=squares.loc[["C", "D"]])
    assert "areas of the study" not in [step.name for step in large.ledger.steps]
    street = gpd.GeoDataFrame(
        geometry=[shapely.LineString([(0, 0), (9, 0)])], index=["A"], crs=27700
    )
    lines = incidents.panel(outcomes=["robbery"], areas=street)
    assert "areas of the study" not in [step.name for step in lines.ledger.steps]
