"""Treatment that goes on and off, and treatment that comes in doses."""

from hotspot_eval.did.switching.deployment import dose_check
from hotspot_eval.did.switching.dose import dose_bins, dose_did
from hotspot_eval.did.switching.instant import did_m
from hotspot_eval.did.switching.lags import distributed_lags
from hotspot_eval.did.switching.persistence import carry_over_check, placebo_check
from hotspot_eval.did.switching.result import Switchers
from hotspot_eval.did.switching.switchers import switchers

__all__ = [
    "Switchers",
    "carry_over_check",
    "did_m",
    "distributed_lags",
    "dose_bins",
    "dose_check",
    "dose_did",
    "placebo_check",
    "switchers",
]
