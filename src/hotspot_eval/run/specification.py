"""What is decided before the result: everything of a study that no count after the start tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from hotspot_eval.data import InterventionRegister
from hotspot_eval.design import Design
from hotspot_eval.errors import InputError, Problem
from hotspot_eval.panel import Panel
from hotspot_eval.periods import Periods, interval_days
from hotspot_eval.run.inputs import Inputs
from hotspot_eval.run.params import Comparison, Estimation, Outcomes, Selection, Window
from hotspot_eval.run.site import Site

__all__ = ["ROLES", "counts_end", "default_settings", "planned_sites", "specification"]

ROLES = ("treated", "catchment", "controls")
_SECTIONS = ("outcomes", "window", "comparison", "selection", "estimation", "treatment")
_DAYS = {"week": 7, "four_week": 28, "month": 31, "year": 366, "step": 1}


def specification(inputs: Inputs) -> dict[str, Any]:
    """Settings and sites of a study, read without a single count.

    Parameters
    ----------
    inputs : Inputs

    Returns
    -------
    dict
        ``settings``: dotted name → value as JSON knows it; ``sites``: name → ``first_start`` (the
        first treated day) and area ids under ``treated`` (each with its dates), ``catchment`` and
        ``controls``, or ``problem`` where the site has no design.

    Raises
    ------
    InputError
        If boundaries or register cannot be read.

    Notes
    -----
    The design is laid over an empty panel that is long enough for every window, so roles are those
    that the register, the boundaries and the params give; areas that the counts lack, or whose
    windows they do not fill, are left out later and counted in the site's ledger.
    """
    frequency = inputs.params.window.frequency
    sites = {name: _roles(plan, frequency) for name, plan in planned_sites(inputs).items()}
    return {"settings": _settings(inputs), "sites": sites}


def planned_sites(inputs: Inputs) -> dict[str, Design | str]:
    """Site → its design by register, boundaries and params alone, or why it has none."""
    areas = inputs.areas()
    register = None if inputs.params.register_ is None else inputs.register(areas)
    kept: dict[str, Any] = {
        "areas": areas,
        "panel": _empty_panel(inputs, areas, register),
        "register": register,
    }
    plans: dict[str, Design | str] = {}
    for name in inputs.boroughs():
        site = Site(name=name, params=inputs.params, inputs=inputs, folder=Path(), _kept=dict(kept))
        try:
            plans[name] = site.design()
        except InputError as error:
            plans[name] = str(error)
        kept |= {key: value for key, value in site._kept.items() if key == "graph"}
    return plans


def default_settings() -> dict[str, Any]:
    """Settings as they are where params say nothing: what an older lock could not name."""
    told: dict[str, Any] = {}
    for section, model in (
        ("outcomes", Outcomes(primary="-")),
        ("window", Window()),
        ("comparison", Comparison()),
        ("selection", Selection()),
        ("estimation", Estimation()),
    ):
        told |= _flat(model.model_dump(mode="json"), f"{section}.")
    del told["outcomes.primary"]
    return told


def counts_end(inputs: Inputs) -> str:
    """Last day on which the files hold counts; ``none`` without files, ``unknown`` if untold.

    Read from the column of periods or dates where the source has one; with periods, the last day
    of the last of them.
    """
    window = inputs.params.window.model_copy(update={"start": None, "end": None})
    whole = replace(inputs, params=inputs.params.model_copy(update={"window": window}))
    try:
        whole.count_files()
    except InputError:
        return "none"
    if inputs.params.counts.kind == "incidents":
        try:
            return f"{whole.times().max():%Y-%m-%d}"
        except (InputError, ValueError):
            return "unknown"
    known = whole.coverage()
    if known is None:
        return "unknown"
    periods, covered = known
    last = periods.ends[np.flatnonzero(covered)[-1]] - np.timedelta64(1, "D")
    return str(last)


def _settings(inputs: Inputs) -> dict[str, Any]:
    params = inputs.params
    dumped = params.dump()
    told: dict[str, Any] = {"seed": params.seed, "boroughs": dumped["boroughs"]}
    for section in _SECTIONS:
        told |= _flat(dumped[section] or {}, f"{section}.")
    told |= _flat(dumped["counts"]["types"], "counts.types.")
    told |= {
        "counts.absent": params.counts.absent,
        "acknowledge": sorted(params.acknowledge),
        "population": None if params.population is None else params.population.value_column,
    }
    if params.register_ is not None:
        told |= {f"register.{name}": dumped["register"][name] for name in ("kind", "kinds")}
    return told


def _roles(design: Design | str, frequency: Any) -> dict[str, Any]:
    if isinstance(design, str):
        return {"problem": design}
    frame = design.to_frame()
    days = [_day(start, frequency) for start in frame["start"]]
    ends = ["" if end is None or pd.isna(end) else f" to {_told(end)}" for end in frame["end"]]
    controls = [] if design.controls is None else design.controls
    return {
        "first_start": min(days),
        "treated": sorted(
            f"{area} from {_told(start)}{end}"
            for area, start, end in zip(frame["area"], frame["start"], ends, strict=True)
        ),
        "catchment": sorted(map(str, design.catchment)),
        "controls": sorted(map(str, controls)),
    }


def _empty_panel(
    inputs: Inputs, areas: gpd.GeoDataFrame, register: InterventionRegister | None
) -> Panel:
    params = inputs.params
    window = params.window
    if register is not None:
        spells = register.spells
        days = pd.concat([spells["start"], spells["end"]]).dropna()
        if days.empty:
            raise InputError(Problem(where="register", what="holds no dated spell"))
        first, last = (np.datetime64(day, "D") for day in (days.min(), days.max()))
    elif params.treatment is not None:
        told = params.treatment
        first = interval_days(told.start, window.frequency)[0]
        last = interval_days(told.end or told.start, window.frequency)[1]
    block = _DAYS[window.frequency]
    before = ((window.pre_periods or 1) + window.gap + 1) * block
    after = ((window.post_periods or 1) + 1) * block
    begin, end = first - np.timedelta64(before, "D"), last + np.timedelta64(after, "D")
    periods = Periods.span(str(begin), str(end), frequency=window.frequency)
    shape = (len(areas), len(periods), 1)
    return Panel(
        areas=tuple(sorted(map(str, areas.index))),
        periods=periods,
        outcomes=(params.outcomes.primary,),
        counts=np.zeros(shape, dtype=np.int64),
        observed=np.ones(shape, dtype=bool),
        cluster=(
            tuple(map(str, areas["cluster"].sort_index())) if "cluster" in areas.columns else None
        ),
    )


def _flat(values: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            told |= _flat(value, f"{prefix}{key}.")
        else:
            told[f"{prefix}{key}"] = value
    return told


def _day(value: Any, frequency: Any) -> str:
    return str(interval_days(value, frequency)[0])


def _told(value: Any) -> str:
    return f"{value:%Y-%m-%d}" if isinstance(value, pd.Timestamp) else str(value)[:10]
