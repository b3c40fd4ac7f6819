"""The stage: who was treated when, and which cells of the panel are left for scenes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hotspot_eval.design import Assignment, Design
from hotspot_eval.errors import InputError, Problem
from hotspot_eval.inference.replay.rules import periods_per_year
from hotspot_eval.panel import Panel
from hotspot_eval.periods import PeriodLike

__all__ = ["Site", "Stage", "Windows", "set_stage", "sites_of"]

WHOLE_PANEL = "all areas"


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """Lengths, in periods, counted from the first treated one.

    Parameters
    ----------
    pre, gap : int
        Baseline, and the periods left out between it and the start.
    on : tuple of int
        Offsets from the start that are treated; an on/off operation leaves holes.
    year, quarter : int
        Periods in a year and in three months.
    """

    pre: int
    gap: int
    on: tuple[int, ...]
    year: int
    quarter: int

    @property
    def post(self) -> int:
        """Periods from the start to the last treated one."""
        return self.on[-1] + 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Site:
    """The treated areas of one cluster that start together.

    Parameters
    ----------
    cluster : str
    onset : int
        Position of the first treated period.
    treated, controls : ndarray of int
        Rows of the panel.
    windows : Windows
    shares : ndarray, shape (len(windows.on),)
        Mean share of the treated areas' periods that is treated, at each treated offset.
    """

    cluster: str
    onset: int
    treated: NDArray[np.intp]
    controls: NDArray[np.intp]
    windows: Windows
    shares: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stage:
    """What every scene of a study shares.

    Parameters
    ----------
    panel : Panel
        Of one outcome.
    counts : ndarray, shape (N, T)
    cluster : ndarray of int, shape (N,)
        Position of each area's label in ``labels``.
    labels : tuple of str
    usable : ndarray of bool, shape (N, T)
        Cells that are observed and neither treated, nor a catchment of what is, nor in washout.
    excluded : ndarray of bool, shape (N,)
    breaks : tuple of int
        Positions of periods that start after a break in recording.
    everywhere : bool
        Whether controls come from the whole panel rather than from the scene's own cluster.
    washout : int
        Periods after a treated one that may not enter a scene.
    shift : int
        Position of this panel's first period in the calendar of the study's panel.
    others : tuple of Stage
        Panels of other forces, on which nothing was done.
    """

    panel: Panel
    counts: NDArray[np.float64]
    cluster: NDArray[np.intp]
    labels: tuple[str, ...]
    usable: NDArray[np.bool_]
    excluded: NDArray[np.bool_]
    breaks: tuple[int, ...]
    everywhere: bool
    washout: int = 0
    shift: int = 0
    others: tuple[Stage, ...] = ()

    @property
    def all_labels(self) -> tuple[str, ...]:
        """Labels of the own clusters, then of those of other forces."""
        return self.labels + tuple(label for stage in self.others for label in stage.labels)

    @property
    def all_stages(self) -> tuple[Stage, ...]:
        """The own stage, then the others: what ``Scenes.source`` counts."""
        return (self, *self.others)

    def candidates(self) -> Panel:
        """The panel as a rule sees it: without the areas that the design excludes."""
        if not self.excluded.any():
            return self.panel
        return self.panel.select(
            areas=[a for a, out in zip(self.panel.areas, self.excluded, strict=True) if not out]
        )

    def clean_since(self) -> NDArray[np.intp]:
        """First period from which each area is clean up to each period, shape (N, T + 1).

        0 where nothing before it was touched, or missing while other areas were observed.
        """
        n, t = self.usable.shape
        seen = np.asarray(self.panel.observed[:, :, 0].any(axis=0))
        after = np.where(~self.usable & seen, np.arange(1, t + 1), 0)
        since = np.zeros((n, t + 1), dtype=np.intp)
        np.maximum.accumulate(after, axis=1, out=since[:, 1:])
        return since


def sites_of(panel: Panel, design: Design, assignment: Assignment) -> tuple[Site, ...]:
    """The design as sites: one for each cluster and first treated period."""
    labels = np.array(panel.cluster or [WHOLE_PANEL] * len(panel.areas))
    treated = assignment.rows("treated")
    controls = assignment.rows("control")
    everywhere = bool(set(labels[controls]) - set(labels[treated])) or panel.cluster is None
    keys = sorted({(labels[row], int(assignment.first[row])) for row in treated})
    sites = []
    for label, onset in keys:
        rows = treated[(labels[treated] == label) & (assignment.first[treated] == onset)]
        own = controls if everywhere else controls[labels[controls] == label]
        shares = assignment.treatment[rows][:, onset:] * assignment.used[rows][:, onset:]
        on = np.flatnonzero((shares > 0).any(axis=0))
        year = periods_per_year(panel)
        windows = Windows(
            pre=design.pre_periods or min(year, onset - design.gap),
            gap=design.gap,
            on=tuple(on.tolist()),
            year=year,
            quarter=max(1, year // 4),
        )
        sites.append(
            Site(
                cluster=str(label),
                onset=onset,
                treated=rows,
                controls=own,
                windows=windows,
                shares=shares[:, on].mean(axis=0),
            )
        )
    empty = [
        f"{site.cluster} from {panel.periods.labels[site.onset]}"
        for site in sites
        if not len(site.controls) or site.windows.pre < 1
    ]
    if empty:
        raise InputError(
            Problem(
                where="design",
                what="sites have no control area or no period before the start",
                examples=empty,
                advice="Give every treated cluster controls, or let controls come from all areas.",
            )
        )
    return tuple(sites)


def set_stage(
    panel: Panel,
    design: Design,
    assignment: Assignment,
    *,
    everywhere: bool,
    washout: int,
    breaks: Sequence[PeriodLike],
    others: Mapping[str, Panel] | None = None,
) -> Stage:
    """What may be used: cells observed and untouched by any operation.

    Areas treated elsewhere throughout are no part of any scene: they would keep their whole
    borough out.
    """
    counts, observed = panel.single()
    touched = assignment.treatment > 0
    names = np.array(panel.cluster or [WHOLE_PANEL] * len(panel.areas))
    labels, cluster = np.unique(names, return_inverse=True)
    for row in assignment.rows("catchment"):
        near = (cluster == cluster[row]) & (assignment.role == "treated")
        near = near if near.any() else assignment.role == "treated"
        touched[row] = (assignment.treatment[near] > 0).any(axis=0)
    beside = design.treated_elsewhere(panel)
    touched |= beside
    for _ in range(washout):
        touched[:, 1:] = touched[:, 1:] | touched[:, :-1]
    excluded = np.zeros(len(panel.areas), dtype=bool)
    excluded[panel.positions(design.excluded)] = True
    excluded |= beside.all(axis=1)
    return Stage(
        panel=panel,
        counts=counts,
        cluster=cluster,
        labels=tuple(str(label) for label in labels),
        usable=observed & ~touched,
        excluded=excluded,
        breaks=tuple(sorted(panel.periods.position(value) for value in breaks)),
        everywhere=everywhere,
        washout=washout,
        others=tuple(
            _stage_of_other(panel, name, other, everywhere=everywhere)
            for name, other in (others or {}).items()
        ),
    )


def _stage_of_other(panel: Panel, name: str, other: Panel, *, everywhere: bool) -> Stage:
    """The stage of a force on which nothing was done."""
    where = f"argument 'other_forces', {name}"
    own, its = panel.periods.frequency, other.periods.frequency
    if its != own:
        raise InputError(
            Problem(
                where=where,
                what=f"has a panel by {its}, the study's is by {own}",
                advice="Count events over periods of the same length.",
            )
        )
    counts, observed = other.single()
    names = np.array(other.cluster or [WHOLE_PANEL] * len(other.areas))
    labels, cluster = np.unique(names, return_inverse=True)
    return Stage(
        panel=other,
        counts=counts,
        cluster=cluster,
        labels=tuple(f"{name}: {label}" for label in labels),
        usable=observed,
        excluded=np.zeros(len(counts), dtype=bool),
        breaks=(),
        everywhere=everywhere,
        shift=_periods_between(panel, other),
    )


def _periods_between(panel: Panel, other: Panel) -> int:
    """Periods from the first of one panel to the first of another, rounded."""
    starts, theirs = panel.periods.starts, other.periods.starts
    if panel.periods.frequency == "month":
        return int((theirs[0].astype("M8[M]") - starts[0].astype("M8[M]")).astype(int))
    long = (starts[-1] - starts[0]).astype(float) / max(len(starts) - 1, 1)
    return round(float((theirs[0] - starts[0]).astype(float)) / long) if long else 0
