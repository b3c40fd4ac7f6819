from hotspot_eval.report.figures.balance import love_frame, love_plot
from hotspot_eval.report.figures.curve import specification_curve, specification_frame
from hotspot_eval.report.figures.event_study import event_study, event_study_frame
from hotspot_eval.report.figures.forest import forest, forest_frame
from hotspot_eval.report.figures.map import count_map, role_frame, role_map
from hotspot_eval.report.figures.matched import matched_sets
from hotspot_eval.report.figures.partial import partial_pooling, partial_pooling_frame
from hotspot_eval.report.figures.placebo import placebo
from hotspot_eval.report.figures.power import power_curve
from hotspot_eval.report.figures.spatial import (
    cluster_map,
    emerging_map,
    gi_calendar,
    lorenz_curve,
)
from hotspot_eval.report.figures.trend import trend, trend_frame

__all__ = [
    "cluster_map",
    "count_map",
    "emerging_map",
    "event_study",
    "event_study_frame",
    "forest",
    "forest_frame",
    "gi_calendar",
    "lorenz_curve",
    "love_frame",
    "love_plot",
    "matched_sets",
    "partial_pooling",
    "partial_pooling_frame",
    "placebo",
    "power_curve",
    "role_frame",
    "role_map",
    "specification_curve",
    "specification_frame",
    "trend",
    "trend_frame",
]
