"""Files in, tidy frames out: every row accounted for in a ledger."""

from hotspot_eval.data.counts import Counts, read_counts
from hotspot_eval.data.met import read_met_counts
from hotspot_eval.data.paths import local_file, local_files

__all__ = ["Counts", "local_file", "local_files", "read_counts", "read_met_counts"]
