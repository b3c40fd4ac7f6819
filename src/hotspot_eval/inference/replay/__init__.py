"""Selection replay: the same rule, played where and when nothing was done."""

from hotspot_eval.inference.replay.engine import replay
from hotspot_eval.inference.replay.result import ReplayResult
from hotspot_eval.inference.replay.rules import Mimic, Rule, Threshold, TopK

__all__ = ["Mimic", "ReplayResult", "Rule", "Threshold", "TopK", "replay"]
