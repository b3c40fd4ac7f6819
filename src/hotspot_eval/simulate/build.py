"""The one verb: draw a world, part by part, each part from its own stream of chance."""

from __future__ import annotations

import numpy as np
import pandas as pd

from hotspot_eval.errors import InputError, Problem
from hotspot_eval.periods import PeriodLike, Periods
from hotspot_eval.simulate.config import (
    Crime,
    Geography,
    Operation,
    Recording,
    as_day,
    unknown_outcomes,
)
from hotspot_eval.simulate.events import Events, draw_events
from hotspot_eval.simulate.geography import Map, Places, make_map, make_places
from hotspot_eval.simulate.intensity import draw_counts, make_intensity
from hotspot_eval.simulate.operation import Site, make_sites, treat
from hotspot_eval.simulate.truth import make_truth
from hotspot_eval.simulate.world import World

__all__ = ["simulate"]

_PARTS = ("map", "places", "field", "counts", "days", "selection", "effect", "record", "tallies")


def simulate(
    *,
    rng: np.random.Generator,
    start: PeriodLike = "2020-01-06",
    weeks: int = 130,
    geography: Geography | None = None,
    crime: Crime | None = None,
    operation: Operation | None = None,
    recording: Recording | None = None,
) -> World:
    r"""A London-like world of dated incidents whose counterfactual is known exactly.

    Parameters
    ----------
    rng : numpy.random.Generator
        The same state gives the same world.
    start : date
        First day; weeks are counted from it.
    weeks : int
        Length of the world.
    geography, crime, recording : Geography, Crime, Recording, optional
        Defaults of each class when left out.
    operation : Operation, optional
        Without it nothing is done and the register is empty.

    Returns
    -------
    World

    Raises
    ------
    InputError
        If the parts do not fit together: too little history for the selection, more treated areas
        than a borough has, outcomes that do not exist.

    Notes
    -----
    The untreated incidents are drawn first. Each one in a treated area on a treated day is
    prevented with probability −``effect_percent``/100, and each prevented one reappears in the
    catchment with probability ``displacement_percent``/100, so that in every cell and outcome

    .. math:: Y^1 = Y^0 - \text{prevented} + \text{displaced}

    holds exactly. Every part has its own stream: worlds of one seed that differ in the effect
    alone share their untreated incidents and their selection.

    Examples
    --------
    >>> import numpy as np
    >>> world = simulate(rng=np.random.default_rng(1), operation=Operation(effect_percent=-25))
    >>> world.truth.counterfactual.shape
    (75, 130, 3)
    >>> sorted(world.register["borough"])
    ['Alderbrook', 'Barnsgate', 'Cawdon']
    """
    geography, crime = geography or Geography(), crime or Crime()
    recording = recording or Recording()
    _refuse(weeks, crime, operation, recording)
    chance = {
        part: np.random.default_rng(int(seed))
        for part, seed in zip(_PARTS, rng.integers(0, 2**63, size=len(_PARTS)), strict=True)
    }
    first = as_day(start, "argument 'start'")
    edges = first + np.arange(weeks + 1) * np.timedelta64(7, "D")
    periods = Periods(starts=edges[:-1], ends=edges[1:], frequency="week")
    ground = make_map(geography, chance["map"])
    places = make_places(ground.areas, recording.snap_point_m, chance["places"])
    intensity = make_intensity(crime, ground, periods, tuple(recording.breaks), chance["field"])
    untreated = draw_events(draw_counts(intensity, chance["counts"]), first, chance["days"])
    sites: tuple[Site, ...] = ()
    change = None
    if operation is not None:
        sites = make_sites(
            operation, ground, untreated, crime.names, first, 7 * weeks, chance["selection"]
        )
        change = treat(untreated, sites, operation, crime.names, chance["effect"])
    observed = untreated if change is None else change.observed
    truth = make_truth(
        untreated,
        change,
        sites,
        operation,
        ground,
        crime.names,
        periods,
        intensity.expected(),
        tuple(str(month) for month in recording.missing_months),
    )
    return World(
        incidents=_publish(observed, ground, places, crime, recording, first, chance["record"]),
        areas=ground.areas,
        register=_register(sites, operation, ground, first, chance["tallies"]),
        truth=truth,
        geography=geography,
        crime=crime,
        operation=operation,
        recording=recording,
        untreated=untreated,
        observed=observed,
    )


def _refuse(weeks: int, crime: Crime, operation: Operation | None, recording: Recording) -> None:
    named = [("domestic_outcomes", crime.domestic_outcomes)]
    named.append(("breaks", [change.outcome for change in recording.breaks]))
    if operation is not None:
        named.append(("selected_on", operation.selected_on or ()))
        named.append(("affects", operation.affects or ()))
    problems = unknown_outcomes(crime, named)
    if not 2 <= weeks <= 5000:
        problems.append(Problem(where="argument 'weeks'", what=f"{weeks} is outside 2 to 5000"))
    if problems:
        raise InputError(*problems)


def _publish(
    observed: Events,
    ground: Map,
    places: Places,
    crime: Crime,
    recording: Recording,
    first: np.datetime64,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """What the force would publish: snapped places, some without any, missing months left out."""
    hidden = rng.random(len(observed)) < recording.unlocated_share
    private = rng.random(len(observed)) < crime.domestic_share
    address = places.at(observed.area, observed.place)
    when = first + observed.day.astype("timedelta64[D]") + observed.minute.astype("timedelta64[m]")
    order = np.lexsort((address, observed.outcome, when))
    months = when[order].astype("datetime64[M]")
    order = order[~np.isin(months, np.array(recording.missing_months, dtype="datetime64[M]"))]
    known, address, area = ~hidden[order], address[order], observed.area[order]
    held = np.where(known, places.recorded_area[address], -1)
    names = pd.Series([*ground.areas.index, None], dtype="str")
    degrees = ground.to_degrees(places.published)[address]
    published = np.where(known[:, None], places.published[address], np.nan)
    outcome = observed.outcome[order]
    domestic = np.isin(outcome, [crime.names.index(name) for name in crime.domestic_outcomes])
    return pd.DataFrame(
        {
            "incident": np.arange(1, len(order) + 1),
            "datetime": when[order].astype("datetime64[s]"),
            "outcome": pd.Series(crime.names, dtype="str").take(outcome).array,
            "area": names.take(np.where(held < 0, len(names) - 1, held)).array,
            "area_true": names.take(area).array,
            "easting": published[:, 0],
            "northing": published[:, 1],
            "longitude": np.where(known, degrees[:, 0], np.nan),
            "latitude": np.where(known, degrees[:, 1], np.nan),
            "domestic": domestic & private[order],
        }
    )


def _register(
    sites: tuple[Site, ...],
    operation: Operation | None,
    ground: Map,
    first: np.datetime64,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """One row a site and spell, with outputs that follow the dosage and not the outcome."""
    columns = ["site", "borough", "kind", "start", "end", "areas"]
    tallies = ["dosage_hours", "arrests", "weapons_found"]
    rows: list[list[object]] = []
    for site in sites:
        for begin, after in site.spells:
            hours = (operation.hours_per_area_day if operation else 0.0) * len(site.areas)
            hours *= after - begin
            rows.append(
                [
                    site.name,
                    site.borough,
                    operation.kind if operation else "",
                    str(first + np.timedelta64(begin, "D")),
                    str(first + np.timedelta64(after - 1, "D")),
                    ";".join(ground.areas.index[site.areas]),
                    round(hours, 1),
                    int(rng.poisson(hours / 60)),
                    int(rng.poisson(hours / 250)),
                ]
            )
    return pd.DataFrame(rows, columns=columns + tallies)
