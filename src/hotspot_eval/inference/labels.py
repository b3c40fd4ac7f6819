"""What is given beside a fit: clusters by area id, an estimator to call again, numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from hotspot_eval.errors import InputError, Problem
from hotspot_eval.panel import area_ids

__all__ = ["check_estimator", "cluster_codes", "numbers"]


def cluster_codes(
    areas: Sequence[str], cluster: Mapping[Any, object] | pd.Series | None
) -> NDArray[np.intp]:
    """Code of each area's cluster, 0 to C − 1; without ``cluster`` each area is its own.

    Raises
    ------
    InputError
        If ``cluster`` is neither a mapping nor a Series, or areas have no entry.

    Examples
    --------
    >>> cluster_codes(("A", "B", "C"), {"A": "north", "B": "south", "C": "north"}).tolist()
    [0, 1, 0]
    """
    if cluster is None:
        return np.arange(len(areas))
    if not isinstance(cluster, (Mapping, pd.Series)):
        raise InputError(
            Problem(
                where="argument 'cluster'",
                what=f"is a {type(cluster).__name__}, not labels by area id",
                advice="Give a mapping or a Series: area id → cluster.",
            )
        )
    given = dict(cluster)
    table = dict(zip(area_ids(given), given.values(), strict=True))
    absent = [area for area in areas if area not in table or pd.isna(table[area])]
    if absent:
        raise InputError(
            Problem(where="argument 'cluster'", what="has no entry for areas", examples=absent)
        )
    codes: NDArray[np.intp] = pd.factorize(np.array([str(table[a]) for a in areas], dtype=object))[
        0
    ]
    return codes


def check_estimator(estimator: object) -> None:
    """Refuse what cannot be called on a panel and a design, or has no ``many``.

    Examples
    --------
    >>> check_estimator("poisson")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    hotspot_eval.errors.InputError: argument 'estimator': is 'poisson', not an estimator. Give ...
    """
    if not (callable(estimator) and callable(getattr(estimator, "many", None))):
        raise InputError(
            Problem(
                where="argument 'estimator'",
                what=f"is {estimator!r}, not an estimator",
                advice="Give for example poisson_did, which has a method many().",
            )
        )


def numbers(argument: str, given: ArrayLike) -> NDArray[np.float64]:
    """An array of numbers, or an InputError that names the argument.

    Examples
    --------
    >>> numbers("beta", [1, 2])
    array([1., 2.])
    """
    try:
        values: NDArray[np.float64] = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        what = f"is {given!r}, not numbers" if np.ndim(given) == 0 else "is not all numbers"
        raise InputError(Problem(where=f"argument '{argument}'", what=what)) from None
    return values
