"""The published register of facial-recognition deployments in London, as it was published.

Source: Metropolitan Police, live facial recognition deployment records 2020-2025, 252 deployments.
The expected days were worked out by hand from the file's order: it is in order of time but for
the dates that a spreadsheet exchanged.
"""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from hotspot_eval.data import InterventionRegister, read_register
from hotspot_eval.panel import Panel

DEPLOYMENTS, MACHINE_DATES, SAME_EITHER_WAY = 252, 100, 6


@pytest.fixture(scope="module")
def wards(shared_data: Path) -> gpd.GeoDataFrame:
    frame = gpd.read_file(shared_data / "boundaries" / "london_wards_2022_from_lsoa21.gpkg")
    names = {"ward_code": "area", "ward_name": "area_name", "borough": "cluster"}
    frame = frame.rename(columns=names).set_index("area").sort_index()
    return frame[["area_name", "cluster", "geometry"]]


@pytest.fixture(scope="module")
def raw(shared_data: Path) -> pd.DataFrame:
    path = shared_data / "interventions" / "lfr_deployments_raw.csv"
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    return frame.assign(row=frame.index + 2)[frame["Deployment"] != ""]


@pytest.fixture(scope="module")
def register(shared_data: Path, wards: gpd.GeoDataFrame) -> InterventionRegister:
    path = shared_data / "interventions" / "lfr_deployments_raw.csv"
    return read_register(path, areas=wards, latest="2025-12-31")


@pytest.fixture(scope="module")
def panel(shared_data: Path) -> Panel:
    counts = pd.read_csv(shared_data / "london_ward_month" / "london_ward_month.csv.gz")
    return Panel.from_counts(
        counts,
        area="ward_code",
        period="month",
        outcomes=["violence", "robbery"],
        cluster="borough",
    )


def test_every_deployment_is_accounted_for(register):
    step = register.ledger.steps[1]
    assert (step.rows_in, step.rows_out) == (261, DEPLOYMENTS)
    assert {note.reason: note.rows for note in step.left_out} == {"blank row": 8, "totals row": 1}
    assert register.deployments == len(register.spells) == len(register.outputs) == DEPLOYMENTS


def test_the_totals_row_confirms_that_no_deployment_was_lost(register):
    assert register.outputs["faces_seen"].sum() == 1_982_946
    assert register.outputs["arrests"].sum() == 804
    remarks = [note.reason for note in register.ledger.steps[1].remarks]
    assert any(reason.startswith("totals row agrees") for reason in remarks)


def test_every_swapped_date_is_put_back(register, raw):
    machine = raw["Date"].str.match(r"\d{4}-\d\d-\d\d")
    assert machine.sum() == MACHINE_DATES
    by_hand = pd.to_datetime(raw["Date"].where(~machine), format="%d/%m/%Y")
    by_hand = by_hand.fillna(pd.to_datetime(raw["Date"].str[:10].where(machine), format="%Y-%d-%m"))
    assert register.spells["start"].tolist() == by_hand.tolist()
    swapped = register.findings.query("problem == 'day and month swapped'")
    assert len(swapped) == MACHINE_DATES - SAME_EITHER_WAY
    assert set(swapped["outcome"]) == {"corrected"}
    assert not register.findings["problem"].str.contains("perhaps swapped").any()


def test_each_correction_restores_the_order_of_the_file(register, raw):
    days = register.spells["start"]
    assert days.is_monotonic_increasing
    swapped = register.findings.query("problem == 'day and month swapped'")
    place = {row: at for at, row in enumerate(raw["row"])}
    broken = 0
    for row, read in zip(swapped["row"], swapped["read"], strict=True):
        written = days.copy()
        written.iloc[place[row]] = pd.Timestamp(read[:10])
        broken += not written.is_monotonic_increasing
    assert broken == 93
    # held against the dates that are certain alone, not against corrected neighbours
    assert swapped["why"].str.contains("in file order only so").sum() == 91


def test_what_else_was_found(register):
    counted = register.findings.groupby("problem").size()
    assert counted["year disagrees with the date"] == 1
    year = register.findings.query("problem == 'year disagrees with the date'").iloc[0]
    assert (year["row"], year["outcome"], year["read"]) == (5, "flagged", "2020 and 2022-01-28")
    assert counted["area lies in another borough than stated"] == 5
    assert counted["overlaps another spell of its site"] == 11
    elsewhere = register.findings.query("problem == 'area lies in another borough than stated'")
    assert elsewhere["why"].str.contains("of the same name lies in Camden").all()


def test_the_same_without_boundaries(shared_data, register):
    path = shared_data / "interventions" / "lfr_deployments_raw.csv"
    alone = read_register(path, latest="2025-12-31")
    assert alone.spells["start"].tolist() == register.spells["start"].tolist()
    assert alone.spells["area"].tolist() == register.spells["area"].tolist()


def test_durations_are_hours(register):
    dose = register.spells["dose"]
    assert dose.isna().sum() == 9
    assert dose.between(0.5, 10).sum() == DEPLOYMENTS - 9


@pytest.mark.parametrize("exposure", ["days", "ever_after"])
def test_every_borough_with_deployments_gets_its_design(register, panel, exposure):
    placements = register.by_borough(panel, exposure=exposure, pre_periods=12, post_periods=3)
    assert len(placements) == 31
    assert sum(len(placed.spells) for placed in placements.values()) == DEPLOYMENTS
    of = dict(zip(panel.areas, panel.cluster, strict=True))
    ever = set(register.spells["area"])
    for borough, placed in placements.items():
        step = placed.ledger.steps[0]
        assert step.rows_in == len(placed.spells)
        if placed.design is None:
            assert placed.problem
            continue
        chosen = placed.design.on(panel)
        assert {of[area] for area in placed.design.treated} == {borough}
        assert {of[area] for area in placed.design.controls} == {borough}
        assert not ever & set(placed.design.controls)
        assert chosen.used.any(axis=1).sum() == len(placed.design.treated) + len(
            placed.design.controls
        )


def test_a_day_of_deployment_treats_a_day_of_the_month(register, panel):
    design = register.design(panel)
    treatment = design.on(panel).treatment
    spells = register.spells.copy()
    spells["month"] = spells["start"].dt.strftime("%Y-%m")
    days = spells.groupby(["area", "month"])["start"].nunique()
    for area in design.treated:
        row = panel.areas.index(area)
        for at, month in enumerate(panel.periods.labels):
            length = pd.Period(month).days_in_month
            assert np.isclose(treatment[row, at], days.get((area, month), 0) / length)


def test_intention_to_treat_goes_on_from_the_first_day(register, panel):
    design = register.design(panel, exposure="ever_after")
    treatment = design.on(panel).treatment
    first = register.spells.groupby("area")["start"].min()
    for area in design.treated:
        row = panel.areas.index(area)
        at = panel.periods.position(first[area])
        assert (treatment[row, :at] == 0).all()
        assert 0 < treatment[row, at] <= 1
        assert (treatment[row, at + 1 :] == 1).all()
