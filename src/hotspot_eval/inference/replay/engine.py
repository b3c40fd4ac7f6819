"""Selection replay: the same rule, played where and when nothing was done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, get_args

import numpy as np

from hotspot_eval.design import Assignment, Design, Estimator, check_study
from hotspot_eval.errors import InputError, Problem, check_choice, check_type
from hotspot_eval.inference.labels import check_estimator
from hotspot_eval.inference.replay.checks import checks_of
from hotspot_eval.inference.replay.hindsight import check_reads_the_past_only
from hotspot_eval.inference.replay.joint import judge_several
from hotspot_eval.inference.replay.ladder import ENOUGH, FEWEST, Pool, Troupe, climb_down, reach_of
from hotspot_eval.inference.replay.null import SiteNull, Verdict, judge_one
from hotspot_eval.inference.replay.plain import plain_draws, plain_effect, plain_of_several
from hotspot_eval.inference.replay.recipe import (
    Features,
    Reference,
    calibrate,
    features,
)
from hotspot_eval.inference.replay.result import ReplayResult
from hotspot_eval.inference.replay.rules import Rule, periods_per_year
from hotspot_eval.inference.replay.scenes import Scenes, scene_of_site
from hotspot_eval.inference.replay.stage import Site, Stage, Windows, set_stage, sites_of
from hotspot_eval.inference.replay.told import (
    adjusted_effect,
    counted,
    covariance_frame,
    draws_frame,
    ledger_of,
    mean_effect,
    pool_frame,
    sites_frame,
)
from hotspot_eval.panel import Panel
from hotspot_eval.periods import PeriodLike
from hotspot_eval.results import Effect
from hotspot_eval.significance import Alternative

__all__ = ["Study", "reference_from", "replay", "study_of", "verdict_of"]

NAN = float("nan")
PENALTY = 4.0
HALF_LIFE_YEARS = 1.0
SCALE_PRIOR = 30.0
JOINT_WINDOWS = 4
_FEW = 0.5


def replay(
    panel: Panel,
    design: Design,
    *,
    rule: Rule,
    estimator: Estimator,
    rng: np.random.Generator,
    washout: int | None = None,
    breaks: Sequence[PeriodLike] = (),
    other_forces: Mapping[str, Panel] | None = None,
    alternative: Alternative = "two-sided",
    ci_level: float = 0.95,
) -> ReplayResult:
    """Judge an operation by replays of its selection where nothing was done.

    Parameters
    ----------
    panel : Panel, of one outcome
        Whole boroughs, with as much history as there is; every area is a candidate unless the
        design excludes it.
    design : Design
        The operation. Without ``pre_periods`` the baseline is one year. Areas under ``excluded``
        take part in no scene.
    rule : callable
        ``rule(panel, period, rng)`` → area ids, reading only what lies before ``period``:
        :class:`TopK`, :class:`Threshold`, a function of your own, or :class:`Mimic` when the rule
        is unknown or was discretion.
    estimator : Estimator
        For ``.raw``, on its own scale.
    rng : Generator
    washout : int, optional
        Periods after a treated one that may not enter a scene; three months by default.
    breaks : sequence of period
        First periods after a break in recording; no scene's windows may straddle one.
    other_forces : mapping of str to Panel, optional
        Panels of forces where nothing was done, over periods of the same length, of any years:
        asked for scenes only where the study's own panel has fewer than 39.
    alternative : {"two-sided", "less", "greater"}
    ci_level : float

    Returns
    -------
    ReplayResult
        ``.effect`` (adjusted, log IRR), ``.raw``, ``.regression_to_mean``, ``.draws``, ``.pool``,
        ``.checks``.

    Raises
    ------
    InputError
        If the panel has several outcomes, missing counts inside the study's windows, the design
        does not fit it, or the rule reads what came after the start.

    Notes
    -----
    A scene is a (cluster, date) with the areas that the rule would have chosen there. It enters
    the pool if no cell of its windows is treated, catchment of a treated area, in washout, missing
    or across a break; in the site's own cluster it must have ended before the site's start. With
    l(W) = log[(T + ½)/(C + ½q)], T and C the events of chosen areas and controls in a window and q
    controls for each chosen area, y = l(post) − l(pre) is predicted from x, the same ratio in the
    last three months, the months before, and the years before (and the same months last year), and
    how the own cluster's controls and the other clusters moved after the start. The
    effect is d = y − x′β; its test ranks |d − δ|/√V(δ) among the pool's studentised residuals, each
    weighted ½^(age in years); the interval holds every δ that the test does not reject. V reads no
    treated count after the start.

    Assumes that chosen areas elsewhere and before would have gone on as these would: the average
    bias of selection and recurring trends are removed, one-off events at the real date are not.

    Examples
    --------
    >>> import pandas as pd
    >>> from hotspot_eval.did import PoissonDid
    >>> from hotspot_eval.inference.replay import TopK
    >>> rng = np.random.default_rng(1)
    >>> months = pd.period_range("2019-01", periods=48, freq="M").strftime("%Y-%m")
    >>> frame = pd.DataFrame([(f"{b}{i:02}", b, m) for b in "ABCDEF" for i in range(20)
    ...                       for m in months], columns=["area", "borough", "month"])
    >>> frame["count"] = rng.poisson(6.0, len(frame))
    >>> panel = Panel.from_counts(frame, area="area", period="month", count="count",
    ...                           cluster="borough")
    >>> rule = TopK(k=4, lookback=3)
    >>> chosen = [a for a in rule(panel, "2022-07", rng) if a.startswith("A")]
    >>> rest = [f"A{i:02}" for i in range(20) if f"A{i:02}" not in chosen]
    >>> design = Design(treated=chosen, start="2022-07", controls=rest, pre_periods=3,
    ...                 post_periods=3)
    >>> result = replay(panel, design, rule=rule, estimator=PoissonDid(), rng=rng)
    >>> len(result.draws), result.regression_to_mean.estimate < -0.1
    (111, True)
    >>> result.effect.ci_low < 0 < result.effect.ci_high
    True
    """
    check_study(panel, design)
    check_estimator(estimator)
    check_type("rng", rng, np.random.Generator, advice="Give numpy.random.default_rng(seed).")
    if not callable(rule):
        raise InputError(
            Problem(
                where="argument 'rule'",
                what=f"is {rule!r}, not a rule of selection",
                advice="Give TopK(k=…, lookback=…), Threshold(…), Mimic(), or a function "
                "rule(panel, period, rng) -> area ids.",
            )
        )
    check_choice("alternative", alternative, get_args(Alternative))
    study = study_of(
        panel,
        design,
        rule=rule,
        rng=rng,
        washout=washout,
        breaks=breaks,
        other_forces=other_forces,
    )
    stage, sites, pools, nulls = study.stage, study.sites, study.pools, study.nulls
    verdict = verdict_of(sites, nulls, pools, ci_level, alternative)
    judged = tuple(null.site for null in nulls) or sites
    behind = counted(stage, study.assignment, judged)
    notes = (*verdict.notes, *_notes(sites, pools, design))
    draws = plain_draws(stage, nulls, estimator)
    return ReplayResult(
        effect=adjusted_effect(verdict, behind, ci_level, alternative, notes),
        raw=_raw(panel, design, stage, nulls, sites, estimator, draws, ci_level, alternative),
        regression_to_mean=mean_effect(verdict, behind, ci_level, notes),
        draws=draws_frame(stage, nulls, draws),
        pool=pool_frame(stage, pools),
        sites=sites_frame(stage, sites, nulls),
        covariance=covariance_frame(stage, sites, nulls),
        checks=checks_of(stage, nulls, pools, rule, rng),
        ledger=ledger_of(panel, pools),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Study:
    """A design with its stage, its pools and their reference distributions; nothing judged yet."""

    assignment: Assignment
    stage: Stage
    sites: tuple[Site, ...]
    pools: tuple[tuple[Site, Pool], ...]
    nulls: tuple[SiteNull, ...]


def study_of(
    panel: Panel,
    design: Design,
    *,
    rule: Rule,
    rng: np.random.Generator,
    washout: int | None = None,
    breaks: Sequence[PeriodLike] = (),
    other_forces: Mapping[str, Panel] | None = None,
) -> Study:
    """Sites, pools and references, as :func:`replay` uses them."""
    assignment = design.on(panel)
    sites, stage = _lay_out(
        panel, design, assignment, washout=washout, breaks=breaks, others=other_forces
    )
    check_reads_the_past_only(rule, stage.candidates(), sites)
    treated = assignment.rows("treated")
    troupe = Troupe(stage=stage, rule=rule, rng=rng)
    calendar = JOINT_WINDOWS if len({site.cluster for site in sites}) > 1 else 1
    pools = tuple((site, climb_down(troupe, site, treated, calendar=calendar)) for site in sites)
    nulls = tuple(_null(stage, site, pool, rng) for site, pool in pools if pool.usable)
    return Study(assignment=assignment, stage=stage, sites=sites, pools=pools, nulls=nulls)


def _lay_out(
    panel: Panel,
    design: Design,
    assignment: Assignment,
    *,
    washout: int | None,
    breaks: Sequence[PeriodLike],
    others: Mapping[str, Panel] | None,
) -> tuple[tuple[Site, ...], Stage]:
    """Sites and stage of a study."""
    sites = sites_of(panel, design, assignment)
    home = {row for site in sites for row in site.treated.tolist()}
    labels = np.array(panel.cluster or [""] * len(panel.areas))
    own = {labels[row] for row in home}
    everywhere = panel.cluster is not None and bool(
        set(labels[assignment.rows("control")].tolist()) - own
    )
    pause = max(1, periods_per_year(panel) // 4) if washout is None else washout
    if pause < 0:
        raise InputError(
            Problem(where="argument 'washout'", what=f"must be 0 or more, not {pause}")
        )
    stage = set_stage(
        panel,
        design,
        assignment,
        everywhere=everywhere,
        washout=pause,
        breaks=breaks,
        others=others,
    )
    return sites, stage


def reference_from(
    told: Features, scenes: Scenes, n_clusters: int, onset: int, windows: Windows
) -> Reference:
    """The reference that some scenes make at a date, with the frozen constants of the recipe."""
    return calibrate(
        told,
        scenes,
        n_clusters=n_clusters,
        onset=onset,
        windows=windows,
        penalty=PENALTY,
        half_life_years=HALF_LIFE_YEARS,
        scale_prior=SCALE_PRIOR,
    )


def _null(stage: Stage, site: Site, pool: Pool, rng: np.random.Generator) -> SiteNull:
    scene = scene_of_site(stage, site, pool.rule, rng, reach=reach_of(pool.rule, site))
    history = min(pool.lookback(site), site.onset - int(scene.since[0]))
    told = features(pool.scenes, site.windows, history=history)
    reference = reference_from(told, pool.scenes, len(stage.all_labels), site.onset, site.windows)
    target = features(scene, site.windows, history=history)
    return SiteNull(
        site=site,
        pool=pool,
        history=history,
        reference=reference,
        expectation=reference.expect(target, stage.labels.index(site.cluster)),
        told=told,
        target=target,
    )


def verdict_of(
    sites: Sequence[Site],
    nulls: Sequence[SiteNull],
    pools: Sequence[tuple[Site, Pool]],
    level: float,
    alternative: Alternative,
) -> Verdict:
    """The test of one site or the join of several; NaN with the reason where no pool was found."""
    if nulls:
        judge = partial(judge_one, nulls[0]) if len(nulls) == 1 else partial(judge_several, nulls)
        verdict = judge(level=level, alternative=alternative)
        if len(nulls) == len(sites):
            return verdict
        gone = [site.cluster for site, pool in pools if not pool.usable]
        why = f"{len(gone)} of {len(sites)} sites have no reference distribution and are left out: "
        return replace(verdict, notes=(*verdict.notes, why + ", ".join(gone)))
    fewest = max(len(pool.scenes) for _, pool in pools)
    why = (
        f"no reference distribution: the largest pool holds {fewest} admissible scenes, and fewer "
        f"than {FEWEST} allow no test at 5 %"
    )
    if fewest >= FEWEST:
        why = f"no reference distribution: the {fewest} admissible scenes hold no event"
    return Verdict(
        estimate=NAN,
        std_error=NAN,
        p_value=NAN,
        low=NAN,
        high=NAN,
        statistic=NAN,
        df=NAN,
        expected_change=NAN,
        expected_change_se=NAN,
        expected_df=NAN,
        notes=(why,),
    )


def _notes(
    sites: Sequence[Site], pools: Sequence[tuple[Site, Pool]], design: Design
) -> tuple[str, ...]:
    usable = [pool for _, pool in pools if pool.usable]
    notes = []
    if usable:
        worst = max(usable, key=lambda pool: (pool.rung, -len(pool.scenes)))
        fewest = min(len(pool.scenes) for pool in usable)
        notes.append(f"reference distribution: {worst.found}, {fewest} scenes or more a site")
        if fewest < ENOUGH:
            notes.append(f"fewer than {ENOUGH} scenes: the reference distribution is coarse")
    few = [site for site, pool in pools if len(site.controls) < _FEW * _compared(pool)]
    if few:
        notes.append(
            f"{len(few[0].controls)} controls in {few[0].cluster}, fewer than half of those of its "
            "replays, whose chance differences are smaller: the interval is too narrow"
        )
    lowest = min(float(site.shares.min()) for site in sites)
    if lowest < 1.0:
        notes.append(
            f"attenuated: treated periods hold as little as {lowest:.0%} of treated time or area"
        )
    if design.pre_periods is None:
        notes.append("no pre_periods given: the baseline is one year, or all there is before")
    return tuple(notes)


def _compared(pool: Pool) -> float:
    """Controls of a typical scene."""
    return float(np.median([len(rows) for rows in pool.scenes.controls])) if pool.usable else 0.0


def _raw(
    panel: Panel,
    design: Design,
    stage: Stage,
    nulls: Sequence[SiteNull],
    sites: Sequence[Site],
    estimator: Estimator,
    draws: Sequence[Any],
    level: float,
    alternative: Alternative,
) -> Effect:
    if len(nulls) == len(sites) == 1:
        null = nulls[0]
        return plain_effect(
            panel,
            stage,
            null,
            estimator,
            draws=draws[0],
            target=scene_of_site(stage, null.site),
            level=level,
            alternative=alternative,
        )
    return plain_of_several(
        panel,
        design,
        estimator,
        nulls=nulls,
        draws=draws,
        n_sites=len(sites),
        level=level,
        alternative=alternative,
    )
