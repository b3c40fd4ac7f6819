"""data.police.uk street files: archives of any size to audited counts."""

from hotspot_eval.data.police_uk.reader import read_police_uk
from hotspot_eval.data.police_uk.vintages import VintageDiff, diff_vintages

__all__ = ["VintageDiff", "diff_vintages", "read_police_uk"]
