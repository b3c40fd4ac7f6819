"""Partition of space: sites, rings around them, and the rest, with the share truly treated."""

from hotspot_eval.data.partition.model import Partition
from hotspot_eval.data.partition.zones import partition, site_shares

__all__ = ["Partition", "partition", "site_shares"]
