"""The first noun: what happened where and when."""

from hotspot_eval.panel.core import Absent, Panel, area_ids

__all__ = ["Absent", "Panel", "area_ids"]
