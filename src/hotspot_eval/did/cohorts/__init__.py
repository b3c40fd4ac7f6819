"""Group-time average treatment effects and their aggregations."""

from hotspot_eval.did.cohorts.estimate import group_time
from hotspot_eval.did.cohorts.result import GroupTime

__all__ = ["GroupTime", "group_time"]
