"""How concentrated crime is in places, and whether the places stay the same."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from hotspot_eval.errors import InputError, Problem
from hotspot_eval.panel import Panel
from hotspot_eval.significance import normal_or_t_interval

__all__ = ["Concentration", "Gini", "concentration", "generalised_gini"]

Array = NDArray[np.float64]
NAN = float("nan")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gini:
    """Gini and generalised Gini of counts over places.

    Parameters
    ----------
    gini : float
        G: 0 if every place has the same count.
    generalised : float
        G′: 0 if events are as spread out as whole numbers allow, 1 if all lie in one of very many
        places.
    std_error, ci_low, ci_high : float
        Of G′.
    n_areas, n_events : int
    """

    gini: float
    generalised: float
    std_error: float
    ci_low: float
    ci_high: float
    n_areas: int
    n_events: int


def generalised_gini(counts: ArrayLike, *, ci_level: float = 0.95) -> Gini:
    """Gini coefficient corrected for fewer events than places.

    Parameters
    ----------
    counts : array_like, shape (N,)
        Events of every place, those without events included.
    ci_level : float

    Notes
    -----
    G = Σᵢ (2i − N − 1) y₍ᵢ₎/(N·Σy) with counts in ascending order, and
    G′ = max(1, N/c)(G − 1) + 1 with c = Σy. The standard error is √(Σ influence²/(N(N − 1))), the
    places taken as a random sample, with the influence of each place on G and on the factor
    N/c = 1/ȳ where it applies. No events: NaN.

    References
    ----------
    Bernasco & Steenbeek (2017), https://doi.org/10.1007/s10940-016-9324-7

    Examples
    --------
    >>> round(generalised_gini([5, 2, 1, 0, 0, 0, 0, 0, 0, 0]).generalised, 12)
    0.75
    """
    y = np.sort(np.asarray(counts, dtype=np.float64))
    n, events = len(y), float(y.sum())
    if not events:
        return Gini(
            gini=NAN,
            generalised=NAN,
            std_error=NAN,
            ci_low=NAN,
            ci_high=NAN,
            n_areas=n,
            n_events=0,
        )
    mean = events / n
    rank = stats.rankdata(y)
    gini = float(((2.0 * rank - n - 1.0) * y).sum() / (n * events))
    influence = _gini_influence(y, rank, gini, mean)
    factor = max(1.0, n / events)
    if n > events:
        influence = influence / mean - (gini - 1.0) * (y - mean) / mean**2
    std_error = float(np.sqrt((influence**2).sum() / max(n - 1, 1) / n))
    value = factor * (gini - 1.0) + 1.0
    low, high = normal_or_t_interval(value, std_error, level=ci_level)
    return Gini(
        gini=gini,
        generalised=value,
        std_error=std_error,
        ci_low=max(low, 0.0),
        ci_high=min(high, 1.0),
        n_areas=n,
        n_events=int(events),
    )


def _gini_influence(y: Array, rank: Array, gini: float, mean: float) -> Array:
    """Influence of each place on G; y ascending.

    With A = E[(2F − 1)·y], G = A/ȳ and the influence on A is
    (2F(yᵢ) − 1)·yᵢ + 2·E[y·(1(y > yᵢ) + ½·1(y = yᵢ))] − E[y] less its mean.
    """
    n = len(y)
    share = (rank - 0.5) / n
    above = np.concatenate([np.cumsum(y[::-1])[::-1], [0.0]])
    first, last = np.searchsorted(y, y, side="left"), np.searchsorted(y, y, side="right")
    beyond = 0.5 * (above[first] + above[last]) / n
    part = (2.0 * share - 1.0) * y + 2.0 * beyond
    return np.asarray((part - part.mean() - gini * (y - mean)) / mean)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Concentration:
    """Concentration over all periods together, by period, and how stable it is.

    Parameters
    ----------
    areas : tuple of str, length N
    periods : tuple of str, length T
    gini : Gini
        Of all periods together.
    share : float
        Share of events asked about, 0.5 for half.
    share_of_areas : float
        Smallest share of areas that holds it.
    lorenz : DataFrame
        ``share_of_areas``, ``share_of_events``: areas in descending order, from 0 to 1.
    by_period : DataFrame
        period, n_events, gini, generalised, ci_low, ci_high, share_of_areas.
    stability : DataFrame
        By lag in periods: mean rank correlation of counts, mean share of the top areas that were
        top areas that many periods before, and what chance would give.
    persistence : DataFrame
        area, events, periods_on_top, share_of_periods: how often each area was a top area.
    top_share : float
        Share of areas called top areas.
    """

    areas: tuple[str, ...]
    periods: tuple[str, ...]
    gini: Gini
    share: float
    share_of_areas: float
    lorenz: pd.DataFrame
    by_period: pd.DataFrame
    stability: pd.DataFrame
    persistence: pd.DataFrame
    top_share: float

    def to_frame(self) -> pd.DataFrame:
        """One row: the figures of all periods together."""
        return pd.DataFrame(
            [
                {
                    "n_areas": self.gini.n_areas,
                    "n_periods": len(self.periods),
                    "n_events": self.gini.n_events,
                    "gini": self.gini.gini,
                    "generalised_gini": self.gini.generalised,
                    "std_error": self.gini.std_error,
                    "ci_low": self.gini.ci_low,
                    "ci_high": self.gini.ci_high,
                    "share_of_events": self.share,
                    "share_of_areas": self.share_of_areas,
                }
            ]
        )

    def __repr__(self) -> str:
        g = self.gini
        return (
            f"Concentration: {self.share:.0%} of {g.n_events:,} events in "
            f"{self.share_of_areas:.1%} of {g.n_areas:,} areas; generalised Gini "
            f"{g.generalised:.3f} ({g.ci_low:.3f} to {g.ci_high:.3f})"
        )

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>"


def concentration(
    counts: ArrayLike | pd.Series | pd.DataFrame | Panel,
    *,
    share: float = 0.5,
    top_share: float = 0.05,
    ci_level: float = 0.95,
) -> Concentration:
    """Lorenz curve, generalised Gini, share of places with half the crime, and stability.

    Parameters
    ----------
    counts : array_like, Series, DataFrame or Panel, shape (N,) or (N, T)
        Events of every area, areas without events included; a Panel of one outcome without
        missing cells.
    share : float
        Share of events to find the fewest areas for.
    top_share : float
        Share of areas that counts as top areas (at least one); ties go by area id.
    ci_level : float

    Returns
    -------
    Concentration

    Raises
    ------
    InputError
        If counts are negative, missing or no numbers, or shares lie outside (0, 1).

    Notes
    -----
    Sparse counts look concentrated by chance: read G′ rather than G. See
    :func:`generalised_gini`.

    References
    ----------
    Bernasco & Steenbeek (2017), https://doi.org/10.1007/s10940-016-9324-7; Weisburd (2015),
    https://doi.org/10.1111/1745-9125.12070

    Examples
    --------
    >>> concentration([10, 8, 2, 0, 0, 0, 0, 0, 0, 0])
    Concentration: 50% of 20 events in 10.0% of 10 areas; generalised Gini 0.780 (0.543 to 1.000)
    """
    _check_share("share", share)
    _check_share("top_share", top_share)
    table = _table(counts)
    values = table.to_numpy(dtype=np.float64)
    pooled = values.sum(axis=1)
    top = _top(values, top_share)
    times = top.sum(axis=1)
    return Concentration(
        areas=tuple(table.index),
        periods=tuple(table.columns),
        gini=generalised_gini(pooled, ci_level=ci_level),
        share=share,
        share_of_areas=_fewest(pooled, share),
        lorenz=_lorenz(pooled),
        by_period=_by_period(table, share, ci_level),
        stability=_stability(values, top),
        persistence=pd.DataFrame(
            {
                "area": list(table.index),
                "events": pooled.astype(np.int64),
                "periods_on_top": times,
                "share_of_periods": times / values.shape[1],
            }
        ),
        top_share=top_share,
    )


def _check_share(argument: str, share: float) -> None:
    if not 0.0 < share < 1.0:
        raise InputError(
            Problem(where=f"argument '{argument}'", what=f"must lie between 0 and 1, not {share}")
        )


def _table(counts: ArrayLike | pd.Series | pd.DataFrame | Panel) -> pd.DataFrame:
    """Areas × periods, sorted by area id."""
    if isinstance(counts, Panel):
        values, observed = counts.single()
        table = pd.DataFrame(values, index=list(counts.areas), columns=list(counts.periods.labels))
        table = table.where(observed)
    elif isinstance(counts, (pd.Series, pd.DataFrame)):
        table = counts.to_frame("0") if isinstance(counts, pd.Series) else counts.copy()
        table.columns = [str(column) for column in table.columns]
    else:
        array = np.asarray(counts)
        if array.ndim not in (1, 2) or not array.size:
            raise InputError(
                Problem(
                    where="argument 'counts'", what=f"has shape {array.shape}, not (N,), (N, T)"
                )
            )
        array = array[:, None] if array.ndim == 1 else array
        width = len(str(len(array)))
        table = pd.DataFrame(array, index=[str(i).zfill(width) for i in range(len(array))])
        table.columns = [str(t) for t in range(array.shape[1])]
    table.index = [str(label) for label in table.index]
    table = table.astype(np.float64).sort_index()
    bad = table.index[~(np.isfinite(table.to_numpy()) & (table.to_numpy() >= 0)).all(axis=1)]
    if len(bad) or table.index.has_duplicates:
        raise InputError(
            Problem(
                where="argument 'counts'",
                what="has areas that occur twice, or whose counts are negative or missing",
                examples=[*bad, *table.index[table.index.duplicated()]],
                advice="A missing month is not a zero: leave out these areas or periods.",
            )
        )
    return table


def _fewest(pooled: Array, share: float) -> float:
    running = np.cumsum(np.sort(pooled)[::-1])
    if not len(running) or not running[-1]:
        return NAN
    return float(np.searchsorted(running, share * running[-1] * (1 - 1e-12)) + 1) / len(pooled)


def _lorenz(pooled: Array) -> pd.DataFrame:
    running = np.concatenate([[0.0], np.cumsum(np.sort(pooled)[::-1])])
    total = running[-1] if running[-1] else NAN
    return pd.DataFrame(
        {
            "share_of_areas": np.arange(len(running)) / len(pooled),
            "share_of_events": running / total,
        }
    )


def _by_period(table: pd.DataFrame, share: float, ci_level: float) -> pd.DataFrame:
    rows = []
    for period, column in table.items():
        values = column.to_numpy(dtype=np.float64)
        gini = generalised_gini(values, ci_level=ci_level)
        rows.append(
            {
                "period": period,
                "n_events": gini.n_events,
                "gini": gini.gini,
                "generalised": gini.generalised,
                "ci_low": gini.ci_low,
                "ci_high": gini.ci_high,
                "share_of_areas": _fewest(values, share),
            }
        )
    return pd.DataFrame(rows)


def _top(values: Array, top_share: float) -> NDArray[np.bool_]:
    count = max(1, round(top_share * len(values)))
    order = np.argsort(-values, axis=0, kind="stable")[:count]
    top = np.zeros(values.shape, dtype=bool)
    np.put_along_axis(top, order, values=True, axis=0)
    return top


def _stability(values: Array, top: NDArray[np.bool_]) -> pd.DataFrame:
    periods = values.shape[1]
    ranks = stats.rankdata(values, axis=0)
    centred = ranks - ranks.mean(axis=0)
    length = np.sqrt((centred**2).sum(axis=0))
    scaled = np.where(length > 0, centred, np.nan) / np.where(length > 0, length, np.nan)
    together = np.einsum("nt,ns->ts", scaled, scaled)
    kept = (top.astype(np.float64).T @ top) / top.sum(axis=0)[0]
    rows = [
        {
            "lag_periods": lag,
            "rank_correlation": float(np.nanmean(np.diagonal(together, lag)))
            if not np.isnan(np.diagonal(together, lag)).all()
            else NAN,
            "top_areas_kept": float(np.diagonal(kept, lag).mean()),
            "top_areas_kept_by_chance": float(top[:, 0].mean()),
        }
        for lag in range(1, periods)
    ]
    columns = ["lag_periods", "rank_correlation", "top_areas_kept", "top_areas_kept_by_chance"]
    return pd.DataFrame(rows, columns=columns)
