"""Inference by chance itself: treated areas drawn again; and bands that hold all at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hotspot_eval.design import Design, Estimator, Spell, check_study
from hotspot_eval.errors import (
    InputError,
    Problem,
    check_choice,
    check_sequence,
    check_type,
    check_whole,
)
from hotspot_eval.inference.labels import check_estimator
from hotspot_eval.panel import Panel, area_ids
from hotspot_eval.results import Effect, Effects
from hotspot_eval.significance import (
    Alternative,
    largest_t,
    normal_or_t_interval,
    p_value_from_draws,
)

__all__ = [
    "Randomization",
    "Within",
    "randomization_test",
    "simultaneous_band",
]

Float = NDArray[np.float64]
Within = Literal["all", "cluster"]
Scheme = Callable[[np.random.Generator], Sequence[object]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Randomization:
    """A randomisation test.

    Parameters
    ----------
    effect : Effect
        The estimate, with the p-value of its rank and the interval of effects not rejected.
    draws : ndarray, shape (R,)
        Estimates under redrawn treatment; those that had none are left out and counted in notes.
    smallest_p : float
        The smallest p-value that so many draws can give: 2/(1 + R), one-sided 1/(1 + R).
    """

    effect: Effect
    draws: Float
    smallest_p: float

    def to_frame(self) -> pd.DataFrame:
        """One row a draw."""
        return pd.DataFrame({"estimate": self.draws})

    def __repr__(self) -> str:
        return f"Randomization, {len(self.draws)} draws\n{self.effect!r}"


def randomization_test(
    panel: Panel,
    design: Design,
    *,
    estimator: Estimator,
    rng: np.random.Generator,
    draws: int = 999,
    within: Within = "all",
    scheme: Scheme | None = None,
    alternative: Alternative = "two-sided",
) -> Randomization:
    """Redraw which areas were treated, estimate again, rank.

    Parameters
    ----------
    panel, design
    estimator : Estimator
        Its ``many`` is called once with all draws.
    rng : Generator
    draws : int
    within : {"all", "cluster"}
        Whether treatment moves among all treated and control areas, or stays in its cluster
        (borough), as in a stratified assignment.
    scheme : callable, optional
        The real assignment scheme: given a generator, the areas treated in place of
        ``design.treated``, in that order. By default areas are drawn with equal probability.
    alternative : {"two-sided", "less", "greater"}

    Returns
    -------
    Randomization

    Raises
    ------
    InputError
        If there are too few areas to draw from, or every draw gives the observed estimate.

    Notes
    -----
    p = (1 + k)/(1 + R). Valid for the sharp null if treatment was assigned as it is redrawn: areas
    chosen for recent crime were not, and ``replay`` with the selection rule is the answer there.
    The interval holds the effects that the shifted reference distribution does not reject
    two-sided; below 2/α − 1 draws there is no such test and it is open.

    References
    ----------
    Fisher (1935); Young (2019), https://doi.org/10.1093/qje/qjy029
    """
    check_choice("within", within, get_args(Within))
    check_study(panel, design)
    check_estimator(estimator)
    check_type("rng", rng, np.random.Generator, advice="Give numpy.random.default_rng(seed).")
    check_whole("draws", draws, least=19)
    if scheme is not None and not callable(scheme):
        what = f"is {scheme!r}, not a function of a generator"
        raise InputError(Problem(where="argument 'scheme'", what=what))
    fit = estimator(panel, design)
    if np.isnan(fit.effect.estimate):
        return Randomization(effect=fit.effect, draws=np.zeros(0), smallest_p=float("nan"))
    draw = scheme or _permutation(panel, design, within)
    spells = _spells_of(design)
    placebo = [_moved(design, _drawn(draw(rng)), spells) for _ in range(draws)]
    estimates = np.asarray(estimator.many(panel, placebo), dtype=np.float64)
    finite = estimates[np.isfinite(estimates)]
    notes = list(fit.effect.notes)
    if len(finite) < draws:
        notes.append(f"{draws - len(finite)} of {draws} redrawn designs had no estimate")
    observed = float(estimator.many(panel, [design])[0])
    p_value = p_value_from_draws(observed, finite, alternative=alternative)
    where = "within clusters" if within == "cluster" else "all areas"
    top, bottom = _ends(finite, fit.effect.ci_level)
    if np.isinf(top):
        notes.append(f"{len(finite)} draws reject nothing two-sided at this level: open interval")
    effect = replace(
        fit.effect,
        std_error=float(np.std(finite, ddof=1)),
        ci_low=float(fit.effect.estimate - top),
        ci_high=float(fit.effect.estimate - bottom),
        statistic=float("nan"),
        df=float("nan"),
        p_value=p_value,
        alternative=alternative,
        inference=f"randomisation, {len(finite)} draws, {where}",
        notes=tuple(notes),
    )
    least = (2.0 if alternative == "two-sided" else 1.0) / (1 + len(finite))
    return Randomization(effect=effect, draws=finite, smallest_p=least)


def _ends(draws: Float, level: float) -> tuple[float, float]:
    """The k-th largest and smallest draw, k the least that the two-sided test does not reject."""
    k = int(np.floor((1.0 - level) * (1 + len(draws)) / 2.0 + 1e-9))
    if k < 1:
        return float("inf"), float("-inf")
    ordered = np.sort(draws)
    return float(ordered[-k]), float(ordered[k - 1])


def simultaneous_band(
    effects: Effects, *, rng: np.random.Generator, draws: int = 9_999
) -> pd.DataFrame:
    """Bands that hold for all effects at once, beside the pointwise ones.

    Parameters
    ----------
    effects : Effects
        For example ``event_study(…).event_study()``.
    rng : Generator
    draws : int
        Of the largest |t| under the effects' own correlation.

    Returns
    -------
    DataFrame
        label, estimate, pointwise_low, pointwise_high, simultaneous_low, simultaneous_high,
        critical_value. Base periods and effects without an error keep NaN limits.

    References
    ----------
    Montiel Olea & Plagborg-Møller (2019), https://doi.org/10.1002/jae.2656
    """
    check_type("effects", effects, Effects, advice="Give event_study(…).event_study().")
    check_type("rng", rng, np.random.Generator, advice="Give numpy.random.default_rng(seed).")
    check_whole("draws", draws, least=999)
    errors = np.array([effect.std_error for effect in effects])
    shown = np.flatnonzero((errors > 0) & np.isfinite(effects.vector))
    rows = np.full((len(effects), 5), np.nan)
    if len(shown):
        covariance = effects.covariance[np.ix_(shown, shown)]
        largest = largest_t(covariance, errors[shown], df=effects.df, rng=rng, draws=draws)
        critical = float(np.quantile(largest, effects.ci_level))
        for place, error in zip(shown, errors[shown], strict=True):
            value = float(effects.vector[place])
            low, high = normal_or_t_interval(
                value, float(error), df=effects.df, level=effects.ci_level
            )
            rows[place] = low, high, value - critical * error, value + critical * error, critical
    table = pd.DataFrame(
        rows,
        columns=[
            "pointwise_low",
            "pointwise_high",
            "simultaneous_low",
            "simultaneous_high",
            "critical_value",
        ],
    )
    table.insert(0, "estimate", effects.vector)
    table.insert(0, "label", list(effects.labels))
    return table


def _permutation(panel: Panel, design: Design, within: Within) -> Scheme:
    """Equal chances for every treated or control area, within strata if asked."""
    role = design.on(panel).role
    pool = np.flatnonzero((role == "treated") | (role == "control"))
    stratum = np.zeros(len(panel.areas), dtype=np.intp)
    if within == "cluster":
        if panel.cluster is None:
            raise InputError(Problem(where="panel", what="has no cluster labels to stay within"))
        stratum = np.unique(np.array(panel.cluster), return_inverse=True)[1]
    rows = panel.positions(design.treated)
    if len(pool) < len(rows) + 2:
        raise InputError(
            Problem(
                where="design",
                what=f"{len(pool)} areas are too few to redraw {len(rows)} treated ones",
            )
        )
    choices = {s: pool[stratum[pool] == s] for s in np.unique(stratum[rows])}

    def draw(rng: np.random.Generator) -> list[str]:
        taken = np.empty(len(rows), dtype=np.intp)
        for s, candidates in choices.items():
            here = stratum[rows] == s
            taken[here] = rng.choice(candidates, int(here.sum()), replace=False)
        return [panel.areas[i] for i in taken]

    return draw


def _drawn(areas: object) -> tuple[str, ...]:
    check_sequence("scheme", areas, of="area ids", example="lambda rng: [...]")
    return tuple(area_ids(areas)) if isinstance(areas, Iterable) else ()


def _spells_of(design: Design) -> Callable[[Spell, str], Spell]:
    """A spell as another area has it; each is made and checked once, since redraws repeat them."""
    alike: dict[tuple[object, ...], int] = {}
    kinds = {
        spell: alike.setdefault(
            (spell.start, spell.end, spell.share, spell.dose, spell.site, spell.kind), len(alike)
        )
        for spell in design.spells
    }
    made: dict[tuple[int, str], Spell] = {}

    def moved(spell: Spell, area: str) -> Spell:
        key = kinds[spell], area
        if key not in made:
            made[key] = replace(spell, area=area)
        return made[key]

    return moved


def _moved(
    design: Design, treated: tuple[str, ...], spells_of: Callable[[Spell, str], Spell]
) -> Design:
    """The design with its spells given to other areas; the old ones become controls."""
    if len(set(treated)) != len(design.treated):
        raise InputError(
            Problem(
                where="assignment scheme",
                what=f"gave {len(set(treated))} different areas for {len(design.treated)} treated",
            )
        )
    new = dict(zip(design.treated, treated, strict=True))
    spells = [spells_of(spell, new[spell.area]) for spell in design.spells]
    controls = None
    if design.controls is not None:
        every = dict.fromkeys([*map(str, design.controls), *map(str, design.treated)])
        controls = [area for area in every if area not in set(treated)]
    return Design(
        spells=spells,
        controls=controls,
        catchment=design.catchment,
        excluded=design.excluded,
        pre_periods=design.pre_periods,
        post_periods=design.post_periods,
        gap=design.gap,
    )
