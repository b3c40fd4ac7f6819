"""Scenes: places and dates where the rule would have chosen and nothing was done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hotspot_eval.errors import InputError, Problem
from hotspot_eval.inference.replay.rules import Rule
from hotspot_eval.inference.replay.stage import Site, Stage, Windows

__all__ = ["Scenes", "act", "scene_of_site"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Totals:
    """Events before each period of every scene that was played; column 0 is 0.

    Parameters
    ----------
    treated, controls : ndarray, shape (R, T + 1)
        Summed over the rows chosen, and over those compared with.
    near, far : ndarray, shape (R, T + 1)
        The same for the controls in the scene's own cluster, and for the areas of other clusters
        that were clean all along and that the rule did not choose: those it chose may be treated at
        the real date, so a scene may not look at them either. Where the rule reads touched
        cells, the treated stand for whom it chose.
    """

    treated: NDArray[np.float64]
    controls: NDArray[np.float64]
    near: NDArray[np.float64]
    far: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scenes:
    """Scenes as arrays; S of them.

    Parameters
    ----------
    cluster, onset : ndarray of int, shape (S,)
        Position in ``Stage.all_labels``; first period after the start, in the study's calendar.
    source, at : ndarray of int, shape (S,)
        Position of the scene's panel in ``Stage.all_stages``, and of ``onset`` in that panel.
    since : ndarray of int, shape (S,)
        First period, in the scene's panel, from which on no cell of its areas is touched or
        missing: its history begins there.
    treated, controls : tuple of ndarray of int
        Rows chosen and rows compared with, for each scene.
    totals : Totals
        Shared by all pools of scenes that were played together.
    row : ndarray of int, shape (S,)
        Each scene's line of ``totals``.
    left_out : dict
        Reason → number of cluster × date pairs that are no scene.
    """

    cluster: NDArray[np.intp]
    onset: NDArray[np.intp]
    source: NDArray[np.intp]
    at: NDArray[np.intp]
    since: NDArray[np.intp]
    treated: tuple[NDArray[np.intp], ...]
    controls: tuple[NDArray[np.intp], ...]
    totals: Totals
    row: NDArray[np.intp]
    left_out: dict[str, int]

    def __len__(self) -> int:
        return len(self.onset)

    @property
    def sum_treated(self) -> NDArray[np.float64]:
        """Events of the chosen areas before each period, shape (S, T + 1)."""
        return self.totals.treated[self.row]

    @property
    def sum_controls(self) -> NDArray[np.float64]:
        """Events of the controls before each period, shape (S, T + 1)."""
        return self.totals.controls[self.row]

    def take(self, rows: NDArray[np.intp]) -> Scenes:
        """Some of the scenes."""
        return replace(
            self,
            cluster=self.cluster[rows],
            onset=self.onset[rows],
            source=self.source[rows],
            at=self.at[rows],
            since=self.since[rows],
            treated=tuple(self.treated[row] for row in rows),
            controls=tuple(self.controls[row] for row in rows),
            row=self.row[rows],
        )

    def join(self, other: Scenes, left_out: dict[str, int]) -> Scenes:
        """Both together, as scenes of one calendar; running totals are padded with their last."""
        both = (self, other)
        width = max(scenes.totals.treated.shape[1] for scenes in both)

        def padded(name: str) -> NDArray[np.float64]:
            sums = [getattr(scenes.totals, name)[scenes.row] for scenes in both]
            fill = [((0, 0), (0, width - each.shape[1])) for each in sums]
            return np.concatenate(
                [np.pad(each, pad, mode="edge") for each, pad in zip(sums, fill, strict=True)]
            )

        return Scenes(
            cluster=np.concatenate([self.cluster, other.cluster]),
            onset=np.concatenate([self.onset, other.onset]),
            source=np.concatenate([self.source, other.source]),
            at=np.concatenate([self.at, other.at]),
            since=np.concatenate([self.since, other.since]),
            treated=self.treated + other.treated,
            controls=self.controls + other.controls,
            totals=Totals(
                treated=padded("treated"),
                controls=padded("controls"),
                near=padded("near"),
                far=padded("far"),
            ),
            row=np.arange(len(self) + len(other)),
            left_out=left_out,
        )

    def period_labels(self, stage: Stage) -> list[str]:
        """The period in which each scene starts, in the words of its own panel."""
        words = [each.panel.periods.labels for each in stage.all_stages]
        return [words[s][at] for s, at in zip(self.source, self.at, strict=True)]

    def odds(self) -> NDArray[np.float64]:
        """Controls for each treated area, shape (S,)."""
        return np.array([len(c) / len(t) for t, c in zip(self.treated, self.controls, strict=True)])


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
    shown, since = stage.candidates(), stage.clean_since()
    left: dict[str, int] = {}
    casts: list[_Cast] = []
    for onset in range(max(history, back), min(last, t - windows.post) + 1):
        begin, stop = onset - windows.gap - windows.pre, onset + windows.post
        if any(begin < at < stop for at in stage.breaks):
            _count(left, "window holds a break in recording", len(stage.labels))
            continue
        chosen = np.zeros(n, dtype=bool)
        period = stage.panel.periods.labels[onset]
        chosen[stage.panel.positions(rule(shown, period, rng))] = True
        clean = np.asarray(stage.usable[:, onset - back : stop].all(axis=1))
        bystanders = cast & clean & _bystanding(stage, since, chosen, onset, back, stop)
        for place in range(len(stage.labels)):
            home = cast & (stage.cluster == place)
            treated = home & chosen
            pool = cast & clean & (since[:, stop] == 0) if stage.everywhere else home
            reason = _reason(home, treated, pool, clean)
            if reason:
                _count(left, reason, 1)
                continue
            rows = np.flatnonzero(treated), np.flatnonzero(pool & ~treated)
            casts.append(_Cast(place, onset, *rows, bystanders))
    return _assemble(stage, casts, left, since)


def _bystanding(
    stage: Stage,
    since: NDArray[np.intp],
    chosen: NDArray[np.bool_],
    onset: int,
    back: int,
    stop: int,
) -> NDArray[np.bool_]:
    """Areas never touched before the window ends, and not chosen from a past that was not."""
    before = slice(onset - back, onset)
    touched = (stage.panel.observed[:, before, 0] & ~stage.usable[:, before]).any(axis=1)
    misled = np.bincount(stage.cluster, touched, minlength=len(stage.labels)) > 0
    return np.asarray((since[:, stop] == 0) & ~(chosen & ~misled[stage.cluster]))


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


def _assemble(
    stage: Stage, casts: Sequence[_Cast], left: dict[str, int], since: NDArray[np.intp]
) -> Scenes:
    n, t = stage.counts.shape
    running = np.concatenate([np.zeros((n, 1)), stage.counts.cumsum(axis=1)], axis=1)
    treated, controls, far = (np.zeros((len(casts), t + 1)) for _ in range(3))
    near = np.zeros_like(controls) if stage.everywhere else controls
    by_cluster: dict[int, NDArray[np.float64]] = {}
    for s, cast in enumerate(casts):
        if cast.onset not in by_cluster:
            by_cluster = {cast.onset: _cluster_sums(stage, running, cast.bystanders)}
        sums = by_cluster[cast.onset]
        treated[s] = running[cast.treated].sum(axis=0)
        controls[s] = running[cast.controls].sum(axis=0)
        if stage.everywhere:
            at_home = cast.controls[stage.cluster[cast.controls] == cast.place]
            near[s] = running[at_home].sum(axis=0)
        far[s] = sums.sum(axis=0) - sums[cast.place]
    onset = np.array([cast.onset for cast in casts], dtype=np.intp)
    begun = [
        since[np.concatenate([cast.treated, cast.controls]), cast.onset].max() for cast in casts
    ]
    return Scenes(
        cluster=np.array([cast.place for cast in casts], dtype=np.intp),
        onset=onset + stage.shift,
        source=np.zeros_like(onset),
        at=onset,
        since=np.array(begun, dtype=np.intp),
        treated=tuple(cast.treated for cast in casts),
        controls=tuple(cast.controls for cast in casts),
        totals=Totals(treated=treated, controls=controls, near=near, far=far),
        row=np.arange(len(casts)),
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
    stage: Stage,
    site: Site,
    rule: Rule | None = None,
    rng: np.random.Generator | None = None,
    *,
    reach: int = 0,
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
    since = stage.clean_since()
    clean = np.asarray(stage.usable[:, first:stop].all(axis=1)) & ~stage.excluded
    chosen = np.zeros(len(clean), dtype=bool)
    if rule is not None and rng is not None:
        period = stage.panel.periods.labels[site.onset]
        chosen[stage.panel.positions(rule(stage.candidates(), period, rng))] = True
    clean &= _bystanding(stage, since, chosen, site.onset, max(reach, site.onset - first), stop)
    row = _Cast(place, site.onset, site.treated, site.controls, clean)
    return _assemble(stage, [row], {}, since)
