"""How much more than Poisson counts vary, over windows as long as the study's own."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from hotspot_eval.design import Design
from hotspot_eval.errors import InputError, Problem
from hotspot_eval.panel import Panel
from hotspot_eval.results import Quantity

__all__ = ["window_dispersion"]

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]
_UNIT = "variance over Poisson"
_FEW = 20
_PARTS = 20


def window_dispersion(panel: Panel, design: Design) -> Quantity:
    """φ for :func:`~hotspot_eval.did.rirr` and :func:`~hotspot_eval.did.wdd`, from placebo ratios.

    Parameters
    ----------
    panel : Panel
        One outcome, of counts.
    design : Design
        With ``pre_periods`` and ``post_periods``, or one start for all.

    Returns
    -------
    Quantity
        φ at the level of the treated areas, at least 1, with a 95 % interval (jackknife over
        areas). NaN with the reason where fewer than 20 placebo ratios can be had.

    Raises
    ------
    InputError
        If windows differ between areas, or values are negative.

    Notes
    -----
    Counts of neighbouring months go together, so the variance of a ratio of two long windows
    exceeds Poisson by more than that of two months: φ must come from windows as long as those of
    the study.
    Placebo ratios are after against before in control areas at the real date, and in all areas at
    dates one study length apart before any treatment. Given its total m an area's count after is
    binomial with the share q of all areas of that date; its squared error r² has
    E r² = c₁v + c₂v², v = m·q(1 − q): counting noise, and shocks that grow with the level. Both are
    fitted by non-negative least squares, and φ = Σ(c₁v + c₂v²)/Σv over the treated areas. Shocks
    that treated areas share beyond those of all areas are not in it.

    References
    ----------
    Wilson (2022), https://doi.org/10.1007/s10940-021-09494-w, on the ratio and its overdispersion

    Examples
    --------
    >>> import pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> months = pd.period_range("2020-01", periods=24, freq="M").astype(str)
    >>> frame = pd.DataFrame({"area": np.repeat(np.arange(60), 24).astype(str),
    ...                       "month": list(months) * 60, "count": rng.poisson(20.0, 1440)})
    >>> panel = Panel.from_counts(frame, area="area", period="month", count="count")
    >>> design = Design(treated=["0"], start="2021-07", pre_periods=6, post_periods=6)
    >>> window_dispersion(panel, design).value < 1.5
    True
    """
    windows = _study(panel, design)
    ratios = _placebos(windows)
    if len(ratios.error) < _FEW:
        reason = f"{len(ratios.error)} placebo ratios are too few: {_FEW} are needed"
        return Quantity(value=math.nan, low=math.nan, high=math.nan, unit=_UNIT, notes=(reason,))
    value = _dispersion(ratios, np.ones(len(ratios.error), dtype=bool), windows.treated_level)
    parts = ratios.area % _PARTS
    left = np.array(
        [
            _dispersion(ratios, parts != k, windows.treated_level)
            for k in np.unique(parts)
            if (parts != k).sum() > 2
        ]
    )
    spread = math.sqrt(
        float(((np.log(left) - np.log(left).mean()) ** 2).sum()) * (1 - 1 / len(left))
    )
    return Quantity(
        value=max(value, 1.0),
        low=max(value * math.exp(-1.96 * spread), 1.0),
        high=max(value * math.exp(1.96 * spread), 1.0),
        unit=_UNIT,
        notes=(
            f"from {len(ratios.error)} placebo ratios of {windows.pre} against {windows.post} "
            "periods",
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Windows:
    """Counts and what of them no treatment touches, and the study's own windows."""

    y: Float
    untouched: Bool
    start: int
    pre: int
    gap: int
    post: int
    treated_level: Float


def _study(panel: Panel, design: Design) -> _Windows:
    whole = design.on(panel)
    y, observed = panel.single()
    if (y < 0).any():
        raise InputError(Problem(where="panel", what="has negative values: φ is about counts"))
    treated = whole.rows("treated")
    starts = np.unique(whole.first[treated])
    if len(starts) > 1 and (design.pre_periods is None or design.post_periods is None):
        raise InputError(
            Problem(
                where="design",
                what="has starts that differ and windows that follow them",
                advice="Give pre_periods and post_periods, so that all windows are equally long.",
            )
        )
    begin, t = int(starts[0]), y.shape[1]
    pre = design.pre_periods or begin - design.gap
    post = design.post_periods or t - begin
    compared = (whole.role == "treated") | (whole.role == "control")
    untouched = observed & compared[:, None] & (np.arange(t) < whole.first[:, None])
    level = np.array(
        [
            y[i, max(g - design.gap - pre, 0) : g - design.gap].sum()
            for i, g in zip(treated, whole.first[treated], strict=True)
        ]
    ) * (1.0 + post / pre)
    return _Windows(
        y=y,
        untouched=untouched,
        start=begin,
        pre=pre,
        gap=design.gap,
        post=post,
        treated_level=level,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Ratios:
    """Squared error of the count after, v = m·q(1 − q), and the area of each."""

    error: Float
    size: Float
    area: NDArray[np.intp]
    share: float


def _placebos(w: _Windows) -> _Ratios:
    errors, sizes, areas, shares = [], [], [], []
    length = w.pre + w.gap + w.post
    for start in range(w.start, w.pre + w.gap - 1, -length):
        before = slice(start - w.gap - w.pre, start - w.gap)
        after = slice(start, start + w.post)
        rows = w.untouched[:, before].all(axis=1) & w.untouched[:, after].all(axis=1)
        first, second = w.y[rows, before].sum(axis=1), w.y[rows, after].sum(axis=1)
        total = first + second
        if rows.sum() < 2 or not total.sum() or not 0 < second.sum() < total.sum():
            continue
        q = float(second.sum() / total.sum())
        v = total * q * (1.0 - q)
        kept = total > 0
        lost = 1.0 - total / total.sum()
        errors.append(((second - q * total) ** 2 / np.maximum(lost, 1e-12))[kept])
        sizes.append(v[kept])
        areas.append(np.flatnonzero(rows)[kept])
        shares.append(q)
    if not errors:
        nothing = np.zeros(0)
        return _Ratios(error=nothing, size=nothing, area=nothing.astype(np.intp), share=0.5)
    return _Ratios(
        error=np.concatenate(errors),
        size=np.concatenate(sizes),
        area=np.concatenate(areas),
        share=shares[0],
    )


def _dispersion(ratios: _Ratios, rows: Bool, treated_level: Float) -> float:
    """Σ(c₁v + c₂v²)/Σv over treated areas, c fitted with weights of its own, three times."""
    error, size = ratios.error[rows], ratios.size[rows]
    curve = np.array([1.0, 0.0])
    for _ in range(3):
        weight = 1.0 / (curve[0] * size + curve[1] * size**2)
        curve = nnls(np.column_stack([size, size**2]) * weight[:, None], error * weight)[0]
        if not curve.any():
            return 1.0
    v = treated_level * ratios.share * (1.0 - ratios.share)
    v = v if v.sum() > 0 else size
    return float((curve[0] * v + curve[1] * v**2).sum() / v.sum())
