"""Triple differences across crime types."""

from hotspot_eval.did.triple.estimate import triple_difference

__all__ = ["triple_difference"]
