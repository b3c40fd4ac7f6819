"""Wide files of the Metropolitan Police on the London Datastore, of whatever vintage."""

from hotspot_eval.data.met.categories import OUTCOMES, Outcome
from hotspot_eval.data.met.read import read_met_counts

__all__ = ["OUTCOMES", "Outcome", "read_met_counts"]
