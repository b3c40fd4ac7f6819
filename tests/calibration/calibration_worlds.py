"""Size and coverage on simulated worlds: one borough, four, all at once, staggered, spells."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from tests.replay_worlds import joint_operation, restless

from hotspot_eval.design import Spell
from hotspot_eval.inference.replay import TopK
from hotspot_eval.inference.replay.engine import study_of, verdict_of

RULE = TopK(k=4)
MONTHS = 72
BASE = 60
KINDS = ("one borough", "four boroughs", "all boroughs", "staggered", "spells")
SHOCKS = {"calm": 0.0, "shared": 0.15}


def starts_of(kind: str, labels: tuple[str, ...]) -> dict[str, str]:
    letters = {
        "one borough": "A",
        "spells": "A",
        "four boroughs": "ABCD",
        "all boroughs": "ABCDEFGH",
    }
    if kind == "staggered":
        return {c: labels[BASE - 6 + 2 * i] for i, c in enumerate("ABCDEF")}
    return dict.fromkeys(letters[kind], labels[BASE])


def judge(seed: int, kind: str, hot: float, kept: float) -> dict[str, float]:
    """One world, judged by the default."""
    rng = np.random.default_rng(seed)
    panel = restless(rng, months=MONTHS, hot=hot)
    panel, design = joint_operation(
        panel, RULE, starts_of(kind, panel.periods.labels), rng, kept=kept
    )
    if kind == "spells":
        labels = panel.periods.labels
        on = (labels[BASE], labels[BASE + 2])
        spells = [Spell(area=a, start=m, end=m) for a in design.treated for m in on]
        design = replace(design, treated=(), spells=spells, start=None, end=None)
    study = study_of(panel, design, rule=RULE, rng=rng)
    verdict = verdict_of(study.sites, study.nulls, study.pools, 0.95, "two-sided")
    truth = float(np.log(kept))
    return {
        "rejects": float(verdict.p_value <= 0.05),
        "covers": float(verdict.low < truth < verdict.high),
        "error": verdict.estimate - truth,
        "nan": float(np.isnan(verdict.p_value)),
    }


def worlds_table(n_worlds: int, seed: int) -> pd.DataFrame:
    """One row a kind of operation and shock: size, coverage, bias, power."""
    rows = []
    for kind in KINDS:
        for shock, hot in SHOCKS.items():
            calm, acted = (
                pd.DataFrame([judge(seed + w, kind, hot, kept) for w in range(n_worlds)])
                for kept in (1.0, 0.8)
            )
            rows.append(
                {
                    "operation": kind,
                    "shocks to busy areas": shock,
                    "worlds": n_worlds,
                    "size": calm["rejects"].mean(),
                    "coverage": calm["covers"].mean(),
                    "coverage at −20 %": acted["covers"].mean(),
                    "bias": calm["error"].mean(),
                    "SE of bias": calm["error"].std() / np.sqrt(n_worlds),
                    "power at −20 %": acted["rejects"].mean(),
                    "NaN": calm["nan"].mean(),
                }
            )
    return pd.DataFrame(rows)
