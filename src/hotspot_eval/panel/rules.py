"""The rules that a panel keeps: labels unique and sorted, arrays of one shape, missing cells 0."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hotspot_eval.errors import InputError, Problem, check_sequence, check_type
from hotspot_eval.ledger import Ledger
from hotspot_eval.periods import PeriodLike, Periods

__all__ = [
    "Parts",
    "array_problems",
    "check_labels",
    "check_parts",
    "label_problems",
    "span_of",
]


class Parts(Protocol):
    """What of a panel is checked before it is looked into."""

    @property
    def periods(self) -> object:
        """Its periods."""

    @property
    def ledger(self) -> object:
        """Its ledger."""


def label_problems(
    areas: Sequence[str], outcomes: Sequence[str], cluster: Sequence[str] | None
) -> Iterator[Problem]:
    """What is wrong with the labels of a panel."""
    for name, labels in (("areas", areas), ("outcomes", outcomes)):
        twice = sorted(label for label, times in Counter(labels).items() if times > 1)
        if twice:
            yield Problem(where=name, what="occur more than once", examples=twice)
        if not labels:
            yield Problem(where=name, what="are empty: a panel needs at least one")
    if list(areas) != sorted(areas):
        yield Problem(where="areas", what="must be sorted", advice="Use Panel.from_counts.")
    if cluster is not None and len(cluster) != len(areas):
        yield Problem(where="cluster", what=f"has {len(cluster)} labels for {len(areas)} areas")


def array_problems(
    shape: tuple[int, int, int],
    counts: NDArray[Any],
    observed: NDArray[np.bool_],
    base: NDArray[np.float64] | None,
    areas: Sequence[str],
) -> Iterator[Problem]:
    """What is wrong with the arrays of a panel of ``shape`` (N, T, K)."""
    for name, array in (("counts", counts), ("observed", observed)):
        if array.shape != shape:
            yield Problem(where=name, what=f"has shape {array.shape}, not (N, T, K) = {shape}")
            return
    if observed.dtype != np.bool_:
        yield Problem(where="observed", what=f"must be bool, not {observed.dtype}")
    whole = np.issubdtype(counts.dtype, np.integer)
    if not np.issubdtype(counts.dtype, np.number) or not (whole or np.isfinite(counts).all()):
        yield Problem(where="counts", what="must be finite numbers")
    elif whole and counts.min(initial=0) < 0:
        yield Problem(where="counts", what="must not be negative")
    elif not observed.all() and counts[~observed].any():
        yield Problem(where="counts", what="must be 0 where not observed")
    if base is not None and base.shape != shape[:2]:
        yield Problem(where="offset_base", what=f"has shape {base.shape}, not (N, T) = {shape[:2]}")
    elif base is not None and not (np.isfinite(base) & (base > 0)).all():
        bad = np.flatnonzero(~(np.isfinite(base) & (base > 0)).all(axis=1))
        yield Problem(
            where="offset_base",
            what="must be above 0; it is not in areas",
            examples=[areas[int(i)] for i in bad],
            advice="Leave areas nobody lives in out, or give area-days at risk.",
        )


def check_labels(areas: object, ledger: object) -> None:
    """Refuse areas that are no sequence of ids, and a ledger that is none."""
    if areas is not None:
        check_sequence("areas", areas, of="area ids", example="['A', 'B']")
    if ledger is not None:
        check_type("ledger", ledger, Ledger)


def check_parts(panel: Parts) -> None:
    """Refuse parts of a panel that are of the wrong type."""
    for name in ("areas", "outcomes", "cluster"):
        labels = getattr(panel, name)
        if labels is None and name == "cluster":
            continue
        check_type(name, labels, (tuple, list), advice="Use Panel.from_counts.")
        others = [label for label in labels if not isinstance(label, str)]
        if others:
            raise InputError(
                Problem(
                    where=f"argument '{name}'",
                    what="holds labels that are not text",
                    examples=others,
                    advice="Panel.from_counts makes them so.",
                )
            )
    check_type("periods", panel.periods, Periods, advice="Use Periods.span or Panel.from_counts.")
    for name in ("counts", "observed", "offset_base"):
        array = getattr(panel, name)
        if array is not None or name != "offset_base":
            check_type(name, array, np.ndarray, advice="Use Panel.from_counts.")
    check_type("ledger", panel.ledger, Ledger)


def span_of(periods: Periods, named: tuple[PeriodLike, PeriodLike]) -> tuple[int, int]:
    """Position of the first period named, and the one after the last."""
    if isinstance(named, str) or not isinstance(named, Sequence) or len(named) != 2:
        raise InputError(
            Problem(
                where="argument 'periods'",
                what=f"must be the first and the last period, not {named!r}",
            )
        )
    first, stop = periods.position(named[0]), periods.position(named[1]) + 1
    if stop <= first:
        raise InputError(
            Problem(where="argument 'periods'", what=f"{named[1]} comes before {named[0]}")
        )
    return first, stop
