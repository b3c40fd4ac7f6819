"""What a simulated world is made of, as small frozen records that refuse impossible values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from hotspot_eval.design import Kind
from hotspot_eval.errors import InputError, Problem, check_choice
from hotspot_eval.periods import PeriodLike, interval_days

__all__ = ["Crime", "Geography", "Lockdown", "Operation", "Recording", "RecordingBreak", "Rule"]

Rule = Literal["count", "rate", "change", "random"]


def as_day(value: PeriodLike, where: str) -> np.datetime64:
    """The first day of a date or month given as text or date."""
    return interval_days(value, "month", where)[0]


def last_day(value: PeriodLike, where: str) -> np.datetime64:
    """The last day of a date or month given as text or date."""
    return interval_days(value, "month", where)[1] - np.timedelta64(1, "D")


@dataclass(frozen=True, slots=True, kw_only=True)
class Geography:
    """The map: boroughs of irregular areas near London (EPSG:27700).

    Parameters
    ----------
    boroughs : int
        1 to 99.
    areas_per_borough : int or (int, int)
        Areas of each borough, or the smallest and largest number; 2 to 999.
    area_km2 : float
        Mean size of an area in square kilometres; a London ward has 2.3, an LSOA 0.3.
    population_mean : float
        Mean residents of an area.

    Examples
    --------
    >>> Geography(boroughs=32, areas_per_borough=(16, 24)).boroughs
    32
    """

    boroughs: int = 3
    areas_per_borough: int | tuple[int, int] = 25
    area_km2: float = 2.3
    population_mean: float = 13_000.0

    def __post_init__(self) -> None:
        low, high = self.area_range
        _raise(
            _outside("boroughs", self.boroughs, 1, 99),
            _outside("areas_per_borough", low, 2, 999),
            _outside("areas_per_borough", high, low, 999),
            _outside("area_km2", self.area_km2, 0.01, 100.0),
            _outside("population_mean", self.population_mean, 100.0, 1e6),
        )

    @property
    def area_range(self) -> tuple[int, int]:
        """Smallest and largest number of areas of a borough."""
        given = self.areas_per_borough
        return given if isinstance(given, tuple) else (given, given)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lockdown:
    """A dip in everything from one day to another; weeks it cuts dip by their share of days.

    Parameters
    ----------
    start, end : date
        First and last day.
    depth : float
        Share of incidents that do not happen, in [0, 1).

    Examples
    --------
    >>> Lockdown(start="2020-03-23", end="2020-05-10", depth=0.4).depth
    0.4
    """

    start: PeriodLike = "2020-03-23"
    end: PeriodLike = "2020-06-14"
    depth: float = 0.35

    def __post_init__(self) -> None:
        _raise(
            _outside("depth", self.depth, 0.0, 0.99),
            _reversed("Lockdown", self.start, self.end),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Crime:
    r"""How many incidents of what, in the absence of the operation.

    Parameters
    ----------
    mean_per_area_week : float
        Incidents of all outcomes in an average area and week, lockdown and breaks apart.
    outcomes : tuple of (str, float)
        Names and shares of the outcomes; shares above 0 that sum to 1.
    heterogeneity : float
        Standard deviation of the areas' log means.
    overdispersion : float
        Variance over mean of the weekly count of all outcomes in an area, around its expectation;
        1 is Poisson. An outcome of share p has 1 + p × (overdispersion − 1).
    persistent_share : float
        Share of that extra variance carried from week to week (the rest is forgotten at once).
    serial_correlation : float
        Week-to-week correlation of the persistent log intensity, in [0, 1).
    spatial_correlation : float
        Correlation of neighbouring areas' log intensity, in level and in change, in [0, 1).
    seasonality : float
        Amplitude of the year's wave, highest in mid-July, in [0, 1).
    lockdown : Lockdown, optional
    domestic_outcomes : tuple of str
        Outcomes of which a share is flagged domestic.
    domestic_share : float

    Notes
    -----
    For area i in week t with mean :math:`\mu_i`,

    .. math:: Y_{itk} \sim \text{Poisson}(\mu_i s_t\, p_k b_{kt}\,
              e^{\sigma_i x_{it} - \sigma_i^2/2}\, g_{it}),

    :math:`x` a Gaussian field, AR(1) in time with exponential correlation in space; :math:`g`
    independent gamma with mean 1; :math:`s` season and lockdown; :math:`b` recording breaks.
    :math:`\sigma_i` and the variance of :math:`g` are set so that the variance is
    ``overdispersion`` times the mean in every area.

    The defaults were set beside violence in London's wards, 2021 to 2024, by month: standard
    deviation of log means .53 (defaults .52), variance over mean 1.5 (1.5), correlation with the
    month before .07 (.09), of neighbours' levels .38 (.30) and of their changes .03 (.08). London's
    wards have twice the mean. Robbery is more uneven (.77, 1.4): simulate it as the only outcome,
    since each outcome here carries only its share of the common noise.

    Examples
    --------
    >>> Crime(mean_per_area_week=4, overdispersion=1.3).names
    ('violence', 'robbery', 'asb')
    """

    mean_per_area_week: float = 6.0
    outcomes: Sequence[tuple[str, float]] = (("violence", 0.55), ("robbery", 0.1), ("asb", 0.35))
    heterogeneity: float = 0.5
    overdispersion: float = 1.5
    persistent_share: float = 0.5
    serial_correlation: float = 0.7
    spatial_correlation: float = 0.3
    seasonality: float = 0.1
    lockdown: Lockdown | None = None
    domestic_outcomes: Sequence[str] = ("violence",)
    domestic_share: float = 0.3

    def __post_init__(self) -> None:
        _raise(
            _outside("mean_per_area_week", self.mean_per_area_week, 1e-3, 1e4),
            _outside("heterogeneity", self.heterogeneity, 0.0, 2.0),
            _outside("overdispersion", self.overdispersion, 1.0, 50.0),
            _outside("persistent_share", self.persistent_share, 0.0, 1.0),
            _outside("serial_correlation", self.serial_correlation, 0.0, 0.999),
            _outside("spatial_correlation", self.spatial_correlation, 0.0, 0.99),
            _outside("seasonality", self.seasonality, 0.0, 0.99),
            _outside("domestic_share", self.domestic_share, 0.0, 1.0),
            *_share_problems(self.outcomes),
        )
        object.__setattr__(self, "outcomes", tuple((str(n), float(s)) for n, s in self.outcomes))
        object.__setattr__(self, "domestic_outcomes", tuple(self.domestic_outcomes))

    @property
    def names(self) -> tuple[str, ...]:
        """Outcomes, in order."""
        return tuple(name for name, _ in self.outcomes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """Who is treated, when, and what it does.

    Parameters
    ----------
    start : date
        First day in the first borough.
    weeks : int, optional
        From the first to the last day, pauses included; None: to the end of the world.
    k : int
        Areas treated in each borough.
    rule : {"count", "rate", "change", "random"}
        What they are selected on, within the borough, over the ``lookback_weeks`` before its start,
        counted as it happened (no blur, nothing missing);
        change is (last − prev)/√(prev + 1) with prev the mean of the 52 weeks before that,
        scaled to the same length. Ties go by area id.
    lookback_weeks : int
    selected_on : tuple of str, optional
        Outcomes counted for the selection; all by default.
    effect_percent : float
        Change of the incidents in treated areas on treated days, above −100 and up to 100.
    affects : tuple of str, optional
        Outcomes with an effect; all by default.
    displacement_percent : float
        Share of the prevented incidents that reappear in the catchment (the untreated neighbours
        in the borough); below 0 diffusion of benefits: that many more are prevented there.
    stagger_weeks : int
        Each treated borough starts so many weeks after the one before it.
    on_weeks, off_weeks : int, optional
        Length of on and off spells; None: on throughout.
    treated_boroughs : int, optional
        The first so many boroughs take part; all by default.
    kind : {"hotspot", "problem_oriented", "offender_management"}
    hours_per_area_day : float
        Dosage of a treated area and day; arrests and weapons found follow it.

    Examples
    --------
    >>> round(Operation(start="2021-05-03", effect_percent=-20).log_irr, 3)
    -0.223
    """

    start: PeriodLike = "2021-07-05"
    weeks: int | None = 26
    k: int = 5
    rule: Rule = "count"
    lookback_weeks: int = 12
    selected_on: Sequence[str] | None = None
    effect_percent: float = -20.0
    affects: Sequence[str] | None = None
    displacement_percent: float = 0.0
    stagger_weeks: int = 0
    on_weeks: int | None = None
    off_weeks: int = 0
    treated_boroughs: int | None = None
    kind: Kind = "hotspot"
    hours_per_area_day: float = 6.0

    def __post_init__(self) -> None:
        check_choice("rule", self.rule, get_args(Rule))
        check_choice("kind", self.kind, get_args(Kind))
        as_day(self.start, "argument 'start'")
        _raise(
            _outside("weeks", self.weeks, 1, 5000),
            _outside("k", self.k, 1, 998),
            _outside("lookback_weeks", self.lookback_weeks, 1, 520),
            _outside("effect_percent", self.effect_percent, -99.999, 100.0),
            _outside("displacement_percent", self.displacement_percent, -100.0, 100.0),
            _outside("stagger_weeks", self.stagger_weeks, 0, 520),
            _outside("on_weeks", self.on_weeks, 1, 520),
            _outside("off_weeks", self.off_weeks, 0, 520),
            _outside("treated_boroughs", self.treated_boroughs, 1, 99),
            _outside("hours_per_area_day", self.hours_per_area_day, 0.0, 1000.0),
        )

    @property
    def log_irr(self) -> float:
        """Log incidence rate ratio of the effect."""
        return float(np.log1p(self.effect_percent / 100))


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingBreak:
    """From a day on, ``factor`` times as many incidents of an outcome are recorded.

    The week in which the day falls is shifted by its share of days.

    Parameters
    ----------
    outcome : str
    start : date
        First day of the new practice.
    factor : float
        Recorded after, over recorded before; 0 to 20.

    Examples
    --------
    >>> RecordingBreak(outcome="violence", start="2021-03-01", factor=1.1).factor
    1.1
    """

    outcome: str
    start: PeriodLike
    factor: float

    def __post_init__(self) -> None:
        as_day(self.start, "argument 'start'")
        _raise(_outside("factor", self.factor, 0.0, 20.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """What stands between what happened and what is published.

    Parameters
    ----------
    snap_point_m : float
        Mean distance between snap points; each incident is published at the nearest one, so areas
        err near their borders. 0: published where it happened.
    unlocated_share : float
        Share published without a place.
    missing_months : tuple of month
        Months without any record.
    breaks : tuple of RecordingBreak
        Level shifts; they are part of the counterfactual too.

    Examples
    --------
    >>> Recording(snap_point_m=80, missing_months=["2021-03", "2020-11"]).missing_months
    ('2020-11', '2021-03')
    """

    snap_point_m: float = 0.0
    unlocated_share: float = 0.0
    missing_months: Sequence[PeriodLike] = ()
    breaks: Sequence[RecordingBreak] = ()

    def __post_init__(self) -> None:
        _raise(
            _outside("snap_point_m", self.snap_point_m, 0.0, 5000.0),
            _outside("unlocated_share", self.unlocated_share, 0.0, 1.0),
        )
        months = {str(as_day(m, "argument 'missing_months'"))[:7] for m in self.missing_months}
        object.__setattr__(self, "missing_months", tuple(sorted(months)))
        object.__setattr__(self, "breaks", tuple(self.breaks))


def unknown_outcomes(crime: Crime, named: Sequence[tuple[str, Sequence[str]]]) -> list[Problem]:
    """A problem for each argument that names outcomes the world does not have."""
    return [
        Problem(
            where=f"argument '{argument}'",
            what="names outcomes that the world does not have",
            examples=[name for name in names if name not in crime.names],
            advice=f"It has {', '.join(crime.names)}.",
        )
        for argument, names in named
        if not set(names) <= set(crime.names)
    ]


def _outside(name: str, value: Any, low: float, high: float) -> Problem | None:
    if value is None or low <= value <= high:
        return None
    return Problem(where=f"argument '{name}'", what=f"{value} is outside {low:g} to {high:g}")


def _reversed(where: str, start: PeriodLike, end: PeriodLike) -> Problem | None:
    if as_day(start, where) <= last_day(end, where):
        return None
    return Problem(where=where, what=f"ends ({end}) before it starts ({start})")


def _share_problems(outcomes: Sequence[tuple[str, float]]) -> Iterator[Problem]:
    names = [name for name, _ in outcomes]
    shares = [share for _, share in outcomes]
    if len(set(names)) < len(names) or not names:
        yield Problem(where="argument 'outcomes'", what="names must be given, each once")
    if not all(share > 0 for share in shares) or abs(sum(shares) - 1) > 1e-9:
        yield Problem(
            where="argument 'outcomes'",
            what="shares must be above 0 and sum to 1",
            examples=shares,
        )


def _raise(*problems: Problem | None) -> None:
    found = [problem for problem in problems if problem is not None]
    if found:
        raise InputError(*found)
