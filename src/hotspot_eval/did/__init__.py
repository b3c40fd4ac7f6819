"""Difference-in-differences: estimators that take a panel and a design."""

from hotspot_eval.did.counts import e_test, rirr, wdd, wdq
from hotspot_eval.did.displacement import catchment_design, displacement, displacement_check
from hotspot_eval.did.events import event_study
from hotspot_eval.did.twoway import LinearDid, PoissonDid, linear_did, poisson_did

__all__ = [
    "LinearDid",
    "PoissonDid",
    "catchment_design",
    "displacement",
    "displacement_check",
    "e_test",
    "event_study",
    "linear_did",
    "poisson_did",
    "rirr",
    "wdd",
    "wdq",
]
