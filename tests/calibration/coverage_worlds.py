"""Worlds for the coverage of intervals: rare counts, overdispersed, correlated in time and space.

log mean of area i in period t = level + season + own_it + common_it (+ log 0.8 where treated).
``own`` are shocks of single areas, ``common`` shocks that areas have in common: a share ``near`` of
its variance fades with distance, the rest is the borough's. Both are AR(1) with ``serial``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
from scipy.signal import lfilter

from hotspot_eval.design import Design
from hotspot_eval.panel import Panel
from hotspot_eval.periods import Periods

N, WIDE, HIGH = 200, 20, 10
TRUTH = np.log(0.8)
AREAS = tuple(f"A{i:03d}" for i in range(N))
X, Y = (axis.ravel() for axis in np.meshgrid(np.arange(WIDE), np.arange(HIGH)))
EVEN = (X // 5) * 5 + Y // 2
SIZES = (40, 30, 25, 20, 15, 12, 10, 9, 8, 7, 7, 6, 6, 5)
Places = Literal["scattered", "clustered", "patch"]


def uneven() -> np.ndarray:
    """Boroughs of 5 to 40 areas: stretches of a snake over the grid."""
    order = np.argsort(Y * WIDE + np.where(Y % 2 == 0, X, WIDE - 1 - X))
    sizes = np.array(SIZES)[[7, 0, 9, 3, 11, 5, 13, 1, 8, 4, 10, 2, 12, 6]]
    label = np.empty(N, dtype=np.intp)
    label[order] = np.repeat(np.arange(len(sizes)), sizes)
    return label


@dataclass(frozen=True, kw_only=True)
class World:
    """One family of panels; see the module for the equation.

    ``hot``: treated areas come from the higher half of levels. ``starts``: treated areas start
    at each of these in turn. ``labels``: whether the panel knows its boroughs.
    """

    name: str
    told: str
    mean: float = 1.0
    own: float = 0.25
    common: float = 0.10
    near: float = 0.5
    reach: float = 2.0
    serial: float = 0.5
    bursts: float = 0.0
    spread: float = 0.6
    even: bool = True
    labels: bool = True
    hot: bool = False
    season: float = 0.2
    periods: int = 48
    starts: tuple[int, ...] = (36,)
    borough: np.ndarray = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "borough", EVEN if self.even else uneven())

    @cached_property
    def root(self) -> np.ndarray:
        """Root of the spatial correlation of the field."""
        distance = np.hypot(X[:, None] - X, Y[:, None] - Y)
        together = (1.0 - self.near) * (self.borough[:, None] == self.borough)
        together = together + self.near * np.exp(-distance / self.reach)
        return np.linalg.cholesky(together + 1e-9 * np.eye(N))

    def draw(
        self, rng: np.random.Generator, k: int, places: Places
    ) -> tuple[Panel, Design, float, float]:
        """A panel, its design, and the true effect as log rate ratio and in events a cell."""
        noise = np.sqrt(self.own) * self._series(rng.normal(size=(N, self.periods)))
        shared = self.root @ rng.normal(size=(N, self.periods))
        noise += np.sqrt(self.common) * self._series(shared)
        noise -= (self.own + self.common) / 2.0
        height = rng.normal(size=N)
        mean = self.mean * np.exp(self.spread * height - self.spread**2 / 2.0)[:, None]
        mean = mean * np.exp(self.season * np.sin(np.arange(self.periods) * np.pi / 6))
        mean = mean * np.exp(noise)
        if self.bursts:
            mean = mean * rng.gamma(1.0 / self.bursts, self.bursts, size=mean.shape)
        treated = self._treated(rng, k, places, height)
        starts = np.array(self.starts)[np.arange(k) % len(self.starts)]
        on = np.arange(self.periods) >= starts[:, None]
        change = float((mean[treated] * on).sum() / on.sum() * np.expm1(TRUTH))
        mean[treated] *= np.where(on, np.exp(TRUTH), 1.0)
        panel = Panel(
            areas=AREAS,
            periods=Periods.span(0, self.periods - 1, frequency="step"),
            outcomes=("y",),
            counts=rng.poisson(mean)[:, :, None],
            observed=np.ones((N, self.periods, 1), dtype=bool),
            cluster=tuple(f"B{b:02d}" for b in self.borough) if self.labels else None,
        )
        when = int(starts[0]) if len(self.starts) == 1 else [int(s) for s in starts]
        return panel, Design(treated=[AREAS[i] for i in treated], start=when), TRUTH, change

    def _series(self, shocks: np.ndarray) -> np.ndarray:
        """AR(1) over columns, stationary from the first."""
        fade = np.sqrt(1.0 - self.serial**2)
        scaled = np.concatenate([shocks[:, :1], fade * shocks[:, 1:]], axis=1)
        return lfilter([1.0], [1.0, -self.serial], scaled, axis=1)

    def _treated(
        self, rng: np.random.Generator, k: int, places: Places, height: np.ndarray
    ) -> np.ndarray:
        able = np.arange(N)
        if places == "clustered":
            order = rng.permutation(int(self.borough.max()) + 1)
            held = np.bincount(self.borough)[order].cumsum()
            able = able[np.isin(self.borough, order[: int(np.searchsorted(held, k)) + 1])]
        elif places == "patch":
            centre = rng.integers(N)
            far = np.hypot(X - X[centre], Y - Y[centre]) + 1e-6 * rng.random(N)
            able = np.argsort(far)[:k]
        if self.hot and places == "scattered":
            able = able[np.argsort(-height[able])[: max(k, len(able) // 2)]]
        return rng.permutation(able)[:k]


ISSUE = World(name="issue", told="48 months, about one event an area and month")
TUNED = (
    ISSUE,
    World(
        name="rare",
        told="0.3 events a month, serial 0.8, strong shared shocks, uneven boroughs, very unequal "
        "levels",
        mean=0.3,
        own=0.4,
        common=0.3,
        serial=0.8,
        spread=0.9,
        even=False,
    ),
    World(
        name="calm",
        told="4 events a month, no correlation in time or space",
        mean=4.0,
        own=0.1,
        common=0.0,
        serial=0.0,
    ),
    World(
        name="strong",
        told="96 months, borough shocks as large as those of areas, serial 0.8",
        own=0.3,
        common=0.3,
        near=0.0,
        serial=0.8,
        periods=96,
        starts=(72,),
    ),
    World(
        name="hot",
        told="treated areas of the higher half of levels, very unequal levels",
        mean=1.5,
        own=0.3,
        spread=1.0,
        hot=True,
    ),
)
UNTOUCHED = (
    World(
        name="short",
        told="24 months, 6 of them treated, serial 0.6, field that fades over four grid steps, "
        "uneven boroughs",
        mean=2.0,
        own=0.3,
        common=0.15,
        near=0.8,
        reach=4.0,
        serial=0.6,
        season=0.0,
        even=False,
        periods=24,
        starts=(18,),
    ),
    World(
        name="staggered",
        told="three starts, half an event a month, hot treated areas",
        mean=0.5,
        serial=0.4,
        season=0.0,
        hot=True,
        starts=(24, 30, 36),
    ),
    World(
        name="no borough shock",
        told="a field that fades over three grid steps and knows no borough",
        common=0.2,
        near=1.0,
        reach=3.0,
    ),
    World(
        name="bursts",
        told="60 months, bursts each month, shared shocks of serial 0.95, uneven boroughs",
        mean=0.6,
        own=0.1,
        common=0.15,
        near=0.2,
        serial=0.95,
        bursts=1.0,
        spread=0.8,
        even=False,
        periods=60,
        starts=(48,),
    ),
    World(
        name="no labels",
        told="as the first, in a panel without borough labels",
        labels=False,
    ),
)
