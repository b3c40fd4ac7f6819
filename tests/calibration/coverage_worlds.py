"""Worlds for the coverage of intervals: rare counts, overdispersed, correlated in time and space.

log mean of area i in period t = level + season + own_it + common_it (+ the effect where treated).
``own`` are shocks of single areas, ``common`` shocks that areas have in common: a share ``near`` of
its variance fades with distance, the rest is the borough's. Both are AR(1) with ``serial``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, Protocol

import numpy as np
from scipy.signal import lfilter

from hotspot_eval.design import Design, Spell
from hotspot_eval.panel import Panel
from hotspot_eval.periods import Periods

N, WIDE, HIGH = 200, 20, 10
TRUTH = np.log(0.8)
PER_DOSE = np.log(0.9)
NEARBY = np.log(0.9)
AREAS = tuple(f"A{i:03d}" for i in range(N))
X, Y = (axis.ravel() for axis in np.meshgrid(np.arange(WIDE), np.arange(HIGH)))
EVEN = (X // 5) * 5 + Y // 2
SIZES = (40, 30, 25, 20, 15, 12, 10, 9, 8, 7, 7, 6, 6, 5)
Places = Literal["scattered", "clustered", "patch"]
Pattern = Literal["stays", "rotates", "doses"]


def uneven() -> np.ndarray:
    """Boroughs of 5 to 40 areas: stretches of a snake over the grid."""
    order = np.argsort(Y * WIDE + np.where(Y % 2 == 0, X, WIDE - 1 - X))
    sizes = np.array(SIZES)[[7, 0, 9, 3, 11, 5, 13, 1, 8, 4, 10, 2, 12, 6]]
    label = np.empty(N, dtype=np.intp)
    label[order] = np.repeat(np.arange(len(sizes)), sizes)
    return label


@dataclass(frozen=True, kw_only=True, eq=False)
class Drawn:
    """A panel, its design, and what is true of it.

    ``calm``: mean counts without treatment; ``effect``: log rate ratio of each cell; ``on``: cells
    in which treatment is on; all of shape (N, T). ``places`` and ``borough`` say how areas were
    chosen, ``height`` is the level of each in standard deviations.
    """

    panel: Panel
    design: Design
    calm: np.ndarray
    effect: np.ndarray
    on: np.ndarray
    places: Places
    borough: np.ndarray
    height: np.ndarray

    def changed(self, cells: np.ndarray) -> np.ndarray:
        """Events that treatment adds, in each of these cells."""
        return self.calm[cells] * np.expm1(self.effect[cells])

    @property
    def change(self) -> float:
        """Mean change of a cell in which treatment is on."""
        return float(self.changed(self.on).mean())

    def ratio(self, cells: np.ndarray) -> float:
        """Log ratio of the events expected with and without treatment in these cells."""
        return float(np.log1p(self.changed(cells).sum() / self.calm[cells].sum()))


class Simulated(Protocol):
    """What panels can be drawn from."""

    @property
    def name(self) -> str: ...

    @property
    def starts(self) -> tuple[int, ...]: ...

    def draw(self, rng: np.random.Generator, k: int, places: Places) -> Drawn:
        """A panel in which ``k`` areas are treated, its design, and what is true of it."""
        ...


@dataclass(frozen=True, kw_only=True)
class World:
    """One family of panels; see the module for the equation.

    ``hot``: treated areas come from the higher half of levels. ``starts``: treated areas start
    at each of these in turn. ``labels``: whether the panel knows its boroughs. ``pattern``:
    treatment stays on from its start, rotates (two spells of three months each), or rotates in
    doses of one and two. ``lasts``: the share of the effect in the month after a spell.
    ``nearby``: areas that adjoin treated ones have 0.9 of their events. ``second``: the panel also
    has a type of crime that treatment leaves alone, twice as frequent, whose shocks go along with
    those of the first by 0.7.
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
    pattern: Pattern = "stays"
    lasts: float = 0.0
    nearby: bool = False
    second: bool = False
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

    def draw(self, rng: np.random.Generator, k: int, places: Places) -> Drawn:
        """A panel in which ``k`` areas are treated, its design, and what is true of it."""
        noise = self._noise(rng)
        height = rng.normal(size=N)
        mean = self.mean * np.exp(self.spread * height - self.spread**2 / 2.0)[:, None]
        mean = mean * np.exp(self.season * np.sin(np.arange(self.periods) * np.pi / 6))
        level, mean = mean, mean * np.exp(noise - self._half)
        if self.bursts:
            mean = mean * rng.gamma(1.0 / self.bursts, self.bursts, size=mean.shape)
        treated = self._treated(rng, k, places, height)
        design, on, effect = self._treatment(rng, treated)
        counts = [rng.poisson(mean * np.exp(effect))]
        if self.second:
            along = 0.7 * noise + np.sqrt(1.0 - 0.7**2) * self._noise(rng)
            counts.append(rng.poisson(2.0 * level * np.exp(along - self._half)))
        panel = Panel(
            areas=AREAS,
            periods=Periods.span(0, self.periods - 1, frequency="step"),
            outcomes=("y", "z")[: len(counts)],
            counts=np.stack(counts, axis=2),
            observed=np.ones((N, self.periods, len(counts)), dtype=bool),
            cluster=tuple(f"B{b:02d}" for b in self.borough) if self.labels else None,
        )
        return Drawn(
            panel=panel,
            design=design,
            calm=mean,
            effect=effect,
            on=on,
            places=places,
            borough=self.borough,
            height=height,
        )

    @property
    def _half(self) -> float:
        return (self.own + self.common) / 2.0

    def _noise(self, rng: np.random.Generator) -> np.ndarray:
        own = np.sqrt(self.own) * self._series(rng.normal(size=(N, self.periods)))
        shared = self.root @ rng.normal(size=(N, self.periods))
        return own + np.sqrt(self.common) * self._series(shared)

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
            able = in_boroughs(rng, self.borough, k)
        elif places == "patch":
            centre = rng.integers(N)
            far = np.hypot(X - X[centre], Y - Y[centre]) + 1e-6 * rng.random(N)
            able = np.argsort(far)[:k]
        if self.hot and places == "scattered":
            able = able[np.argsort(-height[able])[: max(k, len(able) // 2)]]
        return rng.permutation(able)[:k]

    def _treatment(
        self, rng: np.random.Generator, treated: np.ndarray
    ) -> tuple[Design, np.ndarray, np.ndarray]:
        """The design, the cells in which treatment is on, and the log rate ratio of every cell."""
        effect, names = np.zeros((N, self.periods)), [AREAS[i] for i in treated]
        if self.pattern != "stays":
            return self._spells(rng, treated, effect)
        starts = np.array(self.starts)[np.arange(len(treated)) % len(self.starts)]
        effect[treated] = np.where(np.arange(self.periods) >= starts[:, None], TRUTH, 0.0)
        on = effect != 0
        when = int(starts[0]) if len(self.starts) == 1 else [int(s) for s in starts]
        catchment = []
        if self.nearby:
            beside = (np.abs(X[:, None] - X[treated]) + np.abs(Y[:, None] - Y[treated]) == 1).any(1)
            beside[treated] = False
            effect[beside] = np.where(np.arange(self.periods) >= starts[0], NEARBY, 0.0)
            catchment = [AREAS[i] for i in np.flatnonzero(beside)]
        return Design(treated=names, start=when, catchment=catchment), on, effect

    def _spells(
        self, rng: np.random.Generator, treated: np.ndarray, effect: np.ndarray
    ) -> tuple[Design, np.ndarray, np.ndarray]:
        spells, on = [], np.zeros(effect.shape, dtype=bool)
        for i in treated:
            first = int(rng.integers(15, 25))
            for begin in (first, first + int(rng.integers(6, 12))):
                dose = int(rng.integers(1, 3)) if self.pattern == "doses" else None
                while_on = TRUTH if dose is None else dose * PER_DOSE
                on[i, begin : begin + 3] = True
                effect[i, begin : begin + 3] = while_on
                effect[i, begin + 3] = self.lasts * while_on
                spells.append(Spell(area=AREAS[i], start=begin, end=begin + 2, dose=dose))
        return Design(spells=spells), on, effect


def in_boroughs(rng: np.random.Generator, borough: np.ndarray, k: int) -> np.ndarray:
    """Areas of as few boroughs, drawn at random, as hold ``k``."""
    order = rng.permutation(int(borough.max()) + 1)
    held = np.bincount(borough)[order].cumsum()
    return np.flatnonzero(np.isin(borough, order[: int(np.searchsorted(held, k)) + 1]))


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

STARTS = World(
    name="starts", told="treated areas begin in turn in months 24, 30 and 36", starts=(24, 30, 36)
)
ROTATES = World(
    name="rotates",
    told="treated areas are on for three months, twice; nothing lasts",
    pattern="rotates",
)
LASTS = World(
    name="lasts",
    told="treated areas are on for three months, twice; half of the effect lasts a month more",
    pattern="rotates",
    lasts=0.5,
)
DOSES = World(
    name="doses",
    told="treated areas are on for three months, twice, in doses of one and two: each unit leaves "
    "0.9 of events; nothing lasts",
    pattern="doses",
)
TYPES = World(name="types", told="two types of crime", second=True)
BESIDE = World(
    name="beside", told="areas that adjoin treated ones have 0.9 of their events", nearby=True
)
