"""Results: Effect, Effects, Fit and Check, and nothing that estimates."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from html import escape
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hotspot_eval.errors import InputError, Problem, check_choice
from hotspot_eval.ledger import Ledger
from hotspot_eval.significance import Alternative, normal_or_t_interval, normal_or_t_p_value

__all__ = ["Check", "Effect", "Effects", "Fit", "Quantity", "Scale", "Status", "TreatedCells"]

Scale = Literal["log_irr", "count", "rate"]
Status = Literal["passed", "failed", "not assessed"]
NAN = float("nan")


@dataclass(frozen=True, slots=True, kw_only=True)
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
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f}) {self.unit}"


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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Effects:
    """Several effects estimated together.

    Parameters
    ----------
    labels : tuple of str, length P
    vector : ndarray, shape (P,)
    covariance : ndarray, shape (P, P)
    scale, estimand, method, inference : str
        As in :class:`Effect`, shared by all.
    df : float
        Degrees of freedom of each test.
    parts : tuple of Effect, optional
        Ready-made effects where the counts behind them differ; made from the vector otherwise.
    total : str, optional
        Label of the one that is meant when a single effect is asked for.
    """

    labels: tuple[str, ...]
    vector: NDArray[np.float64]
    covariance: NDArray[np.float64]
    scale: Scale
    estimand: str
    method: str
    inference: str
    df: float = math.inf
    ci_level: float = 0.95
    parts: tuple[Effect, ...] = ()
    total: str | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        size = len(self.labels)
        vector = np.array(self.vector, dtype=np.float64)
        covariance = np.array(self.covariance, dtype=np.float64)
        if vector.shape != (size,) or covariance.shape != (size, size):
            raise InputError(
                Problem(
                    where="Effects",
                    what=f"{size} labels need a vector ({size},), a covariance ({size}, {size}), "
                    f"not {vector.shape} and {covariance.shape}",
                )
            )
        if self.parts and len(self.parts) != size:
            raise InputError(Problem(where="Effects.parts", what="must be one for each label"))
        vector.flags.writeable = covariance.flags.writeable = False
        object.__setattr__(self, "vector", vector)
        object.__setattr__(self, "covariance", covariance)

    def __len__(self) -> int:
        return len(self.labels)

    def __iter__(self) -> Iterator[Effect]:
        return (self[label] for label in self.labels)

    def __getitem__(self, label: str) -> Effect:
        if label not in self.labels:
            raise InputError(
                Problem(
                    where=f"effect '{label}'",
                    what="is not here",
                    advice=f"There are {', '.join(self.labels)}.",
                )
            )
        place = self.labels.index(label)
        if self.parts:
            return self.parts[place]
        variance = self.covariance[place, place]
        value = float(self.vector[place])
        notes = self.notes or (("not estimable",) if math.isnan(value) else ())
        return Effect.from_estimate(
            value,
            float(np.sqrt(variance)) if variance >= 0 else NAN,
            estimand=f"{self.estimand}: {label}",
            scale=self.scale,
            method=self.method,
            inference=self.inference,
            df=self.df,
            ci_level=self.ci_level,
            notes=notes,
        )

    @property
    def effect(self) -> Effect:
        """The total, or the only one."""
        return self[self.total if self.total is not None else self.labels[0]]

    def to_frame(self) -> pd.DataFrame:
        """One row an effect, with its label in front."""
        rows = pd.concat([effect.to_frame() for effect in self], ignore_index=True)
        rows.insert(0, "label", list(self.labels))
        return rows

    def __repr__(self) -> str:
        return "\n".join(
            f"{label}: {effect!r}" for label, effect in zip(self.labels, self, strict=True)
        )

    def _repr_html_(self) -> str:
        return str(
            self.to_frame()[["label", "estimate", "ci_low", "ci_high", "p_value"]].to_html(
                index=False
            )
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Fit:
    """What an estimator returns.

    Parameters
    ----------
    terms : tuple of str, length P
    coefficients : ndarray, shape (P,)
    covariance : ndarray, shape (P, P)
    influence : ndarray, shape (n, P)
        Influence value of each area on each coefficient: ``covariance`` follows from their cross
        products, summed within clusters.
    areas : tuple of str, length n
        Areas used, in the order of ``influence``.
    periods : tuple of str, length t
        Periods used, in the order of ``fitted``.
    response, fitted : ndarray, shape (n, t)
        Observed and fitted values on the used cells, NaN elsewhere.
    treatment : ndarray, shape (n, t)
        Share treated of each used cell.
    ledger : Ledger
        Areas and cells that were dropped, with the reason.
    effect : Effect
        The pre-declared one.
    effects : Effects
        All of them.
    event : Effects, optional
        By event time, base period included as 0.
    """

    terms: tuple[str, ...]
    coefficients: NDArray[np.float64]
    covariance: NDArray[np.float64]
    influence: NDArray[np.float64]
    areas: tuple[str, ...]
    periods: tuple[str, ...]
    response: NDArray[np.float64]
    fitted: NDArray[np.float64]
    treatment: NDArray[np.float64]
    ledger: Ledger
    effect: Effect
    effects: Effects
    event: Effects | None = None

    def event_study(self) -> Effects:
        """Effects by event time.

        Raises
        ------
        InputError
            If this fit has none: call ``event_study(panel, design)``.
        """
        if self.event is None:
            raise InputError(
                Problem(
                    where="fit",
                    what="holds no event study",
                    advice="Use event_study(panel, design).",
                )
            )
        return self.event

    def __repr__(self) -> str:
        return f"Fit of {len(self.areas)} areas × {len(self.periods)} periods\n{self.effect!r}"

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>{self.ledger._repr_html_()}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Check:
    """A threat a reviewer would raise, and what was found.

    Parameters
    ----------
    name : str
        Short and stable: ``"parallel trends"``.
    threat : str
        What would be wrong with the study if the check failed, in one sentence.
    status : {"passed", "failed", "not assessed"}
    sentence : str
        What was found, or why it could not be assessed, in one sentence.
    evidence : DataFrame
        The table behind the sentence; may be empty only if not assessed.
    """

    name: str
    threat: str
    status: Status
    sentence: str
    evidence: pd.DataFrame = field(default_factory=pd.DataFrame)

    def __post_init__(self) -> None:
        check_choice("status", self.status, get_args(Status))
        if self.status != "not assessed" and self.evidence.empty:
            raise InputError(
                Problem(where=f"check '{self.name}'", what=f"is {self.status} without any evidence")
            )

    def to_frame(self) -> pd.DataFrame:
        """One row: name, threat, status, sentence."""
        return checks_frame([self])

    def __repr__(self) -> str:
        return f"Check({self.name}: {self.status}. {self.sentence})"

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>"


def checks_frame(checks: Sequence[Check]) -> pd.DataFrame:
    """One row a check: name, threat, status, sentence."""
    columns = ["name", "threat", "status", "sentence"]
    return pd.DataFrame([[getattr(c, name) for name in columns] for c in checks], columns=columns)
