"""Does a world do to estimators what the world outside does? Obvious estimators, many sites.

Every bound is three Monte Carlo standard errors of the mean over sites; seeds are fixed.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from hotspot_eval.simulate import Crime, Geography, Operation, World, simulate

WINDOW = 12
NOISY = Crime(mean_per_area_week=3.0, overdispersion=4.0, serial_correlation=0.8, heterogeneity=0.3)
START = "2020-06-01"


def drawn(seed: int, operation: Operation, crime: Crime) -> World:
    return simulate(
        rng=np.random.default_rng(seed),
        weeks=36,
        geography=Geography(boroughs=32, areas_per_borough=20),
        crime=crime,
        operation=operation,
    )


def log_ratios(world: World) -> NDArray[np.float64]:
    """Log of (treated post / pre) over (control post / pre), one a borough; catchments left out."""
    truth, clusters = world.truth, world.areas["cluster"].to_numpy()
    total = truth.observed.sum(axis=2)
    first = truth.periods.position(START)
    pre = total[:, first - WINDOW : first].sum(axis=1)
    post = total[:, first : first + WINDOW].sum(axis=1)
    ratios = []
    for site in truth.sites[truth.sites["outcome"] == "all"].itertuples():
        treated = np.isin(truth.areas, site.areas.split(";"))
        near = np.isin(truth.areas, site.catchment.split(";"))
        control = (clusters == site.borough) & ~treated & ~near
        t1, t0, c1, c0 = (
            counts[mask].sum() + 0.5 for mask in (treated, control) for counts in (post, pre)
        )
        ratios.append(np.log(t1 / t0) - np.log(c1 / c0))
    return np.array(ratios)


def pooled(seeds: range, operation: Operation, crime: Crime) -> tuple[float, float]:
    """Mean over the sites of several worlds, and its Monte Carlo standard error."""
    ratios = np.concatenate([log_ratios(drawn(seed, operation, crime)) for seed in seeds])
    return float(ratios.mean()), float(ratios.std(ddof=1) / np.sqrt(len(ratios)))


def test_hotspots_without_any_effect_seem_to_improve() -> None:
    top = Operation(start=START, weeks=WINDOW, k=4, effect_percent=0)
    mean, error = pooled(range(4), top, NOISY)
    assert mean < -3 * error
    assert mean < -0.05


def test_areas_at_random_without_effect_do_not_seem_to_improve() -> None:
    lot = Operation(start=START, weeks=WINDOW, k=4, effect_percent=0, rule="random")
    mean, error = pooled(range(4), lot, NOISY)
    assert abs(mean) < 3 * error


def test_selection_on_noise_alone_regresses_as_expected() -> None:
    """Without any lasting difference all of the selected excess is noise, and all of it goes."""
    flat = Crime(
        mean_per_area_week=3.0,
        overdispersion=3.0,
        persistent_share=0.0,
        serial_correlation=0.0,
        heterogeneity=0.0,
        seasonality=0.0,
    )
    top = Operation(start=START, weeks=WINDOW, k=4, effect_percent=0)
    post = []
    for seed in range(4):
        world = drawn(seed, top, flat)
        treated = (world.truth.treatment > 0).any(axis=1)
        first = world.truth.periods.position(START)
        total = world.truth.observed.sum(axis=2)
        post.append(total[treated, first : first + WINDOW].mean())
        assert total[treated, first - WINDOW : first].mean() > 1.25 * post[-1]
    # 512 area-windows of mean 36 and φ 3: standard error of a week's mean 0.04
    assert np.mean(post) == pytest.approx(3.0, abs=0.12)


@pytest.mark.parametrize("percent", [-20.0, -40.0, 30.0])
def test_effect_is_recovered_where_selection_is_random(percent: float) -> None:
    operation = Operation(start=START, weeks=WINDOW, k=4, effect_percent=percent, rule="random")
    mean, error = pooled(range(4), operation, Crime(mean_per_area_week=12.0))
    assert error < 0.02
    assert abs(mean - operation.log_irr) < 3 * error


def test_realised_effect_and_displacement_are_those_set() -> None:
    operation = Operation(
        start=START, weeks=WINDOW, k=4, effect_percent=-25, displacement_percent=40
    )
    sites = drawn(5, operation, Crime()).truth.sites.query("outcome == 'all'")
    base, prevented = sites["counterfactual"].sum(), sites["prevented"].sum()
    assert abs(prevented / base - 0.25) < 3 * np.sqrt(0.25 * 0.75 / base)
    assert abs(sites["displaced"].sum() / prevented - 0.4) < 3 * np.sqrt(0.24 / prevented)


def test_diffusion_prevents_the_share_set() -> None:
    operation = Operation(
        start=START, weeks=WINDOW, k=4, effect_percent=-25, displacement_percent=-50
    )
    sites = drawn(6, operation, Crime()).truth.sites.query("outcome == 'all'")
    diffused, direct = -sites["displaced"].sum(), sites["prevented"].sum()
    assert abs(diffused / direct - 0.5) < 3 * np.sqrt(0.5 / direct)


def monthly_habits(counts: NDArray[np.float64]) -> tuple[float, float, float]:
    """Standard deviation of log means, median variance over mean, month-to-month correlation."""
    counts = counts[counts.mean(axis=1) > 0.5]
    level = counts.mean(axis=1)
    expected = np.outer(level, counts.mean(axis=0) / counts.mean())
    residual = (counts - expected) / np.sqrt(expected)
    phi = (residual**2).sum(axis=1) / (counts.shape[1] - 1)
    serial = (residual[:, 1:] * residual[:, :-1]).mean() / (residual**2).mean()
    return float(np.log(level).std()), float(np.median(phi)), float(serial)


def test_default_violence_behaves_like_that_of_london_wards(shared_data: Path) -> None:
    frame = pd.read_csv(shared_data / "london_ward_month" / "london_ward_month.csv.gz")
    london = frame.pivot_table(index="ward_code", columns="month", values="violence")
    world = simulate(
        rng=np.random.default_rng(1),
        weeks=196,
        geography=Geography(boroughs=32, areas_per_borough=(16, 26)),
    )
    panel = world.truth_panel(which="observed", frequency="month", outcomes=["violence"])
    simulated = monthly_habits(panel.counts[:, :, 0].astype(float))
    real = monthly_habits(london.to_numpy(dtype=float))
    assert real == pytest.approx((0.53, 1.47, 0.07), abs=0.01)
    # near enough that methods see the same kind of data; wards also differ in their trends
    assert simulated[0] == pytest.approx(real[0], abs=0.08)
    assert simulated[1] == pytest.approx(real[1], abs=0.15)
    assert simulated[2] == pytest.approx(real[2], abs=0.05)
