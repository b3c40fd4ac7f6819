"""Coverage of group_time's 95 % interval with five treated areas: learnt holds, influence not."""

from __future__ import annotations

import numpy as np
import pytest
from tests.did_worlds import panel_of, staggered

from hotspot_eval.did import group_time


def coverage(draws: int, seed: int) -> tuple[float, float]:
    """Share of intervals that hold no effect, learnt and by influence."""
    rng = np.random.default_rng(seed)
    design = staggered({i: 6 if i < 3 else 8 for i in range(5)})
    held = np.zeros((draws, 2))
    for r in range(draws):
        panel = panel_of(rng.poisson(4.0 * rng.gamma(5.0, 0.2, (100, 12))))
        for k, errors in enumerate(("learnt", "influence")):
            effect = group_time(panel, design, errors=errors).aggregate("simple").effect
            held[r, k] = effect.ci_low <= 0.0 <= effect.ci_high
    return tuple(held.mean(axis=0))


def test_a_slice():
    learnt, influence = coverage(60, 1)
    # 60 draws tell .95 to .028: three of those below it
    assert learnt >= 0.866
    assert influence < learnt


@pytest.mark.slow
def test_in_full():
    learnt, influence = coverage(2000, 2)
    assert 0.93 <= learnt <= 0.97
    assert influence < 0.88
