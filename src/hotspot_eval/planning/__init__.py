"""Before the result: what a study looks like and what it could see."""

from hotspot_eval.planning.description import role_table

__all__ = ["role_table"]
