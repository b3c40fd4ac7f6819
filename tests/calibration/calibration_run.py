"""The calibration study in parts that two processes share; each part alone says the same."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from tests.calibration.calibration_north import study_north
from tests.calibration.calibration_peers import peers
from tests.calibration.calibration_together import study_together
from tests.calibration.calibration_worlds import worlds
from tests.calibration.placebo_study import (
    Cell,
    lsoa_panel,
    street_panel,
    study_cell,
    ward_panel,
    yardstick,
)

from hotspot_eval.panel import Panel

SEED = 20261122


@dataclass(frozen=True, kw_only=True)
class Part:
    """One piece of work: what kind, on which cell, and the option that the kind takes."""

    kind: str
    cell: Cell | None = None
    option: str = ""
    every: int = 1
    first: int = 0
    count: int = 0


@lru_cache(maxsize=4)
def panel_of(data: Path, outcome: str) -> Panel:
    """The real counts of one outcome."""
    if outcome == "LSOA burglary":
        return lsoa_panel(data)
    if outcome == "LSOA burglary 2019–20":
        people = data / "lookups" / "london_lsoa11_mid2020_pop.csv"
        return street_panel(data / "police_uk" / "metropolitan-burglary", people, "Burglary")
    return ward_panel(data, outcome)


def play_part(data: Path, part: Part) -> pd.DataFrame:
    """One row a study or world."""
    if part.kind == "north":
        rule, _, pool = part.option.partition("|")
        london = panel_of(data, "LSOA burglary 2019–20") if pool else None
        return study_north(data, rule, SEED, london=london)
    if part.kind == "worlds":
        name, shock = part.option.split("|")
        return worlds(name, shock, SEED + part.first, part.count)
    panel, rng = panel_of(data, part.cell.outcome), np.random.default_rng(SEED)
    if part.kind == "together":
        return study_together(panel, part.cell, rng, group=part.option)
    if part.kind == "peers":
        return peers(panel, part.cell, rng, tools=part.option, every=part.every)
    return with_strata(panel, study_cell(panel, part.cell, rng, every=part.every))


def with_strata(panel: Panel, table: pd.DataFrame) -> pd.DataFrame:
    """Adds the yardstick, and the strata that size is looked at by."""
    if "change" in table:
        table = yardstick(table)
    counts = panel.counts[:, :, 0]
    labels = np.array(sorted(set(panel.cluster)))
    cluster = np.searchsorted(labels, np.array(panel.cluster))
    level = pd.Series(counts.mean(axis=1)).groupby(cluster).mean()
    size = pd.Series(1, index=range(len(cluster))).groupby(cluster).sum()
    start = panel.periods.starts[table["onset"]].astype("datetime64[M]")
    return table.assign(
        level=table["cluster"].map(pd.qcut(level.rank(method="first"), 3, labels=False)),
        size=table["cluster"].map(pd.qcut(size.rank(method="first"), 3, labels=False)),
        quarter=start.astype(int) % 12 // 3 + 1,
        year=start.astype("datetime64[Y]").astype(int) + 1970,
    )


def play_all(data: Path, parts: Sequence[Part], jobs: int = 2) -> dict[Part, pd.DataFrame]:
    """All parts; the answer does not depend on how many processes there are."""
    with ProcessPoolExecutor(max_workers=jobs) as pool:
        told = pool.map(play_part, [data] * len(parts), parts)
        return dict(zip(parts, told, strict=True))
