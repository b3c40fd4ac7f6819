"""Before the result: what a study looks like and what it could see."""

from hotspot_eval.planning.balance import Balance, balance
from hotspot_eval.planning.description import role_table, selection_ranks
from hotspot_eval.planning.design_table import Dosage, design_table
from hotspot_eval.planning.matching import (
    MatchedControls,
    far_controls,
    matched_controls,
    same_rule_controls,
)
from hotspot_eval.planning.pools import MatchedSets, balances, control_pools, matched_sets
from hotspot_eval.planning.power import DetectableEffect, minimum_detectable_effect

__all__ = [
    "Balance",
    "DetectableEffect",
    "Dosage",
    "MatchedControls",
    "MatchedSets",
    "balance",
    "balances",
    "control_pools",
    "design_table",
    "far_controls",
    "matched_controls",
    "matched_sets",
    "minimum_detectable_effect",
    "role_table",
    "same_rule_controls",
    "selection_ranks",
]
