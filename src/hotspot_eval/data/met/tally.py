"""From rows by category to counts by outcome."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hotspot_eval.data.met.categories import OUTCOMES, outcomes_of
from hotspot_eval.ledger import LedgerNote

__all__ = ["add_up", "membership"]


def membership(major: pd.Series, minor: pd.Series) -> tuple[NDArray[np.bool_], list[LedgerNote]]:
    """Which outcomes each row counts towards, shape (rows, K), and notes on unknown labels."""
    pairs = pd.MultiIndex.from_arrays([major, minor])
    codes, found = pd.factorize(pairs)
    unique: list[tuple[str, str]] = [(str(one), str(two)) for one, two in found]
    table = np.zeros((len(unique), len(OUTCOMES)), dtype=bool)
    strange: dict[str, list[int]] = {"major": [], "minor": []}
    for number, pair in enumerate(unique):
        outcomes, known = outcomes_of(*pair)
        table[number, [OUTCOMES.index(name) for name in outcomes]] = True
        if not known:
            strange["major" if len(outcomes) == 1 else "minor"].append(number)
    return table[codes], [
        _strange_note(
            "category not known, counted in all_crime only", strange["major"], codes, unique
        ),
        _strange_note(
            "minor category not known, counted with its major one", strange["minor"], codes, unique
        ),
    ]


def _strange_note(
    reason: str, numbers: list[int], codes: NDArray[np.intp], unique: list[tuple[str, str]]
) -> LedgerNote:
    return LedgerNote(
        reason=reason,
        rows=int(np.isin(codes, numbers).sum()),
        examples=tuple(f"{unique[n][0]}: {unique[n][1]}" for n in numbers),
    )


def add_up(
    numbers: NDArray[np.float64],
    member: NDArray[np.bool_],
    row_area: NDArray[np.intp],
    major: pd.Series,
    n_areas: int,
) -> tuple[NDArray[np.int64], NDArray[np.bool_], int]:
    """Counts and mask by area, month and outcome; and how many cells of the file are blank."""
    blank = np.isnan(numbers)
    values = np.where(blank, 0, numbers).astype(np.int64)
    shape = (n_areas, numbers.shape[1], member.shape[1])
    counts = np.zeros(shape, dtype=np.int64)
    known = np.ones(shape, dtype=bool)
    for k in range(member.shape[1]):
        rows = member[:, k]
        np.add.at(counts[:, :, k], row_area[rows], values[rows])
        if blank.any():
            known[:, :, k] = ~_all_blank(blank, rows, row_area, n_areas)
    if blank.any():
        for group in major.unique():
            rows = (major == group).to_numpy()
            known[:, :, -1] &= ~_all_blank(blank, rows, row_area, n_areas)
    return np.where(known, counts, 0), known, int(blank.sum())


def _all_blank(
    blank: NDArray[np.bool_], rows: NDArray[np.bool_], row_area: NDArray[np.intp], n_areas: int
) -> NDArray[np.bool_]:
    """Whether an area has rows of a kind and all of them are blank in a month; shape (N, M)."""
    listed = np.bincount(row_area[rows], minlength=n_areas)[:, None]
    empty = np.zeros((n_areas, blank.shape[1]), dtype=np.int64)
    np.add.at(empty, row_area[rows], blank[rows].astype(np.int64))
    return np.asarray((listed > 0) & (empty == listed))
