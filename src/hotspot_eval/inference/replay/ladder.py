"""The pool of one site, and how far down the ladder it had to be looked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hotspot_eval.design import Design
from hotspot_eval.inference.replay.recipe import independent_windows
from hotspot_eval.inference.replay.rules import Mimic, Rule
from hotspot_eval.inference.replay.scenes import Scenes, Site, Stage, act

__all__ = ["ENOUGH", "FEWEST", "Pool", "Troupe", "climb_down"]

ENOUGH = 60
FEWEST = 39
RUNGS = (
    "same rule, two years of history",
    "same rule, shorter history",
    "mimic among areas never treated (weaker)",
    "no reference distribution",
)


class _Reaching(Protocol):
    def reach(self, per_year: int) -> int: ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pool:
    """The scenes that stand in for one site, and where they were found.

    Parameters
    ----------
    scenes : Scenes
    rung : int
        1 is best; 4 means that there is none.
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
        return self.rule.like(self.stage.panel, _design_of(self.stage, site))

    def reach(self, site: Site) -> int:
        """Periods that the rule reads; a year and a quarter if it does not say."""
        told = getattr(self.rule, "reach", None)
        if told is None:
            return site.windows.year + site.windows.quarter
        return int(cast(_Reaching, self.rule).reach(site.windows.year))

    def play(self, site: Site, history: int) -> Scenes:
        """Scenes of the rule up to the site's start; own cluster: ended before it."""
        own = site if isinstance(self.rule, Mimic) else None
        key = (site.windows, history, site.onset, id(own))
        if key not in self._played:
            self._played[key] = act(
                self.stage,
                site.windows,
                self.rule_of(site),
                rng=self.rng,
                reach=self.reach(site),
                history=history,
                last=site.onset,
            )
        return _before(self._played[key], self.stage, site)

    def mimic_among(self, site: Site, allowed: NDArray[np.bool_]) -> Rule:
        """A mimic that sees the allowed areas only."""
        mimic = self.rule if isinstance(self.rule, Mimic) else Mimic()
        return _hide(
            mimic.like(self.stage.panel, _design_of(self.stage, site)), self.stage, allowed
        )

    def play_among(
        self, site: Site, history: int, rule: Rule, allowed: NDArray[np.bool_]
    ) -> Scenes:
        """Scenes of a rule among the allowed areas."""
        return act(
            self.stage,
            site.windows,
            rule,
            rng=self.rng,
            reach=site.windows.year + site.windows.quarter,
            history=history,
            last=site.onset,
            allowed=allowed,
        )


def climb_down(troupe: Troupe, site: Site, treated: NDArray[np.intp]) -> Pool:
    """The first rung with enough scenes, or the best there is."""
    long = 2 * site.windows.year
    short = max(
        troupe.reach(site),
        site.windows.gap + site.windows.pre,
        site.windows.year + site.windows.quarter,
    )
    rule = troupe.rule_of(site)
    pools = [_pool(troupe.stage, site, troupe.play(site, long), 1, long, rule)]
    if len(pools[0].scenes) < ENOUGH and short < long:
        pools.append(_pool(troupe.stage, site, troupe.play(site, short), 2, short, rule))
    if max(len(pool.scenes) for pool in pools) < FEWEST:
        allowed = np.ones(len(troupe.stage.cluster), dtype=bool)
        allowed[treated] = False
        mimic = troupe.mimic_among(site, allowed) if site.onset >= short else rule
        scenes = troupe.play_among(site, short, mimic, allowed)
        pools.append(_pool(troupe.stage, site, scenes, 3, short, mimic))
    best = max(pools, key=lambda pool: len(pool.scenes))
    if len(best.scenes) < FEWEST:
        return replace(best, rung=4)
    return best


def _pool(stage: Stage, site: Site, scenes: Scenes, rung: int, history: int, rule: Rule) -> Pool:
    windows = np.array(
        [
            independent_windows(scenes.onset[scenes.cluster == place], site.windows.post)
            for place in range(len(stage.labels))
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


def _before(scenes: Scenes, stage: Stage, site: Site) -> Scenes:
    own = scenes.cluster == stage.labels.index(site.cluster)
    late = own & (scenes.onset + site.windows.post > site.onset)
    kept = scenes.take(np.flatnonzero(~late))
    if not late.any():
        return kept
    why = {"own cluster, not ended before the start": int(late.sum())}
    return replace(kept, left_out={**scenes.left_out, **why})


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
