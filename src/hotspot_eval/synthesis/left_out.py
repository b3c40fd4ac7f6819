"""The mean with one site fewer: does it hang on one of them?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from hotspot_eval.results import Check, Effect, Effects
from hotspot_eval.synthesis.random_effects import FEW, TauMethod, covariance_of, labelled, pool

__all__ = ["SitesLeftOut", "leave_one_site_out"]

_NAME = "leave one site out of the mean"
_THREAT = "The mean may depend on a single site."


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class SitesLeftOut:
    """The mean over sites, and without each of them in turn.

    Parameters
    ----------
    whole : Effect
        With all sites.
    effects : dict of str to Effect
        Site left out → the mean of the others.
    check : Check
    """

    whole: Effect
    effects: dict[str, Effect]
    check: Check

    def to_frame(self) -> pd.DataFrame:
        """One row a site: left_out, estimate, ci_low, ci_high, change."""
        return _frame(self.whole, self.effects)

    def __repr__(self) -> str:
        return f"SitesLeftOut({self.check.status}: {self.check.sentence})"

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>"


def leave_one_site_out(
    effects: Sequence[Effect] | Mapping[str, Effect] | Effects,
    covariance: ArrayLike | None = None,
    *,
    covariance_df: float = float("inf"),
    tau: TauMethod = "paule_mandel",
    ci_level: float = 0.95,
) -> SitesLeftOut:
    """Pool the sites again without each of them.

    Parameters
    ----------
    effects, covariance, covariance_df, tau, ci_level
        As in :func:`pool`.

    Returns
    -------
    SitesLeftOut
        The check fails if leaving out one site decides whether the interval includes no change.
        With fewer than five sites it is not assessed, since the interval of so few without one
        says more of their number than of the one left out.

    Examples
    --------
    >>> sites = {name: Effect.from_estimate(b, 0.1, estimand="ATT", scale="log_irr",
    ...                                     method="Poisson", inference="CR2")
    ...          for name, b in {"Lambeth": -0.2, "Merton": -0.1, "Sutton": -0.9}.items()}
    >>> leave_one_site_out(sites).to_frame()["estimate"].round(3).tolist()
    [-0.5, -0.55, -0.15]
    """
    labels, sites = labelled(effects)
    sampling = covariance_of(sites, covariance)
    named = dict(zip(labels, sites, strict=True))
    whole = pool(named, covariance, covariance_df=covariance_df, tau=tau, ci_level=ci_level).effect
    usable = [
        place
        for place, site in enumerate(sites)
        if np.isfinite(site.estimate) and sampling[place, place] > 0
    ]
    without = {}
    for gone in usable if len(usable) > 2 else []:
        rest = [place for place in usable if place != gone]
        without[labels[gone]] = pool(
            {labels[place]: sites[place] for place in rest},
            sampling[np.ix_(rest, rest)],
            covariance_df=covariance_df,
            tau=tau,
            ci_level=ci_level,
        ).effect
    return SitesLeftOut(whole=whole, effects=without, check=_check(whole, without))


def _frame(whole: Effect, effects: Mapping[str, Effect]) -> pd.DataFrame:
    rows = [
        (name, e.estimate, e.ci_low, e.ci_high, e.estimate - whole.estimate)
        for name, e in effects.items()
    ]
    return pd.DataFrame(rows, columns=["left_out", "estimate", "ci_low", "ci_high", "change"])


def _check(whole: Effect, effects: Mapping[str, Effect]) -> Check:
    if not effects:
        return Check(
            name=_NAME,
            threat=_THREAT,
            status="not assessed",
            sentence="There are fewer than three sites: the mean cannot be checked without one.",
        )
    turned = [name for name, e in effects.items() if _includes_none(e) != _includes_none(whole)]
    most = max(effects, key=lambda name: abs(effects[name].estimate - whole.estimate))
    least, greatest = (pick(effects.values(), key=lambda e: e.estimate) for pick in (min, max))
    few = len(effects) < FEW
    if few:
        verdict = f"{len(effects)} sites are too few to ask what the interval hangs on"
    elif turned:
        verdict = f"whether its interval includes no change hangs on {', '.join(turned)}"
    else:
        told = "includes" if _includes_none(whole) else "excludes"
        verdict = f"its interval {told} no change whichever site is left out"
    return Check(
        name=_NAME,
        threat=_THREAT,
        status="not assessed" if few else "failed" if turned else "passed",
        sentence=f"Without one site the mean runs from {_told(least)} to {_told(greatest)} "
        f"({_told(whole)} with all); {most} moves it most, and {verdict}.",
        evidence=_frame(whole, effects),
    )


def _includes_none(effect: Effect) -> bool:
    return effect.ci_low <= 0.0 <= effect.ci_high


def _told(effect: Effect) -> str:
    if effect.scale != "log_irr":
        return f"{effect.estimate:.3g}"
    percent = effect.percent_change().value
    return f"{abs(percent):.1f}% {'lower' if percent < 0 else 'higher'}"
