"""Effect: one estimate with all that is needed to read it, and the scales people use."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from html import escape
from typing import Any, Literal, get_args

import pandas as pd

from hotspot_eval.errors import InputError, Problem, check_choice
from hotspot_eval.significance import Alternative, normal_or_t_interval, normal_or_t_p_value

__all__ = ["NAN", "Effect", "Quantity", "Scale", "TreatedCells"]

Scale = Literal["log_irr", "count", "rate"]
NAN = float("nan")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Quantity:
    """An effect told on a scale people use, with its interval.

    Examples
    --------
    >>> str(Quantity(value=0.8, low=0.7, high=0.91, unit="IRR"))
    '0.800 (0.700 to 0.910) IRR'
    """

    value: float
    low: float
    high: float
    unit: str
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        digits = 3 if self.unit == "IRR" else 1
        value, low, high = (f"{x:.{digits}f}" for x in (self.value, self.low, self.high))
        return f"{value} ({low} to {high}) {self.unit}"

    def __repr__(self) -> str:
        return str(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class TreatedCells:
    """Cells (area × period) treated for the same share of the period.

    Parameters
    ----------
    share : float
        Share of the period treated, in (0, 1].
    cells : int
        How many area × period cells.
    events : float
        Events observed in them.
    """

    share: float
    cells: int
    events: float


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Effect:
    """One estimated effect with all that is needed to read it.

    Parameters
    ----------
    estimand : str
        What is estimated, in words: ``"ATT on treated cells"``.
    scale : {"log_irr", "count", "rate"}
        ``log_irr``: log incidence rate ratio, below 0 is fewer. ``count``: events per area and
        period (WDD: events in all). ``rate``: events per unit of the offset base.
    estimate, std_error : float
        On that scale; NaN with a reason in ``notes`` where impossible.
    ci_low, ci_high : float
        Limits at ``ci_level``.
    statistic, df, p_value : float
        Test of no effect; ``df`` infinite means the normal distribution.
    alternative : {"two-sided", "less", "greater"}
    method, inference : str
        Which estimator, and where the standard error or p-value comes from.
    n_areas, n_treated, n_control, n_clusters, n_periods : int
        Behind the estimate, after what was dropped.
    treated_cells : tuple of TreatedCells
        What turns the effect into crimes prevented.
    notes : tuple of str
        Reasons and warnings, in the order they arose.

    Examples
    --------
    >>> effect = Effect.from_estimate(-0.2, 0.1, estimand="ATT", scale="log_irr", method="Poisson",
    ...                               inference="cluster-robust")
    >>> round(effect.as_irr().value, 4), round(effect.p_value, 4)
    (0.8187, 0.0455)
    """

    estimand: str
    scale: Scale
    estimate: float
    std_error: float
    ci_low: float
    ci_high: float
    ci_level: float = 0.95
    statistic: float = NAN
    df: float = math.inf
    p_value: float = NAN
    alternative: Alternative = "two-sided"
    method: str
    inference: str
    n_areas: int = 0
    n_treated: int = 0
    n_control: int = 0
    n_clusters: int = 0
    n_periods: int = 0
    treated_cells: tuple[TreatedCells, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_choice("scale", self.scale, get_args(Scale))
        check_choice("alternative", self.alternative, get_args(Alternative))
        if not 0 < self.ci_level < 1:
            raise InputError(
                Problem(where="ci_level", what=f"must lie in (0, 1), not {self.ci_level}")
            )
        if math.isnan(self.estimate) and not self.notes:
            raise InputError(
                Problem(
                    where="Effect", what="has no estimate and no reason", advice="Say why in notes."
                )
            )

    @classmethod
    def from_estimate(
        cls,
        estimate: float,
        std_error: float,
        *,
        estimand: str,
        scale: Scale,
        method: str,
        inference: str,
        df: float = math.inf,
        ci_level: float = 0.95,
        alternative: Alternative = "two-sided",
        **counts: Any,
    ) -> Effect:
        """The effect with statistic, p-value and interval from a normal or t distribution."""
        statistic = estimate / std_error if std_error > 0 else NAN
        low, high = normal_or_t_interval(estimate, std_error, df=df, level=ci_level)
        return cls(
            estimand=estimand,
            scale=scale,
            estimate=float(estimate),
            std_error=float(std_error),
            ci_low=low,
            ci_high=high,
            ci_level=ci_level,
            statistic=statistic,
            df=df,
            p_value=normal_or_t_p_value(statistic, df=df, alternative=alternative),
            alternative=alternative,
            method=method,
            inference=inference,
            **counts,
        )

    def as_irr(self) -> Quantity:
        """Incidence rate ratio, exp(estimate); below 1 is fewer. NaN off the log scale."""
        return self._told(math.exp, "IRR", only="log_irr")

    def percent_change(self) -> Quantity:
        """100·(IRR − 1); negative is fewer. NaN off the log scale."""
        return self._told(lambda log_irr: 100.0 * math.expm1(log_irr), "%", only="log_irr")

    def crimes_prevented(self) -> Quantity:
        """Counterfactual minus observed events on the treated cells; positive is fewer.

        Notes
        -----
        On the log scale Σ y·(exp(−δ·share) − 1) over treated cells, given the events observed
        there; on count scales −δ·Σ share. The interval carries that of δ over, so it holds as far
        as the effect's own does.
        """
        if not self.treated_cells:
            reason = "the events on the treated cells are not known"
            return Quantity(value=NAN, low=NAN, high=NAN, unit="events prevented", notes=(reason,))
        if self.scale == "log_irr":
            if not sum(group.events for group in self.treated_cells):
                reason = "no event on the treated cells: a ratio to none tells no number of events"
                return Quantity(
                    value=NAN, low=NAN, high=NAN, unit="events prevented", notes=(reason,)
                )
            return self._told(self._prevented_ratio, "events prevented", only="log_irr")
        if self.scale == "rate":
            reason = "a rate needs its base to become events"
            return Quantity(value=NAN, low=NAN, high=NAN, unit="events prevented", notes=(reason,))
        exposed = sum(group.share * group.cells for group in self.treated_cells)
        return self._told(lambda effect: -effect * exposed, "events prevented", only="count")

    def _prevented_ratio(self, log_irr: float) -> float:
        return sum(g.events * math.expm1(-log_irr * g.share) for g in self.treated_cells)

    def _told(self, tell: Callable[[float], float], unit: str, *, only: Scale) -> Quantity:
        if self.scale != only:
            reason = f"an effect on the {self.scale} scale is no {unit}"
            return Quantity(value=NAN, low=NAN, high=NAN, unit=unit, notes=(reason,))
        ends = sorted((_safe(tell, self.ci_low), _safe(tell, self.ci_high)))
        if any(math.isnan(end) for end in ends):
            ends = [NAN, NAN]
        return Quantity(
            value=_safe(tell, self.estimate), low=ends[0], high=ends[1], unit=unit, notes=self.notes
        )

    def with_notes(self, *notes: str) -> Effect:
        """The same effect with more notes."""
        return replace(self, notes=(*self.notes, *notes))

    def to_frame(self) -> pd.DataFrame:
        """One row, one column a field; treated cells summed, notes joined."""
        row = asdict(self)
        row["treated_cells"] = sum(group.cells for group in self.treated_cells)
        row["treated_events"] = sum(group.events for group in self.treated_cells)
        row["notes"] = "; ".join(self.notes)
        return pd.DataFrame([row])

    def __repr__(self) -> str:
        reason = f" [{'; '.join(self.notes)}]" if math.isnan(self.estimate) else ""
        return (
            f"Effect({self.method}: {self.estimate:.4f} ({self.ci_low:.4f} to {self.ci_high:.4f}) "
            f"{self.scale}, p = {self.p_value:.3f}, {self.inference}){reason}"
        )

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>"


def _safe(tell: Callable[[float], float], value: float) -> float:
    try:
        return tell(value)
    except OverflowError:
        return math.inf
