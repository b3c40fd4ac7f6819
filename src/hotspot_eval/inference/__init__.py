"""Inference that does not trust the estimator's own standard error."""

from hotspot_eval.inference.bias_reduced import cr2_variance
from hotspot_eval.inference.cluster import cluster_robust, conley
from hotspot_eval.inference.curve import SpecificationCurve, specification_curve
from hotspot_eval.inference.honest import Honest, honest_check, honest_did
from hotspot_eval.inference.left_out import LeftOut, leave_one_out
from hotspot_eval.inference.rehearsal import Rehearsal, dress_rehearsal
from hotspot_eval.inference.replay import Mimic, ReplayResult, Rule, Threshold, TopK, replay
from hotspot_eval.inference.resampling import (
    Randomization,
    randomization_test,
    simultaneous_band,
)
from hotspot_eval.inference.sensitivity import Placebo, placebo_dates, placebo_places
from hotspot_eval.inference.wild import WildWeights, wild_bootstrap

__all__ = [
    "Honest",
    "LeftOut",
    "Mimic",
    "Placebo",
    "Randomization",
    "Rehearsal",
    "ReplayResult",
    "Rule",
    "SpecificationCurve",
    "Threshold",
    "TopK",
    "WildWeights",
    "cluster_robust",
    "conley",
    "cr2_variance",
    "dress_rehearsal",
    "honest_check",
    "honest_did",
    "leave_one_out",
    "placebo_dates",
    "placebo_places",
    "randomization_test",
    "replay",
    "simultaneous_band",
    "specification_curve",
    "wild_bootstrap",
]
