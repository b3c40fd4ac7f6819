"""Honest intervals: what remains of an effect when trends were not quite parallel."""

from hotspot_eval.inference.honest.check import honest_check
from hotspot_eval.inference.honest.core import Honest, honest_did

__all__ = ["Honest", "honest_check", "honest_did"]
