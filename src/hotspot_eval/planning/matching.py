"""Controls: chosen by the same rule or by likeness, or far enough away."""

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
from hotspot_eval.planning.balance import Balance, balance_of, profiles, standardised

__all__ = [
    "Candidates",
    "MatchedControls",
    "candidates_of",
    "far_controls",
    "matched_controls",
    "nearest",
    "same_rule_controls",
]


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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Candidates:
    """Treated areas, who may be matched to them, and how far apart they are.

    Parameters
    ----------
    treated, pool : ndarray of int, shapes (M,) and (P,)
        Rows of the panel.
    distance : ndarray, shape (M, P)
        Root mean square of standardised differences; infinite where a match is not allowed.
    profiles : DataFrame
        Of every area of the panel.
    """

    treated: NDArray[np.intp]
    pool: NDArray[np.intp]
    distance: NDArray[np.float64]
    profiles: pd.DataFrame


def candidates_of(
    panel: Panel,
    design: Design,
    *,
    per_treated: int,
    within_cluster: bool,
    candidates: Sequence[object] | None = None,
) -> Candidates:
    """Who may be matched; refused where they are too few. Arguments as in matched_controls."""
    if per_treated < 1:
        raise InputError(
            Problem(where="argument 'per_treated'", what=f"must be at least 1, not {per_treated}")
        )
    assignment = design.on(panel)
    treated = assignment.rows("treated")
    onset = int(assignment.first[treated].min())
    if onset < 1:
        raise InputError(Problem(where="panel", what="has no period before the start to match on"))
    pool = assignment.rows("control") if candidates is None else panel.positions(candidates)
    pool = np.setdiff1d(pool, treated)
    labels = np.array(panel.cluster or [""] * len(panel.areas))
    home = labels if within_cluster else np.full(len(labels), "")
    _enough(panel, treated, pool, home, per_treated)
    told = profiles(panel, onset)
    z = standardised(told)
    gap = np.sqrt(np.nanmean((z[treated][:, None, :] - z[pool][None, :, :]) ** 2, axis=2))
    gap[home[treated][:, None] != home[pool][None, :]] = np.inf
    return Candidates(treated=treated, pool=pool, distance=gap, profiles=told)


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
    found = candidates_of(
        panel, design, per_treated=per_treated, within_cluster=within_cluster, candidates=candidates
    )
    rows = nearest(found, per_treated)
    chosen = np.array(sorted(row[1] for row in rows), dtype=np.intp)
    pairs = pd.DataFrame(
        [(panel.areas[t], panel.areas[c], distance) for t, c, distance in rows],
        columns=["treated", "control", "distance"],
    ).sort_values(["treated", "distance"], ignore_index=True)
    return MatchedControls(
        controls=tuple(panel.areas[row] for row in chosen),
        pairs=pairs,
        balance=balance_of(found.profiles, found.treated, chosen),
    )


def nearest(found: Candidates, per_treated: int) -> list[tuple[int, int, float]]:
    """(treated, control, distance) of each match; who is furthest from everybody chooses first."""
    gap = found.distance.copy()
    rows = []
    for _ in range(per_treated):
        for place in np.argsort(-gap.min(axis=1), kind="stable"):
            near = int(gap[place].argmin())
            rows.append((int(found.treated[place]), int(found.pool[near]), float(gap[place, near])))
            gap[:, near] = np.inf
    return rows


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
