"""Several boroughs at once on real counts: groups that start together, all, and in steps."""

from __future__ import annotations

import numpy as np
import pandas as pd
from tests.calibration.block_intervals import block_share
from tests.calibration.calibration_worlds import KEPT, acted
from tests.calibration.placebo_study import Cell

from hotspot_eval.design import Design
from hotspot_eval.inference.replay.engine import study_of, verdict_of
from hotspot_eval.panel import Panel

GROUPS = ("4", "all", "8 in steps")
STEP = 2


def study_together(
    panel: Panel, cell: Cell, rng: np.random.Generator, *, group: str
) -> pd.DataFrame:
    """Studies of several boroughs: groups of four, all at once, or eight two months apart."""
    labels = panel.periods.labels
    names = np.array(sorted(set(panel.cluster)))
    steps = STEP * (8 - 1) if group == "8 in steps" else 0
    rows = []
    for onset in range(24, len(labels) - cell.post - steps + 1, 2 if group == "4" else 1):
        dealt = rng.permutation(names)
        groups = [names] if group == "all" else dealt.reshape(-1, int(group[0]))
        for members in groups:
            begin = {c: onset + (STEP * i if steps else 0) for i, c in enumerate(members)}
            study = study_of(panel, _design(panel, cell, begin, rng), rule=cell.chooser(), rng=rng)
            row: dict[str, float] = {"onset": onset}
            for label, kept in (("", 1.0), (" acted", KEPT)):
                judged = study if kept == 1.0 else acted(study, kept, rng)
                verdict = verdict_of(judged.sites, judged.nulls, judged.pools, 0.95, "two-sided")
                row |= {
                    f"estimate{label}": verdict.estimate,
                    f"std_error{label}": verdict.std_error,
                    f"p{label}": verdict.p_value,
                    f"covers{label}": float(verdict.low < np.log(kept) < verdict.high),
                }
            rows.append(row)
    return pd.DataFrame(rows)


def _design(panel: Panel, cell: Cell, begin: dict[str, int], rng: np.random.Generator) -> Design:
    labels, home = panel.periods.labels, np.array(panel.cluster)
    areas = np.array(panel.areas)
    treated, starts = [], []
    for onset in sorted(set(begin.values())):
        chosen = cell.chooser()(panel, labels[onset], rng)
        here = [a for a in chosen if begin.get(home[panel.areas.index(a)]) == onset]
        treated += here
        starts += [labels[onset]] * len(here)
    taken = set(treated)
    inside = areas[np.isin(home, list(begin))]
    return Design(
        treated=treated,
        controls=[a for a in inside if a not in taken],
        start=starts,
        pre_periods=cell.pre,
        post_periods=cell.post,
        gap=cell.gap,
    )


def together_row(told: pd.DataFrame) -> dict[str, object]:
    """Size, coverage, spread and power of one group's studies."""
    seen = told.dropna(subset=["p"])
    share, low, high = block_share(seen["p"] <= 0.05, seen["onset"])
    return {
        "studies": len(told),
        "dates": told["onset"].nunique(),
        "NaN": told["p"].isna().mean(),
        "size": share,
        "low": low,
        "high": high,
        "coverage": seen["covers"].mean(),
        "mean effect": seen["estimate"].mean(),
        "SD of effects": seen["estimate"].std(),
        "root mean square SE": np.sqrt((seen["std_error"] ** 2).mean()),
        "coverage at −20 %": seen["covers acted"].mean(),
        "power at −20 %": (seen["p acted"] <= 0.05).mean(),
    }
