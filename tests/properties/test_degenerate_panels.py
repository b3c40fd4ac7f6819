"""Whatever the panel holds: a number, or NaN with its reason; never a crash, never silence."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.did_worlds import area, month, panel_of

from hotspot_eval import did
from hotspot_eval.design import Design, Spell
from hotspot_eval.panel import Panel
from hotspot_eval.results import Check, Effect, Effects, Fit

Call = Callable[[Panel, Design, pd.Series], object]
KINDS = ("simple", "group", "event", "calendar")
ESTIMATORS: dict[str, Call] = {
    "poisson_did": lambda p, d, x: did.poisson_did(p, d),
    "poisson_did CR1": lambda p, d, x: did.PoissonDid(correction="CR1")(p, d),
    "poisson_did CR2": lambda p, d, x: did.PoissonDid(correction="CR2")(p, d),
    "poisson_did by borough": lambda p, d, x: did.PoissonDid(cluster="cluster")(p, d),
    "poisson_did in borough": lambda p, d, x: did.PoissonDid(period_effects="cluster")(p, d),
    "poisson_did covariates": lambda p, d, x: did.PoissonDid(covariates=x)(p, d),
    "linear_did": lambda p, d, x: did.linear_did(p, d),
    "linear_did CR1": lambda p, d, x: did.LinearDid(correction="CR1")(p, d),
    "linear_did covariates": lambda p, d, x: did.LinearDid(covariates=x)(p, d),
    "event_study": lambda p, d, x: did.event_study(p, d),
    "event_study linear": lambda p, d, x: did.event_study(p, d, model="linear"),
    "event_study covariates": lambda p, d, x: did.event_study(p, d, covariates=x),
    "pretrend": lambda p, d, x: did.pretrend(did.event_study(p, d)),
    "imputation": lambda p, d, x: did.imputation(p, d),
    "imputation linear": lambda p, d, x: did.imputation(p, d, model="linear"),
    "imputation in borough": lambda p, d, x: did.imputation(p, d, period_effects="cluster"),
    "imputation covariates": lambda p, d, x: did.imputation(p, d, covariates=x),
    "group_time": lambda p, d, x: did.group_time(p, d),
    "group_time never": lambda p, d, x: did.group_time(p, d, control="never"),
    "group_time varying": lambda p, d, x: did.group_time(p, d, base="varying", anticipation=1),
    "group_time covariates": lambda p, d, x: did.group_time(p, d, covariates=x),
    "group_time ipw": lambda p, d, x: did.group_time(p, d, covariates=x, method="ipw"),
    "etwfe": lambda p, d, x: did.etwfe(p, d),
    "etwfe link": lambda p, d, x: did.etwfe(p, d, scale="link", effects="area"),
    "etwfe learnt": lambda p, d, x: did.etwfe(
        p, d, scale="link", effects="area", errors="learnt", covariates=x
    ),
    "etwfe linear learnt": lambda p, d, x: did.etwfe(
        p, d, model="linear", effects="area", errors="learnt"
    ),
    "etwfe never": lambda p, d, x: did.etwfe(p, d, control="never"),
    "etwfe linear": lambda p, d, x: did.etwfe(p, d, model="linear", anticipation=1),
    "etwfe covariates": lambda p, d, x: did.etwfe(p, d, covariates=x),
    "etwfe covariates area": lambda p, d, x: did.etwfe(p, d, covariates=x, effects="area"),
    "synthetic_did": lambda p, d, x: did.synthetic_did(p, d, rng=np.random.default_rng(0), draws=5),
    "synthetic_control": lambda p, d, x: did.synthetic_control(
        p, d, rng=np.random.default_rng(0), draws=5
    ),
    "distributed_lags": lambda p, d, x: did.distributed_lags(p, d, lags=1),
    "switchers": lambda p, d, x: did.switchers(p, d),
    "did_m": lambda p, d, x: did.did_m(p, d),
    "displacement": lambda p, d, x: did.displacement(p, replace(d, catchment=(p.areas[-1],))),
    "bacon": lambda p, d, x: did.bacon(p, d),
    "recommend": lambda p, d, x: did.recommend(p, d),
    "compare": lambda p, d, x: did.compare(p, d, rng=np.random.default_rng(0)),
}


@st.composite
def studies(draw: st.DrawFn) -> tuple[Panel, Design, pd.Series]:
    """Few areas, few periods, few events, gaps, and every way of starting and ending."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, t = draw(st.integers(2, 14)), draw(st.integers(2, 7))
    mean = draw(st.sampled_from([0.0, 0.05, 0.5, 4.0]))
    y = rng.poisson(mean * rng.gamma(1.0, 1.0, (n, 1)) * np.ones((n, t)))
    if draw(st.booleans()):
        y[rng.random(n) < 0.4] = 0
    if draw(st.booleans()):
        y[:, rng.random(t) < 0.3] = 0
    if draw(st.booleans()):
        y[:] = y[:, :1]
    observed = rng.random((n, t)) > draw(st.sampled_from([0.0, 0.0, 0.3, 0.8]))
    observed[:, rng.random(t) < draw(st.sampled_from([0.0, 0.0, 0.3]))] = False
    base = rng.uniform(10, 90, (n, t)) if draw(st.booleans()) else None
    panel = panel_of(y, observed=observed, base=base, cluster=np.arange(n) // 3)
    treated = draw(st.integers(1, n))
    same = draw(st.booleans())
    common = int(rng.integers(0, t))
    spells = []
    for i in range(min(treated, n - 1) if draw(st.booleans()) else treated):
        start = common if same else int(rng.integers(0, t))
        stop = None if draw(st.booleans()) else int(rng.integers(start, t))
        spells.append(
            Spell(
                area=area(i),
                start=month(start),
                end=None if stop is None else month(stop),
                share=draw(st.sampled_from([1.0, 1.0, 0.4])),
            )
        )
    design = Design(spells=spells)
    x = pd.Series(rng.integers(0, 3, n) * 1.0, index=[area(i) for i in range(n)])
    return panel, design, x if draw(st.booleans()) else x + rng.normal(size=n)


def effects_in(result: object) -> Iterator[Effect]:
    if isinstance(result, Effect):
        yield result
    elif isinstance(result, Effects):
        yield from result
    elif isinstance(result, Fit):
        yield result.effect
        yield from result.effects
        if result.event is not None:
            yield from result.event
    elif isinstance(result, did.GroupTime):
        for kind in KINDS:
            yield from result.aggregate(kind)
    elif isinstance(result, did.Switchers):
        yield result.effect
        yield from result.event_study()
    elif hasattr(result, "effect"):
        yield result.effect


def silent(effect: Effect) -> bool:
    """Neither a number nor a reason."""
    unknown = np.isnan(effect.estimate) or np.isnan(effect.std_error) or np.isnan(effect.p_value)
    return bool(unknown and not effect.notes) or bool(np.isinf(effect.estimate))


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("name", ESTIMATORS)
@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
@given(study=studies())
def test_a_number_or_a_reason(name, study):
    panel, design, x = study
    if name == "displacement" and panel.areas[-1] in design.treated:
        return
    result = ESTIMATORS[name](panel, design, x)
    quiet = [effect for effect in effects_in(result) if silent(effect)]
    assert not quiet, quiet[0]
    repr(result)
    if isinstance(result, did.GroupTime):
        frame = result.to_frame()
        assert (frame["reason"].astype(bool) == frame["att"].isna()).all()
        assert isinstance(result.pre_test(), Check)
    if isinstance(result, pd.DataFrame):
        unknown = result["estimate"].isna() | result["std_error"].isna()
        assert (result.loc[unknown, "notes"] != "").all()
    if isinstance(result, Check):
        assert result.status == "not assessed" or len(result.evidence)
