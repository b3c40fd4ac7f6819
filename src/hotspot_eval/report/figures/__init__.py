from hotspot_eval.report.figures.event_study import event_study, event_study_frame
from hotspot_eval.report.figures.forest import forest, forest_frame
from hotspot_eval.report.figures.map import count_map, role_frame, role_map
from hotspot_eval.report.figures.placebo import placebo
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
    "placebo",
    "role_frame",
    "role_map",
    "trend",
    "trend_frame",
]
