"""Before-and-after counts of four places: WDD, WDQ, relative incidence rate ratio, e-test."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np

from hotspot_eval.errors import InputError, Problem, check_level
from hotspot_eval.results import Effect, Effects, Quantity
from hotspot_eval.significance import Alternative, poisson_e_test

__all__ = ["e_test", "rirr", "wdd", "wdq"]

Pair = Sequence[float]
_NAN = float("nan")


def wdd(
    control: Pair,
    treated: Pair,
    disp_control: Pair | None = None,
    disp_treated: Pair | None = None,
    *,
    time_weights: Pair = (1.0, 1.0),
    area_weights: Sequence[float] = (1.0, 1.0, 1.0, 1.0),
    dispersion: float = 1.0,
    ci_level: float = 0.95,
    alternative: Alternative = "two-sided",
) -> Effects:
    """Weighted displacement difference of counts (before, after).

    Parameters
    ----------
    control, treated : pair of counts
        (before, after).
    disp_control, disp_treated : pair of counts, optional
        The same for the catchment of the control and of the treated area.
    time_weights : pair
        Length of (before, after), in any one unit.
    area_weights : sequence of 4
        Size of (control, treated, disp_control, disp_treated).
    dispersion : float
        Variance over mean of the counts; 1 is the published Poisson error.
    ci_level : float
    alternative : {"two-sided", "less", "greater"}

    Returns
    -------
    Effects
        Labelled ``local``, ``displacement`` (where catchments are given) and ``total``;
        ``.effect`` is the total. Negative is a reduction, in events per unit of weight.

    Notes
    -----
    With w = time weight × area weight of each count, local = (T1/w − T0/w) − (C1/w − C0/w),
    displacement the same on the catchments, total their sum; Var = φ·Σ count/w². Assumes trends
    that are parallel in *numbers*; :func:`rirr` assumes them parallel in *ratio*. The two differ
    where treated and control places differ in level.

    References
    ----------
    Wheeler & Ratcliffe (2018), https://doi.org/10.1186/s40163-018-0085-5

    Examples
    --------
    >>> effects = wdd((308, 318), (207, 110), (150, 140), (178, 157))
    >>> effects.effect.estimate, round(effects.effect.std_error**2)
    (-118.0, 1568)
    """
    problems = [
        *_pair_problems(
            control=control, treated=treated, disp_control=disp_control, disp_treated=disp_treated
        ),
        *_weight_problems("time_weights", time_weights, 2),
        *_weight_problems("area_weights", area_weights, 4),
    ]
    if (disp_control is None) != (disp_treated is None):
        problems.append(
            Problem(
                where="arguments 'disp_control' and 'disp_treated'",
                what="give both catchments or neither",
            )
        )
    check_level("ci_level", ci_level)
    if not dispersion > 0:
        problems.append(Problem(where="argument 'dispersion'", what="must be above 0"))
    if problems:
        raise InputError(*problems)
    parts = {"local": _difference(control, treated, time_weights, area_weights[:2])}
    if disp_control is not None and disp_treated is not None:
        parts["displacement"] = _difference(
            disp_control, disp_treated, time_weights, area_weights[2:]
        )
    design = np.vstack([np.eye(len(parts)), np.ones(len(parts))])
    values = np.array([value for value, _ in parts.values()])
    variances = dispersion * np.array([variance for _, variance in parts.values()])
    vector, covariance = design @ values, design @ np.diag(variances) @ design.T
    labels = (*parts, "total")
    told: dict[str, Any] = {
        "scale": "count",
        "method": "weighted displacement difference",
        "inference": "Poisson" if dispersion == 1 else f"Poisson × dispersion {dispersion:g}",
        "ci_level": ci_level,
    }
    effects = tuple(
        Effect.from_estimate(
            float(vector[k]),
            math.sqrt(covariance[k, k]),
            estimand=f"difference in counts: {label}",
            alternative=alternative,
            n_areas=4 if len(parts) == 2 else 2,
            n_treated=1,
            n_control=1,
            n_periods=2,
            **told,
        )
        for k, label in enumerate(labels)
    )
    return Effects(
        labels=labels,
        vector=vector,
        covariance=covariance,
        estimand="difference in counts",
        parts=effects,
        total="total",
        **told,
    )


def wdq(control: Pair, treated: Pair, buffer: Pair) -> Quantity:
    """Weighted displacement quotient: what happened in the buffer per unit of success.

    Parameters
    ----------
    control, treated, buffer : pair of counts
        (before, after) of the control area, the treated area and the zone around it.

    Returns
    -------
    Quantity
        Positive is diffusion of benefits, negative displacement, below −1 more than was won. NaN,
        with the reason, unless the treated area did better than the control.

    Notes
    -----
    WDQ = (D₁/C₁ − D₀/C₀)/(R₁/C₁ − R₀/C₀) with D the buffer, R the treated and C the control count.
    A descriptive ratio without a standard error: test with :func:`wdd`.

    References
    ----------
    Bowers & Johnson (2003), https://doi.org/10.1023/A:1024909009240

    Examples
    --------
    >>> wdq((100, 100), (100, 50), (100, 150)).value
    -1.0
    """
    problems = _pair_problems(control=control, treated=treated, buffer=buffer)
    if problems:
        raise InputError(*problems)
    if min(control) <= 0:
        return _no_quotient("the control area has a count of 0")
    success = treated[1] / control[1] - treated[0] / control[0]
    moved = buffer[1] / control[1] - buffer[0] / control[0]
    if success >= 0:
        return _no_quotient(
            "undefined: the treated area did no better than the control, so there is no success to "
            "set displacement against"
        )
    return Quantity(value=moved / success, low=_NAN, high=_NAN, unit="WDQ")


def rirr(
    control: Pair,
    treated: Pair,
    *,
    dispersion: float = 1.0,
    ci_level: float = 0.95,
    alternative: Alternative = "two-sided",
) -> Effect:
    """Relative incidence rate ratio of counts (before, after), on the log scale.

    Parameters
    ----------
    control, treated : pair of counts
    dispersion : float
        φ, from placebo ratios at the study's own window length: monthly values are too small.
    ci_level : float
    alternative : {"two-sided", "less", "greater"}

    Returns
    -------
    Effect
        ``.as_irr()`` is the ratio itself: below 1 is fewer. (Some of the literature reports its
        inverse.)

    Notes
    -----
    ln[(T₁/T₀)/(C₁/C₀)], Var = φ·Σ 1/count. Lengths of the windows cancel, since they are the same
    for treated and control. NaN, with the reason, when a count is 0.

    Examples
    --------
    >>> effect = rirr((60, 55), (50, 30))
    >>> round(effect.estimate, 7), round(effect.std_error, 6)
    (-0.4238142, 0.296954)
    """
    check_level("ci_level", ci_level)
    problems = _pair_problems(control=control, treated=treated)
    if not dispersion > 0:
        problems.append(Problem(where="argument 'dispersion'", what="must be above 0"))
    if problems:
        raise InputError(*problems)
    counts = np.array([treated[1], treated[0], control[1], control[0]], dtype=np.float64)
    told: dict[str, Any] = {
        "estimand": "log ratio of rate ratios",
        "scale": "log_irr",
        "method": "relative incidence rate ratio",
        "inference": "Poisson" if dispersion == 1 else f"Poisson × dispersion {dispersion:g}",
        "ci_level": ci_level,
        "alternative": alternative,
        "n_areas": 2,
        "n_treated": 1,
        "n_control": 1,
        "n_periods": 2,
    }
    if (counts == 0).any():
        return Effect(
            estimate=_NAN,
            std_error=_NAN,
            ci_low=_NAN,
            ci_high=_NAN,
            notes=("a count is 0: the log ratio is not finite",),
            **told,
        )
    return Effect.from_estimate(
        float(np.log(counts) @ np.array([1.0, -1.0, -1.0, 1.0])),
        math.sqrt(dispersion * float((1.0 / counts).sum())),
        **told,
    )


def e_test(
    before: int,
    after: int,
    *,
    exposures: Pair = (1.0, 1.0),
    alternative: Alternative = "two-sided",
) -> float:
    """p-value of the e-test that two Poisson counts have the same rate.

    Parameters
    ----------
    before, after : int
    exposures : pair
        Time at risk of each.
    alternative : {"two-sided", "less", "greater"}
        ``less``: the rate of ``after`` is below that of ``before``.

    References
    ----------
    Krishnamoorthy & Thomson (2004), https://doi.org/10.1016/S0378-3758(02)00408-1

    Examples
    --------
    >>> round(e_test(10, 5), 8)
    0.20616441
    """
    problems = [
        *_pair_problems(counts=(before, after)),
        *_weight_problems("exposures", exposures, 2),
    ]
    if problems:
        raise InputError(*problems)
    return poisson_e_test((before, after), exposures=exposures, alternative=alternative)


def _difference(
    control: Pair, treated: Pair, time_weights: Pair, sizes: Sequence[float]
) -> tuple[float, float]:
    counts = np.array([treated[1], treated[0], control[1], control[0]], dtype=np.float64)
    weights = np.array(
        [
            time_weights[1] * sizes[1],
            time_weights[0] * sizes[1],
            time_weights[1] * sizes[0],
            time_weights[0] * sizes[0],
        ]
    )
    signs = np.array([1.0, -1.0, -1.0, 1.0])
    return float(signs @ (counts / weights)), float((counts / weights**2).sum())


def _no_quotient(reason: str) -> Quantity:
    return Quantity(value=_NAN, low=_NAN, high=_NAN, unit="WDQ", notes=(reason,))


def _pair_problems(**pairs: Pair | None) -> list[Problem]:
    problems = []
    for name, pair in pairs.items():
        if pair is None and name.startswith("disp_"):
            continue
        if pair is None or not _is_numbers(pair, 2):
            problems.append(
                Problem(where=f"argument '{name}'", what="must be two counts (before, after)")
            )
        elif not all(math.isfinite(count) and count >= 0 for count in pair):
            problems.append(
                Problem(
                    where=f"argument '{name}'",
                    what="counts must be finite and 0 or more",
                    examples=list(pair),
                )
            )
    return problems


def _is_numbers(values: object, size: int) -> bool:
    if isinstance(values, (str, bytes)) or not isinstance(values, (Sequence, np.ndarray)):
        return False
    return len(values) == size and all(isinstance(value, Real) for value in values)


def _weight_problems(name: str, weights: Sequence[float], size: int) -> list[Problem]:
    if not _is_numbers(weights, size) or not all(math.isfinite(w) and w > 0 for w in weights):
        return [Problem(where=f"argument '{name}'", what=f"must be {size} numbers above 0")]
    return []
