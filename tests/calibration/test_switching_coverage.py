"""Coverage of the intervals of switchers, lags and triple differences where nothing is effective.

Two hundred areas in twenty boroughs, counts of one to three a month, overdispersed, correlated over
months and within boroughs; areas that rotate for two or three months, once or twice. A quick slice
runs always; two thousand draws on demand (marker slow).
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from tests.did_worlds import area, month

from hotspot_eval.design import Design, Spell
from hotspot_eval.did import distributed_lags, switchers, triple_difference
from hotspot_eval.panel import Panel

BOROUGHS, SIZE, MONTHS = 20, 10, 36
CELLS = [
    (5, "scattered"),
    (10, "scattered"),
    (10, "clustered"),
    (40, "scattered"),
    (40, "clustered"),
]
NAMES = ("switchers", "lags", "triple")


def wander(rng, rows: int, spread: float, memory: float = 0.5) -> np.ndarray:
    """Stationary log shocks of ``rows`` series, from month to month."""
    shocks = np.empty((rows, MONTHS))
    shocks[:, 0] = rng.normal(0, spread, rows)
    for k in range(1, MONTHS):
        shocks[:, k] = memory * shocks[:, k - 1]
        shocks[:, k] += rng.normal(0, spread * math.sqrt(1 - memory**2), rows)
    return shocks


def draw(rng, treated: int, where: str) -> tuple[Panel, Design]:
    n = BOROUGHS * SIZE
    borough = np.repeat(np.arange(BOROUGHS), SIZE)
    common = wander(rng, BOROUGHS, 0.1)[borough] + 0.1 * np.sin(np.arange(MONTHS) / 2)
    frame = {"area": np.repeat([area(i) for i in range(n)], MONTHS)}
    frame["month"] = np.tile([month(k) for k in range(MONTHS)], n)
    frame["borough"] = np.repeat(borough.astype(str), MONTHS)
    for name, level in (("robbery", 1.2), ("theft", 2.5)):
        mean = level * rng.gamma(4.0, 0.25, (n, 1)) * np.exp(common + wander(rng, n, 0.3))
        frame[name] = rng.poisson(mean).ravel()
    chosen = rng.choice(n, treated, replace=False)
    if where == "clustered":
        held = rng.choice(BOROUGHS, math.ceil(treated / SIZE), replace=False)
        chosen = np.flatnonzero(np.isin(borough, held))[:treated]
    spells = []
    for i in chosen:
        begin = int(rng.integers(14, 24))
        spells.append(Spell(area=area(i), start=month(begin), end=month(begin + 1)))
        if rng.random() < 0.5:
            spells.append(Spell(area=area(i), start=month(begin + 6), end=month(begin + 8)))
    panel = Panel.from_counts(
        pd.DataFrame(frame),
        area="area",
        period="month",
        outcomes=["robbery", "theft"],
        cluster="borough",
    )
    return panel, Design(spells=spells)


def held(rng, treated: int, where: str, draws: int) -> dict[str, float]:
    """Share of 95 % intervals that hold 0, by estimator."""
    hits = dict.fromkeys(NAMES, 0)
    for _ in range(draws):
        panel, design = draw(rng, treated, where)
        robbery = panel.outcome("robbery")
        made = {
            "switchers": switchers(robbery, design, effects=6, placebos=2).effect,
            "lags": distributed_lags(robbery, design, lags=2).effect,
            "triple": triple_difference(
                panel, design, outcome="robbery", comparison="theft"
            ).effect,
        }
        for name, effect in made.items():
            hits[name] += effect.ci_low <= 0 <= effect.ci_high
    return {name: count / draws for name, count in hits.items()}


def test_quick_slice_covers():
    """Twenty draws cannot tell .95 from .90; they can tell it from .6."""
    shares = held(np.random.default_rng(0), 10, "scattered", 20)
    assert all(share >= 0.75 for share in shares.values()), shares


@pytest.mark.slow
@pytest.mark.parametrize(("treated", "where"), CELLS)
def test_intervals_cover(treated, where):
    """Two thousand draws: Monte Carlo error .005; [.92, .98] is .95 but for small-sample error."""
    shares = held(np.random.default_rng([treated, len(where)]), treated, where, 2000)
    assert all(0.92 <= share <= 0.98 for share in shares.values()), shares
