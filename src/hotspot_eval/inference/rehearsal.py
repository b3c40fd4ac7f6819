"""Dress rehearsal: a known reduction put into the study's own past, and what replay makes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape

import numpy as np
import pandas as pd

from hotspot_eval.design import Design
from hotspot_eval.errors import InputError, Problem
from hotspot_eval.inference.replay.engine import reference_from, study_of
from hotspot_eval.inference.replay.ladder import FEWEST, admissible
from hotspot_eval.inference.replay.null import SiteNull
from hotspot_eval.inference.replay.recipe import Expectation, features
from hotspot_eval.inference.replay.rules import Rule
from hotspot_eval.inference.replay.stage import Stage
from hotspot_eval.panel import Panel
from hotspot_eval.periods import PeriodLike
from hotspot_eval.results import Check

__all__ = ["Rehearsal", "dress_rehearsal"]

_LOWEST_COVERAGE = 0.90
_COLUMNS = [
    "site",
    "cluster",
    "period",
    "estimate",
    "ci_low",
    "ci_high",
    "p_value",
    "p_value_without",
]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Rehearsal:
    """Replay on studies whose truth is known.

    Parameters
    ----------
    percent : float
        The change that was put in.
    frame : DataFrame
        One row a pseudo-study: site, cluster, period, estimate, ci_low, ci_high, p_value with the
        change in, and p_value_without.
    summary : DataFrame
        One row a site: studies, recovered (mean estimate in percent), bias (log), coverage, found
        (share with p ≤ .05), false_alarms.
    check : Check
    """

    percent: float
    frame: pd.DataFrame
    summary: pd.DataFrame
    check: Check

    def to_frame(self) -> pd.DataFrame:
        """One row a site."""
        return self.summary.copy()

    def __repr__(self) -> str:
        return f"Rehearsal of {len(self.frame)} studies at {self.percent:+.0f} %: {self.check!r}"

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>"


def dress_rehearsal(
    panel: Panel,
    design: Design,
    *,
    rule: Rule,
    rng: np.random.Generator,
    percent: float = -20.0,
    studies: int = 100,
    washout: int | None = None,
    breaks: Sequence[PeriodLike] = (),
) -> Rehearsal:
    """Inject a known reduction into the study's own untreated past and see what replay finds.

    Parameters
    ----------
    panel, design, rule, rng, washout, breaks
        As in :func:`hotspot_eval.replay`.
    percent : float
        Change put into the treated post window, in [−95, 0): each event is kept with probability
        1 + percent/100.
    studies : int
        Pseudo-studies a site at most: scenes of its pool, nearest in expected count first.

    Returns
    -------
    Rehearsal

    Raises
    ------
    InputError
        As ``replay``, or if ``percent`` or ``studies`` is out of range.

    Notes
    -----
    Each pseudo-study is a scene of the site's pool, judged as if it had been the operation: by
    scenes of its own cluster that ended before it, and of others up to its start and from its end
    and washout on, none reading further back than it can. Scenes that this leaves with fewer than
    39 are skipped.

    Examples
    --------
    >>> import pandas as pd
    >>> from hotspot_eval.inference import TopK
    >>> rng = np.random.default_rng(1)
    >>> months = pd.period_range("2019-01", periods=48, freq="M").strftime("%Y-%m")
    >>> frame = pd.DataFrame([(f"{b}{i:02}", b, m) for b in "ABCDEF" for i in range(20)
    ...                       for m in months], columns=["area", "borough", "month"])
    >>> frame["count"] = rng.poisson(6.0, len(frame))
    >>> panel = Panel.from_counts(frame, area="area", period="month", count="count",
    ...                           cluster="borough")
    >>> home = [f"A{i:02}" for i in range(20)]
    >>> design = Design(treated=home[:4], start="2022-07", controls=home[4:], pre_periods=3,
    ...                 post_periods=3)
    >>> found = dress_rehearsal(panel, design, rule=TopK(k=4), rng=rng, percent=-40, studies=40)
    >>> len(found.frame), bool(-50 < found.summary["recovered"].iloc[0] < -30)
    (40, True)
    """
    problems = []
    if not -95 <= percent < 0:
        problems.append(
            Problem(where="argument 'percent'", what=f"must lie in [−95, 0), not {percent}")
        )
    if studies < 1:
        problems.append(
            Problem(where="argument 'studies'", what=f"must be at least 1, not {studies}")
        )
    if problems:
        raise InputError(*problems)
    study = study_of(panel, design, rule=rule, rng=rng, washout=washout, breaks=breaks)
    kept = 1.0 + percent / 100.0
    parts = [_rehearse(null, study.stage, kept, studies, rng) for null in study.nulls]
    if not any(map(len, parts)):
        columns = ["site", "studies", "recovered", "bias", "coverage", "found", "false_alarms"]
        return Rehearsal(
            percent=percent,
            frame=pd.DataFrame(columns=_COLUMNS),
            summary=pd.DataFrame(columns=columns),
            check=_check(pd.DataFrame(), percent),
        )
    frame = pd.concat([part for part in parts if len(part)], ignore_index=True)
    summary = _summary(frame, float(np.log(kept)))
    return Rehearsal(percent=percent, frame=frame, summary=summary, check=_check(summary, percent))


def _rehearse(
    null: SiteNull, stage: Stage, kept: float, studies: int, rng: np.random.Generator
) -> pd.DataFrame:
    scenes, windows = null.pool.scenes, null.site.windows
    distance = np.abs(np.log(null.told.expected + 0.5) - np.log(null.expectation.expected + 0.5))
    periods = scenes.period_labels(stage)
    rows = []
    for row in np.argsort(distance, kind="stable")[:studies]:
        plain = _expectation(null, stage, row)
        if plain is None:
            continue
        line, at = scenes.totals.treated[scenes.row[row]], int(scenes.at[row])
        events = sum(float(line[at + o + 1] - line[at + o]) for o in windows.on)
        left = float(rng.binomial(int(events), kept))
        acted = replace(plain, change=plain.change + float(np.log((left + 0.5) / (events + 0.5))))
        low, high = acted.interval()
        rows.append(
            (
                null.site.cluster,
                stage.labels[scenes.cluster[row]],
                periods[row],
                acted.effect,
                low,
                high,
                acted.p_value(),
                plain.p_value(),
            )
        )
    return pd.DataFrame(rows, columns=_COLUMNS)


def _expectation(null: SiteNull, stage: Stage, row: int) -> Expectation | None:
    """A scene before what replay would hold it against, had it been the operation."""
    scenes, windows = null.pool.scenes, null.site.windows
    place, onset = int(scenes.cluster[row]), int(scenes.onset[row])
    site = replace(null.site, cluster=stage.labels[place], onset=onset)
    rest = admissible(scenes, stage, site, during=False)
    if len(rest) < FEWEST:
        rest = admissible(scenes, stage, site, during=True)
    if len(rest) < FEWEST:
        return None
    history = min(null.history, int(scenes.at[row] - scenes.since[row]))
    told = features(rest, windows, history=history)
    reference = reference_from(told, rest, len(stage.all_labels), onset, windows)
    own = features(scenes.take(np.array([row])), windows, history=history)
    return reference.expect(own, place)


def _summary(frame: pd.DataFrame, truth: float) -> pd.DataFrame:
    told = frame.assign(
        covers=(frame["ci_low"] < truth) & (frame["ci_high"] > truth),
        found=frame["p_value"] <= 0.05,
        false_alarms=frame["p_value_without"] <= 0.05,
    ).groupby("site")
    mean = told["estimate"].mean()
    return pd.DataFrame(
        {
            "site": mean.index,
            "studies": told.size().to_numpy(),
            "recovered": 100.0 * np.expm1(mean.to_numpy()),
            "bias": mean.to_numpy() - truth,
            "coverage": told["covers"].mean().to_numpy(),
            "found": told["found"].mean().to_numpy(),
            "false_alarms": told["false_alarms"].mean().to_numpy(),
        }
    )


def _check(summary: pd.DataFrame, percent: float) -> Check:
    name = "dress rehearsal"
    threat = "The method may not recover a known effect from data like these."
    if summary.empty:
        return Check(
            name=name,
            threat=threat,
            status="not assessed",
            sentence="There is no pool to rehearse in.",
        )
    weight = summary["studies"] / summary["studies"].sum()
    recovered = float((weight * summary["recovered"]).sum())
    coverage = float((weight * summary["coverage"]).sum())
    alarms = float((weight * summary["false_alarms"]).sum())
    found = float((weight * summary["found"]).sum())
    return Check(
        name=name,
        threat=threat,
        status="passed" if coverage >= _LOWEST_COVERAGE and alarms <= 0.1 else "failed",
        sentence=f"A change of {percent:+.0f}% was put into {int(summary['studies'].sum())} past "
        f"studies: {recovered:+.0f}% was recovered on average, the interval covered it in "
        f"{coverage:.0%} of them, and it was detected in {found:.0%}. Where nothing was put in, "
        f"{alarms:.0%} reported a change (false alarms).",
        evidence=summary,
    )
