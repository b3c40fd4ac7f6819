"""The worlds of a referee: what they say of themselves, a quick slice, their place on the page."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from tests.calibration.coverage_page import page
from tests.calibration.coverage_table import COLUMNS, DEFAULT, PARTS, Column, referee_seed, study
from tests.calibration.referee_draws import RefereeWorld
from tests.calibration.referee_worlds import REFEREE

PART = PARTS["referee"]
NAMES = [world.name for world in REFEREE]
WORLDS = dict(zip(NAMES, REFEREE, strict=True))


@pytest.mark.parametrize("world", REFEREE, ids=NAMES)
def test_treatment_is_where_the_world_says(world: RefereeWorld):
    column = Column(k=10, places="clustered")
    rng = np.random.default_rng(referee_seed(world.name, column, 0))
    drawn = world.draw(rng, column.k, column.places)
    treated = np.isin(drawn.panel.areas, drawn.design.treated)
    assert treated.sum() == 10
    assert (drawn.on == treated[:, None] & (np.arange(world.periods) >= world.start)).all()
    assert drawn.ratio(drawn.on) == pytest.approx(np.log(world.ratio), abs=1e-12)
    assert (drawn.panel.cluster is not None) == world.labelled
    assert (world.root @ world.root.T).diagonal() == pytest.approx(1.0, abs=1e-6)


def test_whole_boroughs_are_treated_where_the_world_says():
    """Ten areas fill all boroughs they touch but one."""
    world = WORLDS["D boroughs"]
    drawn = world.draw(np.random.default_rng(0), 10, "clustered")
    treated = np.isin(drawn.panel.areas, drawn.design.treated)
    share = pd.Series(treated).groupby(drawn.borough).mean()
    assert ((share > 0) & (share < 1)).sum() <= 1


def test_blocks_are_rectangles():
    world = WORLDS["E rare"]
    drawn = world.draw(np.random.default_rng(0), 10, "clustered")
    place = world.map.place[np.isin(drawn.panel.areas, drawn.design.treated)]
    assert np.ptp(place, axis=0).tolist() == [4.0, 1.0]


def test_scattered_and_clustered_areas_have_the_same_shocks():
    world = WORLDS["A grid"]
    one, other = (
        world.draw(np.random.default_rng(referee_seed(world.name, column, 3)), 5, column.places)
        for column in COLUMNS[:2]
    )
    assert (one.height == other.height).all()


def test_slice():
    """40 draws of 10 clustered areas: 0.95 less three Monte Carlo errors of 0.035, all finite."""
    column = Column(k=10, places="clustered")
    rows = study(WORLDS["B grid labels"], column, range(40), PART.make, PART.seed)
    assert np.isfinite(rows["width"]).all()
    assert rows["inside"].mean() >= 0.95 - 3 * 0.035
    assert abs(rows["error"].mean()) <= 3 * rows["error"].std() / np.sqrt(40)


def test_page_names_the_cells_that_fall_short():
    low = ("I hot", "5 clustered")
    rows = pd.concat([_rows(world, column.name, low) for world in NAMES for column in COLUMNS])
    text = page(pd.concat([rows, rows[rows["world"] == "A grid"].assign(part="lead")]))
    assert "## Worlds written by a referee" in text
    assert "41 of 42 cells lie in 0.93 to 0.97, 0 above and 1 below" in text
    assert "without, 42 of 42 cells lie in 0.93 to 0.97, 0 above and 0 below" in text
    assert "large borough**: 0.900 (*I hot*, 5 clustered)." in text


def _rows(world: str, column: str, low: tuple[str, str]) -> pd.DataFrame:
    """100 draws, 95 of them covered; 90 in the cell ``low``."""
    inside = np.arange(100) < (90 if (world, column) == low else 95)
    return pd.DataFrame(
        {
            "part": "referee",
            "world": world,
            "column": column,
            "method": DEFAULT,
            "inside": inside,
            "error": 0.0,
            "std_error": 1.0,
            "width": 4.0,
        }
    )
