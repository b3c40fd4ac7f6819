"""The calendar of breaks: when the record changed, whatever crime did."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hotspot_eval.data.calendar_entries import ENTRIES
from hotspot_eval.design import Design
from hotspot_eval.errors import InputError, Problem, check_choice
from hotspot_eval.panel import Panel
from hotspot_eval.periods import Periods
from hotspot_eval.results import Check

__all__ = ["CALENDAR", "AreaLevel", "Break", "BreakKind", "Source", "breaks_in_window"]

_TOTALS = ("all_crime", "incidents", "count")

BreakKind = Literal["recording", "geography", "coverage", "event"]
Source = Literal["police_uk", "met", "internal"]
AreaLevel = Literal["borough", "ward", "lsoa", "point"]

_THREAT = (
    "The way crime is recorded, located or published changed in the study window, or a national "
    "event changed crime, and the change is taken for an effect."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """One change of the record.

    Parameters
    ----------
    name : str
        Short and stable; what an acknowledgement names.
    kind : {"recording", "geography", "coverage", "event"}
    start, end : date
        First and last day of the change itself; ``end`` None: from ``start`` on. A break that is
        one moment has the same day twice.
    sources : tuple of str
        Sources it concerns; empty: all.
    forces : tuple of str
        Forces it concerns, as ``"metropolitan"``; empty: all.
    outcomes : tuple of str
        Outcomes it concerns; empty: all.
    levels : tuple of str
        Levels of area it concerns (``"lsoa"``, ``"ward"``, ``"point"``); empty: all.
    description : str
        What changed, in a sentence.
    reference : str
        Where that is written.
    """

    name: str
    kind: BreakKind
    start: dt.date
    end: dt.date | None
    description: str
    reference: str
    sources: tuple[str, ...] = ()
    forces: tuple[str, ...] = ()
    outcomes: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_choice("kind", self.kind, get_args(BreakKind))
        if self.end is not None and self.end < self.start:
            raise InputError(Problem(where=f"break '{self.name}'", what="ends before it starts"))
        for name in ("name", "description", "reference"):
            if not getattr(self, name).strip():
                raise InputError(Problem(where=f"break '{self.name}'", what=f"has no {name}"))

    @property
    def scope(self) -> str:
        """``national``, or what it is limited to: forces, sources, outcomes, levels."""
        limits = [*self.forces, *self.sources, *self.outcomes, *self.levels]
        return ", ".join(limits) if limits else "national"

    def concerns(
        self,
        *,
        source: str | None,
        force: str | None,
        outcomes: Sequence[str] | None,
        level: str | None,
    ) -> bool:
        """Whether it can touch such a study; what is not known is taken to be touched."""
        return (
            _meets(self.sources, source)
            and _meets(self.forces, None if force is None else _force(force))
            and _meets(self.levels, level)
            and (not self.outcomes or outcomes is None or self._hits(outcomes))
        )

    def _hits(self, outcomes: Sequence[str]) -> bool:
        """``violence`` also means ``violence_with_injury``; a total holds everything."""
        return any(
            name in _TOTALS or name.startswith(limit)
            for name in outcomes
            for limit in self.outcomes
        )

    def touches(self, periods: Periods) -> NDArray[np.bool_]:
        """Periods in which the change goes on, shape (T,)."""
        first = np.datetime64(self.start, "D")
        after = (
            periods.ends[-1]
            if self.end is None
            else np.datetime64(self.end, "D") + np.timedelta64(1, "D")
        )
        return np.asarray((periods.starts < after) & (periods.ends > first))


CALENDAR: tuple[Break, ...] = tuple(Break(**entry) for entry in ENTRIES)


def breaks_in_window(
    panel: Panel,
    design: Design,
    *,
    source: Source | None = None,
    force: str | None = None,
    level: AreaLevel | None = None,
    acknowledged: Mapping[str, str] | None = None,
    calendar: Sequence[Break] = CALENDAR,
) -> Check:
    """Breaks inside the study window, and a refusal where one coincides with treatment.

    Parameters
    ----------
    panel : Panel
        Its outcomes and periods are the study's.
    design : Design
        Its windows, laid over the panel, are what is searched.
    source : {"police_uk", "met", "internal"}, optional
        Where the counts come from; unknown means that the breaks of every source count.
    force : str, optional
        Name of the police force, ``"Metropolitan Police Service"``.
    level : {"borough", "ward", "lsoa", "point"}, optional
        Level of the areas, or of the records they were counted from.
    acknowledged : mapping of str to str, optional
        Name of a break → why the study stands nevertheless.
    calendar : sequence of Break
        The package's own, or one with entries added: ``(*CALENDAR, Break(…))``.

    Returns
    -------
    Check
        ``passed`` without a break in the windows; ``failed`` with one, whose evidence lists each
        with its periods, whether it coincides with treatment, and the acknowledgement.

    Raises
    ------
    InputError
        If a break begins, ends or is one moment in the first treated period of an area and is not
        acknowledged with a reason; if an acknowledgement names no break of the calendar.

    Notes
    -----
    A break coincides with treatment if it starts or ends (or both) within the first treated
    period: then before and after differ by the break as much as by the treatment, and no control
    removes what hits treated and control areas differently.
    """
    if source is not None:
        check_choice("source", source, get_args(Source))
    if level is not None:
        check_choice("level", level, get_args(AreaLevel))
    reasons = {name: why.strip() for name, why in (acknowledged or {}).items()}
    _refuse_unknown(reasons, calendar)
    laid = design.on(panel)
    used = np.asarray(laid.used.any(axis=0))
    first = np.unique(laid.first[laid.rows("treated")])
    rows, refused = [], []
    for entry in calendar:
        if not entry.concerns(source=source, force=force, outcomes=panel.outcomes, level=level):
            continue
        inside = np.flatnonzero(entry.touches(panel.periods) & used)
        if not len(inside):
            continue
        hits = [int(t) for t in first if t < len(panel.periods) and _edge_in(entry, panel, int(t))]
        labels = [panel.periods.labels[t] for t in inside]
        rows.append(_evidence(entry, labels, bool(hits), reasons.get(entry.name, "")))
        if hits and not reasons.get(entry.name):
            refused.append(
                Problem(
                    where=f"break '{entry.name}'",
                    what="falls in the first treated period: " + entry.description.rstrip("."),
                    examples=[panel.periods.labels[t] for t in hits],
                    advice="Choose data or a window without it, or acknowledge it with a reason.",
                )
            )
    if refused:
        raise InputError(*refused)
    return _check(rows, used, panel)


def _refuse_unknown(reasons: Mapping[str, str], calendar: Sequence[Break]) -> None:
    names = {entry.name for entry in calendar}
    problems = []
    if unknown := sorted(set(reasons) - names):
        problems.append(
            Problem(
                where="acknowledged",
                what="names no break of the calendar",
                examples=unknown,
                advice=f"There are {', '.join(sorted(names))}.",
            )
        )
    if silent := sorted(name for name, why in reasons.items() if not why):
        problems.append(
            Problem(where="acknowledged", what="gives no reason for breaks", examples=silent)
        )
    if problems:
        raise InputError(*problems)


def _edge_in(entry: Break, panel: Panel, t: int) -> bool:
    begin, after = panel.periods.starts[t], panel.periods.ends[t]
    edges = [entry.start] if entry.end is None else [entry.start, entry.end]
    return any(begin <= np.datetime64(edge, "D") < after for edge in edges)


def _evidence(entry: Break, periods: list[str], at_treatment: bool, why: str) -> dict[str, object]:
    return {
        "name": entry.name,
        "kind": entry.kind,
        "start": entry.start.isoformat(),
        "end": "" if entry.end is None else entry.end.isoformat(),
        "scope": entry.scope,
        "periods_in_window": f"{periods[0]} to {periods[-1]}" if len(periods) > 1 else periods[0],
        "n_periods": len(periods),
        "at_treatment": at_treatment,
        "acknowledged": why,
        "description": entry.description,
        "reference": entry.reference,
    }


def _check(rows: list[dict[str, object]], used: NDArray[np.bool_], panel: Panel) -> Check:
    window = np.flatnonzero(used)
    span = f"{panel.periods.labels[window[0]]} to {panel.periods.labels[window[-1]]}"
    if not rows:
        return Check(
            name="breaks in the record",
            threat=_THREAT,
            status="passed",
            sentence=f"The calendar holds no break from {span}.",
            evidence=pd.DataFrame([{"window": span, "breaks": 0}]),
        )
    frame = pd.DataFrame(rows)
    at = int(frame["at_treatment"].sum())
    names = ", ".join(frame["name"])
    return Check(
        name="breaks in the record",
        threat=_THREAT,
        status="failed",
        sentence=f"From {span} the calendar holds {len(frame)} break"
        f"{'s' if len(frame) > 1 else ''} ({names}), {at or 'none'} in the first treated period"
        f"{', acknowledged' if at else ''}.",
        evidence=frame,
    )


def _meets(limits: tuple[str, ...], value: str | None) -> bool:
    return not limits or value is None or value in limits


def _force(name: str) -> str:
    """One short name a force: ``metropolitan`` for ``Metropolitan Police Service``."""
    plain = name.casefold().replace("-", " ").strip()
    if plain in ("met", "mps"):
        return "metropolitan"
    for ending in (" police service", " constabulary", " police"):
        plain = plain.removesuffix(ending)
    return plain.strip()
