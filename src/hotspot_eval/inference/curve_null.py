"""Curves of designs where nothing was done, and whether the real one would surprise among them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hotspot_eval.design import Design, Estimator
from hotspot_eval.errors import InputError, Problem
from hotspot_eval.inference.replay.engine import study_of
from hotspot_eval.inference.replay.plain import scene_designs
from hotspot_eval.inference.replay.rules import Rule
from hotspot_eval.inference.sensitivity import reassigned, treated_and_controls
from hotspot_eval.panel import Panel
from hotspot_eval.periods import PeriodLike
from hotspot_eval.significance import p_values_from_draws, p_values_from_ranks

__all__ = ["DECLARED", "Variant", "joint_test", "null_designs", "varied"]

Matrix = NDArray[np.float64]
Pools = Mapping[str, Callable[[Panel, Design], Sequence[object]] | None]
DECLARED = "as declared"
_LEVEL = 0.05
_FEWEST = 39
_STATISTICS = ("size of the median", "size of the mean", "share beyond 5 % on one side")


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """A control pool and windows."""

    pool: str
    pre_periods: int | None
    gap: int


def varied(
    panel: Panel, design: Design, variants: Sequence[Variant], pools: Pools
) -> list[Design | str]:
    """The design under each variant, or why it cannot be had."""
    chosen: dict[str, Sequence[object] | str | None] = {}
    taken = {str(a) for a in (*design.treated, *design.catchment, *design.excluded)}
    for name, pool in pools.items():
        try:
            named = design.controls if pool is None else pool(panel, design)
            chosen[name] = None if named is None else [a for a in named if str(a) not in taken]
        except InputError as error:
            chosen[name] = str(error)
    made: list[Design | str] = []
    first = min(panel.periods.position(spell.start) for spell in design.spells)
    for variant in variants:
        controls = chosen[variant.pool]
        if isinstance(controls, str):
            made.append(controls)
        elif first - variant.gap - (variant.pre_periods or 1) < 0:
            made.append(f"only {first} periods lie before the first start")
        elif controls is not None and not controls:
            made.append("the pool is empty")
        else:
            made.append(
                replace(
                    design,
                    treated=(),
                    controls=controls,
                    pre_periods=variant.pre_periods,
                    gap=variant.gap,
                )
            )
    return made


def null_designs(
    panel: Panel,
    design: Design,
    *,
    rule: Rule | None,
    rng: np.random.Generator,
    draws: int,
    breaks: Sequence[PeriodLike],
) -> tuple[list[Design], tuple[str, ...]]:
    """Designs where nothing was done, and where they come from.

    The areas that were really treated, and their catchment, take part in none.
    """
    out = (*design.treated, *design.catchment, *design.excluded)
    if rule is not None:
        study = study_of(panel, design, rule=rule, rng=rng, breaks=breaks)
        if len(study.nulls) == len(study.sites) == 1:
            null = study.nulls[0]
            own = np.flatnonzero(null.pool.scenes.source == 0)
            taken = np.sort(rng.permutation(own)[:draws])
            scenes = null.pool.scenes.take(taken)
            made = scene_designs(study.stage, null.site, scenes)
            return [_without(one, design, out) for one in made], (
                f"joint test against {len(made)} scenes of selection replay",
            )
    assignment = design.on(panel)
    members = treated_and_controls(panel, assignment)
    short = [
        name for name, (treated, free) in members.items() if treated and len(free) <= len(treated)
    ]
    if short:
        return [], (f"no joint test: too few controls to deal anew in {', '.join(short)}",)
    made = [
        replace(
            reassigned(panel, design, members, rng),
            treated=(),
            excluded=out,
            elsewhere=design.elsewhere,
        )
        for _ in range(draws)
    ]
    return made, (f"joint test against treatment reassigned {draws} times among controls",)


def joint_test(
    panels: Mapping[str, Panel],
    estimators: Mapping[str, Estimator],
    variants: Sequence[Variant],
    pools: Pools,
    asked: Sequence[tuple[str, str, int]],
    observed: Matrix,
    null: Sequence[Design],
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The three joint statistics with their p-values, and what was left out.

    Parameters
    ----------
    asked : sequence of (transformation, estimator, place among the variants)
    observed : ndarray, shape (S,)
        Estimate of each; NaN where there is none.
    null : sequence of Design
    """
    if not null:
        return _frame([np.nan] * 3, [np.nan] * 3, np.full(3, np.nan), 0), ()
    curves = _curves(panels, estimators, variants, pools, asked, null)
    estimated = np.isfinite(observed)
    kept = estimated & (np.isnan(curves).mean(axis=0) < 0.2)
    whole = ~np.isnan(curves[:, kept]).any(axis=1)
    notes = []
    if (estimated & ~kept).any():
        notes.append(
            f"{int((estimated & ~kept).sum())} specifications without an estimate in a fifth of "
            "the placebos take no part in the joint test"
        )
    if not whole.all():
        notes.append(f"{int((~whole).sum())} placebo curves have gaps and are left out")
    drawn = curves[np.ix_(whole, kept)]
    if len(drawn) < _FEWEST or not kept.any():
        notes.append(f"no joint test: {len(drawn)} placebo curves, {_FEWEST} are needed")
        return _frame([np.nan] * 3, [np.nan] * 3, np.full(3, np.nan), len(drawn)), tuple(notes)
    if (np.ptp(drawn, axis=0) == 0).all():
        raise InputError(
            Problem(where="joint test", what="every placebo curve is the same: it changes nothing")
        )
    statistics = _statistics(np.vstack([observed[kept], drawn]))
    p = p_values_from_draws(statistics[0], statistics[1:], alternative="greater")
    return _frame(statistics[0], statistics[1:].mean(axis=0), p, len(drawn)), tuple(notes)


def _frame(
    observed: Sequence[float] | Matrix, centre: Sequence[float] | Matrix, p: Matrix, draws: int
) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "statistic": _STATISTICS,
            "observed": observed,
            "null_mean": centre,
            "p_value": p,
            "draws": draws,
            "smallest_p": 1.0 / (1 + draws) if draws else np.nan,
        }
    )


def _curves(
    panels: Mapping[str, Panel],
    estimators: Mapping[str, Estimator],
    variants: Sequence[Variant],
    pools: Pools,
    asked: Sequence[tuple[str, str, int]],
    null: Sequence[Design],
) -> Matrix:
    """Estimates of every specification of every placebo design, shape (R, S)."""
    original = next(iter(panels.values()))
    made = [varied(original, design, variants, pools) for design in null]
    usable = np.array([[not isinstance(one, str) for one in row] for row in made])
    ready = [one for row in made for one in row if not isinstance(one, str)]
    curves = np.full((len(null), len(asked)), np.nan)
    for outcome, panel in panels.items():
        for name, estimator in estimators.items():
            table = np.full(usable.shape, np.nan)
            table[usable] = estimator.many(panel, ready) if ready else ()
            for place, (o, n, v) in enumerate(asked):
                if (o, n) == (outcome, name):
                    curves[:, place] = table[:, v]
    return curves


def _statistics(curves: Matrix) -> Matrix:
    """Three statistics of every curve, shape (R + 1, 3); the first row is the real one.

    Curves are standardised together, so that under no effect the rows can be exchanged.
    """
    spread = curves.std(axis=0)
    z = (curves - curves.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    order = np.sort(z, axis=0)
    at_most = np.column_stack(
        [np.searchsorted(order[:, j], z[:, j], side="right") for j in range(z.shape[1])]
    )
    at_least = len(z) - np.column_stack(
        [np.searchsorted(order[:, j], z[:, j], side="left") for j in range(z.shape[1])]
    )
    others = np.full(z.shape, len(z) - 1)
    p = p_values_from_ranks(at_most - 1, at_least - 1, others, alternative="two-sided")
    beyond = p <= _LEVEL
    share = np.maximum((beyond & (z < 0)).mean(axis=1), (beyond & (z > 0)).mean(axis=1))
    return np.column_stack([np.abs(np.median(z, axis=1)), np.abs(z.mean(axis=1)), share])


def _without(scene: Design, design: Design, out: Sequence[object]) -> Design:
    """The scene with some areas kept out of every role, and what the design tells of elsewhere."""
    gone = set(map(str, out))
    treated = set(map(str, scene.treated))
    return replace(
        scene,
        treated=(),
        controls=[area for area in scene.controls or () if str(area) not in gone],
        excluded=tuple(sorted(gone - treated)),
        elsewhere=design.elsewhere,
    )
