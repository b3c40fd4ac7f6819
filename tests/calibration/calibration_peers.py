"""Ordinary estimators and inferences on the studies that selection replay is held to."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from tests.calibration.placebo_study import Cell, play, stage_of

from hotspot_eval.design import Design
from hotspot_eval.did import (
    Imputation,
    LinearDid,
    PoissonDid,
    group_time,
    rirr,
    synthetic_did,
    wdd,
)
from hotspot_eval.inference import randomization_test, wild_bootstrap
from hotspot_eval.panel import Panel
from hotspot_eval.results import Effect

DRAWS = 199
Tool = Callable[[Panel, Design, np.random.Generator], Effect]


def _totals(panel: Panel, design: Design) -> tuple[tuple[float, float], tuple[float, float]]:
    """(before, after) of controls and of treated."""
    counts, _ = panel.single()
    used = design.on(panel)
    start = int(used.first[used.rows("treated")].min())
    stop, begin = start + design.post_periods, start - design.gap - design.pre_periods
    pairs = []
    for role in ("control", "treated"):
        rows = used.rows(role)
        before = counts[rows, begin : start - design.gap].sum()
        pairs.append((float(before), float(counts[rows, start:stop].sum())))
    return pairs[0], pairs[1]


def _wdd(panel: Panel, design: Design) -> Effect:
    control, treated = _totals(panel, design)
    size = len(design.controls) / len(design.treated)
    lengths = (design.pre_periods / design.post_periods, 1.0)
    return wdd(control, treated, time_weights=lengths, area_weights=(size, 1, 1, 1)).effect


CHEAP: dict[str, Tool] = {
    "Poisson (default)": lambda p, d, rng: PoissonDid()(p, d).effect,
    "Poisson, CR2": lambda p, d, rng: PoissonDid(correction="CR2")(p, d).effect,
    "Poisson, CR1": lambda p, d, rng: PoissonDid(correction="CR1")(p, d).effect,
    "OLS (default)": lambda p, d, rng: LinearDid()(p, d).effect,
    "OLS, CR1": lambda p, d, rng: LinearDid(correction="CR1")(p, d).effect,
    "imputation": lambda p, d, rng: Imputation()(p, d).effect,
    "group-time": lambda p, d, rng: group_time(p, d).aggregate("simple").effect,
    "WDD": lambda p, d, rng: _wdd(p, d),
    "RIRR": lambda p, d, rng: rirr(*_totals(p, d)),
}
DEAR: dict[str, Tool] = {
    "Poisson, wild bootstrap": lambda p, d, rng: wild_bootstrap(
        PoissonDid(correction="CR2")(p, d), rng=rng, draws=DRAWS
    ),
    "Poisson, randomisation": lambda p, d, rng: (
        randomization_test(p, d, estimator=PoissonDid(), rng=rng, draws=DRAWS).effect
    ),
}
SYNTHETIC: dict[str, Tool] = {
    "synthetic DiD": lambda p, d, rng: synthetic_did(p, d, rng=rng).effect,
}
TOOLS = {"cheap": CHEAP, "dear": DEAR, "synthetic": SYNTHETIC}


def peers(
    panel: Panel, cell: Cell, rng: np.random.Generator, *, tools: str, every: int
) -> pd.DataFrame:
    """One row a study, one column a tool: its p-value."""
    scenes = play(stage_of(panel), cell, rng)
    labels, areas = panel.periods.labels, panel.areas
    rows = []
    for at in range(0, len(scenes), every):
        design = Design(
            treated=[areas[i] for i in scenes.treated[at]],
            controls=[areas[i] for i in scenes.controls[at]],
            start=labels[scenes.onset[at]],
            pre_periods=cell.pre,
            post_periods=cell.post,
            gap=cell.gap,
        )
        row = {name: tool(panel, design, rng).p_value for name, tool in TOOLS[tools].items()}
        rows.append(row | {"cluster": scenes.cluster[at], "onset": scenes.onset[at]})
    return pd.DataFrame(rows)
