"""Balance: treated areas beside their controls before the operation, and when to refuse them."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hotspot_eval.design import Design
from hotspot_eval.panel import Panel
from hotspot_eval.results import Check

__all__ = ["Balance", "balance", "balance_of", "not_assessed", "profiles", "standardised"]

Vector = NDArray[np.float64]
_NAME = "balance of controls"
_THREAT = "Controls unlike the treated areas would have developed differently in any case."
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

    @property
    def worst(self) -> float:
        """Largest difference of level, trend or recent rise, in standard deviations, or NaN."""
        main = self.table[self.table["measure"].isin(_MEASURES)]
        return float(main["difference"].astype(float).abs().max())

    def to_frame(self) -> pd.DataFrame:
        """One row a measure, three columns of means and the standardised difference."""
        return self.table.copy()

    def __repr__(self) -> str:
        return f"Balance({self.check.sentence})"

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
        return not_assessed(why if onset < 6 else "there is no control area")
    return balance_of(profiles(panel, onset), treated, controls)


def profiles(panel: Panel, onset: int) -> pd.DataFrame:
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


def standardised(told: pd.DataFrame) -> Vector:
    """Profiles in standard deviations over all areas, the level in logs; shape (N, measures)."""
    told = told.copy()
    told["level"] = np.log(told["level"] + 0.1)
    spread = told.std(ddof=0).replace(0.0, 1.0)
    return ((told - told.mean()) / spread).to_numpy(dtype=np.float64)


def balance_of(
    told: pd.DataFrame, treated: NDArray[np.intp], controls: NDArray[np.intp]
) -> Balance:
    """Balance of some rows of the profiles against others."""
    spread = told.std(ddof=0).replace(0.0, 1.0)
    here, there = told.iloc[treated].mean(), told.iloc[controls].mean()
    table = pd.DataFrame(
        {
            "measure": told.columns,
            "treated": here.to_numpy(),
            "controls": there.to_numpy(),
            "all_areas": told.mean().to_numpy(),
            "difference": ((here - there) / spread).to_numpy(),
        }
    )
    main = table[table["measure"].isin(_MEASURES)]
    worst = main.iloc[int(main["difference"].abs().to_numpy().argmax())]
    size = abs(float(worst["difference"]))
    poor = size > _POOR
    sentence = (
        f"These controls are not like the treated areas before the operation: {worst['measure']} "
        f"differs by {size:.2f} standard deviations. A plain before-after comparison with them "
        "should not be read as an effect."
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


def not_assessed(why: str) -> Balance:
    """A balance that could not be looked at, and why."""
    columns = ["measure", "treated", "controls", "all_areas", "difference"]
    sentence = f"{why[:1].upper()}{why[1:]}."
    return Balance(
        table=pd.DataFrame(columns=columns),
        check=Check(name=_NAME, threat=_THREAT, status="not assessed", sentence=sentence),
    )
