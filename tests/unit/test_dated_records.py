"""Dated internal records: columns as a force has them, weeks, flags, nothing on disk."""

from __future__ import annotations

import gzip
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from hotspot_eval.data.dated import read_incidents
from hotspot_eval.data.engine import Limits
from hotspot_eval.data.outcomes import OutcomeTypes
from hotspot_eval.errors import InputError

X0, Y0 = 533_000.0, 180_000.0


def records(n: int = 200, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    days = pd.Timestamp("2022-07-04") + pd.to_timedelta(rng.integers(0, 70, n), unit="D")
    return pd.DataFrame(
        {
            "when": [f"{day:%Y-%m-%d} {hour:02d}:30" for day, hour in
                     zip(days, rng.integers(0, 24, n), strict=True)],
            "what": rng.choice(["Violence with injury", "Robbery of personal property"], n),
            "east": X0 + rng.integers(0, 2000, n),
            "north": Y0 + rng.integers(0, 1000, n),
            "domestic": rng.choice(["Y", "n", ""], n),
            "public_place": rng.choice(["yes", "no"], n),
            "free_text": "never to be seen",
        }
    )  # fmt: skip


def squares() -> gpd.GeoDataFrame:
    cells = [shapely.box(X0 + k * 1000, Y0, X0 + (k + 1) * 1000, Y0 + 1000) for k in range(2)]
    return gpd.GeoDataFrame(geometry=cells, index=pd.Index(["a", "b"], name="area"), crs=27700)


def read(path: Path, **options: object):
    given = {"date": "when", "crime_type": "what", "easting": "east", "northing": "north",
             "start": "2022-07-04", "end": "2022-09-11", **options}  # fmt: skip
    return read_incidents(path, **given)  # type: ignore[arg-type]


def put(folder: Path, frame: pd.DataFrame, name: str = "records.csv") -> Path:
    path = folder / name
    if name.endswith(".parquet"):
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False)
    return path


@pytest.mark.parametrize("name", ["records.csv", "records.csv.gz", "records.parquet"])
def test_weekly_panel_equals_a_count_by_hand(tmp_path: Path, name: str) -> None:
    frame = records()
    incidents = read(put(tmp_path, frame, name))
    panel = incidents.panel(outcomes=["robbery_personal"], areas=squares(), frequency="week")
    assert panel.periods.labels[0] == "2022-07-04" and len(panel.periods) == 10
    robbery = frame[frame["what"].str.startswith("Robbery")]
    days = pd.to_datetime(robbery["when"]).dt.normalize()
    weeks = (days - pd.Timestamp("2022-07-04")).dt.days // 7
    truth = np.zeros((2, 10), dtype=int)
    np.add.at(truth, ((robbery["east"] >= X0 + 1000).astype(int), weeks), 1)
    edge = (robbery["east"] == X0 + 1000).sum()
    assert abs(panel.counts[:, :, 0] - truth).sum() <= 2 * edge
    assert panel.counts.sum() == len(robbery)
    assert panel.observed.all()


def test_degrees_and_metres_agree(tmp_path: Path) -> None:
    frame = records()
    points = gpd.GeoSeries(gpd.points_from_xy(frame["east"] + 0.5, frame["north"] + 0.5), crs=27700)
    degrees = points.to_crs(4326)
    both = frame.assign(
        east=frame["east"] + 0.5, north=frame["north"] + 0.5, lon=degrees.x, lat=degrees.y
    )
    path = put(tmp_path, both)
    metres = read(path).panel(outcomes=["violence_with_injury"], areas=squares(), frequency="week")
    assert metres.counts.sum() == (frame["what"] == "Violence with injury").sum()
    told = read(path, easting=None, northing=None, longitude="lon", latitude="lat")
    assert (told.panel(outcomes=["violence_with_injury"], areas=squares(), frequency="week").counts
            == metres.counts).all()  # fmt: skip


def test_flags_choose_and_unknown_meets_neither(tmp_path: Path) -> None:
    frame = records()
    incidents = read(put(tmp_path, frame), flags=("domestic", "public_place"))
    panel = incidents.panel(
        outcomes={
            "outdoors": OutcomeTypes(
                crime_types=("Violence with injury",),
                flags={"public_place": True, "domestic": False},
            ),
            "domestic": OutcomeTypes(
                crime_types=("Violence with injury",), flags={"domestic": True}
            ),
        },
        areas=squares(),
        frequency="week",
    )
    violence = frame[frame["what"] == "Violence with injury"]
    outdoors = (violence["public_place"] == "yes") & (violence["domestic"] == "n")
    assert panel.outcome("outdoors").counts.sum() == outdoors.sum()
    assert panel.outcome("domestic").counts.sum() == (violence["domestic"] == "Y").sum()
    left = panel.ledger.to_frame().set_index("reason")["rows"]
    counted = outdoors.sum() + (violence["domestic"] == "Y").sum()
    assert left["type or flags of no outcome"] == len(frame) - counted


def test_definition_with_flags_needs_them(tmp_path: Path) -> None:
    path = put(tmp_path, records())
    with pytest.raises(InputError, match=r"asks for flags that the records do not carry"):
        read(path).panel(outcomes=["violence_public_place"], areas=squares())
    incidents = read(path, flags=("domestic", "public_place"))
    panel = incidents.panel(outcomes=["violence_public_place"], areas=squares())
    assert panel.counts.sum() > 0


def test_nothing_is_written_and_nothing_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    incidents = read(put(tmp_path, records()))
    incidents.panel(outcomes=["robbery_personal"], areas=squares())
    assert [file for file in scratch.rglob("*") if file.is_file()] == []
    assert "never to be seen" not in incidents._repr_html_()
    assert "free_text" not in incidents.frame.columns
    assert len(incidents.frame) == 200


def test_memory_that_does_not_suffice_is_refused_not_spilled(tmp_path: Path) -> None:
    many = pd.concat([records(40_000, seed) for seed in range(6)])
    path = put(tmp_path, many)
    with pytest.raises(InputError, match=r"do not fit the memory allowed"):
        read(path, limits=Limits(memory_mb=10, threads=1))


def test_months_without_records_and_declared_spells_are_missing(tmp_path: Path) -> None:
    frame = records(300)
    months = frame["when"].str[:7]
    path = put(tmp_path, frame[months != "2022-08"])
    whole = read(path, start="2022-07-01", end="2022-09-30")
    panel = whole.panel(outcomes=["robbery_personal"], areas=squares())
    assert panel.observed[0, :, 0].tolist() == [True, False, True]
    assert whole.checks[0].status == "failed"
    none = read(path, start="2022-07-01", end="2022-09-30", empty_months="zero")
    assert none.panel(outcomes=["robbery_personal"], areas=squares()).observed.all()
    spell = read(put(tmp_path, frame), missing=[("2022-07-18", "2022-07-24")])
    weekly = spell.panel(outcomes=["robbery_personal"], areas=squares(), frequency="week")
    assert (~weekly.observed[0, :, 0]).nonzero()[0].tolist() == [2]


def test_dates_are_not_guessed(tmp_path: Path) -> None:
    frame = records()
    frame["when"] = pd.to_datetime(frame["when"]).dt.strftime("%d/%m/%Y %H:%M")
    path = put(tmp_path, frame)
    with pytest.raises(InputError, match=r"dates of 200 records cannot be read.*date_format="):
        read(path)
    incidents = read(path, date_format="%d/%m/%Y %H:%M")
    assert incidents.ledger.steps[1].rows_out == 200


def test_blank_dates_are_left_out_and_counted(tmp_path: Path) -> None:
    frame = records()
    frame.loc[:4, "when"] = ""
    step = read(put(tmp_path, frame)).ledger.steps[1]
    assert (step.rows_in, step.rows_out) == (200, 195)
    assert step.left_out[0].reason == "no date"


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({"what": ""}, {}, r"200 records have no type"),
        ({"domestic": "maybe"}, {"flags": ("domestic",)}, r"are neither yes nor no"),
        ({}, {"easting": "x"}, r"columns are missing \(1: x\)"),
        ({}, {"longitude": "east"}, r"must name two columns that belong together"),
        ({}, {"northing": None}, r"must name two columns that belong together"),
        (
            {"lon": 51.5, "lat": -0.1},
            {"easting": None, "northing": None, "longitude": "lon", "latitude": "lat"},
            r"longitude and latitude are swapped in 200 records",
        ),
        ({}, {"end": "2022-07-01"}, r"argument 'end': lies before the start"),
    ],
)
def test_refusals(
    tmp_path: Path, change: dict[str, object], options: dict[str, object], message: str
) -> None:
    path = put(tmp_path, records().assign(**change))
    with pytest.raises(InputError, match=message):
        read(path, **options)


def test_damaged_files(tmp_path: Path) -> None:
    path = put(tmp_path, records())
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=r"cannot be read as CSV or parquet"):
        read(path)
    path.unlink()
    squeezed = tmp_path / "records.csv.gz"
    squeezed.write_bytes(gzip.compress(content)[:900])
    with pytest.raises(InputError, match=r"cannot be unpacked"):
        read(squeezed)
    squeezed.unlink()
    (tmp_path / "records.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(InputError, match=r"is not a whole parquet file"):
        read(tmp_path / "records.parquet")


def test_weeks_need_dates_and_places_need_areas(tmp_path: Path) -> None:
    incidents = read(put(tmp_path, records()))
    with pytest.raises(InputError, match=r"Pass areas= as polygons"):
        incidents.panel(outcomes=["robbery_personal"])


def test_months_covered_in_part_are_missing(tmp_path: Path) -> None:
    panel = read(put(tmp_path, records())).panel(outcomes=["robbery_personal"], areas=squares())
    assert panel.periods.labels == ("2022-07", "2022-08", "2022-09")
    assert panel.observed[0, :, 0].tolist() == [False, True, False]
