"""Coverage of the default interval: a quick slice always, the whole table when asked."""

from __future__ import annotations

import numpy as np
import pytest
from tests.calibration.coverage_table import DEFAULT, TRUTH, space, study, world

from hotspot_eval.did import PoissonDid


def covered(draws: int, k: int, clustered: bool) -> float:
    root, inside = space(), 0
    for seed in range(draws):
        rng = np.random.default_rng([7, k, clustered, seed])
        panel, design, _ = world(rng, root, k, clustered)
        effect = PoissonDid()(panel, design).effect
        inside += effect.ci_low <= TRUTH <= effect.ci_high
    return inside / draws


@pytest.mark.parametrize(("k", "clustered"), [(5, False), (10, True)])
def test_slice(k, clustered):
    """60 draws: 0.95 ± 3 Monte Carlo errors of 0.028."""
    assert covered(60, k, clustered) >= 0.95 - 3 * 0.028


@pytest.mark.slow
@pytest.mark.parametrize("clustered", [False, True])
@pytest.mark.parametrize("k", [5, 10, 40])
def test_default_lies_in_its_band(k, clustered):
    """2,000 draws: [.93, .97], allowing two Monte Carlo errors of 0.005."""
    assert 0.92 <= study(2_000, k, clustered).loc[DEFAULT, "coverage"] <= 0.98
