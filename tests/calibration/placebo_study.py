"""Placebo evaluations on real counts: every borough × date pair, treated by a rule and by nothing.

One cell is an outcome, a rule and a set of windows. Every study in it is judged by selection
replay exactly as ``replay`` would (same scenes, same reference), and by the ordinary tools.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from hotspot_eval.design import Design
from hotspot_eval.inference.replay import Mimic, TopK
from hotspot_eval.inference.replay.engine import reference_from
from hotspot_eval.inference.replay.ladder import ENOUGH, FEWEST, NONE
from hotspot_eval.inference.replay.recipe import Features, features
from hotspot_eval.inference.replay.scenes import Scenes, act
from hotspot_eval.inference.replay.stage import Stage, Windows
from hotspot_eval.panel import Panel
from hotspot_eval.significance import weighted_p_values

K = 5
REDUCTION = 0.8
WASHOUT = 3
RULES = ("random", "count", "change")
DESIGNS = ((3, 3, 0), (3, 12, 0), (12, 12, 0), (12, 12, 3))  # post, pre, gap


@dataclass(frozen=True, kw_only=True)
class Cell:
    """Outcome, rule and windows; ``mimicked`` replays a mimic instead of the true rule."""

    outcome: str
    rule: str
    post: int
    pre: int
    gap: int
    mimicked: bool = False

    def windows(self) -> Windows:
        return Windows(pre=self.pre, gap=self.gap, on=tuple(range(self.post)), year=12, quarter=3)

    def chooser(self) -> TopK:
        return TopK(k=K, lookback=3, by=self.rule)


def ward_panel(data: Path, outcome: str) -> Panel:
    """London wards × 45 months, the City (one area) left out."""
    frame = pd.read_csv(data / "london_ward_month" / "london_ward_month.csv.gz")
    frame["violence_without_injury"] = frame["violence"] - frame["violence_with_injury"]
    return Panel.from_counts(
        frame[frame["borough_code"] != "E09000001"],
        area="ward_code",
        period="month",
        count=outcome,
        cluster="borough",
    )


def lsoa_panel(data: Path) -> Panel:
    """London LSOAs (2011) × 48 months of burglary, zeros completed, the City left out."""
    folder = data / "london_lsoa_month"
    frame = pd.read_csv(next(folder.glob("*.csv.gz")))
    people = pd.read_csv(data / "lookups" / "london_lsoa11_mid2020_pop.csv")
    home = people.loc[people["LAD11CD"] != "E09000001"].set_index("LSOA11CD")["LAD11CD"]
    return Panel.from_counts(
        frame,
        area="LSOA code",
        period="Month",
        count="burglary",
        cluster=home,
        areas=home.index,
        absent="zero",
    )


def street_panel(folder: Path, lookup: Path, crime_type: str) -> Panel:
    """LSOAs × months of one crime type from street files, clustered by local authority."""
    files = sorted(folder.glob("*.csv.gz"))
    frame = pd.concat([pd.read_csv(f, usecols=["Month", "LSOA code", "Crime type"]) for f in files])
    people = pd.read_csv(lookup).set_index("LSOA11CD")["LAD11CD"]
    rows = frame[(frame["Crime type"] == crime_type) & frame["LSOA code"].isin(people.index)]
    return Panel.from_incidents(
        rows,
        area="LSOA code",
        date="Month",
        frequency="month",
        areas=people.index,
        cluster=people,
    )


def stage_of(panel: Panel) -> Stage:
    """A stage on which nothing was ever done."""
    counts, observed = panel.single()
    labels, cluster = np.unique(np.array(panel.cluster), return_inverse=True)
    return Stage(
        panel=panel,
        counts=counts,
        cluster=cluster,
        labels=tuple(labels.tolist()),
        usable=observed,
        excluded=np.zeros(len(counts), dtype=bool),
        breaks=(),
        everywhere=False,
        washout=WASHOUT,
    )


def play(stage: Stage, cell: Cell, rng: np.random.Generator) -> Scenes:
    """Every borough × date pair that has fifteen months before it and its windows inside."""
    return act(
        stage,
        cell.windows(),
        cell.chooser(),
        rng=rng,
        reach=15,
        history=15,
        last=stage.counts.shape[1],
    )


def pool_of(scenes: Scenes, cluster: int, onset: int, post: int) -> tuple[np.ndarray, int]:
    """Rows of the scenes that ``replay`` would use for a study, and the rung."""
    own = scenes.cluster == cluster
    ended = scenes.onset + post <= onset
    resumed = scenes.onset >= onset + post + WASHOUT
    clean = np.where(own, ended, (scenes.onset <= onset) | resumed)
    best, found = np.array([], dtype=np.intp), 1
    for rung, open_, wanted in (
        (1, clean & (scenes.onset >= 24) & (onset >= 24), ENOUGH),
        (2, clean, ENOUGH),
        (3, np.where(own, ended, True), FEWEST),
    ):
        rows = np.flatnonzero(open_)
        if len(best) < wanted and len(rows) > len(best):
            best, found = rows, rung
    return best, found if len(best) >= FEWEST else NONE


class _Told:
    """Features of all scenes, none looking back further than a study can; kept for one date."""

    def __init__(self, scenes: Scenes, windows: Windows) -> None:
        self.scenes, self.windows = scenes, windows
        self.onset, self.told = -1, None

    def by(self, onset: int) -> Features:
        if onset != self.onset:
            self.onset, self.told = onset, features(self.scenes, self.windows, history=onset)
        return self.told


def study_cell(
    panel: Panel, cell: Cell, rng: np.random.Generator, *, every: int = 1
) -> pd.DataFrame:
    """One row a study: estimates and p-values without an effect, and with one thinned in.

    ``every`` takes each so-manieth borough × date pair.
    """
    stage = stage_of(panel)
    scenes = play(stage, cell, rng)
    told = _Told(scenes, cell.windows())
    rows = []
    mimic = Mimic() if cell.mimicked else None
    for row in range(0, len(scenes), every):
        cluster, onset = int(scenes.cluster[row]), int(scenes.onset[row])
        played = scenes if mimic is None else _mimicked(stage, cell, scenes, row, mimic, rng)
        cast, rung = pool_of(played, cluster, onset, cell.post)
        pool = played.take(cast)
        if mimic is None:
            known = told.by(onset).take(cast)
        else:
            known = features(pool, cell.windows(), history=onset)
        base = {
            "row": row,
            "cluster": cluster,
            "onset": onset,
            "scenes": len(cast),
            "rung": rung,
        }
        if rung == NONE:
            rows.append(base)
            continue
        reference = reference_from(known, pool, len(stage.labels), onset, cell.windows())
        observed = _post_events(scenes, row, cell.post)
        fewer = rng.binomial(int(observed), REDUCTION)
        shift = float(np.log((fewer + 0.5) / (observed + 0.5)))
        rows.append(base | _judged(reference, told.by(onset), row, cluster, shift, known, pool))
    return pd.DataFrame(rows)


def _mimicked(
    stage: Stage, cell: Cell, scenes: Scenes, row: int, mimic: Mimic, rng: np.random.Generator
) -> Scenes:
    areas, labels = stage.panel.areas, stage.panel.periods.labels
    onset = int(scenes.onset[row])
    like = Design(treated=[areas[i] for i in scenes.treated[row]], start=labels[onset])
    return act(
        stage,
        cell.windows(),
        mimic.like(stage.panel, like),
        rng=rng,
        reach=15,
        history=15,
        last=stage.counts.shape[1],
    )


def _post_events(scenes: Scenes, row: int, post: int) -> float:
    onset = scenes.onset[row]
    return float(scenes.sum_treated[row, onset + post] - scenes.sum_treated[row, onset])


def _judged(reference, told, row, cluster, shift, known, pool) -> dict[str, float]:
    null = reference.expect(told, cluster, row)
    low, high = null.interval()
    acted = replace(null, change=null.change + shift)
    low_acted, high_acted = acted.interval()
    truth = float(np.log(REDUCTION))
    centre = float(known.change.mean())
    raw = known.change - centre
    scaled = raw / np.sqrt(known.sampling)
    even = np.ones(len(raw))
    own_scale = float(np.sqrt(told.sampling[row]))
    y = float(told.change[row]) - centre
    plain = weighted_p_values([y, y + shift], raw, even)
    standard = weighted_p_values([y / own_scale, (y + shift) / own_scale], scaled, even)
    return {
        "estimate": null.effect,
        "p": null.p_value(),
        "covers_zero": float(low < 0 < high),
        "expected_change": null.foreseen,
        "expected_events": null.expected,
        "estimate_acted": acted.effect,
        "p_acted": acted.p_value(),
        "covers_acted": float(low_acted < truth < high_acted),
        "p_plain": float(plain[0]),
        "p_plain_acted": float(plain[1]),
        "p_standard": float(standard[0]),
        "p_standard_acted": float(standard[1]),
        "change": float(told.change[row]),
        "change_acted": float(told.change[row]) + shift,
        "windows": reference.n_windows,
    }


def yardstick(table: pd.DataFrame) -> pd.DataFrame:
    """That borough's own placebo mean and SD, in sample: not available to anyone who evaluates."""
    by = table.groupby("cluster")["change"]
    mean, spread = by.transform("mean"), by.transform("std")
    out = table.copy()
    for suffix in ("", "_acted"):
        z = (table[f"change{suffix}"] - mean) / spread
        out[f"p_yardstick{suffix}"] = 2 * stats.norm.sf(z.abs())
    return out


def cells(outcomes: Iterable[str], *, mimicked: bool = False) -> Iterator[Cell]:
    """Rules × designs for each outcome."""
    for outcome in outcomes:
        for rule in RULES:
            for post, pre, gap in DESIGNS:
                yield Cell(
                    outcome=outcome, rule=rule, post=post, pre=pre, gap=gap, mimicked=mimicked
                )
