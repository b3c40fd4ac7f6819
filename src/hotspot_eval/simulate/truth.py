"""The truth of a world: what would have happened, what did, and the difference, exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hotspot_eval.periods import Periods
from hotspot_eval.simulate.config import Operation
from hotspot_eval.simulate.events import Events, count_events
from hotspot_eval.simulate.geography import Map
from hotspot_eval.simulate.operation import Change, Site

__all__ = ["Truth", "make_truth"]

_SITE_COLUMNS = [
    "site",
    "borough",
    "outcome",
    "start",
    "end",
    "areas",
    "catchment",
    "percent",
    "log_irr",
    "counterfactual",
    "observed",
    "prevented",
    "displaced",
    "net",
    "realised_percent",
]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Truth:
    """What no evaluation sees.

    Parameters
    ----------
    areas, outcomes : tuple of str
        Labels of the first and last axis below.
    periods : Periods
        Weeks.
    counterfactual, observed : ndarray of int64, shape (N, T, K)
        Incidents without and with the operation, all located in the area where they happened,
        missing months included.
    prevented, displaced : ndarray of int64, shape (N, T, K)
        ``observed == counterfactual - prevented + displaced``. Prevented is below 0 where an
        effect above 0 added incidents, and includes diffusion in the catchments; displaced counts
        arrivals.
    treatment : ndarray of float64, shape (N, T)
        Share of the week treated.
    expected : ndarray of float64, shape (N, T)
        Intensity of all outcomes without the operation, breaks and independent noise left out.
    sites : DataFrame
        One row a site and outcome, and one for all outcomes (``"all"``): ``percent`` and
        ``log_irr`` are the effect that was set (for ``"all"``, its mean weighted by the
        counterfactual); ``counterfactual`` and ``observed`` count treated areas on treated days;
        ``prevented`` their difference; ``displaced`` the arrivals in the catchment, below 0 for
        incidents prevented there by diffusion; ``net`` is prevented − displaced.
    changes : DataFrame
        One row an incident that was prevented, displaced, diffused or induced: ``fate``,
        ``site``, ``outcome``, ``date``, ``area`` (where it would have happened) and ``area_to``
        (where it went, if displaced).
    missing_months : tuple of str
        Months that the published records leave out.

    Examples
    --------
    >>> import numpy as np
    >>> from hotspot_eval.simulate import Operation, simulate
    >>> truth = simulate(rng=np.random.default_rng(1), operation=Operation(k=3)).truth
    >>> bool((truth.observed == truth.counterfactual - truth.prevented + truth.displaced).all())
    True
    """

    areas: tuple[str, ...]
    outcomes: tuple[str, ...]
    periods: Periods
    counterfactual: NDArray[np.int64]
    observed: NDArray[np.int64]
    prevented: NDArray[np.int64]
    displaced: NDArray[np.int64]
    treatment: NDArray[np.float64]
    expected: NDArray[np.float64]
    sites: pd.DataFrame
    changes: pd.DataFrame
    missing_months: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """The table of sites."""
        return self.sites.copy()

    def __repr__(self) -> str:
        n, t, k = self.counterfactual.shape
        return (
            f"Truth of {n:,} areas × {t} weeks × {k} outcomes: "
            f"{int(self.counterfactual.sum()):,} incidents without the operation, "
            f"{int(self.prevented.sum()):,} prevented, {int(self.displaced.sum()):,} displaced"
        )


def make_truth(
    untreated: Events,
    change: Change | None,
    sites: Sequence[Site],
    operation: Operation | None,
    ground: Map,
    outcomes: tuple[str, ...],
    periods: Periods,
    expected: NDArray[np.float64],
    missing_months: tuple[str, ...],
) -> Truth:
    """Count every incident where and when it would have happened and did."""
    start = periods.starts[0]
    shape = (len(ground.areas), len(outcomes))

    def counted(events: Events) -> NDArray[np.int64]:
        return count_events(events, periods, start, shape)

    counterfactual = counted(untreated)
    nothing = np.zeros_like(counterfactual)
    treatment = np.zeros(counterfactual.shape[:2])
    for site in sites:
        for begin, after in site.spells:
            share = periods.share(
                start + np.timedelta64(begin, "D"), start + np.timedelta64(after - 1, "D")
            )
            treatment[site.areas] += share
    return Truth(
        areas=tuple(ground.areas.index),
        outcomes=outcomes,
        periods=periods,
        counterfactual=counterfactual,
        observed=counterfactual if change is None else counted(change.observed),
        prevented=nothing
        if change is None
        else counted(change.prevented) - counted(change.induced),
        displaced=nothing if change is None else counted(change.displaced),
        treatment=treatment,
        expected=expected,
        sites=_site_table(untreated, change, sites, operation, ground, outcomes, start),
        changes=_change_table(change, sites, ground, outcomes, start),
        missing_months=missing_months,
    )


def _site_table(
    untreated: Events,
    change: Change | None,
    sites: Sequence[Site],
    operation: Operation | None,
    ground: Map,
    outcomes: tuple[str, ...],
    start: np.datetime64,
) -> pd.DataFrame:
    rows: list[list[object]] = []
    ids = ground.areas.index
    if change is None or operation is None:
        return pd.DataFrame(rows, columns=_SITE_COLUMNS)
    affected = np.array([name in (operation.affects or outcomes) for name in outcomes])
    for s, site in enumerate(sites):
        base, direct, displaced = _site_counts(untreated, change, s, site, len(outcomes))
        percent = np.where(affected, operation.effect_percent, 0.0)
        table = np.column_stack([base, direct, displaced])
        table = np.vstack([table, table.sum(axis=0)])
        percent = np.append(percent, (percent * base).sum() / max(int(base.sum()), 1))
        first, last = site.spells[0][0], site.spells[-1][1] - 1
        for name, change_percent, (b, p, d) in zip((*outcomes, "all"), percent, table, strict=True):
            rows.append(
                [
                    site.name,
                    site.borough,
                    name,
                    str(start + np.timedelta64(first, "D")),
                    str(start + np.timedelta64(last, "D")),
                    ";".join(ids[site.areas]),
                    ";".join(ids[site.catchment]),
                    float(change_percent),
                    float(np.log1p(change_percent / 100)),
                    int(b),
                    int(b - p),
                    int(p),
                    int(d),
                    int(p - d),
                    float(-100 * p / b) if b else float("nan"),
                ]
            )
    return pd.DataFrame(rows, columns=_SITE_COLUMNS)


def _site_counts(
    untreated: Events, change: Change, s: int, site: Site, k: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Counterfactual on treated cells, prevented there, and displaced, by outcome."""

    def by_outcome(events: Events, which: NDArray[np.bool_]) -> NDArray[np.int64]:
        return np.bincount(events.outcome[which], minlength=k).astype(np.int64)

    own = change.prevented_site == s
    inside = np.isin(change.prevented.area, site.areas)
    base = by_outcome(untreated, np.isin(untreated.area, site.areas) & site.on(untreated.day))
    direct = by_outcome(change.prevented, own & inside) - by_outcome(
        change.induced, change.induced_site == s
    )
    displaced = by_outcome(change.displaced, change.displaced_site == s) - by_outcome(
        change.prevented, own & ~inside
    )
    return base, direct, displaced


def _change_table(
    change: Change | None,
    sites: Sequence[Site],
    ground: Map,
    outcomes: tuple[str, ...],
    start: np.datetime64,
) -> pd.DataFrame:
    if change is None:
        return pd.DataFrame(columns=["fate", "site", "outcome", "date", "area", "area_to"])
    ids, names = ground.areas.index.to_numpy(), np.array(outcomes, dtype=object)
    titles = np.array([site.name for site in sites], dtype=object)
    treated = np.concatenate([site.areas for site in sites])
    direct = np.isin(change.prevented.area, treated)

    def table(fate: object, events: Events, site: NDArray[np.intp]) -> pd.DataFrame:
        return pd.DataFrame(
            {
                "fate": fate,
                "site": titles[site],
                "outcome": names[events.outcome],
                "date": start + events.day.astype("timedelta64[D]"),
                "area": ids[events.area],
                "area_to": None,
            }
        )

    moved = table("displaced", change.displaced, change.displaced_site)
    moved["area_to"], moved["area"] = moved["area"], ids[change.origin]
    fates = np.where(direct, "prevented", "diffused")
    parts = [
        table(fates, change.prevented, change.prevented_site),
        moved,
        table("induced", change.induced, change.induced_site),
    ]
    return pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
