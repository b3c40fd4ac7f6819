"""Before the result: what a study looks like and what it could see."""

from hotspot_eval.planning.controls import (
    Balance,
    MatchedControls,
    balance,
    far_controls,
    matched_controls,
    same_rule_controls,
)
from hotspot_eval.planning.description import role_table, selection_ranks
from hotspot_eval.planning.design_table import design_table
from hotspot_eval.planning.power import DetectableEffect, minimum_detectable_effect

__all__ = [
    "Balance",
    "DetectableEffect",
    "MatchedControls",
    "balance",
    "design_table",
    "far_controls",
    "matched_controls",
    "minimum_detectable_effect",
    "role_table",
    "same_rule_controls",
    "selection_ranks",
]
