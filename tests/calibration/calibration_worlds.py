"""Size and coverage on simulated worlds: one borough, four, all, staggered, spells, spillover."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from tests.replay_worlds import restless

from hotspot_eval.design import Design, Spell
from hotspot_eval.inference.replay import TopK
from hotspot_eval.inference.replay.engine import Study, study_of, verdict_of
from hotspot_eval.inference.replay.joint import join
from hotspot_eval.inference.replay.told import adjusted_effect
from hotspot_eval.panel import Panel
from hotspot_eval.results import Effect
from hotspot_eval.synthesis import pool

KEPT = 0.8
SHOCKS = {"calm": 0.0, "shared": 0.15}


@dataclass(frozen=True, kw_only=True)
class Kind:
    """An operation: the boroughs' starts after the common one, and what is special about it."""

    boroughs: str
    after: tuple[int, ...] = (0,)
    spells: bool = False
    spillover: float = 0.0
    weekly: bool = False
    pooled: bool = False

    @property
    def rule(self) -> TopK:
        return TopK(k=4, lookback=12 if self.weekly else 3)

    def starts(self, labels: tuple[str, ...]) -> dict[str, str]:
        base = 160 if self.weekly else 54 if len(self.after) > 1 else 60
        after = self.after * len(self.boroughs)
        return {c: labels[base + after[i]] for i, c in enumerate(self.boroughs)}


KINDS = {
    "one borough": Kind(boroughs="A"),
    "spells": Kind(boroughs="A", spells=True),
    "spillover": Kind(boroughs="ABCD", spillover=0.25),
    "four boroughs": Kind(boroughs="ABCD"),
    "four boroughs, weekly": Kind(boroughs="ABCD", weekly=True),
    "staggered": Kind(boroughs="ABCDEF", after=(0, 2, 4, 6, 8, 10)),
    "all boroughs": Kind(boroughs="ABCDEFGH"),
    "all boroughs, random effects": Kind(boroughs="ABCDEFGH", pooled=True),
}


def operate(panel: Panel, kind: Kind, rng: np.random.Generator) -> tuple[Panel, Design]:
    """The operation that did nothing to the treated; catchments rise where it spills over."""
    labels, areas = panel.periods.labels, np.array(panel.areas)
    home, counts = np.array(panel.cluster), panel.counts.copy()
    treated, begun, catchment = [], [], []
    for cluster, start in kind.starts(labels).items():
        inside = set(areas[home == cluster])
        chosen = [a for a in kind.rule(panel, start, rng) if a in inside]
        treated += chosen
        begun += [start] * len(chosen)
        if kind.spillover:
            near = rng.choice(sorted(inside - set(chosen)), 3, replace=False)
            catchment += near.tolist()
            rows, at = panel.positions(near), labels.index(start)
            counts[rows, at:] += rng.poisson(kind.spillover * counts[rows, at:])
    there = set(kind.starts(labels))
    taken = {*treated, *catchment}
    windows = {"pre_periods": 26, "post_periods": 6} if kind.weekly else {"pre_periods": 12}
    design = Design(
        treated=treated,
        start=begun,
        catchment=catchment,
        controls=[a for a, c in zip(areas, home, strict=True) if c in there and a not in taken],
        **({"post_periods": 3} | windows),
    )
    if kind.spells:
        at = labels.index(begun[0])
        spells = [
            Spell(area=a, start=labels[at + k], end=labels[at + k]) for a in treated for k in (0, 2)
        ]
        design = Design(spells=spells, controls=design.controls, pre_periods=12, post_periods=3)
    return replace(panel, counts=counts), design


def acted(study: Study, kept: float, rng: np.random.Generator) -> Study:
    """The same study had the operation kept this share of its treated events."""
    nulls = []
    for null in study.nulls:
        when = null.site.onset + np.array(null.site.windows.on)
        events = study.stage.counts[np.ix_(null.site.treated, when)].sum()
        fewer = rng.binomial(int(events), kept)
        told = null.expectation
        shift = float(np.log((fewer + 0.5) / (events + 0.5)))
        nulls.append(replace(null, expectation=replace(told, change=told.change + shift)))
    return replace(study, nulls=tuple(nulls))


def joined(study: Study) -> Effect:
    """What the default says of all sites."""
    told = verdict_of(study.sites, study.nulls, study.pools, 0.95, "two-sided")
    return adjusted_effect(told, {}, 0.95, "two-sided", ())


def random_effects(study: Study) -> Effect:
    """Each borough's own estimate, pooled with the covariance that replay finds between them."""
    effects = {
        null.site.cluster: Effect.from_estimate(
            null.expectation.effect,
            float(np.sqrt(null.expectation.variance(0.0))),
            estimand="effect",
            scale="log_irr",
            method="replay",
            inference="replay",
        )
        for null in study.nulls
    }
    return pool(effects, covariance=join(study.nulls).covariance).effect


def judge(seed: int, name: str, hot: float) -> dict[str, float]:
    """One world, judged by the default without an effect and with one thinned in."""
    kind = KINDS[name]
    rng = np.random.default_rng([seed, list(KINDS).index(name), int(100 * hot)])
    panel = restless(rng, months=72, hot=hot, weeks=190 if kind.weekly else 0)
    panel, design = operate(panel, kind, rng)
    nothing = study_of(panel, design, rule=kind.rule, rng=rng)
    row: dict[str, float] = {}
    for label, kept in (("", 1.0), (" acted", KEPT)):
        study = nothing if kept == 1.0 else acted(nothing, kept, rng)
        verdict = random_effects(study) if kind.pooled else joined(study)
        truth = float(np.log(kept))
        row |= {
            f"rejects{label}": float(verdict.p_value <= 0.05),
            f"covers{label}": float(verdict.ci_low < truth < verdict.ci_high),
            f"error{label}": verdict.estimate - truth,
            f"std_error{label}": verdict.std_error,
            f"nan{label}": float(np.isnan(verdict.p_value)),
        }
    return row


def worlds(name: str, shock: str, seed: int, count: int) -> pd.DataFrame:
    """Some worlds of one kind, one row each."""
    rows = [judge(seed + world, name, SHOCKS[shock]) for world in range(count)]
    return pd.DataFrame(rows).assign(operation=name, shocks=shock)


def worlds_table(told: pd.DataFrame) -> pd.DataFrame:
    """One row a kind of operation and shock: size, coverage, bias, spread, power."""
    rows = []
    for (operation, shock), part in told.groupby(["operation", "shocks"], sort=False):
        seen = part[part["nan"] == 0]
        rows.append(
            {
                "operation": operation,
                "shocks to busy areas": shock,
                "worlds": len(part),
                "NaN": part["nan"].mean(),
                "size": seen["rejects"].mean(),
                "coverage": seen["covers"].mean(),
                "coverage at −20 %": seen["covers acted"].mean(),
                "bias": seen["error"].mean(),
                "SE of bias": seen["error"].std() / np.sqrt(len(seen)),
                "SD of effects": seen["error"].std(),
                "root mean square SE": np.sqrt((seen["std_error"] ** 2).mean()),
                "power at −20 %": seen["rejects acted"].mean(),
            }
        )
    return pd.DataFrame(rows)
