"""Design: who was treated, when, and against whom."""

from hotspot_eval.design.core import Assignment, Design, Estimator, Role, check_study
from hotspot_eval.design.spells import Kind, Spell, lay_spells

__all__ = [
    "Assignment",
    "Design",
    "Estimator",
    "Kind",
    "Role",
    "Spell",
    "check_study",
    "lay_spells",
]
