"""Whether dose went where crime had just been high."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hotspot_eval.design import Design, check_study
from hotspot_eval.did.assemble import full_covariance
from hotspot_eval.did.model import regress
from hotspot_eval.did.sample import lay
from hotspot_eval.did.switching.doses import doses
from hotspot_eval.errors import check_level, check_whole
from hotspot_eval.panel import Panel
from hotspot_eval.results import Check
from hotspot_eval.significance import detectable_effect, normal_or_t_p_value

__all__ = ["dose_check"]

Float = NDArray[np.float64]
_NAME = "dose follows crime"
_THREAT = "More was done where crime had just risen or fallen, so that dose measures crime."
_LEAST_CELLS = 20
_LEAST_AREAS = 3


def dose_check(panel: Panel, design: Design, *, lookback: int = 3, level: float = 0.05) -> Check:
    """Whether dose went where crime had just been high.

    Parameters
    ----------
    panel : Panel
        One outcome.
    design : Design
        Spells with a dose.
    lookback : int
        Periods whose mean count may have led deployment.
    level : float

    Returns
    -------
    Check
        Failed if dose rises or falls with the mean count of the ``lookback`` periods before, among
        treated cells, beyond area and period effects. Passed means not found, with the slope that
        would have been found with 80 % power in the evidence.

    Raises
    ------
    InputError
        If the design has no dose, or ``lookback`` is not a whole number of 1 or more.

    Notes
    -----
    dose_it = α_i + γ_t + β·mean(y_{i,t−1}, …, y_{i,t−L}) + ε_it over treated cells, by least
    squares, error by area (CR2). β is in doses per event more in a period; with η degrees of
    freedom (t_{1−α/2,η} + t_{0.8,η})·error would be found with 80 % power. If dose works, later
    counts fall with earlier dose, which pulls β below 0 in short panels: a β above 0 is the
    stronger sign.
    """
    check_whole("lookback", lookback, least=1)
    check_level("level", level)
    check_study(panel, design)
    sample = lay(panel, design, counts=False)
    dose = doses(sample, panel, design)
    y, observed = panel.single()
    rows = panel.positions(sample.areas)
    recent, known = _recent(y[rows], observed[rows], lookback)
    cells = sample.used & (dose > 0) & known[:, sample.when]
    cells &= cells.sum(axis=1, keepdims=True) > 1
    areas = int(cells.any(axis=1).sum())
    if areas < _LEAST_AREAS or cells.sum() < _LEAST_CELLS or np.ptp(dose[cells]) == 0:
        return Check(
            name=_NAME,
            threat=_THREAT,
            status="not assessed",
            sentence=f"Not assessed: {int(cells.sum())} treated cells of {areas} areas with a dose "
            f"that varies and {lookback} periods before, which is too few.",
        )
    moved = replace(sample, y=np.where(cells, dose, 0.0), used=cells, base=None)
    column = np.where(cells, recent[:, sample.when], 0.0)[None]
    made = regress(moved, column, model="linear", cluster=None, correction="CR2")
    error = float(np.sqrt(full_covariance(made)[0, 0]))
    df = made.df(np.ones(1)) if made.sandwich is not None else float("nan")
    if not (error > 0 and df > 0):
        return Check(
            name=_NAME,
            threat=_THREAT,
            status="not assessed",
            sentence="Not assessed: recent counts do not vary apart from area and period effects.",
        )
    return _judged(float(made.beta[0]), error, df, int(cells.sum()), areas, lookback, level)


def _judged(
    slope: float, error: float, df: float, cells: int, areas: int, lookback: int, level: float
) -> Check:
    p = normal_or_t_p_value(slope / error, df=df)
    way = "rises" if slope > 0 else "falls"
    found = p < level
    told = f"{way} with" if found else "is not shown to follow"
    return Check(
        name=_NAME,
        threat=_THREAT,
        status="failed" if found else "passed",
        sentence=f"Dose {told} the count of the {lookback} periods before ({slope:.3f} a unit more "
        f"per event, p = {p:.3f}).",
        evidence=pd.DataFrame(
            {
                "term": [f"mean count of {lookback} periods before"],
                "dose_per_event": [slope],
                "std_error": [error],
                "df": [df],
                "p_value": [p],
                "detectable": [detectable_effect(error, df=df, level=1.0 - level)],
                "cells": [cells],
                "areas": [areas],
            }
        ),
    )


def _recent(
    y: Float, observed: NDArray[np.bool_], lookback: int
) -> tuple[Float, NDArray[np.bool_]]:
    """Mean of the periods before each, and whether all of them were observed; shape (n, T)."""
    summed = np.cumsum(np.pad(np.where(observed, y, 0.0), ((0, 0), (1, 0))), axis=1)
    counted = np.cumsum(np.pad(observed, ((0, 0), (1, 0))), axis=1)
    mean, known = np.zeros(y.shape), np.zeros(y.shape, dtype=bool)
    mean[:, lookback:] = (summed[:, lookback:-1] - summed[:, : -1 - lookback]) / lookback
    known[:, lookback:] = counted[:, lookback:-1] - counted[:, : -1 - lookback] == lookback
    return mean, known
