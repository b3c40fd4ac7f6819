"""Triple differences across crime types."""

from hotspot_eval.did.triple.estimate import triple_difference
from hotspot_eval.did.triple.events import triple_event_study

__all__ = ["triple_difference", "triple_event_study"]
