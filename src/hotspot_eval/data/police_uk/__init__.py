"""data.police.uk street files: archives of any size to audited counts."""

from hotspot_eval.data.police_uk.reader import read_police_uk

__all__ = ["read_police_uk"]
