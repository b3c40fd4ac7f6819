"""Placebo tests in time and in space: the estimate among estimates where nothing was done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hotspot_eval.design import Assignment, Design, Estimator, Spell, check_study
from hotspot_eval.errors import InputError, Problem, check_type, check_whole
from hotspot_eval.inference.labels import check_estimator
from hotspot_eval.panel import Panel
from hotspot_eval.results import Check
from hotspot_eval.significance import p_value_from_draws

__all__ = ["Placebo", "placebo_dates", "placebo_places", "reassigned", "treated_and_controls"]

_FEWEST = 19
_LEVEL = 0.1
_PLACES = "placebo places"
_THREAT = "The estimate may be no larger than what happens without an operation."


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Placebo:
    """An estimate among estimates of nothing.

    Parameters
    ----------
    estimate : float
        Of the real design.
    draws : DataFrame
        One row a placebo: label, estimate.
    p_value : float
        Two-sided, (1 + k)/(1 + R); NaN with a reason in ``notes``.
    smallest_p : float
        The least that this many draws can give: 2/(1 + R).
    check : Check
    notes : tuple of str
    """

    estimate: float
    draws: pd.DataFrame
    p_value: float
    smallest_p: float
    check: Check
    notes: tuple[str, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """One row: estimate, number of draws, their mean and spread, p and the smallest p."""
        values = self.draws["estimate"]
        return pd.DataFrame(
            [
                {
                    "estimate": self.estimate,
                    "draws": len(values),
                    "mean_draw": values.mean(),
                    "sd_draw": values.std(),
                    "p_value": self.p_value,
                    "smallest_p": self.smallest_p,
                    "notes": "; ".join(self.notes),
                }
            ]
        )

    def __repr__(self) -> str:
        return f"Placebo({self.estimate:.4f} among {len(self.draws)} draws, p = {self.p_value:.3f})"

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>"


def placebo_dates(panel: Panel, design: Design, *, estimator: Estimator) -> Placebo:
    """The same areas at every earlier date whose windows end before the operation.

    Parameters
    ----------
    panel : Panel, of one outcome
    design : Design
        Several starts move together. A window that it leaves open is as long after the start as
        the panel goes on after the last one, and as long before it.
    estimator : Estimator

    Raises
    ------
    InputError
        If all draws equal the estimate.

    Notes
    -----
    The dates overlap, so the draws are correlated and the p-value is descriptive. Areas chosen for
    a recent rise were not chosen at those dates: regression to the mean stays in the estimate and
    is absent from the draws. Selection replay judges that; this shows the areas' own past.

    Examples
    --------
    >>> import pandas as pd
    >>> from hotspot_eval.did import PoissonDid
    >>> frame = pd.DataFrame([(a, t, 5 + (i * t) % 4) for i, a in enumerate("ABCDEF")
    ...                       for t in range(30)], columns=["area", "period", "n"])
    >>> panel = Panel.from_counts(frame, area="area", period="period", count="n")
    >>> design = Design(treated=["A", "C"], start=26, pre_periods=3, post_periods=2)
    >>> len(placebo_dates(panel, design, estimator=PoissonDid()).draws)
    22
    """
    check_study(panel, design)
    check_estimator(estimator)
    assignment = design.on(panel)
    onset = assignment.first[assignment.rows("treated")]
    design = _with_windows(design, onset, len(panel.periods))
    length = int(onset.max() - onset.min()) + int(design.post_periods or 0)
    earliest = design.gap + int(design.pre_periods or 0)
    shifts = range(length, int(onset.min()) - earliest + 1)
    moved = [_moved(panel, design, assignment, shift) for shift in shifts]
    labels = [panel.periods.labels[int(onset.min()) - shift] for shift in shifts]
    return _placebo(panel, design, moved, labels, estimator, "placebo dates")


def placebo_places(
    panel: Panel,
    design: Design,
    *,
    estimator: Estimator,
    rng: np.random.Generator,
    draws: int = 999,
) -> Placebo:
    """The same dates, with the treatment reassigned at random among control areas.

    Parameters
    ----------
    panel : Panel, of one outcome
    design : Design
    estimator : Estimator
    rng : Generator
    draws : int
        Re-drawn places; each treated area gives its spells to a control of its own cluster.

    Raises
    ------
    InputError
        If a cluster has fewer controls than treated areas, ``draws`` is below 1, or all draws
        equal the estimate.

    Notes
    -----
    Treated areas take no part in the draws. Exact under random choice of places; hotspots are not
    chosen at random, so this says how unusual the estimate is, not how likely chance is.

    Examples
    --------
    >>> import pandas as pd
    >>> from hotspot_eval.did import PoissonDid
    >>> frame = pd.DataFrame([(a, t, 5 + (i * t) % 4) for i, a in enumerate("ABCDEF")
    ...                       for t in range(8)], columns=["area", "period", "n"])
    >>> panel = Panel.from_counts(frame, area="area", period="period", count="n")
    >>> design = Design(treated=["A"], start=4, pre_periods=3, post_periods=2)
    >>> found = placebo_places(panel, design, estimator=PoissonDid(),
    ...                        rng=np.random.default_rng(0), draws=99)
    >>> found.smallest_p
    0.02
    """
    check_whole("draws", draws, least=1)
    check_type("rng", rng, np.random.Generator, advice="Give numpy.random.default_rng(seed).")
    check_study(panel, design)
    check_estimator(estimator)
    assignment = design.on(panel)
    members = treated_and_controls(panel, assignment)
    short = [
        f"{label}: {len(treated)} treated, {len(controls)} controls"
        for label, (treated, controls) in members.items()
        if len(controls) <= len(treated) and treated
    ]
    if short:
        estimate = float(estimator.many(panel, [design])[0])
        why = f"too few controls to reassign the treatment ({'; '.join(short)})"
        return _unassessed(estimate, pd.DataFrame(columns=["label", "estimate"]), _PLACES, why)
    moved = [reassigned(panel, design, members, rng) for _ in range(draws)]
    labels = [f"draw {number + 1}" for number in range(draws)]
    return _placebo(panel, design, moved, labels, estimator, _PLACES)


def _placebo(
    panel: Panel,
    design: Design,
    moved: Sequence[Design],
    labels: Sequence[str],
    estimator: Estimator,
    name: str,
) -> Placebo:
    values = estimator.many(panel, [design, *moved])
    estimate, drawn = float(values[0]), values[1:]
    frame = pd.DataFrame({"label": list(labels), "estimate": drawn})
    usable: NDArray[np.float64] = drawn[~np.isnan(drawn)]
    notes = () if len(usable) == len(drawn) else (f"{len(drawn) - len(usable)} gave no estimate",)
    if np.isnan(estimate) or len(usable) < _FEWEST:
        why = (
            "the design itself gives no estimate"
            if np.isnan(estimate)
            else f"{len(usable)} draws are too few, {_FEWEST} are needed"
        )
        return _unassessed(estimate, frame, name, why, *notes)
    if len(np.unique(usable)) == 1:
        raise InputError(
            Problem(where=name, what="every draw is the same: the placebo changes nothing")
        )
    p, least = p_value_from_draws(estimate, usable), 2.0 / (1 + len(usable))
    check = Check(
        name=name,
        threat=_THREAT,
        status="passed" if p <= _LEVEL else "failed",
        sentence=f"{len(usable)} placebo estimates range from {usable.min():.3f} to "
        f"{usable.max():.3f}, on the estimator's own scale; the estimate itself is {estimate:.3f} "
        f"(p = {p:.3f}, smallest attainable {least:.3f}).",
        evidence=frame.dropna(),
    )
    return Placebo(
        estimate=estimate,
        draws=frame,
        p_value=p,
        smallest_p=least,
        check=check,
        notes=notes,
    )


def _unassessed(estimate: float, draws: pd.DataFrame, name: str, why: str, *notes: str) -> Placebo:
    sentence = f"{why[:1].upper()}{why[1:]}."
    return Placebo(
        estimate=estimate,
        draws=draws,
        p_value=float("nan"),
        smallest_p=float("nan"),
        check=Check(name=name, threat=_THREAT, status="not assessed", sentence=sentence),
        notes=(*notes, why),
    )


def _with_windows(design: Design, onset: NDArray[np.intp], periods: int) -> Design:
    """The design with both windows closed, so that it can be moved."""
    post = design.post_periods or periods - int(onset.max())
    pre = design.pre_periods or min(post, int(onset.min()) - design.gap)
    return replace(design, treated=(), pre_periods=max(pre, 1), post_periods=post)


def _moved(panel: Panel, design: Design, assignment: Assignment, shift: int) -> Design:
    """The operation's own treatment pattern, ``shift`` periods earlier, cut off at its windows."""
    treatment = np.zeros_like(assignment.treatment)
    inside = assignment.treatment * assignment.used
    treatment[:, : treatment.shape[1] - shift] = inside[:, shift:]
    return Design.from_treatment(
        panel,
        treatment,
        controls=[panel.areas[row] for row in assignment.rows("control")],
        catchment=design.catchment,
        excluded=design.excluded,
        pre_periods=design.pre_periods,
        post_periods=design.post_periods,
        gap=design.gap,
    )


def treated_and_controls(
    panel: Panel, assignment: Assignment
) -> dict[str, tuple[list[str], list[str]]]:
    """Cluster → its treated areas and its controls."""
    labels = panel.cluster or ("all areas",) * len(panel.areas)
    members: dict[str, tuple[list[str], list[str]]] = {}
    for role, place in (("treated", 0), ("control", 1)):
        for row in np.flatnonzero(assignment.role == role):
            members.setdefault(labels[row], ([], []))[place].append(panel.areas[row])
    return members


def reassigned(
    panel: Panel,
    design: Design,
    members: dict[str, tuple[list[str], list[str]]],
    rng: np.random.Generator,
) -> Design:
    """The design's spells given to controls of the same clusters, drawn at random."""
    new: dict[str, str] = {}
    rest: list[str] = []
    for treated, controls in members.values():
        order = rng.permutation(len(controls))
        new |= {area: controls[i] for area, i in zip(treated, order, strict=False)}
        rest += [controls[i] for i in order[len(treated) :]]
    spells = [replace(spell, area=new[spell.area]) for spell in design.spells]
    return _same_windows(design, spells, sorted(rest))


def _same_windows(design: Design, spells: Sequence[Spell], controls: Sequence[object]) -> Design:
    return Design(
        spells=spells,
        controls=controls,
        pre_periods=design.pre_periods,
        post_periods=design.post_periods,
        gap=design.gap,
    )
