"""Panels in the worlds of a referee, and where treatment is in them.

log mean of area i in period t = level + field_it + own_it + borough_bt + trend + season (+ the
effect where treated). ``field`` fades with distance; field, own and borough shocks are AR(1).
Counts are Poisson or negative binomial around that. Maps and draws have the referee's own seeds.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.vq import kmeans2
from scipy.spatial.distance import cdist
from tests.calibration.coverage_worlds import AREAS, Drawn, N, Places, X, Y

from hotspot_eval.design import Design
from hotspot_eval.panel import Panel
from hotspot_eval.periods import Periods

__all__ = ["RefereeWorld"]

Float = NDArray[np.float64]
Whole = NDArray[np.intp]
BLOCKS = {4: (2, 2), 8: (4, 2), 10: (5, 2), 20: (5, 4), 40: (10, 4)}
SIDES = {5: (5, 1), 10: (5, 2), 40: (8, 5)}
CLIPPED_T3_VARIANCE = 2.2


class Map(NamedTuple):
    """Places of areas, (N, 2), and their boroughs, (N,)."""

    place: Float
    borough: Whole


@dataclass(frozen=True, kw_only=True, eq=False)
class RefereeWorld:
    """One family of panels; see the module for the equation.

    ``points``: areas lie anywhere in a unit square, not on a grid. ``shape``: of the gamma
    distribution of levels. ``mixing``: variance of the gamma noise of single counts, 0 for Poisson.
    ``fades``: the field is a spatial autoregression of the grid with coefficient ``reach``, or its
    correlation is exp(−d/reach) or exp(−d²/2 reach²). ``heavy``: own shocks have t₃ tails.
    ``bursts``: the share of cells in which three periods of fourfold rate begin. ``trend``:
    standard deviation of the boroughs' log trend in a year. ``labels``: whether the panel knows the
    boroughs. ``together``: clustered areas are the nearest ones to an area, whole boroughs, or a
    block of the grid. ``hot``: areas are treated in proportion to their level. ``exposure``: rates
    per population.
    """

    name: str
    told: str
    points: bool = False
    mean: float = 1.0
    shape: float = 2.0
    mixing: float = 0.5
    fades: Literal["autoregression", "exponential", "gaussian"] = "autoregression"
    reach: float = 0.7
    field_sd: float = 0.25
    field_serial: float = 0.5
    own_sd: float = 0.0
    own_serial: float = 0.3
    heavy: bool = False
    bursts: float = 0.0
    boroughs: int = 0
    borough_sd: float = 0.0
    borough_serial: float = 0.6
    trend: float = 0.0
    season: float = 0.0
    labels: bool = True
    together: Literal["nearest", "borough", "block"] = "nearest"
    hot: bool = False
    exposure: bool = False
    ratio: float = 1.0
    periods: int = 36
    start: int = 24

    @property
    def starts(self) -> tuple[int, ...]:
        """The first treated period."""
        return (self.start,)

    @property
    def labelled(self) -> bool:
        """Whether the panel has borough labels."""
        return self.labels and self.boroughs > 0

    @cached_property
    def map(self) -> Map:
        """Where areas lie and which borough they belong to; the same in every draw."""
        rng = np.random.default_rng(zlib.crc32(self.name.encode()))
        if self.points:
            place = rng.uniform(size=(N, 2))
            if not self.boroughs:
                return Map(place, np.zeros(N, dtype=np.intp))
            borough = kmeans2(place, self.boroughs, minit="++", seed=rng)[1]
            return Map(place, borough.astype(np.intp))
        across, down = BLOCKS.get(self.boroughs, (1, 1))
        borough = X // (20 // across) + across * (Y * down // 10)
        return Map(np.column_stack([X, Y]).astype(float), borough.astype(np.intp))

    @cached_property
    def distance(self) -> Float:
        """Of areas from each other, (N, N)."""
        return np.asarray(cdist(self.map.place, self.map.place))

    @cached_property
    def root(self) -> Float:
        """Root of the spatial correlation of the field, (N, N)."""
        if self.fades == "autoregression":
            inverse = np.linalg.inv(np.eye(N) - self.reach * self._weights())
            shared = inverse @ inverse.T
            scale = np.sqrt(np.diag(shared))
            shared = shared / scale[:, None] / scale
        elif self.fades == "exponential":
            shared = np.exp(-self.distance / self.reach)
        else:
            shared = np.exp(-((self.distance / self.reach) ** 2) / 2.0)
        return np.linalg.cholesky(shared + 1e-8 * np.eye(N))

    def draw(self, rng: np.random.Generator, k: int, places: Places) -> Drawn:
        """A panel in which ``k`` areas are treated, its design, and what is true of it."""
        level = self.mean * rng.gamma(self.shape, 1.0 / self.shape, N)
        level = np.maximum(level, 0.02 * self.mean)
        population = rng.lognormal(0.0, 0.4, N) if self.exposure else np.ones(N)
        log = self._shocks(rng)
        mean = (level * population)[:, None] * np.exp(log.T) * self._bursts(rng).T
        treated = self._treated(rng, k, places, level)
        if self.mixing:
            mean = mean * rng.gamma(1.0 / self.mixing, self.mixing, mean.shape)
        on = np.zeros(mean.shape, dtype=bool)
        on[treated, self.start :] = True
        effect = np.where(on, np.log(self.ratio), 0.0)
        height = np.log(level)
        return Drawn(
            panel=self._panel(rng.poisson(mean * np.where(on, self.ratio, 1.0)), population),
            design=Design(treated=[AREAS[i] for i in np.sort(treated)], start=self.start),
            calm=mean,
            effect=effect,
            on=on,
            places=places,
            borough=self.map.borough,
            height=(height - height.mean()) / height.std(),
        )

    def _weights(self) -> Float:
        """Equal weights on the areas next door, for a grid."""
        beside = np.isclose(self.distance, 1.0)
        weights: Float = beside / beside.sum(axis=1, keepdims=True)
        return weights

    def _shocks(self, rng: np.random.Generator) -> Float:
        """All that moves log rates from their levels, (T, N)."""
        shape, borough = (self.periods, N), self.map.borough
        shared = series(rng.standard_normal(shape) @ self.root.T, self.field_serial)
        log = self.field_sd * shared - self.field_sd**2 / 2.0
        if self.own_sd:
            if self.heavy:
                own = np.clip(rng.standard_t(3.0, shape), -6.0, 6.0) / np.sqrt(CLIPPED_T3_VARIANCE)
            else:
                own = rng.standard_normal(shape)
            log = log + self.own_sd * series(own, self.own_serial)
        count = int(borough.max()) + 1
        if self.borough_sd:
            steps = series(rng.standard_normal((self.periods, count)), self.borough_serial)
            log = log + self.borough_sd * steps[:, borough]
        year = np.arange(self.periods)[:, None] / 12.0
        if self.trend:
            log = log + (year - year.mean()) * rng.normal(0.0, self.trend, count)[borough]
        return log + self.season * np.cos(2.0 * np.pi * year)

    def _bursts(self, rng: np.random.Generator) -> Float:
        """Fourfold for three periods from where a burst begins, otherwise 1, (T, N)."""
        if not self.bursts:
            return np.ones((self.periods, N))
        begins = rng.uniform(size=(self.periods, N)) < self.bursts
        on = begins.copy()
        on[1:] |= begins[:-1]
        on[2:] |= begins[:-2]
        return np.where(on, 4.0, 1.0)

    def _treated(self, rng: np.random.Generator, k: int, places: Places, level: Float) -> Whole:
        weight = level / level.sum() if self.hot else np.full(N, 1.0) / N
        if places == "scattered":
            return rng.choice(N, k, replace=False, p=weight)
        centre = rng.choice(N, p=weight)
        if self.together == "block":
            across, down = SIDES[k]
            left, low = rng.integers(0, 20 - across + 1), rng.integers(0, 10 - down + 1)
            inside = (left <= X) & (left + across > X) & (low <= Y) & (low + down > Y)
            return np.flatnonzero(inside)
        order = np.argsort(self.distance[centre], kind="stable")
        if self.together == "borough":
            place, borough = self.map
            middle = np.array([place[borough == b].mean(axis=0) for b in range(self.boroughs)])
            apart = cdist(middle[[borough[centre]]], middle)[0]
            order = order[np.argsort(apart[borough[order]], kind="stable")]
        return order[:k]

    def _panel(self, counts: NDArray[Any], population: Float) -> Panel:
        label = tuple(f"B{b:02d}" for b in self.map.borough) if self.labelled else None
        rates = np.broadcast_to(population[:, None], counts.shape).copy()
        return Panel(
            areas=AREAS,
            periods=Periods.span(0, self.periods - 1, frequency="step"),
            outcomes=("y",),
            counts=counts[:, :, None],
            observed=np.ones((*counts.shape, 1), dtype=bool),
            offset_base=rates if self.exposure else None,
            cluster=label,
        )


def series(shocks: Float, serial: float) -> Float:
    """AR(1) over rows, stationary from the first."""
    answer, fade = shocks.copy(), np.sqrt(1.0 - serial**2)
    for t in range(1, len(shocks)):
        answer[t] = serial * answer[t - 1] + fade * shocks[t]
    return answer
