"""What estimates of switching treatment say of their data: partial periods, absent doses."""

from __future__ import annotations

from hotspot_eval.did.sample import Sample
from hotspot_eval.errors import Problem

__all__ = ["NOT_RANDOM", "attenuated", "no_dose"]

NOT_RANDOM = (
    "dose is chosen, not drawn: read the intention to treat first, and dose_check for whether dose "
    "follows crime"
)


def attenuated(sample: Sample) -> tuple[str, ...]:
    """A notice where treatment covers only part of its cells."""
    on = sample.used & (sample.treatment > 0)
    part = on & (sample.treatment < 1)
    if not part.any():
        return ()
    return (
        f"attenuated: treatment covers part of {int(part.sum())} of {int(on.sum())} treated cells "
        f"(mean share {float(sample.treatment[on].mean()):.2f}), whose counts hold untreated days "
        "or places too; shorter periods would show more",
    )


def no_dose() -> Problem:
    """A design without dose, where one is needed."""
    return Problem(
        where="design", what="has no dose", advice="Give spells with dose=, or use poisson_did."
    )
