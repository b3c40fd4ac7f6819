"""Dated incident records to counts by day, type, place and flags."""

from hotspot_eval.data.dated.reader import EmptyMonths, read_incidents

__all__ = ["EmptyMonths", "read_incidents"]
