"""Covariates × period against pyfixest (coefficient 1e-8, SE 1e-6) and against columns in full."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from tests.did_worlds import area, long_frame, panel_of, staggered

from hotspot_eval.did import Imputation, LinearDid, PoissonDid, event_study
from hotspot_eval.did.counterfactual import impute
from hotspot_eval.did.sample import lay

pf = pytest.importorskip("pyfixest")
pytestmark = pytest.mark.filterwarnings("ignore")
N, T = 40, 12
STARTS = {0: 5, 6: 5, 12: 7, 18: 8, 24: 8, 33: 9}


def world(seed: int):
    rng = np.random.default_rng(seed)
    y = rng.poisson(rng.gamma(2.0, 1.0, (N, 1)) * rng.uniform(0.5, 2, (1, T)) + 0.3)
    observed = rng.random((N, T)) > 0.1
    base = rng.uniform(100, 200, (N, T)) if seed % 2 else None
    x = pd.DataFrame(
        rng.normal(size=(N, 2)) * [1.0, 500.0],
        index=[area(i) for i in range(N)],
        columns=["u", "v"],
    )
    return panel_of(y, observed=observed, base=base, cluster=np.arange(N) // 5), x


def frame_of(panel, design, x, areas):
    frame = long_frame(panel, design)
    frame = frame[frame["area"].isin(panel.positions(areas))].copy()
    frame["borough"] = frame["area"] // 5
    for name in x:
        frame[name] = ((x[name] - x[name].mean()) / x[name].std()).to_numpy()[frame["area"]]
    return frame


def peer_of(model, formula, frame):
    common = {"data": frame, "vcov": {"CRV1": "area"}, "fixef_tol": 1e-13}
    common["ssc"] = pf.ssc(k_adj=True, k_fixef="nonnested", G_adj=True)
    if model == "linear":
        return pf.feols(formula, **common)
    offset = {"offset": "log_base"} if "log_base" in frame else {}
    return pf.fepois(formula, iwls_tol=1e-14, **offset, **common)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("model", ["poisson", "linear"])
@pytest.mark.parametrize("effects", ["common", "cluster"])
@pytest.mark.parametrize("names", [["u"], ["u", "v"]])
def test_two_way(names, effects, model, seed):
    panel, x = world(seed)
    design = staggered(STARTS)
    made = {"poisson": PoissonDid, "linear": LinearDid}[model]
    fit = made(correction="CR1", covariates=x[names], period_effects=effects)(panel, design)
    frame = frame_of(panel, design, x[names], fit.areas)
    slopes = " + ".join(f"i(period, {name})" for name in names)
    fixed = "period" if effects == "common" else "borough^period"
    peer = peer_of(model, f"y ~ D + {slopes} | area + {fixed}", frame)
    assert fit.effect.estimate == pytest.approx(peer.coef()["D"], abs=1e-8)
    assert fit.effect.std_error == pytest.approx(peer.se()["D"], rel=1e-6)


@pytest.mark.parametrize("model", ["poisson", "linear"])
def test_event_study(model):
    panel, x = world(1)
    # no event time without any event: pyfixest keeps its coefficient, at minus infinity
    panel = panel_of(panel.counts[:, :, 0] + 1, base=panel.offset_base)
    design = staggered(STARTS)
    study = event_study(panel, design, model=model, correction="CR1", covariates=x[["u"]])
    frame = frame_of(panel, design, x[["u"]], study.areas)
    treated = frame["first"] < T
    frame["event"] = np.where(treated, frame["period"] - frame["first"], -1)
    peer = peer_of(model, "y ~ i(event, ref=-1) + i(period, u) | area + period", frame)
    events = study.event_study()
    for e in (-3, 0, 2):
        name = f"event::{e}"
        assert events[str(e)].estimate == pytest.approx(peer.coef()[name], abs=1e-7)
        assert events[str(e)].std_error == pytest.approx(peer.se()[name], rel=1e-5)


def plain_newton(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Poisson on dense columns, of which some repeat others."""
    beta = np.linalg.lstsq(x, np.log(y + 0.5), rcond=None)[0]
    for _ in range(200):
        mean = np.exp(x @ beta)
        step = np.linalg.lstsq((x.T * mean) @ x, x.T @ (y - mean), rcond=1e-12)[0]
        beta += step * min(1.0, 1.0 / max(np.abs(x @ step).max(), 1e-12))
    assert np.abs(x.T @ (y - np.exp(x @ beta))).max() < 1e-8
    return beta


def in_full(frame: pd.DataFrame, names: list[str], fixed: str) -> np.ndarray:
    areas = pd.get_dummies(frame["area"]).to_numpy(float)
    periods = pd.get_dummies(frame["period"]).to_numpy(float)
    marks = pd.get_dummies(frame[fixed].astype(str)).to_numpy(float)
    slopes = [periods[:, 1:] * frame[[name]].to_numpy() for name in names]
    return np.column_stack([areas, marks, *slopes])


@pytest.mark.parametrize("model", ["poisson", "linear"])
@pytest.mark.parametrize("effects", ["common", "cluster"])
def test_imputation_is_a_prediction_from_untreated_cells(model, effects):
    panel, x = world(2)
    rng = np.random.default_rng(9)
    y = panel.counts[:, :, 0] + rng.integers(1, 3, (N, T))
    panel = panel_of(y, cluster=np.arange(N) // 5)
    design = staggered(STARTS)
    fit = Imputation(model=model, covariates=x, period_effects=effects)(panel, design)
    frame = frame_of(panel, design, x, fit.areas)
    frame["cell"] = frame["borough"].astype(str) + "-" + frame["period"].astype(str)
    columns = in_full(frame, ["u", "v"], "period" if effects == "common" else "cell")
    calm = (frame["D"] == 0).to_numpy()
    observed = frame["y"].to_numpy(float)
    if model == "linear":
        beta = np.linalg.lstsq(columns[calm], observed[calm], rcond=None)[0]
        expected = (observed - columns @ beta)[~calm].mean()
    else:
        beta = plain_newton(columns[calm], observed[calm])
        expected = np.log(observed[~calm].sum() / np.exp(columns[~calm] @ beta).sum())
    assert fit.effect.estimate == pytest.approx(expected, abs=1e-7)
    assert fit.effect.std_error > 0


@pytest.mark.parametrize("model", ["poisson", "linear"])
@pytest.mark.parametrize("effects", ["common", "cluster"])
def test_influence_of_a_cell_is_what_one_event_more_does(model, effects):
    panel, x = world(2)
    y = panel.counts[:, :, 0] + 2.0
    design = staggered(STARTS)
    values = x.to_numpy() / x.to_numpy().std(axis=0)

    def estimate(at: np.ndarray):
        made = panel_of(at, cluster=np.arange(N) // 5, values=True)
        sample = lay(made, design, counts=False, drop_off=True)
        strata = sample.cluster if effects == "cluster" else None
        return impute(sample, model, by_event=False, strata=strata, covariates=values)

    base = estimate(y)
    step = 1e-4
    for i, t in ((0, 2), (0, 9), (1, 3), (12, 11), (30, 6), (39, 0)):
        up, down = y.copy(), y.copy()
        up[i, t] += step
        down[i, t] -= step
        slope = (estimate(up).estimate[0] - estimate(down).estimate[0]) / (2 * step)
        assert base.tilde[0, base.group[i], t] == pytest.approx(slope, abs=2e-6)
