"""Treatment in doses: its effect per unit of dose, and by bins of dose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hotspot_eval.design import Design
from hotspot_eval.did.covariates import CovariatesLike
from hotspot_eval.did.kernels import Correction
from hotspot_eval.did.model import Model
from hotspot_eval.did.sample import attenuated
from hotspot_eval.did.switching.common import Options, fit_columns
from hotspot_eval.did.switching.doses import NOT_RANDOM, doses
from hotspot_eval.did.twoway import ClusterBy, PeriodEffects
from hotspot_eval.errors import InputError, Problem, check_number, check_sequence
from hotspot_eval.panel import Panel
from hotspot_eval.results import Effect, Effects, Fit, TreatedCells

__all__ = ["dose_bins", "dose_did"]

Float = NDArray[np.float64]
ITT, DOSE = "intention to treat", "per unit of dose"


def dose_did(
    panel: Panel,
    design: Design,
    *,
    model: Model = "poisson",
    cluster: ClusterBy = "area",
    period_effects: PeriodEffects = "common",
    covariates: CovariatesLike | None = None,
    correction: Correction = "learnt",
    ci_level: float = 0.95,
) -> Fit:
    """Effect of one unit of dose (officer hours a day, say), after the intention-to-treat effect.

    Parameters
    ----------
    panel : Panel
        One outcome.
    design : Design
        Spells with a dose.
    model, cluster, period_effects, covariates, correction, ci_level
        As in :func:`distributed_lags`.

    Returns
    -------
    Fit
        One term, ``dose``, which is ``.effect``. ``.effects`` holds ``intention to treat`` first
        (who was *meant* to be treated, as in :class:`~hotspot_eval.did.PoissonDid`) and then
        ``per unit of dose``.

    Raises
    ------
    InputError
        If the design has no dose.

    Notes
    -----
    log E[y_it] (or E[y_it]) = α_i + γ_t + δ·dose_it; with doses of 0 and 1 it is the intention to
    treat. Assumes an effect that is linear in dose and, beyond parallel trends without treatment,
    that areas with little and with much would have answered the same dose alike (strong parallel
    trends); where effects differ δ is a weighted mean in which some weigh below 0. Where patrols go
    is not random: read it as a rescaling of the intention to treat, and ask
    :func:`~hotspot_eval.did.dose_check` whether dose follows crime. The covariance of the two is
    from their influence values. Events prevented are told by the intention to treat.

    References
    ----------
    Callaway, Goodman-Bacon & Sant'Anna (2024), https://doi.org/10.48550/arXiv.2107.02637;
    de Chaisemartin & D'Haultfœuille (2020), https://doi.org/10.1257/aer.20181169, on the weights

    Examples
    --------
    >>> import pandas as pd
    >>> from hotspot_eval.design import Spell
    >>> frame = pd.DataFrame({"area": list("AABBCCDD"), "month": ["2022-01", "2022-02"] * 4,
    ...                       "count": [20, 16, 10, 2, 30, 30, 15, 15]})
    >>> panel = Panel.from_counts(frame, area="area", period="month", count="count")
    >>> design = Design(spells=[Spell(area="A", start="2022-02", dose=1.0),
    ...                         Spell(area="B", start="2022-02", dose=2.0)])
    >>> fit = dose_did(panel, design, model="linear")
    >>> fit.effects.labels, fit.effects.vector.round(4).tolist()
    (('intention to treat', 'per unit of dose'), [-6.0, -4.0])
    """
    options = Options(model, cluster, period_effects, covariates, correction, ci_level)
    sample = options.lay(panel, design)
    dose = doses(sample, panel, design)
    fit = fit_columns(
        sample,
        dose[None],
        ("dose",),
        options.told("effect of one unit of dose", "dose response"),
        options,
        cells={},
        notes=(NOT_RANDOM, *attenuated(sample)),
    )
    return replace(fit, effects=_jointly(options.two_way()(panel, design), fit))


def dose_bins(
    panel: Panel,
    design: Design,
    *,
    edges: Sequence[float],
    model: Model = "poisson",
    cluster: ClusterBy = "area",
    period_effects: PeriodEffects = "common",
    covariates: CovariatesLike | None = None,
    correction: Correction = "learnt",
    ci_level: float = 0.95,
) -> Fit:
    """Effect of each bin of dose, without supposing that twice the dose does twice as much.

    Parameters
    ----------
    panel : Panel
        One outcome.
    design : Design
        Spells with a dose.
    edges : sequence of float
        Bounds between bins, rising and above 0: (2, 5) makes up to 2, above 2 up to 5, above 5.
    model, cluster, period_effects, covariates, correction, ci_level
        As in :func:`distributed_lags`.

    Returns
    -------
    Fit
        One term a bin; ``.effect`` is that of the highest one.

    Raises
    ------
    InputError
        If the design has no dose, or edges do not rise from above 0.

    Notes
    -----
    log E[y_it] (or E[y_it]) = α_i + γ_t + Σ_b δ_b·1{dose_it in bin b}; the dose of a cell is the
    mean over its days. Assumes parallel trends without treatment; that a higher bin has a larger
    δ_b because of its dose asks for strong parallel trends as in
    :func:`~hotspot_eval.did.dose_did`, since choice, not chance, made who got more.

    Examples
    --------
    >>> import pandas as pd
    >>> from hotspot_eval.design import Spell
    >>> frame = pd.DataFrame({"area": list("AABBCCDD"), "month": ["2022-01", "2022-02"] * 4,
    ...                       "count": [20, 16, 10, 2, 30, 30, 15, 15]})
    >>> panel = Panel.from_counts(frame, area="area", period="month", count="count")
    >>> design = Design(spells=[Spell(area="A", start="2022-02", dose=1.0),
    ...                         Spell(area="B", start="2022-02", dose=2.0)])
    >>> fit = dose_bins(panel, design, edges=[1.5], model="linear")
    >>> fit.effects.labels, fit.effects.vector.round(4).tolist()
    (('up to 1.5', 'above 1.5'), [-4.0, -8.0])
    """
    options = Options(model, cluster, period_effects, covariates, correction, ci_level)
    check_sequence("edges", edges, of="bounds", example="[2.0, 5.0]")
    for edge in edges:
        check_number("edges", edge)
    bounds = np.asarray(list(edges), dtype=np.float64)
    if not len(bounds) or not (np.diff(bounds) > 0).all() or not bounds[0] > 0:
        raise InputError(
            Problem(
                where="argument 'edges'", what="must be numbers above 0 that rise", examples=edges
            )
        )
    sample = options.lay(panel, design)
    dose = doses(sample, panel, design)
    place = np.searchsorted(bounds, dose, side="left")
    inside = [sample.used & (dose > 0) & (place == b) for b in range(len(bounds) + 1)]
    labels = _labels(bounds)
    return fit_columns(
        sample,
        np.array(inside, dtype=np.float64),
        labels,
        options.told("effect of a dose", "dose bins"),
        options,
        lead=len(bounds),
        cells={
            label: (
                TreatedCells(
                    share=1.0, cells=int(cells.sum()), events=float(sample.y[cells].sum())
                ),
            )
            for label, cells in zip(labels, inside, strict=True)
        },
        notes=(NOT_RANDOM,),
    )


def _jointly(itt: Fit, dose: Fit) -> Effects:
    """Intention to treat and dose, both fitted on the same areas."""
    parts: tuple[Effect, Effect] = (itt.effect, dose.effect)
    errors = np.array([part.std_error for part in parts])
    first, second = np.nan_to_num(itt.influence[:, 0]), np.nan_to_num(dose.influence[:, 0])
    norm = float(np.sqrt((first @ first) * (second @ second)))
    rho = float(first @ second) / norm if norm > 0 else 0.0
    return Effects(
        labels=(ITT, DOSE),
        vector=np.array([part.estimate for part in parts]),
        covariance=np.outer(errors, errors) * np.array([[1.0, rho], [rho, 1.0]]),
        scale=dose.effect.scale,
        estimand="effect of being meant to be treated, and of one unit of dose",
        method=dose.effect.method,
        inference=dose.effect.inference,
        df=min(part.df for part in parts),
        ci_level=dose.effect.ci_level,
        parts=parts,
        total=DOSE,
        notes=("the two are correlated as their influence values by area, whatever their errors",),
    )


def _labels(bounds: Float) -> tuple[str, ...]:
    between = [f"above {low:g} up to {high:g}" for low, high in pairwise(bounds)]
    return (f"up to {bounds[0]:g}", *between, f"above {bounds[-1]:g}")
