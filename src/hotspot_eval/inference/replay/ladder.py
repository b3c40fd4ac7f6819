"""The pool of one site, and how far down the ladder it had to be looked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hotspot_eval.design import Design
from hotspot_eval.inference.replay.recipe import independent_windows
from hotspot_eval.inference.replay.rules import Mimic, Rule
from hotspot_eval.inference.replay.scenes import Scenes, act
from hotspot_eval.inference.replay.stage import Site, Stage

__all__ = ["ENOUGH", "FEWEST", "Pool", "Troupe", "admissible", "climb_down", "reach_of"]

ENOUGH = 60
FEWEST = 39
RUNGS = (
    "same rule, two years of history",
    "same rule, shorter history",
    "same rule, other clusters at any date",
    "same rule, no more history than rule and baseline read (weaker)",
    "same rule, other forces too",
    "mimic among areas never treated (weaker)",
    "no reference distribution",
)
NONE = len(RUNGS)


class _Reaching(Protocol):
    def reach(self, per_year: int) -> int: ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pool:
    """The scenes that stand in for one site, and where they were found.

    Parameters
    ----------
    scenes : Scenes
    rung : int
        1 is best; the last means that there is none.
    history : int
        Fewest periods before a scene's start.
    windows : ndarray, shape (B,)
        Independent windows of each cluster.
    left_out : dict
        Reason → cluster × date pairs that are no scene.
    rule : Rule
        The rule that was played.
    """

    scenes: Scenes
    rung: int
    history: int
    windows: NDArray[np.float64]
    left_out: dict[str, int]
    rule: Rule

    @property
    def usable(self) -> bool:
        """Whether there is a reference distribution at all."""
        return self.rung < NONE and not self.silent

    @property
    def silent(self) -> bool:
        """Whether no scene holds an event: nothing varies, so nothing can be unusual."""
        totals, row = self.scenes.totals, self.scenes.row
        return not (totals.treated[row, -1].any() or totals.controls[row, -1].any())

    def lookback(self, site: Site) -> int:
        """Periods that a scene and the site may look back: what the pool's shortest past allows.

        A year and a quarter tell all that matters; beyond them each looks as far as the site can.
        """
        enough = site.windows.year + site.windows.quarter
        return site.onset if self.history >= enough else min(site.onset, self.history)

    @property
    def found(self) -> str:
        """The rung in words."""
        return RUNGS[self.rung - 1]

    def to_frame(self) -> pd.DataFrame:
        """One row: scenes, clusters, independent windows, history, rung, what was left out."""
        return pd.DataFrame(
            [
                {
                    "scenes": len(self.scenes),
                    "clusters": len(np.unique(self.scenes.cluster)),
                    "independent_windows": float(self.windows.sum()),
                    "history_periods": self.history,
                    "rung": self.rung,
                    "found": self.found,
                    "left_out": "; ".join(f"{n} {why}" for why, n in self.left_out.items()),
                }
            ]
        )


@dataclass(slots=True, kw_only=True, eq=False)
class Troupe:
    """Plays the rule on a stage, once for each set of windows and history."""

    stage: Stage
    rule: Rule
    rng: np.random.Generator
    _played: dict[object, Scenes] = field(default_factory=dict)

    def rule_of(self, site: Site) -> Rule:
        """The rule for a site; a mimic is told whom to imitate."""
        if not isinstance(self.rule, Mimic):
            return self.rule
        return self.rule.like(self.stage.candidates(), _design_of(self.stage, site))

    def play(self, site: Site, history: int, *, during: bool = False) -> Scenes:
        """Scenes of the rule that may stand in for the site.

        Own cluster: ended before the site's start. Other clusters: up to that start, and from the
        end of the operation and its washout on; ``during`` admits those between.
        """
        played = self._play(self.stage, site, history)
        return admissible(played, self.stage, site, during=during)

    def play_elsewhere(self, site: Site, history: int) -> list[Scenes]:
        """Scenes of other forces, at any date; clusters and starts in the study's terms."""
        told, place = [], len(self.stage.labels)
        for number, stage in enumerate(self.stage.others, start=1):
            played = self._play(stage, site, history)
            told.append(
                replace(
                    played,
                    cluster=played.cluster + place,
                    source=np.full_like(played.source, number),
                )
            )
            place += len(stage.labels)
        return told

    def _play(self, stage: Stage, site: Site, history: int) -> Scenes:
        own = site if isinstance(self.rule, Mimic) else None
        key = (id(stage), site.windows, history, id(own))
        if key not in self._played:
            self._played[key] = act(
                stage,
                site.windows,
                self.rule_of(site),
                rng=self.rng,
                reach=reach_of(self.rule, site),
                history=history,
                last=stage.counts.shape[1],
            )
        return self._played[key]

    def mimic_among(self, site: Site, allowed: NDArray[np.bool_]) -> Rule:
        """A mimic that sees the allowed areas only."""
        mimic = self.rule
        if not isinstance(mimic, Mimic):
            mimic = Mimic(on=getattr(self.rule, "on", None))
        return _hide(
            mimic.like(self.stage.candidates(), _design_of(self.stage, site)), self.stage, allowed
        )

    def play_among(
        self, site: Site, history: int, rule: Rule, allowed: NDArray[np.bool_]
    ) -> Scenes:
        """Scenes of a rule among the allowed areas, up to the site's start; of its own, before."""
        played = act(
            self.stage,
            site.windows,
            rule,
            rng=self.rng,
            reach=site.windows.year + site.windows.quarter,
            history=history,
            last=site.onset,
            allowed=allowed,
        )
        return admissible(played, self.stage, site, during=True)


def reach_of(rule: Rule, site: Site) -> int:
    """Periods that the rule reads; a year and a quarter if it does not say."""
    if getattr(rule, "reach", None) is None:
        return site.windows.year + site.windows.quarter
    return int(cast(_Reaching, rule).reach(site.windows.year))


def climb_down(troupe: Troupe, site: Site, treated: NDArray[np.intp], *, calendar: int = 1) -> Pool:
    """The first rung with enough scenes, or the best there is.

    ``calendar`` is how many windows without overlap the first rung must span: sites that are
    joined need more than one date to tell what they share.

    Scenes that start during the operation, another force or a mimic are asked only where there
    would be no test without them. A site whose own past is shorter than the rule reads has no
    pool.
    """
    stage, rule = troupe.stage, troupe.rule_of(site)
    long = 2 * site.windows.year
    least = max(reach_of(troupe.rule, site), site.windows.gap + site.windows.pre)
    short = max(least, min(site.windows.year + site.windows.quarter, site.onset))
    if site.onset < reach_of(troupe.rule, site):
        return replace(_pool(stage, site, troupe.play(site, long), 1, long, rule), rung=NONE)
    pools: list[Pool] = []
    if site.onset >= long:
        pools.append(_pool(stage, site, troupe.play(site, long), 1, long, rule))
    if most(pools) < ENOUGH or _calendar(pools[0], site) < calendar:
        pools.append(_pool(stage, site, troupe.play(site, short), 2, short, rule))
    if most(pools) < FEWEST:
        scenes = troupe.play(site, short, during=True)
        pools.append(_pool(stage, site, scenes, 3, short, rule))
    if most(pools) < FEWEST and least < short:
        scenes = troupe.play(site, least, during=True)
        pools.append(_pool(stage, site, scenes, 4, least, rule))
    if most(pools) < FEWEST and stage.others:
        pools.append(_with_others(troupe, site, pools, short, rule))
    if most(pools) < FEWEST and site.onset >= max(short, site.windows.year + site.windows.quarter):
        pools.append(_never_treated(troupe, site, short, treated))
    found = best(pools)
    return found if len(found.scenes) >= FEWEST else replace(found, rung=NONE)


def _calendar(pool: Pool, site: Site) -> int:
    return independent_windows(pool.scenes.onset, site.windows.post)


def most(pools: Sequence[Pool]) -> int:
    """Scenes of the largest pool."""
    return max((len(pool.scenes) for pool in pools), default=0)


def best(pools: Sequence[Pool]) -> Pool:
    """The largest pool, the highest rung among equals."""
    return max(pools, key=lambda pool: len(pool.scenes))


def _with_others(
    troupe: Troupe, site: Site, pools: Sequence[Pool], history: int, rule: Rule
) -> Pool:
    """The best pool at home with this much history, and the scenes of other forces."""
    own = best([pool for pool in pools if pool.history >= history])
    scenes, left = own.scenes, dict(own.left_out)
    for theirs in troupe.play_elsewhere(site, history):
        for why, number in theirs.left_out.items():
            left[why] = left.get(why, 0) + number
        scenes = scenes.join(theirs, left)
    return _pool(troupe.stage, site, scenes, 5, history, rule)


def _never_treated(troupe: Troupe, site: Site, history: int, treated: NDArray[np.intp]) -> Pool:
    allowed = np.ones(len(troupe.stage.cluster), dtype=bool)
    allowed[treated] = False
    allowed &= ~troupe.stage.excluded
    mimic = troupe.mimic_among(site, allowed)
    scenes = troupe.play_among(site, history, mimic, allowed)
    return _pool(troupe.stage, site, scenes, 6, history, mimic)


def _pool(stage: Stage, site: Site, scenes: Scenes, rung: int, history: int, rule: Rule) -> Pool:
    windows = np.array(
        [
            independent_windows(scenes.onset[scenes.cluster == place], site.windows.post)
            for place in range(len(stage.all_labels))
        ],
        dtype=np.float64,
    )
    return Pool(
        scenes=scenes,
        rung=rung,
        history=history,
        windows=windows,
        left_out=scenes.left_out,
        rule=rule,
    )


def admissible(scenes: Scenes, stage: Stage, site: Site, *, during: bool) -> Scenes:
    """Of its own cluster those that ended before the start; of others those not ``during`` it."""
    own = scenes.cluster == stage.labels.index(site.cluster)
    late = own & (scenes.onset + site.windows.post > site.onset)
    resume = site.onset + site.windows.post + stage.washout
    between = ~own & (scenes.onset > site.onset) & (scenes.onset < resume)
    if during:
        between[:] = False
    left = dict(scenes.left_out)
    for gone, why in (
        (late, "own cluster, not ended before the start"),
        (between, "other cluster, during the operation"),
    ):
        if gone.any():
            left[why] = int(gone.sum())
    kept = scenes.take(np.flatnonzero(~late & ~between)) if (late | between).any() else scenes
    return replace(kept, left_out=left)


def _design_of(stage: Stage, site: Site) -> Design:
    areas = stage.panel.areas
    return Design(
        treated=[areas[row] for row in site.treated], start=stage.panel.periods.labels[site.onset]
    )


def _hide(rule: Callable[..., tuple[str, ...]], stage: Stage, allowed: NDArray[np.bool_]) -> Rule:
    """The rule on a panel that holds the allowed areas only."""
    shown = stage.panel.select(
        areas=[area for area, kept in zip(stage.panel.areas, allowed, strict=True) if kept]
    )

    def hidden(panel: object, period: object, rng: np.random.Generator) -> tuple[str, ...]:
        return rule(shown, period, rng)

    return cast(Rule, hidden)
