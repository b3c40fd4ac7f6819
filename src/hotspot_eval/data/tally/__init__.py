"""Counts by cell to a panel."""

from hotspot_eval.data.tally.assemble import AbsentTypes, tally
from hotspot_eval.data.tally.places import Where
from hotspot_eval.data.tally.recorded import Partial

__all__ = ["AbsentTypes", "Partial", "Where", "tally"]
