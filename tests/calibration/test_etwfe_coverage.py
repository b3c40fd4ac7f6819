"""Coverage of etwfe's 95 % interval with five treated of 100 areas: learnt holds, CR1 does not."""

from __future__ import annotations

import numpy as np
import pytest
from tests.did_worlds import panel_of, staggered

from hotspot_eval.did import etwfe

LEARNT = {"scale": "link", "effects": "area", "errors": "learnt"}
ROBUST = {"scale": "link", "effects": "area", "errors": "cluster_robust"}


def coverage(draws: int, seed: int) -> tuple[float, float]:
    """Share of intervals that hold no effect, learnt and cluster-robust; finite ones alone."""
    rng = np.random.default_rng(seed)
    design = staggered({i: 6 if i < 3 else 8 for i in range(5)})
    held = np.full((draws, 2), np.nan)
    for r in range(draws):
        level = rng.gamma(2.0, 2.0, (100, 1)) * rng.gamma(5.0, 0.2, (100, 12))
        panel = panel_of(rng.poisson(level))
        for k, options in enumerate((LEARNT, ROBUST)):
            effect = etwfe(panel, design, **options).aggregate("simple").effect
            if np.isfinite(effect.std_error):
                held[r, k] = effect.ci_low <= 0.0 <= effect.ci_high
    return tuple(np.nanmean(held, axis=0))


def test_a_slice():
    learnt, robust = coverage(40, 1)
    # 40 draws tell .95 to .035: three of those below it
    assert learnt >= 0.85
    assert robust < learnt


@pytest.mark.slow
def test_in_full():
    learnt, robust = coverage(1500, 2)
    assert 0.91 <= learnt <= 0.975
    assert robust < 0.85
