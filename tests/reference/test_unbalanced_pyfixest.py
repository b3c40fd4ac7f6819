"""Two-way models and event studies with every kind of hole: coefficient 1e-8, SE 1e-6.

Unlike ours, feols and fepois take areas that are treated in all their cells for controls of those
that start later, and fepois removes no cell whose mean vanishes: both are left out of what they
get. Where it says nothing else they choose their own sample.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from tests.did_worlds import panel_of, staggered
from tests.unbalanced_worlds import Holed, effects, holed, plain

from hotspot_eval.did import LinearDid, PoissonDid, event_study
from hotspot_eval.did.kernels import attainable

pf = pytest.importorskip("pyfixest")
pytestmark = pytest.mark.filterwarnings("ignore")
SAME_FACTOR = {"k_adj": True, "k_fixef": "nonnested", "G_adj": True}
MADE = {"poisson": PoissonDid, "linear": LinearDid}
DIVERGED = 14.0


def with_mean(frame: pd.DataFrame, fixed: str) -> pd.DataFrame:
    """Cells that a Poisson maximum leaves above 0, of areas with an untreated one among these."""
    while True:
        n, t = int(frame["area"].max()) + 1, int(frame["period"].max()) + 1
        used, events, strata = np.zeros((n, t), bool), np.zeros((n, t)), np.zeros(n, int)
        used[frame["area"], frame["period"]] = True
        events[frame["area"], frame["period"]] = frame["y"]
        if fixed == "cluster":
            strata[frame["area"]] = frame["borough"]
        left = frame[attainable(used, events, strata)[frame["area"], frame["period"]]]
        left = left[(left["D"] == 0).groupby(left["area"]).transform("any").astype(bool)]
        if len(left) in (0, len(frame)):
            return left
        frame = left


def ask(frame: pd.DataFrame, model: str, by: str, fixed: str, term: str = "D"):
    formula = f"y ~ {term} | area + " + ("period" if fixed == "period" else "borough^period")
    common = {
        "data": frame,
        "ssc": pf.ssc(**SAME_FACTOR),
        "vcov": {"CRV1": "area" if by == "area" else "borough"},
        "fixef_tol": 1e-13,
        "fixef_maxiter": 1_000_000,
    }
    if model == "linear":
        return pf.feols(formula, **common)
    offset = {"offset": "log_base"} if "log_base" in frame else {}
    return pf.fepois(formula, iwls_tol=1e-14, iwls_maxiter=200, **offset, **common)


@pytest.mark.parametrize("fixed", ["period", "cluster"])
@pytest.mark.parametrize("by", ["area", "cluster"])
@pytest.mark.parametrize("model", ["poisson", "linear"])
def test_two_way(model, by, fixed):
    compared = 0
    for seed in range(40):
        world = holed(seed)
        frame = world.frame()
        if model == "poisson" and len(frame):
            frame = with_mean(frame, fixed)
        if not plain(frame, fixed):
            continue
        shared = "common" if fixed == "period" else "cluster"
        made = MADE[model](correction="CR1", cluster=by, period_effects=shared)
        effect = made(world.panel, world.design).effect
        peer = ask(frame, model, by, fixed)
        beta, error = peer.coef()["D"], peer.se()["D"]
        if model == "poisson" and abs(beta) > DIVERGED:
            assert np.isnan(effect.estimate) and effect.notes
            continue
        assert effect.estimate == pytest.approx(beta, rel=1e-8, abs=1e-8), seed
        if np.isfinite(effect.std_error):
            assert effect.std_error == pytest.approx(error, rel=1e-6), seed
            compared += 1
        else:
            assert effect.notes
    assert compared >= (8 if by == "area" else 4)


@pytest.mark.parametrize("model", ["poisson", "linear"])
def test_areas_never_seen_treated_inform_the_period_effects(model):
    """A default sample of feols and fepois, without a cell taken out by us."""
    rng = np.random.default_rng(3)
    y = rng.poisson(rng.gamma(2.0, 2.0, (30, 1)) * rng.uniform(0.5, 2.0, (1, 10)))
    observed = rng.random((30, 10)) > 0.15
    observed[:, 0] = True
    design = staggered({0: 4, 1: 5, 2: 6, 3: 6, 4: 7})
    observed[2, 6:] = observed[3, 6:] = False
    panel = panel_of(y, observed=observed)
    fit = MADE[model](correction="CR1")(panel, design)
    rows, when = np.nonzero(observed)
    starts = np.full(30, 10)
    starts[:5] = [4, 5, 6, 6, 7]
    frame = pd.DataFrame({"area": rows, "period": when, "y": y[rows, when].astype(float)})
    frame["D"] = (when >= starts[rows]).astype(float)
    peer = ask(frame, model, "area", "period")
    assert fit.effect.estimate == pytest.approx(peer.coef()["D"], abs=1e-8)
    assert fit.effect.std_error == pytest.approx(peer.se()["D"], rel=1e-6)
    assert (fit.effect.n_treated, fit.effect.n_control) == (3, 27)
    assert "2 noted: no treated period is observed" in str(fit.ledger)
    without = frame[~frame["area"].isin([2, 3])]
    alone = ask(without, model, "area", "period").coef()["D"]
    assert abs(alone - fit.effect.estimate) > 1e-4


def events_of(world: Holed, areas: np.ndarray, base: int) -> pd.DataFrame:
    """Observed cells of these areas while untreated or treated, by periods since the start."""
    frame = world.frame()
    frame = frame[frame["area"].isin(areas)]
    treated = frame["first"] < world.y.shape[1]
    since = frame["period"] - frame["first"]
    frame = frame.assign(event=np.where(treated, since, base))
    return frame[~(treated & (since >= 0) & (frame["D"] == 0))]


@pytest.mark.parametrize("model", ["poisson", "linear"])
@pytest.mark.parametrize("by", ["area", "cluster"])
def test_event_study_with_one_base_for_all(model, by):
    """i(event, ref=−1), first and last event times included."""
    compared = 0
    for seed in range(100, 125):
        world = holed(seed, mean=20.0)
        world = Holed(**{**world.__dict__, "y": world.y + 1, "observed": world.observed.copy()})
        world.observed[:, :2] |= np.arange(len(world.y))[:, None] % 2 == 0
        study = event_study(world.panel, world.design, model=model, cluster=by, correction="CR1")
        events = study.event_study()
        if len(events.labels) < 3:
            continue
        base = next(e for e, part in zip(events.labels, events, strict=True) if part.estimate == 0)
        frame = events_of(world, world.panel.positions(study.areas), int(base))
        if not plain(frame):
            continue
        columns = pd.get_dummies(frame["event"]).to_numpy(float)
        full = np.column_stack([effects(frame), columns])
        if np.linalg.matrix_rank(full) < effects(frame).shape[1] + columns.shape[1] - 2:
            continue
        peer = ask(frame, model, by, "period", f"i(event, ref={base})")
        for label, part in zip(events.labels, events, strict=True):
            if label == base:
                continue
            name = f"event::{label}"
            assert part.estimate == pytest.approx(peer.coef()[name], abs=1e-7, rel=1e-8), seed
            if np.isfinite(part.std_error):
                assert part.std_error == pytest.approx(peer.se()[name], rel=1e-6), seed
                compared += 1
    assert compared > 20
