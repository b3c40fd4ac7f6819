"""Counts by cell: what a reading leaves of the rows, and all that a panel is made from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hotspot_eval.errors import InputError, Problem

__all__ = ["Cells", "Part"]

_CHUNK = 1 << 18


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """Counts of some deliveries, one delivery after the other.

    Parameters
    ----------
    deliveries : ndarray of int, shape (d,)
        Rows of ``Cells.deliveries``.
    sizes : ndarray of int, shape (d,)
        Cells of each.
    label : ndarray of int, shape (c,)
        Rows of ``Cells.labels``.
    n : ndarray of int, shape (c,)
        Records.
    """

    deliveries: NDArray[np.int64]
    sizes: NDArray[np.int64]
    label: NDArray[np.uint32]
    n: NDArray[np.uint32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cells:
    """Records counted by delivery (file, force, month or day) and label (area code, type, point).

    Parameters
    ----------
    deliveries : DataFrame
        file, force, month (``"2022-07"``, or a day ``"2022-07-04"``); one row each.
    labels : DataFrame
        code (None where blank), crime_type and, where they are told apart, flags, longitude and
        latitude (NaN where none); one row each.
    parts : tuple of Part

    Raises
    ------
    InputError
        If a part names a delivery or label that is not there.
    """

    deliveries: pd.DataFrame
    labels: pd.DataFrame
    parts: tuple[Part, ...]

    def __post_init__(self) -> None:
        for part in self.parts:
            if (
                part.sizes.sum() != len(part.label)
                or len(part.n) != len(part.label)
                or part.label.max(initial=0) >= max(len(self.labels), 1)
                or part.deliveries.max(initial=0) >= max(len(self.deliveries), 1)
            ):
                raise InputError(Problem(where="cells", what="a part does not fit its labels"))

    def chunks(
        self,
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.uint32], NDArray[np.uint32]]]:
        """Deliveries, labels and numbers of records, some hundred thousand cells at a time."""
        gathered: list[Part] = []
        size = 0
        for part in self.parts:
            gathered.append(part)
            size += len(part.label)
            if size >= _CHUNK:
                yield from _cut(gathered)
                gathered, size = [], 0
        yield from _cut(gathered)

    def by_label(self) -> NDArray[np.int64]:
        """Records of each label, shape (L,)."""
        out = np.zeros(len(self.labels), dtype=np.int64)
        for _, label, n in self.chunks():
            out += np.bincount(label, weights=n, minlength=len(out)).astype(np.int64)
        return out

    def keep(self, kept: NDArray[np.bool_]) -> Cells:
        """The cells of some deliveries; the others keep their rows, without cells."""
        if kept.all():
            return self
        return replace(self, parts=tuple(_kept(part, kept) for part in self.parts))


def _cut(
    parts: list[Part],
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.uint32], NDArray[np.uint32]]]:
    if not parts:
        return
    delivery = np.concatenate([np.repeat(part.deliveries, part.sizes) for part in parts])
    label = np.concatenate([part.label for part in parts])
    n = np.concatenate([part.n for part in parts])
    for first in range(0, len(label), 2 * _CHUNK):
        piece = slice(first, first + 2 * _CHUNK)
        yield delivery[piece], label[piece], n[piece]


def _kept(part: Part, kept: NDArray[np.bool_]) -> Part:
    chosen = kept[part.deliveries]
    if chosen.all():
        return part
    cells = np.repeat(chosen, part.sizes)
    return Part(
        deliveries=part.deliveries[chosen],
        sizes=part.sizes[chosen],
        label=part.label[cells],
        n=part.n[cells],
    )
