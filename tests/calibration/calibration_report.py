"""The calibration study as a document: every cell, its failures included."""

from __future__ import annotations

import datetime as dt
import textwrap
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from tests.calibration.block_intervals import block_mean, block_share
from tests.calibration.calibration_north import RULES, north_table
from tests.calibration.calibration_run import SEED, Part, play_all
from tests.calibration.calibration_text import TEXT
from tests.calibration.calibration_together import GROUPS, together_row
from tests.calibration.calibration_worlds import KINDS, SHOCKS, worlds_table
from tests.calibration.placebo_study import REDUCTION, Cell, cells

from hotspot_eval.inference.replay.ladder import RUNGS
from hotspot_eval.inference.replay.recipe import independent_windows

MAIN = ("violence_with_injury", "robbery", "LSOA burglary")
TUNING = ("theft", "criminal_damage_arson", "burglary", "public_order", "weapons_possession")
ONCE = ("violence_without_injury", "sexual_offences", "theft_from_person", "drugs", "vehicle")
SIZE = (0.03, 0.07)
SIZE_WITHIN = (0.02, 0.09)
WORLDS = 400
CHUNK = 50

Told = dict[Part, pd.DataFrame]


def all_parts() -> list[Part]:
    """Everything that the document tells, the longest first."""
    scored = list(cells(MAIN))
    tuned, once = ([c for c in cells(names) if c.pre == c.post] for names in (TUNING, ONCE))
    twins = [c for c in cells(MAIN[:2], mimicked=True) if c.gap == 0 and c.pre == c.post]
    other = [c for c in cells(["LSOA burglary 2019–20"]) if c.post == 3]
    even = [c for c in scored if c.gap == 0 and c.pre == c.post]
    short = [c for c in even if c.post == 3 and c.outcome != "LSOA burglary"]
    together = [c for c in [*even, *tuned] if c.post == 3 and c.rule != "random"]
    return [
        *(Part(kind="peers", cell=c, option="synthetic", every=15) for c in short),
        *(Part(kind="north", option=f"{rule}{pool}") for rule in RULES for pool in ("", "|London")),
        *(Part(kind="cells", cell=c) for c in twins),
        *(Part(kind="together", cell=c, option=g) for c in together for g in GROUPS),
        *(
            Part(kind="worlds", option=f"{name}|{shock}", first=first, count=CHUNK)
            for name in KINDS
            for shock in SHOCKS
            for first in range(0, WORLDS, CHUNK)
        ),
        *(Part(kind="peers", cell=c, option="dear", every=8) for c in even),
        *(Part(kind="peers", cell=c, option="cheap", every=5) for c in scored),
        *(Part(kind="cells", cell=c) for c in [*scored, *tuned, *once, *other]),
    ]


def chosen(told: Told, outcomes: Iterable[str], *, mimicked: bool = False) -> dict:
    """The placebo studies of some outcomes, by cell."""
    return {
        part.cell: table
        for part, table in told.items()
        if part.kind == "cells"
        and part.cell.mimicked == mimicked
        and part.cell.outcome in set(outcomes)
    }


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
        size = block_share(seen["p"] <= 0.05, seen["cluster"])
        mean = block_mean(seen["estimate"], seen["cluster"], rng)
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
    rows = []
    for cell, table in results.items():
        seen = table.dropna(subset=["p"])
        for stratum in ("level", "size", "quarter", "year"):
            for value, part in seen.groupby(stratum):
                share, low, high = block_share(part["p"] <= 0.05, part["cluster"])
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


def rungs_table(results: dict) -> pd.DataFrame:
    """Size by how far down the ladder the pool was found."""
    seen = pd.concat(list(results.values()))
    rows = []
    for rung, part in seen.groupby("rung"):
        told = part.dropna(subset=["p"])
        share, low, high = block_share(told["p"] <= 0.05, told["cluster"])
        rows.append(
            {
                "rung": int(rung),
                "found": RUNGS[int(rung) - 1],
                "studies": len(part),
                "fewest scenes": int(part["scenes"].min()),
                "size": share,
                "low": low,
                "high": high,
                "coverage at −20 %": told["covers_acted"].mean(),
            }
        )
    return pd.DataFrame(rows)


def peers_table(told: Told, tools: str, keys: Iterable[str]) -> pd.DataFrame:
    """Share of placebo studies in which ordinary tools report an effect, and their NaN."""
    studies = pd.concat(
        [
            table.assign(**name_of(part.cell))
            for part, table in told.items()
            if part.kind == "peers" and part.option == tools
        ]
    )
    keys = list(keys)
    p = studies.drop(columns=["cluster", "onset", "outcome", "rule", "post/pre/gap"])
    rejected = (p <= 0.05).where(p.notna())
    by = [studies[key] for key in keys]
    count = studies.groupby(by, sort=False).size().rename("studies")
    return pd.concat(
        [count, rejected.astype(float).groupby(by, sort=False).mean()], axis=1
    ).reset_index()


def joint_table(told: Told, outcomes: Iterable[str]) -> pd.DataFrame:
    """Several boroughs on real counts, nothing done: four, all, and eight in steps."""
    rows = []
    for part, table in told.items():
        if part.kind == "together" and part.cell.outcome in set(outcomes):
            name = {"outcome": part.cell.outcome, "rule": part.cell.rule, "boroughs": part.option}
            rows.append(name | together_row(table))
    return pd.DataFrame(rows)


def joint_mean(table: pd.DataFrame) -> pd.DataFrame:
    """Over the cells of each kind of group."""
    seen = table.assign(
        **{"SD / SE": table["SD of effects"] / table["root mean square SE"]}
    ).groupby("boroughs", sort=False)
    columns = ["NaN", "size", "coverage", "mean effect", "SD / SE", "power at −20 %"]
    return pd.concat([seen["studies"].sum(), seen[columns].mean()], axis=1).reset_index()


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


def write_report(data: Path, target: Path) -> dict[str, pd.DataFrame]:
    """Run the whole study and write it down; returns its tables."""
    told = play_all(data, all_parts())
    default = default_table(chosen(told, MAIN))
    tables = {
        "default": default,
        "strata": strata_table(chosen(told, MAIN)),
        "tuning": default_table(chosen(told, TUNING)),
        "once": default_table(chosen(told, ONCE)),
        "rungs": rungs_table(chosen(told, [*MAIN, *TUNING, *ONCE])),
        "mimic": default_table(chosen(told, MAIN, mimicked=True)),
        "other": default_table(chosen(told, ["LSOA burglary 2019–20"])),
        "north": north_table(
            pd.concat([table for part, table in told.items() if part.kind == "north"])
        ),
        "cheap": peers_table(told, "cheap", ["outcome", "rule", "post/pre/gap"]),
        "dear": peers_table(told, "dear", ["outcome", "rule", "post/pre/gap"]),
        "synthetic": peers_table(told, "synthetic", ["outcome", "rule", "post/pre/gap"]),
        "joint": joint_table(told, MAIN),
        "joint tuning": joint_table(told, TUNING),
        "worlds": worlds_table(
            pd.concat([table for part, table in told.items() if part.kind == "worlds"])
        ),
    }
    target.write_text(_document(tables), encoding="utf-8")
    return tables


NAMES = ["outcome", "rule", "post/pre/gap"]
FULL = [
    *NAMES,
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
PEERS = [
    *NAMES,
    "size",
    "power",
    "plain size",
    "plain power",
    "standardised size",
    "standardised power",
    "yardstick power",
]
SHORT = [
    *NAMES,
    "studies",
    "NaN",
    "size",
    "low",
    "high",
    "mean effect",
    "coverage at −20 %",
    "power",
]


def in_short(table: pd.DataFrame) -> str:
    """One sentence of a part's cells."""
    ratio = table["power"].mean() / table["plain power"].mean()
    return (
        f"size {table['size'].min():.3f} to {table['size'].max():.3f}, mean "
        f"{table['size'].mean():.3f}, compatible with [.03, .07] in "
        f"{int(table['in [.03, .07]'].sum())} of {len(table)} cells; mean effect within two block "
        f"standard errors of zero in {int(table['within 2 SE'].sum())}; largest bias at −20 % "
        f"{table['bias at −20 %'].abs().max():.3f} (log); lowest coverage "
        f"{table['coverage at −20 %'].min():.3f}; mean power {table['power'].mean():.3f}, against "
        f"{table['plain power'].mean():.3f} for raw ranks ({ratio:.2f} times) and "
        f"{table['yardstick power'].mean():.3f} for the yardstick (that borough's own placebo mean "
        f"and spread, in sample); largest share without a verdict {table['NaN'].max():.3f}"
    )


def _by_stratum(strata: pd.DataFrame) -> pd.DataFrame:
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
    whole = ["value", "cells", "cells in [.02, .09]"]
    return by.astype(dict.fromkeys(whole, int))


def _document(tables: dict[str, pd.DataFrame]) -> str:
    default, strata = tables["default"], tables["strata"]
    outside = strata[~strata["in [.02, .09]"]]
    return TEXT.format(
        date=dt.date.today().isoformat(),
        main=textwrap.fill(
            "**Main outcomes** (seen while the recipe was made; the wider ladder, the mimic and "
            "the join of sites were settled on the tuning outcomes): "
            f"{in_short(default)}. Of {len(strata)} strata of their cells, {len(outside)} are not "
            "compatible with [.02, .09].",
            100,
        ),
        tuned=textwrap.fill(
            "**Tuning outcomes** (features, prior and ladder were chosen on these): "
            f"{in_short(tables['tuning'])}.",
            100,
        ),
        default=markdown(default[FULL]),
        peers=markdown(default[PEERS]),
        cheap=markdown(tables["cheap"]),
        dear=markdown(tables["dear"]),
        synthetic=markdown(tables["synthetic"]),
        strata=markdown(_by_stratum(strata)),
        outside=markdown(outside) if len(outside) else "None.",
        tuning=markdown(tables["tuning"][FULL]),
        seen_once=textwrap.fill(
            "**Outcomes scored once** (first looked at when the recipe was frozen): "
            f"{in_short(tables['once'])}.",
            100,
        ),
        once=markdown(tables["once"][FULL]),
        rungs=markdown(tables["rungs"]),
        mimic=markdown(tables["mimic"][SHORT]),
        other=markdown(tables["other"][SHORT]),
        north=markdown(tables["north"]),
        joint=markdown(tables["joint"]),
        joint_mean=markdown(joint_mean(tables["joint"])),
        joint_tuning=markdown(tables["joint tuning"]),
        joint_tuning_mean=markdown(joint_mean(tables["joint tuning"])),
        worlds=markdown(tables["worlds"]),
        n_worlds=WORLDS,
        error=f"{np.sqrt(0.05 * 0.95 / WORLDS):.3f}",
    )
