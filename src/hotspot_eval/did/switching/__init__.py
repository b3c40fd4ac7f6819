"""Treatment that goes on and off."""

from hotspot_eval.did.switching.instant import did_m
from hotspot_eval.did.switching.lags import distributed_lags, dose_did
from hotspot_eval.did.switching.result import Switchers
from hotspot_eval.did.switching.switchers import switchers

__all__ = ["Switchers", "did_m", "distributed_lags", "dose_did", "switchers"]
