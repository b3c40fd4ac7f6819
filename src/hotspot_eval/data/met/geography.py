"""Areas that stop or start: old boundaries mixed with new ones, or a hole in the coverage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hotspot_eval.data.met.categories import label as plain
from hotspot_eval.data.met.places import borough_code
from hotspot_eval.data.met.vintages import EXPECTED, Merged
from hotspot_eval.errors import InputError, Problem
from hotspot_eval.ledger import LedgerNote

__all__ = ["settle_geography"]

SHORTEST = 3


def settle_geography(
    merged: Merged, clusters: Mapping[str, str], partial: NDArray[np.bool_]
) -> tuple[Merged, list[LedgerNote]]:
    """Refuse two geographies in one grid; a lone late start or early stop becomes missing.

    Parameters
    ----------
    merged : Merged
    clusters : mapping of str to str
        Borough of each area.
    partial : ndarray of bool, shape (T,)
        Months that are not whole, left out of the judgement.

    Raises
    ------
    InputError
        If areas of one borough (or of no known one) stop where others start.

    Notes
    -----
    An area starts late (stops early) if it has no event in its first (last) L months although the
    median month between its first and last event, three months or more, predicts 10 or more in L.
    The median is not moved by a single event that draws crowds to an empty place.
    """
    months = np.flatnonzero((merged.source >= 0).any(axis=0) & ~partial)
    if len(months) == 0:
        return merged, []
    events = merged.counts[:, months, -1]
    late, early = (_idle(e, shortest=SHORTEST) for e in (events, events[:, ::-1]))
    _refuse_mixture(merged, clusters, months, events)
    gone = np.zeros(merged.source.shape, dtype=bool)
    for row in np.flatnonzero(late):
        gone[row, : months[late[row]]] = True
    for row in np.flatnonzero(early):
        gone[row, months[len(months) - early[row] - 1] + 1 :] = True
    gone &= merged.source >= 0
    notes = [
        LedgerNote(
            reason="no event before the area starts or after it stops, taken as missing "
            f"(outcomes × months; {EXPECTED:g} or more events expected)",
            rows=int(gone.sum()) * merged.counts.shape[2],
            examples=tuple(
                f"{merged.areas[i]} {merged.months[t]}" for i, t in np.argwhere(gone)[:5]
            ),
        )
    ]
    settled = replace(
        merged,
        counts=np.where(gone[:, :, None], 0, merged.counts),
        known=merged.known & ~gone[:, :, None],
        source=np.where(gone, -1, merged.source),
    )
    return settled, notes


def _idle(events: NDArray[np.int64], *, shortest: int) -> NDArray[np.intp]:
    """Leading months without an event, where that is not chance; 0 elsewhere; shape (N,)."""
    active = events > 0
    ever = active.any(axis=1)
    first = np.where(ever, active.argmax(axis=1), 0)
    final = events.shape[1] - 1 - np.where(ever, active[:, ::-1].argmax(axis=1), 0)
    month = np.arange(events.shape[1])
    between = (month >= first[:, None]) & (month <= final[:, None])
    usual = np.nanmedian(np.where(between, events, np.nan), axis=1)
    sure = ever & (final - first + 1 >= shortest) & (usual * first >= EXPECTED)
    return np.where(sure, first, 0)


def _refuse_mixture(
    merged: Merged,
    clusters: Mapping[str, str],
    months: NDArray[np.intp],
    events: NDArray[np.int64],
) -> None:
    """One side must be sure; the other may be as short as a month at the edge of the files."""
    late, early = (_idle(e, shortest=1) for e in (events, events[:, ::-1]))
    sure_late, sure_early = (_idle(e, shortest=SHORTEST) for e in (events, events[:, ::-1]))
    label = np.array([_borough(clusters.get(area, "")) for area in merged.areas], dtype=object)
    torn = _shared(set(label[sure_late > 0]), set(label[early > 0]))
    torn |= _shared(set(label[late > 0]), set(label[sure_early > 0]))
    if not torn:
        return
    inside = np.isin(label, list(torn))
    starts = [
        f"{merged.areas[i]} starts {merged.months[months[late[i]]]}"
        for i in np.flatnonzero(inside & (late > 0))
    ]
    stops = [
        f"{merged.areas[i]} stops {merged.months[months[-early[i] - 1]]}"
        for i in np.flatnonzero(inside & (early > 0))
    ]
    named = {clusters.get(merged.areas[i], "") for i in np.flatnonzero(inside & (late + early > 0))}
    where = ", ".join(sorted(filter(None, named))) or "areas"
    advice = (
        "Read the files of one geography (the newer ones alone, say), or read each geography on "
        "its own and add both up to areas they share."
    )
    raise InputError(
        Problem(
            where=where,
            what="boundaries of two dates are mixed: areas stop",
            examples=stops,
            advice=advice,
        ),
        Problem(
            where=where,
            what="boundaries of two dates are mixed: areas start",
            examples=starts,
            advice=advice,
        ),
    )


def _shared(some: set[str], others: set[str]) -> set[str]:
    """Boroughs in both; an area of no known borough may belong to any."""
    if "" in some | others and some and others:
        return some | others
    return some & others


def _borough(name: str) -> str:
    """One label a borough, however vintages write its name."""
    return borough_code(name) or plain(name)
