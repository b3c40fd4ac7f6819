"""Rows of a frame as plain tuples."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

__all__ = ["row_values"]


def row_values(frame: pd.DataFrame, *columns: str) -> Iterator[tuple[Any, ...]]:
    """Values of some columns, row by row.

    Examples
    --------
    >>> list(row_values(pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}), "b", "a"))
    [('x', 1), ('y', 2)]
    """
    return zip(*(frame[name].tolist() for name in columns), strict=True)
