"""Difference-in-differences: estimators that take a panel and a design."""

from hotspot_eval.did.advice import Recommendation, recommend
from hotspot_eval.did.bacon import bacon
from hotspot_eval.did.cohorts import GroupTime, group_time
from hotspot_eval.did.compare import compare
from hotspot_eval.did.counts import e_test, rirr, wdd, wdq
from hotspot_eval.did.dispersion import window_dispersion
from hotspot_eval.did.displacement import catchment_design, displacement, displacement_check
from hotspot_eval.did.etwfe import etwfe
from hotspot_eval.did.events import event_study
from hotspot_eval.did.imputation import Imputation, imputation
from hotspot_eval.did.one_site import conformal_test, rmspe_test
from hotspot_eval.did.pretrend import pretrend
from hotspot_eval.did.switching import (
    Switchers,
    carry_over_check,
    did_m,
    distributed_lags,
    dose_bins,
    dose_check,
    dose_did,
    placebo_check,
    switchers,
)
from hotspot_eval.did.synthetic import Synthetic, synthetic_control, synthetic_did
from hotspot_eval.did.triple import triple_difference, triple_event_study
from hotspot_eval.did.twoway import ClusterBy, LinearDid, PoissonDid, linear_did, poisson_did

__all__ = [
    "ClusterBy",
    "GroupTime",
    "Imputation",
    "LinearDid",
    "PoissonDid",
    "Recommendation",
    "Switchers",
    "Synthetic",
    "bacon",
    "carry_over_check",
    "catchment_design",
    "compare",
    "conformal_test",
    "did_m",
    "displacement",
    "displacement_check",
    "distributed_lags",
    "dose_bins",
    "dose_check",
    "dose_did",
    "e_test",
    "etwfe",
    "event_study",
    "group_time",
    "imputation",
    "linear_did",
    "placebo_check",
    "poisson_did",
    "pretrend",
    "recommend",
    "rirr",
    "rmspe_test",
    "switchers",
    "synthetic_control",
    "synthetic_did",
    "triple_difference",
    "triple_event_study",
    "wdd",
    "wdq",
    "window_dispersion",
]
