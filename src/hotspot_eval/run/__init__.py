"""Running a study: params, plan, notebooks, publication."""

from hotspot_eval.run.site import Site, open_site
from hotspot_eval.run.study import open_study, primary_effects, primary_outcome

__all__ = ["Site", "open_site", "open_study", "primary_effects", "primary_outcome"]
