"""Two-way models and imputation with every error, and the truth that each interval should hold.

A maker takes what a world drew and gives rows: one an interval. ``chance`` gives a generator by
name, so that a method draws the same whatever stands beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from tests.calibration.coverage_worlds import (
    AREAS,
    TRUTH,
    Drawn,
    X,
    Y,
    in_boroughs,
)

from hotspot_eval.design import Design
from hotspot_eval.did import (
    Imputation,
    LinearDid,
    PoissonDid,
    conformal_test,
    event_study,
    rirr,
    synthetic_control,
    synthetic_did,
    wdd,
    window_dispersion,
)
from hotspot_eval.inference import (
    cluster_robust,
    conley,
    randomization_test,
    simultaneous_band,
    wild_bootstrap,
)
from hotspot_eval.results import Effect

__all__ = [
    "DEFAULT",
    "REDRAWS",
    "Chance",
    "Maker",
    "Row",
    "band",
    "conformal",
    "events",
    "exact",
    "imputed",
    "lead",
    "models",
    "numbers",
    "one_site",
    "others",
    "redrawn",
    "robust",
    "row",
    "synthetic",
    "synthetic_level",
    "synthetic_published",
    "wild",
    "wild_linear",
    "windows",
]

DEFAULT = "poisson_did (default)"
PLACE = pd.DataFrame({"x": X * 1000.0, "y": Y * 1000.0}, index=list(AREAS))
REDRAWS = 199


@dataclass(frozen=True, kw_only=True)
class Row:
    """One interval (or band), and whether it holds the truth."""

    method: str
    inside: bool
    error: float
    std_error: float
    width: float


Chance = Callable[[str], np.random.Generator]
Maker = Callable[[Drawn, Chance], Iterator[Row]]


def row(method: str, effect: Effect, truth: float) -> Row:
    """Of an effect."""
    return Row(
        method=method,
        inside=bool(effect.ci_low <= truth <= effect.ci_high),
        error=effect.estimate - truth,
        std_error=effect.std_error,
        width=effect.ci_high - effect.ci_low,
    )


def band(method: str, table: pd.DataFrame, truth: Callable[[int], float]) -> Row:
    """Of a simultaneous band, which holds the truth if all of it does; the width is the median."""
    table = table[table["simultaneous_high"] > table["simultaneous_low"]]
    right = np.array([truth(int(label)) for label in table["label"]])
    low, high = table["simultaneous_low"], table["simultaneous_high"]
    return Row(
        method=method,
        inside=bool(((low <= right) & (right <= high)).all()),
        error=float((table["estimate"] - right).mean()),
        std_error=float("nan"),
        width=float((high - low).median()),
    )


def lead(drawn: Drawn, chance: Chance) -> Iterator[Row]:
    """The named default alone."""
    del chance
    yield row(DEFAULT, PoissonDid()(drawn.panel, drawn.design).effect, drawn.ratio(drawn.on))


def models(drawn: Drawn, chance: Chance) -> Iterator[Row]:
    """The same error in imputation."""
    del chance
    study = drawn.panel, drawn.design
    yield row("imputation, Poisson (default)", Imputation()(*study).effect, TRUTH)
    linear = Imputation(model="linear")(*study).effect
    yield row("imputation, linear (default)", linear, drawn.change)


def imputed(drawn: Drawn, chance: Chance) -> Iterator[Row]:
    """Imputation of ratios."""
    del chance
    made = Imputation()(drawn.panel, drawn.design).effect
    yield row("imputation, Poisson (default)", made, TRUTH)


def events(drawn: Drawn, chance: Chance) -> Iterator[Row]:
    """Event studies, and effects of borough × period, with learnt errors."""
    study = drawn.panel, drawn.design
    within = PoissonDid(period_effects="cluster")(*study).effect
    yield row("poisson_did, borough × period effects (default)", within, TRUTH)
    fit = event_study(drawn.panel, windows(drawn))
    name = "event_study, Poisson (default)"
    yield row(f"{name}: mean from the start", fit.effect, TRUTH)
    yield row(f"{name}: 0", fit.effects["0"], TRUTH)
    yield row(f"{name}: −6", fit.effects["-6"], 0.0)
    table = simultaneous_band(fit.event_study(), rng=chance(name), draws=999)
    yield band(f"{name}: joint band", table, lambda time: TRUTH if time >= 0 else 0.0)


def numbers(drawn: Drawn, chance: Chance) -> Iterator[Row]:
    """Models of a number whose error is learnt from controls."""
    del chance
    study = drawn.panel, drawn.design
    yield row("linear_did (default)", LinearDid()(*study).effect, drawn.change)
    imputed = Imputation(model="linear")(*study).effect
    yield row("imputation, linear (default)", imputed, drawn.change)
    fit = event_study(drawn.panel, windows(drawn), model="linear")
    begun = drawn.on & (np.cumsum(drawn.on, axis=1) == 1)
    truth = float(drawn.changed(begun).mean())
    yield row("event_study, linear (default): 0", fit.effects["0"], truth)


def windows(drawn: Drawn) -> Design:
    """A year before and half a year from the one start."""
    start = int(np.argmax(drawn.on.any(axis=0)))
    return Design(treated=drawn.design.treated, start=start, pre_periods=12, post_periods=6)


def robust(drawn: Drawn, chance: Chance) -> Iterator[Row]:
    """Errors of the two-way models that are not learnt, first those of the ratio."""
    del chance
    study = drawn.panel, drawn.design
    yield row("poisson_did, CR2 by area", PoissonDid(correction="CR2")(*study).effect, TRUTH)
    cr1 = PoissonDid(correction="CR1")
    yield row("poisson_did, CR1 by area", cr1(*study).effect, TRUTH)
    by_borough = PoissonDid(correction="CR1", cluster="cluster")
    yield row("poisson_did, CR1 by borough", by_borough(*study).effect, TRUTH)
    linear = LinearDid(correction="CR2")(*study).effect
    yield row("linear_did, CR2 by area", linear, drawn.change)


def others(drawn: Drawn, chance: Chance) -> Iterator[Row]:
    """The errors that are left: by borough, exact CR2, imputation, other redraws, totals."""
    study = drawn.panel, drawn.design
    cr2, linear = PoissonDid(correction="CR2")(*study), LinearDid(correction="CR2")(*study)
    yield row("poisson_did, Conley 4 km", conley(cr2, PLACE, cutoff_m=4000.0), TRUTH)
    both = PoissonDid(correction="CR2", cluster="cluster")(*study).effect
    yield row("poisson_did, CR2 by borough", both, TRUTH)
    boroughs = dict(zip(AREAS, map(str, drawn.borough), strict=True))
    cr1 = LinearDid(correction="CR1")(*study).effect
    yield row("linear_did, CR1 by area", cr1, drawn.change)
    yield row("linear_did, CR1 by borough", cluster_robust(linear, boroughs), drawn.change)
    yield row("linear_did, Conley 4 km", conley(linear, PLACE, cutoff_m=4000.0), drawn.change)
    imputed = Imputation(errors="cluster_robust")(*study).effect
    yield row("imputation, Poisson, CR1 by area", imputed, TRUTH)
    imputed = Imputation(model="linear", errors="cluster_robust")(*study).effect
    yield row("imputation, linear, CR1 by area", imputed, drawn.change)
    yield from _totals(drawn)


def redrawn(drawn: Drawn, chance: Chance) -> Iterator[Row]:
    """Randomisation in both models, and by other schemes of assignment."""
    study, k = (drawn.panel, drawn.design), len(drawn.design.treated)
    name = "poisson_did, randomisation"
    drawn_again = randomization_test(
        *study, estimator=PoissonDid(), rng=chance(name), draws=REDRAWS
    )
    yield row(name, drawn_again.effect, TRUTH)
    name = "linear_did, randomisation"
    made = randomization_test(*study, estimator=LinearDid(), rng=chance(name), draws=REDRAWS)
    yield row(name, made.effect, drawn.change)
    ratio = PoissonDid()
    if drawn.places == "scattered":
        name = "poisson_did, randomisation within boroughs"
        made = randomization_test(
            *study, estimator=ratio, rng=chance(name), draws=REDRAWS, within="cluster"
        )
        yield row(name, made.effect, TRUTH)
        return

    def scheme(rng: np.random.Generator) -> list[str]:
        chosen = rng.permutation(in_boroughs(rng, drawn.borough, k))[:k]
        return [AREAS[i] for i in chosen]

    name = "poisson_did, randomisation of whole boroughs"
    made = randomization_test(
        *study, estimator=ratio, rng=chance(name), draws=REDRAWS, scheme=scheme
    )
    yield row(name, made.effect, TRUTH)


def _totals(drawn: Drawn) -> Iterator[Row]:
    """RIRR and WDD of totals before and after, as ``compare`` has them."""
    y, _ = drawn.panel.single()
    after, treated = drawn.on.any(axis=0), drawn.on.any(axis=1)
    pairs = [
        (float(y[rows][:, ~after].sum()), float(y[rows][:, after].sum()))
        for rows in (~treated, treated)
    ]
    lengths = (float((~after).sum() / after.sum()), 1.0)
    sizes = (float((~treated).sum() / treated.sum()), 1.0, 1.0, 1.0)
    lost, phi = (
        float(drawn.changed(drawn.on).sum()),
        window_dispersion(drawn.panel, drawn.design).value,
    )
    for words, dispersion in (("Poisson error", 1.0), ("overdispersed", phi)):
        yield row(f"rirr, {words}", rirr(*pairs, dispersion=dispersion), TRUTH)
        told = wdd(*pairs, time_weights=lengths, area_weights=sizes, dispersion=dispersion)
        yield row(f"wdd, {words}", told.effect, lost)


def exact(drawn: Drawn, chance: Chance) -> Iterator[Row]:
    """CR2 with the leverage of every period effect: a root of each cluster's own block."""
    del chance
    fit = PoissonDid(correction="CR2")(drawn.panel, drawn.design)
    for words, labels in (("area", AREAS), ("borough", map(str, drawn.borough))):
        clusters = dict(zip(AREAS, labels, strict=True))
        made = cluster_robust(fit, clusters, correction="CR2")
        yield row(f"cluster_robust, CR2 by {words}, exact", made, TRUTH)


def wild(drawn: Drawn, chance: Chance) -> Iterator[Row]:
    """The wild bootstrap, which fits again for every value it tries."""
    name = "poisson_did, wild bootstrap"
    fit = PoissonDid(correction="CR2")(drawn.panel, drawn.design)
    yield row(name, wild_bootstrap(fit, rng=chance(name), draws=REDRAWS), TRUTH)


def wild_linear(drawn: Drawn, chance: Chance) -> Iterator[Row]:
    """The same in the linear model."""
    name = "linear_did, wild bootstrap"
    fit = LinearDid(correction="CR2")(drawn.panel, drawn.design)
    yield row(name, wild_bootstrap(fit, rng=chance(name), draws=REDRAWS), drawn.change)


def one_site(drawn: Drawn, chance: Chance) -> Iterator[Row]:
    """One treated area, judged by the noise of controls."""
    yield from lead(drawn, chance)
    yield from models(drawn, chance)
    study = drawn.panel, drawn.design
    yield row("linear_did (default)", LinearDid()(*study).effect, drawn.change)


def conformal(drawn: Drawn, chance: Chance) -> Iterator[Row]:
    """One treated area, judged by the order of its own residuals."""
    del chance
    yield row("conformal_test", conformal_test(drawn.panel, drawn.design), drawn.change)


def synthetic(drawn: Drawn, chance: Chance) -> Iterator[Row]:
    """Synthetic difference-in-differences."""
    name = "synthetic_did (default)"
    made = synthetic_did(drawn.panel, drawn.design, rng=chance(name))
    yield row(name, made.effect, drawn.change)


def synthetic_published(drawn: Drawn, chance: Chance) -> Iterator[Row]:
    """The same with the published error."""
    name = "synthetic_did, published placebo"
    made = synthetic_did(drawn.panel, drawn.design, rng=chance(name), draws=50, error="published")
    yield row(name, made.effect, drawn.change)


def synthetic_level(drawn: Drawn, chance: Chance) -> Iterator[Row]:
    """Synthetic control, which matches levels."""
    name = "synthetic_control (default)"
    made = synthetic_control(drawn.panel, drawn.design, rng=chance(name), draws=50)
    yield row(name, made.effect, drawn.change)
