"""Two-way fixed effects difference-in-differences, Poisson and linear."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from hotspot_eval.design import Design
from hotspot_eval.did.assemble import SCALE, Told, effect_of, fit_of, impossible, inference_name
from hotspot_eval.did.batch import estimate_many
from hotspot_eval.did.covariates import Covariates, CovariatesLike, standardised
from hotspot_eval.did.held import HeldEffect
from hotspot_eval.did.kernels import Correction
from hotspot_eval.did.model import Model, Regression, regress
from hotspot_eval.did.sample import Sample, attenuated, lay, treated_cells
from hotspot_eval.errors import InputError, Problem, check_choice, check_level
from hotspot_eval.panel import Panel
from hotspot_eval.results import Fit

__all__ = ["ClusterBy", "LinearDid", "PeriodEffects", "PoissonDid", "linear_did", "poisson_did"]

Float = NDArray[np.float64]
ClusterBy = Literal["area", "cluster"]
PeriodEffects = Literal["common", "cluster"]
TERMS = ("treatment",)


@dataclass(frozen=True, slots=True, kw_only=True)
class _TwoWay:
    cluster: ClusterBy = "area"
    period_effects: PeriodEffects = "common"
    correction: Correction = "learnt"
    ci_level: float = 0.95
    covariates: CovariatesLike | None = None

    def __post_init__(self) -> None:
        if self.covariates is not None:
            object.__setattr__(self, "covariates", Covariates.of(self.covariates))
        check_choice("cluster", self.cluster, get_args(ClusterBy))
        check_choice("period_effects", self.period_effects, get_args(PeriodEffects))
        check_choice("correction", self.correction, get_args(Correction))
        check_level("ci_level", self.ci_level)

    def _fit(self, panel: Panel, design: Design, model: Model) -> Fit:
        sample = lay(
            panel,
            design,
            counts=model == "poisson",
            by_cluster=self.period_effects == "cluster",
            unobserved="control",
        )
        told = Told(
            estimand="average effect of full treatment on the treated cells",
            scale=SCALE[model],
            method=f"two-way fixed effects, {model}",
            inference=inference_name(self.correction, self.cluster),
            ci_level=self.ci_level,
        )
        if sample.reason:
            return impossible(sample, sample.reason, told, terms=TERMS)
        cluster = clusters(sample, self.cluster)
        regression = self._regress(sample, model, cluster)
        name = inference_name(self.correction, self.cluster, regression)
        told = replace(told, inference=name)
        cells = treated_cells(sample)
        effect = effect_of(
            sample,
            regression,
            np.ones(1),
            told,
            cluster=cluster,
            notes=attenuated(sample, cells),
            cells=cells,
        )
        covariance = np.array([[effect.std_error**2]])
        effects = told.effects(TERMS, regression.beta, covariance, (effect,))
        fit = fit_of(sample, regression, TERMS, effect=effect, effects=effects)
        return replace(fit, held=self._held(sample, model))

    def _regress(
        self,
        sample: Sample,
        model: Model,
        cluster: NDArray[np.intp] | None,
        *,
        inference: bool = True,
    ) -> Regression:
        return regress(
            sample,
            sample.treatment[sample.treated][None],
            model=model,
            cluster=cluster,
            strata=sample.cluster if self.period_effects == "cluster" else None,
            covariates=standardised(self.covariates, sample.areas),
            correction=self.correction,
            inference=inference,
            by_treatment=True,
        )

    def _held(self, sample: Sample, model: Model) -> HeldEffect:
        return HeldEffect(
            sample=sample,
            model=model,
            strata=sample.cluster if self.period_effects == "cluster" else None,
            covariates=standardised(self.covariates, sample.areas),
        )

    def _many(self, panel: Panel, designs: Sequence[Design], model: Model) -> Float:
        def one(design: Design) -> float:
            sample = lay(
                panel,
                design,
                counts=model == "poisson",
                by_cluster=self.period_effects == "cluster",
                unobserved="control",
            )
            if sample.reason:
                return float("nan")
            return float(self._regress(sample, model, None, inference=False).beta[0])

        return estimate_many(
            panel,
            designs,
            model=model,
            imputed=False,
            plain=self.period_effects == "common" and self.covariates is None,
            one=one,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PoissonDid(_TwoWay):
    """Poisson difference-in-differences with area and period effects.

    Parameters
    ----------
    cluster : {"area", "cluster"}
        What the covariance is clustered by: areas, or the panel's clusters (boroughs), of which
        many must be treated.
    period_effects : {"common", "cluster"}
        One effect a period, or one for each of the panel's clusters (borough × month): areas are
        then compared within their cluster only.
    correction : {"learnt", "CR2", "CR1"}
        ``learnt``, the default: what treated areas do by chance is learnt from controls of like
        level, and where the panel has clusters also the shocks that areas of a cluster share. What
        treated areas share besides, as neighbours across clusters or all where there are no
        labels, is told from how their sum strayed before treatment (twelve periods, else a note).
        It holds with few treated areas, where errors estimated from the treated themselves do not.
        With fewer than two controls, or ``cluster="cluster"``, CR2. ``CR2``: cluster-robust with
        Bell–McCaffrey degrees of freedom, for treated areas that are noisier than controls.
        ``CR1``: the factor C/(C − 1)·(n − 1)/(n − K) and t with C − 1, as in fixest and pyfixest
        (K: coefficients plus period effects; area effects are nested in the clusters).
    ci_level : float
    covariates : DataFrame or Series, optional
        One row an area, indexed by area id; do not change in time. Each has a coefficient in every
        period, which takes up trends that differ with it.

    Notes
    -----
    log E[y_it] = log base_it + α_i + γ_t + δ·treatment_it, by pseudo-maximum likelihood: only the
    mean needs to be right, the counts need not be Poisson. exp(δ) is the incidence rate ratio of a
    wholly treated period. Assumes that treated areas would have changed by the same *ratio* as
    controls, no anticipation within the windows, and no spillover into controls. With starts that
    differ δ weighs areas and periods by precision: see ``imputation``.

    Areas without any event, areas observed once, and treated areas without a period before the
    start carry no information on δ; they are left out and counted in the ledger. (A regression on
    all cells takes areas that are treated throughout for controls of those that start later.)
    Treated areas none of whose treated periods is observed stay, as controls: their cells are
    untreated ones. Where areas with events leave others without any over the same periods, the
    cells whose mean goes to 0 are left out. With one treated cluster a cluster-robust standard
    error is NaN.

    References
    ----------
    Wooldridge (1999), https://doi.org/10.1016/S0304-4076(98)00033-5;
    Ferman & Pinto (2019), https://doi.org/10.1162/rest_a_00759, whose variance of a treated area,
    a function of its size, the learnt error takes up

    Examples
    --------
    >>> import pandas as pd
    >>> from hotspot_eval.design import Design
    >>> frame = pd.DataFrame({"area": list("AABBCCDD"), "month": ["2022-01", "2022-02"] * 4,
    ...                       "count": [20, 10, 10, 6, 30, 31, 15, 16]})
    >>> panel = Panel.from_counts(frame, area="area", period="month", count="count")
    >>> fit = PoissonDid()(panel, Design(treated=["A", "B"], start="2022-02"))
    >>> round(fit.effect.as_irr().value, 4)
    0.5106
    """

    def __call__(self, panel: Panel, design: Design) -> Fit:
        """Estimate, with covariance and influence values."""
        return self._fit(panel, design, "poisson")

    def many(self, panel: Panel, designs: Sequence[Design]) -> Float:
        """Log rate ratios alone, shape (len(designs),); NaN where a design has none.

        Notes
        -----
        Areas that share a treatment path are summed, which loses nothing, and the sums are fitted.
        With one path and controls the estimate is the log ratio of ratios of four totals: treated
        and controls, on and off.
        """
        return self._many(panel, designs, "poisson")


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearDid(_TwoWay):
    """Linear difference-in-differences with area and period effects.

    Parameters
    ----------
    cluster, period_effects, correction, ci_level, covariates
        As in :class:`PoissonDid`.

    Notes
    -----
    y_it = α_i + γ_t + δ·treatment_it + ε_it by least squares; δ is in events per area and period.
    Assumes that treated areas would have changed by the same *number* as controls, which for
    hotspots of unequal level is rarely so: lead with the Poisson model. The offset base is not
    used. Where no value is negative, learnt noise grows with the level of an area, as that of
    counts does; else it is taken to be alike.

    Examples
    --------
    >>> import pandas as pd
    >>> from hotspot_eval.design import Design
    >>> frame = pd.DataFrame({"area": list("AABBCCDD"), "month": ["2022-01", "2022-02"] * 4,
    ...                       "count": [20, 10, 10, 6, 30, 31, 15, 16]})
    >>> panel = Panel.from_counts(frame, area="area", period="month", count="count")
    >>> fit = LinearDid()(panel, Design(treated=["A", "B"], start="2022-02"))
    >>> round(fit.effect.estimate, 6)
    -8.0
    """

    def __call__(self, panel: Panel, design: Design) -> Fit:
        """Estimate, with covariance and influence values."""
        return self._fit(panel, design, "linear")

    def many(self, panel: Panel, designs: Sequence[Design]) -> Float:
        """Differences alone, shape (len(designs),); NaN where a design has none."""
        return self._many(panel, designs, "linear")


def clusters(sample: Sample, by: ClusterBy) -> NDArray[np.intp] | None:
    """Cluster codes of the covariance; None for areas."""
    if by != "cluster":
        return None
    if sample.cluster is None:
        raise InputError(
            Problem(
                where="panel",
                what="has no cluster labels to cluster by",
                advice="Give Panel.from_counts(cluster=…), or cluster by area.",
            )
        )
    return sample.cluster


poisson_did = PoissonDid()
linear_did = LinearDid()
