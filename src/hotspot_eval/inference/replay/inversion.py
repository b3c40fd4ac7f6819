"""Intervals as what a test does not reject, where the variance hangs on the effect asked about."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import brentq

__all__ = ["not_rejected"]

_STEPS = 500


def not_rejected(
    estimate: float, variance: Callable[[float], float], reach: float
) -> tuple[float, float]:
    """Lowest and highest δ with |estimate − δ| ≤ reach·√V(δ); V falls in δ and is bounded.

    Above the estimate one δ ends the set. Below it, V grows as δ falls, and where it grows fast
    several may: from far out, δ → estimate − reach·√V(δ) rises to the lowest of them.

    Examples
    --------
    >>> not_rejected(0.0, lambda delta: 0.25, 2.0)
    (-1.0, 1.0)
    """
    if not np.isfinite(reach):
        return -float("inf"), float("inf")
    widest = reach * float(np.sqrt(variance(-float("inf"))))
    low = estimate - widest
    for _ in range(_STEPS):
        risen = estimate - reach * float(np.sqrt(variance(low)))
        if risen - low <= 1e-14 * max(1.0, abs(risen)):
            break
        low = risen

    def excess(delta: float) -> float:
        return delta - estimate - reach * float(np.sqrt(variance(delta)))

    top = estimate + widest + 1e-9
    return low, float(brentq(excess, estimate, top))
