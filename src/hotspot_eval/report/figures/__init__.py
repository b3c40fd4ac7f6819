from hotspot_eval.report.figures.forest import forest, forest_frame

__all__ = ["forest", "forest_frame"]
