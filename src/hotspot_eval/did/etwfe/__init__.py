"""Extended two-way fixed effects: a coefficient for every cohort and period."""

from hotspot_eval.did.etwfe.estimate import etwfe

__all__ = ["etwfe"]
