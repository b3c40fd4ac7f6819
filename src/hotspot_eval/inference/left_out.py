"""One area, site or cluster fewer: would the story be the same?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from html import escape
from typing import Literal, get_args

import numpy as np
import pandas as pd

from hotspot_eval.design import Design, Estimator, check_study
from hotspot_eval.errors import InputError, Problem, check_choice
from hotspot_eval.inference.labels import check_estimator
from hotspot_eval.panel import Panel
from hotspot_eval.results import Check

__all__ = ["LeftOut", "leave_one_out"]

Unit = Literal["area", "site", "cluster"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class LeftOut:
    """Estimates with one unit left out at a time.

    Parameters
    ----------
    estimate : float
        With everything in.
    frame : DataFrame
        One row a unit: left_out, estimate, change.
    check : Check
    """

    estimate: float
    frame: pd.DataFrame
    check: Check

    def to_frame(self) -> pd.DataFrame:
        """One row a unit left out."""
        return self.frame.copy()

    def __repr__(self) -> str:
        return f"LeftOut({self.estimate:.4f}; {self.check.sentence})"

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>"


def leave_one_out(
    panel: Panel, design: Design, *, estimator: Estimator, by: Unit = "area"
) -> LeftOut:
    """The estimate without each treated area, site or cluster in turn.

    Parameters
    ----------
    panel : Panel, of one outcome
    design : Design
    estimator : Estimator
    by : {"area", "site", "cluster"}
        Units are taken from the treated areas. A cluster goes with its controls.

    Returns
    -------
    LeftOut
        With a check that is not assessed where there is one unit only.

    Examples
    --------
    >>> import pandas as pd
    >>> from hotspot_eval.did import PoissonDid
    >>> frame = pd.DataFrame([(a, t, 5 + (i * t) % 4) for i, a in enumerate("ABCDEF")
    ...                       for t in range(8)], columns=["area", "period", "n"])
    >>> panel = Panel.from_counts(frame, area="area", period="period", count="n")
    >>> design = Design(treated=["A", "B"], start=4)
    >>> leave_one_out(panel, design, estimator=PoissonDid()).frame["left_out"].tolist()
    ['A', 'B']
    """
    check_study(panel, design)
    check_estimator(estimator)
    check_choice("by", by, get_args(Unit))
    units = _units(panel, design, by)
    if len(units) < 2:
        return _nothing_to_leave_out(panel, design, estimator, by)
    reduced = [_without(design, gone) for gone in units.values()]
    values = estimator.many(panel, [design, *reduced])
    estimate = float(values[0])
    frame = pd.DataFrame(
        {"left_out": list(units), "estimate": values[1:], "change": values[1:] - estimate}
    )
    return LeftOut(estimate=estimate, frame=frame, check=_left_out_check(frame, estimate, by))


def _nothing_to_leave_out(panel: Panel, design: Design, estimator: Estimator, by: str) -> LeftOut:
    check = Check(
        name=f"leave one {by} out",
        threat=f"One {by} may carry the whole effect.",
        status="not assessed",
        sentence=f"There is one treated {by} only: it carries the whole effect.",
    )
    empty = pd.DataFrame(columns=["left_out", "estimate", "change"])
    estimate = float(estimator.many(panel, [design])[0])
    return LeftOut(estimate=estimate, frame=empty, check=check)


def _left_out_check(frame: pd.DataFrame, estimate: float, by: str) -> Check:
    name, threat = f"leave one {by} out", f"One {by} may carry the whole effect."
    known = frame.dropna(subset=["change"])
    if known.empty:
        sentence = (
            f"There is no estimate {'with all' if np.isnan(estimate) else f'without one {by}'}."
        )
        return Check(
            name=name, threat=threat, status="not assessed", sentence=sentence, evidence=frame
        )
    same = np.sign(frame["estimate"]) == np.sign(estimate)
    widest = known.iloc[int(known["change"].abs().to_numpy().argmax())]
    needed = frame.loc[frame["change"].isna(), "left_out"].tolist()
    sentence = (
        f"Without one {by} the estimate, on its own scale, ranges from "
        f"{known['estimate'].min():.3f} to {known['estimate'].max():.3f} ({estimate:.3f} with "
        f"all); {widest['left_out']} moves it most."
    )
    if needed:
        sentence += f" There is none without {', '.join(needed[:5])}."
    return Check(
        name=name,
        threat=threat,
        status="passed" if bool(same.all()) else "failed",
        sentence=sentence,
        evidence=frame,
    )


def _units(panel: Panel, design: Design, by: Unit) -> dict[str, set[str]]:
    """Unit → areas that go with it."""
    units: dict[str, set[str]] = {}
    if by == "cluster":
        if panel.cluster is None:
            raise InputError(Problem(where="panel", what="has no cluster labels"))
        home = dict(zip(panel.areas, panel.cluster, strict=True))
        for label in sorted({home[str(area)] for area in design.treated}):
            units[label] = {area for area in panel.areas if home[area] == label}
        return units
    for spell in design.spells:
        label = spell.area if by == "area" else (spell.site or spell.area)
        units.setdefault(label, set()).add(spell.area)
    return units


def _without(design: Design, gone: set[str]) -> Design:
    spells = [spell for spell in design.spells if spell.area not in gone]
    treated_gone = {str(area) for area in design.treated if str(area) in gone}
    if design.controls is None:
        return replace(
            design,
            treated=(),
            start=None,
            end=None,
            spells=spells,
            excluded=tuple({*map(str, design.excluded), *gone}),
            catchment=[a for a in design.catchment if str(a) not in gone],
        )
    return replace(
        design,
        treated=(),
        start=None,
        end=None,
        spells=spells,
        controls=[area for area in design.controls if str(area) not in gone],
        catchment=[a for a in design.catchment if str(a) not in gone],
        excluded=tuple({*map(str, design.excluded), *treated_gone}),
    )
