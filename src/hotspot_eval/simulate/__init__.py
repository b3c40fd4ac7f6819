"""London-like worlds with known truth: dated incidents, areas, a register and what would have been.

Imported by tests, notebooks and the demo only.
"""

from hotspot_eval.simulate.build import simulate
from hotspot_eval.simulate.config import (
    Crime,
    Geography,
    Lockdown,
    Operation,
    Recording,
    RecordingBreak,
)
from hotspot_eval.simulate.world import Truth, World

__all__ = [
    "Crime",
    "Geography",
    "Lockdown",
    "Operation",
    "Recording",
    "RecordingBreak",
    "Truth",
    "World",
    "simulate",
]
