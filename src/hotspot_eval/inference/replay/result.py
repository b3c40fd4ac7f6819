"""What replay returns."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import pandas as pd

from hotspot_eval.ledger import Ledger
from hotspot_eval.results import Check, Effect, checks_frame

__all__ = ["ReplayResult"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ReplayResult:
    """An operation against the same selection replayed where nothing was done.

    Parameters
    ----------
    effect : Effect
        The adjusted estimate, log IRR, with the test and interval of its reference distribution.
    raw : Effect
        The plain estimator on its own scale, less the centre of its replays, ranked among them.
    regression_to_mean : Effect
        Mean log change, relative to controls, of areas chosen with such a past where nothing was
        done. The interval is that of the mean: areas of their own may go other ways.
    draws : DataFrame
        One row a scene: site, cluster, period, treated areas, change, expected, residual, u,
        weight, estimate (plain estimator).
    pool : DataFrame
        One row a site: scenes, clusters, independent windows, history, rung of the ladder.
    sites : DataFrame
        One row a site: estimate, standard error, expected change, weight behind the effect.
    covariance : DataFrame
        Of the sites' estimates if there is no effect, in their order: what :func:`pool` takes where
        sites share dates, controls or replays.
    checks : tuple of Check
    ledger : Ledger
        Cluster × date pairs in, scenes out, with the reasons between.
    """

    effect: Effect
    raw: Effect
    regression_to_mean: Effect
    draws: pd.DataFrame
    pool: pd.DataFrame
    sites: pd.DataFrame
    covariance: pd.DataFrame
    checks: tuple[Check, ...]
    ledger: Ledger

    def to_frame(self) -> pd.DataFrame:
        """Three rows: effect, raw, regression_to_mean, with every field of an Effect."""
        parts = {
            "effect": self.effect,
            "raw": self.raw,
            "regression_to_mean": self.regression_to_mean,
        }
        frame = pd.concat([part.to_frame() for part in parts.values()], ignore_index=True)
        frame.insert(0, "part", list(parts))
        return frame

    def checks_frame(self) -> pd.DataFrame:
        """One row a check: name, threat, status, sentence."""
        return checks_frame(self.checks)

    def __repr__(self) -> str:
        scenes, rung = int(self.pool["scenes"].sum()), int(self.pool["rung"].max())
        return (
            f"ReplayResult of {len(self.pool)} sites, {scenes:,} scenes, rung {rung}\n"
            f"effect: {self.effect!r}\nraw: {self.raw!r}\n"
            f"regression to the mean: {self.regression_to_mean!r}"
        )

    def _repr_html_(self) -> str:
        lines = "".join(f"<li>{escape(line)}</li>" for line in repr(self).splitlines())
        return f"<ul>{lines}</ul>{self.ledger._repr_html_()}"
