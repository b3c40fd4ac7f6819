"""Rules that say which areas would have been chosen at a date, from what lay before it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from hotspot_eval.design import Design
from hotspot_eval.errors import InputError, Problem, check_choice
from hotspot_eval.panel import Panel
from hotspot_eval.periods import Frequency, PeriodLike

__all__ = ["Mimic", "Rule", "Threshold", "TopK", "periods_per_year"]

By = Literal["count", "rate", "change", "random"]
Within = Literal["cluster", "panel"]
_PER_YEAR: dict[Frequency, int] = {"week": 52, "four_week": 13, "month": 12, "year": 1, "step": 12}


class Rule(Protocol):
    """What replay needs: the areas chosen for an operation that starts in ``period``."""

    def __call__(
        self, panel: Panel, period: PeriodLike, rng: np.random.Generator
    ) -> Iterable[object]:
        """Area ids; may read only what lies before ``period``."""
        ...


def periods_per_year(panel: Panel) -> int:
    """Periods in a year; a plain step axis is read as months."""
    return _PER_YEAR[panel.periods.frequency]


@dataclass(frozen=True, slots=True, kw_only=True)
class TopK:
    """The ``k`` areas of every cluster (or of the panel) that score highest.

    Parameters
    ----------
    k : int
        Areas chosen in each cluster.
    lookback : int
        Periods before the start that are read.
    by : {"count", "rate", "change", "random"}
        Events in the lookback; events per unit of ``offset_base``; the rise over the year before;
        or no look at the counts at all.
    within : {"cluster", "panel"}
        Where the competition takes place.

    Raises
    ------
    InputError
        On options outside the list, ``k`` or ``lookback`` below 1, too little history, or rates
        without an offset base.

    Notes
    -----
    change = (last − prev)/√(prev + 1): last is the sum over the lookback, prev the lookback times
    the mean of the year before it. Ties go to the smaller area id. Missing cells count as none.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"area": list("ABC") * 2, "period": [1, 1, 1, 2, 2, 2],
    ...                       "n": [5, 0, 2, 0, 0, 9]})
    >>> panel = Panel.from_counts(frame, area="area", period="period", count="n")
    >>> TopK(k=1, lookback=1)(panel, 2, np.random.default_rng(0))
    ('A',)
    """

    k: int
    lookback: int = 3
    by: By = "count"
    within: Within = "cluster"

    def __post_init__(self) -> None:
        check_choice("by", self.by, get_args(By))
        check_choice("within", self.within, get_args(Within))
        _at_least_one(k=self.k, lookback=self.lookback)

    def reach(self, per_year: int) -> int:
        """Periods before the start that the rule reads."""
        return _reach(self.by, self.lookback, per_year)

    def __call__(
        self, panel: Panel, period: PeriodLike, rng: np.random.Generator
    ) -> tuple[str, ...]:
        """The area ids chosen, in the panel's order."""
        scores = _scores(panel, panel.periods.position(period), self.by, self.lookback, rng)
        chosen: list[int] = []
        for rows in _arenas(panel, self.within):
            order = np.argsort(-scores[rows], kind="stable")
            chosen.extend(rows[order[: self.k]].tolist())
        return tuple(panel.areas[row] for row in sorted(chosen))


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """Every area whose score reaches ``at_least``.

    Parameters
    ----------
    at_least : float
        In the units of ``by``: events, events per unit of the offset base, or the change score.
    lookback : int
        Periods before the start that are read.
    by : {"count", "rate", "change"}

    Examples
    --------
    >>> Threshold(at_least=12, lookback=3).by
    'count'
    """

    at_least: float
    lookback: int = 3
    by: Literal["count", "rate", "change"] = "count"

    def __post_init__(self) -> None:
        check_choice("by", self.by, ("count", "rate", "change"))
        _at_least_one(lookback=self.lookback)

    def reach(self, per_year: int) -> int:
        """Periods before the start that the rule reads."""
        return _reach(self.by, self.lookback, per_year)

    def __call__(
        self, panel: Panel, period: PeriodLike, rng: np.random.Generator
    ) -> tuple[str, ...]:
        """The area ids chosen, in the panel's order."""
        scores = _scores(panel, panel.periods.position(period), self.by, self.lookback, rng)
        return tuple(panel.areas[row] for row in np.flatnonzero(scores >= self.at_least))


@dataclass(frozen=True, slots=True, kw_only=True)
class Mimic:
    """The areas that look most like the treated ones did: for rules unknown or discretionary.

    Parameters
    ----------
    lookback : int
        Periods that make the recent level and the change score.
    caliper : float
        Largest distance, in standard deviations of the three features, at which an area may stand
        in for a treated one. A cluster without enough areas that near gives no scene.

    Notes
    -----
    Features of an area at a date: log of its recent level over its cluster's mean, its change
    score, and log of its long-run level over its cluster's mean. The treated areas are served in
    order of how far out they lie, each by the nearest area not taken yet.

    Examples
    --------
    >>> Mimic().lookback
    3
    """

    lookback: int = 3
    caliper: float = 1.5

    def __post_init__(self) -> None:
        _at_least_one(lookback=self.lookback)
        if not self.caliper > 0:
            raise InputError(
                Problem(where="argument 'caliper'", what=f"must be above 0, not {self.caliper}")
            )

    def reach(self, per_year: int) -> int:
        """Periods before the start that the rule reads."""
        return _reach("change", self.lookback, per_year)

    def like(self, panel: Panel, design: Design) -> Callable[..., tuple[str, ...]]:
        """The rule that looks for areas like the treated ones of ``design``.

        The treated areas must share one first period.
        """
        assignment = design.on(panel)
        rows = assignment.rows("treated")
        onsets = np.unique(assignment.first[rows])
        if len(onsets) != 1:
            raise InputError(
                Problem(
                    where="Mimic",
                    what="needs treated areas that start together",
                    examples=[panel.periods.labels[t] for t in onsets],
                    advice="Mimic each start on its own.",
                )
            )
        wanted, _ = _profiles(panel, int(onsets[0]), self.lookback)
        wanted = wanted[rows]

        def rule(panel: Panel, period: PeriodLike, rng: np.random.Generator) -> tuple[str, ...]:
            profiles, _ = _profiles(panel, panel.periods.position(period), self.lookback)
            chosen: list[int] = []
            for arena in _arenas(panel, "cluster"):
                chosen.extend(_nearest(wanted, profiles, arena, self.caliper))
            return tuple(panel.areas[row] for row in sorted(chosen))

        return rule

    def __call__(
        self, panel: Panel, period: PeriodLike, rng: np.random.Generator
    ) -> tuple[str, ...]:
        """Mimic has nobody to imitate until :meth:`like` names the treated areas."""
        raise InputError(
            Problem(
                where="Mimic",
                what="does not know whom to imitate",
                advice="Call Mimic().like(panel, design); replay does so by itself.",
            )
        )


def _at_least_one(**numbers: int) -> None:
    problems = [
        Problem(where=f"argument '{name}'", what=f"must be at least 1, not {value}")
        for name, value in numbers.items()
        if value < 1
    ]
    if problems:
        raise InputError(*problems)


def _reach(by: str, lookback: int, per_year: int) -> int:
    if by == "random":
        return 0
    return lookback + per_year if by == "change" else lookback


def _arenas(panel: Panel, within: Within) -> list[NDArray[np.intp]]:
    if within == "panel" or panel.cluster is None:
        return [np.arange(len(panel.areas))]
    labels = np.array(panel.cluster)
    return [np.flatnonzero(labels == label) for label in sorted(set(panel.cluster))]


def _scores(
    panel: Panel, onset: int, by: str, lookback: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    if by == "random":
        return rng.random(len(panel.areas))
    counts, _ = panel.single()
    year = periods_per_year(panel)
    _enough_history(panel, onset, _reach(by, lookback, year))
    last: NDArray[np.float64] = counts[:, onset - lookback : onset].sum(axis=1)
    if by == "count":
        return last
    if by == "rate":
        if panel.offset_base is None:
            raise InputError(
                Problem(
                    where="rule by 'rate'",
                    what="the panel has no offset_base",
                    advice="Give Panel.from_counts the population, or choose by='count'.",
                )
            )
        return np.asarray(last / panel.offset_base[:, onset - lookback : onset].sum(axis=1))
    return _change(counts, onset, lookback, year)


def _change(
    counts: NDArray[np.float64], onset: int, lookback: int, year: int
) -> NDArray[np.float64]:
    recent = onset - lookback
    last = counts[:, recent:onset].sum(axis=1)
    before = lookback * counts[:, recent - year : recent].mean(axis=1)
    return np.asarray((last - before) / np.sqrt(before + 1.0))


def _enough_history(panel: Panel, onset: int, reach: int) -> None:
    if onset < reach:
        raise InputError(
            Problem(
                where=f"rule at {panel.periods.labels[onset]}",
                what=f"reads {reach} periods before the start, and the panel has {onset}",
            )
        )


def _profiles(
    panel: Panel, onset: int, lookback: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Standardised features (N, 3) at a date, and the scale each was divided by."""
    counts, _ = panel.single()
    year = periods_per_year(panel)
    _enough_history(panel, onset, lookback + year)
    recent = counts[:, onset - lookback : onset].sum(axis=1)
    whole = counts[:, :onset].mean(axis=1) * lookback
    level = np.zeros((len(counts), 3))
    level[:, 1] = _change(counts, onset, lookback, year)
    for arena in _arenas(panel, "cluster"):
        level[arena, 0] = np.log((recent[arena] + 0.5) / (recent[arena].mean() + 0.5))
        level[arena, 2] = np.log((whole[arena] + 0.5) / (whole[arena].mean() + 0.5))
    scale = level.std(axis=0)
    scale[scale == 0] = 1.0
    return level / scale, scale


def _nearest(
    wanted: NDArray[np.float64],
    profiles: NDArray[np.float64],
    arena: NDArray[np.intp],
    caliper: float,
) -> list[int]:
    """Rows of ``arena`` nearest to each wanted profile, without replacement; none if any is far."""
    if len(arena) <= len(wanted):
        return []
    gap = np.sqrt(((wanted[:, None, :] - profiles[arena][None, :, :]) ** 2).mean(axis=2))
    taken: list[int] = []
    for target in np.argsort(-(wanted**2).sum(axis=1), kind="stable"):
        near = int(gap[target].argmin())
        if gap[target, near] > caliper:
            return []
        taken.append(int(arena[near]))
        gap[:, near] = np.inf
    return taken
