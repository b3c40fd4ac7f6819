"""What the tally needs to know of incidents, whoever holds them."""

from __future__ import annotations

from typing import Literal, Protocol

import numpy as np
import pandas as pd

from hotspot_eval.data.cells import Cells
from hotspot_eval.ledger import Ledger

__all__ = ["Partial", "Recorded"]

Partial = Literal["keep", "missing"]


class Recorded(Protocol):
    """Counts by cell, with their audit; see ``Incidents`` for each field."""

    @property
    def cells(self) -> Cells: ...  # noqa: D102
    @property
    def resolution(self) -> Literal["month", "day"]: ...  # noqa: D102
    @property
    def source(self) -> Literal["police_uk", "internal"]: ...  # noqa: D102
    @property
    def crime_types(self) -> tuple[str, ...] | None: ...  # noqa: D102
    @property
    def flags(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def coverage(self) -> pd.DataFrame: ...  # noqa: D102
    @property
    def covered(self) -> tuple[np.datetime64, np.datetime64]: ...  # noqa: D102
    @property
    def ledger(self) -> Ledger: ...  # noqa: D102

    def gaps(self, partial: Partial = "keep") -> pd.DataFrame:
        """Spells that a force did not deliver: force, start, end (first day after)."""

    def points(self) -> Cells:
        """The same records, told apart by point as well."""
