"""Estimators by cohort, of treatment on and off, of doses, across types of crime, and next door."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from tests.calibration.coverage_rows import REDRAWS, Chance, Row, band, lead, row, windows
from tests.calibration.coverage_worlds import AREAS, NEARBY, PER_DOSE, TRUTH, Drawn

from hotspot_eval.did import (
    Imputation,
    LinearDid,
    did_m,
    displacement,
    distributed_lags,
    dose_bins,
    dose_did,
    etwfe,
    group_time,
    switchers,
    triple_difference,
    triple_event_study,
)
from hotspot_eval.inference import cluster_robust, simultaneous_band

__all__ = [
    "beside",
    "cohorts",
    "covariates",
    "doses",
    "lasts",
    "lasts_linear",
    "rotates",
    "rotates_linear",
    "starts",
    "starts_linear",
    "types",
    "types_linear",
]


def cohorts(drawn: Drawn, chance: Chance) -> Iterator[Row]:
    """Estimators by cohort and period where there is one start."""
    del chance
    study, known = (drawn.panel, drawn.design), {"errors": "cluster_robust"}
    link = {"scale": "link", "effects": "area"}
    for name, options, truth in (
        ("etwfe, Poisson (default)", {}, drawn.change),
        ("etwfe, Poisson, cluster-robust", known, drawn.change),
        ("etwfe, Poisson, link scale (default)", link, TRUTH),
    ):
        yield row(name, etwfe(*study, **options).aggregate("simple").effect, truth)
    for name, errors in (("group_time", "influence"), ("group_time, learnt", "learnt")):
        made = group_time(*study, errors=errors)
        yield row(name, made.aggregate("simple").effect, drawn.change)


def covariates(drawn: Drawn, chance: Chance) -> Iterator[Row]:
    """group_time with a covariate: the level that areas truly have."""
    del chance
    level = pd.Series(drawn.height, index=list(AREAS), name="level")
    for method, words in (("or", "OR"), ("ipw", "IPW"), ("dr", "DR")):
        made = group_time(drawn.panel, drawn.design, method=method, covariates=level)
        yield row(f"group_time, {words}", made.aggregate("simple").effect, drawn.change)


def starts(drawn: Drawn, chance: Chance) -> Iterator[Row]:
    """Estimators that know cohorts, where starts differ."""
    study, known = (drawn.panel, drawn.design), {"errors": "cluster_robust"}
    link = {"scale": "link", "effects": "area"}
    for name, options, truth in (
        ("etwfe, Poisson (default)", {}, drawn.change),
        ("etwfe, Poisson, cluster-robust", known, drawn.change),
        ("etwfe, Poisson, link scale (default)", link, TRUTH),
    ):
        yield row(name, etwfe(*study, **options).aggregate("simple").effect, truth)
    yield row("imputation, Poisson (default)", Imputation()(*study).effect, TRUTH)
    yield from _group_time(drawn, chance)


def starts_linear(drawn: Drawn, chance: Chance) -> Iterator[Row]:
    """The same in numbers."""
    del chance
    study = drawn.panel, drawn.design
    for name, errors in (("(default)", "learnt"), ("cluster-robust", "cluster_robust")):
        made = etwfe(*study, model="linear", errors=errors).aggregate("simple").effect
        yield row(f"etwfe, linear{',' * (errors != 'learnt')} {name}", made, drawn.change)
    imputed = Imputation(model="linear")(*study).effect
    yield row("imputation, linear (default)", imputed, drawn.change)


def _group_time(drawn: Drawn, chance: Chance) -> Iterator[Row]:
    study = drawn.panel, drawn.design
    made = group_time(*study)
    yield row("group_time, not yet treated", made.aggregate("simple").effect, drawn.change)
    learnt = group_time(*study, errors="learnt")
    yield row("group_time, learnt", learnt.aggregate("simple").effect, drawn.change)
    never = group_time(*study, control="never")
    yield row("group_time, never treated", never.aggregate("simple").effect, drawn.change)
    name = "group_time, multiplier bootstrap"
    told = made.bands("simple", rng=chance(name), draws=REDRAWS).iloc[0]
    low, high = float(told["pointwise_low"]), float(told["pointwise_high"])
    yield Row(
        method=name,
        inside=low <= drawn.change <= high,
        error=float(told["estimate"]) - drawn.change,
        std_error=float(told["std_error"]),
        width=high - low,
    )
    first = np.argmax(drawn.on, axis=1)
    event = np.where(
        drawn.on.any(axis=1)[:, None], np.arange(drawn.on.shape[1]) - first[:, None], -1
    )
    name = "group_time, band over event times 0 to 11"
    table = made.bands("event", rng=chance(name), draws=REDRAWS)
    yield band(
        name,
        table[table["label"].isin([str(time) for time in range(12)])],
        lambda time: float(drawn.changed(event == time).mean()),
    )


def rotates(drawn: Drawn, chance: Chance) -> Iterator[Row]:
    """On and off, where nothing lasts."""
    yield from lead(drawn, chance)
    study = drawn.panel, drawn.design
    yield row("imputation, Poisson (default)", Imputation()(*study).effect, TRUTH)
    truth = _instant(drawn)
    yield row("did_m (default)", did_m(*study).effect, truth)
    yield row("did_m, influence", did_m(*study, errors="influence").effect, truth)


def rotates_linear(drawn: Drawn, chance: Chance) -> Iterator[Row]:
    """The same in numbers."""
    del chance
    linear = LinearDid()(drawn.panel, drawn.design).effect
    yield row("linear_did (default)", linear, drawn.change)


def _instant(drawn: Drawn) -> float:
    """Mean change in the periods of those changes that have a stable area beside them."""
    before, now = drawn.on[:, :-1], drawn.on[:, 1:]
    counted = (now & ~before) | (before & ~now & (before & now).any(axis=0))
    return float((drawn.calm[:, 1:] * np.expm1(TRUTH))[counted].mean())


def lasts(drawn: Drawn, chance: Chance) -> Iterator[Row]:
    """On and off, where half of the effect lasts for a month."""
    del chance
    study = drawn.panel, drawn.design
    since = np.maximum.accumulate(drawn.on, axis=1)
    unit = float(drawn.changed(since).sum() / drawn.on.sum())
    made = switchers(*study)
    yield row("switchers (default): per unit", made.effect, unit)
    yield row("switchers (default): ratio", made.aggregate("ratio").effect, drawn.ratio(since))
    first = since & (np.cumsum(since, axis=1) == 1)
    at_once = float(drawn.changed(first).mean())
    yield row("switchers (default): period 0", made.effects["0"], at_once)
    near = since & (np.cumsum(since, axis=1) <= 12)
    short = switchers(*study, effects=12).effect
    unit_12 = float(drawn.changed(near).sum() / drawn.on[near].sum())
    yield row("switchers, 12 effects (default): per unit", short, unit_12)
    felt = switchers(*study, effects=12, errors="influence").effect
    yield row("switchers, 12 effects, influence: per unit", felt, unit_12)
    for words, options in (("default", {}), ("CR2", {"correction": "CR2"})):
        lags = distributed_lags(*study, lags=2, **options).effects
        for label, share in (("on", 1.0), ("1 after", 0.5), ("2 after", 0.0)):
            yield row(f"distributed_lags ({words}): {label}", lags[label], share * TRUTH)


def lasts_linear(drawn: Drawn, chance: Chance) -> Iterator[Row]:
    """The same in numbers."""
    del chance
    linear = distributed_lags(drawn.panel, drawn.design, lags=2, model="linear").effect
    yield row("distributed_lags, linear (default): on", linear, drawn.change)


def doses(drawn: Drawn, chance: Chance) -> Iterator[Row]:
    """In doses of one and two: intention to treat, per dose, by bin."""
    del chance
    study = drawn.panel, drawn.design
    fit = dose_did(*study)
    meant = fit.effects["intention to treat"]
    yield row("dose_did (default): intention to treat", meant, drawn.ratio(drawn.on))
    yield row("dose_did (default): per dose", fit.effect, PER_DOSE)
    bins = dose_bins(*study, edges=[1.5]).effect
    yield row("dose_bins (default): above 1.5", bins, 2.0 * PER_DOSE)


def types(drawn: Drawn, chance: Chance) -> Iterator[Row]:
    """Triple differences, and by event time."""
    study, compared = (drawn.panel, windows(drawn)), {"outcome": "y", "comparison": "z"}
    areas = dict(zip(AREAS, AREAS, strict=True))
    fit = triple_difference(*study, **compared)
    yield row("triple_difference, Poisson (default)", fit.effect, TRUTH)
    yield row("triple_difference, Poisson, CR1 by area", cluster_robust(fit, areas), TRUTH)
    cr2 = triple_difference(*study, **compared, correction="CR2").effect
    yield row("triple_difference, Poisson, CR2 by area", cr2, TRUTH)
    fit = triple_event_study(*study, **compared)
    name = "triple_event_study, Poisson (default)"
    yield row(f"{name}: mean from the start", fit.effect, TRUTH)
    yield row(f"{name}: 0", fit.effects["0"], TRUTH)
    table = simultaneous_band(fit.event_study(), rng=chance(name), draws=999)
    yield band(f"{name}: joint band", table, lambda time: TRUTH if time >= 0 else 0.0)


def types_linear(drawn: Drawn, chance: Chance) -> Iterator[Row]:
    """The same in numbers."""
    del chance
    study, compared = (drawn.panel, windows(drawn)), {"outcome": "y", "comparison": "z"}
    linear = triple_difference(*study, **compared, model="linear").effect
    half_a_year = drawn.on & (np.cumsum(drawn.on, axis=1) <= 6)
    truth = float(drawn.changed(half_a_year).mean())
    yield row("triple_difference, linear (default)", linear, truth)


def beside(drawn: Drawn, chance: Chance) -> Iterator[Row]:
    """Treated areas, those that adjoin them, and both."""
    del chance
    effects = displacement(drawn.panel, drawn.design)
    near = np.isclose(drawn.effect, NEARBY)
    truth = {"direct": drawn.changed(drawn.on).sum(), "catchment": drawn.changed(near).sum()}
    truth["net"] = sum(truth.values())
    for label, value in truth.items():
        yield row(f"displacement (default): {label}", effects[label], float(value))
