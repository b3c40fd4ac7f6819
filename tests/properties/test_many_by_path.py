"""Many designs at once are the single fits, whatever comes on, goes off, is empty or missing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.did_worlds import area, long_frame, month, panel_of, slow_linear, slow_poisson

from hotspot_eval.design import Design, Spell
from hotspot_eval.did import Imputation, LinearDid, PoissonDid, batch
from hotspot_eval.errors import InputError

seeds = st.integers(0, 2**32 - 1)
ESTIMATORS = {
    "poisson": PoissonDid(),
    "linear": LinearDid(),
    "imputation": Imputation(),
    "imputation, linear": Imputation(model="linear"),
}


def spells_of(rng: np.random.Generator, name: str, t: int, onset: int) -> list[Spell]:
    """From the onset on; off again; on and off; or in part."""
    kind = rng.integers(5)
    if kind == 0:
        return [Spell(area=name, start=month(onset))]
    last = int(rng.integers(onset, t))
    if kind == 1:
        return [Spell(area=name, start=month(onset), end=month(last))]
    if kind == 2:
        later = min(last + 2, t - 1)
        first = Spell(area=name, start=month(onset), end=month(onset))
        return [first, Spell(area=name, start=month(later), site="second")]
    if kind == 3:
        return [Spell(area=name, start=f"{month(onset)}-11", share=0.5)]
    return [Spell(area=name, start=f"{month(onset)}-15", end=f"{month(last)}-20")]


def random_design(rng: np.random.Generator, n: int, t: int) -> Design:
    onsets = rng.integers(2, t, rng.integers(1, 4))
    patterns = [spells_of(rng, area(0), t, int(onset)) for onset in onsets]
    names = [area(i) for i in rng.permutation(n)]
    k = int(rng.integers(1, max(2, n // 2)))
    spells = [
        replace(spell, area=name)
        for name in names[:k]
        for spell in patterns[int(rng.integers(len(patterns)))]
    ]
    least = int(onsets.min())
    gap = int(rng.integers(0, 2))
    closed = rng.random() < 0.5
    return Design(
        spells=spells,
        controls=names[k + 1 :] if rng.random() < 0.5 else None,
        excluded=names[k : k + 1],
        elsewhere=[Spell(area=name, start=month(1)) for name in names[k - 1 : k + 2]],
        pre_periods=int(rng.integers(1, least - gap + 1)) if closed and least > gap else None,
        post_periods=int(rng.integers(1, t - int(onsets.max()) + 1)) if closed else None,
        gap=gap,
    )


def world(rng: np.random.Generator, n: int, t: int, *, mean: float, holes: str, base: str):
    level = rng.gamma(1.0, mean, (n, 1)) * rng.uniform(0.5, 1.5, (1, t))
    y = rng.poisson(level)
    if rng.random() < 0.3:
        y[:, rng.integers(t)] = 0
    observed = np.ones((n, t), dtype=bool)
    if holes == "period":
        observed[:, rng.integers(1, t - 1)] = False
    elif holes == "cells":
        observed = rng.random((n, t)) > 0.1
    offset = None
    if base != "none":
        offset = np.repeat(rng.uniform(50, 90, (n, 1)), t, axis=1)
        offset *= rng.uniform(0.9, 1.1, (n, t)) if base == "moving" else 1.0
    return panel_of(y, observed=observed, base=offset)


@pytest.mark.parametrize("name", ESTIMATORS)
@settings(max_examples=60, deadline=None)
@given(
    seed=seeds,
    mean=st.sampled_from([0.2, 1.0, 8.0]),
    holes=st.sampled_from(["none", "none", "period", "cells"]),
    base=st.sampled_from(["none", "still", "moving"]),
)
def test_many_is_the_single_fit(name, seed, mean, holes, base):
    rng = np.random.default_rng(seed)
    n, t = int(rng.integers(4, 14)), int(rng.integers(5, 14))
    panel = world(rng, n, t, mean=mean, holes=holes, base=base)
    designs = [random_design(rng, n, t) for _ in range(4)]
    estimator = ESTIMATORS[name]
    together = estimator.many(panel, designs)
    alone = [estimator(panel, design).effect.estimate for design in designs]
    np.testing.assert_allclose(together, alone, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("name", "slow"), [("poisson", slow_poisson), ("linear", slow_linear)])
@settings(max_examples=25, deadline=None)
@given(seed=seeds)
def test_many_is_the_regression_on_every_dummy(name, slow, seed):
    rng = np.random.default_rng(seed)
    n, t = 10, 9
    panel = panel_of(rng.poisson(rng.gamma(4.0, 2.0, (n, 1)), (n, t)) + 1)
    patterns = [spells_of(rng, area(0), t, int(onset)) for onset in rng.integers(2, t - 1, 2)]
    spells = [replace(s, area=area(i)) for i in range(4) for s in patterns[i % 2]]
    design = Design(spells=spells)
    found = ESTIMATORS[name].many(panel, [design])[0]
    if not np.isnan(found):
        assert found == pytest.approx(slow(long_frame(panel, design)), rel=1e-8, abs=1e-8)


@settings(max_examples=15, deadline=None)
@given(seed=seeds)
def test_what_else_is_asked_and_the_order_of_areas_do_not_matter(seed):
    rng = np.random.default_rng(seed)
    panel = world(rng, 12, 10, mean=3.0, holes="none", base="none")
    designs = [random_design(rng, 12, 10) for _ in range(12)]
    turned = [
        replace(d, treated=(), spells=d.spells[::-1], controls=d.controls and d.controls[::-1])
        for d in designs
    ]
    for estimator in ESTIMATORS.values():
        together = estimator.many(panel, designs)
        np.testing.assert_array_equal(together, estimator.many(panel, designs))
        np.testing.assert_array_equal(together, estimator.many(panel, designs[::-1])[::-1])
        np.testing.assert_array_equal(
            together, [estimator.many(panel, [design])[0] for design in designs]
        )
        np.testing.assert_array_equal(together, estimator.many(panel, turned))


def on_and_off(treated: int, n: int, **windows: int) -> Design:
    spells = [
        Spell(area=area(i), start=month(k), end=month(k)) for i in range(treated) for k in (3, 5)
    ]
    return Design(spells=spells, controls=[area(i) for i in range(treated, n)], **windows)


def test_one_pattern_on_and_off_is_a_ratio_of_ratios():
    y = np.random.default_rng(5).poisson(6.0, (7, 8)) + 1
    on = np.isin(np.arange(8), [3, 5])
    four = [y[rows][:, cells].sum() for rows in (slice(2), slice(2, 7)) for cells in (on, ~on)]
    expected = np.log(four[0] / four[1]) - np.log(four[2] / four[3])
    found = PoissonDid().many(panel_of(y), [on_and_off(2, 7)])
    assert found[0] == pytest.approx(expected, abs=1e-13)


def single_fits(monkeypatch) -> list[Design]:
    """The designs that sums by path are not enough for, as they are met."""
    seen: list[Design] = []
    read = batch._Reader.read

    def spy(self, design):
        told = read(self, design)
        if told is None:
            seen.append(design)
        return told

    monkeypatch.setattr(batch._Reader, "read", spy)
    return seen


def test_only_what_needs_care_is_fitted_one_by_one(monkeypatch):
    rng = np.random.default_rng(2)
    y = rng.poisson(5.0, (9, 8)) + 1
    holes = np.ones((9, 8), bool)
    holes[8, 1] = False
    base = np.ones((9, 8))
    base[8] = np.arange(1, 9)
    careful = single_fits(monkeypatch)
    whole, part = on_and_off(2, 9), on_and_off(2, 8)
    for panel in (panel_of(y, observed=holes), panel_of(y, base=base)):
        careful.clear()
        PoissonDid().many(panel, [whole, part])
        assert careful == [whole]
    careful.clear()
    LinearDid().many(panel_of(y, base=base), [whole])
    assert not careful


@pytest.mark.parametrize("name", ESTIMATORS)
def test_no_estimate_where_the_single_fit_has_none(name):
    rng = np.random.default_rng(3)
    y = rng.poisson(5.0, (8, 8)) + 1
    nobody = y.copy()
    nobody[:2] = 0
    calm = y.copy()
    calm[:2, 3:] = 0
    design = on_and_off(2, 8)
    alone = replace(design, treated=(), controls=[])
    always = Design(treated=[area(0)], start=month(0))
    worlds = [(y, alone), (y, always), (nobody, design), (calm, design), (np.zeros_like(y), design)]
    estimator = ESTIMATORS[name]
    for counts, one in worlds:
        panel = panel_of(counts)
        single = estimator(panel, one).effect.estimate
        np.testing.assert_allclose(estimator.many(panel, [one]), [single], atol=1e-12)
    assert len(estimator.many(panel_of(y), [])) == 0


@pytest.mark.parametrize("name", ESTIMATORS)
def test_what_the_single_fit_refuses_is_refused(name):
    estimator, panel = ESTIMATORS[name], panel_of(np.ones((4, 8), int))
    design = on_and_off(2, 4)
    refused = {
        "are not in the panel": replace(design, treated=(), controls=["nowhere"]),
        "spells lie outside the panel": Design(treated=[area(0)], start="2031-01"),
        "asks for more periods before": replace(design, treated=(), pre_periods=9),
    }
    for message, wrong in refused.items():
        with pytest.raises(InputError, match=message):
            estimator.many(panel, [design, wrong])
        with pytest.raises(InputError, match=message):
            estimator(panel, wrong)
    unknown = replace(design, treated=(), excluded=["nowhere"])
    with pytest.raises(InputError, match="are not in the panel"):
        estimator.many(panel, [unknown])


def test_negative_values_are_refused_by_models_of_counts():
    values = np.random.default_rng(1).normal(5.0, 1.0, (5, 8))
    values[0, 0] = -3.0
    panel = panel_of(values, values=True)
    for estimator in (PoissonDid(), Imputation()):
        with pytest.raises(InputError, match="negative values"):
            estimator.many(panel, [on_and_off(2, 5)])
    assert np.isfinite(LinearDid().many(panel, [on_and_off(2, 5)])).all()
