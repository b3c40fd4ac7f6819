"""Running a study: params, plan, notebooks, publication."""

from hotspot_eval.run.opening import open_site
from hotspot_eval.run.site import Site
from hotspot_eval.run.study import Study, open_study

__all__ = ["Site", "Study", "open_site", "open_study"]
