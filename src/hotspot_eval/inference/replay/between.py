"""What studies of one panel, replayed one by one, share with each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hotspot_eval.errors import InputError, Problem
from hotspot_eval.inference.replay.engine import Study
from hotspot_eval.inference.replay.joint import join
from hotspot_eval.panel import Panel

__all__ = ["Between", "covariance_between", "same_panel"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Between:
    """Covariance of k studies' effects, and what it rests on.

    Parameters
    ----------
    covariance : ndarray, shape (k, k)
        If there is no effect; NaN in rows of studies without a reference distribution.
    df : float
        Degrees of freedom behind what the studies share at dates; infinite where it is all assumed.
    calendar : int
        Windows without overlap in the calendar that the pools span.
    foreseen, foreseen_se, foreseen_df : float
        Regression to the mean, joined over all starts with precision weights.
    """

    covariance: NDArray[np.float64]
    df: float
    calendar: int
    foreseen: float
    foreseen_se: float
    foreseen_df: float


def covariance_between(studies: Sequence[Study]) -> Between:
    """Covariance between the effects of studies that were replayed one by one on one panel.

    Parameters
    ----------
    studies : sequence of Study, length k
        Of the same panel and outcome.

    Raises
    ------
    InputError
        If their panels differ.

    Notes
    -----
    The starts of all studies are joined as :func:`~hotspot_eval.inference.replay.joint.join` does
    with those of one: C is the covariance of the starts' deviations from what their pools expect,
    from dates that they share, windows of one cluster that overlap, and pools that hold the same
    scenes. A study's effect is the precision-weighted mean of its starts, so its row of A holds
    these weights, and the covariance is ACA′. What the pools say of dates has their windows as
    degrees of freedom; the part of it that is prior is taken as known, unless the calendar holds
    one window only: then there is one degree of freedom, whatever was assumed.
    """
    panels = [study.stage.panel for study in studies]
    if any(not same_panel(panels[0], panel) for panel in panels[1:]):
        raise InputError(
            Problem(
                where="argument 'studies'",
                what="are of different panels",
                advice="Effects of different panels share no replay: take them as independent.",
            )
        )
    nulls = [null for study in studies for null in study.nulls]
    size = len(studies)
    covariance = np.full((size, size), np.nan)
    known = [place for place, study in enumerate(studies) if study.nulls]
    if not known:
        nan = float("nan")
        return Between(
            covariance=covariance,
            df=float("inf"),
            calendar=0,
            foreseen=nan,
            foreseen_se=nan,
            foreseen_df=nan,
        )
    joint = join(nulls)
    weights = np.zeros((len(known), len(nulls)))
    at = 0
    for row, place in enumerate(known):
        own = studies[place].nulls
        weights[row, at : at + len(own)] = join(own).weights
        at += len(own)
    covariance[np.ix_(known, known)] = weights @ joint.covariance @ weights.T
    learnt = float(joint.weights @ [date.learnt for date in joint.dates])
    fewest = min(date.df for date in joint.dates)
    df = fewest / learnt if learnt > 0 else float("inf")
    return Between(
        covariance=covariance,
        df=df if joint.calendar >= 2 else 1.0,
        calendar=joint.calendar,
        foreseen=joint.foreseen,
        foreseen_se=joint.foreseen_se,
        foreseen_df=joint.foreseen_df,
    )


def same_panel(one: Panel, other: Panel) -> bool:
    """Whether two panels hold the same counts of the same areas and periods."""
    return one is other or (
        one.areas == other.areas
        and one.cluster == other.cluster
        and one.periods.labels == other.periods.labels
        and np.array_equal(one.counts, other.counts)
        and np.array_equal(one.observed, other.observed)
    )
