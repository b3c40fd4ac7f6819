"""Results: Effect, Effects, Fit and Check, and nothing that estimates."""

from hotspot_eval.results.check import Check, Status, checks_frame
from hotspot_eval.results.effect import Effect, Quantity, Scale, TreatedCells
from hotspot_eval.results.effects import Effects
from hotspot_eval.results.fit import Fit

__all__ = [
    "Check",
    "Effect",
    "Effects",
    "Fit",
    "Quantity",
    "Scale",
    "Status",
    "TreatedCells",
    "checks_frame",
]
