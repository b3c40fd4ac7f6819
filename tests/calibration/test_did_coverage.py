"""Coverage of the default interval: a quick slice always, all columns when asked."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from tests.calibration.coverage_page import page
from tests.calibration.coverage_rows import lead
from tests.calibration.coverage_table import COLUMNS, DEFAULT, PARTS, Column, study, summary
from tests.calibration.coverage_text import MAIN, TABLES
from tests.calibration.coverage_worlds import ISSUE, TUNED, World

RARE = TUNED[1]
CLUSTERED = Column(k=10, places="clustered")
FAMILIES = ("lead", "numbers", "events", "starts", "rotates", "lasts", "doses", "types", "beside")
SLICE = (
    (ISSUE, Column(k=5)),
    (ISSUE, Column(k=10, places="clustered")),
    (ISSUE, Column(k=40, places="clustered")),
    (RARE, Column(k=10, places="clustered")),
    (ISSUE, Column(k=5, controls=5)),
)


def coverage(rows: pd.DataFrame) -> float:
    """Of the default, over all rows."""
    return float(rows.loc[rows["method"] == DEFAULT, "inside"].mean())


def test_slice():
    """5 × 60 draws: 0.95 less three Monte Carlo errors, of 0.028 in each and 0.013 in all."""
    slices = [study(world, column, range(60), lead) for world, column in SLICE]
    assert min(map(coverage, slices)) >= 0.95 - 3 * 0.028
    assert coverage(pd.concat(slices)) >= 0.95 - 3 * 0.013


def test_a_draw_is_the_same_in_every_split():
    whole = study(ISSUE, Column(k=5), range(4), lead)
    part = study(ISSUE, Column(k=5), range(2, 4), lead)
    pd.testing.assert_frame_equal(whole[2:].reset_index(drop=True), part)


def test_summary_counts_draws_without_an_interval_apart():
    rows = pd.DataFrame(
        {
            "world": "w",
            "column": "c",
            "method": "m",
            "inside": [True, False, False],
            "error": [0.1, -0.3, 5.0],
            "std_error": [1.0, 2.0, float("nan")],
            "width": [4.0, 8.0, float("nan")],
        }
    )
    told = summary(rows).iloc[0]
    assert (told["draws"], told["with_interval"]) == (3, 2)
    assert (told["coverage"], told["mean_se"], told["width"]) == (0.5, 1.5, 6.0)
    assert told["bias"] == pytest.approx(-0.1)


@pytest.mark.parametrize("world", [ISSUE, RARE], ids=lambda world: world.name)
def test_worlds_have_the_correlation_they_claim(world: World):
    """Areas of one borough move together by 1 − near + near·exp(−d/reach), others by the latter."""
    correlation = world.root @ world.root.T
    together = world.borough[:, None] == world.borough
    assert correlation.diagonal() == pytest.approx(1.0, abs=1e-6)
    assert correlation[together].min() >= 1.0 - world.near - 1e-6
    assert correlation[~together].max() <= world.near + 1e-6


@pytest.mark.parametrize("part", FAMILIES)
def test_families(part: str):
    """12 draws of 10 clustered areas, all defaults pooled: they tell .95 from .7."""
    asked = PARTS[part]
    rows = study(asked.worlds[0], CLUSTERED, range(12), asked.make)
    default = rows[rows["method"].str.contains("(default)", regex=False)]
    default = default[np.isfinite(default["width"])]
    assert len(default) >= 12
    assert default["inside"].mean() >= 0.8


def test_errors_of_areas_alone_are_told_from_learnt_ones():
    """40 draws of 10 clustered areas: CR1 falls short where the default does not."""
    asked = PARTS["cohorts"]
    share = study(ISSUE, CLUSTERED, range(40), asked.make).groupby("method")["inside"].mean()
    assert share["etwfe, Poisson (default)"] > share["etwfe, Poisson, cluster-robust"]
    assert share["etwfe, Poisson (default)"] >= 0.95 - 3 * 0.035


def test_every_row_that_is_made_has_its_place_on_the_page():
    """Each method of each part stands in a table of that part, and no table asks for others."""
    for table in (MAIN, *TABLES):
        made = set()
        for part in set(table.parts) - {"conformal"}:
            asked = PARTS[part]
            for column in asked.columns[:2]:
                made |= set(study(asked.worlds[0], column, range(1), asked.make)["method"])
        assert made == set(table.rows) - {"conformal_test"}


def test_page_tells_what_falls_short():
    rows = pd.concat([_rows(part, share) for part, share in (("lead", 0.95), ("two_way", 0.5))])
    text = page(rows)
    assert "| poisson_did (default) | 0.950 | 40 |" in text
    assert "| poisson_did, CR2 by area | **0.500** | 40 |" in text
    assert f"- *poisson_did, CR2 by area*: {MAIN.rows['poisson_did, CR2 by area']}." in text
    assert "- *poisson_did (default)*" not in text


def _rows(part: str, share: float) -> pd.DataFrame:
    """40 draws of one method in one column."""
    method = {"lead": DEFAULT, "two_way": "poisson_did, CR2 by area"}[part]
    return pd.DataFrame(
        {
            "part": part,
            "world": ISSUE.name,
            "column": "10 scattered",
            "method": method,
            "inside": np.arange(40) < 40 * share,
            "error": 0.0,
            "std_error": 1.0,
            "width": 4.0,
        }
    )


@pytest.mark.slow
@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.name)
def test_default_lies_in_its_band(column):
    """2,000 draws: [.93, .97], allowing two Monte Carlo errors of 0.005."""
    table = summary(study(ISSUE, column, range(2_000), lead))
    assert 0.92 <= table["coverage"].item() <= 0.98
