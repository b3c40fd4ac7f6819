"""Goodman-Bacon: which two-by-two comparisons a staggered two-way estimate is made of."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hotspot_eval.design import Design
from hotspot_eval.did.sample import Sample, lay
from hotspot_eval.panel import Panel
from hotspot_eval.results import Check

__all__ = ["bacon", "bacon_table"]

Float = NDArray[np.float64]
_NAME = "clean comparisons"
_THREAT = (
    "With starts that differ, a two-way estimate also compares newly treated areas with areas "
    "treated earlier, whose effects may still be growing."
)
_ALARM = 0.10
CLEAN, EARLY, LATE, ALWAYS = (
    "treated against never treated",
    "earlier against later treated",
    "later against earlier treated",
    "later against always treated",
)


def bacon(panel: Panel, design: Design) -> Check:
    """How much of the linear two-way estimate rests on already treated controls.

    Returns
    -------
    Check
        Failed when comparisons with already treated areas weigh more than a tenth. Evidence: one
        row a kind of comparison, with its weight and its weighted mean estimate.

    Notes
    -----
    The linear two-way estimate is Σ_k s_kU β_kU + Σ_{k<l}(s_kl^k β_kl^k + s_kl^l β_kl^l): β_kU
    compares cohort k with the never treated, β_kl^k the earlier cohort k with l before l starts,
    β_kl^l the later cohort l with k after k has started, before against after. With n the shares of
    areas, n_kl = n_k/(n_k + n_l) and D̄ the share of periods treated, the weights are, up to their
    sum,

        s_kU = (n_k + n_U)² n_kU(1 − n_kU) D̄_k(1 − D̄_k),
        s_kl^k = (n_k + n_l)² n_kl(1 − n_kl) (D̄_k − D̄_l)(1 − D̄_k),
        s_kl^l = (n_k + n_l)² n_kl(1 − n_kl) D̄_l(D̄_k − D̄_l).

    References
    ----------
    Goodman-Bacon (2021), https://doi.org/10.1016/j.jeconom.2021.03.014

    Examples
    --------
    >>> frame = pd.DataFrame({"area": list("AAABBBCCC"), "month": ["2022-01", "2022-02",
    ...                       "2022-03"] * 3, "count": [9, 9, 3, 8, 3, 3, 7, 7, 7]})
    >>> panel = Panel.from_counts(frame, area="area", period="month", count="count")
    >>> design = Design(treated=["A", "B"], start={"A": "2022-03", "B": "2022-02"})
    >>> bacon(panel, design).evidence["weight"].round(3).tolist()
    [0.167, 0.167, 0.667]
    """
    table = bacon_table(panel, design)
    if isinstance(table, str):
        return Check(
            name=_NAME, threat=_THREAT, status="not assessed", sentence=f"Not assessed: {table}."
        )
    kinds = table.assign(part=table["weight"] * table["estimate"]).groupby("kind", sort=False)
    evidence = kinds[["weight", "part"]].sum().reset_index()
    evidence["estimate"] = evidence["part"] / evidence["weight"]
    evidence = evidence.drop(columns="part")
    dirty = float(evidence.loc[evidence["kind"].isin([LATE, ALWAYS]), "weight"].sum())
    return Check(
        name=_NAME,
        threat=_THREAT,
        status="failed" if dirty > _ALARM else "passed",
        sentence=f"{dirty:.0%} of the two-way estimate rests on comparisons with areas already "
        "treated.",
        evidence=evidence,
    )


def bacon_table(panel: Panel, design: Design) -> pd.DataFrame | str:
    """One row a comparison of two cohorts: kind, treated, control, weight, estimate.

    Weights sum to 1 and the weighted estimates to the linear two-way estimate; a text says why that
    cannot be had.
    """
    sample = lay(panel, design, counts=False, keep_always=True)
    if sample.reason:
        return sample.reason
    if not sample.used.all():
        return "the decomposition needs every area observed in every period"
    on = sample.treatment > 0
    if (
        not np.isin(sample.treatment, (0.0, 1.0)).all()
        or (np.diff(on.astype(int), axis=1) < 0).any()
    ):
        return "the decomposition needs treatment that is whole and stays on"
    rows = _comparisons(sample, on)
    if not rows:
        return "there is only one group of areas"
    table = pd.DataFrame(rows, columns=["kind", "treated", "control", "weight", "estimate"])
    table["weight"] /= table["weight"].sum()
    return table


def _comparisons(sample: Sample, on: NDArray[np.bool_]) -> list[tuple[str, str, str, float, float]]:
    t = on.shape[1]
    onset = t - on.sum(axis=1)
    cohorts = np.unique(onset)
    share = {int(g): float((onset == g).mean()) for g in cohorts}
    mean = {int(g): sample.y[onset == g].mean(axis=0) for g in cohorts}
    treated_for = {g: (t - g) / t for g in share}
    names = {g: sample.periods[g] if g < t else "never" for g in share}
    rows = []
    for early in sorted(share):
        for late in sorted(share):
            if late <= early:
                continue
            both = share[early] + share[late]
            mix = share[early] * share[late] / both**2
            dk, dl = treated_for[early], treated_for[late]
            gap = mean[early] - mean[late]
            if early > 0:
                weight = both**2 * mix * (dk - dl) * (1.0 - dk)
                estimate = _change(gap, early, 0, late)
                kind = CLEAN if late == t else EARLY
                rows.append((kind, names[early], names[late], weight, estimate))
            if late < t:
                weight = both**2 * mix * dl * (dk - dl)
                estimate = -_change(gap, late, early, t)
                kind = LATE if early > 0 else ALWAYS
                rows.append((kind, names[late], names[early], weight, estimate))
    return rows


def _change(gap: Float, onset: int, begin: int, stop: int) -> float:
    return float(gap[onset:stop].mean() - gap[begin:onset].mean())
