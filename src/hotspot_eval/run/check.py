"""The check before a run: everything that is wrong with params and data, at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio

from hotspot_eval.data import CALENDAR, breaks_in_window, check_outcome
from hotspot_eval.design import Design
from hotspot_eval.errors import InputError, Problem
from hotspot_eval.panel import Panel, area_ids
from hotspot_eval.periods import Periods, interval_days
from hotspot_eval.run.folders import Folders
from hotspot_eval.run.inputs import Inputs, place_problems
from hotspot_eval.run.lock import locked, read_locks
from hotspot_eval.run.params import params_or_problems

__all__ = ["check_params"]


def check_params(
    paths: Sequence[Path], *, data: Iterable[Path] = ()
) -> tuple[list[Problem], list[str]]:
    """Every problem of the params files and of what they name; and a summary if there is none.

    Nothing is written. One fault does not hide another: what can be read without the faulty part
    is read and checked.

    Returns
    -------
    problems : list of Problem
        Each once, in the order of the files.
    summary : list of str
        A line for each usable params file: its sites, areas and periods.
    """
    data = tuple(data)
    problems: list[Problem] = []
    summary: list[str] = []
    for path in paths:
        params, found = params_or_problems(path)
        if params is not None:
            inputs = Inputs(params=params, folders=Folders.around(path, data))
            found = [*found, *_caught(partial(_lock, path)), *_input_problems(inputs)]
            if not found:
                summary.append(_summary(path, inputs))
                summary.append(f"{path.name}: {locked(path, inputs).line()}.")
        problems += found
    once = {str(problem): problem for problem in problems}
    return list(once.values()), summary


def _input_problems(inputs: Inputs) -> list[Problem]:
    found = []
    steps = (_paths, _outcomes, _areas, _counts, _gaps, _windows, _population, _register, _breaks)
    for step in steps:
        found += _caught(partial(step, inputs))
    return found or _caught(partial(_together, inputs))


def _together(inputs: Inputs) -> list[Problem]:
    """What only shows when all is put together."""
    inputs.panel()
    if not inputs.boroughs():
        return [Problem(where="register", what="names no borough where something was delivered")]
    return []


def _lock(path: Path) -> list[Problem]:
    """A damaged lock; one that differs from the params is told, not refused."""
    read_locks(path)
    return []


def _paths(inputs: Inputs) -> list[Problem]:
    problems: list[Problem] = []
    for field, name in inputs.named():
        try:
            found = inputs.folders.find(name, field=field)
        except InputError as error:
            problems += error.problems
            continue
        if found.is_file() and found.stat().st_size == 0:
            problems.append(Problem(where=f"field '{field}'", what=f"{name!r} is empty"))
    return problems


def _outcomes(inputs: Inputs) -> list[Problem]:
    params = inputs.params
    check_outcome(params.outcomes.primary, acknowledged=params.acknowledge)
    known = {entry.name for entry in CALENDAR} | {params.outcomes.primary}
    unknown = [n for n in params.acknowledge if n not in known and not n.startswith("missing ")]
    return [
        Problem(
            where="field 'acknowledge'",
            what="names neither a break of the calendar, nor the outcome, nor a missing period",
            examples=unknown,
            advice="Write 'missing 2022-01' for a period without counts.",
        )
    ] * bool(unknown)


def _areas(inputs: Inputs) -> list[Problem]:
    if _usable(inputs, "areas.path"):
        inputs.areas()
    return []


def _counts(inputs: Inputs) -> list[Problem]:
    readable = _readable(inputs)
    if readable is None:
        return []
    areas, counts = _boundaries(inputs), inputs.params.counts
    placed_by_point = counts.kind == "incidents" and counts.area is None
    if areas is None and placed_by_point:
        return []
    panel = readable.counted(areas)
    ids = _area_frame(inputs)
    return [] if ids is None else place_problems(panel, ids)


def _gaps(inputs: Inputs) -> list[Problem]:
    """Periods inside the study that the counts do not cover."""
    readable = _readable(inputs)
    known = readable.coverage() if readable is not None else None
    if known is None:
        return []
    periods, covered = known
    window = inputs.params.window
    first = periods.position(window.start) if window.start else 0
    last = periods.position(window.end) if window.end else len(periods) - 1
    missing = [
        label
        for place, label in enumerate(periods.labels)
        if first <= place <= last and not covered[place]
    ]
    unsaid = [label for label in missing if f"missing {label}" not in inputs.params.acknowledge]
    return [
        Problem(
            where="counts",
            what="periods inside the study have no counts in any area",
            examples=unsaid,
            advice="Get the files, shorten the window, or acknowledge each "
            f"(acknowledge: {{'missing {unsaid[0] if unsaid else ''}': why it does not matter}}).",
        )
    ] * bool(unsaid)


def _outside(days: Sequence[np.datetime64], told: bool, read: tuple[str, str]) -> list[Problem]:
    """No start falls where there are counts before and after it."""
    if not days:
        return []
    return [
        Problem(
            where="field 'treatment.start'" if told else "register",
            what=f"no operation starts within the counts, which run from {read[0]} to {read[1]}, "
            "with at least one period before it",
            examples=sorted({str(day) for day in days}),
            advice="Correct the dates, or read counts from before and after the start.",
        )
    ]


def _windows(inputs: Inputs) -> list[Problem]:
    """Windows that no start has room for; a start without room fails its own site alone."""
    readable = _readable(inputs)
    known = readable.coverage() if readable is not None else None
    told = inputs.params.treatment is not None
    if known is None or not (told or _usable(inputs, "register.path")):
        return []
    window, periods = inputs.params.window, known[0]
    first = periods.position(window.start) if window.start else 0
    stop = (periods.position(window.end) if window.end else len(periods) - 1) + 1
    days = [interval_days(day, window.frequency)[0] for day in inputs.starts(_area_frame(inputs))]
    places = [int(np.searchsorted(periods.ends, day, side="right")) for day in days]
    places = [place for place in places if first < place < stop]
    if not places:
        return _outside(days, told, (periods.labels[first], periods.labels[stop - 1]))
    early, late = min(places), max(places)
    before, after = late - first, stop - early
    gap = f" and a gap of {window.gap}" if window.gap else ""
    asked = (
        ("pre_periods", before - window.gap, f"{gap} before each start; the counts hold {before} "
         f"before the latest start ({periods.labels[late]})"),
        ("post_periods", after, f" from each start on; the counts hold {after} from the earliest "
         f"start on ({periods.labels[early]})"),
    )  # fmt: skip
    return [
        Problem(
            where=f"field 'window.{name}'",
            what=f"asks for {wanted} periods{held}",
            advice=f"Set it to {max(room, 1)} or less, or read counts of more periods.",
        )
        for name, room, held in asked
        if (wanted := getattr(window, name) or 0) > room
    ]


def _population(inputs: Inputs) -> list[Problem]:
    if inputs.params.population is not None and _usable(inputs, "population.path"):
        inputs.population()
    return []


def _register(inputs: Inputs) -> list[Problem]:
    """Faults of the register; areas are checked even where the boundaries are faulty otherwise."""
    told = inputs.params.treatment
    ids = _area_frame(inputs)
    if told is not None:
        unknown = [a for a in told.areas if ids is not None and a not in set(ids.index)]
        return [
            Problem(
                where="field 'treatment.areas'",
                what="are not in the boundaries",
                examples=unknown,
            )
        ] * bool(unknown)
    if not _usable(inputs, "register.path"):
        return []
    register = inputs.register_on(ids)
    asked = inputs.params.boroughs
    unknown = [] if asked == "each" else [b for b in asked if b not in register.boroughs]
    return [
        Problem(
            where="field 'boroughs'",
            what="are not in the register",
            examples=unknown,
            advice=f"It has {', '.join(register.boroughs)}.",
        )
    ] * bool(unknown)


def _readable(inputs: Inputs) -> Inputs | None:
    """The inputs with only those counts files that are there: one bad path hides no other fault."""
    counts = inputs.params.counts
    names = [path for i, path in enumerate(counts.paths) if _usable(inputs, f"counts.paths[{i}]")]
    if not names:
        return None
    kept = counts.model_copy(update={"paths": names})
    return replace(inputs, params=inputs.params.model_copy(update={"counts": kept}))


def _breaks(inputs: Inputs) -> list[Problem]:
    """Breaks at the start of treatment, seen without the counts."""
    params = inputs.params
    if params.treatment is None and not _usable(inputs, "register.path"):
        return []
    starts = inputs.starts(_area_frame(inputs))
    days = [interval_days(start, params.window.frequency)[0] for start in starts]
    known = inputs.coverage()
    if known is not None:
        first, after = known[0].starts[0], known[0].ends[-1]
        days = [day for day in days if first <= day < after]
    if not days:
        return []
    span = Periods.span(min(days), max(days), frequency=params.window.frequency)
    names = (params.outcomes.primary, *params.outcomes.secondary)
    shape = (len(days) + 1, len(span), len(names))
    panel = Panel(
        areas=tuple(f"{place:05d}" for place in range(shape[0])),
        periods=span,
        outcomes=tuple(dict.fromkeys(names)),
        counts=np.zeros(shape, dtype=np.int64),
        observed=np.ones(shape, dtype=bool),
    )
    breaks_in_window(
        panel,
        Design(treated=panel.areas[:-1], start=days),
        source=inputs.source(),
        force=params.counts.force,
        level=params.areas.level,
        acknowledged=inputs.acknowledged_breaks(),
    )
    return []


def _usable(inputs: Inputs, *fields: str) -> bool:
    """Whether the files of these fields are there; if not, the path's own problem says so."""
    named = dict(inputs.named())
    for field in fields:
        if field not in named:
            return False
        try:
            found = inputs.folders.find(named[field], field=field)
        except InputError:
            return False
        if found.is_file() and found.stat().st_size == 0:
            return False
    return True


def _boundaries(inputs: Inputs) -> gpd.GeoDataFrame | None:
    """The boundaries; None where they are faulty, which is told in its own place."""
    if not _usable(inputs, "areas.path"):
        return None
    try:
        return inputs.areas()
    except InputError:
        return None


def _area_frame(inputs: Inputs) -> pd.DataFrame | None:
    """The boundaries, or where they are faulty at least their ids, names and boroughs."""
    if not _usable(inputs, "areas.path"):
        return None
    source = inputs.params.areas
    drawn: pd.DataFrame | None = _boundaries(inputs)
    if drawn is not None:
        return drawn
    try:
        frame = pyogrio.read_dataframe(
            inputs.folders.find(source.path, field="areas.path"), read_geometry=False
        )
    except (ValueError, OSError, pyogrio.errors.DataSourceError):
        return None
    if source.id_column not in frame.columns:
        return None
    named = {"cluster": source.cluster_column, "area_name": source.name_column}
    kept = {new: frame[old].to_numpy() for new, old in named.items() if old in frame.columns}
    return pd.DataFrame(kept, index=pd.Index(area_ids(frame[source.id_column]), name="area"))


def _caught(step: Callable[[], list[Problem]]) -> list[Problem]:
    try:
        return step()
    except InputError as error:
        return list(error.problems)


def _summary(path: Path, inputs: Inputs) -> str:
    boroughs = inputs.boroughs()
    shown = ", ".join(boroughs[:5]) + (", …" if len(boroughs) > 5 else "")
    sites = f"{len(boroughs)} site{'' if len(boroughs) == 1 else 's'}"
    return f"{path.name}: usable; {sites} ({shown}). {inputs.panel()!r}"
