"""Specification curve: every reasonable way of asking the same question, and one joint answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from itertools import product
from typing import Literal, get_args

import numpy as np
import pandas as pd

from hotspot_eval.design import Design, Estimator
from hotspot_eval.errors import InputError, Problem, check_choice
from hotspot_eval.inference.curve_null import DECLARED, Variant, joint_test, null_designs, varied
from hotspot_eval.inference.replay.rules import Rule
from hotspot_eval.panel import Panel
from hotspot_eval.periods import PeriodLike
from hotspot_eval.results import Check, Effect

__all__ = ["ControlPool", "SpecificationCurve", "Transformation", "specification_curve"]

ControlPool = Callable[[Panel, Design], Sequence[object]]
Transformation = Literal["counts", "capped", "any"]
NAN = float("nan")
_CAP = 0.99
_AGREE = 0.9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class SpecificationCurve:
    """Estimates of every specification, sorted, and what they say together.

    Parameters
    ----------
    table : DataFrame
        One row a specification, smallest first: rank, estimator, controls, pre_periods, gap,
        outcome, percent, percent_low, percent_high, estimate, scale, p_value, n_control, declared,
        notes. Specifications without an estimate are last, with the reason.
    summary : DataFrame
        One row: specifications, estimated, declared (percent), median, low and high (smallest and
        largest percent), share_same_sign, share_excluding_zero.
    joint : DataFrame
        One row a statistic: observed, null_mean, p_value, draws, smallest_p. Empty without ``rng``.
    check : Check
    notes : tuple of str
    """

    table: pd.DataFrame
    summary: pd.DataFrame
    joint: pd.DataFrame
    check: Check
    notes: tuple[str, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """One row a specification."""
        return self.table.copy()

    def __repr__(self) -> str:
        return f"SpecificationCurve({len(self.table)} specifications. {self.check.sentence})"

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>"


def specification_curve(
    panel: Panel,
    design: Design,
    *,
    estimators: Mapping[str, Estimator],
    controls: Mapping[str, ControlPool] | None = None,
    pre_periods: Sequence[int] = (),
    gaps: Sequence[int] = (),
    transformations: Sequence[Transformation] = ("counts",),
    rule: Rule | None = None,
    rng: np.random.Generator | None = None,
    draws: int = 199,
    breaks: Sequence[PeriodLike] = (),
) -> SpecificationCurve:
    """Every combination of estimator, control pool, windows and outcome transformation.

    Parameters
    ----------
    panel : Panel, of one outcome
    design : Design
        The declared one. Its own controls and windows are always among the specifications.
    estimators : mapping of name to Estimator
        The first is the declared one.
    controls : mapping of name to function, optional
        Other pools than the declared: each takes a panel and a design and gives area ids; see
        :func:`hotspot_eval.control_pools`. Areas that have another role in the design are passed
        over.
    pre_periods, gaps : sequence of int
        Other windows than the declared ones.
    transformations : sequence of {"counts", "capped", "any"}
        Events as they are; each cell at most the 99th percentile of the cells before the start (no
        single outbreak decides); or whether there was any event. The first is the declared one.
    rule : callable, optional
        How areas were chosen: then the joint test compares with the same specifications of scenes
        of selection replay, so that regression to the mean is in the comparison. With several
        sites, or without ``rule``, treatment is reassigned among controls of each cluster.
    rng : Generator, optional
        Draws the placebo designs; without it there is no joint test.
    draws : int
        Placebo designs at most.
    breaks : sequence of period
        As in ``replay``, with ``rule``.

    Returns
    -------
    SpecificationCurve

    Raises
    ------
    InputError
        If there is no estimator, an option is unknown, or every placebo gives the same estimates.

    Notes
    -----
    On one axis all effects are changes in per cent of what was expected on the treated cells:
    exp(δ) − 1 for ratios, −prevented/(observed + prevented) for numbers. Intervals are each
    estimator's own and say nothing of selection.

    Joint test (Simonsohn, Simmons & Nelson): specifications are not independent, so whole curves
    are compared. Each of R placebo designs gives a curve; every specification's estimates, the real
    one among them, are brought to mean 0 and standard deviation 1. Three statistics: size of the
    median, of the mean, and the share of specifications that rank beyond 5 % on the commoner side;
    p = (1 + k)/(1 + R). It asks whether the curve as a whole would surprise if nothing had been
    done, not which specification is right.

    References
    ----------
    Simonsohn, Simmons & Nelson (2020), https://doi.org/10.1038/s41562-020-0912-z

    Examples
    --------
    >>> from hotspot_eval.did import LinearDid, PoissonDid
    >>> frame = pd.DataFrame([(a, t, 5 + (i * t) % 4) for i, a in enumerate("ABCDEFGH")
    ...                       for t in range(12)], columns=["area", "period", "n"])
    >>> panel = Panel.from_counts(frame, area="area", period="period", count="n")
    >>> design = Design(treated=["A", "D"], start=9, pre_periods=6)
    >>> found = specification_curve(panel, design, pre_periods=[3, 9],
    ...                             estimators={"Poisson": PoissonDid(), "linear": LinearDid()})
    >>> len(found.table), int(found.table["declared"].sum())
    (6, 1)
    """
    _refuse(panel, estimators, controls, transformations, draws)
    pools: dict[str, ControlPool | None] = {DECLARED: None, **(controls or {})}
    variants = [
        Variant(pool=pool, pre_periods=pre, gap=gap)
        for pool, pre, gap in product(
            pools,
            dict.fromkeys([design.pre_periods, *pre_periods]),
            dict.fromkeys([design.gap, *gaps]),
        )
    ]
    panels: dict[str, Panel] = {name: _transformed(panel, design, name) for name in transformations}
    designs = varied(panel, design, variants, pools)
    twins = _twins(panels, estimators, designs)
    lone = [name for name in estimators if name not in twins]
    asked = list(product(panels, lone, range(len(variants))))
    rows = [
        _row(panels[outcome], designs[place], estimators[name], variants[place])
        | {"outcome": outcome, "estimator": name, "order": number}
        for number, (outcome, name, place) in enumerate(asked)
    ]
    table = _table(rows)
    joint, notes = _no_test(), tuple(f"{new} gives what {old} gives" for new, old in twins.items())
    if rng is not None:
        null, found = null_designs(panel, design, rule=rule, rng=rng, draws=draws, breaks=breaks)
        observed = np.array([row["estimate"] for row in rows], dtype=np.float64)
        joint, left = joint_test(
            panels,
            {name: estimators[name] for name in lone},
            variants,
            pools,
            asked,
            observed,
            null,
        )
        notes = (*notes, *found, *left)
    summary = _summary(table)
    return SpecificationCurve(
        table=table,
        summary=summary,
        joint=joint,
        check=_check(table, summary, joint),
        notes=notes,
    )


def _refuse(
    panel: Panel,
    estimators: Mapping[str, Estimator],
    controls: Mapping[str, ControlPool] | None,
    transformations: Sequence[str],
    draws: int,
) -> None:
    panel.single()
    problems = []
    if not estimators:
        problems.append(Problem(where="argument 'estimators'", what="names no estimator"))
    if not transformations:
        problems.append(Problem(where="argument 'transformations'", what="names none"))
    if DECLARED in (controls or {}):
        problems.append(
            Problem(where="argument 'controls'", what=f"{DECLARED!r} is the design's own pool")
        )
    if draws < 1:
        problems.append(Problem(where="argument 'draws'", what=f"must be at least 1, not {draws}"))
    if problems:
        raise InputError(*problems)
    for name in transformations:
        check_choice("transformations", name, get_args(Transformation))


def _transformed(panel: Panel, design: Design, name: str) -> Panel:
    if name == "counts":
        return panel
    counts = panel.counts
    if name == "any":
        return replace(panel, counts=(counts > 0).astype(counts.dtype))
    onset = int(design.on(panel).first.min())
    seen = counts[:, :onset][panel.observed[:, :onset]]
    cap = max(1, int(np.ceil(np.quantile(seen, _CAP)))) if seen.size else int(counts.max())
    return replace(panel, counts=np.minimum(counts, cap))


def _row(
    panel: Panel, design: Design | str, estimator: Estimator, variant: Variant
) -> dict[str, object]:
    told: dict[str, object] = {
        "controls": variant.pool,
        "pre_periods": variant.pre_periods,
        "gap": variant.gap,
    }
    try:
        effect = None if isinstance(design, str) else estimator(panel, design).effect
        reason = design if isinstance(design, str) else ""
    except InputError as error:
        effect, reason = None, str(error)
    if effect is None:
        nothing = dict.fromkeys(
            ("percent", "percent_low", "percent_high", "estimate", "p_value"), NAN
        )
        return told | nothing | {"scale": "", "n_control": 0, "notes": reason}
    change = _percent(effect)
    return told | {
        "percent": change[0],
        "percent_low": change[1],
        "percent_high": change[2],
        "estimate": effect.estimate,
        "scale": effect.scale,
        "p_value": effect.p_value,
        "n_control": effect.n_control,
        "notes": "; ".join(effect.notes),
    }


def _twins(
    panels: Mapping[str, Panel], estimators: Mapping[str, Estimator], designs: list[Design | str]
) -> dict[str, str]:
    """Estimators whose every estimate is an earlier one's: shown once, or they would count twice.

    With one start, imputation is the two-way estimate.
    """
    if len(estimators) < 2:
        return {}
    ready = [design for design in designs if not isinstance(design, str)]
    found: dict[str, str] = {}
    told: dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float64]]] = {}
    for name, estimator in estimators.items():
        mine = np.concatenate([estimator.many(panel, ready) for panel in panels.values()])
        for earlier, theirs in told.items():
            alike = np.allclose(mine, theirs, rtol=1e-7, atol=1e-9, equal_nan=True)
            if alike and np.isfinite(mine).any():
                found[name] = earlier
                break
        else:
            told[name] = mine
    return found


def _percent(effect: Effect) -> tuple[float, float, float]:
    """Change in per cent of what was expected on the treated cells, with its interval."""
    if effect.scale == "log_irr":
        told = effect.percent_change()
        return told.value, told.low, told.high
    prevented = effect.crimes_prevented()
    seen = sum(group.events for group in effect.treated_cells)

    def share(value: float, *, otherwise: float) -> float:
        return -100.0 * value / (seen + value) if seen + value > 0 else otherwise

    # A low end of prevented events that leaves nothing expected is an increase without bound.
    return (
        share(prevented.value, otherwise=NAN),
        share(prevented.high, otherwise=NAN),
        share(prevented.low, otherwise=NAN if np.isnan(prevented.low) else np.inf),
    )


def _table(rows: list[dict[str, object]]) -> pd.DataFrame:
    table = pd.DataFrame(rows)
    table["declared"] = table["order"] == 0
    table = table.sort_values(["percent", "order"], ignore_index=True, na_position="last")
    table["rank"] = np.arange(1, len(table) + 1)
    table["pre_periods"] = table["pre_periods"].astype("Int64")
    names = (
        "rank", "estimator", "controls", "pre_periods", "gap", "outcome", "percent", "percent_low",
        "percent_high", "estimate", "scale", "p_value", "n_control", "declared", "notes",
    )  # fmt: skip
    return table[list(names)]


def _summary(table: pd.DataFrame) -> pd.DataFrame:
    known = table.dropna(subset=["percent"])
    told = table.loc[table["declared"], "percent"]
    declared = float(told.iloc[0])
    low, high = known["percent_low"], known["percent_high"]
    return pd.DataFrame(
        {
            "specifications": [len(table)],
            "estimated": [len(known)],
            "declared": [declared],
            "median": [known["percent"].median()],
            "low": [known["percent"].min()],
            "high": [known["percent"].max()],
            "share_same_sign": [
                float((np.sign(known["percent"]) == np.sign(declared)).mean())
                if len(known) and np.isfinite(declared)
                else NAN
            ],
            "share_excluding_zero": [float(((low > 0) | (high < 0)).mean()) if len(known) else NAN],
        }
    )


def _no_test() -> pd.DataFrame:
    columns = ["statistic", "observed", "null_mean", "p_value", "draws", "smallest_p"]
    return pd.DataFrame(columns=columns)


def _check(table: pd.DataFrame, summary: pd.DataFrame, joint: pd.DataFrame) -> Check:
    name = "specification curve"
    threat = "The result may hang on one way of asking among many that are as good."
    row = summary.iloc[0]
    if row["estimated"] < 2 or np.isnan(row["declared"]):
        why = (
            "The declared specification gives no estimate."
            if np.isnan(row["declared"])
            else "Fewer than two specifications give an estimate."
        )
        return Check(name=name, threat=threat, status="not assessed", sentence=why)
    together = ""
    if len(joint) and np.isfinite(joint["p_value"].iloc[0]):
        first = joint.iloc[0]
        together = (
            f" As a whole, the curve differs from {int(first['draws'])} placebo curves with "
            f"p = {first['p_value']:.3f}."
        )
    sentence = (
        f"{int(row['estimated'])} specifications run from {row['low']:+.1f} % to "
        f"{row['high']:+.1f} % (median {row['median']:+.1f} %, declared {row['declared']:+.1f} %); "
        f"{row['share_same_sign']:.0%} have the same sign as the declared one, and "
        f"{row['share_excluding_zero']:.0%} of their own intervals exclude no change.{together}"
    )
    return Check(
        name=name,
        threat=threat,
        status="passed" if row["share_same_sign"] >= _AGREE else "failed",
        sentence=sentence,
        evidence=table.drop(columns=["notes"]),
    )
