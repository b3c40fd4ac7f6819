"""The one place where statistics and draws become p-values and intervals."""

from hotspot_eval.significance.draws import (
    largest_t,
    p_value_from_all,
    p_value_from_draws,
    p_values_from_draws,
    p_values_from_ranks,
    p_values_from_tails,
    weighted_critical_value,
    weighted_p_values,
)
from hotspot_eval.significance.families import Adjustment, adjust_p_values, check_rejection_possible
from hotspot_eval.significance.known import (
    Alternative,
    JointTest,
    detectable_effect,
    equivalence_p_value,
    folded_normal_critical_value,
    joint_test,
    normal_or_t_interval,
    normal_or_t_p_value,
    poisson_e_test,
    power_of_t,
    wald_p_value,
)

__all__ = [
    "Adjustment",
    "Alternative",
    "JointTest",
    "adjust_p_values",
    "check_rejection_possible",
    "detectable_effect",
    "equivalence_p_value",
    "folded_normal_critical_value",
    "joint_test",
    "largest_t",
    "normal_or_t_interval",
    "normal_or_t_p_value",
    "p_value_from_all",
    "p_value_from_draws",
    "p_values_from_draws",
    "p_values_from_ranks",
    "p_values_from_tails",
    "poisson_e_test",
    "power_of_t",
    "wald_p_value",
    "weighted_critical_value",
    "weighted_p_values",
]
