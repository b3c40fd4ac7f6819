"""Synthesis: many sites, their mean, how much they differ, and what each is worth beside it."""

from hotspot_eval.synthesis.left_out import SitesLeftOut, leave_one_site_out
from hotspot_eval.synthesis.pooled import Pooled
from hotspot_eval.synthesis.random_effects import TauMethod, pool

__all__ = ["Pooled", "SitesLeftOut", "TauMethod", "leave_one_site_out", "pool"]
