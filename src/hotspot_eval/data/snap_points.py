"""The scale below which street files cannot tell places apart."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import shapely
from numpy.typing import NDArray

from hotspot_eval.ledger import LedgerNote

__all__ = ["SNAP_POINT_M", "note_of_small", "reach_m"]

SNAP_POINT_M = 100.0
"""Street files publish the nearest of a list of points, each for eight addresses or more."""


def reach_m(shapes: NDArray[np.object_]) -> NDArray[np.float64]:
    r"""Radius in metres of the circle as large as each polygon, :math:`\sqrt{A/\pi}`."""
    radius: NDArray[np.float64] = np.sqrt(shapely.area(shapes) / np.pi)
    return radius


def note_of_small(
    what: str, names: Iterable[str], shapes: NDArray[np.object_], *, snap_m: float = SNAP_POINT_M
) -> LedgerNote:
    """The polygons smaller than a circle of ``snap_m``; lines and points are not judged."""
    polygon = shapely.get_dimensions(shapes) == 2
    small = polygon & (reach_m(shapes) < snap_m)
    listed = [name for name, yes in zip(names, small, strict=True) if yes]
    return LedgerNote(
        reason=f"{what} smaller than a circle of {snap_m:g} m, the scale of published snap points",
        rows=len(listed),
        examples=tuple(listed),
    )
