"""Controls: chosen by the same rule or by likeness, far enough away, and shown to be alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hotspot_eval.design import Design
from hotspot_eval.errors import InputError, Problem
from hotspot_eval.inference.replay import TopK
from hotspot_eval.panel import Panel
from hotspot_eval.results import Check

__all__ = [
    "Balance",
    "MatchedControls",
    "balance",
    "far_controls",
    "matched_controls",
    "same_rule_controls",
]

Vector = NDArray[np.float64]
_NAME = "balance of controls"
_THREAT = "Controls unlike the treated areas would have gone another way anyway."
_POOR = 0.25
_MEASURES = ("level", "trend", "recent rise")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Balance:
    """Treated areas beside their controls and beside all areas, before the operation.

    Parameters
    ----------
    table : DataFrame
        One row a measure: treated, controls, all_areas (means), difference (treated − controls, in
        standard deviations over all areas).
    check : Check
        Failed, with a refusal sentence, where a difference exceeds a quarter of a standard
        deviation.
    """

    table: pd.DataFrame
    check: Check

    def to_frame(self) -> pd.DataFrame:
        """One row a measure, three columns of means and the standardised difference."""
        return self.table.copy()

    def __repr__(self) -> str:
        return f"Balance({self.check.sentence})"

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class MatchedControls:
    """Control areas matched to the treated ones.

    Parameters
    ----------
    controls : tuple of str
        Area ids, in the panel's order.
    pairs : DataFrame
        One row a treated area and match: treated, control, distance.
    balance : Balance
    """

    controls: tuple[str, ...]
    pairs: pd.DataFrame
    balance: Balance

    def to_frame(self) -> pd.DataFrame:
        """One row a pair."""
        return self.pairs.copy()

    def __repr__(self) -> str:
        return f"MatchedControls({len(self.controls)} areas; {self.balance.check.sentence})"

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>"


def balance(panel: Panel, design: Design) -> Balance:
    """Level, trend, recent rise and season of treated, control and all areas before the start.

    Parameters
    ----------
    panel : Panel, of one outcome
    design : Design

    Returns
    -------
    Balance
        Its check is not assessed if fewer than six periods lie before the first start, or there
        are no controls.

    Notes
    -----
    Read from the start of the panel to the last period before the first treated one. Level: mean
    count a period. Trend: least-squares slope over the level, a year. Recent rise: last three
    months over the level, less 1. Season: share of the level in each quarter of the year, as far
    as the history holds whole years. A difference is in standard deviations over all areas.

    Examples
    --------
    >>> frame = pd.DataFrame([(a, t, 10 * (a == "A") + t % 3) for a in "ABC" for t in range(12)],
    ...                      columns=["area", "period", "n"])
    >>> panel = Panel.from_counts(frame, area="area", period="period", count="n")
    >>> balance(panel, Design(treated=["A"], start=9)).check.status
    'failed'
    """
    assignment = design.on(panel)
    treated, controls = assignment.rows("treated"), assignment.rows("control")
    onset = int(assignment.first[treated].min())
    if onset < 6 or not len(controls):
        why = f"{onset} periods lie before the start, where six are needed"
        return _unassessed(why if onset < 6 else "there is no control area")
    return _balance(_profiles(panel, onset), treated, controls)


def matched_controls(
    panel: Panel,
    design: Design,
    *,
    per_treated: int = 1,
    within_cluster: bool = True,
    candidates: Sequence[object] | None = None,
) -> MatchedControls:
    """Controls nearest to the treated areas in level, trend, recent rise and season.

    Parameters
    ----------
    panel : Panel, of one outcome
    design : Design
        Its controls are the candidates unless ``candidates`` names others.
    per_treated : int
        Matches of each treated area, without replacement.
    within_cluster : bool
        Match inside the treated area's own cluster only.
    candidates : sequence of area ids, optional

    Returns
    -------
    MatchedControls

    Raises
    ------
    InputError
        If a treated area has too few candidates.

    Notes
    -----
    Distance is the root mean square of standardised differences of log level, trend, recent rise
    and seasonal shares; treated areas choose in order of how far their nearest candidate is,
    furthest first. Matching on recent counts does not undo selection on recent counts: the same
    rule does, see ``replay``.

    Examples
    --------
    >>> frame = pd.DataFrame([(a, t, m + t % 3) for a, m in zip("ABCD", (9, 1, 8, 2))
    ...                       for t in range(12)], columns=["area", "period", "n"])
    >>> panel = Panel.from_counts(frame, area="area", period="period", count="n")
    >>> matched_controls(panel, Design(treated=["A"], start=9)).controls
    ('C',)
    """
    if per_treated < 1:
        raise InputError(
            Problem(where="argument 'per_treated'", what=f"must be at least 1, not {per_treated}")
        )
    assignment = design.on(panel)
    treated = assignment.rows("treated")
    onset = int(assignment.first[treated].min())
    pool = assignment.rows("control") if candidates is None else panel.positions(candidates)
    pool = np.setdiff1d(pool, treated)
    labels = np.array(panel.cluster or [""] * len(panel.areas))
    home = labels if within_cluster else np.full(len(labels), "")
    _enough(panel, treated, pool, home, per_treated)
    profiles = _profiles(panel, onset)
    z = _standardised(profiles)
    gap = np.sqrt(np.nanmean((z[treated][:, None, :] - z[pool][None, :, :]) ** 2, axis=2))
    gap[home[treated][:, None] != home[pool][None, :]] = np.inf
    rows = []
    for _ in range(per_treated):
        for place in np.argsort(-gap.min(axis=1), kind="stable"):
            near = int(gap[place].argmin())
            rows.append((treated[place], pool[near], float(gap[place, near])))
            gap[:, near] = np.inf
    chosen = np.array(sorted(row[1] for row in rows), dtype=np.intp)
    pairs = pd.DataFrame(
        [(panel.areas[t], panel.areas[c], distance) for t, c, distance in rows],
        columns=["treated", "control", "distance"],
    ).sort_values(["treated", "distance"], ignore_index=True)
    return MatchedControls(
        controls=tuple(panel.areas[row] for row in chosen),
        pairs=pairs,
        balance=_balance(profiles, treated, chosen),
    )


def same_rule_controls(
    panel: Panel, design: Design, *, rule: TopK, rng: np.random.Generator
) -> tuple[str, ...]:
    """The areas that the same rule would have chosen next: as many again in each cluster.

    Parameters
    ----------
    panel : Panel, of one outcome
    design : Design
        With one start; only its controls can be chosen.
    rule : TopK
        The rule by which the treated areas were chosen.
    rng : Generator

    Raises
    ------
    InputError
        If the treated areas start at different times, or the rule names no control.

    Notes
    -----
    Areas just below the cut regress to the mean almost as far as those above it, which areas far
    below do not.

    Examples
    --------
    >>> frame = pd.DataFrame([(a, t, m) for a, m in zip("ABCD", (9, 1, 8, 2)) for t in range(6)],
    ...                      columns=["area", "period", "n"])
    >>> panel = Panel.from_counts(frame, area="area", period="period", count="n")
    >>> same_rule_controls(panel, Design(treated=["A"], start=4), rule=TopK(k=1),
    ...                    rng=np.random.default_rng(0))
    ('C',)
    """
    assignment = design.on(panel)
    treated = assignment.rows("treated")
    onsets = np.unique(assignment.first[treated])
    if len(onsets) != 1:
        raise InputError(
            Problem(
                where="design",
                what="treated areas start at different times",
                examples=[panel.periods.labels[t] for t in onsets],
                advice="Choose controls for each start on its own.",
            )
        )
    longer = replace(rule, k=2 * rule.k)
    ranked = longer(panel, panel.periods.labels[int(onsets[0])], rng)
    allowed = {panel.areas[row] for row in assignment.rows("control")}
    chosen = tuple(area for area in ranked if area in allowed)
    if not chosen:
        raise InputError(Problem(where="rule", what="names no control next to the treated areas"))
    return chosen


def far_controls(
    panel: Panel, design: Design, *, centroids: pd.DataFrame, at_least_m: float
) -> tuple[str, ...]:
    """The design's controls whose centroid lies at least so far from every treated area's.

    Parameters
    ----------
    panel : Panel
    design : Design
    centroids : DataFrame
        Indexed by area id, with columns ``x`` and ``y`` in metres (British National Grid).
    at_least_m : float
        Distance in metres, above 0.

    Raises
    ------
    InputError
        If areas have no centroid, the distance is not positive, or no control is that far away.

    Examples
    --------
    >>> frame = pd.DataFrame([(a, t, 1) for a in "ABC" for t in range(3)],
    ...                      columns=["area", "period", "n"])
    >>> panel = Panel.from_counts(frame, area="area", period="period", count="n")
    >>> places = pd.DataFrame({"x": [0.0, 300.0, 900.0], "y": 0.0}, index=list("ABC"))
    >>> far_controls(panel, Design(treated=["A"], start=2), centroids=places, at_least_m=500)
    ('C',)
    """
    if not at_least_m > 0:
        raise InputError(
            Problem(where="argument 'at_least_m'", what=f"must be above 0, not {at_least_m}")
        )
    absent = [column for column in ("x", "y") if column not in centroids]
    assignment = design.on(panel)
    treated, controls = assignment.rows("treated"), assignment.rows("control")
    known = {str(area) for area in centroids.index}
    lost = [panel.areas[r] for r in (*treated, *controls) if panel.areas[r] not in known]
    problems = [Problem(where="argument 'centroids'", what=f"has no column '{c}'") for c in absent]
    if lost:
        problems.append(
            Problem(where="argument 'centroids'", what="has no row for areas", examples=lost)
        )
    if problems:
        raise InputError(*problems)
    points = centroids.set_axis([str(area) for area in centroids.index])[["x", "y"]]
    here = points.loc[[panel.areas[r] for r in treated]].to_numpy(dtype=np.float64)
    there = points.loc[[panel.areas[r] for r in controls]].to_numpy(dtype=np.float64)
    nearest = np.sqrt(((there[:, None, :] - here[None, :, :]) ** 2).sum(axis=2)).min(axis=1)
    kept = tuple(panel.areas[row] for row in controls[nearest >= at_least_m])
    if not kept:
        raise InputError(
            Problem(
                where="argument 'at_least_m'",
                what=f"no control lies {at_least_m:.0f} m away; the furthest is "
                f"{nearest.max():.0f} m",
            )
        )
    return kept


def _profiles(panel: Panel, onset: int) -> pd.DataFrame:
    """Measures of every area from its history; one column a measure."""
    counts, observed = panel.single()
    before = np.where(observed, counts, np.nan)[:, :onset]
    per_year = {"week": 52, "four_week": 13, "month": 12}.get(panel.periods.frequency, 12)
    quarter = max(1, per_year // 4)
    level = np.nanmean(before, axis=1)
    safe = np.maximum(level, 0.5 / onset)
    time = np.arange(onset) - (onset - 1) / 2
    slope = np.nansum(before * time, axis=1) / (time**2).sum()
    table = {
        "level": level,
        "trend": slope * per_year / safe,
        "recent rise": np.nanmean(before[:, -quarter:], axis=1) / safe - 1.0,
    }
    years = onset // per_year
    if years and per_year >= 4:
        recent = before[:, onset - years * per_year :].reshape(len(before), years, per_year)
        months = panel.periods.starts[onset - per_year : onset].astype("datetime64[M]").astype(int)
        for number in range(4):
            share = np.nanmean(recent[:, :, months % 12 // 3 == number], axis=(1, 2)) / safe
            table[f"season, quarter {number + 1}"] = share
    return pd.DataFrame(table)


def _standardised(profiles: pd.DataFrame) -> Vector:
    told = profiles.copy()
    told["level"] = np.log(told["level"] + 0.1)
    spread = told.std(ddof=0).replace(0.0, 1.0)
    return ((told - told.mean()) / spread).to_numpy(dtype=np.float64)


def _balance(
    profiles: pd.DataFrame, treated: NDArray[np.intp], controls: NDArray[np.intp]
) -> Balance:
    spread = profiles.std(ddof=0).replace(0.0, 1.0)
    here, there = profiles.iloc[treated].mean(), profiles.iloc[controls].mean()
    table = pd.DataFrame(
        {
            "measure": profiles.columns,
            "treated": here.to_numpy(),
            "controls": there.to_numpy(),
            "all_areas": profiles.mean().to_numpy(),
            "difference": ((here - there) / spread).to_numpy(),
        }
    )
    main = table[table["measure"].isin(_MEASURES)]
    worst = main.iloc[int(main["difference"].abs().to_numpy().argmax())]
    size = abs(float(worst["difference"]))
    poor = size > _POOR
    sentence = (
        f"These controls are not like the treated areas before the operation: {worst['measure']} "
        f"differs by {size:.2f} standard deviations. A plain before-after comparison with them is "
        "not to be read as an effect."
        if poor
        else f"Treated and controls differ by at most {size:.2f} standard deviations before the "
        f"operation ({worst['measure']})."
    )
    return Balance(
        table=table,
        check=Check(
            name=_NAME,
            threat=_THREAT,
            status="failed" if poor else "passed",
            sentence=sentence,
            evidence=table,
        ),
    )


def _unassessed(why: str) -> Balance:
    columns = ["measure", "treated", "controls", "all_areas", "difference"]
    sentence = f"{why[:1].upper()}{why[1:]}."
    return Balance(
        table=pd.DataFrame(columns=columns),
        check=Check(name=_NAME, threat=_THREAT, status="not assessed", sentence=sentence),
    )


def _enough(
    panel: Panel,
    treated: NDArray[np.intp],
    pool: NDArray[np.intp],
    home: NDArray[np.str_],
    per_treated: int,
) -> None:
    short = []
    for label in np.unique(home[treated]):
        wanted = per_treated * int((home[treated] == label).sum())
        there = int((home[pool] == label).sum())
        if there < wanted:
            short.append(f"{label or 'panel'}: {there} candidates for {wanted} matches")
    if short:
        raise InputError(
            Problem(
                where="candidates",
                what="are too few to match without replacement",
                examples=short,
                advice="Lower per_treated, or match across clusters.",
            )
        )
