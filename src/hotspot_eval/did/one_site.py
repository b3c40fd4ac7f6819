"""Tests for one site: against its own past, and against the controls taken in its place."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from hotspot_eval.design import Design
from hotspot_eval.did.assemble import Told, no_effect, sample_counts
from hotspot_eval.did.sample import Sample, lay, treated_cells
from hotspot_eval.did.synthetic import match, nearest_match, unsuited
from hotspot_eval.errors import InputError, Problem, check_choice
from hotspot_eval.panel import Panel
from hotspot_eval.results import Effect, TreatedCells
from hotspot_eval.significance import p_value_from_all

__all__ = ["conformal_test", "rmspe_test"]

Float = NDArray[np.float64]
Level = Literal["match", "free"]
_FEWEST = 3
_HALVINGS = 14
_DOUBLINGS = 12


def conformal_test(
    panel: Panel, design: Design, *, level: Level = "free", ci_level: float = 0.95
) -> Effect:
    """Effect at one site against weighted controls, tested on the order of its own residuals.

    Parameters
    ----------
    panel : Panel
        One outcome, every area observed in every period of the windows.
    design : Design
        One start, treatment that stays on; several treated areas count as their mean.
    level : {"match", "free"}
        Weighted controls match the site's level, as in synthetic control, or run parallel to it: a
        hotspot has the highest level of all, which no average of others reaches.
    ci_level : float

    Returns
    -------
    Effect
        Mean effect in events per area and period, with the p-value of no effect in any period and
        the interval of constant effects that are not rejected; there is no standard error.

    Notes
    -----
    Under the hypothesis that the effect is θ in each period, y − θ is what would have been, so
    weights are fitted on *all* T periods and leave residuals û. S = |mean û| over the periods after
    is ranked among the T cyclic shifts of û: p = share of shifts with S as large, exact where û is
    exchangeable and near so where it is stationary. The smallest possible p is 1/T: below 20
    periods no test at 5 % exists. Nothing is asked of controls but that they are not treated:
    they may be fewer and less noisy than the site. The interval is found by doubling and halving
    from the estimate outwards.

    References
    ----------
    Chernozhukov, Wüthrich & Zhu (2021), https://doi.org/10.1080/01621459.2021.1920957

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> import pandas as pd
    >>> months = pd.period_range("2020-01", periods=30, freq="M").astype(str)
    >>> y = rng.poisson(40.0, (6, 30))
    >>> y[0, 24:] -= 20
    >>> frame = pd.DataFrame({"area": np.repeat(list("ABCDEF"), 30), "month": list(months) * 6,
    ...                       "count": y.ravel()})
    >>> panel = Panel.from_counts(frame, area="area", period="month", count="count")
    >>> effect = conformal_test(panel, Design(treated=["A"], start="2022-01"))
    >>> round(effect.p_value, 4), bool(effect.ci_high < 0)
    (0.0333, True)
    """
    check_choice("level", level, get_args(Level))
    sample = lay(panel, design, counts=False)
    told = _told("weighted controls, conformal", "cyclic shifts of residuals", ci_level)
    reason = sample.reason or unsuited(sample) or _several_starts(sample)
    if reason:
        return replace(no_effect(told, (reason,), sample_counts(sample, None)), inference="none")
    site, control, onset = _site(sample)
    free = level == "free"
    if onset < _FEWEST:
        few = f"needs {_FEWEST} periods before the start"
        return replace(no_effect(told, (few,), sample_counts(sample, None)), inference="none")
    omega = match(control[:, :onset], site[:onset], intercept=free)
    gap = site - omega @ control
    estimate = float(gap[onset:].mean() - (gap[:onset].mean() if free else 0.0))
    p_value = _shifts(site, control, onset, 0.0, free)
    low, high, notes = _interval(site, control, onset, estimate, free, 1.0 - ci_level)
    smallest = f"the smallest possible p is 1/{len(site)} = {1 / len(site):.3f}"
    return Effect(
        estimand=told.estimand,
        scale="count",
        estimate=estimate,
        std_error=math.nan,
        ci_low=low,
        ci_high=high,
        ci_level=ci_level,
        p_value=p_value,
        method=told.method,
        inference=told.inference,
        treated_cells=_cells(sample),
        notes=(*notes, smallest),
        **sample_counts(sample, None),
    )


def rmspe_test(
    panel: Panel,
    design: Design,
    *,
    rng: np.random.Generator | None = None,
    draws: int = 99,
    ci_level: float = 0.95,
) -> Effect:
    """Synthetic control of one site, ranked among the controls taken in its place.

    Parameters
    ----------
    panel : Panel
        One outcome, every area observed in every period of the windows.
    design : Design
        One treated area, treatment that stays on.
    rng : Generator, optional
        Needed with more than ``draws`` controls, of which that many are drawn.
    draws : int
    ci_level : float
        Kept with the effect; this test gives no interval.

    Returns
    -------
    Effect
        The estimate of :func:`~hotspot_eval.did.synthetic_control`, with the p-value of its rank.

    Raises
    ------
    InputError
        If controls must be drawn and there is no ``rng``.

    Notes
    -----
    For the site and, in turn, for each control (with the other controls as its donors): root mean
    square gap to its synthetic control after the start over that before. p is the share of all
    J + 1 areas with a ratio as large, so a control that could not be matched before weighs little.
    The smallest possible p is 1/(J + 1), J the controls that took their turn. Assumes that the site
    could have been any of the areas; one that was chosen for its crime could not: see replay.

    References
    ----------
    Abadie, Diamond & Hainmueller (2010), https://doi.org/10.1198/jasa.2009.ap08746
    """
    sample = lay(panel, design, counts=False)
    told = _told("synthetic control", "controls in the site's place, by ratio of errors", ci_level)
    reason = sample.reason or unsuited(sample)
    if not reason and sample.n_treated > 1:
        reason = f"is about one site, and {sample.n_treated} areas are treated"
    if reason:
        return replace(no_effect(told, (reason,), sample_counts(sample, None)), inference="none")
    site, control, onset = _site(sample)
    own, estimate = _ratio(site, control, onset)
    others = [
        _ratio(control[j], np.delete(control, j, axis=0), onset)[0]
        for j in _turns(len(control), draws, rng)
    ]
    known = np.array([ratio for ratio in (own, *others) if not math.isnan(ratio)])
    counts = sample_counts(sample, None)
    if math.isnan(own):
        perfect = "the site is matched exactly before the start: its ratio of errors is not finite"
        return replace(no_effect(told, (perfect,), counts), inference="none")
    lost = 1 + len(others) - len(known)
    notes: tuple[str, ...] = (f"the smallest possible p is 1/{len(known)} = {1 / len(known):.3f}",)
    if lost:
        notes = (f"{lost} controls are matched exactly before the start: left out", *notes)
    return Effect(
        estimand=told.estimand,
        scale="count",
        estimate=estimate,
        std_error=math.nan,
        ci_low=math.nan,
        ci_high=math.nan,
        ci_level=ci_level,
        statistic=own,
        p_value=p_value_from_all(own, known, alternative="greater"),
        method=told.method,
        inference=told.inference,
        treated_cells=_cells(sample),
        notes=notes,
        **counts,
    )


def _turns(count: int, draws: int, rng: np.random.Generator | None) -> NDArray[np.intp]:
    """Controls that take the site's place: all, or as many as are drawn."""
    if draws < 1:
        raise InputError(Problem(where="argument 'draws'", what="must be 1 or more"))
    if count <= draws:
        return np.arange(count)
    if rng is None:
        raise InputError(
            Problem(
                where="argument 'rng'",
                what=f"is missing: {draws} of {count} controls are drawn",
                advice="Pass rng=, or raise draws.",
            )
        )
    return np.sort(rng.choice(count, draws, replace=False))


def _told(method: str, inference: str, ci_level: float) -> Told:
    return Told(
        estimand="average effect on the treated cells",
        scale="count",
        method=method,
        inference=inference,
        ci_level=ci_level,
    )


def _several_starts(sample: Sample) -> str:
    starts = len(np.unique(sample.first[sample.treated]))
    return "" if starts == 1 else f"is about one start, and there are {starts}"


def _site(sample: Sample) -> tuple[Float, Float, int]:
    """Mean of the treated areas, controls and the first treated column."""
    onset = int(np.argmax((sample.treatment > 0).any(axis=0)))
    return sample.y[sample.treated].mean(axis=0), sample.y[~sample.treated], onset


def _cells(sample: Sample) -> tuple[TreatedCells, ...]:
    return tuple(replace(group, share=1.0) for group in treated_cells(sample))


def _shifts(site: Float, control: Float, onset: int, effect: float, free: bool) -> float:
    """p-value of a constant effect."""
    untouched = site.copy()
    untouched[onset:] -= effect
    residual = untouched - nearest_match(control, untouched, intercept=free) @ control
    if free:
        residual -= residual.mean()
    turned = residual[(np.arange(len(site))[:, None] + np.arange(len(site))) % len(site)]
    sums = np.abs(turned[:, onset:].mean(axis=1))
    return p_value_from_all(float(sums[0]), sums, alternative="greater")


def _interval(
    site: Float, control: Float, onset: int, estimate: float, free: bool, alpha: float
) -> tuple[float, float, tuple[str, ...]]:
    if 1.0 / len(site) > alpha:
        return math.nan, math.nan, (f"no interval at this level from {len(site)} periods",)
    if _shifts(site, control, onset, estimate, free) <= alpha:
        return math.nan, math.nan, ("no constant effect fits: it changes from period to period",)
    step = max(float(np.abs(np.diff(site)).mean()), 1e-9)
    ends = [_end(site, control, onset, estimate, way * step, free, alpha) for way in (-1.0, 1.0)]
    if any(math.isnan(end) for end in ends):
        return math.nan, math.nan, ("the interval has no end: the periods after are too few",)
    return ends[0], ends[1], ()


def _end(
    site: Float,
    control: Float,
    onset: int,
    estimate: float,
    step: float,
    free: bool,
    alpha: float,
) -> float:
    inside, reach = estimate, step
    for _ in range(_DOUBLINGS):
        outside = estimate + reach
        if _shifts(site, control, onset, outside, free) <= alpha:
            break
        inside, reach = outside, 2.0 * reach
    else:
        return math.nan
    for _ in range(_HALVINGS):
        middle = (inside + outside) / 2.0
        if _shifts(site, control, onset, middle, free) <= alpha:
            outside = middle
        else:
            inside = middle
    return outside


def _ratio(site: Float, control: Float, onset: int) -> tuple[float, float]:
    """Error after over error before (NaN where that is 0), and the mean gap after."""
    gap = site - match(control[:, :onset], site[:onset], intercept=False) @ control
    before, after = (float(np.sqrt((part**2).mean())) for part in (gap[:onset], gap[onset:]))
    scale = float(np.abs(site).max())
    ratio = after / before if before > 1e-9 * scale else math.nan
    return ratio, float(gap[onset:].mean())
