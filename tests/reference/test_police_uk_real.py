"""The genuine street files, against counts made independently of the reader."""

from __future__ import annotations

import csv
import gzip
from collections import Counter
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from hotspot_eval.data.geography import lsoa_components
from hotspot_eval.data.police_uk import read_police_uk
from hotspot_eval.errors import InputError


def plain(folder: Path) -> list[dict[str, str]]:
    """Every row by the csv module: no code shared with the reader."""
    rows: list[dict[str, str]] = []
    for file in sorted(folder.glob("*.csv.gz")):
        with gzip.open(file, "rt", encoding="utf-8", newline="") as stream:
            rows.extend(csv.DictReader(stream))
    return rows


def test_city_of_london_every_row_accounted_for(shared_data: Path) -> None:
    folder = shared_data / "police_uk" / "city-of-london"
    incidents = read_police_uk(folder)
    read = incidents.ledger.steps[1]
    assert (read.rows_in, read.rows_out) == (24_750, 24_750)
    remarks = {note.reason: note.rows for note in read.remarks}
    assert remarks["no coordinates"] == remarks["no LSOA code"] == 1_807
    assert round(100 * 1_807 / 24_750, 1) == 7.3
    assert len(incidents.frame) == 24_750
    assert incidents.files["rows"].sum() == 24_750
    assert len(incidents.files) == 36 and incidents.files["sha256"].str.len().eq(64).all()

    truth = Counter(
        (row["LSOA code"], row["Month"])
        for row in plain(folder)
        if row["Crime type"] == "Violence and sexual offences" and row["LSOA code"]
    )
    panel = incidents.panel(outcomes=["violence"])
    frame = panel.to_frame()
    told = {
        (area, month): n
        for area, month, n in zip(frame["area"], frame["period"], frame["violence"], strict=True)
        if n
    }
    assert told == truth
    assert panel.observed.all()


def test_city_of_london_spring_2020_is_noticed(shared_data: Path) -> None:
    incidents = read_police_uk(shared_data / "police_uk" / "city-of-london")
    low = incidents.coverage.query("status == 'partial'")["month"].tolist()
    assert low == ["2020-04", "2020-05", "2020-06"]
    assert [check.status for check in incidents.checks] == ["passed", "failed"]


def test_northumbria_gap_repeats_and_codes(shared_data: Path) -> None:
    folder = shared_data / "police_uk" / "northumbria"
    incidents = read_police_uk(folder)
    assert incidents.missing_months.to_numpy().tolist() == [["Northumbria Police", "2022-01"]]
    assert incidents.checks[0].status == "failed"

    rows = plain(folder)
    asb = [row for row in rows if row["Crime type"] == "Anti-social behaviour"]
    repeats = sum(n - 1 for n in Counter(tuple(row.values()) for row in asb).values())
    assert repeats > 20_000
    kept = incidents.frame
    assert len(kept) == len(rows) == 250_805
    assert (kept["crime_type"] == "Anti-social behaviour").sum() == len(asb) == 67_677

    panel = incidents.panel(outcomes=["anti_social_behaviour", "robbery"])
    gap = panel.periods.labels.index("2022-01")
    assert not panel.observed[:, gap].any()
    assert panel.observed[:, np.arange(len(panel.periods)) != gap].all()
    located = [row for row in asb if row["LSOA code"]]
    assert panel.outcome("anti_social_behaviour").counts.sum() == len(located)
    by_month = Counter(row["Month"] for row in located)
    sums = panel.outcome("anti_social_behaviour").counts.sum(axis=(0, 2))
    assert dict(zip(panel.periods.labels, sums.tolist(), strict=True)) == {
        **by_month, "2022-01": 0
    }  # fmt: skip


def test_northumbria_codes_join_the_boundaries(shared_data: Path) -> None:
    incidents = read_police_uk(shared_data / "police_uk" / "northumbria")
    areas = gpd.read_file(shared_data / "boundaries" / "northumbria_lsoa_2011.gpkg")
    areas = areas.set_index("LSOA11CD")[["geometry"]]
    located = incidents.frame.dropna(subset=["lsoa_code"])
    assert set(located["lsoa_code"]) <= set(areas.index)
    violence = located[located["crime_type"] == "Violence and sexual offences"]
    panel = incidents.panel(outcomes=["violence"], areas=areas)
    truth = violence.groupby("lsoa_code").size().reindex(panel.areas, fill_value=0)
    assert panel.counts.sum(axis=(1, 2)).tolist() == truth.tolist()

    by_point = incidents.panel(outcomes=["violence"], areas=areas, where="point")
    points = gpd.GeoDataFrame(
        geometry=gpd.points_from_xy(violence["longitude"], violence["latitude"]), crs=4326
    ).to_crs(areas.crs)
    valid = areas.assign(geometry=areas.make_valid())
    joined = points.sjoin(valid, predicate="within").groupby("LSOA11CD").size()
    assert by_point.counts.sum(axis=(1, 2)).tolist() == joined.reindex(
        panel.areas, fill_value=0
    ).tolist()  # fmt: skip
    # These boundaries are generalised to about 200 m, so that an eighth moves to a neighbour.
    assert 0.8 < np.minimum(panel.counts, by_point.counts).sum() / panel.counts.sum() < 0.95


def test_met_burglary_by_month_equals_an_independent_count(shared_data: Path) -> None:
    folder = shared_data / "police_uk" / "metropolitan-burglary"
    incidents = read_police_uk(folder)
    rows = plain(folder)
    truth = Counter(row["Month"] for row in rows)
    assert dict(zip(incidents.coverage["month"], incidents.coverage["rows"], strict=True)) == truth
    panel = incidents.panel(outcomes=["burglary"])
    located = Counter(row["Month"] for row in rows if row["LSOA code"])
    sums = panel.counts.sum(axis=(0, 2)).tolist()
    assert dict(zip(panel.periods.labels, sums, strict=True)) == located


def test_an_extract_of_burglary_is_not_taken_for_no_robbery(shared_data: Path) -> None:
    incidents = read_police_uk(shared_data / "police_uk" / "metropolitan-burglary")
    with pytest.raises(InputError, match=r"none of their crime types occurs .*robbery \(Robbery\)"):
        incidents.panel(outcomes=["robbery"])


def test_forces_mixed_keep_their_own_gaps(shared_data: Path) -> None:
    folders = [shared_data / "police_uk" / name for name in ("city-of-london", "northumbria")]
    incidents = read_police_uk(folders)
    panel = incidents.panel(outcomes=["violence"], start="2017-12", end="2022-06")
    alone = read_police_uk(folders[1]).panel(outcomes=["violence"])
    north = panel.select(areas=alone.areas, periods=("2021-02", "2022-06"))
    assert (north.counts == alone.counts).all() and (north.observed == alone.observed).all()
    early = panel.select(areas=alone.areas, periods=("2017-12", "2021-01"))
    assert not early.observed.any()


def test_across_the_code_switch_counts_stay_whole(shared_data: Path, tmp_path: Path) -> None:
    """Met burglary of 2019-01 told again in 2021 codes: the joined panel must not see a change."""
    overlap = pd.read_csv(shared_data / "lookups" / "lsoa11_lsoa21_overlap_derived.csv")
    source = (
        shared_data / "police_uk" / "metropolitan-burglary" / "2019-01-metropolitan-street.csv.gz"
    )
    before = pd.read_csv(source, dtype=str, keep_default_na=False)
    main = overlap.sort_values("share_of_lsoa11").drop_duplicates("LSOA11CD", keep="last")
    new = main.set_index("LSOA11CD")["LSOA21CD"]
    after = before.assign(
        **{
            "Month": "2019-02",
            "LSOA code": before["LSOA code"].map(new).fillna(before["LSOA code"]),
        }
    )
    before.to_csv(tmp_path / "a.csv", index=False)
    after.to_csv(tmp_path / "b.csv", index=False)
    incidents = read_police_uk(tmp_path)
    with pytest.raises(InputError, match="change from LSOA 2011 to LSOA 2021 codes"):
        incidents.panel(outcomes=["burglary"])
    units = lsoa_components(overlap)
    panel = incidents.panel(outcomes=["burglary"], areas=units)
    assert (panel.counts[:, 0] == panel.counts[:, 1]).all()
    assert panel.counts.dtype == np.int64
    known = before["LSOA code"].isin(units.codes_2011).sum()
    assert panel.counts[:, 0].sum() == known
    vintages = pd.Series(units.vintage([*before["LSOA code"], *after["LSOA code"]])).value_counts()
    told = {note.reason: note.rows for note in panel.ledger.steps[2].remarks}
    assert told["LSOA code of 2011 only"] == vintages["2011"] > 0
    assert told["LSOA code of 2021 only"] == vintages["2021"] > 0
