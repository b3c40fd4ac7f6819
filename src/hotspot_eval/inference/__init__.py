"""Inference that does not trust the estimator's own standard error."""

from hotspot_eval.inference.replay import Mimic, ReplayResult, Rule, Threshold, TopK, replay

__all__ = ["Mimic", "ReplayResult", "Rule", "Threshold", "TopK", "replay"]
