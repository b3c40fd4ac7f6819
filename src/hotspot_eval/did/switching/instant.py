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
from hotspot_eval.did.switching.linear import Errors, Noise, noise_of
from hotspot_eval.did.twoway import ClusterBy, clusters
from hotspot_eval.errors import check_choice, check_level
from hotspot_eval.panel import Panel
from hotspot_eval.results import Effects

__all__ = ["did_m"]

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]
LABELS = ("all", "joiners", "leavers", "placebo")
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
    DID_M = Σ_t (N₊ₜ·DID₊ₜ + N₋ₜ·DID₋ₜ)/N over consecutive periods, with
    DID₊ₜ = mean change of areas that go on − mean change of areas that stay off, and
    DID₋ₜ = mean change of areas that stay on − mean change of areas that go off. Assumes parallel
    trends in numbers among areas with the same treatment in the period before, *and that nothing
    lasts*: an area off again is as one never treated. Where deterrence may last use
    :func:`~hotspot_eval.did.switchers`. Changes without a stable area to compare with are left out
    and counted in the notes.

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
    made = _changes(on, sample.used[lead], size, np.diff(sample.when) == 1)
    codes = clusters(sample, cluster)
    noise = noise_of(
        sample,
        sample.used,
        group=group,
        tilde=made.tilde,
        strata=np.zeros(len(group)),
        moved=np.asarray(np.diff(path, axis=1).any(axis=1)),
        errors=errors,
        cluster=codes,
    )
    values = scores_of(sample.y, group, made.tilde).sum(axis=0)
    values = np.where(made.changes > 0, values, np.nan)
    told = replace(told, inference=noise.inference)
    return _effects(sample, values, noise, made.alone, told, codes)


def _effects(
    sample: Sample,
    values: Float,
    noise: Noise,
    alone: int,
    told: Told,
    codes: NDArray[np.intp] | None,
) -> Effects:
    """The four labels, each with its value and error, or the reason why not."""
    lost = np.isnan(values)
    covariance = np.where(lost[:, None] | lost, np.nan, noise.covariance)
    counts = sample_counts(sample, codes)
    notes = (*noise.notes, *attenuated(sample))
    if alone:
        notes = (*notes, f"{alone} changes have no stable area to compare with: left out")
    parts = tuple(
        no_effect(told.of(label), (sample.reason or _NOBODY[label],), counts)
        if lost[p]
        else told.of(label).effect(
            float(values[p]),
            float(np.sqrt(covariance[p, p])) if covariance[p, p] > 0 else float("nan"),
            df=noise.df[p],
            notes=notes,
            **counts,
        )
        for p, label in enumerate(LABELS)
    )
    return told.effects(LABELS, values, covariance, parts)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Changes:
    """Weights of a cell of each group (4, G, t), changes behind each row, changes left out."""

    tilde: Float
    changes: Float
    alone: int


def _changes(on: Bool, used: Bool, size: Float, consecutive: Bool) -> _Changes:
    tilde, changes, alone = np.zeros((4, *on.shape)), np.zeros(4), 0
    for t in range(1, on.shape[1]):
        if not consecutive[t - 1]:
            continue
        seen = used[:, t] & used[:, t - 1]
        for before in (False, True):
            here = seen & (on[:, t - 1] == before)
            move, stay = here & (on[:, t] != before), here & (on[:, t] == before)
            alone += _add(tilde, changes, (0, 2 if before else 1), move, stay, size, before, t)
            if t > 1 and consecutive[t - 2]:
                calm = used[:, t - 2] & (on[:, t - 2] == before)
                _add(tilde, changes, (3,), move & calm, stay & calm, size, before, t - 1)
    live = changes > 0
    tilde[live] /= changes[live][:, None, None]
    return _Changes(tilde=tilde, changes=changes, alone=alone)


def _add(
    tilde: Float,
    changes: Float,
    rows: tuple[int, ...],
    move: Bool,
    stay: Bool,
    size: Float,
    before: bool,
    t: int,
) -> int:
    """Add a comparison of changes from t − 1 to t; how many movers had nobody to compare with."""
    moved = float(size[move].sum())
    if not moved:
        return 0
    if not stay.any():
        return int(moved)
    sign = -1.0 if before else 1.0
    pull = sign * (move - stay * moved / size[stay].sum())
    for row in rows:
        tilde[row, :, t] += pull
        tilde[row, :, t - 1] -= pull
        changes[row] += moved
    return 0
