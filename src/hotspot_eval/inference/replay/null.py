"""The reference distribution laid over one site: its test and interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hotspot_eval.inference.replay.ladder import Pool
from hotspot_eval.inference.replay.recipe import Expectation, Features, Reference
from hotspot_eval.inference.replay.stage import Site
from hotspot_eval.significance import Alternative

__all__ = ["SiteNull", "Verdict", "judge_one"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SiteNull:
    """One site with its pool and what the pool says.

    ``told`` are the pool's scenes as features, ``target`` is the site's own; none reads more than
    ``history`` periods before its start.
    """

    site: Site
    pool: Pool
    history: int
    reference: Reference
    expectation: Expectation
    told: Features
    target: Features

    @property
    def events(self) -> float:
        """Events of the treated after the start."""
        told = self.expectation
        return round(told.counterfactual * float(np.exp(told.effect)) - 0.5, 6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Estimate, spread, test and interval on the log IRR scale.

    ``expected_change`` is what the chosen areas would have done anyway, with its standard error.
    """

    estimate: float
    std_error: float
    p_value: float
    low: float
    high: float
    statistic: float
    df: float
    expected_change: float
    expected_change_se: float
    expected_df: float
    notes: tuple[str, ...] = ()


def judge_one(null: SiteNull, *, level: float, alternative: Alternative) -> Verdict:
    """The rank test of one site and its inversion.

    Where the treated have no event, no reduction is too large, whatever the ½ in l says.
    """
    told = null.expectation
    spread = float(np.sqrt(told.variance(0.0)))
    low, high = told.interval(level)
    if not null.events:
        low = -float("inf")
    return Verdict(
        estimate=told.effect,
        std_error=spread,
        p_value=told.p_value(0.0, alternative),
        low=low,
        high=high,
        statistic=told.effect / spread,
        df=float("inf"),
        expected_change=told.foreseen,
        expected_change_se=told.foreseen_se,
        expected_df=_df_of_mean(null.reference),
    )


def _df_of_mean(reference: Reference) -> float:
    return max(1.0, reference.n_windows - reference.df)
