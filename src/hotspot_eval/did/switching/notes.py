"""What estimates of switching treatment say of their doses."""

from __future__ import annotations

from hotspot_eval.errors import Problem

__all__ = ["NOT_RANDOM", "no_dose"]

NOT_RANDOM = (
    "dose is chosen, not drawn: read the intention to treat first, and dose_check for whether dose "
    "follows crime"
)


def no_dose() -> Problem:
    """A design without dose, where one is needed."""
    return Problem(
        where="design", what="has no dose", advice="Give spells with dose=, or use poisson_did."
    )
