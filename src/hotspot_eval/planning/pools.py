"""Control pools: the same question against other controls, and against many matched sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from html import escape

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hotspot_eval.design import Design, Estimator
from hotspot_eval.errors import InputError, Problem
from hotspot_eval.inference.curve import ControlPool
from hotspot_eval.inference.curve_null import DECLARED
from hotspot_eval.inference.replay import TopK
from hotspot_eval.panel import Panel
from hotspot_eval.planning.balance import Balance, balance, balance_of, not_assessed
from hotspot_eval.planning.matching import (
    Candidates,
    candidates_of,
    far_controls,
    nearest,
    same_rule_controls,
)
from hotspot_eval.results import Check

__all__ = ["MatchedSets", "balances", "control_pools", "matched_sets"]

_NAME = "matched controls"
_THREAT = "The result may hang on which of many like controls was taken."
_AGREE = 0.9


def control_pools(
    *,
    rule: TopK | None = None,
    centroids: pd.DataFrame | None = None,
    at_least_m: float | None = None,
    per_treated: int = 2,
) -> dict[str, ControlPool]:
    """Other control pools than the declared one, for :func:`hotspot_eval.specification_curve`.

    Parameters
    ----------
    rule : TopK, optional
        Adds "next in rank": the areas that the rule would have chosen next.
    centroids : DataFrame, optional
        Indexed by area id, with columns ``x`` and ``y`` in metres; with ``at_least_m`` adds the
        declared controls that lie at least so far from every treated area.
    at_least_m : float, optional
        Metres.
    per_treated : int
        Matches of each treated area, for the two matched pools.

    Returns
    -------
    dict of name to function
        Each takes a panel and a design and gives area ids, so that placebo designs are compared
        with pools chosen for them: "matched in level, trend and season" (from the declared
        controls), "all areas without a role", "next in rank", "at least … m away".

    Raises
    ------
    InputError
        If one of ``centroids`` and ``at_least_m`` comes without the other, or ``rule`` draws by
        lot.

    Examples
    --------
    >>> list(control_pools(rule=TopK(k=3)))
    ['matched in level, trend and season', 'all areas without a role', 'next in rank']
    """
    if (centroids is None) != (at_least_m is None):
        raise InputError(
            Problem(
                where="arguments 'centroids' and 'at_least_m'", what="come together or not at all"
            )
        )
    if rule is not None and rule.by == "random":
        raise InputError(
            Problem(where="argument 'rule'", what="draws by lot: nobody is next in rank")
        )
    pools: dict[str, ControlPool] = {
        "matched in level, trend and season": partial(_matched, per_treated=per_treated),
        "all areas without a role": _everybody,
    }
    if rule is not None:
        pools["next in rank"] = partial(_next_in_rank, rule=rule)
    if centroids is not None and at_least_m is not None:
        name = f"at least {at_least_m:g} m away"
        pools[name] = partial(far_controls, centroids=centroids, at_least_m=at_least_m)
    return pools


def balances(
    panel: Panel, design: Design, *, pools: Mapping[str, ControlPool]
) -> dict[str, Balance]:
    """Balance of the declared controls ("as declared") and of every other pool.

    Parameters
    ----------
    panel : Panel, of one outcome
    design : Design
    pools : mapping of name to function
        Of :func:`control_pools`.

    Returns
    -------
    dict of name to Balance
        A pool that cannot be had is there too, not assessed, with the reason.

    Examples
    --------
    >>> frame = pd.DataFrame([(a, t, m + t % 3) for a, m in zip("ABCD", (9, 1, 9, 2))
    ...                       for t in range(12)], columns=["area", "period", "n"])
    >>> panel = Panel.from_counts(frame, area="area", period="period", count="n")
    >>> found = balances(panel, Design(treated=["A"], start=9), pools=control_pools(per_treated=1))
    >>> [one.check.status for one in found.values()]
    ['failed', 'passed', 'failed']
    """
    found = {DECLARED: balance(panel, design)}
    for name, pool in pools.items():
        try:
            found[name] = balance(panel, _against(design, [str(a) for a in pool(panel, design)]))
        except InputError as error:
            found[name] = not_assessed(str(error))
    return found


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class MatchedSets:
    """One estimate for each of many matched sets of controls.

    Parameters
    ----------
    estimate : float
        Against the declared controls.
    table : DataFrame
        One row a set: estimate, controls (how many), worst_difference (of level, trend and recent
        rise, in standard deviations).
    summary : DataFrame
        One row: sets, distinct, median, low and high (middle 95 %), same_sign (share with the sign
        of the declared estimate), well_balanced (share whose worst difference is at most .25).
    check : Check
        Failed where fewer than nine tenths of the sets have the declared sign; not assessed, with
        the reason, where there are too few candidates.
    """

    estimate: float
    table: pd.DataFrame
    summary: pd.DataFrame
    check: Check

    def to_frame(self) -> pd.DataFrame:
        """One row a set."""
        return self.table.copy()

    def __repr__(self) -> str:
        return f"MatchedSets({self.check.sentence})"

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>"


def matched_sets(
    panel: Panel,
    design: Design,
    *,
    estimator: Estimator,
    rng: np.random.Generator,
    sets: int = 200,
    nearest: int = 6,
    per_treated: int = 2,
    within_cluster: bool = True,
) -> MatchedSets:
    """The estimate against many sets of matched controls: how much hangs on which one was taken.

    Parameters
    ----------
    panel : Panel, of one outcome
    design : Design
        Its controls are the candidates.
    estimator : Estimator
    rng : Generator
        Draws each set.
    sets : int
    nearest : int
        Each treated area draws its matches, without replacement, among this many of its nearest
        candidates that are still free.
    per_treated : int
    within_cluster : bool

    Returns
    -------
    MatchedSets

    Raises
    ------
    InputError
        If ``sets`` is below 1 or ``nearest`` below ``per_treated``.

    Notes
    -----
    The spread over sets is not a standard error: it says how much the choice among equally good
    controls matters, and nothing of chance in the counts.

    Examples
    --------
    >>> from hotspot_eval.did import PoissonDid
    >>> frame = pd.DataFrame([(a, t, 5 + (i * t) % 4) for i, a in enumerate("ABCDEFGH")
    ...                       for t in range(12)], columns=["area", "period", "n"])
    >>> panel = Panel.from_counts(frame, area="area", period="period", count="n")
    >>> found = matched_sets(panel, Design(treated=["A"], start=9), estimator=PoissonDid(),
    ...                      rng=np.random.default_rng(0), sets=20)
    >>> len(found.table), int(found.table["controls"].iloc[0])
    (20, 2)
    """
    problems = []
    if sets < 1:
        problems.append(Problem(where="argument 'sets'", what=f"must be at least 1, not {sets}"))
    if nearest < per_treated:
        problems.append(
            Problem(
                where="argument 'nearest'",
                what=f"must be at least per_treated ({per_treated}), not {nearest}",
            )
        )
    if problems:
        raise InputError(*problems)
    try:
        found = candidates_of(panel, design, per_treated=per_treated, within_cluster=within_cluster)
    except InputError as error:
        return _no_sets(panel, design, estimator, str(error))
    drawn = [_draw(found, nearest, per_treated, rng) for _ in range(sets)]
    distinct = len({rows.tobytes() for rows in drawn})
    if sets > 1 and distinct == 1:
        return _no_sets(panel, design, estimator, "There is one set only to draw.")
    designs = [_against(design, [panel.areas[row] for row in rows]) for rows in drawn]
    values = estimator.many(panel, [design, *designs])
    worst = [balance_of(found.profiles, found.treated, rows).worst for rows in drawn]
    table = pd.DataFrame(
        {
            "estimate": values[1:],
            "controls": [len(rows) for rows in drawn],
            "worst_difference": worst,
        }
    )
    estimate = float(values[0])
    summary = _summary(table, estimate, distinct)
    return MatchedSets(
        estimate=estimate, table=table, summary=summary, check=_check(summary, estimate)
    )


def _no_sets(panel: Panel, design: Design, estimator: Estimator, why: str) -> MatchedSets:
    check = Check(name=_NAME, threat=_THREAT, status="not assessed", sentence=why)
    return MatchedSets(
        estimate=float(estimator.many(panel, [design])[0]),
        table=pd.DataFrame(columns=["estimate", "controls", "worst_difference"]),
        summary=pd.DataFrame(
            columns=[
                "sets", "distinct", "median", "low", "high", "same_sign", "well_balanced",
            ]
        ),
        check=check,
    )  # fmt: skip


def _check(summary: pd.DataFrame, estimate: float) -> Check:
    row = summary.iloc[0]
    return Check(
        name=_NAME,
        threat=_THREAT,
        status="passed" if row["same_sign"] >= _AGREE else "failed",
        sentence=f"Against {int(row['sets'])} draws of matched controls, {int(row['distinct'])} "
        "of them different sets, the estimate has its "
        f"median at {row['median']:.3f} and its middle 95 % from {row['low']:.3f} to "
        f"{row['high']:.3f} ({estimate:.3f} as declared); {row['same_sign']:.0%} have its sign, "
        f"{row['well_balanced']:.0%} of the sets are well balanced.",
        evidence=summary,
    )


def _summary(table: pd.DataFrame, estimate: float, distinct: int) -> pd.DataFrame:
    drawn = table["estimate"]
    return pd.DataFrame(
        {
            "sets": [len(drawn)],
            "distinct": [distinct],
            "median": [drawn.median()],
            "low": [drawn.quantile(0.025)],
            "high": [drawn.quantile(0.975)],
            "same_sign": [float((np.sign(drawn) == np.sign(estimate)).mean())],
            "well_balanced": [float((table["worst_difference"] <= 0.25).mean())],
        }
    )


def _draw(
    found: Candidates, reach: int, per_treated: int, rng: np.random.Generator
) -> NDArray[np.intp]:
    """One set: treated areas choose in random order among their nearest free candidates."""
    free = found.distance.copy()
    chosen: list[int] = []
    for _ in range(per_treated):
        for place in rng.permutation(len(found.treated)):
            order = np.argsort(free[place], kind="stable")[:reach]
            allowed = order[np.isfinite(free[place, order])]
            taken = int(rng.choice(allowed))
            chosen.append(int(found.pool[taken]))
            free[:, taken] = np.inf
    return np.array(sorted(chosen), dtype=np.intp)


def _against(design: Design, controls: Sequence[str]) -> Design:
    return replace(design, treated=(), controls=controls)


def _matched(panel: Panel, design: Design, *, per_treated: int) -> tuple[str, ...]:
    found = candidates_of(panel, design, per_treated=per_treated, within_cluster=True)
    rows = sorted({row[1] for row in nearest(found, per_treated)})
    return tuple(panel.areas[row] for row in rows)


def _everybody(panel: Panel, design: Design) -> tuple[str, ...]:
    taken = {str(a) for a in (*design.treated, *design.catchment, *design.excluded)}
    taken |= {spell.area for spell in design.elsewhere}
    return tuple(area for area in panel.areas if area not in taken)


def _next_in_rank(panel: Panel, design: Design, *, rule: TopK) -> tuple[str, ...]:
    # No rule of counts reads the generator; ties go by area id.
    return same_rule_controls(panel, design, rule=rule, rng=np.random.default_rng(0))
