"""The operation: who is selected, when each is treated, and what that does to single incidents."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hotspot_eval.errors import InputError, Problem
from hotspot_eval.simulate.config import Operation, as_day
from hotspot_eval.simulate.events import Events
from hotspot_eval.simulate.geography import Map

__all__ = ["Change", "Site", "make_sites", "treat"]

Ints = NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Site:
    """The treated areas of one borough.

    Parameters
    ----------
    name, borough : str
    areas, catchment : ndarray of int
        Positions of the treated areas, and of the untreated ones displaced incidents go to.
    spells : tuple of (int, int)
        First day and first day after, since the start of the world.
    """

    name: str
    borough: str
    areas: Ints
    catchment: Ints
    spells: tuple[tuple[int, int], ...]

    def on(self, day: Ints) -> NDArray[np.bool_]:
        """Whether each day is a treated one."""
        treated = np.zeros(len(day), dtype=bool)
        for first, after in self.spells:
            treated |= (day >= first) & (day < after)
        return treated


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Change:
    """What the operation did, incident by incident.

    Parameters
    ----------
    observed : Events
        What happened.
    prevented, induced, displaced : Events
        Prevented in treated areas or, by diffusion, in catchments; added in treated areas by an
        effect above 0; displaced ones as they happened in the catchment.
    prevented_site, induced_site, displaced_site : ndarray of int
        Position of the site behind each.
    origin : ndarray of int
        Area in which each displaced incident would have happened.
    """

    observed: Events
    prevented: Events
    prevented_site: Ints
    induced: Events
    induced_site: Ints
    displaced: Events
    displaced_site: Ints
    origin: Ints


def make_sites(
    operation: Operation,
    ground: Map,
    before: Events,
    outcomes: tuple[str, ...],
    start: np.datetime64,
    days: int,
    rng: np.random.Generator,
) -> tuple[Site, ...]:
    """One site a treated borough, selected on what happened before its own start."""
    takes_part = operation.treated_boroughs or len(ground.boroughs)
    first_day = int((as_day(operation.start, "argument 'start'") - start).astype(int))
    _refuse(operation, ground, takes_part, first_day, days)
    counted = np.isin(
        before.outcome, [outcomes.index(name) for name in operation.selected_on or outcomes]
    )
    known = before.take(counted)
    lottery = rng.random(len(ground.areas))
    sites = []
    for b in range(takes_part):
        begin = first_day + 7 * operation.stagger_weeks * b
        score = _scores(operation, ground, known, begin, lottery)
        members = np.flatnonzero(ground.borough == b)
        chosen = np.sort(members[np.lexsort((members, -score[members]))][: operation.k])
        sites.append(
            Site(
                name=f"{ground.boroughs[b]} {operation.kind.replace('_', ' ')} areas",
                borough=ground.boroughs[b],
                areas=chosen,
                catchment=_catchment(ground, members, chosen),
                spells=_spells(operation, begin, days),
            )
        )
    return tuple(sites)


def treat(
    untreated: Events,
    sites: tuple[Site, ...],
    operation: Operation,
    outcomes: tuple[str, ...],
    rng: np.random.Generator,
) -> Change:
    """Thin the untreated incidents, and move or diffuse what was prevented.

    Each incident keeps one uniform whatever the effect, so that worlds of one seed with larger
    effects prevent all that smaller ones prevent.
    """
    luck, fate = rng.random(len(untreated)), rng.random(len(untreated))
    effect = operation.effect_percent / 100
    moves = operation.displacement_percent / 100
    affected = np.isin(
        untreated.outcome, [outcomes.index(name) for name in operation.affects or outcomes]
    )
    site_of = np.full(len(untreated), -1, dtype=np.intp)
    gone, treated = np.zeros(len(untreated), dtype=bool), np.zeros(len(untreated), dtype=bool)
    for s, site in enumerate(sites):
        on = affected & site.on(untreated.day)
        own = on & np.isin(untreated.area, site.areas)
        site_of[own] = s
        treated |= own
        direct = own & (luck < -effect)
        gone |= direct
        if moves < 0:
            near = on & np.isin(untreated.area, site.catchment)
            site_of[near] = s
            gone |= near & (luck < -moves * direct.sum() / max(int(near.sum()), 1))
    added = np.flatnonzero(treated & (luck < effect))
    moved = np.flatnonzero(gone & (fate < moves))
    induced = replace(untreated.take(added), place=rng.random(len(added)))
    displaced = _displace(untreated.take(moved), site_of[moved], sites, rng)
    return Change(
        observed=untreated.take(~gone).join(induced).join(displaced),
        prevented=untreated.take(gone),
        prevented_site=site_of[gone],
        induced=induced,
        induced_site=site_of[added],
        displaced=displaced,
        displaced_site=site_of[moved],
        origin=untreated.area[moved],
    )


def _displace(
    moved: Events, site_of: Ints, sites: tuple[Site, ...], rng: np.random.Generator
) -> Events:
    where, place = rng.random(len(moved)), rng.random(len(moved))
    area = moved.area.copy()
    for s, site in enumerate(sites):
        own = site_of == s
        area[own] = site.catchment[(where[own] * len(site.catchment)).astype(np.intp)]
    return replace(moved, area=area, place=place)


def _scores(
    operation: Operation, ground: Map, known: Events, begin: int, lottery: NDArray[np.float64]
) -> NDArray[np.float64]:
    n = len(ground.areas)
    window = 7 * operation.lookback_weeks
    last = _count(known, begin - window, begin, n)
    if operation.rule == "count":
        return last
    if operation.rule == "rate":
        rate: NDArray[np.float64] = last / ground.areas["population"].to_numpy(np.float64)
        return rate
    if operation.rule == "random":
        return lottery
    prev = _count(known, begin - window - 364, begin - window, n) * operation.lookback_weeks / 52
    return (last - prev) / np.sqrt(prev + 1)


def _count(known: Events, first: int, after: int, n: int) -> NDArray[np.float64]:
    inside = (known.day >= first) & (known.day < after)
    return np.bincount(known.area[inside], minlength=n).astype(np.float64)


def _catchment(ground: Map, members: Ints, chosen: Ints) -> Ints:
    """Untreated neighbours in the borough; the nearest untreated area where there are none."""
    pairs = np.concatenate([ground.neighbours, ground.neighbours[:, ::-1]])
    beside = pairs[np.isin(pairs[:, 0], chosen), 1]
    free = np.setdiff1d(members, chosen)
    near = np.intersect1d(beside, free)
    if len(near):
        return near
    gaps = np.linalg.norm(ground.centres[free] - ground.centres[chosen].mean(axis=0), axis=1)
    return free[[int(gaps.argmin())]]


def _spells(operation: Operation, begin: int, days: int) -> tuple[tuple[int, int], ...]:
    after = days if operation.weeks is None else begin + 7 * operation.weeks
    if operation.on_weeks is None:
        return ((begin, after),)
    step = 7 * (operation.on_weeks + operation.off_weeks)
    return tuple(
        (first, min(first + 7 * operation.on_weeks, after)) for first in range(begin, after, step)
    )


def _refuse(operation: Operation, ground: Map, takes_part: int, first_day: int, days: int) -> None:
    smallest = int(np.bincount(ground.borough).min())
    history = 7 * operation.lookback_weeks + (364 if operation.rule == "change" else 0)
    last_start = first_day + 7 * operation.stagger_weeks * (takes_part - 1)
    last_end = last_start + 7 * (operation.weeks or 1)
    problems = []
    if takes_part > len(ground.boroughs):
        problems.append(
            Problem(
                where="argument 'treated_boroughs'",
                what=f"{takes_part} asked for, the world has {len(ground.boroughs)}",
            )
        )
    if operation.k >= smallest:
        problems.append(
            Problem(
                where="argument 'k'",
                what=f"{operation.k} treated areas leave no control in a borough of {smallest}",
            )
        )
    if first_day < history:
        problems.append(
            Problem(
                where="argument 'start' of the operation",
                what=f"selection needs {history} days of history, there are {first_day}",
                advice="Start the operation later, or the world earlier.",
            )
        )
    if last_end > days:
        problems.append(
            Problem(
                where="argument 'start' of the operation",
                what=f"in the last borough it would end on day {last_end} of {days}",
                advice="Lengthen the world, or shorten weeks or stagger_weeks.",
            )
        )
    if problems:
        raise InputError(*problems)
