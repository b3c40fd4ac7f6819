"""What remains of an event study's effect when trends were not quite parallel, as a check."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hotspot_eval.errors import (
    check_level,
    check_number,
    check_sequence,
    check_type,
    check_whole,
)
from hotspot_eval.inference.honest.core import honest_did
from hotspot_eval.results import Check, Effects, Fit

__all__ = ["honest_check"]

_NAME = "honest intervals"
_THREAT = "Treated and control areas may have drifted apart after the start for other reasons."
_ASKED = 1.0


def honest_check(
    study: Fit | Effects,
    *,
    m: Sequence[float] = (0.0, 0.5, 1.0),
    periods_after: int = 3,
    level: float = 0.95,
) -> Check:
    """Whether the mean effect after the start outlives a divergence as large as any before it.

    Parameters
    ----------
    study : Fit or Effects
        From :func:`hotspot_eval.event_study`.
    m : sequence of float
        Bounds: after the start trends diverge from one period to the next by at most ``m`` times
        the largest such step before it.
    periods_after : int
        The mean is over so many first periods after the start.
    level : float

    Returns
    -------
    Check
        Failed where the interval at m = 1 (or the next larger bound asked for) holds no change;
        not assessed where that at the smallest bound does, since then there is no effect to
        defend, or where the event study does not allow it, with the reason. Evidence, one row a
        bound: m, low, high on the estimator's own scale, excludes_zero.

    Notes
    -----
    The covariance of the event study is taken as known and normal, which is optimistic with few
    treated areas; areas chosen on recent counts have a step before the start that is their choice.

    References
    ----------
    Rambachan & Roth (2023), https://doi.org/10.1093/restud/rdad018

    Examples
    --------
    >>> effects = Effects(labels=("-2", "-1", "0", "1"), vector=np.array([0.02, 0.0, -0.5, -0.5]),
    ...                   covariance=np.diag([0.004, 0.0, 0.004, 0.004]), scale="log_irr",
    ...                   estimand="effect", method="m", inference="i")
    >>> honest_check(effects, m=[0.0, 1.0]).status
    'passed'
    """
    check_type("study", study, (Fit, Effects), advice="Give what event_study returned.")
    check_sequence("m", m, of="bounds", example="[0.0, 0.5, 1.0]")
    for bound in m:
        check_number("m", bound, least=0.0)
    check_whole("periods_after", periods_after, least=1)
    check_level("level", level)
    event = study.event_study() if isinstance(study, Fit) else study
    found = _arranged(event, periods_after)
    if isinstance(found, str):
        return Check(name=_NAME, threat=_THREAT, status="not assessed", sentence=found)
    places, before, after = found
    bounds = sorted({float(bound) for bound in m})
    honest = honest_did(
        event.vector[places],
        event.covariance[np.ix_(places, places)],
        n_pre=before,
        n_post=after,
        m=bounds,
        weights=np.full(after, 1.0 / after),
        level=level,
    )
    evidence = honest.to_frame()
    told = f"the mean of the first {after} periods after the start"
    if not bool(evidence["excludes_zero"].iloc[0]):
        sentence = (
            f"With trends that diverge by at most {bounds[0]:g} times the largest step before the "
            f"start, the interval for {told} already includes no change: there is no effect to "
            "defend."
        )
        return Check(
            name=_NAME, threat=_THREAT, status="not assessed", sentence=sentence, evidence=evidence
        )
    at = next((place for place, bound in enumerate(bounds) if bound >= _ASKED), len(bounds) - 1)
    row = evidence.iloc[at]
    kept = bool(row["excludes_zero"])
    return Check(
        name=_NAME,
        threat=_THREAT,
        status="passed" if kept else "failed",
        sentence=f"If trends diverged after the start by at most {row['m']:g} times the largest "
        f"step before it, {told} is {row['low']:.3f} to {row['high']:.3f}, which "
        f"{'leaves out' if kept else 'includes'} no change; the largest bound asked for that "
        f"leaves it out is {honest.breakdown:g}.",
        evidence=evidence,
    )


def _arranged(event: Effects, periods_after: int) -> tuple[list[int], int, int] | str:
    """Positions of the effects in time order without the base, and how many lie on each side."""
    times = {}
    for place, label in enumerate(event.labels):
        if label.lstrip("-−").isdigit() and np.isfinite(event.vector[place]):
            times[int(label.replace("−", "-"))] = place
    variance = np.diag(event.covariance)
    bases = [time for time, place in times.items() if variance[place] == 0]
    if len(bases) != 1:
        return "The event study has no single base period."
    base = bases[0]
    before = [time for time in sorted(times) if time < base]
    after = [time for time in sorted(times) if time > base][:periods_after]
    if not before or not after:
        return "There is no estimate before or none after the base period."
    whole = list(range(before[0], after[-1] + 1))
    if sorted([*before, base, *after]) != whole:
        return "Periods are left out around the start, so steps from one to the next are not known."
    places = [times[time] for time in (*before, *after)]
    covariance = event.covariance[np.ix_(places, places)]
    scale = np.sqrt(np.diag(covariance))
    if not (scale > 0).all() or not np.isfinite(covariance).all():
        return "The event study has effects without a standard error."
    if np.linalg.eigvalsh(covariance / np.outer(scale, scale))[0] < 1e-8:
        return (
            "The effects' covariance is singular (more periods than treated areas can tell apart): "
            "fewer, longer periods would allow it."
        )
    return places, len(before), len(after)
