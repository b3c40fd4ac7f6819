"""Files in, tidy frames out: every row accounted for in a ledger."""

from hotspot_eval.data.areas import read_areas
from hotspot_eval.data.breaks import CALENDAR, Break, breaks_in_window
from hotspot_eval.data.counts import Counts
from hotspot_eval.data.guard import check_outcome, output_reason
from hotspot_eval.data.met import read_met_counts
from hotspot_eval.data.partition import Partition, partition
from hotspot_eval.data.paths import local_file, local_files
from hotspot_eval.data.police_uk import read_police_uk
from hotspot_eval.data.register import InterventionRegister, Placement, read_register
from hotspot_eval.data.tidy import read_counts

__all__ = [
    "CALENDAR",
    "Break",
    "Counts",
    "InterventionRegister",
    "Partition",
    "Placement",
    "breaks_in_window",
    "check_outcome",
    "local_file",
    "local_files",
    "output_reason",
    "partition",
    "read_areas",
    "read_counts",
    "read_met_counts",
    "read_police_uk",
    "read_register",
]
