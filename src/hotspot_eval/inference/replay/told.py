"""Numbers of a replay, told as effects, tables and a ledger."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from hotspot_eval.design import Assignment
from hotspot_eval.inference.replay.joint import join
from hotspot_eval.inference.replay.ladder import Pool
from hotspot_eval.inference.replay.null import SiteNull, Verdict
from hotspot_eval.inference.replay.stage import Site, Stage
from hotspot_eval.ledger import Ledger, LedgerNote
from hotspot_eval.panel import Panel
from hotspot_eval.results import Effect, TreatedCells
from hotspot_eval.significance import Alternative, normal_or_t_interval

__all__ = [
    "adjusted_effect",
    "counted",
    "covariance_frame",
    "draws_frame",
    "ledger_of",
    "mean_effect",
    "pool_frame",
    "sites_frame",
]

NAN = float("nan")
METHOD = "selection replay, adjusted for the past of the chosen areas"


def counted(stage: Stage, assignment: Assignment, sites: Sequence[Site]) -> dict[str, Any]:
    """Counts behind the effect, treated cells grouped by the share treated."""
    controls = np.unique(np.concatenate([site.controls for site in sites]))
    rows = np.concatenate([site.treated for site in sites])
    cells = []
    for site in sites:
        when = site.onset + np.array(site.windows.on)
        for share in np.unique(assignment.treatment[np.ix_(site.treated, when)]):
            if share > 0:
                inside = assignment.treatment[np.ix_(site.treated, when)] == share
                events = stage.counts[np.ix_(site.treated, when)][inside].sum()
                cells.append((float(share), int(inside.sum()), float(events)))
    table = pd.DataFrame(cells, columns=["share", "cells", "events"]).groupby("share").sum()
    sums = zip(table.index, table["cells"], table["events"], strict=True)
    used = assignment.used.any(axis=0)
    return {
        "n_areas": len(rows) + len(controls),
        "n_treated": len(rows),
        "n_control": len(controls),
        "n_clusters": len({site.cluster for site in sites}),
        "n_periods": int(used.sum()),
        "treated_cells": tuple(
            TreatedCells(share=float(share), cells=int(number), events=float(events))
            for share, number, events in sums
        ),
    }


def adjusted_effect(
    verdict: Verdict,
    behind: dict[str, Any],
    level: float,
    alternative: Alternative,
    notes: tuple[str, ...],
) -> Effect:
    """The verdict as the effect of the operation."""
    inference = "selection replay"
    if not np.isnan(verdict.p_value):
        joined = f"sites joined: t on {verdict.df:.0f} df"
        inference += ", studentised ranks" if np.isinf(verdict.df) else f", {joined}"
    return Effect(
        estimand="average effect on the treated cells, as delivered",
        scale="log_irr",
        estimate=verdict.estimate,
        std_error=verdict.std_error,
        ci_low=verdict.low,
        ci_high=verdict.high,
        ci_level=level,
        statistic=verdict.statistic,
        df=verdict.df,
        p_value=verdict.p_value,
        alternative=alternative,
        method=METHOD,
        inference=inference,
        notes=notes,
        **behind,
    )


def mean_effect(
    verdict: Verdict, behind: dict[str, Any], level: float, notes: tuple[str, ...]
) -> Effect:
    """What areas like the chosen ones do anyway on average; any of them may differ from it."""
    low, high = (
        (NAN, NAN)
        if np.isnan(verdict.expected_change)
        else normal_or_t_interval(
            verdict.expected_change, verdict.expected_change_se, df=verdict.expected_df, level=level
        )
    )
    return Effect(
        estimand="mean change, relative to controls, of areas with such a past and left alone",
        scale="log_irr",
        estimate=verdict.expected_change,
        std_error=verdict.expected_change_se,
        ci_low=low,
        ci_high=high,
        ci_level=level,
        df=verdict.expected_df,
        method="centre of the replays at these areas' past",
        inference="ridge regression over independent windows",
        notes=notes,
        **{**behind, "treated_cells": ()},
    )


def draws_frame(stage: Stage, nulls: Sequence[SiteNull], draws: Sequence[Any]) -> pd.DataFrame:
    """One row a scene of each site."""
    columns = [
        "site",
        "site_start",
        "cluster",
        "period",
        "treated",
        "change",
        "expected",
        "residual",
        "u",
        "weight",
        "estimate",
    ]
    labels = stage.panel.periods.labels
    frames = [
        pd.DataFrame(
            {
                "site": null.site.cluster,
                "site_start": labels[null.site.onset],
                "cluster": [stage.all_labels[place] for place in null.pool.scenes.cluster],
                "period": null.pool.scenes.period_labels(stage),
                "treated": [len(rows) for rows in null.pool.scenes.treated],
                "change": null.reference.predicted + null.reference.residual,
                "expected": null.reference.predicted,
                "residual": null.reference.residual,
                "u": null.reference.u,
                "weight": null.reference.weights,
                "estimate": plain,
            }
        )
        for null, plain in zip(nulls, draws, strict=True)
    ]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=columns)


def pool_frame(stage: Stage, pools: Sequence[tuple[Site, Pool]]) -> pd.DataFrame:
    """One row a site: how many scenes, and from where."""
    frame = pd.concat([pool.to_frame() for _, pool in pools], ignore_index=True)
    frame.insert(0, "start", [stage.panel.periods.labels[site.onset] for site, _ in pools])
    frame.insert(0, "site", [site.cluster for site, _ in pools])
    return frame


def sites_frame(stage: Stage, sites: Sequence[Site], nulls: Sequence[SiteNull]) -> pd.DataFrame:
    """One row a site: its own estimate and what it weighs in the whole."""
    known = {id(null.site): null.expectation for null in nulls}
    inverse = {key: 1.0 / float(told.variance(0.0)) for key, told in known.items()}
    total = sum(inverse.values()) or 1.0
    rows = []
    for site in sites:
        told = known.get(id(site))
        rows.append(
            {
                "site": site.cluster,
                "start": stage.panel.periods.labels[site.onset],
                "treated": len(site.treated),
                "controls": len(site.controls),
                "estimate": told.effect if told else NAN,
                "std_error": float(np.sqrt(told.variance(0.0))) if told else NAN,
                "p_value": told.p_value() if told else NAN,
                "expected_change": told.foreseen if told else NAN,
                "expected_events": told.counterfactual if told else NAN,
                "weight": inverse.get(id(site), 0.0) / total,
            }
        )
    return pd.DataFrame(rows)


def covariance_frame(
    stage: Stage, sites: Sequence[Site], nulls: Sequence[SiteNull]
) -> pd.DataFrame:
    """Covariance of the sites' estimates, if there is no effect; NaN where there is no pool."""
    at = [next(i for i, site in enumerate(sites) if site is null.site) for null in nulls]
    out = np.full((len(sites), len(sites)), NAN)
    if nulls:
        out[np.ix_(at, at)] = join(nulls).covariance
    labels = pd.MultiIndex.from_tuples(
        [(site.cluster, stage.panel.periods.labels[site.onset]) for site in sites],
        names=["site", "start"],
    )
    return pd.DataFrame(out, index=labels, columns=labels)


def ledger_of(panel: Panel, pools: Sequence[tuple[Site, Pool]]) -> Ledger:
    """Cluster × date pairs in, scenes out, for each site."""
    ledger = Ledger()
    for site, pool in pools:
        reasons = [LedgerNote(reason=why, rows=n) for why, n in pool.left_out.items()]
        kept = len(pool.scenes)
        ledger = ledger.step(
            f"replay of {site.cluster} from {panel.periods.labels[site.onset]}",
            unit="cluster × date pairs",
            rows_in=kept + sum(note.rows for note in reasons),
            rows_out=kept,
            left_out=reasons,
        )
    return ledger
