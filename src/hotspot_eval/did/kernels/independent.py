"""Which regressors a model can tell from its effects and from each other."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

__all__ = ["independent_columns"]

Float = NDArray[np.float64]
_COLLINEAR = 1e-9


def independent_columns(gram: Float, squares: Float, among: Iterable[int]) -> NDArray[np.intp]:
    """Columns that vary apart from the effects and the columns kept before them.

    Parameters
    ----------
    gram : ndarray, shape (P, P)
        Σ w x̃x̃′ of the columns less their projection on the effects.
    squares : ndarray, shape (P,)
        Σ w x² of the columns themselves.
    among : iterable of int
        Columns to choose from, in order.

    Notes
    -----
    Column p stays where g_pp − g_p′G⁻¹g_p, with G and g_p about the columns kept, is more than 1e-9
    of its square.

    Examples
    --------
    >>> independent_columns(np.array([[1.0, 2.0, 0.0], [2.0, 4.0, 0.0], [0.0, 0.0, 1.0]]),
    ...                     np.array([1.0, 4.0, 1.0]), range(3)).tolist()
    [0, 2]
    """
    kept: list[int] = []
    for p in among:
        left = gram[p, p]
        if kept:
            cross = gram[kept, p]
            left -= cross @ np.linalg.solve(gram[kept][:, kept], cross)
        if left > _COLLINEAR * squares[p]:
            kept.append(int(p))
    return np.array(kept, dtype=np.intp)
