"""What a design looks like before anything is estimated: areas and events by role."""

from __future__ import annotations

import numpy as np
import pandas as pd

from hotspot_eval.design import Design, Role
from hotspot_eval.panel import Panel

__all__ = ["role_table", "selection_ranks"]

_ROLES: tuple[Role, ...] = ("treated", "catchment", "control", "excluded")


def role_table(panel: Panel, design: Design) -> pd.DataFrame:
    """Areas and events of each role, before and from the start.

    Parameters
    ----------
    panel : Panel
        One outcome.
    design : Design

    Returns
    -------
    DataFrame
        One row a role: ``role``, ``areas``, ``events_before`` and ``events_after`` in the cells of
        the windows, and each per area and period. Controls and catchment areas have no start of
        their own: they are split at the earliest one.

    Examples
    --------
    >>> frame = pd.DataFrame({"area": list("AABB"), "month": ["2022-01", "2022-02"] * 2,
    ...                       "events": [4, 1, 2, 2]})
    >>> panel = Panel.from_counts(frame, area="area", period="month", count="events")
    >>> role_table(panel, Design(treated=["A"], start="2022-02"))["events_after"].tolist()
    [1, 2]
    """
    counts, observed = panel.single()
    laid = design.on(panel)
    used = laid.used & observed
    first = np.where(laid.role == "treated", laid.first, laid.first.min())
    after = np.arange(counts.shape[1]) >= first[:, None]
    rows = []
    for role in _ROLES:
        mine = laid.role == role
        if not mine.any():
            continue
        row: dict[str, object] = {"role": role, "areas": int(mine.sum())}
        for name, when in (("before", ~after), ("after", after)):
            cells = used & when & mine[:, None]
            row[f"events_{name}"] = int(counts[cells].sum())
            row[f"per_area_period_{name}"] = float(counts[cells].mean()) if cells.any() else np.nan
        rows.append(row)
    return pd.DataFrame(rows)


def selection_ranks(panel: Panel, design: Design, *, lookback: int) -> pd.DataFrame:
    """Where the treated areas stood when they were chosen, and where they stand at the end.

    Parameters
    ----------
    panel : Panel
        One outcome.
    design : Design
    lookback : int
        Periods before each area's start, and at the end of the panel, that are added up.

    Returns
    -------
    DataFrame
        One row a treated area: ``area``, ``cluster``, ``of`` (areas in its cluster),
        ``events_when_chosen`` and ``rank_when_chosen`` among them (1 is most, ties share the
        better rank), ``events_lately`` and ``rank_lately``. Missing counts count as none.
    """
    counts, observed = panel.single()
    seen = np.where(observed, counts, 0.0)
    laid = design.on(panel)
    cluster = np.array(panel.cluster if panel.cluster is not None else [""] * len(panel.areas))
    rows = []
    for i in laid.rows("treated"):
        mates = cluster == cluster[i]
        row: dict[str, object] = {
            "area": panel.areas[i],
            "cluster": cluster[i],
            "of": int(mates.sum()),
        }
        for name, stop in (("when_chosen", int(laid.first[i])), ("lately", counts.shape[1])):
            events = seen[:, max(0, stop - lookback) : stop].sum(axis=1)
            row[f"events_{name}"] = int(events[i])
            row[f"rank_{name}"] = int((events[mates] > events[i]).sum()) + 1
        rows.append(row)
    return pd.DataFrame(rows)
