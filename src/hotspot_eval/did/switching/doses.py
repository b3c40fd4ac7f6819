"""The dose of each cell of a sample, and what estimates say of doses."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hotspot_eval.design import Assignment, Design
from hotspot_eval.did.sample import Sample
from hotspot_eval.errors import InputError, Problem
from hotspot_eval.panel import Panel

__all__ = ["NOT_RANDOM", "dose_of", "doses"]

Float = NDArray[np.float64]
NOT_RANDOM = (
    "dose is chosen, not drawn: read the intention to treat first, and dose_check for whether dose "
    "follows crime"
)


def dose_of(assignment: Assignment) -> Float:
    """Mean dose of every area and period, shape (N, T).

    Raises
    ------
    InputError
        If the design has no dose.
    """
    if assignment.dose is None:
        raise InputError(
            Problem(
                where="design",
                what="has no dose",
                advice="Give spells with dose=, or use poisson_did.",
            )
        )
    return assignment.dose


def doses(sample: Sample, panel: Panel, design: Design) -> Float:
    """Dose of the used cells, shape (n, t), 0 elsewhere."""
    dose = dose_of(design.on(panel))[np.ix_(panel.positions(sample.areas), sample.when)]
    return np.where(sample.used, dose, 0.0)
