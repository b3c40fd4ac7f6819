"""Several sites at once: what is each one's own, and what all of them share at a date."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hotspot_eval.inference.replay.inversion import not_rejected
from hotspot_eval.inference.replay.null import SiteNull, Verdict
from hotspot_eval.inference.replay.recipe import AROUND, independent_windows
from hotspot_eval.inference.replay.stage import Windows
from hotspot_eval.significance import Alternative, normal_or_t_interval, normal_or_t_p_value

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Places = NDArray[np.intp]

NAN = float("nan")
PRIOR_SHARE = 0.03
PRIOR_WINDOWS = 4.0
MOST_SHARED = 0.5
LEAST_LEFT = 0.02
ONE_WINDOW = (
    "sites share a calendar, and the pools span fewer than two independent windows: what all "
    "sites share at the real date cannot be told from an effect"
)

__all__ = ["ONE_WINDOW", "Dates", "Joint", "join", "judge_several", "shared_at_dates"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dates:
    """What all clusters share at a date: its variance in one window, and what that rests on.

    Parameters
    ----------
    variance : float
        Of the shared deviation of one window, on the log IRR scale; never below 0.
    learnt : float
        Share of it that the pool says; the rest is the prior's.
    df : float
        Windows' worth of information in the pool.
    """

    variance: float
    learnt: float
    df: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Joint:
    """Sites joined with precision weights, and the parts of the variance of their join.

    Parameters
    ----------
    estimate : float
    weights : ndarray, shape (G,)
    calendar : int
        Windows without overlap in the calendar that the pools span.
    nulls : tuple of SiteNull
    dates : tuple of Dates
        Of each site.
    date : float
        Variance from what the sites, and the scenes that they are held against, share at dates.
    same_cluster : float
        Variance from starts of one cluster whose windows overlap.
    pool : float
        Variance from the pools' own noise in the regression that all sites lean on.
    covariance : ndarray, shape (G, G)
        Of the sites' estimates, if there is no effect.
    df : float
        Of the whole.
    foreseen, foreseen_se, foreseen_df : float
        The joined regression to the mean.
    """

    estimate: float
    weights: Vector
    calendar: int
    nulls: tuple[SiteNull, ...]
    dates: tuple[Dates, ...]
    date: float
    same_cluster: float
    pool: float
    covariance: Matrix
    df: float
    foreseen: float
    foreseen_se: float
    foreseen_df: float

    @property
    def testable(self) -> bool:
        """Whether the pools span two windows, or one cluster shares its dates with no other."""
        return self.calendar >= 2 or _one_cluster(self.nulls)

    def variance(self, delta: float = 0.0) -> float:
        """Variance of the joined estimate if the effect is ``delta`` everywhere."""
        own = float(self.weights**2 @ _own(self.nulls, self.dates, delta))
        return own + self.same_cluster + self.pool + self.date


def join(nulls: Sequence[SiteNull]) -> Joint:
    """Precision weights w ∝ 1/V(0), and what sites share."""
    precision = np.array([1.0 / float(null.expectation.variance(0.0)) for null in nulls])
    weights = precision / precision.sum()
    calendar = _calendar_windows(nulls)
    dates = _dates_of(nulls)
    rows = [null.reference.standardised(null.target.past)[0] for null in nulls]
    by_date, by_pool = _leaning(nulls, dates, rows, target=1.0)
    starts = _same_cluster(nulls, dates)
    known = [np.append(row[:-AROUND], np.zeros(AROUND)) for row in rows]
    mean_date, mean_pool = (
        float(weights @ part @ weights) for part in _leaning(nulls, dates, known, target=0.0)
    )
    date, pool, same = (float(weights @ part @ weights) for part in (by_date, by_pool, starts))
    joint = Joint(
        estimate=float(weights @ [null.expectation.effect for null in nulls]),
        weights=weights,
        calendar=calendar,
        nulls=tuple(nulls),
        dates=dates,
        date=date,
        same_cluster=same,
        pool=pool,
        covariance=by_date + by_pool + starts + np.diag(_own(nulls, dates)),
        df=NAN,
        foreseen=float(weights @ [null.expectation.foreseen for null in nulls]),
        foreseen_se=float(np.sqrt(mean_date + mean_pool)),
        foreseen_df=_df(nulls, weights, dates, mean_date, mean_date + mean_pool),
    )
    return replace(joint, df=_df(nulls, weights, dates, date, joint.variance()))


def judge_several(nulls: Sequence[SiteNull], *, level: float, alternative: Alternative) -> Verdict:
    """Sites joined with precision weights, by a t test that knows what they share.

    Notes
    -----
    d = Σ w_g d_g with w_g ∝ 1/V_g(0). Every d_g is a target less a linear map of its pool,
    d_g = y_g − Σ_s ℓ_gs y_s, and a deviation from expectation is own + shared: own to a cluster,
    alike in two of its windows as far as they overlap, and shared by all clusters at a date. So

        Var(d) = Σ_g w_g² (V_g(δ) − σ²)  +  C  +  m′Om  +  n′Kn,

    V_g the variance of a site about its expectation, C the covariance of starts of one cluster, m
    and n the net weights of the join on (cluster, window) and on windows, O and K the overlaps.
    σ² comes from :func:`shared_at_dates`. The test is t with 1/df = Σ_k (V_k/V)/df_k over the own
    parts (independent windows less what the regression uses) and what the pool says of dates
    (its windows): nearly normal where dates share nothing, few df where they share most. Against
    Satterthwaite's (V_k/V)² it grants for σ² being what the total leaves over the own part.
    """
    joint = join(nulls)
    std_error = float(np.sqrt(joint.variance()))
    verdict = Verdict(
        estimate=joint.estimate,
        std_error=std_error,
        p_value=NAN,
        low=NAN,
        high=NAN,
        statistic=NAN,
        df=NAN,
        expected_change=joint.foreseen,
        expected_change_se=joint.foreseen_se,
        expected_df=joint.foreseen_df,
        notes=(ONE_WINDOW,),
    )
    if not joint.testable:
        return verdict
    reach = normal_or_t_interval(0.0, 1.0, df=joint.df, level=level)[1]
    low, high = not_rejected(joint.estimate, joint.variance, reach)
    if not any(null.events for null in nulls):
        low = -float("inf")
    statistic = joint.estimate / std_error
    return replace(
        verdict,
        p_value=normal_or_t_p_value(statistic, df=joint.df, alternative=alternative),
        low=low,
        high=high,
        statistic=statistic,
        df=joint.df,
        notes=() if _one_cluster(nulls) else (_told(joint),),
    )


def _told(joint: Joint) -> str:
    return (
        f"{len(joint.nulls)} sites joined; {joint.date / joint.variance():.0%} of the variance is "
        f"what clusters share at a date, from {joint.calendar} independent windows"
    )


def shared_at_dates(null: SiteNull) -> tuple[float, float, float]:
    """What the pool of a site says of σ², before anything is assumed.

    Returns Q less what own noise makes of it, its mean at σ² = 1, and its degrees of freedom;
    nothing, 0, 0 and 1, where dates hold one cluster each or the regression has fitted them away.

    Notes
    -----
    Q = Σ_t Σ_{c≠c'} r_ct r_c't / (v_ct v_c't): products of residuals of two clusters at one date,
    which own noise leaves at 0. The residuals r = My have been fitted, so both parts of the mean
    of Q are worked out under y = own + shared with M = I − XL: what a regression on few dates has
    fitted away is put back.
    """
    scenes, reference = null.pool.scenes, null.reference
    x, windows = reference.standardised(null.told.past), null.site.windows
    dates, at = np.unique(
        np.column_stack([scenes.source, scenes.onset]), axis=0, return_inverse=True
    )
    at = at.ravel()
    own_root = _root(_overlap(dates, np.full(len(dates), windows.post)))
    date_root = _root(_overlap(dates, np.full(len(dates), _lasting(windows))))

    def left(value: Matrix) -> tuple[Matrix, Matrix]:
        scaled = (value - x @ (reference.smoother @ value)) / reference.variance[:, None]
        sums = np.zeros((len(dates), value.shape[1]))
        np.add.at(sums, at, scaled)
        return sums, scaled

    def pairs(value: Matrix) -> float:
        sums, scaled = left(value)
        return float((sums**2).sum() - (scaled**2).sum())

    sums, scaled = left(date_root[at])
    form = sums.T @ sums - scaled.T @ scaled
    size = float(np.trace(form))
    precision = 1.0 / reference.variance
    whole = float((np.bincount(at, precision) ** 2).sum() - (precision**2).sum())
    if size <= LEAST_LEFT * whole:
        return 0.0, 0.0, 1.0
    noise = 0.0
    for place in np.unique(scenes.cluster):
        own = np.zeros((len(at), len(dates)))
        rows = np.flatnonzero(scenes.cluster == place)
        own[rows] = np.sqrt(reference.variance[rows])[:, None] * own_root[at[rows]]
        noise += pairs(own)
    return pairs(null.told.change[:, None]) - noise, size, size**2 / float((form**2).sum())


def _dates_of(nulls: Sequence[SiteNull]) -> tuple[Dates, ...]:
    """σ² for the windows of each site; of pools of one rule, windows and start the fullest counts.

    A component estimated from few windows is not 0 because its estimate is: below a prior share
    of the clusters' variance it is drawn towards that, as if ``PRIOR_WINDOWS`` had said so. Starts
    of one cluster share dates with no other: what these do to it is in its own variance already.
    """
    if _one_cluster(nulls):
        return (Dates(variance=0.0, learnt=0.0, df=1.0),) * len(nulls)
    groups: dict[Windows, dict[tuple[int, int], SiteNull]] = {}
    for null in sorted(nulls, key=lambda n: (len(n.pool.scenes), n.expectation.expected)):
        key = (null.site.onset, id(null.pool.rule))
        groups.setdefault(null.site.windows, {})[key] = null
    found = {}
    for windows, distinct in groups.items():
        told = np.array([shared_at_dates(null) for null in distinct.values()])
        excess, size = float(told[:, 0].sum()), float(told[:, 1].sum())
        seen = max(0.0, excess / size) if size > 0 else 0.0
        typical = np.mean([1.0 / np.mean(1.0 / n.reference.variance) for n in distinct.values()])
        df = max(1.0, min(float(told[:, 2].mean()), _calendar_windows(nulls) - 1.0))
        lent = PRIOR_WINDOWS / (PRIOR_WINDOWS + df)
        drawn = seen + lent * max(0.0, PRIOR_SHARE * float(typical) - seen)
        found[windows] = Dates(variance=drawn, learnt=seen / drawn if drawn > 0 else 0.0, df=df)
    return tuple(found[null.site.windows] for null in nulls)


def _one_cluster(nulls: Sequence[SiteNull]) -> bool:
    return len({null.site.cluster for null in nulls}) == 1


def _single(null: SiteNull, delta: float = 0.0) -> float:
    """Variance of a site about its expectation, the regression taken as known."""
    return float(null.expectation.variance(delta)) / null.reference.inflation()


def _shared(variance: float | Vector, date: Dates) -> Vector:
    """The part of a variance that is the date's."""
    return np.minimum(date.variance, MOST_SHARED * np.asarray(variance))


def _own(nulls: Sequence[SiteNull], dates: Sequence[Dates], delta: float = 0.0) -> Vector:
    """Each site's own variance: what is left when the date's part is taken out."""
    return np.array(
        [
            _single(null, delta) - float(_shared(_single(null), date))
            for null, date in zip(nulls, dates, strict=True)
        ]
    )


def _leaning(
    nulls: Sequence[SiteNull], dates: Sequence[Dates], rows: Sequence[Vector], *, target: float
) -> tuple[Matrix, Matrix]:
    """Covariances of the sites, (G, G) each, from shared dates and from the pools' own noise.

    Of ``target`` times the sites' own deviations less what the pools expect at these ``rows``.
    """
    sizes = [len(null.pool.scenes) for null in nulls]
    where = np.concatenate([_windows_of(null) for null in nulls])
    windows, at = np.unique(where, axis=0, return_inverse=True)
    parts = np.split(at.ravel(), np.cumsum([size + 1 for size in sizes])[:-1])
    n_clusters = 1 + max(int(null.pool.scenes.cluster.max()) for null in nulls)
    time = np.zeros((len(nulls), len(windows)))
    own = np.zeros((len(nulls), n_clusters, len(windows)))
    for g, (null, date, row, here) in enumerate(zip(nulls, dates, rows, parts, strict=True)):
        reference, root = null.reference, np.sqrt(date.variance)
        lean = row @ reference.smoother
        np.add.at(time[g], here[:-1], -root * lean)
        time[g, here[-1]] += target * root
        alone = np.sqrt(reference.variance - _shared(reference.variance, date))
        np.add.at(own[g], (null.pool.scenes.cluster, here[:-1]), lean * alone)
    overlap = _overlap(windows[:, :2], windows[:, 2])
    lasting = _overlap(windows[:, :2], windows[:, 3])
    noise = (own @ overlap).reshape(len(nulls), -1) @ own.reshape(len(nulls), -1).T
    return time @ lasting @ time.T, noise


def _windows_of(null: SiteNull) -> NDArray[np.intp]:
    """Source, start, length and lasting length of every scene's window, the site's own last."""
    scenes, windows = null.pool.scenes, null.site.windows
    out = np.empty((len(scenes) + 1, 4), dtype=np.intp)
    out[:-1, 0], out[:-1, 1] = scenes.source, scenes.onset
    out[-1, :2] = 0, null.site.onset
    out[:, 2], out[:, 3] = windows.post, _lasting(windows)
    return out


def _lasting(windows: Windows) -> int:
    """A window and as long after it as what is shared at a date lasts: a quarter."""
    return windows.post + windows.quarter


def _overlap(dates: NDArray[np.intp], length: NDArray[np.intp]) -> Matrix:
    """Correlation of the means of white noise over windows (source, start) of these lengths."""
    start, stop = dates[:, 1], dates[:, 1] + length
    both = np.minimum.outer(stop, stop) - np.maximum.outer(start, start)
    alike = np.equal.outer(dates[:, 0], dates[:, 0])
    return np.asarray(np.where(alike, np.maximum(both, 0), 0) / np.sqrt(np.outer(length, length)))


def _root(matrix: Matrix) -> Matrix:
    """R with RR′ = matrix."""
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))


def _same_cluster(nulls: Sequence[SiteNull], dates: Sequence[Dates]) -> Matrix:
    """Covariance of starts of one cluster: all but the counts of the treated, which differ."""
    fixed = np.array([n.expectation.fixed / n.reference.inflation() for n in nulls])
    shared = [float(_shared(_single(n), date)) for n, date in zip(nulls, dates, strict=True)]
    common = np.maximum(fixed - np.array(shared), 0.0)
    windows = np.array([[0, null.site.onset, null.site.windows.post] for null in nulls])
    overlap = _overlap(windows[:, :2], windows[:, 2])
    places = np.array([null.site.cluster for null in nulls])
    np.fill_diagonal(overlap, 0.0)
    alike = np.where(np.equal.outer(places, places), overlap, 0.0)
    return np.asarray(alike * np.sqrt(np.outer(common, common)))


def _df(
    nulls: Sequence[SiteNull], weights: Vector, dates: Sequence[Dates], date: float, total: float
) -> float:
    """1/df = Σ_k (V_k/V)/df_k; the prior's part of what dates share is taken as known."""
    own_df = max(1.0, min(null.reference.n_windows - null.reference.df for null in nulls))
    learnt = date * float(weights @ [each.learnt for each in dates])
    date_df = min(each.df for each in dates)
    return total / ((total - learnt) / own_df + learnt / date_df)


def _calendar_windows(nulls: Sequence[SiteNull]) -> int:
    """Windows without overlap in the calendar that the pools span."""
    post = max(null.site.windows.post for null in nulls)
    onsets = np.unique(np.concatenate([null.pool.scenes.onset for null in nulls]))
    return independent_windows(onsets, post)
