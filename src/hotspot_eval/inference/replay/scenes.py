"""Scenes: places and dates where the rule would have chosen and nothing was done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hotspot_eval.design import Assignment, Design
from hotspot_eval.errors import InputError, Problem
from hotspot_eval.inference.replay.rules import Rule, periods_per_year
from hotspot_eval.panel import Panel
from hotspot_eval.periods import PeriodLike

__all__ = ["Scenes", "Site", "Stage", "Windows", "act", "scene_of_site", "set_stage", "sites_of"]

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

    def period_labels(self, scenes: Scenes) -> list[str]:
        """The period in which each scene starts, in the words of its own panel."""
        words = [stage.panel.periods.labels for stage in self.all_stages]
        return [words[s][at] for s, at in zip(scenes.source, scenes.at, strict=True)]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scenes:
    """Scenes as arrays; S of them.

    Parameters
    ----------
    cluster, onset : ndarray of int, shape (S,)
        Position in ``Stage.all_labels``; first period after the start, in the study's calendar.
    source, at : ndarray of int, shape (S,)
        Position of the scene's panel in ``Stage.all_stages``, and of ``onset`` in that panel.
    treated, controls : tuple of ndarray of int
        Rows chosen and rows compared with, for each scene.
    sum_treated, sum_controls : ndarray, shape (S, T + 1)
        Events before each period, summed over these rows; column 0 is 0.
    sum_near, sum_far : ndarray, shape (S, T + 1)
        The same for the controls in the scene's own cluster, and for the areas of other clusters
        whose windows are clean and that the rule did not choose: those it chose may be treated at
        the real date, so a scene may not look at them either.
    left_out : dict
        Reason → number of cluster × date pairs that are no scene.
    """

    cluster: NDArray[np.intp]
    onset: NDArray[np.intp]
    source: NDArray[np.intp]
    at: NDArray[np.intp]
    treated: tuple[NDArray[np.intp], ...]
    controls: tuple[NDArray[np.intp], ...]
    sum_treated: NDArray[np.float64]
    sum_controls: NDArray[np.float64]
    sum_near: NDArray[np.float64]
    sum_far: NDArray[np.float64]
    left_out: dict[str, int]

    def __len__(self) -> int:
        return len(self.onset)

    def take(self, rows: NDArray[np.intp]) -> Scenes:
        """Some of the scenes."""
        return Scenes(
            cluster=self.cluster[rows],
            onset=self.onset[rows],
            source=self.source[rows],
            at=self.at[rows],
            treated=tuple(self.treated[row] for row in rows),
            controls=tuple(self.controls[row] for row in rows),
            sum_treated=self.sum_treated[rows],
            sum_controls=self.sum_controls[rows],
            sum_near=self.sum_near[rows],
            sum_far=self.sum_far[rows],
            left_out=self.left_out,
        )

    def join(self, other: Scenes, left_out: dict[str, int]) -> Scenes:
        """Both together, as scenes of one calendar; running totals are padded with their last."""
        width = max(self.sum_far.shape[1], other.sum_far.shape[1])

        def padded(name: str) -> NDArray[np.float64]:
            sums = [getattr(scenes, name) for scenes in (self, other)]
            fill = [((0, 0), (0, width - each.shape[1])) for each in sums]
            return np.concatenate(
                [np.pad(each, pad, mode="edge") for each, pad in zip(sums, fill, strict=True)]
            )

        return Scenes(
            cluster=np.concatenate([self.cluster, other.cluster]),
            onset=np.concatenate([self.onset, other.onset]),
            source=np.concatenate([self.source, other.source]),
            at=np.concatenate([self.at, other.at]),
            treated=self.treated + other.treated,
            controls=self.controls + other.controls,
            sum_treated=padded("sum_treated"),
            sum_controls=padded("sum_controls"),
            sum_near=padded("sum_near"),
            sum_far=padded("sum_far"),
            left_out=left_out,
        )

    def odds(self) -> NDArray[np.float64]:
        """Controls for each treated area, shape (S,)."""
        return np.array([len(c) / len(t) for t, c in zip(self.treated, self.controls, strict=True)])


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
    """What may be used: cells observed and untouched by the operation."""
    counts, observed = panel.single()
    touched = assignment.treatment > 0
    names = np.array(panel.cluster or [WHOLE_PANEL] * len(panel.areas))
    labels, cluster = np.unique(names, return_inverse=True)
    for row in assignment.rows("catchment"):
        near = (cluster == cluster[row]) & (assignment.role == "treated")
        near = near if near.any() else assignment.role == "treated"
        touched[row] = (assignment.treatment[near] > 0).any(axis=0)
    for _ in range(washout):
        touched[:, 1:] = touched[:, 1:] | touched[:, :-1]
    excluded = np.zeros(len(panel.areas), dtype=bool)
    excluded[panel.positions(design.excluded)] = True
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


def act(
    stage: Stage,
    windows: Windows,
    rule: Rule,
    *,
    rng: np.random.Generator,
    reach: int,
    history: int,
    last: int,
    allowed: NDArray[np.bool_] | None = None,
) -> Scenes:
    """Every scene whose start lies between ``history`` and ``last``, both included.

    ``reach`` is how far back the rule reads; ``allowed`` keeps rows out of the cast altogether.
    """
    n, t = stage.counts.shape
    cast = ~stage.excluded if allowed is None else allowed & ~stage.excluded
    back = max(reach, windows.gap + windows.pre)
    left: dict[str, int] = {}
    casts: list[_Cast] = []
    for onset in range(max(history, back), min(last, t - windows.post) + 1):
        begin, stop = onset - windows.gap - windows.pre, onset + windows.post
        if any(begin < at < stop for at in stage.breaks):
            _count(left, "window holds a break in recording", len(stage.labels))
            continue
        chosen = np.zeros(n, dtype=bool)
        period = stage.panel.periods.labels[onset]
        chosen[stage.panel.positions(rule(stage.panel, period, rng))] = True
        clean = np.asarray(stage.usable[:, onset - back : stop].all(axis=1))
        bystanders = clean & cast & ~chosen
        for place in range(len(stage.labels)):
            home = cast & (stage.cluster == place)
            treated = home & chosen
            pool = cast & clean if stage.everywhere else home
            reason = _reason(home, treated, pool, clean)
            if reason:
                _count(left, reason, 1)
                continue
            rows = np.flatnonzero(treated), np.flatnonzero(pool & ~treated)
            casts.append(_Cast(place, onset, *rows, bystanders))
    return _assemble(stage, casts, left)


class _Cast(NamedTuple):
    place: int
    onset: int
    treated: NDArray[np.intp]
    controls: NDArray[np.intp]
    bystanders: NDArray[np.bool_]


def _reason(
    home: NDArray[np.bool_],
    treated: NDArray[np.bool_],
    pool: NDArray[np.bool_],
    clean: NDArray[np.bool_],
) -> str:
    if (home & ~clean).any():
        return "window holds a treated, catchment or missing cell"
    if not treated.any():
        return "the rule chooses no area"
    if not (pool & ~treated).any():
        return "no area is left as control"
    return ""


def _count(left: dict[str, int], reason: str, number: int) -> None:
    left[reason] = left.get(reason, 0) + number


def _assemble(stage: Stage, casts: Sequence[_Cast], left: dict[str, int]) -> Scenes:
    n, t = stage.counts.shape
    running = np.concatenate([np.zeros((n, 1)), stage.counts.cumsum(axis=1)], axis=1)
    treated, controls, near, far = (np.zeros((len(casts), t + 1)) for _ in range(4))
    by_cluster: dict[int, NDArray[np.float64]] = {}
    for s, cast in enumerate(casts):
        if cast.onset not in by_cluster:
            by_cluster = {cast.onset: _cluster_sums(stage, running, cast.bystanders)}
        sums = by_cluster[cast.onset]
        treated[s] = running[cast.treated].sum(axis=0)
        controls[s] = running[cast.controls].sum(axis=0)
        at_home = cast.controls[stage.cluster[cast.controls] == cast.place]
        near[s] = controls[s] if not stage.everywhere else running[at_home].sum(axis=0)
        far[s] = sums.sum(axis=0) - sums[cast.place]
    onset = np.array([cast.onset for cast in casts], dtype=np.intp)
    return Scenes(
        cluster=np.array([cast.place for cast in casts], dtype=np.intp),
        onset=onset + stage.shift,
        source=np.zeros_like(onset),
        at=onset,
        treated=tuple(cast.treated for cast in casts),
        controls=tuple(cast.controls for cast in casts),
        sum_treated=treated,
        sum_controls=controls,
        sum_near=near,
        sum_far=far,
        left_out=left,
    )


def _cluster_sums(
    stage: Stage, running: NDArray[np.float64], rows: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Running totals of some areas of each cluster, shape (B, T + 1)."""
    sums = np.zeros((len(stage.labels), running.shape[1]))
    np.add.at(sums, stage.cluster[rows], running[rows])
    return sums


def scene_of_site(
    stage: Stage, site: Site, rule: Rule | None = None, rng: np.random.Generator | None = None
) -> Scenes:
    """The real operation, as a scene of one; ``rule`` says whom it would have chosen elsewhere."""
    rows = np.concatenate([site.treated, site.controls])
    observed = stage.panel.observed[rows, :, 0]
    first = site.onset - site.windows.gap - site.windows.pre
    if not observed[:, first : site.onset + site.windows.post].all():
        gone = [
            stage.panel.areas[row]
            for row, seen in zip(rows, observed, strict=True)
            if not seen[first : site.onset + site.windows.post].all()
        ]
        raise InputError(
            Problem(
                where="panel",
                what="counts are missing inside the study's own windows, in areas",
                examples=gone,
                advice="Exclude these areas, or choose windows without the missing periods.",
            )
        )
    place = stage.labels.index(site.cluster)
    stop = site.onset + site.windows.post
    clean = np.asarray(stage.usable[:, first:stop].all(axis=1)) & ~stage.excluded
    if rule is not None and rng is not None:
        period = stage.panel.periods.labels[site.onset]
        clean[stage.panel.positions(rule(stage.panel, period, rng))] = False
    return _assemble(stage, [_Cast(place, site.onset, site.treated, site.controls, clean)], {})
