"""Effects while treatment is on, before it goes on and after it went off."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hotspot_eval.design import Design
from hotspot_eval.did.covariates import CovariatesLike
from hotspot_eval.did.kernels import Correction
from hotspot_eval.did.model import Model
from hotspot_eval.did.sample import attenuated, treated_cells
from hotspot_eval.did.switching.common import Options, fit_columns
from hotspot_eval.did.twoway import ClusterBy, PeriodEffects
from hotspot_eval.errors import check_whole
from hotspot_eval.panel import Panel
from hotspot_eval.results import Fit

__all__ = ["distributed_lags"]

Int = NDArray[np.intp]
_FAR = 10**6


def distributed_lags(
    panel: Panel,
    design: Design,
    *,
    lags: int,
    leads: int = 0,
    model: Model = "poisson",
    cluster: ClusterBy = "area",
    period_effects: PeriodEffects = "common",
    covariates: CovariatesLike | None = None,
    correction: Correction = "learnt",
    ci_level: float = 0.95,
) -> Fit:
    """Effect while treatment is on, and in each of the ``lags`` periods after it went off.

    Parameters
    ----------
    panel : Panel
        One outcome.
    design : Design
        Spells that end: patrols that rotate, an operation of three weeks.
    lags : int
        Periods in which deterrence may last; from then on an area counts as untreated again.
    leads : int
        Periods before treatment goes on that get an effect of their own: placebos.
    model : {"poisson", "linear"}
    cluster, period_effects, covariates, correction, ci_level
        As in :class:`~hotspot_eval.did.PoissonDid`.

    Returns
    -------
    Fit
        ``.effects`` labelled ``leads before``, … ``1 before``, ``on``, ``1 after``, …
        ``lags after``; ``.effect`` is that while on. :func:`~hotspot_eval.did.carry_over_check` and
        :func:`~hotspot_eval.did.placebo_check` read it.

    Raises
    ------
    InputError
        If ``lags`` or ``leads`` is no whole number or negative.

    Notes
    -----
    log E[y_it] (or E[y_it]) = α_i + γ_t + β₀·share_it + Σ_l β_l·1{off, last on l periods ago}
    + Σ_l β₋ₗ·1{off, next on in l periods}, l up to ``lags`` and ``leads``. A period off counts as
    untreated only where no treatment lies within so many periods of it. Monthly counts hide an
    operation of three weeks: use weekly ones, or read a small share as the attenuated effect it
    is; a note says so.

    Assumes parallel trends in ratio (number), that nothing lasts beyond ``lags``, and that effects
    of areas and of repeated spells are alike: where they differ, each β also holds a part of the
    effects at other lags (see ``switchers``).

    References
    ----------
    Schmidheiny & Siegloch (2023), https://doi.org/10.1002/jae.2971, on lags and event studies as
    one model; Sun & Abraham (2021), https://doi.org/10.1016/j.jeconom.2020.09.006, on what a lag
    holds where effects differ

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"area": list("AAAABBBBCCCCDDDD"), "month": ["2022-01", "2022-02",
    ...     "2022-03", "2022-04"] * 4, "count": [8, 4, 6, 8, 8, 4, 6, 8, 9, 9, 9, 9, 7, 7, 7, 7]})
    >>> panel = Panel.from_counts(frame, area="area", period="month", count="count")
    >>> design = Design(treated=["A", "B"], start="2022-02", end="2022-02")
    >>> fit = distributed_lags(panel, design, lags=1, model="linear")
    >>> fit.effects.labels, fit.effects.vector.round(6).tolist()
    (('on', '1 after'), [-4.0, -2.0])
    """
    check_whole("lags", lags, least=0)
    check_whole("leads", leads, least=0)
    options = Options(model, cluster, period_effects, covariates, correction, ci_level)
    sample, whole = options.lay(panel, design), design.on(panel)
    on = whole.treatment[panel.positions(sample.areas)] > 0
    since = _periods_since(on)[:, sample.when]
    until = _periods_since(on[:, ::-1])[:, ::-1][:, sample.when]
    columns = [
        *(sample.used & (until == lead) for lead in range(leads, 0, -1)),
        sample.treatment,
        *(sample.used & (since == lag) for lag in range(1, lags + 1)),
    ]
    return fit_columns(
        sample,
        np.array(columns, dtype=np.float64),
        (
            *(f"{lead} before" for lead in range(leads, 0, -1)),
            "on",
            *(f"{lag} after" for lag in range(1, lags + 1)),
        ),
        options.told("effect of treatment while on and after it went off", "distributed lags"),
        options,
        lead=leads,
        cells={"on": treated_cells(sample)},
        notes=attenuated(sample),
    )


def _periods_since(on: NDArray[np.bool_]) -> Int:
    """Periods since treatment was last on: 0 while on, a large number where it never was."""
    t = on.shape[1]
    last = np.maximum.accumulate(np.where(on, np.arange(t), -_FAR), axis=1)
    since: Int = np.arange(t) - last
    return since
