"""What a study could have seen: power from its own past, by thinning, before any result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hotspot_eval.design import Design
from hotspot_eval.errors import InputError, Problem
from hotspot_eval.inference.replay.engine import study_of
from hotspot_eval.inference.replay.joint import ONE_WINDOW, Joint, join
from hotspot_eval.inference.replay.null import SiteNull
from hotspot_eval.inference.replay.rules import Rule
from hotspot_eval.panel import Panel
from hotspot_eval.periods import PeriodLike
from hotspot_eval.significance import power_of_t, weighted_p_values

__all__ = ["DetectableEffect", "minimum_detectable_effect"]

Vector = NDArray[np.float64]
NAN = float("nan")
_REDUCTIONS = np.arange(0.0, 0.96, 0.05)
_THINNINGS = 20


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class DetectableEffect:
    """The smallest reduction that a study would have found, and the curve behind it.

    Parameters
    ----------
    percent : float
        Change in percent (negative) found with probability ``power``; NaN if no reduction is.
    crimes : float
        The same in events on the treated cells; positive.
    expected_events : float
        Events expected on the treated cells without any effect.
    power, level : float
        Probability asked for, and confidence level of the test.
    false_alarms : float
        Share of pseudo-studies without any effect that the test rejects.
    pseudo_studies : int
        Replays behind the curve; 0 where it was computed from the spread alone.
    curve : DataFrame
        percent, crimes, power, one row a reduction.
    notes : tuple of str
    """

    percent: float
    crimes: float
    expected_events: float
    power: float
    level: float
    false_alarms: float
    pseudo_studies: int
    curve: pd.DataFrame
    notes: tuple[str, ...] = ()

    def power_at(self, percent: float) -> float:
        """Probability of finding a change of ``percent`` (−20: a fifth fewer), interpolated."""
        return float(np.interp(-percent, -self.curve["percent"], self.curve["power"]))

    def to_frame(self) -> pd.DataFrame:
        """One row: every field but the curve."""
        names = (
            "percent",
            "crimes",
            "expected_events",
            "power",
            "level",
            "false_alarms",
            "pseudo_studies",
        )
        row: dict[str, object] = {name: getattr(self, name) for name in names}
        return pd.DataFrame([row | {"notes": "; ".join(self.notes)}])

    def __repr__(self) -> str:
        if np.isnan(self.percent):
            return f"DetectableEffect(none: {'; '.join(self.notes)})"
        return (
            f"DetectableEffect({self.percent:.0f} % or {self.crimes:.0f} of "
            f"{self.expected_events:.0f} events, with probability {self.power:.0%})"
        )

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>"


def minimum_detectable_effect(
    panel: Panel,
    design: Design,
    *,
    rule: Rule,
    rng: np.random.Generator,
    power: float = 0.8,
    ci_level: float = 0.95,
    washout: int | None = None,
    breaks: Sequence[PeriodLike] = (),
) -> DetectableEffect:
    """The smallest reduction that selection replay would have found in this very study.

    Parameters
    ----------
    panel, design, rule, washout, breaks
        As in :func:`hotspot_eval.replay`. For an operation that has not begun, put its start where
        its windows just fit the panel.
    rng : Generator
        Draws the events that a reduction takes away.
    power : float
        Probability of detection asked for.
    ci_level : float
        1 − size of the two-sided test.

    Returns
    -------
    DetectableEffect

    Raises
    ------
    InputError
        As ``replay``, or if ``power`` is outside (0, 1).

    Notes
    -----
    One site: every replay of its pool lends its studentised residual to a pseudo-study of the
    site's own size. Each of the events expected there is kept with probability 1 − r, the test is
    run against the pool's reference distribution, and the share of rejections over replays and
    draws is the power at r. Nothing of the treated areas after the start is read. Several
    sites: the power of the t test with the spread that ``replay`` would use.

    Examples
    --------
    >>> import pandas as pd
    >>> from hotspot_eval.inference import TopK
    >>> rng = np.random.default_rng(1)
    >>> months = pd.period_range("2019-01", periods=48, freq="M").strftime("%Y-%m")
    >>> frame = pd.DataFrame([(f"{b}{i:02}", b, m) for b in "ABCDEF" for i in range(20)
    ...                       for m in months], columns=["area", "borough", "month"])
    >>> frame["count"] = rng.poisson(6.0, len(frame))
    >>> panel = Panel.from_counts(frame, area="area", period="month", count="count",
    ...                           cluster="borough")
    >>> home = [f"A{i:02}" for i in range(20)]
    >>> design = Design(treated=home[:4], start="2022-07", controls=home[4:], pre_periods=3,
    ...                 post_periods=3)
    >>> found = minimum_detectable_effect(panel, design, rule=TopK(k=4, by="random"), rng=rng)
    >>> -60 < found.percent < -20
    True
    """
    if not 0 < power < 1:
        raise InputError(Problem(where="argument 'power'", what=f"must lie in (0, 1), not {power}"))
    study = study_of(panel, design, rule=rule, rng=rng, washout=washout, breaks=breaks)
    expected = float(sum(null.expectation.counterfactual for null in study.nulls))
    if not study.nulls:
        return _none(power, ci_level, "no reference distribution: too few admissible scenes")
    if len(study.sites) == 1:
        curve, pseudo = _thinned(study.nulls[0], rng, ci_level)
        notes: tuple[str, ...] = ()
    else:
        joint = join(study.nulls)
        if not joint.testable:
            return _none(power, ci_level, ONE_WINDOW)
        curve, pseudo = _from_spread(joint, ci_level), 0
        notes = ("several sites: from the spread of the joined estimate, not by thinning",)
    return _read(curve, expected, power, ci_level, pseudo, notes)


def _thinned(null: SiteNull, rng: np.random.Generator, level: float) -> tuple[pd.Series, int]:
    """Share of pseudo-studies rejected, by reduction."""
    told, reference = null.expectation, null.reference
    events = max(1, round(told.counterfactual))
    spread = float(np.sqrt(told.variance(0.0)))
    shares = []
    for reduction in _REDUCTIONS:
        kept = rng.binomial(events, 1.0 - reduction, (_THINNINGS, len(reference.u)))
        z = reference.u + np.log((kept + 0.5) / (events + 0.5)) / spread
        p = weighted_p_values(z.ravel(), reference.u, reference.weights).reshape(z.shape)
        found = (p <= 1.0 - level).mean(axis=0)
        shares.append(float(np.average(found, weights=reference.weights)))
    return pd.Series(shares, index=_REDUCTIONS), len(reference.u)


def _from_spread(joint: Joint, level: float) -> pd.Series:
    """Power of the joined t test; the spread under an effect is that of fewer events."""
    at_zero = float(np.sqrt(joint.variance(0.0)))
    found = []
    for reduction in _REDUCTIONS:
        delta = float(np.log1p(-reduction))
        stretch = float(np.sqrt(joint.variance(delta))) / at_zero
        found.append(power_of_t(delta / at_zero, df=joint.df, level=level, stretch=stretch))
    return pd.Series(found, index=_REDUCTIONS)


def _read(
    shares: pd.Series,
    expected: float,
    power: float,
    level: float,
    pseudo: int,
    notes: tuple[str, ...],
) -> DetectableEffect:
    rising = np.maximum.accumulate(shares.to_numpy())
    reductions = shares.index.to_numpy(dtype=np.float64)
    curve = pd.DataFrame(
        {
            "percent": -100.0 * reductions,
            "crimes": reductions * expected,
            "power": shares.to_numpy(),
        }
    )
    if rising[-1] < power:
        notes = (*notes, f"no reduction up to {reductions[-1]:.0%} is found with {power:.0%}")
        reduction = NAN
    else:
        at = int(np.argmax(rising >= power))
        below = rising[at - 1] if at else 0.0
        step = reductions[at] - reductions[at - 1] if at else 0.0
        reduction = float(reductions[at] - step * (rising[at] - power) / (rising[at] - below))
    return DetectableEffect(
        percent=-100.0 * reduction,
        crimes=reduction * expected,
        expected_events=expected,
        power=power,
        level=level,
        false_alarms=float(shares.iloc[0]),
        pseudo_studies=pseudo,
        curve=curve,
        notes=notes,
    )


def _none(power: float, level: float, *notes: str) -> DetectableEffect:
    return DetectableEffect(
        percent=NAN,
        crimes=NAN,
        expected_events=NAN,
        power=power,
        level=level,
        false_alarms=NAN,
        pseudo_studies=0,
        curve=pd.DataFrame({"percent": [], "crimes": [], "power": []}),
        notes=notes,
    )
