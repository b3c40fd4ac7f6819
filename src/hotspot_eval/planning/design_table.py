"""Before an operation: candidate sites and durations side by side, by what they could show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from hotspot_eval.design import Design
from hotspot_eval.errors import InputError, Problem
from hotspot_eval.inference.replay import Rule
from hotspot_eval.panel import Panel, area_ids
from hotspot_eval.planning.power import minimum_detectable_effect

__all__ = ["design_table"]


def design_table(
    panel: Panel,
    *,
    sites: Mapping[str, Sequence[object]],
    durations: Sequence[int],
    rule: Rule,
    rng: np.random.Generator,
    percent: float = -20.0,
    power: float = 0.8,
    pre_periods: int | None = None,
    hours_per_area_period: float | None = None,
) -> pd.DataFrame:
    """Candidate sites × durations: what each would cost and what it could show.

    Parameters
    ----------
    panel : Panel, of one outcome
        The history up to now.
    sites : mapping
        Name of a candidate → its area ids. The rest of their clusters are the controls.
    durations : sequence of int
        Lengths of treatment, in periods.
    rule : callable
        How the areas were (or would be) chosen: see :func:`hotspot_eval.replay`.
    rng : Generator
    percent : float
        Change for which the power is given.
    power : float
        Probability at which the minimum detectable effect is read.
    pre_periods : int, optional
        Baseline; a year by default.
    hours_per_area_period : float, optional
        Dosage; gives officer hours.

    Returns
    -------
    DataFrame
        One row a candidate and duration, best power first: site, areas, duration,
        officer_hours, expected_events, power, mde_percent, mde_crimes, rank, notes.

    Raises
    ------
    InputError
        If nothing is asked for, areas are unknown, or a duration does not fit the panel.

    Notes
    -----
    Each candidate is played as if it had just ended at the panel's last period, so the power is
    that of the latest stretch of data; see ``minimum_detectable_effect``.

    Examples
    --------
    >>> from hotspot_eval.inference import TopK
    >>> rng = np.random.default_rng(1)
    >>> months = pd.period_range("2019-01", periods=48, freq="M").strftime("%Y-%m")
    >>> frame = pd.DataFrame([(f"{b}{i:02}", b, m) for b in "ABCDEF" for i in range(20)
    ...                       for m in months], columns=["area", "borough", "month"])
    >>> frame["count"] = rng.poisson(6.0, len(frame))
    >>> panel = Panel.from_counts(frame, area="area", period="month", count="count",
    ...                           cluster="borough")
    >>> table = design_table(panel, sites={"one": ["A00"], "six": ["B00", "B01", "B02", "B03",
    ...                      "B04", "B05"]}, durations=[3], rule=TopK(k=4, by="random"), rng=rng)
    >>> table["site"].tolist()
    ['six', 'one']
    """
    if not sites or not durations:
        raise InputError(
            Problem(where="arguments 'sites' and 'durations'", what="need at least one entry each")
        )
    wrong = [length for length in durations if not 1 <= length < len(panel.periods)]
    if wrong:
        raise InputError(
            Problem(
                where="argument 'durations'",
                what=f"must lie between 1 and {len(panel.periods) - 1} periods",
                examples=wrong,
            )
        )
    rows = []
    for name, areas in sites.items():
        ids = area_ids(areas)
        for length in durations:
            found = minimum_detectable_effect(
                panel, _played(panel, ids, length, pre_periods), rule=rule, rng=rng, power=power
            )
            hours = None if hours_per_area_period is None else hours_per_area_period * len(ids)
            rows.append(
                {
                    "site": name,
                    "areas": len(ids),
                    "duration": length,
                    "officer_hours": float("nan") if hours is None else hours * length,
                    "expected_events": found.expected_events,
                    "power": found.power_at(percent) if len(found.curve) else float("nan"),
                    "mde_percent": found.percent,
                    "mde_crimes": found.crimes,
                    "notes": "; ".join(found.notes),
                }
            )
    table = pd.DataFrame(rows).sort_values(
        ["power", "site", "duration"], ascending=[False, True, True], ignore_index=True
    )
    table.insert(8, "rank", np.arange(1, len(table) + 1))
    return table


def _played(panel: Panel, areas: list[str], length: int, pre_periods: int | None) -> Design:
    treated = set(areas)
    rows = panel.positions(areas)
    labels = panel.cluster or ("",) * len(panel.areas)
    home = {labels[row] for row in rows}
    return Design(
        treated=areas,
        start=panel.periods.labels[len(panel.periods) - length],
        controls=[
            area
            for area, label in zip(panel.areas, labels, strict=True)
            if label in home and area not in treated
        ],
        pre_periods=pre_periods,
        post_periods=length,
    )
