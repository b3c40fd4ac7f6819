"""Another force, short of history: Northumbria's street files, seventeen months but one."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import pyogrio
from tests.calibration.block_intervals import block_share
from tests.calibration.placebo_study import Cell, K

from hotspot_eval.design import Design
from hotspot_eval.inference.replay import TopK
from hotspot_eval.inference.replay.engine import study_of
from hotspot_eval.panel import Panel

ABSENT = "2022-01"
FEWEST_AREAS = 60
RULES = ("random", "count")


@lru_cache(maxsize=1)
def street_rows(data: Path) -> tuple[pd.DataFrame, pd.Series]:
    """Located rows of the districts with 60 LSOAs or more, and each LSOA's district."""
    names = pyogrio.read_dataframe(
        data / "boundaries" / "northumbria_lsoa_2011.gpkg", read_geometry=False
    ).set_index("LSOA11CD")["LSOA11NM"]
    home = names.str[:-5]
    home = home[home.map(home.value_counts()) >= FEWEST_AREAS]
    files = sorted((data / "police_uk" / "northumbria").glob("*.csv.gz"))
    columns = ["Month", "LSOA code", "Crime type"]
    rows = pd.concat([pd.read_csv(file, usecols=columns) for file in files])
    return rows[rows["LSOA code"].isin(home.index)], home


def north_panel(data: Path, crime_type: str) -> Panel:
    """LSOAs × months of one crime type, clustered by district."""
    rows, home = street_rows(data)
    return Panel.from_incidents(
        rows[rows["Crime type"] == crime_type],
        area="LSOA code",
        date="Month",
        frequency="month",
        areas=home.index,
        missing=[ABSENT],
        cluster=home,
    )


def study_north(data: Path, rule: str, seed: int, *, london: Panel | None = None) -> pd.DataFrame:
    """One row a crime type × district × start with whole windows on this side of the gap.

    With ``london``, a panel of burglary there, burglary alone, and that force asked for scenes too.
    """
    rows, home = street_rows(data)
    others = None if london is None else {"London": london}
    crime_types = sorted(rows["Crime type"].unique()) if london is None else ["Burglary"]
    cell = Cell(outcome="", rule=rule, post=3, pre=3, gap=0)
    told = []
    for crime_type in crime_types:
        panel = north_panel(data, crime_type)
        labels = panel.periods.labels
        for onset in range(cell.pre, labels.index(ABSENT) - cell.post + 1):
            chosen = cell.chooser()(panel, labels[onset], np.random.default_rng([seed, onset]))
            for district in sorted(home.unique()):
                treated = [area for area in chosen if home[area] == district]
                told.append(
                    {"crime type": crime_type, "cluster": district, "onset": onset}
                    | _judged(
                        panel, treated, onset, cell, others, np.random.default_rng([seed, onset])
                    )
                )
    return pd.DataFrame(told).assign(
        rule=rule, pool="own force" if london is None else "burglary, with London 2019–20"
    )


def _judged(
    panel: Panel,
    treated: list[str],
    onset: int,
    cell: Cell,
    others: dict[str, Panel] | None,
    rng: np.random.Generator,
) -> dict[str, float]:
    design = Design(
        treated=treated,
        start=panel.periods.labels[onset],
        pre_periods=cell.pre,
        post_periods=cell.post,
    )
    rule = TopK(k=K, lookback=3, by=cell.rule)
    study = study_of(panel, design, rule=rule, rng=rng, other_forces=others)
    rung = study.pools[0][1].rung
    if not study.nulls:
        return {"rung": rung, "p": np.nan, "estimate": np.nan, "width": np.nan}
    told = study.nulls[0].expectation
    low, high = told.interval()
    return {
        "rung": rung,
        "p": told.p_value(),
        "estimate": told.effect,
        "width": high - low,
    }


def north_table(told: pd.DataFrame) -> pd.DataFrame:
    """One row a pool and rule: how many had a verdict, and the size of those that had."""
    rows = []
    for (pool, rule), part in told.groupby(["pool", "rule"], sort=False):
        seen = part.dropna(subset=["p"])
        share, low, high = block_share(seen["p"] <= 0.05, seen["cluster"])
        rows.append(
            {
                "pool": pool,
                "rule": rule,
                "studies": len(part),
                "with a verdict": len(seen),
                "months before": int(seen["onset"].min()),
                "rung": int(seen["rung"].max()),
                "size": share,
                "low": low,
                "high": high,
                "mean effect": seen["estimate"].mean(),
                "median width (log)": seen["width"].median(),
            }
        )
    return pd.DataFrame(rows)
