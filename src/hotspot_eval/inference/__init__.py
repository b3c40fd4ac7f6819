"""Inference that does not trust the estimator's own standard error."""

from hotspot_eval.inference.cluster import cluster_robust, conley
from hotspot_eval.inference.honest import Honest, honest_did
from hotspot_eval.inference.replay import Mimic, ReplayResult, Rule, Threshold, TopK, replay
from hotspot_eval.inference.resampling import (
    Randomization,
    randomization_test,
    simultaneous_band,
    wild_bootstrap,
)

__all__ = [
    "Honest",
    "Mimic",
    "Randomization",
    "ReplayResult",
    "Rule",
    "Threshold",
    "TopK",
    "cluster_robust",
    "conley",
    "honest_did",
    "randomization_test",
    "replay",
    "simultaneous_band",
    "wild_bootstrap",
]
