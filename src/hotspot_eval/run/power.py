"""What each site of a study could see, from its own untreated past."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from hotspot_eval.design import Design
from hotspot_eval.errors import InputError, Problem
from hotspot_eval.panel import Panel
from hotspot_eval.periods import interval_days
from hotspot_eval.planning import Dosage
from hotspot_eval.planning.design_table import design_rows, ranked
from hotspot_eval.run.folders import Folders
from hotspot_eval.run.inputs import Inputs
from hotspot_eval.run.params import load_params
from hotspot_eval.run.site import Site
from hotspot_eval.run.specification import planned_sites

__all__ = ["dosage_of", "power_table"]


def power_table(
    params: Path,
    *,
    data: Iterable[Path] = (),
    durations: Sequence[int] = (),
    dosages: Sequence[Dosage] = (),
) -> pd.DataFrame:
    """Sites × durations × dosages, best power first: what each could show, and what it costs.

    Nothing of the treated areas after their start is read. A site that cannot be evaluated stays in
    the table with the reason.

    Parameters
    ----------
    params : Path
    data : iterable of Path
        Further folders that may be read.
    durations : sequence of int
        Lengths in periods: each site is played as if it had just ended, in the last periods before
        the first start of the study (or of the counts, where it has not begun). Without any, the
        study's own windows are used; an operation that starts past the counts is played for
        ``window.post_periods`` (else a quarter of a year).
    dosages : sequence of Dosage
        By default a reduction of a fifth, without hours.

    Returns
    -------
    DataFrame
        site, areas, duration, officer_hours, expected_events, hoped_percent, power, mde_percent,
        mde_crimes, worst_difference, rank, notes; officer_hours only if some are given.
    """
    inputs = Inputs(params=load_params(params), folders=Folders.around(params, data))
    asked = tuple(dosages) or (Dosage(),)
    plans = planned_sites(inputs)
    panel = inputs.panel()
    before = _untreated(panel.outcome(inputs.params.outcomes.primary), plans)
    rows: list[dict[str, object]] = []
    with TemporaryDirectory() as folder:
        for name, planned in plans.items():
            site = Site(
                name=name,
                params=inputs.params,
                inputs=inputs,
                folder=Path(folder),
                _kept={"panel": panel},
            )
            for length in durations or (None,):
                rows += _rows(site, planned, before, length, asked)
    table = ranked(rows)
    if table["officer_hours"].isna().all():
        table = table.drop(columns="officer_hours")
    shown = {"expected_events": 1, "power": 2, "mde_percent": 1, "mde_crimes": 1}
    return table.round({**shown, "worst_difference": 2})


def dosage_of(text: str) -> Dosage:
    """A dosage as it is written on the command line: ``HOURS:PERCENT``, or the per cent alone.

    Examples
    --------
    >>> dosage_of("40:-20")
    Dosage(percent=-20.0, hours_per_area_period=40.0)

    Raises
    ------
    InputError
        If it is neither.
    """
    hours, colon, percent = text.rpartition(":")
    try:
        return Dosage(percent=float(percent), hours_per_area_period=float(hours) if colon else None)
    except ValueError:
        raise InputError(
            Problem(
                where="option '--dosage'",
                what=f"{text!r} is neither HOURS:PERCENT nor a per cent",
                advice="Write 40:-20 for 40 officer hours an area and period, hoping for −20 %.",
            )
        ) from None


def _rows(
    site: Site,
    planned: Design | str,
    before: Panel | None,
    length: int | None,
    dosages: Sequence[Dosage],
) -> list[dict[str, object]]:
    """Rows of one site and length, or one row with the reason."""
    try:
        own = length is None and _fits(site)
        if own:
            panel, design = site.panel(site.primary), site.design()
            laid = design.on(panel)
            after = laid.used & (laid.treatment > 0)
            length = int(after[laid.rows("treated")].sum(axis=1).max())
        else:
            length = length or site.params.window.post_periods or _quarter(site)
            panel, design = _played(planned, before, length, site)
            site = replace(site, _kept={"panel": site.panel(), "design": design})
        return design_rows(
            panel,
            design,
            name=site.name,
            duration=length,
            rule=site.rule(),
            rng=site.rng("minimum detectable effect"),
            dosages=dosages,
            breaks=site.breaks() if own else _breaks_within(site, panel),
        )
    except InputError as error:
        return [{"site": site.name, "duration": length, "notes": str(error)}]


def _fits(site: Site) -> bool:
    """Whether the site's own windows lie inside the counts."""
    last = site.panel().periods.ends[-1]
    spells = site.inputs.starts(site.areas())
    return any(np.datetime64(start, "D") < last for start in spells)


def _played(
    planned: Design | str, before: Panel | None, length: int, site: Site
) -> tuple[Panel, Design]:
    """The site's areas treated in the last periods before anything was, against its controls."""
    if isinstance(planned, str):
        raise InputError(Problem(where=site.name, what=planned))
    if before is None or len(before.periods) <= length:
        held = 0 if before is None else len(before.periods)
        raise InputError(
            Problem(
                where=site.name,
                what=f"{held} untreated periods are too few to play {length} of them",
            )
        )
    design = Design(
        treated=planned.treated,
        start=before.periods.labels[len(before.periods) - length],
        controls=planned.controls,
        catchment=planned.catchment,
        pre_periods=site.params.window.pre_periods,
        post_periods=length,
        gap=site.params.window.gap,
    )
    return before, design


def _untreated(panel: Panel, plans: Mapping[str, Design | str]) -> Panel | None:
    """The panel up to the first start of any site; None if nothing is left."""
    starts = [s.start for plan in plans.values() if isinstance(plan, Design) for s in plan.spells]
    days = [interval_days(start, panel.periods.frequency)[0] for start in starts]
    stop = len(panel.periods)
    if days:
        stop = min(stop, int(np.searchsorted(panel.periods.ends, min(days), side="right")))
    if stop < 1:
        return None
    return panel.select(periods=(panel.periods.labels[0], panel.periods.labels[stop - 1]))


def _breaks_within(site: Site, panel: Panel) -> list[np.datetime64]:
    first, last = panel.periods.starts[0], panel.periods.ends[-1]
    return [day for day in site.breaks() if first < day < last]


def _quarter(site: Site) -> int:
    return {"week": 13, "four_week": 3, "month": 3}.get(site.params.window.frequency, 3)
