"""What an event study says of trends before the start, and what it could have seen."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from hotspot_eval.errors import check_level, check_type
from hotspot_eval.results import Check, Effects, Fit
from hotspot_eval.significance import detectable_effect, joint_test, normal_or_t_p_value

__all__ = ["pretrend"]

_NAME = "parallel trends"
_THREAT = "Treated and control areas were already drifting apart before the start."


def pretrend(study: Fit | Effects, *, level: float = 0.05) -> Check:
    """Joint test that effects before the start are 0, a test of a linear drift, and its power.

    Parameters
    ----------
    study : Fit or Effects
        From :func:`~hotspot_eval.did.event_study`.
    level : float
        Of the tests.

    Returns
    -------
    Check
        Failed if either test rejects at ``level``. Evidence, one row a test: statistic, df,
        p_value; for the drift also its estimate, error, the drift that would be found with 80 %
        power, and what such a drift adds up to by the mean period after the start.

    Notes
    -----
    Joint: Hotelling's T² as F, W·(η − q + 1)/(ηq) on q and η − q + 1 degrees of freedom, η those of
    a single effect. With more periods before than degrees of freedom only the drift is tested.
    Drift: the slope of the effects before the start on event time, through the base period. "Not
    rejected" is not "satisfied": the detectable drift says what may have gone unseen.

    References
    ----------
    Roth (2022), https://doi.org/10.1257/aeri.20210236;
    Pustejovsky & Tipton (2018), https://doi.org/10.1080/07350015.2016.1247004
    """
    check_type("study", study, (Fit, Effects), advice="Give what event_study returned.")
    check_level("level", level)
    event = study.event_study() if isinstance(study, Fit) else study
    times = np.array(
        [int(label) if _is_time(label) else np.iinfo(int).max for label in event.labels]
    )
    variance = np.diag(event.covariance)
    pre = np.flatnonzero((times < 0) & (variance > 0) & np.isfinite(event.vector))
    base = times[(times < 0) & (variance == 0)]
    if len(pre) < 1 or not len(base):
        return Check(
            name=_NAME,
            threat=_THREAT,
            status="not assessed",
            sentence="Not assessed: there is no estimate before the base period.",
        )
    rows = [_slope(event, times, pre, int(base[0]), level), *_joint(event, pre)]
    evidence = pd.DataFrame(rows)
    rejected = bool((evidence["p_value"] < level).any())
    drift = evidence.iloc[0]
    worst = evidence["p_value"].min()
    return Check(
        name=_NAME,
        threat=_THREAT,
        status="failed" if rejected else "passed",
        sentence=f"Equal trends before the start are {'' if rejected else 'not '}rejected "
        f"(smallest p = {worst:.3f}); a drift that adds up to "
        f"{drift['detectable_by_mean_after']:.3f} by the mean period after the "
        "start would be found with 80 % power.",
        evidence=evidence,
    )


def _slope(
    event: Effects, times: np.ndarray, pre: np.ndarray, base: int, level: float
) -> dict[str, object]:
    lag = (times[pre] - base).astype(np.float64)
    weights = lag / (lag @ lag)
    estimate = float(weights @ event.vector[pre])
    error = math.sqrt(float(weights @ event.covariance[np.ix_(pre, pre)] @ weights))
    reach = detectable_effect(error, df=event.df, level=1.0 - level)
    after = times[(times >= 0) & (times < np.iinfo(int).max)]
    horizon = float(np.mean(after - base)) if len(after) else 1.0
    return {
        "test": "linear drift",
        "statistic": estimate / error,
        "df": 1.0,
        "df_denominator": event.df,
        "p_value": normal_or_t_p_value(estimate / error, df=event.df),
        "drift_per_period": estimate,
        "std_error": error,
        "detectable_per_period": reach,
        "detectable_by_mean_after": reach * horizon,
    }


def _joint(event: Effects, pre: np.ndarray) -> list[dict[str, object]]:
    test = joint_test(event.vector[pre], event.covariance[np.ix_(pre, pre)], df=event.df)
    if test.df < len(pre) or math.isnan(test.p_value):
        return []
    return [
        {
            "test": "all effects before the start",
            "statistic": test.statistic,
            "df": float(test.df),
            "df_denominator": test.df_denominator,
            "p_value": test.p_value,
        }
    ]


def _is_time(label: str) -> bool:
    return label.lstrip("-").isdigit()
