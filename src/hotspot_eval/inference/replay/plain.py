"""The plain replay: any estimator, its placebo estimates, and a studentised rank among them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hotspot_eval.design import Design, Estimator, Spell
from hotspot_eval.inference.replay.null import SiteNull
from hotspot_eval.inference.replay.scenes import Scenes
from hotspot_eval.inference.replay.stage import Site, Stage
from hotspot_eval.panel import Panel
from hotspot_eval.results import Effect, Scale
from hotspot_eval.significance import Alternative, weighted_critical_value, weighted_p_values

__all__ = ["plain_draws", "plain_effect", "plain_of_several", "scene_designs"]

Vector = NDArray[np.float64]
BLOCK = 1024


def scene_designs(stage: Stage, site: Site, scenes: Scenes) -> list[Design]:
    """The site's design moved to each scene: same windows, same treated share of each period."""
    windows = site.windows
    whole = windows.on == tuple(range(windows.post)) and bool((site.shares == 1.0).all())
    stages = stage.all_stages
    known: dict[tuple[int, bytes], list[str]] = {}
    designs = []
    for treated, controls, source, at in zip(
        scenes.treated, scenes.controls, scenes.source.tolist(), scenes.at.tolist(), strict=True
    ):
        areas, labels = stages[source].panel.areas, stages[source].panel.periods.labels
        ids = [areas[row] for row in treated]
        key = (source, controls.tobytes())
        against = known.setdefault(key, [areas[row] for row in controls])
        if whole:
            spells = [Spell(area=area, start=labels[at]) for area in ids]
        else:
            spells = [
                Spell(area=area, start=labels[at + o], end=labels[at + o], share=share)
                for area in ids
                for o, share in zip(windows.on, site.shares.tolist(), strict=True)
            ]
        designs.append(
            Design(
                spells=spells,
                controls=against,
                pre_periods=windows.pre,
                post_periods=windows.post,
                gap=windows.gap,
            )
        )
    return designs


def plain_draws(stage: Stage, nulls: Sequence[SiteNull], estimator: Estimator) -> list[Vector]:
    """The estimator on every scene of each site's pool; a scene of several pools is fitted once.

    Designs live for one block of scenes at a time: only the estimates grow with their number.
    """
    known: dict[tuple[object, ...], float] = {}
    draws = []
    for null in nulls:
        scenes, site = null.pool.scenes, null.site
        same = (site.windows, site.shares.tobytes())
        keys = [
            (source, at, treated.tobytes(), hash(controls.tobytes()), *same)
            for source, at, treated, controls in zip(
                scenes.source.tolist(),
                scenes.at.tolist(),
                scenes.treated,
                scenes.controls,
                strict=True,
            )
        ]
        new = np.array([row for row, key in enumerate(keys) if key not in known], dtype=np.intp)
        for begin in range(0, len(new), BLOCK):
            rows = new[begin : begin + BLOCK]
            values = _estimates(stage, site, scenes.take(rows), estimator)
            known |= {keys[row]: value for row, value in zip(rows, values.tolist(), strict=True)}
        draws.append(np.array([known[key] for key in keys]))
    return draws


def _estimates(stage: Stage, site: Site, scenes: Scenes, estimator: Estimator) -> Vector:
    values = np.full(len(scenes), np.nan)
    designs = scene_designs(stage, site, scenes)
    for number, theirs in enumerate(stage.all_stages):
        rows = np.flatnonzero(scenes.source == number)
        if len(rows):
            values[rows] = estimator.many(theirs.panel, [designs[row] for row in rows])
    return values


def plain_effect(
    panel: Panel,
    stage: Stage,
    null: SiteNull,
    estimator: Estimator,
    *,
    draws: Vector,
    target: Scenes,
    level: float,
    alternative: Alternative,
) -> Effect:
    """The estimate less the centre of its replays, ranked among them after studentising."""
    fit = estimator(panel, scene_designs(stage, null.site, target)[0])
    usable = ~np.isnan(draws)
    weights = np.where(usable, null.reference.weights, 0.0)
    scene_scale = _scale(fit.effect.scale, null.site, null.pool.scenes)
    own_scale = float(_scale(fit.effect.scale, null.site, target)[0])
    if not usable.any() or np.isnan(fit.effect.estimate):
        return _nothing(fit.effect, "the plain estimator gives no estimate", level, alternative)
    centre = _centre(draws, weights)
    u = (draws[usable] - centre) / scene_scale[usable]
    estimate = fit.effect.estimate - centre
    z = np.array([estimate / own_scale])
    p = float(weighted_p_values(z, u, weights[usable], alternative=alternative)[0])
    reach = weighted_critical_value(u, weights[usable], level=level) * own_scale
    notes: tuple[str, ...] = (
        f"the plain estimate is {fit.effect.estimate:.4f}, the centre of its "
        f"{int(usable.sum())} replays {centre:.4f}",
    )
    if not usable.all():
        notes = (*notes, f"{int((~usable).sum())} replays gave no estimate")
    spread = float(np.sqrt(np.average(u**2, weights=weights[usable]))) * own_scale
    return Effect(
        estimand=fit.effect.estimand,
        scale=fit.effect.scale,
        estimate=estimate,
        std_error=spread,
        ci_low=estimate - reach,
        ci_high=estimate + reach,
        ci_level=level,
        statistic=float(z[0]),
        p_value=p,
        alternative=alternative,
        method=f"{fit.effect.method}, less the centre of its replays",
        inference="selection replay, studentised ranks",
        n_areas=fit.effect.n_areas,
        n_treated=fit.effect.n_treated,
        n_control=fit.effect.n_control,
        n_clusters=fit.effect.n_clusters,
        n_periods=fit.effect.n_periods,
        treated_cells=fit.effect.treated_cells,
        notes=notes,
    )


def plain_of_several(
    panel: Panel,
    design: Design,
    estimator: Estimator,
    *,
    nulls: Sequence[SiteNull],
    draws: Sequence[Vector],
    n_sites: int,
    level: float,
    alternative: Alternative,
) -> Effect:
    """For several sites: the estimate less the mean centre; no rank, since offsets overlap."""
    effect = estimator(panel, design).effect
    if not draws:
        return _nothing(effect, "there is no reference distribution", level, alternative)
    why = "plain replays of several sites overlap in time and are not ranked; see the effect"
    if np.isnan(effect.estimate) or any(np.isnan(d).all() for d in draws):
        return _nothing(effect, "the plain estimator gives no estimate", level, alternative)
    precision = [1.0 / float(null.expectation.variance(0.0)) for null in nulls]
    centres = [_centre(d, null.reference.weights) for d, null in zip(draws, nulls, strict=True)]
    centre = float(np.average(centres, weights=precision))
    told = f"the plain estimate is {effect.estimate:.4f}, the centre {centre:.4f}"
    if len(nulls) < n_sites:
        told += f", of the {len(nulls)} of {n_sites} sites that have replays"
    return Effect(
        estimand=effect.estimand,
        scale=effect.scale,
        estimate=effect.estimate - centre,
        std_error=float("nan"),
        ci_low=float("nan"),
        ci_high=float("nan"),
        ci_level=level,
        alternative=alternative,
        method=f"{effect.method}, less the centre of its replays",
        inference="none",
        n_areas=effect.n_areas,
        n_treated=effect.n_treated,
        n_control=effect.n_control,
        n_clusters=effect.n_clusters,
        n_periods=effect.n_periods,
        treated_cells=effect.treated_cells,
        notes=(told, why),
    )


def _centre(draws: Vector, weights: Vector) -> float:
    usable = ~np.isnan(draws)
    return float(np.average(draws[usable], weights=weights[usable]))


def _nothing(effect: Effect, why: str, level: float, alternative: Alternative) -> Effect:
    nan = float("nan")
    return Effect(
        estimand=effect.estimand,
        scale=effect.scale,
        estimate=nan,
        std_error=nan,
        ci_low=nan,
        ci_high=nan,
        ci_level=level,
        alternative=alternative,
        method=effect.method,
        inference="none",
        notes=(*effect.notes, why),
    )


def _scale(scale: Scale, site: Site, scenes: Scenes) -> Vector:
    """Poisson standard deviation of an estimate from history and controls, on its scale."""
    onset, rows, totals = scenes.at, scenes.row, scenes.totals
    windows = site.windows
    begin = np.maximum(onset - windows.gap - windows.pre, 0)
    stop = onset - windows.gap
    on = len(windows.on)
    control = np.sum(
        [
            totals.controls[rows, onset + o + 1] - totals.controls[rows, onset + o]
            for o in windows.on
        ],
        axis=0,
    )
    long_run = (totals.treated[rows, onset] + 0.5) / (
        totals.controls[rows, onset] + 0.5 * scenes.odds()
    )
    expected = control * long_run
    control_before = totals.controls[rows, stop] - totals.controls[rows, begin]
    before = control_before * long_run
    if scale == "log_irr":
        return np.asarray(np.sqrt(1 / (expected + 1) + 1 / (control + 1) + 1 / (before + 1)))
    k = np.array([len(t) for t in scenes.treated], dtype=np.float64)
    n = k * scenes.odds()
    return np.asarray(
        np.sqrt(
            (expected + 1) / (k * on) ** 2
            + (before + 1) / (k * windows.pre) ** 2
            + (control + 1) / (n * on) ** 2
            + (control_before + 1) / (n * windows.pre) ** 2
        )
    )
