"""Did hotspot and problem-oriented policing reduce violence?

A :class:`Panel` (what happened where and when) and a :class:`Design` (who was treated, when,
against whom) are estimated into an :class:`Effect`. Everything else makes one of these, judges one
or shows one.
"""

from functools import partial

from hotspot_eval import report
from hotspot_eval.data import (
    CALENDAR,
    Break,
    Counts,
    InterventionRegister,
    Partition,
    Placement,
    breaks_in_window,
    check_outcome,
    partition,
    read_areas,
    read_counts,
    read_met_counts,
    read_police_uk,
    read_register,
)
from hotspot_eval.design import Design, Estimator, Spell
from hotspot_eval.did import (
    LinearDid,
    PoissonDid,
    displacement,
    displacement_check,
    e_test,
    event_study,
    linear_did,
    poisson_did,
    rirr,
    wdd,
    wdq,
)
from hotspot_eval.errors import HotspotEvalError, InputError, Problem
from hotspot_eval.inference import Mimic, ReplayResult, Threshold, TopK
from hotspot_eval.inference import replay as _replay
from hotspot_eval.inference.multiplicity import holm
from hotspot_eval.ledger import Ledger
from hotspot_eval.panel import Panel
from hotspot_eval.periods import Periods
from hotspot_eval.planning import minimum_detectable_effect, role_table, selection_ranks
from hotspot_eval.results import Check, Effect, Effects, Fit
from hotspot_eval.run import open_site, open_study, primary_effects, primary_outcome
from hotspot_eval.simulate import simulate
from hotspot_eval.spatial import (
    bivariate_moran,
    concentration,
    contiguity,
    differential_moran,
    distance_band,
    emerging_hotspots,
    empirical_bayes_moran,
    geary,
    getis_ord_g,
    kernel_graph,
    local_g,
    local_geary,
    local_moran,
    moran,
    near_repeat,
    nearest_neighbours,
    residual_moran,
    rings,
)
from hotspot_eval.synthesis import pool

__version__ = "0.1.0"

#: Selection replay with Poisson difference-in-differences as the plain estimator.
replay = partial(_replay, estimator=poisson_did)

__all__ = [
    "CALENDAR",
    "Break",
    "Check",
    "Counts",
    "Design",
    "Effect",
    "Effects",
    "Estimator",
    "Fit",
    "HotspotEvalError",
    "InputError",
    "InterventionRegister",
    "Ledger",
    "LinearDid",
    "Mimic",
    "Panel",
    "Partition",
    "Periods",
    "Placement",
    "PoissonDid",
    "Problem",
    "ReplayResult",
    "Spell",
    "Threshold",
    "TopK",
    "__version__",
    "bivariate_moran",
    "breaks_in_window",
    "check_outcome",
    "concentration",
    "contiguity",
    "differential_moran",
    "displacement",
    "displacement_check",
    "distance_band",
    "e_test",
    "emerging_hotspots",
    "empirical_bayes_moran",
    "event_study",
    "geary",
    "getis_ord_g",
    "holm",
    "kernel_graph",
    "linear_did",
    "local_g",
    "local_geary",
    "local_moran",
    "minimum_detectable_effect",
    "moran",
    "near_repeat",
    "nearest_neighbours",
    "open_site",
    "open_study",
    "partition",
    "poisson_did",
    "pool",
    "primary_effects",
    "primary_outcome",
    "read_areas",
    "read_counts",
    "read_met_counts",
    "read_police_uk",
    "read_register",
    "replay",
    "report",
    "residual_moran",
    "rings",
    "rirr",
    "role_table",
    "selection_ranks",
    "simulate",
    "wdd",
    "wdq",
]
