"""The null-imposed wild bootstrap: wildboottest over all sign patterns, and plain regressions."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest
from tests.did_worlds import area, dummies, long_frame, panel_of, staggered

from hotspot_eval.did import LinearDid, PoissonDid
from hotspot_eval.inference import wild_bootstrap
from hotspot_eval.inference.wild import _Test

STARTS = {0: 4, 1: 4, 2: 5, 3: 3, 10: 4, 12: 6}
TIE = 1e-9


def world(seed: int, groups: int, offset: bool = False):
    rng = np.random.default_rng(seed)
    n, t = 24, 8
    y = rng.poisson(rng.gamma(2.0, 3.0, (n, 1)) * rng.uniform(0.6, 1.5, (1, t)))
    observed = rng.random((n, t)) > 0.15
    base = rng.uniform(50, 150, (n, t)) if offset else None
    panel, design = panel_of(y, observed=observed, base=base), staggered(STARTS)
    return panel, design, np.arange(n) % groups


def used_frame(panel, design, fit) -> pd.DataFrame:
    frame = long_frame(panel, design)
    return frame[frame["area"].isin(panel.positions(fit.areas))]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("groups", [6, 8, 10])
@pytest.mark.parametrize("seed", range(2))
def test_linear_agrees_with_wildboottest_over_every_sign_pattern(seed, groups):
    peer = pytest.importorskip("wildboottest.wildboottest")
    panel, design, codes = world(seed, groups)
    fit = LinearDid(correction="CR1")(panel, design)
    labels = {area(i): str(code) for i, code in enumerate(codes)}
    ours = wild_bootstrap(
        fit, rng=np.random.default_rng(0), cluster=labels, weights="rademacher", draws=1024
    )
    frame = used_frame(panel, design, fit)
    x = dummies(frame)
    restriction = np.zeros(x.shape[1])
    restriction[0] = 1.0
    theirs = peer.WildboottestCL(
        X=x,
        Y=frame["y"].to_numpy(dtype=float),
        cluster=pd.Series(codes[frame["area"]]),
        R=restriction,
        B=9_999,
        seed=1,
        parallel=False,
    )
    theirs.get_scores(bootstrap_type="11", impose_null=True)
    theirs.get_weights(weights_type="rademacher")
    theirs.get_numer()
    theirs.get_denom()
    theirs.get_tboot()
    theirs.get_vcov()
    theirs.get_tstat()
    assert len(theirs.t_boot) == 2**groups
    # The peer drops ties or not as the last digit falls; ours always count.
    beyond = np.abs(theirs.t_boot) >= np.abs(theirs.t_stat) * (1.0 - TIE)
    assert ours.p_value == pytest.approx(beyond.mean(), abs=1e-10)
    assert ours.statistic == pytest.approx(theirs.t_stat * np.sqrt(theirs.ssc), rel=1e-9)


def slow_statistics(frame, codes, turns, value, model) -> np.ndarray:
    """Weighted regressions of turned restricted residuals on every dummy; t by cluster sums."""
    x, y = dummies(frame), frame["y"].to_numpy(dtype=float)
    offset = value * frame["D"].to_numpy()
    if model == "poisson":
        offset = offset + frame.get("log_base", pd.Series(0.0, index=frame.index)).to_numpy()
    rest = x[:, 1:]
    if model == "linear":
        weight = np.ones(len(y))
        gap = y - offset - rest @ np.linalg.lstsq(rest, y - offset, rcond=None)[0]
    else:
        theta = np.linalg.lstsq(rest, np.log(y + 0.5) - offset, rcond=None)[0]
        for _ in range(60):
            weight = np.exp(rest @ theta + offset)
            system = (rest.T * weight) @ rest
            theta += np.linalg.lstsq(system, rest.T @ (y - weight), rcond=1e-13)[0]
        weight = np.exp(rest @ theta + offset)
        gap = (y - weight) / weight
    root = np.sqrt(weight)
    cluster = codes[frame["area"]]
    on_rest = np.linalg.lstsq(rest * root[:, None], frame["D"] * root, rcond=None)[0]
    tilde = frame["D"].to_numpy() - rest @ on_rest
    found = []
    for turn in turns:
        new = turn[cluster] * gap
        beta = np.linalg.lstsq(x * root[:, None], new * root, rcond=None)[0]
        scores = np.bincount(cluster, tilde * weight * (new - x @ beta))
        found.append(beta[0] * (weight * tilde**2).sum() / np.sqrt((scores**2).sum()))
    return np.array(found)


@pytest.mark.parametrize("model", ["linear", "poisson"])
@pytest.mark.parametrize("value", [0.0, -0.4])
def test_statistics_are_those_of_plain_regressions(model, value):
    panel, design, codes = world(3, 6, offset=model == "poisson")
    fit = {"linear": LinearDid, "poisson": PoissonDid}[model](correction="CR1")(panel, design)
    turns = np.array(list(product([-1.0, 1.0], repeat=6)))[::5]
    mine = codes[panel.positions(fit.areas)]
    observed, drawn = _Test(held=fit.held, codes=mine, v=turns, every=True).statistics(value)
    frame = used_frame(panel, design, fit)
    expected = slow_statistics(frame, codes, [np.ones(6), *turns], value, model)
    np.testing.assert_allclose([observed, *drawn], expected, rtol=1e-7)


@pytest.mark.parametrize("made", [LinearDid, PoissonDid])
def test_period_effects_by_borough_are_taken_up_too(made):
    rng = np.random.default_rng(5)
    y = rng.poisson(9.0, (24, 8))
    borough = np.arange(24) // 8
    panel, design = panel_of(y, cluster=borough), staggered(STARTS)
    fit = made(period_effects="cluster")(panel, design)
    held = fit.held(fit.effect.estimate)
    by_period = np.array([held.gap[borough == b].sum(axis=0) for b in range(3)])
    np.testing.assert_allclose(by_period, 0.0, atol=1e-7)
    # Held at its own estimate the fit is the unrestricted one, and its score is 0.
    np.testing.assert_allclose(fit.response - held.gap, fit.fitted, rtol=1e-7)
    assert (held.tilde * held.gap).sum() == pytest.approx(0.0, abs=1e-6)
    observed = np.ones((1, 24))
    test = _Test(held=fit.held, codes=np.arange(24), v=observed, every=True)
    statistic, drawn = test.statistics(0.0)
    assert drawn[0] == pytest.approx(statistic)
