from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from tests.spatial_worlds import lattice_areas

from hotspot_eval.errors import InputError
from hotspot_eval.panel import Panel
from hotspot_eval.significance import adjust_p_values
from hotspot_eval.spatial import contiguity, emerging_hotspots, local_g, mann_kendall
from hotspot_eval.spatial.emerging import CATEGORIES, _categories

AREAS = lattice_areas(10, 10)
GRAPH = contiguity(AREAS)


def panel_of(counts: np.ndarray, **options) -> Panel:
    periods = [f"2022-{t + 1:02d}" for t in range(counts.shape[1])]
    frame = pd.DataFrame(counts, index=AREAS.index, columns=periods)
    frame = frame.rename_axis("area").reset_index().melt("area", var_name="month")
    frame = frame.dropna().astype({"value": int})
    return Panel.from_counts(frame, area="area", period="month", count="value", **options)


def test_every_category_from_its_own_history():
    periods = 10
    histories = {
        "new": ([9], []),
        "consecutive": ([7, 8, 9], []),
        "sporadic": ([1, 2, 9], []),
        "oscillating": ([1, 9], [5]),
        "persistent": (range(1, 10), []),
        "intensifying": (range(10), []),
        "diminishing": (range(10), []),
        "historical": (range(9), []),
        "no pattern": ([3], []),
    }
    trend = {"intensifying": 3.0, "diminishing": -3.0}
    for kind in ("hot", "cold"):
        sign = 1.0 if kind == "hot" else -1.0
        cells = np.zeros((2, len(histories), periods), dtype=bool)
        z = np.zeros(len(histories))
        for i, (name, (mine, other)) in enumerate(histories.items()):
            cells[0, i, list(mine)] = True
            cells[1, i, list(other)] = True
            z[i] = sign * trend.get(name, 0.0)
        hot, cold = cells if kind == "hot" else cells[::-1]
        found = _categories(hot, cold, z, np.abs(z) > 2, 0.9)
        expected = [name if name == "no pattern" else f"{name} {kind} spot" for name in histories]
        assert found.tolist() == expected
    assert set(CATEGORIES) == set(histories) - {"no pattern"}


def planted(seed: int = 1, periods: int = 12) -> np.ndarray:
    mean = np.full((10, 10, periods), 2.0)
    mean[1:4, 1:4, :] = 14.0
    mean[6:9, 6:9, 9:] = 14.0
    return np.random.default_rng(seed).poisson(mean).reshape(100, periods)


def test_planted_clusters_are_persistent_and_consecutive():
    result = emerging_hotspots(panel_of(planted()), GRAPH)
    label = pd.Series(result.category, list(result.areas))
    assert label["r02c02"] in ("persistent hot spot", "diminishing hot spot")
    assert label["r07c07"] == "consecutive hot spot"
    assert label["r00c09"] == "no pattern"
    frame = result.to_frame()
    assert frame["periods_hot"].max() == 12
    assert result.counts().sum() == 100
    assert "100 areas × 12 periods (fdr_bh over the cube at 0.05)" in repr(result)


def test_cells_are_gi_star_with_one_family_over_the_cube():
    counts = planted()
    result = emerging_hotspots(panel_of(counts), GRAPH, adjust="fdr_by")
    order = [list(result.areas).index(label) for label in AREAS.index]
    slow = local_g(pd.DataFrame(counts, index=AREAS.index), GRAPH, alternative="two-sided")
    assert result.z == pytest.approx(slow.z, rel=1e-10)
    assert result.p_adjusted == pytest.approx(adjust_p_values(slow.p_value, method="fdr_by"))
    assert result.trend_z == pytest.approx(mann_kendall(slow.z).z)
    assert result.hot[order].sum() == ((result.p_adjusted <= 0.05) & (slow.z > 0)).sum()


def test_a_rise_everywhere_is_hot_against_the_cube_only():
    rise = np.random.default_rng(2).poisson(np.r_[np.full(9, 2.0), np.full(3, 9.0)], (100, 12))
    within = emerging_hotspots(panel_of(rise), GRAPH)
    across = emerging_hotspots(panel_of(rise), GRAPH, compare="cube")
    assert within.hot[:, 9:].mean() < 0.02
    assert across.hot[:, 9:].mean() > 0.7


def test_windows_sum_the_periods_before():
    counts = planted()
    result = emerging_hotspots(panel_of(counts), GRAPH, window_periods=3)
    summed = counts[:, 9:12].sum(axis=1)
    assert result.periods == tuple(f"2022-{t:02d}" for t in range(3, 13))
    last = local_g(pd.Series(summed, index=AREAS.index), GRAPH).z
    assert result.z[:, -1] == pytest.approx(last, rel=1e-10)


def test_noise_makes_no_hot_spots():
    noise = np.random.default_rng(3).poisson(0.5, (100, 24))
    periods = [f"{2020 + t // 12}-{t % 12 + 1:02d}" for t in range(24)]
    frame = pd.DataFrame(noise, index=AREAS.index, columns=periods).rename_axis("area")
    tidy = frame.reset_index().melt("area", var_name="month")
    panel = Panel.from_counts(tidy, area="area", period="month", count="value")
    result = emerging_hotspots(panel, GRAPH)
    assert (result.category == "no pattern").mean() >= 0.98


def test_inputs_that_cannot_be_used():
    counts = planted().astype(float)
    gap = counts.copy()
    gap[3, 4] = np.nan
    with pytest.raises(InputError, match=r"missing cells in periods \(1: 2022-05\)"):
        emerging_hotspots(panel_of(gap), GRAPH)
    with pytest.raises(InputError, match="same areas"):
        emerging_hotspots(panel_of(counts).select(areas=AREAS.index[:50]), GRAPH)
    with pytest.raises(InputError, match="leaves 2 windows in 12 periods"):
        emerging_hotspots(panel_of(counts), GRAPH, window_periods=11)
    with pytest.raises(InputError, match="'compare'"):
        emerging_hotspots(panel_of(counts), GRAPH, compare="year")
    with pytest.raises(InputError, match="'adjust'"):
        emerging_hotspots(panel_of(counts), GRAPH, adjust="bonferroni")


def test_trends():
    series = np.array(
        [[1.0, 2, 3, 4, 5, 6], [6.0, 5, 4, 3, 2, 1], [1.0] * 6, [1, 2, np.nan, 3, 4, 5]]
    )
    trend = mann_kendall(series)
    assert trend.score[:2].tolist() == [15, -15]
    assert trend.z[0] == pytest.approx(14 / np.sqrt(6 * 5 * 17 / 18))
    assert np.isnan(trend.z[2:]).all() and np.isnan(trend.p_value[2:]).all()
    with pytest.raises(InputError, match="a trend needs 3"):
        mann_kendall([1.0, 2.0])
