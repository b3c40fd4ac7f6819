"""Results: Effect, Effects, Fit and Check, and nothing that estimates."""

from hotspot_eval.results.check import Check, Status, checks_frame
from hotspot_eval.results.effect import Effect, Quantity, Scale, TreatedCells
from hotspot_eval.results.effects import Effects
from hotspot_eval.results.fit import Fit
from hotspot_eval.results.held import Held

__all__ = [
    "Check",
    "Effect",
    "Effects",
    "Fit",
    "Held",
    "Quantity",
    "Scale",
    "Status",
    "TreatedCells",
    "checks_frame",
]
