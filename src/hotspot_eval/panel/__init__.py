"""The first noun: what happened where and when."""

from hotspot_eval.panel.core import Panel
from hotspot_eval.panel.grid import Absent
from hotspot_eval.panel.rows import area_ids
from hotspot_eval.panel.store import load_panel, save_panel

__all__ = ["Absent", "Panel", "area_ids", "load_panel", "save_panel"]
