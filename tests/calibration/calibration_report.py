"""The calibration study as a document: every cell, its failures included."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from tests.calibration.calibration_worlds import worlds_table
from tests.calibration.placebo_study import (
    REDUCTION,
    Cell,
    block_interval,
    cells,
    lsoa_panel,
    ordinary,
    play,
    stage_of,
    street_panel,
    study_cell,
    study_together,
    ward_panel,
    yardstick,
)

from hotspot_eval.inference.replay.recipe import independent_windows
from hotspot_eval.panel import Panel

SCORED = ("violence_with_injury", "robbery", "LSOA burglary")
FROZEN_ON = ("theft", "criminal_damage_arson", "burglary", "public_order", "weapons_possession")
SEED = 20261122
SIZE = (0.03, 0.07)
SIZE_WITHIN = (0.02, 0.09)


def panels(data: Path, outcomes: Iterable[str]) -> dict[str, Panel]:
    return {
        name: lsoa_panel(data) if name == "LSOA burglary" else ward_panel(data, name)
        for name in outcomes
    }


def run_cells(panels: dict[str, Panel], study: Iterable[Cell], *, every: int = 1) -> dict:
    """Studies of each cell, with the strata that size is looked at by."""
    out = {}
    for cell in study:
        panel = panels[cell.outcome]
        table = study_cell(panel, cell, np.random.default_rng(SEED), every=every)
        if "change" in table:
            table = yardstick(table)
        counts = panel.counts[:, :, 0]
        labels = np.array(sorted(set(panel.cluster)))
        cluster = np.searchsorted(labels, np.array(panel.cluster))
        level = pd.Series(counts.mean(axis=1)).groupby(cluster).mean()
        size = pd.Series(1, index=range(len(cluster))).groupby(cluster).sum()
        table["level"] = table["cluster"].map(pd.qcut(level.rank(method="first"), 3, labels=False))
        table["size"] = table["cluster"].map(pd.qcut(size.rank(method="first"), 3, labels=False))
        start = panel.periods.starts[table["onset"]].astype("datetime64[M]")
        table["quarter"] = start.astype(int) % 12 // 3 + 1
        table["year"] = start.astype("datetime64[Y]").astype(int) + 1970
        out[cell] = table
    return out


def name_of(cell: Cell) -> dict[str, object]:
    return {
        "outcome": cell.outcome,
        "rule": cell.rule,
        "post/pre/gap": f"{cell.post}/{cell.pre}/{cell.gap}",
    }


def compatible(low: float, high: float, allowed: tuple[float, float]) -> bool:
    return high >= allowed[0] and low <= allowed[1]


def default_table(results: dict) -> pd.DataFrame:
    """Size, bias, coverage and power of the default and of the plain replays, one row a cell."""
    rng = np.random.default_rng(SEED)
    rows = []
    for cell, table in results.items():
        seen = table.dropna(subset=["p"])
        size = block_interval((seen["p"] <= 0.05).astype(float), seen["cluster"], rng)
        mean = block_interval(seen["estimate"], seen["cluster"], rng)
        error = (mean[2] - mean[1]) / 3.92
        rows.append(
            name_of(cell)
            | {
                "studies": len(table),
                "windows": independent_windows(table["onset"].to_numpy(), cell.post),
                "NaN": 1 - len(seen) / len(table),
                "size": size[0],
                "low": size[1],
                "high": size[2],
                "mean effect": mean[0],
                "block SE": error,
                "bias at −20 %": seen["estimate_acted"].mean() - np.log(REDUCTION),
                "coverage": seen["covers_zero"].mean(),
                "coverage at −20 %": seen["covers_acted"].mean(),
                "power": (seen["p_acted"] <= 0.05).mean(),
                "plain size": (seen["p_plain"] <= 0.05).mean(),
                "plain power": (seen["p_plain_acted"] <= 0.05).mean(),
                "standardised size": (seen["p_standard"] <= 0.05).mean(),
                "standardised power": (seen["p_standard_acted"] <= 0.05).mean(),
                "yardstick power": (seen["p_yardstick_acted"] <= 0.05).mean(),
                "in [.03, .07]": compatible(size[1], size[2], SIZE),
                "within 2 SE": abs(mean[0]) <= 2 * error,
            }
        )
    return pd.DataFrame(rows)


def strata_table(results: dict) -> pd.DataFrame:
    """Size by tercile of borough level and of borough size, by quarter and by year."""
    rng = np.random.default_rng(SEED)
    rows = []
    for cell, table in results.items():
        seen = table.dropna(subset=["p"])
        for stratum in ("level", "size", "quarter", "year"):
            for value, part in seen.groupby(stratum):
                share, low, high = block_interval(
                    (part["p"] <= 0.05).astype(float), part["cluster"], rng
                )
                rows.append(
                    name_of(cell)
                    | {
                        "stratum": stratum,
                        "value": int(value),
                        "studies": len(part),
                        "size": share,
                        "low": low,
                        "high": high,
                        "in [.02, .09]": compatible(low, high, SIZE_WITHIN),
                    }
                )
    return pd.DataFrame(rows)


def ordinary_table(panels: dict[str, Panel], study: Iterable[Cell], every: int) -> pd.DataFrame:
    """Share of placebo studies in which ordinary tools report an effect."""
    rows = []
    for cell in study:
        scenes = play(stage_of(panels[cell.outcome]), cell, np.random.default_rng(SEED))
        some = scenes.take(np.arange(0, len(scenes), every))
        rejected = (ordinary(panels[cell.outcome], cell, some) <= 0.05).mean()
        rows.append(
            name_of(cell)
            | {
                "studies": len(some),
                "OLS, CR1": rejected["p_linear_cr1"],
                "Poisson, CR1": rejected["p_poisson_cr1"],
                "Poisson, CR2": rejected["p_poisson_cr2"],
                "WDD": rejected["p_wdd"],
                "group-time, one base month": rejected["p_group_time"],
            }
        )
    return pd.DataFrame(rows)


def joint_table(panels: dict[str, Panel]) -> pd.DataFrame:
    """Boroughs that start together on real counts, nothing done: four at random, and all."""
    rows = []
    for outcome, rule in (
        ("violence_with_injury", "count"),
        ("violence_with_injury", "change"),
        ("robbery", "count"),
    ):
        cell = Cell(outcome=outcome, rule=rule, post=3, pre=3, gap=0)
        for size in (4, None):
            told = study_together(panels[outcome], cell, np.random.default_rng(SEED), size=size)
            seen = told.dropna(subset=["p"])
            share, low, high = block_interval(
                (seen["p"] <= 0.05).astype(float), seen["onset"], np.random.default_rng(SEED)
            )
            rows.append(
                {
                    "outcome": outcome,
                    "rule": rule,
                    "boroughs": "all" if size is None else str(size),
                    "studies": len(told),
                    "NaN": told["p"].isna().mean(),
                    "size": share,
                    "low": low,
                    "high": high,
                    "coverage": seen["covers"].mean(),
                    "mean effect": seen["estimate"].mean(),
                    "SD of effects": seen["estimate"].std(),
                    "mean SE": seen["std_error"].mean(),
                }
            )
    return pd.DataFrame(rows)


def markdown(frame: pd.DataFrame) -> str:
    """A table in Markdown; shares and effects to three digits."""

    def cell(value: object) -> str:
        if isinstance(value, (bool, np.bool_)):
            return "yes" if value else "**no**"
        return f"{value:.3f}" if isinstance(value, (float, np.floating)) else str(value)

    head = "| " + " | ".join(map(str, frame.columns)) + " |"
    rule = "|" + "---|" * frame.shape[1]
    body = ["| " + " | ".join(map(cell, row)) + " |" for row in frame.itertuples(index=False)]
    return "\n".join([head, rule, *body])


def write_report(data: Path, target: Path, *, worlds: int = 50) -> dict[str, pd.DataFrame]:
    """Run the whole study and write it down; returns its tables."""
    scored = panels(data, SCORED)
    results = run_cells(scored, list(cells(SCORED)))
    tables = {
        "default": default_table(results),
        "strata": strata_table(results),
        "ordinary": ordinary_table(scored, list(cells(SCORED)), every=5),
        "frozen": default_table(
            run_cells(panels(data, FROZEN_ON), [c for c in cells(FROZEN_ON) if c.pre == c.post])
        ),
    }
    twins = [c for c in cells(SCORED[:2], mimicked=True) if c.gap == 0 and c.pre == c.post]
    tables["mimic"] = default_table(run_cells(scored, twins, every=6))
    tables["other"] = default_table(run_cells(other_panels(data), other_cells()))
    tables["joint"] = joint_table(scored)
    tables["worlds"] = worlds_table(worlds, SEED)
    target.write_text(_document(tables), encoding="utf-8")
    return tables


def other_panels(data: Path) -> dict[str, Panel]:
    people = data / "lookups" / "london_lsoa11_mid2020_pop.csv"
    streets = data / "police_uk" / "metropolitan-burglary"
    return {"LSOA burglary 2019–20": street_panel(streets, people, "Burglary")}


def other_cells() -> list[Cell]:
    return [c for c in cells(["LSOA burglary 2019–20"]) if c.post == 3]


def _document(tables: dict[str, pd.DataFrame]) -> str:
    default, strata = tables["default"], tables["strata"]
    outside = strata[~strata["in [.02, .09]"]]
    columns = [
        "outcome",
        "rule",
        "post/pre/gap",
        "studies",
        "windows",
        "NaN",
        "size",
        "low",
        "high",
        "in [.03, .07]",
        "mean effect",
        "block SE",
        "within 2 SE",
        "bias at −20 %",
        "coverage",
        "coverage at −20 %",
        "power",
    ]
    peers = [
        "outcome",
        "rule",
        "post/pre/gap",
        "size",
        "power",
        "plain size",
        "plain power",
        "standardised size",
        "standardised power",
        "yardstick power",
    ]
    short = [
        *columns[:3],
        "studies",
        "NaN",
        "size",
        "low",
        "high",
        "mean effect",
        "coverage at −20 %",
        "power",
    ]
    ratio = default["power"].mean() / default["plain power"].mean()
    by = (
        strata.groupby(["stratum", "value"])
        .apply(
            lambda part: pd.Series(
                {
                    "cells": len(part),
                    "mean size": np.average(part["size"], weights=part["studies"]),
                    "lowest": part["size"].min(),
                    "highest": part["size"].max(),
                    "cells in [.02, .09]": int(part["in [.02, .09]"].sum()),
                }
            ),
            include_groups=False,
        )
        .reset_index()
    )
    for name in ("value", "cells", "cells in [.02, .09]"):
        by[name] = by[name].astype(int)
    return _TEXT.format(
        date=dt.date.today().isoformat(),
        sizes=f"{default['size'].min():.3f} to {default['size'].max():.3f}",
        fits=int(default["in [.03, .07]"].sum()),
        cells=len(default),
        centred=int(default["within 2 SE"].sum()),
        bias=f"{default['bias at −20 %'].abs().max():.3f}",
        cover=f"{default['coverage at −20 %'].min():.3f}",
        power=f"{default['power'].mean():.3f}",
        plain=f"{default['plain power'].mean():.3f}",
        yard=f"{default['yardstick power'].mean():.3f}",
        ratio=f"{ratio:.2f}",
        nan=f"{default['NaN'].max():.3f}",
        n_outside=len(outside),
        n_strata=len(strata),
        default=markdown(default[columns]),
        peers=markdown(default[peers]),
        ordinary=markdown(tables["ordinary"]),
        strata=markdown(by),
        outside=markdown(outside) if len(outside) else "None.",
        frozen=markdown(tables["frozen"][short]),
        mimic=markdown(tables["mimic"][short]),
        other=markdown(tables["other"][short]),
        joint=markdown(tables["joint"]),
        worlds=markdown(tables["worlds"]),
    )


_TEXT = """# Calibration: what the default says when nothing happened

Written by `make calibrate` on {date}. Failures stay in the tables.

Real counts without any intervention: London wards × 45 months (2021-04 to 2024-12) and London
LSOAs × 48 months of burglary (2013 to 2016). Every borough × date pair with fifteen months before
it is one study: five areas are "treated" by a rule, the rest of the borough is the control, and
selection replay judges them with the pool it would really have had (other boroughs up to that
date; the own borough only where the window had ended). Twenty-four months of history are used
where sixty scenes have them; 45 months allow that for late dates only, and the early ones stand on
rung 2 (fifteen months). The interval beside a share resamples whole boroughs 999 times. Power and
coverage at −20 % thin the treated post window of the same studies to four fifths.

**In short.** Size {sizes} over {cells} cells, compatible with [.03, .07] in {fits}; mean effect
within two block standard errors of zero in {centred}; largest bias at −20 % {bias} (log); lowest
coverage {cover}; mean power {power}, against {plain} for raw ranks ({ratio} times) and {yard} for
the yardstick (that borough's own placebo mean and spread, in sample); largest share without a
verdict {nan}. Of {n_strata} strata of cells, {n_outside} are not compatible with [.02, .09].

## The default
{default}

## Beside it: plain ranks, standardised ranks, and the in-sample yardstick
{peers}

## Ordinary tools on the same studies (every fifth)
Share of studies with p ≤ .05. Standard errors clustered by area; WDD per area and month with
Poisson variance; group-time with its one base month. Nothing was done in any of them.

{ordinary}

## Size by borough level, borough size, quarter and year
Terciles 0 to 2 from low to high; size is borough size in areas. One line a stratum, over the
{cells} cells; below it every stratum of a cell whose interval misses [.02, .09].

{strata}

{outside}

## Outcomes on which the recipe was frozen
The two features that watch the own controls against other boroughs, and other boroughs alone, were
chosen on these five outcomes and scored on the three above.

{frozen}

## Mimic under each true rule (every sixth study)
The pool is played by `Mimic`, told the treated areas of each study; the areas were chosen by the
rule in the second column.

{mimic}

## Other data
Metropolitan burglary by LSOA, 2019 and 2020: lockdown inside the windows, twenty-four months in
all. Northumbria's street files hold seventeen months, one of them missing: no date has fifteen
months before it, so there is no scene and replay answers NaN with that reason.

{other}

## Boroughs that start together, real counts
Three months after, three before. "4": London's boroughs dealt into groups of four at every second
date; "all": all at each date, so that no borough is left to compare with and the test rests on
what dates share. The interval resamples dates; neighbouring dates overlap, so it is too narrow.

{joint}

## Simulated worlds with known truth
Eight boroughs of fourteen areas × 72 months; shocks that last to areas, boroughs and London, and,
where "shared", to the busier areas of all boroughs at once. Post three months, pre twelve; rule:
most crime in the last three months.

{worlds}
"""
