"""What the scale and the overlap of sites say about a partition."""

from __future__ import annotations

from collections.abc import Sequence

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from hotspot_eval.data.snap_points import reach_m
from hotspot_eval.results import Check

__all__ = ["SLIVER", "site_checks"]

SLIVER = 1e-6


def site_checks(
    shapes: gpd.GeoDataFrame, radii: tuple[float, ...], snap_m: float
) -> tuple[Check, ...]:
    """Sites above snap-point scale, rings wider than its error, sites apart."""
    reach = reach_m(np.asarray(shapes.geometry.array))
    scale = pd.DataFrame({"site": shapes["site"], "equivalent_radius_m": reach})
    small = list(scale.loc[scale["equivalent_radius_m"] < snap_m, "site"])
    checks = [
        Check(
            name="site above snap-point scale",
            threat="Locations are published at snap points; a smaller site cannot be told apart.",
            status="failed" if small else "passed",
            sentence=f"{len(small)} of {len(scale)} sites are smaller than a circle of "
            f"{snap_m:g} m{_named(small)}.",
            evidence=scale,
        )
    ]
    if radii:
        widths = pd.DataFrame(
            {
                "ring": [f"ring {k}" for k in range(1, len(radii) + 1)],
                "width_m": np.diff([0.0, *radii]),
            }
        )
        narrow = list(widths.loc[widths["width_m"] < snap_m, "ring"])
        checks.append(
            Check(
                name="rings wider than snap-point error",
                threat="In a narrow ring, displaced crime is published inside the site.",
                status="failed" if narrow else "passed",
                sentence=f"{len(narrow)} of {len(widths)} rings are narrower than "
                f"{snap_m:g} m{_named(narrow)}.",
                evidence=widths,
            )
        )
    return (*checks, _overlap_check(shapes))


def _overlap_check(shapes: gpd.GeoDataFrame) -> Check:
    outlines, names = np.asarray(shapes.geometry.array), shapes["site"].to_numpy()
    one, other = shapely.STRtree(outlines).query(outlines, predicate="intersects")
    one, other = one[one < other], other[one < other]
    common = shapely.area(shapely.intersection(outlines[one], outlines[other]))
    least = np.minimum(shapely.area(outlines[one]), shapely.area(outlines[other]))
    hit = common > SLIVER * least
    table = pd.DataFrame(
        {"site": names[one[hit]], "other": names[other[hit]], "area_m2": common[hit]}
    ).sort_values(["site", "other"], ignore_index=True)
    pairs = [f"{a} and {b}" for a, b in zip(table["site"], table["other"], strict=True)]
    return Check(
        name="sites apart",
        threat="Where sites overlap, their effects cannot be told apart.",
        status="failed" if pairs else "passed",
        sentence=f"{len(pairs)} pairs of sites overlap{_named(pairs)}.",
        evidence=table if pairs else pd.DataFrame({"sites": [len(shapes)]}),
    )


def _named(names: Sequence[str]) -> str:
    return f": {', '.join(names[:5])}{', …' if len(names) > 5 else ''}" if names else ""
