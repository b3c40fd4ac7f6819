"""What pooling returns."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import brentq

from hotspot_eval.ledger import Ledger
from hotspot_eval.results import Effect
from hotspot_eval.significance import power_of_t
from hotspot_eval.synthesis.partial import FEWEST, Partial, partially_pooled

__all__ = ["Pooled"]

Float = NDArray[np.float64]
NAN = float("nan")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Pooled:
    """A random-effects synthesis of k sites.

    Parameters
    ----------
    effect : Effect
        The mean over sites, with the Hartung–Knapp interval.
    sites : tuple of Effect, length k
        As given.
    labels : tuple of str, length k
    weights : ndarray, shape (k,)
        Of the sites in the mean; they sum to 1.
    covariance : ndarray, shape (k, k)
        Of the sites' estimates: as given, or their own variances on its diagonal.
    covariance_df : float
        Degrees of freedom behind it, off its diagonal.
    correlation : float
        Mean correlation between the sites' estimates; 0 where they are taken as independent.
    tau : float
        Standard deviation of true effects between sites.
    q, q_p_value, i_squared : float
        Cochran's Q, its p-value, and the share of variation beyond noise in [0, 1].
    prediction_low, prediction_high : float
        Where the true effect of a new, comparable site lies, at the effect's level.
    ledger : Ledger
        Sites left out because they had no estimate or no standard error.
    """

    effect: Effect
    sites: tuple[Effect, ...]
    labels: tuple[str, ...]
    weights: Float
    covariance: Float
    covariance_df: float
    correlation: float
    tau: float
    q: float
    q_p_value: float
    i_squared: float
    prediction_low: float
    prediction_high: float
    ledger: Ledger

    @property
    def estimates(self) -> Float:
        """The sites' own estimates, shape (k,)."""
        return np.array([site.estimate for site in self.sites])

    def partial_effects(self) -> dict[str, Effect]:
        """Label → the site's true effect given all estimates, drawn to the mean by what is noise.

        NaN for fewer than three sites; equations in :mod:`hotspot_eval.synthesis.partial`.
        """
        drawn = self._partial()
        few = len(self.sites) < FEWEST
        return {
            label: Effect(
                estimand="true effect of the site, given the estimates of all",
                scale=site.scale,
                estimate=float(drawn.mean[place]),
                std_error=float(drawn.std_dev[place]),
                ci_low=float(drawn.low[place]),
                ci_high=float(drawn.high[place]),
                ci_level=self.effect.ci_level,
                method="partial pooling by random effects",
                inference="posterior with flat priors on the mean and on tau",
                n_areas=site.n_areas,
                n_treated=site.n_treated,
                n_control=site.n_control,
                n_clusters=site.n_clusters,
                n_periods=site.n_periods,
                notes=(f"fewer than {FEWEST} sites: no partial pooling",) if few else (),
            )
            for place, (label, site) in enumerate(zip(self.labels, self.sites, strict=True))
        }

    def minimum_detectable(self, *, power: float = 0.8) -> float:
        """The smallest reduction in the mean that is found with this probability, in per cent.

        By the t test with the standard error and degrees of freedom of ``effect``; negative. NaN
        where there is no test, or off the log scale.
        """
        error, df = self.effect.std_error, self.effect.df
        if self.effect.scale != "log_irr" or not np.isfinite(error) or not df > 0:
            return NAN

        def missing(effect: float) -> float:
            return power_of_t(effect, df=df, level=self.effect.ci_level) - power

        high = 4.0
        while missing(high) < 0:
            high *= 2.0
        return float(100.0 * np.expm1(-error * brentq(missing, 0.0, high)))

    def tau_interval(self) -> tuple[float, float]:
        """Where the standard deviation between sites lies, at the effect's level; flat prior."""
        drawn = self._partial()
        return drawn.tau_low, drawn.tau_high

    def _partial(self) -> Partial:
        return partially_pooled(
            self.estimates,
            self.covariance,
            level=self.effect.ci_level,
            covariance_df=self.covariance_df,
        )

    def to_frame(self) -> pd.DataFrame:
        """One row a site, as reported and partially pooled; the mean; a new site."""
        partial = self.partial_effects().values()
        rows = [
            (
                *(label, own.estimate, own.std_error, own.ci_low, own.ci_high, weight),
                *(drawn.estimate, drawn.ci_low, drawn.ci_high),
            )
            for label, own, weight, drawn in zip(
                self.labels, self.sites, self.weights, partial, strict=True
            )
        ]
        mean, none = self.effect, (NAN, NAN, NAN)
        rows.append(
            ("pooled", mean.estimate, mean.std_error, mean.ci_low, mean.ci_high, 1.0, *none)
        )
        limits = self.prediction_low, self.prediction_high
        rows.append(("new site", mean.estimate, NAN, *limits, NAN, *none))
        columns = ["label", "estimate", "std_error", "ci_low", "ci_high", "weight"]
        return pd.DataFrame(rows, columns=[*columns, "shrunken", "shrunken_low", "shrunken_high"])

    def __repr__(self) -> str:
        return (
            f"Pooled {len(self.labels)} sites: {self.effect!r}; tau {self.tau:.4f}, "
            f"I² {self.i_squared:.0%}, a new site {self.prediction_low:.4f} to "
            f"{self.prediction_high:.4f}"
        )

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>{self.ledger._repr_html_()}"
