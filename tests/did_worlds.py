"""Small random panels and an obvious slow estimator to hold the fast one against."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from hotspot_eval.design import Design, Spell
from hotspot_eval.did import Switchers, switchers
from hotspot_eval.panel import Panel


def month(t: int) -> str:
    return f"{2020 + t // 12}-{t % 12 + 1:02d}"


def area(i: int) -> str:
    return f"A{i:04d}"


def panel_of(
    y: np.ndarray,
    *,
    observed: np.ndarray | None = None,
    base: np.ndarray | None = None,
    cluster: Sequence[object] | None = None,
    values: bool = False,
) -> Panel:
    """A monthly panel of the array, shape (N, T)."""
    n, t = y.shape
    frame = pd.DataFrame(
        {
            "area": np.repeat([area(i) for i in range(n)], t),
            "month": np.tile([month(k) for k in range(t)], n),
            "y": y.ravel(),
        }
    )
    extra = {}
    if base is not None:
        frame["base"] = base.ravel()
        extra["offset_base"] = "base"
    if cluster is not None:
        frame["cluster"] = np.repeat([str(c) for c in cluster], t)
        extra["cluster"] = "cluster"
    if values:
        return Panel.from_values(frame, area="area", period="month", value="y", **extra)
    if observed is not None:
        frame.loc[~observed.ravel(), "y"] = np.nan
    return Panel.from_counts(frame, area="area", period="month", count="y", **extra)


def staggered(starts: dict[int, int], **windows: int) -> Design:
    return Design(
        treated=[area(i) for i in starts],
        start={area(i): month(t) for i, t in starts.items()},
        **windows,
    )


def long_frame(panel: Panel, design: Design) -> pd.DataFrame:
    """Used and observed cells of treated and control areas with the treatment share."""
    assignment = design.on(panel)
    y, observed = panel.single()
    keep = assignment.used & observed
    keep &= np.isin(assignment.role, ["treated", "control"])[:, None]
    rows, when = np.nonzero(keep)
    frame = pd.DataFrame(
        {
            "area": rows,
            "period": when,
            "y": y[keep],
            "D": assignment.treatment[keep],
            "first": assignment.first[rows],
        }
    )
    if panel.offset_base is not None:
        frame["log_base"] = np.log(panel.offset_base[keep])
    return frame


def dummies(frame: pd.DataFrame) -> np.ndarray:
    """Treatment, area and period indicators as one dense matrix."""
    areas = pd.get_dummies(frame["area"]).to_numpy(float)
    periods = pd.get_dummies(frame["period"]).to_numpy(float)[:, 1:]
    return np.column_stack([frame["D"], areas, periods])


def slow_poisson(frame: pd.DataFrame) -> float:
    """Log rate ratio by plain Newton steps on every dummy."""
    while True:
        total = frame.groupby("area")["y"].transform("sum")
        monthly = frame.groupby("period")["y"].transform("sum")
        if ((total > 0) & (monthly > 0)).all():
            break
        frame = frame[(total > 0) & (monthly > 0)]
    x, y = dummies(frame), frame["y"].to_numpy()
    offset = frame.get("log_base", pd.Series(0.0, index=frame.index)).to_numpy()
    theta = np.linalg.lstsq(x, np.log(y + 0.5) - offset, rcond=None)[0]
    for _ in range(100):
        mean = np.exp(x @ theta + offset)
        step = np.linalg.lstsq((x.T * mean) @ x, x.T @ (y - mean), rcond=1e-13)[0]
        theta += step * min(1.0, 2.0 / max(np.abs(step).max(), 1e-12))
        if np.abs(step).max() < 1e-12:
            break
    return float(theta[0])


def slow_linear(frame: pd.DataFrame) -> float:
    """Coefficient of treatment by least squares on every dummy."""
    return float(np.linalg.lstsq(dummies(frame), frame["y"].to_numpy(), rcond=None)[0][0])


def switchers_of_deregulation(frame: pd.DataFrame) -> Switchers:
    """Eight effects and three placebos by state, as the README of did_multiplegt_dyn asks for them.

    ``frame`` is moderndid's of Favara & Imbs (2015), or some of its counties.
    """
    frame = frame.assign(state=frame["state_n"].astype(str))
    panel = Panel.from_values(
        frame, area="county", period="year", value="Dl_vloans_b", cluster="state"
    )
    spells = [
        Spell(area=str(row.county), start=str(row.year), end=str(row.year), dose=row.inter_bra)
        for row in frame.itertuples()
        if row.inter_bra > 0
    ]
    return switchers(
        panel,
        Design(spells=spells),
        unit="dose",
        effects=8,
        placebos=3,
        same_switchers=True,
        cluster="cluster",
    )
