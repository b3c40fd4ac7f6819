"""Before an operation: candidate sites and durations side by side, by what they could show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from hotspot_eval.design import Design
from hotspot_eval.errors import InputError, Problem
from hotspot_eval.inference.replay import Rule
from hotspot_eval.panel import Panel, area_ids
from hotspot_eval.periods import PeriodLike
from hotspot_eval.planning.balance import balance
from hotspot_eval.planning.power import minimum_detectable_effect

__all__ = ["Dosage", "design_rows", "design_table", "played", "ranked"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dosage:
    """What is put into a place, and what one hopes that it does.

    Parameters
    ----------
    percent : float
        Change that is hoped for, in [−95, 0).
    hours_per_area_period : float, optional
        Officer hours in each treated area and period; 0 or more.

    Raises
    ------
    InputError
        If one of them is out of range.
    """

    percent: float = -20.0
    hours_per_area_period: float | None = None

    def __post_init__(self) -> None:
        problems = []
        if not -95 <= self.percent < 0:
            problems.append(
                Problem(where="dosage, percent", what=f"must lie in [−95, 0), not {self.percent}")
            )
        hours = self.hours_per_area_period
        if hours is not None and not (np.isfinite(hours) and hours >= 0):
            problems.append(Problem(where="dosage, hours", what=f"must be 0 or more, not {hours}"))
        if problems:
            raise InputError(*problems)


def design_table(
    panel: Panel,
    *,
    sites: Mapping[str, Sequence[object]],
    durations: Sequence[int],
    rule: Rule,
    rng: np.random.Generator,
    dosages: Sequence[Dosage] = (Dosage(),),
    power: float = 0.8,
    pre_periods: int | None = None,
    breaks: Sequence[PeriodLike] = (),
) -> pd.DataFrame:
    """Candidate sites × durations × dosages: what each would cost and what it could show.

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
    dosages : sequence of Dosage
        Officer hours, and the change hoped for at which the power is given.
    power : float
        Probability at which the minimum detectable effect is read.
    pre_periods : int, optional
        Baseline; a year by default.
    breaks : sequence of period
        As in ``replay``.

    Returns
    -------
    DataFrame
        One row a candidate, duration and dosage, best power first, the cheaper first among equals:
        site, areas, duration, officer_hours, expected_events, hoped_percent, power, mde_percent,
        mde_crimes, worst_difference (of level, trend and recent rise against the controls, in
        standard deviations: how well they fit), rank, notes.

    Raises
    ------
    InputError
        If nothing is asked for, areas are unknown, or a duration does not fit the panel.

    Notes
    -----
    Each candidate is played as if it had just ended at the panel's last period, so the power is
    that of the latest stretch of data; see ``minimum_detectable_effect``. It is out of sample: the
    reference distribution holds other places and earlier dates. A dosage moves the power by the
    change hoped for alone; what hours do to crime is for the reader to say.

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
    if not sites or not durations or not dosages:
        raise InputError(
            Problem(
                where="arguments 'sites', 'durations' and 'dosages'",
                what="need at least one entry each",
            )
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
            design = played(panel, ids, length, pre_periods)
            rows += design_rows(
                panel, design, name=name, duration=length, rule=rule, rng=rng, dosages=dosages,
                power=power, breaks=breaks,
            )  # fmt: skip
    return ranked(rows)


def design_rows(
    panel: Panel,
    design: Design,
    *,
    name: str,
    duration: int,
    rule: Rule,
    rng: np.random.Generator,
    dosages: Sequence[Dosage],
    power: float = 0.8,
    breaks: Sequence[PeriodLike] = (),
) -> list[dict[str, object]]:
    """One row a dosage of one design; arguments as in :func:`design_table`."""
    found = minimum_detectable_effect(panel, design, rule=rule, rng=rng, power=power, breaks=breaks)
    fit = balance(panel, design).worst
    areas = len(design.treated)
    rows: list[dict[str, object]] = []
    for dosage in dosages:
        hours = dosage.hours_per_area_period
        rows.append(
            {
                "site": name,
                "areas": areas,
                "duration": duration,
                "officer_hours": np.nan if hours is None else hours * areas * duration,
                "expected_events": found.expected_events,
                "hoped_percent": dosage.percent,
                "power": found.power_at(dosage.percent) if len(found.curve) else np.nan,
                "mde_percent": found.percent,
                "mde_crimes": found.crimes,
                "worst_difference": fit,
                "notes": "; ".join(found.notes),
            }
        )
    return rows


def ranked(rows: Sequence[Mapping[str, object]]) -> pd.DataFrame:
    """The rows as a table, best power first and the cheaper first among equals."""
    table = pd.DataFrame(rows)
    order = ["power", "officer_hours", "site", "duration"]
    table = table.sort_values(order, ascending=[False, True, True, True], ignore_index=True)
    table["rank"] = np.arange(1, len(table) + 1)
    return table[[*(name for name in table.columns if name != "notes"), "notes"]]


def played(panel: Panel, areas: Sequence[str], length: int, pre_periods: int | None) -> Design:
    """These areas treated in the panel's last periods, against the rest of their clusters."""
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
