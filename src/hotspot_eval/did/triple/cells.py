"""Cells of two types of crime, less those that say nothing of their shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hotspot_eval.design import Design, check_study
from hotspot_eval.did.sample import Sample, lay
from hotspot_eval.errors import InputError, Problem
from hotspot_eval.ledger import LedgerNote
from hotspot_eval.panel import Panel

__all__ = ["NO_SHARE", "Types", "informative", "lay_types"]

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]
NO_SHARE = "in this area or period all events are of one type, or there are none"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Types:
    """Two types of crime on the same cells.

    Parameters
    ----------
    sample : Sample
        Of the outcome.
    total : ndarray, shape (n, t)
        Outcome and comparison together.
    path : ndarray of int, shape (n,)
        Areas treated in the same periods.
    """

    sample: Sample
    total: Float
    path: NDArray[np.intp]

    @property
    def difference(self) -> Sample:
        """The sample of outcome less comparison."""
        return replace(self.sample, y=2.0 * self.sample.y - self.total)


def lay_types(
    panel: Panel,
    design: Design,
    outcome: str,
    others: Sequence[str],
    *,
    counts: bool,
    drop_off: bool = False,
) -> Types:
    """Cells in which every type is observed.

    Raises
    ------
    InputError
        If a model of counts meets negative values.
    """
    check_study(panel, design)
    sample = lay(panel.outcome(outcome), design, counts=False, drop_off=drop_off)
    rows = panel.positions(sample.areas)
    beside, used = np.zeros(sample.y.shape), sample.used.copy()
    for name in others:
        y, observed = panel.outcome(name).single()
        beside += np.where(observed, y, 0.0)[np.ix_(rows, sample.when)]
        used &= observed[np.ix_(rows, sample.when)]
    ledger = sample.ledger.step(
        "cells with every type observed",
        unit="cells",
        rows_in=int(sample.used.sum()),
        rows_out=int(used.sum()),
        left_out=[
            LedgerNote(
                reason="a comparison type is not observed", rows=int((sample.used & ~used).sum())
            )
        ],
    )
    path = np.unique(sample.treatment > 0, axis=0, return_inverse=True)[1].ravel()
    sample = replace(
        sample,
        y=np.where(used, sample.y, 0.0),
        treatment=np.where(used, sample.treatment, 0.0),
        used=used,
        base=None,
        ledger=ledger,
    )
    beside = np.where(used, beside, 0.0)
    if counts:
        _refuse_negative(sample, beside)
    return Types(sample=sample, total=sample.y + beside, path=path)


def informative(types: Types, used: Bool) -> Types:
    """What is left of ``used`` once cells, areas and periods that tell no share are gone."""
    sample = types.sample
    used = _informative(used, sample.y, types.total)
    keep: Bool = np.asarray(used.any(axis=1))
    when = np.flatnonzero(used.any(axis=0))
    grid = np.ix_(keep, when)
    gone = [area for area, kept in zip(sample.areas, keep, strict=True) if not kept]
    ledger = sample.ledger.step(
        "areas with events of both kinds",
        unit="areas",
        rows_in=len(keep),
        rows_out=int(keep.sum()),
        left_out=[LedgerNote(reason=NO_SHARE, rows=len(gone), examples=tuple(gone[:5]))],
    ).step(
        "cells with an event, in areas and periods with events of both kinds",
        unit="cells",
        rows_in=int(sample.used.sum()),
        rows_out=int(used.sum()),
        left_out=[LedgerNote(reason=NO_SHARE, rows=int(sample.used.sum() - used.sum()))],
    )
    inside = used[grid]
    return Types(
        sample=replace(
            sample,
            areas=tuple(area for area, kept in zip(sample.areas, keep, strict=True) if kept),
            periods=tuple(sample.periods[t] for t in when),
            y=np.where(inside, sample.y[grid], 0.0),
            treatment=np.where(inside, sample.treatment[grid], 0.0),
            used=inside,
            when=sample.when[when],
            first=sample.first[keep],
            treated=sample.treated[keep],
            cluster=None if sample.cluster is None else sample.cluster[keep],
            ledger=ledger,
        ),
        total=np.where(inside, types.total[grid], 0.0),
        path=types.path[keep],
    )


def _informative(used: Bool, y: Float, total: Float) -> Bool:
    """Cells left once rows and columns without both types are gone."""
    left = used & (total > 0)
    while True:
        before = int(left.sum())
        for axis in (1, 0):
            one = np.where(left, y, 0.0).sum(axis=axis, keepdims=True)
            other = np.where(left, total - y, 0.0).sum(axis=axis, keepdims=True)
            left &= (one > 0) & (other > 0)
        if int(left.sum()) == before:
            return left


def _refuse_negative(sample: Sample, beside: Float) -> None:
    below: Bool = np.asarray((np.minimum(sample.y, beside) < 0).any(axis=1))
    if below.any():
        raise InputError(
            Problem(
                where="panel",
                what="has negative values, which a model of counts cannot take, in areas",
                examples=[a for a, bad in zip(sample.areas, below, strict=True) if bad],
                advice="Use the linear model for measured quantities.",
            )
        )
