"""What a reviewer asks of a pool: size, drift, clusters, season, and the rule itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hotspot_eval.inference.replay.ladder import ENOUGH, FEWEST, Pool, reach_of
from hotspot_eval.inference.replay.null import SiteNull
from hotspot_eval.inference.replay.rules import Mimic, Rule, TopK
from hotspot_eval.inference.replay.stage import Site, Stage
from hotspot_eval.periods import Periods
from hotspot_eval.results import Check
from hotspot_eval.significance import normal_or_t_p_value, wald_p_value

__all__ = ["checks_of"]

_ALARM = 0.01
_FEW_WINDOWS = 20.0


def checks_of(
    stage: Stage,
    nulls: Sequence[SiteNull],
    pools: Sequence[tuple[Site, Pool]],
    rule: Rule,
    rng: np.random.Generator,
) -> tuple[Check, ...]:
    """The six checks of a replay."""
    return (
        _pool_size(stage, pools),
        _windows(stage, pools),
        _drift(nulls),
        _clusters(stage, nulls),
        _season(stage, nulls),
        _same_rule(stage, [site for site, _ in pools], rule, rng),
    )


def _sites_frame(stage: Stage, pools: Sequence[tuple[Site, Pool]]) -> pd.DataFrame:
    frame = pd.concat([pool.to_frame() for _, pool in pools], ignore_index=True)
    frame.insert(0, "start", [stage.panel.periods.labels[site.onset] for site, _ in pools])
    frame.insert(0, "cluster", [site.cluster for site, _ in pools])
    return frame


def _pool_size(stage: Stage, pools: Sequence[tuple[Site, Pool]]) -> Check:
    evidence = _sites_frame(stage, pools)
    fewest, rung = int(evidence["scenes"].min()), int(evidence["rung"].max())
    good = fewest >= ENOUGH and rung == 1
    words = str(evidence["found"].iloc[int(evidence["rung"].argmax())])
    sentence = f"The smallest pool holds {fewest} scenes; rung {rung} of the ladder: {words}"
    if fewest < FEWEST:
        sentence += f"; fewer than {FEWEST} allow no test at 5 %"
    elif fewest < ENOUGH:
        sentence += f"; fewer than {ENOUGH} make the reference distribution coarse"
    return Check(
        name="replay pool",
        threat="A reference distribution of few or unlike scenes misstates chance.",
        status="passed" if good else "failed",
        sentence=f"{sentence}.",
        evidence=evidence,
    )


def _windows(stage: Stage, pools: Sequence[tuple[Site, Pool]]) -> Check:
    evidence = _sites_frame(stage, pools)
    fewest = float(evidence["independent_windows"].min())
    return Check(
        name="independent windows",
        threat="Overlapping windows repeat each other: many scenes can hold little information.",
        status="passed" if fewest >= _FEW_WINDOWS else "failed",
        sentence=f"The smallest pool holds {fewest:.0f} windows without overlap "
        f"({_FEW_WINDOWS:.0f} wanted).",
        evidence=evidence,
    )


def _stacked(nulls: Sequence[SiteNull]) -> pd.DataFrame:
    """Standardised residuals, one row a scene; the same scene in several pools once."""
    rows = pd.concat(
        [
            pd.DataFrame(
                {
                    "cluster": null.pool.scenes.cluster,
                    "onset": null.pool.scenes.onset,
                    "u": null.reference.u,
                }
            )
            for null in nulls
        ]
    )
    return rows.groupby(["cluster", "onset"], as_index=False).mean()


def _unassessed(name: str, threat: str, why: str) -> Check:
    return Check(name=name, threat=threat, status="not assessed", sentence=why)


def _drift(nulls: Sequence[SiteNull]) -> Check:
    name = "replay drift"
    threat = "If replays drift over time, their centre is not that of the real date."
    if not nulls:
        return _unassessed(name, threat, "There is no reference distribution.")
    rows = _stacked(nulls)
    middle = rows["onset"].median()
    halves = rows.assign(late=rows["onset"] > middle).pivot_table(
        index="cluster", columns="late", values="u", aggfunc="mean"
    )
    if halves.shape[1] < 2 or len(halves.dropna()) < 3:
        return _unassessed(name, threat, "Fewer than three clusters have scenes early and late.")
    shift = (halves[True] - halves[False]).dropna()
    error = float(shift.std(ddof=1) / np.sqrt(len(shift)))
    p = normal_or_t_p_value(float(shift.mean()) / error, df=len(shift) - 1)
    evidence = pd.DataFrame(
        {
            "clusters": [len(shift)],
            "late_minus_early": [shift.mean()],
            "std_error": [error],
            "p_value": [p],
        }
    )
    return Check(
        name=name,
        threat=threat,
        status="failed" if p < _ALARM else "passed",
        sentence=f"Late replays lie {shift.mean():+.2f} standard deviations from early ones "
        f"(p = {p:.3f} over {len(shift)} clusters).",
        evidence=evidence,
    )


def _clusters(stage: Stage, nulls: Sequence[SiteNull]) -> Check:
    name = "replay differences between clusters"
    threat = "If clusters differ lastingly, the pool is no fair comparison for this one."
    if not nulls:
        return _unassessed(name, threat, "There is no reference distribution.")
    rows = _stacked(nulls)
    windows = np.max([null.reference.windows for null in nulls], axis=0)
    mean = rows.groupby("cluster")["u"].mean()
    weight = windows[mean.index.to_numpy()]
    statistic, df = float((weight * mean**2).sum()), len(mean) - 1
    if df < 1:
        return _unassessed(name, threat, "The pool has one cluster.")
    p = wald_p_value(statistic, df=df)
    evidence = pd.DataFrame(
        {
            "cluster": [stage.all_labels[place] for place in mean.index],
            "mean_u": mean.to_numpy(),
            "independent_windows": weight,
        }
    )
    return Check(
        name=name,
        threat=threat,
        status="failed" if p < _ALARM else "passed",
        sentence=f"Means of {len(mean)} clusters spread by {mean.std(ddof=1):.2f} standard "
        f"deviations (χ² = {statistic:.1f} on {df}, p = {p:.3f}).",
        evidence=evidence,
    )


def _season(stage: Stage, nulls: Sequence[SiteNull]) -> Check:
    name = "replay season"
    threat = "If replays depend on the season, their centre is not that of the real date."
    if not nulls or stage.panel.periods.frequency in ("year", "step"):
        why = "There is no reference distribution." if not nulls else "Periods carry no season."
        return _unassessed(name, threat, why)
    rows = _stacked(nulls)
    rows = rows.assign(quarter=_quarters(stage.panel.periods, rows["onset"].to_numpy()))
    table = rows.pivot_table(index="cluster", columns="quarter", values="u", aggfunc="mean")
    table = table.loc[:, table.notna().sum() >= 3]
    if table.shape[1] < 2:
        return _unassessed(name, threat, "The pool spans fewer than two seasons.")
    error = table.std(ddof=1) / np.sqrt(table.notna().sum())
    evidence = pd.DataFrame(
        {"quarter": table.columns, "mean_u": table.mean().to_numpy(), "std_error": error.to_numpy()}
    )
    evidence["p_value"] = [
        min(1.0, table.shape[1] * normal_or_t_p_value(m / e, df=int(n) - 1))
        for m, e, n in zip(
            evidence["mean_u"], evidence["std_error"], table.notna().sum(), strict=True
        )
    ]
    worst = evidence.iloc[int(evidence["p_value"].argmin())]
    return Check(
        name=name,
        threat=threat,
        status="failed" if worst["p_value"] < _ALARM else "passed",
        sentence=f"Starts in quarter {int(worst['quarter'])} lie furthest out, "
        f"{worst['mean_u']:+.2f} standard deviations "
        f"(p = {worst['p_value']:.3f} after Bonferroni).",
        evidence=evidence,
    )


def _quarters(periods: Periods, onset: NDArray[np.intp]) -> NDArray[np.intp]:
    """Quarter of the year of each start; scenes of other forces may lie outside the calendar."""
    if periods.frequency == "month":
        month = periods.starts[0].astype("M8[M]").astype(int) + onset
    else:
        long = (periods.starts[-1] - periods.starts[0]).astype(float) / max(len(periods) - 1, 1)
        days = np.round(long * onset).astype("timedelta64[D]")
        month = (periods.starts[0] + days).astype("M8[M]").astype(int)
    return np.asarray(month % 12 // 3 + 1)


def _same_rule(stage: Stage, sites: Sequence[Site], rule: Rule, rng: np.random.Generator) -> Check:
    name = "rule reproduces the selection"
    threat = "If the rule is not how areas were chosen, replays regress by another amount."
    if isinstance(rule, TopK) and rule.by == "random":
        return _unassessed(name, threat, "A rule that draws at random reproduces nothing.")
    if isinstance(rule, Mimic):
        return _unassessed(name, threat, "A mimic imitates the treated, however they were chosen.")
    readable = [site for site in sites if site.onset >= reach_of(rule, site)]
    if not readable:
        return _unassessed(name, threat, "The rule reads further back than the panel goes.")
    rows = []
    for site in readable:
        chosen = _picks(stage, site, rule, rng)
        real = set(site.treated.tolist())
        rows.append(
            {
                "cluster": site.cluster,
                "start": stage.panel.periods.labels[site.onset],
                "treated": len(real),
                "chosen_by_rule": len(chosen),
                "both": len(real & chosen),
            }
        )
    evidence = pd.DataFrame(rows)
    shared = int(evidence["both"].sum())
    union = int((evidence["treated"] + evidence["chosen_by_rule"] - evidence["both"]).sum())
    agreement = shared / union if union else 0.0
    return Check(
        name=name,
        threat=threat,
        status="passed" if agreement >= 0.8 else "failed",
        sentence=f"The rule chooses {shared} of {int(evidence['treated'].sum())} treated "
        f"areas and {int((evidence['chosen_by_rule'] - evidence['both']).sum())} others.",
        evidence=evidence,
    )


def _picks(stage: Stage, site: Site, rule: Rule, rng: np.random.Generator) -> set[int]:
    period = stage.panel.periods.labels[site.onset]
    rows: NDArray[np.intp] = stage.panel.positions(rule(stage.candidates(), period, rng))
    home = stage.cluster[rows] == stage.labels.index(site.cluster)
    return set(rows[home & ~stage.excluded[rows]].tolist())
