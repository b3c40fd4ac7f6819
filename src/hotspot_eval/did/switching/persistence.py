"""Whether treatment lasts after it went off, or shows before it went on."""

from __future__ import annotations

import numpy as np
import pandas as pd

from hotspot_eval.errors import check_level, check_number, check_type
from hotspot_eval.results import Check, Effects, Fit, Status
from hotspot_eval.significance import equivalence_p_value, joint_test

__all__ = ["carry_over_check", "placebo_check"]


def carry_over_check(study: Fit | Effects, *, bound: float, level: float = 0.05) -> Check:
    """Whether anything is left of treatment in the periods after it went off.

    Parameters
    ----------
    study : Fit or Effects
        From :func:`~hotspot_eval.did.distributed_lags`, with lags.
    bound : float
        Size below which an effect would not matter, on its own scale: 0.1 on the log scale is
        about 10 %.
    level : float

    Returns
    -------
    Check
        Failed if the effects after are jointly different from 0: treatment lasts, and estimates
        that take periods off for untreated are wrong. Passed only if each of them is shown to be
        smaller than ``bound``. Not assessed where neither is shown: absence of evidence.

    Notes
    -----
    Joint: Hotelling's T² as F on q and η − q + 1 degrees of freedom, η those of the fit, as in
    :func:`~hotspot_eval.did.pretrend`; where these are too few for q effects the smallest single
    p-value times q (Bonferroni). Equivalence: two one-sided tests of each effect against
    ±bound; all hold at once at the largest p-value (intersection–union).

    References
    ----------
    Hartman & Hidalgo (2018), https://doi.org/10.1111/ajps.12387;
    Liu, Wang & Xu (2024), https://doi.org/10.1111/ajps.12723

    Examples
    --------
    >>> frame = pd.DataFrame({"area": list("AAAABBBBCCCCDDDD"), "month": ["2022-01", "2022-02",
    ...     "2022-03", "2022-04"] * 4, "count": [8, 4, 6, 8, 7, 4, 6, 8, 9, 9, 8, 9, 7, 7, 8, 7]})
    >>> from hotspot_eval.design import Design
    >>> from hotspot_eval.did.switching.lags import distributed_lags
    >>> from hotspot_eval.panel import Panel
    >>> panel = Panel.from_counts(frame, area="area", period="month", count="count")
    >>> design = Design(treated=["A", "B"], start="2022-02", end="2022-02")
    >>> fit = distributed_lags(panel, design, lags=1, model="linear")
    >>> carry_over_check(fit, bound=1.0).evidence["label"].tolist()
    ['1 after', 'all']
    """
    return _check(
        study,
        bound,
        level,
        ending=" after",
        name="carry-over",
        threat="Treatment lasts after it goes off, so that periods off are no untreated ones.",
        found="treatment lasts after it went off",
        absent="what is left after treatment went off",
    )


def placebo_check(study: Fit | Effects, *, bound: float, level: float = 0.05) -> Check:
    """Whether treatment shows before it went on.

    Arguments and reading as in :func:`carry_over_check`, on the effects of ``leads``.
    """
    return _check(
        study,
        bound,
        level,
        ending=" before",
        name="placebo before switching on",
        threat="Areas were already changing when treatment went on.",
        found="areas change before treatment goes on",
        absent="change before treatment goes on",
    )


def _check(
    study: Fit | Effects,
    bound: float,
    level: float,
    *,
    ending: str,
    name: str,
    threat: str,
    found: str,
    absent: str,
) -> Check:
    check_type("study", study, (Fit, Effects), advice="Give what distributed_lags returned.")
    check_number("bound", bound, above=0.0)
    check_level("level", level)
    effects = study.effects if isinstance(study, Fit) else study
    places = np.array(
        [
            k
            for k, label in enumerate(effects.labels)
            if label.endswith(ending) and effects[label].std_error > 0
        ],
        dtype=np.intp,
    )
    if not len(places):
        return Check(
            name=name,
            threat=threat,
            status="not assessed",
            sentence=f"Not assessed: no effect{ending} with a standard error; ask for "
            f"{'lags' if ending == ' after' else 'leads'} in distributed_lags.",
        )
    rows = [_row(effects, int(k), bound) for k in places]
    singles = pd.DataFrame(rows)
    joint, within = _joint(effects, places), float(singles["equivalence_p_value"].max())
    everything = {"label": "all", "p_value": joint, "equivalence_p_value": within}
    evidence = pd.DataFrame([*rows, everything]).assign(bound=bound)
    status: Status = "failed" if joint < level else "passed" if within < level else "not assessed"
    said = {
        "failed": f"{found} (joint p = {joint:.3f})",
        "passed": f"{absent} is shown to be smaller than {bound:g} (p = {within:.3f})",
        "not assessed": f"neither shown nor ruled out: {absent} (joint p = {joint:.3f}; smaller "
        f"than {bound:g}: p = {within:.3f})",
    }[status]
    return Check(
        name=name,
        threat=threat,
        status=status,
        sentence=f"{said[0].upper()}{said[1:]}.",
        evidence=evidence,
    )


def _row(effects: Effects, place: int, bound: float) -> dict[str, float | str]:
    effect = effects[effects.labels[place]]
    return {
        "label": effects.labels[place],
        "estimate": effect.estimate,
        "std_error": effect.std_error,
        "p_value": effect.p_value,
        "equivalence_p_value": equivalence_p_value(
            effect.estimate, effect.std_error, bound=bound, df=effect.df
        ),
    }


def _joint(effects: Effects, places: np.ndarray) -> float:
    """Joint p-value; the smallest single one × their number where the covariance is too thin."""
    test = joint_test(
        effects.vector[places], effects.covariance[np.ix_(places, places)], df=effects.df
    )
    if test.df == len(places) and not np.isnan(test.p_value):
        return test.p_value
    smallest = min(effects[effects.labels[k]].p_value for k in places)
    return min(1.0, len(places) * smallest)
