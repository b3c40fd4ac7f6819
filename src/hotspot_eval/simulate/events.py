"""Single incidents as parallel arrays: the currency between drawing, treating and recording."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from hotspot_eval.periods import Periods

__all__ = ["Events", "count_events", "draw_events"]

_WEEKDAY = np.array([0.130, 0.130, 0.130, 0.135, 0.155, 0.170, 0.150])
_HOUR = 1 + 0.7 * np.cos(2 * np.pi * (np.arange(24) - 21) / 24)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Events:
    """One entry an incident, all arrays of shape (E,).

    Parameters
    ----------
    area : ndarray of int
        Position of the area in which it happened.
    day, minute : ndarray of int
        Days since the start of the world, minutes since midnight.
    outcome : ndarray of int
        Position of the outcome.
    place : ndarray of float
        Uniform that picks the address within the area.
    """

    area: NDArray[np.intp]
    day: NDArray[np.intp]
    minute: NDArray[np.intp]
    outcome: NDArray[np.intp]
    place: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.area)

    def take(self, which: NDArray[np.bool_] | NDArray[np.intp]) -> Events:
        """The incidents at a mask or positions."""
        return Events(**{f.name: getattr(self, f.name)[which] for f in fields(self)})

    def join(self, other: Events) -> Events:
        """These incidents and the others."""
        return Events(
            **{
                f.name: np.concatenate([getattr(self, f.name), getattr(other, f.name)])
                for f in fields(self)
            }
        )


def draw_events(
    counts: NDArray[np.int64], start: np.datetime64, rng: np.random.Generator
) -> Events:
    """Give each counted incident a day within its week, a minute and a place.

    ``counts`` has shape (N, T, K). Fridays to Sundays and late evenings are busiest.
    """
    cell = np.repeat(np.arange(counts.size), counts.ravel())
    area, week, outcome = np.unravel_index(cell, counts.shape)
    monday = int((start.astype("datetime64[D]").astype(int) + 3) % 7)
    weekday = np.cumsum(np.roll(_WEEKDAY, -monday))
    day = week * 7 + np.minimum(np.searchsorted(weekday, rng.random(len(cell)), side="right"), 6)
    clock = np.cumsum(_HOUR / _HOUR.sum())
    hour = np.minimum(np.searchsorted(clock, rng.random(len(cell)), side="right"), 23)
    minute = hour * 60 + rng.integers(0, 60, size=len(cell))
    return Events(area=area, day=day, minute=minute, outcome=outcome, place=rng.random(len(cell)))


def count_events(
    events: Events, periods: Periods, start: np.datetime64, shape: tuple[int, int]
) -> NDArray[np.int64]:
    """Counts of shape (N, T, K) for ``shape`` = (N, K); incidents outside the periods left out."""
    dates = start + events.day.astype("timedelta64[D]")
    when = np.searchsorted(periods.starts, dates, side="right") - 1
    inside = (when >= 0) & (dates < periods.ends[-1])
    full = (shape[0], len(periods), shape[1])
    flat = np.ravel_multi_index((events.area[inside], when[inside], events.outcome[inside]), full)
    return np.bincount(flat, minlength=int(np.prod(full))).astype(np.int64).reshape(full)
