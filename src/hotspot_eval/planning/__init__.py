"""Before the result: what a study looks like and what it could see."""

from hotspot_eval.planning.description import role_table, selection_ranks
from hotspot_eval.planning.power import DetectableEffect, minimum_detectable_effect

__all__ = ["DetectableEffect", "minimum_detectable_effect", "role_table", "selection_ranks"]
