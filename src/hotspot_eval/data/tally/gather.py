"""One pass over cells: counts by unit, period and outcome, and the fate of every record."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hotspot_eval.data.tally.places import Placed

__all__ = ["FATES", "Gathered", "gather"]

FATES = ("in", "type", "time", "nowhere", "outside")
_IN, _TYPE, _TIME, _NOWHERE, _OUTSIDE = range(5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """Sums of records.

    Parameters
    ----------
    counts : ndarray of int, shape (N, T, K)
        Units × periods × outcomes.
    fates : ndarray of int, shape (5,)
        Records by what became of them, see ``FATES``.
    forces : ndarray of int, shape (N, F)
        Records in each unit by force, of any type and time.
    types : ndarray of bool, shape (F, Y)
        Whether a force recorded any of a type.
    """

    counts: NDArray[np.int64]
    fates: NDArray[np.int64]
    forces: NDArray[np.int64]
    types: NDArray[np.bool_]


def gather(
    placed: Placed,
    *,
    read: NDArray[np.bool_],
    wanted: NDArray[np.bool_],
    kind: NDArray[np.intp],
    period: NDArray[np.intp],
    force: NDArray[np.intp],
    shape: tuple[int, int],
) -> Gathered:
    """Add up the cells.

    Parameters
    ----------
    placed : Placed
    read : ndarray of bool, shape (L,)
        Labels whose type was kept on reading; the others count nowhere.
    wanted : ndarray of bool, shape (L, K)
        Which outcomes a label adds to.
    kind : ndarray of int, shape (L,)
        Number of the label's type.
    period, force : ndarray of int, shape (D,)
        Of each delivery; period -1 where it lies outside the study.
    shape : (N, T)
    """
    units, periods = shape
    outcomes = wanted.shape[1]
    forces = int(force.max(initial=-1)) + 1
    counts = np.zeros(units * periods * outcomes, dtype=np.int64)
    by_force = np.zeros(units * forces, dtype=np.int64)
    types = np.zeros((forces, int(kind.max(initial=-1)) + 1), dtype=bool)
    fates = np.zeros(len(FATES), dtype=np.int64)
    fate_of = np.where(
        ~wanted.any(axis=1),
        _TYPE,
        np.where(placed.unit >= 0, _IN, np.where(placed.nowhere, _NOWHERE, _OUTSIDE)),
    )
    for delivery, label, number in placed.cells.chunks():
        if not read.all():
            kept = read[label]
            delivery, label, number = delivery[kept], label[kept], number[kept]
        n = number.astype(np.int64)
        types[force[delivery], kind[label]] = True
        fate = fate_of[label]
        fate[(period[delivery] < 0) & (fate != _TYPE)] = _TIME
        fates += np.bincount(fate, weights=n, minlength=len(FATES)).astype(np.int64)
        unit = placed.unit[label]
        inside = unit >= 0
        np.add.at(by_force, unit[inside] * forces + force[delivery[inside]], n[inside])
        use = np.flatnonzero(fate == _IN)
        cell = (unit[use] * periods + period[delivery[use]]) * outcomes
        for k in range(outcomes):
            mine = wanted[label[use], k]
            np.add.at(counts, cell[mine] + k, n[use][mine])
    return Gathered(
        counts=counts.reshape(units, periods, outcomes),
        fates=fates,
        forces=by_force.reshape(units, forces),
        types=types,
    )
