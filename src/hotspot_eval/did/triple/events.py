"""Triple differences by periods since the start: did the two types move together before?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hotspot_eval.design import Design
from hotspot_eval.did.assemble import SCALE, Told, impossible, inference_name
from hotspot_eval.did.events import event_columns, event_times, fit_by_event
from hotspot_eval.did.kernels import Correction
from hotspot_eval.did.model import Model
from hotspot_eval.did.triple.cells import NO_SHARE, Types, informative, lay_types
from hotspot_eval.did.triple.estimate import check_options, others_of
from hotspot_eval.did.triple.fit import SmallCounts, fit_types, varying
from hotspot_eval.did.twoway import ClusterBy, clusters
from hotspot_eval.panel import Panel
from hotspot_eval.results import Fit

__all__ = ["triple_event_study"]

Float = NDArray[np.float64]
TERMS = ("mean from the start",)


def triple_event_study(
    panel: Panel,
    design: Design,
    *,
    outcome: str,
    comparison: str | Sequence[str],
    model: Model = "poisson",
    small_counts: SmallCounts = "corrected",
    cluster: ClusterBy = "area",
    correction: Correction = "learnt",
    ci_level: float = 0.95,
) -> Fit:
    """Triple differences by event time, against one base period: its placebos are those before.

    Parameters
    ----------
    panel, design, outcome, comparison, model, small_counts, cluster, correction, ci_level
        As in :func:`~hotspot_eval.did.triple_difference`.

    Returns
    -------
    Fit
        ``fit.event_study()`` holds every event time, base period included as 0, for
        :func:`~hotspot_eval.did.pretrend`; ``fit.effect`` is the mean over event times from 0.

    Notes
    -----
    log E[y_ikt] (or E[y_ikt]) = α_ik + γ_kt + λ_it + Σ_e β_e·1{t − start_i = e, k = outcome}, e
    other than the base, which is the last period before the gap. What
    :func:`~hotspot_eval.did.triple_difference` assumes can show here: the ratio of the two types
    should not move before the start. Cells after the start in which treatment is off are left out.
    An event time whose treated cells hold no event, or events of one type alone, has no finite
    value: NaN.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"area": list("AAABBBCCCDDD"), "month": ["2022-01", "2022-02",
    ...     "2022-03"] * 4, "robbery": [9, 9, 3, 8, 8, 3, 7, 7, 7, 5, 6, 5], "theft": [6] * 12})
    >>> panel = Panel.from_counts(frame, area="area", period="month",
    ...                           outcomes=["robbery", "theft"])
    >>> study = triple_event_study(panel, Design(treated=["A", "B"], start="2022-03"),
    ...                            outcome="robbery", comparison="theft", model="linear")
    >>> study.event_study().labels, study.event_study().vector.round(3).tolist()
    (('-2', '-1', '0'), [0.5, 0.0, -5.0])
    """
    others = others_of(outcome, comparison)
    check_options(model, small_counts, cluster, correction, ci_level)
    types = lay_types(panel, design, outcome, others, counts=model == "poisson", drop_off=True)
    told = Told(
        estimand=f"effect on {outcome} beyond {' + '.join(others)}, by periods since the start",
        scale=SCALE[model],
        method=f"triple differences, event study, {model}",
        inference=inference_name(correction, cluster),
        ci_level=ci_level,
    )
    if types.sample.reason:
        return impossible(types.sample, types.sample.reason, told, terms=TERMS)
    lost: tuple[int, ...] = ()
    if model == "poisson":
        types, lost = _with_both_types(types)
    sample = types.sample
    if not (sample.used & (sample.treatment > 0)).any():
        return impossible(sample, f"no treated cell is left: {NO_SHARE}", told, terms=TERMS)
    times, own, base = event_columns(sample, design.gap)
    columns = np.zeros((len(times), *sample.y.shape))
    columns[:, sample.treated] = own
    times, columns = _restored(times, columns, lost)
    kept = varying(types, columns)
    if not len(kept):
        reason = "event times do not vary apart from area and period effects"
        return impossible(sample, reason, told, terms=TERMS)
    codes = clusters(sample, cluster)
    sample, regression = fit_types(
        types,
        columns,
        kept,
        model=model,
        small_counts=small_counts,
        cluster=codes,
        correction=correction,
        by_event=True,
    )
    if model == "poisson":
        regression = replace(regression, separated=np.isin(times, lost))
    told = replace(told, inference=inference_name(correction, cluster, regression))
    return fit_by_event(sample, regression, times, base, told, codes)


def _with_both_types(types: Types) -> tuple[Types, tuple[int, ...]]:
    """Cells that tell a share, and the event times whose treated cells tell none."""
    every = np.unique(event_times(types.sample)[types.sample.used[types.sample.treated]])
    while True:
        types = informative(types, types.sample.used)
        sample = types.sample
        event, shown = event_times(sample), sample.used[sample.treated]
        y, total = sample.y[sample.treated], types.total[sample.treated]
        left = np.unique(event[shown])
        alone = []
        for time in left:
            cells = shown & (event == time)
            one, both = float(y[cells].sum()), float(total[cells].sum())
            if one in (0.0, both):
                alone.append(int(time))
        if not alone:
            return types, tuple(int(e) for e in np.setdiff1d(every, left))
        used = sample.used.copy()
        used[sample.treated] &= ~np.isin(event, alone)
        types = replace(types, sample=replace(sample, used=used))


def _restored(times: list[int], columns: Float, lost: tuple[int, ...]) -> tuple[list[int], Float]:
    """Lost event times back among the others, as columns of nothing."""
    every = sorted({*times, *lost})
    wide = np.zeros((len(every), *columns.shape[1:]))
    wide[np.searchsorted(every, times)] = columns
    return every, wide
