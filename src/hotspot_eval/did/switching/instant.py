"""did_m: what happens in the very period in which treatment goes on or off."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from hotspot_eval.design import Design, check_study
from hotspot_eval.did.assemble import Told, no_effect, sample_counts
from hotspot_eval.did.kernels.scores import scores_of
from hotspot_eval.did.sample import Sample, attenuated, lay
from hotspot_eval.did.switching.variance import Errors, Variance, variance_of
from hotspot_eval.did.twoway import ClusterBy, clusters
from hotspot_eval.errors import check_choice, check_level
from hotspot_eval.panel import Panel
from hotspot_eval.results import Effects

__all__ = ["did_m"]

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]
LABELS = ("all", "joiners", "leavers", "placebo")
ALL, JOINERS, LEAVERS, PLACEBO = range(len(LABELS))
_NOBODY = {
    "all": "no area changes treatment between periods in which another stays as it was",
    "joiners": "no area goes on while another stays off",
    "leavers": "no area goes off while another stays on",
    "placebo": "no area changes treatment after two periods alike, beside another that does not",
}


def did_m(
    panel: Panel,
    design: Design,
    *,
    errors: Errors = "learnt",
    cluster: ClusterBy = "area",
    ci_level: float = 0.95,
) -> Effects:
    """Effect of treatment in the period in which it changes, over every change on and off.

    Parameters
    ----------
    panel : Panel
        One outcome.
    design : Design
        Spells; a period treated in part counts as treated.
    errors, cluster, ci_level
        As in :func:`~hotspot_eval.did.switchers`.

    Returns
    -------
    Effects
        Labelled ``all`` (which is ``.effect``), ``joiners``, ``leavers`` and ``placebo``: the same
        comparison one period earlier, where there should be nothing.

    Notes
    -----
    With N_{d,d′,t} areas that have treatment d in t and d′ in t − 1, and Δ the mean over such areas
    of y_t − y_{t−1},

        DID₊ₜ = Δ_{1,0,t} − Δ_{0,0,t},   DID₋ₜ = Δ_{1,1,t} − Δ_{0,1,t},
        DID_M = Σ_t (N_{1,0,t}·DID₊ₜ + N_{0,1,t}·DID₋ₜ)/N_S,

    over consecutive periods, N_S all areas that change. The placebo has y_{t−1} − y_{t−2} for y_t −
    y_{t−1}, of areas whose treatment was d′ in t − 2 too. Assumes parallel trends in numbers among
    areas with the same treatment in the period before, *and that nothing lasts*: an area off again
    is as one never treated. Where deterrence may last use :func:`~hotspot_eval.did.switchers`.
    Changes without a stable area to compare with are left out and counted in the notes.

    References
    ----------
    de Chaisemartin & D'Haultfœuille (2020), https://doi.org/10.1257/aer.20181169

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"area": list("AAAABBBBCCCC"), "month": ["2022-01", "2022-02",
    ...     "2022-03", "2022-04"] * 3, "count": [8, 8, 4, 8, 7, 7, 7, 7, 9, 9, 9, 9]})
    >>> panel = Panel.from_counts(frame, area="area", period="month", count="count")
    >>> effects = did_m(panel, Design(treated=["A"], start="2022-03", end="2022-03"))
    >>> effects["joiners"].estimate, effects["placebo"].estimate, effects["leavers"].notes
    (-4.0, 0.0, ('no area goes off while another stays on',))
    """
    check_choice("errors", errors, get_args(Errors))
    check_choice("cluster", cluster, get_args(ClusterBy))
    check_level("ci_level", ci_level)
    check_study(panel, design)
    whole = design.on(panel)
    sample = lay(panel, design, counts=False, keep_always=True)
    told = Told(
        estimand="effect of treatment in the period in which it changes",
        scale="count",
        method="de Chaisemartin–D'Haultfœuille DID_M",
        inference="none",
        ci_level=ci_level,
    )
    path = whole.treatment[panel.positions(sample.areas)] > 0
    key = np.column_stack([path, sample.used])
    _, lead, group = np.unique(key, axis=0, return_index=True, return_inverse=True)
    group = group.ravel()
    size = np.bincount(group).astype(np.float64)
    on = path[lead][:, sample.when]
    sums = _comparisons(on, sample.used[lead], size, np.diff(sample.when) == 1)
    codes = clusters(sample, cluster)
    variance = variance_of(
        sample,
        sample.used,
        group=group,
        weights=sums.weights,
        strata=np.zeros(len(group)),
        switchers=np.asarray(np.diff(path, axis=1).any(axis=1)),
        errors=errors,
        cluster=codes,
    )
    values = scores_of(sample.y, group, sums.weights).sum(axis=0)
    values = np.where(sums.changes > 0, values, np.nan)
    told = replace(told, inference=variance.inference)
    return _effects(sample, values, variance, sums.unmatched, told, codes)


def _effects(
    sample: Sample,
    values: Float,
    variance: Variance,
    unmatched: int,
    told: Told,
    codes: NDArray[np.intp] | None,
) -> Effects:
    """The four labels, each with its value and error, or the reason why not."""
    lost = np.isnan(values)
    covariance = np.where(lost[:, None] | lost, np.nan, variance.covariance)
    counts = sample_counts(sample, codes)
    notes = (*variance.notes, *attenuated(sample))
    if unmatched:
        notes = (*notes, f"{unmatched} changes have no stable area to compare with: left out")
    parts = tuple(
        no_effect(told.of(label), (sample.reason or _NOBODY[label],), counts)
        if lost[p]
        else told.of(label).effect(
            float(values[p]),
            float(np.sqrt(covariance[p, p])) if covariance[p, p] > 0 else float("nan"),
            df=variance.df[p],
            notes=notes,
            **counts,
        )
        for p, label in enumerate(LABELS)
    )
    return told.effects(LABELS, values, covariance, parts)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Comparisons:
    """Weighted sums of cells behind the four labels.

    Parameters
    ----------
    weights : ndarray, shape (4, G, t)
        Of a cell of each group.
    changes : ndarray, shape (4,)
        Areas that change, summed over periods.
    unmatched : int
        Changes without a stable area to compare with.
    """

    weights: Float
    changes: Float
    unmatched: int


def _comparisons(on: Bool, used: Bool, size: Float, consecutive: Bool) -> _Comparisons:
    weights, changes, unmatched = np.zeros((4, *on.shape)), np.zeros(4), 0
    for t in range(1, on.shape[1]):
        if not consecutive[t - 1]:
            continue
        for before in (False, True):
            here = used[:, t] & used[:, t - 1] & (on[:, t - 1] == before)
            change, stay = here & (on[:, t] != before), here & (on[:, t] == before)
            if not change.any():
                continue
            if stay.any():
                rows = [ALL, LEAVERS if before else JOINERS]
                _add(weights, rows, t, _difference(change, stay, size, before))
                changes[rows] += size[change].sum()
            else:
                unmatched += int(size[change].sum())
            if t < 2 or not consecutive[t - 2]:
                continue
            same = used[:, t - 2] & (on[:, t - 2] == before)
            change, stay = change & same, stay & same
            if change.any() and stay.any():
                _add(weights, [PLACEBO], t - 1, _difference(change, stay, size, before))
                changes[PLACEBO] += size[change].sum()
    some = changes > 0
    weights[some] /= changes[some][:, None, None]
    return _Comparisons(weights=weights, changes=changes, unmatched=unmatched)


def _difference(change: Bool, stay: Bool, size: Float, before: bool) -> Float:
    """Weights of N·DID₊ on each group's change (areas off before), or of N·DID₋ (on before)."""
    sign = -1.0 if before else 1.0
    moved: Float = sign * (change - stay * float(size[change].sum()) / size[stay].sum())
    return moved


def _add(weights: Float, rows: list[int], t: int, difference: Float) -> None:
    """Add ``difference`` of the changes from t − 1 to t."""
    weights[rows, :, t] += difference
    weights[rows, :, t - 1] -= difference
