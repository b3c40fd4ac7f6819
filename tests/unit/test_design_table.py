"""Candidate sites side by side."""

from __future__ import annotations

import numpy as np
import pytest
from tests.replay_worlds import boroughs

from hotspot_eval.errors import InputError
from hotspot_eval.inference import TopK
from hotspot_eval.planning import Dosage, balance, design_table, minimum_detectable_effect
from hotspot_eval.planning.design_table import played

RULE = TopK(k=4)


@pytest.fixture(scope="module")
def world():
    return boroughs(np.random.default_rng(7))


def table_of(world, seed=0, **options):
    given = {"sites": {"A": ["A00", "A01"], "B": ["B00", "B01", "B02"]}, "durations": [3, 6]}
    return design_table(world, rule=RULE, rng=np.random.default_rng(seed), **(given | options))


def test_a_row_is_the_power_of_that_design(world):
    dosages = [Dosage(percent=-10, hours_per_area_period=20), Dosage(hours_per_area_period=40)]
    table = table_of(world, sites={"A": ["A00", "A01"]}, durations=[3], dosages=dosages)
    design = played(world, ["A00", "A01"], 3, None)
    alone = minimum_detectable_effect(world, design, rule=RULE, rng=np.random.default_rng(0))
    row, weaker = table.iloc[0], table.iloc[1]
    assert row["mde_percent"] == weaker["mde_percent"] == alone.percent
    assert row["power"] == alone.power_at(-20)
    assert weaker["power"] == alone.power_at(-10)
    assert [row["officer_hours"], weaker["officer_hours"]] == [240.0, 120.0]
    assert [row["hoped_percent"], weaker["hoped_percent"]] == [-20.0, -10.0]
    assert row["worst_difference"] == balance(world, design).worst


def test_among_equals_the_cheaper_comes_first(world):
    dear, cheap = (Dosage(hours_per_area_period=hours) for hours in (50, 5))
    table = table_of(world, sites={"A": ["A00"]}, durations=[3], dosages=[dear, cheap])
    assert table["officer_hours"].tolist() == [15.0, 150.0]


def test_best_comes_first_and_everything_is_ranked(world):
    table = table_of(world)
    assert len(table) == 4
    assert table["power"].is_monotonic_decreasing
    assert table["rank"].tolist() == [1, 2, 3, 4]
    assert table["officer_hours"].isna().all()


def test_what_has_no_pool_stays_in_the_table():
    short = boroughs(np.random.default_rng(3), clusters=2, months=20)
    table = table_of(short, durations=[3])
    assert table["power"].isna().all()
    assert table["notes"].str.contains("no reference distribution").all()


def test_refusals(world):
    with pytest.raises(InputError, match="need at least one entry each"):
        table_of(world, sites={})
    with pytest.raises(InputError, match="must lie between 1 and 47 periods"):
        table_of(world, durations=[0, 60])
    with pytest.raises(InputError, match="need at least one entry each"):
        table_of(world, dosages=[])
    with pytest.raises(InputError, match="percent: must lie in"):
        Dosage(percent=20)
    with pytest.raises(InputError, match="hours: must be 0 or more"):
        Dosage(hours_per_area_period=-1)
    with pytest.raises(InputError, match="are not in the panel"):
        table_of(world, sites={"X": ["X99"]})
