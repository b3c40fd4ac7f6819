"""Disclosure: what may be shown, applied to counts before anything is derived from them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, Self, TypeVar, cast, get_args

import numpy as np
import pandas as pd

from hotspot_eval.errors import InputError, Problem, check_choice

__all__ = [
    "SUPPRESSED",
    "Disclosable",
    "Disclosure",
    "Level",
    "apply_disclosure",
    "count_columns",
    "strictest",
]

Level = Literal["open", "internal", "publication"]
SUPPRESSED = "[c]"
_STRUCTURAL = re.compile(
    r"year|month|week|day|period|event_time|lag|lead|rank|k|df|gap|lookback|seed|cohort"
    r"|(\w+_)?(areas|periods|cells|clusters|sites|boroughs|wards|draws|scenes|permutations)"
    r"|n_(treated|control)",
    re.IGNORECASE,
)


class Disclosable(Protocol):
    """Anything that knows how to show itself under a disclosure rule."""

    def disclosed(self, rule: Disclosure) -> Self:
        """The same thing with its counts protected."""
        ...


Shown = TypeVar("Shown", bound=Disclosable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Disclosure:
    """The rule for what may be shown.

    Parameters
    ----------
    level : {"open", "internal", "publication"}
        ``open``: the counts are public already. ``internal``: everything is shown and marked as
        not for publication. ``publication``: counts are rounded and small ones suppressed.
    threshold : int
        Counts from 1 to ``threshold - 1`` are suppressed; zero is shown.
    base : int
        Other counts are rounded to the nearest multiple (halves up).

    Examples
    --------
    >>> rule = Disclosure(level="publication")
    >>> [rule.count(c) for c in (0, 3, 7, 13)]
    [0, '[c]', 5, 15]
    """

    level: Level = "open"
    threshold: int = 5
    base: int = 5

    def __post_init__(self) -> None:
        check_choice("disclosure", self.level, get_args(Level))
        for name in ("threshold", "base"):
            if getattr(self, name) < 1:
                raise InputError(
                    Problem(
                        where=f"argument '{name}'",
                        what=f"must be at least 1, not {getattr(self, name)}",
                    )
                )

    @property
    def protects(self) -> bool:
        """Whether counts are changed at all."""
        return self.level == "publication"

    def count(self, value: float) -> int | float | str:
        """A count as it may be shown: itself, rounded, or ``"[c]"``."""
        if not self.protects or math.isnan(value):
            return value
        if 0 < abs(value) < self.threshold:
            return SUPPRESSED
        return int(math.copysign(self.base * math.floor(abs(value) / self.base + 0.5), value))

    def frame(self, frame: pd.DataFrame, *, counts: Sequence[str] | None = None) -> pd.DataFrame:
        """A copy with suppressed counts missing, for drawing and for deriving indices.

        Parameters
        ----------
        frame : DataFrame
            Aggregates; not changed.
        counts : sequence of str, optional
            Columns that are counts; by default every column of whole numbers that is not a label
            of time, order or design (``year``, ``event_time``, ``n_areas`` …).

        Notes
        -----
        In a row with a suppressed count the other fractional numbers are emptied too, for a rate
        gives its count away. Anything else derived from counts must be derived afterwards.
        """
        names = count_columns(frame) if counts is None else tuple(counts)
        if not self.protects:
            return frame
        out = frame.copy()
        hidden = np.zeros(len(out), dtype=bool)
        for name in names:
            values = pd.to_numeric(out[name]).to_numpy(dtype=np.float64, na_value=np.nan)
            small = (np.abs(values) > 0) & (np.abs(values) < self.threshold)
            hidden |= small
            rounded = np.copysign(self.base * np.floor(np.abs(values) / self.base + 0.5), values)
            out[name] = np.where(small, np.nan, rounded + 0.0)
        for name in out.columns.difference(list(names), sort=False):
            if pd.api.types.is_float_dtype(out[name]):
                out[name] = out[name].mask(hidden)
        return out


def apply_disclosure(
    subject: Shown | pd.DataFrame, level: Level, *, threshold: int = 5, base: int = 5
) -> Shown | pd.DataFrame:
    """A record, one of its entries or a frame of aggregates, as it may be shown at ``level``.

    Parameters
    ----------
    subject : SiteRecord, StudyRecord, one of their entries, or DataFrame
    level : {"open", "internal", "publication"}
    threshold, base : int
        See :class:`Disclosure`.

    Examples
    --------
    >>> frame = pd.DataFrame({"ward": ["A", "B"], "robbery": [3, 18]})
    >>> apply_disclosure(frame, "publication")["robbery"].tolist()
    [nan, 20.0]
    """
    rule = Disclosure(level=level, threshold=threshold, base=base)
    if isinstance(subject, pd.DataFrame):
        return rule.frame(subject)
    return subject.disclosed(rule)


def count_columns(frame: pd.DataFrame) -> tuple[str, ...]:
    """Columns that hold whole numbers and are not labels of time, order or design.

    Examples
    --------
    >>> count_columns(pd.DataFrame({"year": [2022], "events": [3], "rate": [0.4]}))
    ('events',)
    """
    return tuple(
        str(name)
        for name in frame.columns
        if not _STRUCTURAL.fullmatch(str(name)) and _whole(frame[name])
    )


def strictest(levels: Iterable[Level]) -> Level:
    """The level that protects most; ``"open"`` if there is none.

    Examples
    --------
    >>> strictest(["open", "publication", "internal"])
    'publication'
    """
    order = get_args(Level)
    return cast(Level, max(levels, key=order.index, default="open"))


def _whole(column: pd.Series) -> bool:
    if pd.api.types.is_bool_dtype(column):
        return False
    if pd.api.types.is_integer_dtype(column):
        return True
    if not pd.api.types.is_float_dtype(column):
        return False
    values = column.dropna().to_numpy(dtype=np.float64)
    values = values[np.isfinite(values)]
    return bool(len(values) and (values == np.floor(values)).all() and values.any())
