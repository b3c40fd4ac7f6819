"""Identities that hold with every kind of hole, and imputation as the definition has it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.did_worlds import area, month, panel_of
from tests.unbalanced_worlds import Holed, holed

from hotspot_eval.design import Design
from hotspot_eval.did import Imputation, LinearDid, PoissonDid, etwfe, event_study, group_time
from hotspot_eval.did.kernels import attainable
from hotspot_eval.did.kernels.shared import floored

seeds = st.integers(0, 2**32 - 1)
ESTIMATORS = {
    "poisson": PoissonDid(),
    "poisson CR1": PoissonDid(correction="CR1"),
    "poisson CR2": PoissonDid(correction="CR2"),
    "poisson in borough": PoissonDid(period_effects="cluster"),
    "linear": LinearDid(),
    "linear CR1": LinearDid(correction="CR1"),
    "imputation": Imputation(),
    "imputation in borough": Imputation(period_effects="cluster"),
    "imputation linear": Imputation(model="linear"),
}
LINEAR = {name: ESTIMATORS[name] for name in ("linear", "linear CR1", "imputation linear")}


def numbers(effect) -> list[float]:
    return [effect.estimate, effect.std_error, effect.df]


def same(one, other, rel: float = 1e-6) -> None:
    assert numbers(one) == pytest.approx(numbers(other), rel=rel, abs=1e-8, nan_ok=True)


@pytest.mark.parametrize("name", ESTIMATORS)
@settings(max_examples=25, deadline=None, derandomize=True)
@given(seed=seeds)
def test_one_call_is_many_and_nothing_is_silent_or_mutated(name, seed):
    world = holed(seed)
    panel = world.panel
    counts, base = panel.counts.copy(), panel.offset_base
    before = None if base is None else base.copy()
    effect = ESTIMATORS[name](panel, world.design).effect
    single = ESTIMATORS[name].many(panel, [world.design])[0]
    assert single == pytest.approx(effect.estimate, rel=1e-8, abs=1e-8, nan_ok=True)
    assert np.isfinite(effect.std_error) or effect.notes
    assert (panel.counts == counts).all()
    assert before is None or (panel.offset_base == before).all()


@pytest.mark.parametrize("name", ESTIMATORS)
@settings(max_examples=20, deadline=None, derandomize=True)
@given(seed=seeds)
def test_an_area_never_seen_treated_is_a_control(name, seed):
    """Estimate and error are those of a design that does not treat it."""
    world = holed(seed)
    observed, treatment = world.observed, world.treatment
    dark = (treatment > 0).any(axis=1) & ~((treatment > 0) & observed).any(axis=1)
    if not dark.any() or dark.all() or (dark == (treatment > 0).any(axis=1)).all():
        return
    spells = [spell for spell in world.design.spells if not dark[int(spell.area[1:])]]
    off = treatment[dark] == 0
    later = np.arange(off.shape[1]) > (treatment[dark] > 0).argmax(axis=1)[:, None]
    if (off & later & observed[dark]).any() and "imputation" in name:
        return
    told = ESTIMATORS[name](world.panel, world.design).effect
    plain = ESTIMATORS[name](world.panel, Design(spells=spells)).effect
    same(told, plain)
    assert told.n_treated == plain.n_treated


@pytest.mark.parametrize("name", ESTIMATORS)
@settings(max_examples=15, deadline=None, derandomize=True)
@given(seed=seeds)
def test_row_order_always_treated_and_single_cells_do_not_matter(name, seed):
    world = holed(seed)
    n, t = world.y.shape
    plain = ESTIMATORS[name](world.panel, world.design).effect
    rng = np.random.default_rng(seed)
    order = rng.permutation(n)
    place = np.argsort(order)
    spells = [replace(s, area=area(int(place[int(s.area[1:])]))) for s in world.design.spells]
    moved = Holed(
        y=world.y[order],
        observed=world.observed[order],
        treatment=world.treatment[order],
        base=None if world.base is None else world.base[order],
        borough=world.borough[order],
        design=Design(spells=spells),
    )
    same(ESTIMATORS[name](moved.panel, moved.design).effect, plain)
    once = np.arange(t) == rng.integers(t)
    more = Holed(
        y=np.vstack([world.y, rng.poisson(3.0, (2, t))]),
        observed=np.vstack([world.observed, np.ones((1, t), bool), once[None]]),
        treatment=world.treatment,
        base=None if world.base is None else np.vstack([world.base, np.full((2, t), 20.0)]),
        borough=np.append(world.borough, [0, 0]),
        design=Design(spells=world.design.spells),
    )
    first = month(0)
    spells = [*world.design.spells, *Design(treated=[area(n)], start=first).spells]
    seen = world.observed.any(axis=0)
    if name.startswith("poisson") or name.startswith("imputation in") or name == "imputation":
        seen = (np.where(world.observed, world.y, 0) > 0).any(axis=0)
    if not (seen[once].all() and "borough" not in name):
        return
    same(ESTIMATORS[name](more.panel, Design(spells=spells)).effect, plain)


@pytest.mark.parametrize("name", LINEAR)
@settings(max_examples=20, deadline=None, derandomize=True)
@given(seed=seeds, factor=st.floats(0.1, 20.0))
def test_linear_takes_no_notice_of_levels_and_scales(name, seed, factor):
    world = holed(seed)
    rng = np.random.default_rng(seed)
    n, t = world.y.shape
    y = np.where(world.observed, rng.normal(size=(n, t)), np.nan)
    plain = LINEAR[name](panel_of(y, values=True), world.design).effect
    shift = rng.normal(size=(n, 1)) * 5.0 + rng.normal(size=(1, t)) * 5.0
    moved = LINEAR[name](panel_of(factor * y + shift, values=True), world.design).effect
    if not np.isfinite(plain.estimate):
        assert not np.isfinite(moved.estimate)
        return
    assert moved.estimate == pytest.approx(factor * plain.estimate, rel=1e-6, abs=1e-7 * factor)
    assert np.isfinite(moved.std_error) == np.isfinite(plain.std_error)
    if np.isfinite(plain.std_error):
        assert moved.std_error == pytest.approx(factor * plain.std_error, rel=1e-5)


def by_definition(world: Holed, model: str, fixed: str) -> float:
    """Every dummy fitted on untreated cells; treated cells that these dummies tell, averaged."""
    n, t = world.y.shape
    y, on = world.y.astype(float), world.treatment > 0
    after = np.arange(t) >= world.first[:, None]
    used = world.observed & ~(after & ~on)
    strata = np.zeros(n, int) if fixed == "common" else world.borough
    while True:
        before = used.copy()
        used[(on | ~used).all(axis=1)] = False
        if model == "poisson":
            seen = np.where(used, y, 0.0)
            used &= seen.any(axis=1)[:, None]
            for s in np.unique(strata):
                used[strata == s] &= np.where(used, y, 0.0)[strata == s].any(axis=0)
        if (used == before).all():
            break
    calm = used & ~on
    fitted = attainable(calm, y, strata) if model == "poisson" else calm

    def dummies(rows: np.ndarray, when: np.ndarray) -> np.ndarray:
        return np.column_stack([np.eye(n)[rows], np.eye(t * n)[strata[rows] * t + when]])

    rows, when = np.nonzero(fitted)
    x, seen = dummies(rows, when), y[rows, when]
    base = np.ones((n, t)) if world.base is None or model == "linear" else world.base
    theta = np.linalg.lstsq(x, seen, rcond=1e-11)[0] if len(rows) else np.zeros(n + t * n)
    if model == "poisson" and len(rows):
        theta = _newton(x, seen, base[rows, when])
    rank, pairs = np.linalg.matrix_rank(x) if len(rows) else 0, []
    for i, k in zip(*np.nonzero(used & on), strict=True):
        cell = dummies(np.array([i]), np.array([k]))
        known = len(rows) and np.linalg.matrix_rank(np.vstack([x, cell])) == rank
        if model == "poisson" and calm[i].any() and not fitted[i].any():
            if fitted[strata == strata[i], k].any():
                pairs.append((y[i, k], 0.0, world.treatment[i, k]))
        elif known:
            mean = float((cell @ theta)[0])
            mean = base[i, k] * np.exp(mean) if model == "poisson" else mean
            pairs.append((y[i, k], mean, world.treatment[i, k]))
    return _average(np.array(pairs).reshape(-1, 3), model)


def _newton(x: np.ndarray, y: np.ndarray, base: np.ndarray) -> np.ndarray:
    theta = np.linalg.lstsq(x, np.log((y + 0.5) / base), rcond=None)[0]
    for _ in range(200):
        mean = base * np.exp(x @ theta)
        step = np.linalg.lstsq((x.T * mean) @ x, x.T @ (y - mean), rcond=1e-12)[0]
        theta += step * min(1.0, 1.0 / max(np.abs(step).max(), 1e-12))
        if np.abs(step).max() < 1e-12:
            break
    return theta


def _average(pairs: np.ndarray, model: str) -> float:
    if not len(pairs):
        return np.nan
    seen, mean, share = pairs.T
    if model == "linear":
        return float((seen - mean).sum() / share.sum())
    if seen.sum() <= 0 or mean.sum() <= 0:
        return np.nan
    delta = np.log(seen.sum() / mean.sum())
    for _ in range(200):
        now = mean * np.exp(delta * share)
        delta += np.clip((seen.sum() - now.sum()) / (now * share).sum(), -1.0, 1.0)
    return float(delta)


@pytest.mark.parametrize("fixed", ["common", "cluster"])
@pytest.mark.parametrize("model", ["poisson", "linear"])
@settings(max_examples=30, deadline=None, derandomize=True)
@given(seed=seeds)
def test_imputation_is_its_definition(model, fixed, seed):
    world = holed(seed)
    effect = Imputation(model=model, period_effects=fixed)(world.panel, world.design).effect
    expected = by_definition(world, model, fixed)
    assert effect.estimate == pytest.approx(expected, rel=1e-7, abs=1e-7, nan_ok=True)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(seed=seeds)
def test_area_effects_of_etwfe_are_imputation_where_cohorts_are_single_areas(seed):
    """With several areas in a cohort, its treated cells tell etwfe of their levels too."""
    world = holed(seed, mean=4.0)
    lit = ((world.treatment > 0) & world.observed).any(axis=1)
    starts = world.first[lit]
    if (world.treatment % 1.0).any() or len(np.unique(starts)) < len(starts):
        return
    cells = etwfe(world.panel, world.design, model="linear", effects="area").to_frame()
    cells = cells[(cells["event_time"] >= 0) & cells["att"].notna()]
    fit = Imputation(model="linear")(world.panel, world.design)
    events = (
        {} if np.isnan(fit.effect.estimate) else dict(zip(fit.event.labels, fit.event, strict=True))
    )
    for event, att in cells.groupby("event_time")["att"]:
        assert att.mean() == pytest.approx(events[str(event)].estimate, rel=1e-7, abs=1e-7)
    assert {str(event) for event in cells["event_time"]} == set(events)


@pytest.mark.parametrize("model", ["poisson", "linear"])
def test_event_times_are_told_apart_where_first_periods_are_missing(model):
    """Two areas are seen treated in the same periods, but one began earlier: order is nothing."""
    rng = np.random.default_rng(7)
    y, observed = rng.poisson(8.0, (12, 7)), np.ones((12, 7), bool)
    observed[:, 3] = False
    panels = [
        (y, {0: 3, 1: 4}),
        (y[[1, 0, *range(2, 12)]], {0: 4, 1: 3}),
    ]
    fits = [
        Imputation(model=model)(
            panel_of(counts, observed=observed),
            Design(treated=[area(i) for i in starts], start=[month(s) for s in starts.values()]),
        )
        for counts, starts in panels
    ]
    assert fits[0].event.labels == ("0", "1", "2", "3") == fits[1].event.labels
    for one, other in zip(*(fit.event for fit in fits), strict=True):
        same(one, other, rel=1e-9)
    influence = fits[0].influence[:, 1:]
    assert (influence[1, 0] != 0) and influence[0, 0] == pytest.approx(0.0, abs=1e-12)


def test_not_yet_treated_controls_include_areas_never_seen_treated():
    """Against the same panel in which that area starts after the last period observed."""
    rng = np.random.default_rng(5)
    y, observed = rng.poisson(6.0, (12, 8)), np.ones((12, 8), bool)
    observed[2, 5:] = False
    starts = {0: 3, 1: 4, 2: 5}
    design = Design(treated=[area(i) for i in starts], start=[month(t) for t in starts.values()])
    panel = panel_of(y, observed=observed)
    frame = group_time(panel, design).to_frame().set_index(["cohort", "period"])
    assert frame.loc[(month(3), month(3)), "n_control"] == 11
    assert frame.loc[(month(3), month(5)), "n_control"] == 9
    assert month(5) not in frame.index.get_level_values(0)
    change = y[:, 3] - y[:, 2]
    expected = change[0] - change[1:].mean()
    assert frame.loc[(month(3), month(3)), "att"] == pytest.approx(expected)
    never = group_time(panel, design, control="never").to_frame().set_index(["cohort", "period"])
    assert never.loc[(month(3), month(3)), "n_control"] == 9


def test_leads_of_an_area_never_seen_treated_stay_in_the_event_study():
    rng = np.random.default_rng(6)
    y, observed = rng.poisson(9.0, (14, 9)), np.ones((14, 9), bool)
    observed[2, 7:] = False
    starts = {0: 4, 1: 4, 2: 7}
    design = Design(treated=[area(i) for i in starts], start=[month(t) for t in starts.values()])
    study = event_study(panel_of(y, observed=observed), design, model="linear")
    assert study.event_study().labels[0] == "-7"
    assert study.effect.n_treated == 2 and study.effect.n_control == 11
    assert area(2) in study.areas


@settings(max_examples=50, deadline=None, derandomize=True)
@given(seed=seeds)
def test_chance_never_takes_the_variance_of_single_areas_whole(seed):
    rng = np.random.default_rng(seed)
    size = int(rng.integers(1, 5))
    own, whole = (a @ a.T for a in rng.normal(size=(2, size, size)))
    added = -rng.uniform(0.0, 50.0) * whole
    left = own + floored(own, added, 10.0 * whole)
    assert np.linalg.eigvalsh(left - 0.1 * own).min() > -1e-8 * np.trace(own)
