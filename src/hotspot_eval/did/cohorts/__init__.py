"""Group-time average treatment effects and their aggregations."""

from hotspot_eval.did.cohorts.estimate import GroupTime, group_time

__all__ = ["GroupTime", "group_time"]
