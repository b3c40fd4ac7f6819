"""Parts of a table, cells whose mean vanishes, cells that an effect fits alone, by plain rules."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from hotspot_eval.did.kernels.connected import (
    attainable,
    parts_of,
    without_empty,
    without_single,
)

ONE = np.zeros


def tables(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    g, t = int(rng.integers(2, 7)), int(rng.integers(2, 6))
    used = rng.random((g, t)) > rng.choice([0.0, 0.3, 0.6])
    events = np.where(used, rng.poisson(rng.choice([0.3, 1.0]), (g, t)), 0).astype(float)
    return used, events, rng.integers(0, rng.integers(1, 3), g)


def vanishing(used: np.ndarray, events: np.ndarray, strata: np.ndarray) -> np.ndarray:
    """Cells that some direction of the effects sends to 0, by a linear programme.

    Maximise Σ z over cells without events with α + γ = 0 on those with, α + γ ≤ −z, 0 ≤ z ≤ 1.
    """
    rows, columns = np.nonzero(used)
    labels = strata[rows] * used.shape[1] + columns
    effects = np.hstack([np.eye(len(used))[rows], np.eye(int(labels.max()) + 1)[labels]])
    lit = events[rows, columns] > 0
    dark = np.flatnonzero(~lit)
    gone = np.zeros(used.shape, dtype=bool)
    if not len(dark):
        return gone
    size = effects.shape[1]
    solved = linprog(
        np.concatenate([np.zeros(size), -np.ones(len(dark))]),
        A_ub=np.hstack([effects[dark], np.eye(len(dark))]),
        b_ub=np.zeros(len(dark)),
        A_eq=np.hstack([effects[lit], np.zeros((int(lit.sum()), len(dark)))])
        if lit.any()
        else None,
        b_eq=np.zeros(int(lit.sum())) if lit.any() else None,
        bounds=[(None, None)] * size + [(0, 1)] * len(dark),
    )
    gone[rows[dark], columns[dark]] = solved.x[size:] > 0.5
    return gone


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_cells_that_vanish_are_those_a_linear_programme_finds(seed):
    used, events, strata = tables(seed)
    if not used.any():
        return
    left = attainable(used, events, strata)
    assert (left == (used & ~vanishing(used, events, strata))).all()
    assert (left <= without_empty(used, events, strata)).all()
    assert (attainable(left, events, strata) == left).all()


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_parts_are_what_effects_can_be_told_within(seed):
    """A cell is in a part exactly if its dummies are a combination of those of used cells."""
    used, _, strata = tables(seed)
    row, column = parts_of(used, strata)
    linked = row[:, None] == column[strata]
    (g, t), size = used.shape, int(strata.max()) + 1
    effects = np.array(
        [
            np.concatenate([np.eye(g)[i], np.eye(size * t)[strata[i] * t + k]])
            for i in range(g)
            for k in range(t)
        ]
    )
    seen = effects[used.ravel()]
    rank = np.linalg.matrix_rank(seen) if len(seen) else 0
    told = [np.linalg.matrix_rank(np.vstack([seen, cell])) == rank for cell in effects]
    assert (linked.ravel() == np.array(told)).all()


def test_a_zero_between_two_parts_vanishes_only_one_way():
    events = np.array([[4.0, 2.0, 0.0], [0.0, 0.0, 5.0]])
    used = np.array([[True, True, True], [False, False, True]])
    left = attainable(used, events, ONE(2, int))
    assert left.tolist() == [[True, True, False], [False, False, True]]
    both = attainable(np.ones((2, 3), bool), events, ONE(2, int))
    assert both.all()


def test_single_cells_go_until_none_is_left():
    used = np.array([[True, True, True], [False, True, True], [True, False, False]])
    size = np.array([1.0, 2.0, 1.0])
    left = without_single(used, size, ONE(3, int))
    assert left.tolist() == [[False, True, True], [False, True, True], [False] * 3]
    assert not without_single(used[:1], size[:1], ONE(1, int)).any()
    apart = without_single(used[:2], np.ones(2), np.arange(2))
    assert not apart.any()


@pytest.mark.parametrize("strata", [ONE(4, int), np.array([0, 0, 1, 1])])
def test_a_whole_table_stays_whole(strata):
    used = np.ones((4, 3), bool)
    row, column = parts_of(used, strata)
    assert (row[:, None] == column[strata]).all()
    assert without_single(used, np.ones(4), strata).all()
