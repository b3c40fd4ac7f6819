"""Two-way models on small tables of groups × periods, for thousands of designs in a call."""

from hotspot_eval.did.kernels.small.designs import solve_paths, untreated_effects

__all__ = ["solve_paths", "untreated_effects"]
