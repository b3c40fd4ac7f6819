"""Coverage of the default interval: a quick slice always, all columns when asked."""

from __future__ import annotations

import pandas as pd
import pytest
from tests.calibration.coverage_table import COLUMNS, DEFAULT, Column, lead, study, summary
from tests.calibration.coverage_worlds import ISSUE, TUNED, World

RARE = TUNED[1]
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


@pytest.mark.slow
@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.name)
def test_default_lies_in_its_band(column):
    """2,000 draws: [.93, .97], allowing two Monte Carlo errors of 0.005."""
    table = summary(study(ISSUE, column, range(2_000), lead))
    assert 0.92 <= table["coverage"].item() <= 0.98
