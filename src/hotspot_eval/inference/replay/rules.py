"""Rules that say which areas would have been chosen at a date, from what lay before it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

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
    on : Panel, optional
        What the choice looked at, where that is not the outcome itself: areas picked for violence
        are replayed as such also when robbery is judged. The same areas and periods.

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
    on: Panel | None = None

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
        panel = _looked_at(panel, self.on)
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
    on : Panel, optional
        As in :class:`TopK`.

    Examples
    --------
    >>> Threshold(at_least=12, lookback=3).by
    'count'
    """

    at_least: float
    lookback: int = 3
    by: Literal["count", "rate", "change"] = "count"
    on: Panel | None = None

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
        panel = _looked_at(panel, self.on)
        scores = _scores(panel, panel.periods.position(period), self.by, self.lookback, rng)
        return tuple(panel.areas[row] for row in np.flatnonzero(scores >= self.at_least))


@dataclass(frozen=True, slots=True, kw_only=True)
class Mimic:
    """The areas that stand where the treated ones stood: for rules unknown or discretionary.

    Parameters
    ----------
    lookback : int, optional
        Periods that make the recent level and the change score; three months by default.
    caliper : float
        Largest distance, in standard deviations, at which an area may stand in for a treated one.
        A cluster without enough areas that near gives no scene.
    on : Panel, optional
        As in :class:`TopK`.

    Notes
    -----
    An area at a date is told by how far up it stands in its own cluster: the normal scores
    Φ⁻¹((rank − ½)/n) of its recent level, its change score and its long-run level. Selection is a
    contest within a cluster, so that its winners have likenesses in every cluster, which they
    lack in events or ratios; what levels still differ by is left to the regression. Distance is
    the root mean square over the three. The treated areas are served in order of how far out they
    lie, each by the nearest area not taken yet.

    Examples
    --------
    >>> Mimic().caliper
    1.5
    """

    lookback: int | None = None
    caliper: float = 1.5
    on: Panel | None = None

    def __post_init__(self) -> None:
        _at_least_one(lookback=1 if self.lookback is None else self.lookback)
        if not self.caliper > 0:
            raise InputError(
                Problem(where="argument 'caliper'", what=f"must be above 0, not {self.caliper}")
            )

    def reach(self, per_year: int) -> int:
        """Periods before the start that the rule reads."""
        return _reach("change", self._periods(per_year), per_year)

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
        lookback = self._periods(periods_per_year(panel))
        wanted = _profiles(_looked_at(panel, self.on), int(onsets[0]), lookback)[rows]

        def rule(panel: Panel, period: PeriodLike, rng: np.random.Generator) -> tuple[str, ...]:
            panel = _looked_at(panel, self.on)
            profiles = _profiles(panel, panel.periods.position(period), lookback)
            chosen = _nearest(wanted, profiles, _cluster_codes(panel), self.caliper)
            return tuple(panel.areas[row] for row in np.sort(chosen))

        return rule

    def _periods(self, per_year: int) -> int:
        return max(1, per_year // 4) if self.lookback is None else self.lookback

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


def _looked_at(panel: Panel, on: Panel | None) -> Panel:
    """The panel that the choice looked at."""
    if on is None:
        return panel
    if set(panel.areas) < set(on.areas):
        on = on.select(areas=panel.areas)
    if on.areas != panel.areas or on.periods.labels != panel.periods.labels:
        raise InputError(
            Problem(
                where="argument 'on' of the rule",
                what=f"has {len(on.areas):,} areas and {len(on.periods):,} periods, the outcome "
                f"{len(panel.areas):,} and {len(panel.periods):,}, or others than it",
                advice="Take both outcomes from one panel: panel.outcome(name). Other forces "
                "cannot be chosen on this panel.",
            )
        )
    return on


def _at_least_one(**numbers: int) -> None:
    problems = [
        Problem(where=f"argument '{name}'", what=f"must be at least 1, not {value!r}")
        for name, value in numbers.items()
        if not isinstance(value, (int, np.integer)) or value < 1
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


def _profiles(panel: Panel, onset: int, lookback: int) -> NDArray[np.float64]:
    """Normal scores of level, change and long-run level within clusters at a date, (N, 3)."""
    counts, _ = panel.single()
    year = periods_per_year(panel)
    _enough_history(panel, onset, lookback + year)
    cluster = _cluster_codes(panel)
    told = (
        counts[:, onset - lookback : onset].sum(axis=1),
        _change(counts, onset, lookback, year),
        counts[:, :onset].sum(axis=1),
    )
    return np.column_stack([_normal_scores(values, cluster) for values in told])


def _cluster_codes(panel: Panel) -> NDArray[np.intp]:
    if panel.cluster is None:
        return np.zeros(len(panel.areas), dtype=np.intp)
    return np.unique(np.array(panel.cluster), return_inverse=True)[1].astype(np.intp)


def _normal_scores(values: NDArray[np.float64], cluster: NDArray[np.intp]) -> NDArray[np.float64]:
    """Φ⁻¹((rank − ½)/n) within clusters; ties share their mean rank."""
    order = np.lexsort((values, cluster))
    ranked, home = values[order], cluster[order]
    size = np.bincount(cluster)
    place = np.arange(len(values)) - (np.cumsum(size) - size)[home]
    new = np.ones(len(values), dtype=bool)
    new[1:] = (ranked[1:] != ranked[:-1]) | (home[1:] != home[:-1])
    tie = np.cumsum(new) - 1
    mean = np.bincount(tie, place)[tie] / np.bincount(tie)[tie]
    out = np.empty(len(values))
    out[order] = ndtri((mean + 0.5) / size[home])
    return out


def _nearest(
    wanted: NDArray[np.float64],
    profiles: NDArray[np.float64],
    cluster: NDArray[np.intp],
    caliper: float,
) -> NDArray[np.intp]:
    """Rows nearest to the wanted profiles, in each cluster without replacement.

    All clusters at once: the areas of a cluster are a line of a table padded to the largest. A
    cluster gives none if any of its choices is too far, or if none would be left as control.
    """
    size = np.bincount(cluster)
    order = np.argsort(cluster, kind="stable")
    table = np.full((len(size), size.max()), -1)
    table[cluster[order], np.arange(len(order)) - (np.cumsum(size) - size)[cluster[order]]] = order
    gap = np.sqrt(((wanted[:, None, None, :] - profiles[table]) ** 2).mean(axis=3))
    gap[:, table < 0] = np.inf
    good = size > len(wanted)
    lines = np.arange(len(size))
    taken = []
    for target in np.argsort(-(wanted**2).sum(axis=1), kind="stable"):
        near = gap[target].argmin(axis=1)
        good &= gap[target][lines, near] <= caliper
        taken.append(table[lines, near])
        gap[:, lines, near] = np.inf
    return np.asarray(np.column_stack(taken)[good].ravel())
