from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hotspot_eval.errors import InputError
from hotspot_eval.spatial import near_repeat


def rng(seed=1):
    return np.random.default_rng(seed)


def incidents(seed=2, n=300, repeats=0):
    draw = rng(seed)
    x, y = draw.uniform(0, 5000, (2, n)) + 500_000
    day = draw.integers(0, 365, n)
    again = draw.integers(0, n, repeats)
    x = np.concatenate([x, x[again] + draw.uniform(0, 40, repeats)])
    y = np.concatenate([y, y[again] + draw.uniform(0, 40, repeats)])
    day = np.concatenate([day, day[again] + draw.integers(0, 5, repeats)])
    dates = pd.Timestamp("2021-01-01") + pd.to_timedelta(day, unit="D")
    return pd.DataFrame({"date": dates, "x": x, "y": y})


COLUMNS = {"date": "date", "x": "x", "y": "y"}


def test_pairs_are_those_of_a_plain_count():
    frame = incidents(n=80)
    edges_m, edges_days = (0, 500, 1500), (0, 30, 90)
    result = near_repeat(
        frame, **COLUMNS, rng=rng(), distance_edges_m=edges_m, days_edges=edges_days, permutations=9
    )
    slow = np.zeros((2, 2), int)
    day = frame["date"].dt.day_of_year.to_numpy()
    for i in range(80):
        for j in range(i):
            apart = np.hypot(frame.x[i] - frame.x[j], frame.y[i] - frame.y[j])
            late = abs(int(day[i]) - int(day[j]))
            for a in range(2):
                for b in range(2):
                    inside = edges_m[a] <= apart < edges_m[a + 1]
                    slow[a, b] += inside and edges_days[b] <= late < edges_days[b + 1]
    assert result.table["pairs"].tolist() == slow.ravel().tolist()
    assert result.to_frame().equals(result.table)


def test_bins_hold_their_lower_edge_only():
    frame = pd.DataFrame(
        {
            "date": pd.to_datetime(["2021-01-01", "2021-01-08", "2021-01-01", "2021-02-20"]),
            "x": [500_000.0, 500_000.0, 500_100.0, 900_000.0],
            "y": [0.0, 0.0, 0.0, 0.0],
        }
    )
    table = near_repeat(
        frame,
        **COLUMNS,
        rng=rng(),
        distance_edges_m=(0, 100, 200),
        days_edges=(0, 7, 14),
        permutations=9,
    ).table.set_index(["distance_from_m", "days_from"])["pairs"]
    assert table.to_dict() == {(0, 0): 0, (0, 7): 1, (100, 0): 1, (100, 7): 1}


def test_planted_near_repeats_are_found_and_chance_is_not():
    found = near_repeat(incidents(repeats=40), **COLUMNS, rng=rng(), permutations=199)
    first = found.table.iloc[0]
    assert first.p_value == 1 / 200 and first.ratio > 3
    assert "times as many as expected" in found._repr_html_()
    p = [
        near_repeat(
            incidents(seed),
            **COLUMNS,
            rng=rng(seed),
            distance_edges_m=(0, 400),
            days_edges=(0, 28),
            permutations=99,
        ).table.p_value[0]
        for seed in range(60)
    ]
    assert np.mean(np.array(p) <= 0.1) <= 0.2


@pytest.mark.parametrize(
    "months",
    [
        ["2021-01", "2021-02", "2021-01"],
        [202101, 202102, 202103],
        pd.to_datetime(["2021-01-01", "2021-02-01", "2021-02-01"]),
        pd.PeriodIndex(["2021-01", "2021-02", "2021-02"], freq="M"),
    ],
)
def test_months_are_refused(months):
    frame = pd.DataFrame({"date": months, "x": [5e5, 5.1e5, 5.2e5], "y": 0.0})
    with pytest.raises(InputError, match="holds months, not days"):
        near_repeat(frame, **COLUMNS, rng=rng())


@pytest.mark.parametrize(
    ("change", "options", "match"),
    [
        ({"date": ["2021-01-01", "soon", "2021-01-03"]}, {}, "unreadable dates in rows"),
        ({"x": [5e5, np.nan, 5e5]}, {}, "are missing in rows"),
        ({"x": [0.1, 0.2, 0.3], "y": [51.0, 51.1, 51.2]}, {}, "look like degrees"),
        ({}, {"x": "east"}, r"lack columns \(1: east\)"),
        ({}, {"distance_edges_m": (0, 0)}, "'distance_edges_m': must be two or more"),
        ({}, {"days_edges": (7,)}, "'days_edges': must be two or more"),
        ({}, {"permutations": 0}, "'permutations'"),
    ],
)
def test_inputs_that_cannot_be_used(change, options, match):
    frame = pd.DataFrame(
        {"date": ["2021-01-01", "2021-01-02", "2021-01-03"], "x": [5e5, 5.1e5, 5.2e5], "y": 0.0}
    ).assign(**change)
    with pytest.raises(InputError, match=match):
        near_repeat(frame, **{**COLUMNS, **options}, rng=rng())
    if not change and not options:
        with pytest.raises(InputError, match="two rows"):
            near_repeat(frame.head(1), **COLUMNS, rng=rng())
