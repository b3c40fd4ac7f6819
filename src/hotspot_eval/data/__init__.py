"""Files in, tidy frames out: every row accounted for in a ledger."""

from hotspot_eval.data.areas import read_areas
from hotspot_eval.data.breaks import CALENDAR, Break, breaks_in_window
from hotspot_eval.data.counts import Counts
from hotspot_eval.data.dated import read_incidents
from hotspot_eval.data.engine import Limits
from hotspot_eval.data.geography import LsoaComponents, areas_of_points, grid_areas, lsoa_components
from hotspot_eval.data.guard import check_outcome, output_reason
from hotspot_eval.data.incidents import Incidents
from hotspot_eval.data.met import read_met_counts
from hotspot_eval.data.outcomes import (
    OutcomeDefinition,
    OutcomeTypes,
    outcome_definition,
    outcome_definitions,
    outcome_names,
    read_outcome_definitions,
)
from hotspot_eval.data.partition import Partition, partition
from hotspot_eval.data.paths import local_file, local_files
from hotspot_eval.data.police_uk import VintageDiff, diff_vintages, read_police_uk
from hotspot_eval.data.register import InterventionRegister, Placement, read_register
from hotspot_eval.data.tidy import read_counts

__all__ = [
    "CALENDAR",
    "Break",
    "Counts",
    "Incidents",
    "InterventionRegister",
    "Limits",
    "LsoaComponents",
    "OutcomeDefinition",
    "OutcomeTypes",
    "Partition",
    "Placement",
    "VintageDiff",
    "areas_of_points",
    "breaks_in_window",
    "check_outcome",
    "diff_vintages",
    "grid_areas",
    "local_file",
    "local_files",
    "lsoa_components",
    "outcome_definition",
    "outcome_definitions",
    "outcome_names",
    "output_reason",
    "partition",
    "read_areas",
    "read_counts",
    "read_incidents",
    "read_met_counts",
    "read_outcome_definitions",
    "read_police_uk",
    "read_register",
]
