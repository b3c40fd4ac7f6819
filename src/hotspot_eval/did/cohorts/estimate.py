"""group_time: from a panel and a design to group-time effects, aggregated four ways."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hotspot_eval.design import Design
from hotspot_eval.did.assemble import NO_NOISE, ONE_TREATED, Told, no_effect, sample_counts
from hotspot_eval.did.cohorts.cells import Base, Cells, Control, estimate_cells
from hotspot_eval.did.cohorts.contrast import Method
from hotspot_eval.did.cohorts.support import (
    CellNoise,
    by_cluster,
    cohort_notes,
    cross,
    mammen,
)
from hotspot_eval.did.cohorts.weights import Aggregation, Weighting, weightings
from hotspot_eval.did.covariates import CovariatesLike, covariates_of
from hotspot_eval.did.sample import Sample, lay, treated_cells
from hotspot_eval.did.twoway import ClusterBy, clusters
from hotspot_eval.errors import check_choice, check_level, check_type, check_whole
from hotspot_eval.panel import Panel
from hotspot_eval.results import Check, Effect, Effects
from hotspot_eval.significance import normal_or_t_interval, wald_p_value

__all__ = ["GroupTime", "Shares", "group_time"]

Float = NDArray[np.float64]
Kind = Literal["simple", "group", "event", "calendar", "cells"]
Shares = Literal["estimated", "fixed"]
AT_BASE = "base period: 0 by construction"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class GroupTime:
    """Group-time average effects of a staggered design.

    Parameters
    ----------
    sample : Sample
        Cells used, and the ledger of those that were not.
    cells : Cells
        ATT(g, t) and the influence of every area on each.
    labels : tuple of str
        The panel's periods, by position.
    cluster : ndarray of int, shape (n,), or None
        Clusters of the covariance; None for areas.
    told : Told
        Words shared by the effects.
    notes : tuple of str
    shares : {"estimated", "fixed"}
        Whether the cohorts' shares of areas, by which cells are averaged, add to the error.
    df : float
        Degrees of freedom of each test; infinite means the normal distribution.
    noise : CellNoise, optional
        Where the error of averages comes from, if not from influence; ``to_frame``, ``bands`` and
        ``pre_test`` go by influence all the same.
    """

    sample: Sample
    cells: Cells
    labels: tuple[str, ...]
    cluster: NDArray[np.intp] | None
    told: Told
    notes: tuple[str, ...] = ()
    shares: Shares = "estimated"
    df: float = float("inf")
    noise: CellNoise | None = None

    def aggregate(self, kind: Aggregation = "simple") -> Effects:
        """Weighted averages of ATT(g, t).

        Parameters
        ----------
        kind : {"simple", "group", "event", "calendar"}
            ``simple``: all treated cells. ``group``: by cohort, averaged over its periods.
            ``event``: by periods since the start. ``calendar``: by period.

        Returns
        -------
        Effects
            ``.effect`` is the overall one: cohorts weighted by size (group), event times from 0 or
            periods weighted alike (event, calendar).

        Notes
        -----
        Cohorts are weighted by their share of areas. The shares are estimated, and their influence
        is part of the standard error.
        """
        check_choice("kind", kind, get_args(Aggregation))
        if self.sample.reason or not len(self.cells.att):
            reason = self.sample.reason or "no cohort has a period before treatment"
            nothing = no_effect(self.told, (reason,), sample_counts(self.sample, self.cluster))
            return self.told.effects(
                ("overall",), np.array([np.nan]), np.array([[np.nan]]), (nothing,)
            )
        weighting = weightings(self.sample, self.cells, kind, self.labels)
        covariance, df, notes = self._noise(weighting)
        told = self.told.of(kind)
        at_base = np.asarray(~weighting.cells[~self.cells.is_base].any(axis=0))
        parts = tuple(
            self._effect(told.of(label), weighting.values[m], covariance[m, m], df[m], notes)
            if not at_base[m]
            else self._at_base(told.of(label))
            for m, label in enumerate(weighting.labels)
        )
        effects = told.effects(weighting.labels, weighting.values, covariance, parts)
        return replace(effects, total="overall")

    def to_frame(self) -> pd.DataFrame:
        """One row a cell: cohort, period, event_time, att, std_error, counts and reason."""
        cells, count = self.cells, len(self.cells.att)
        variance = np.full(count, np.nan)
        for begin in range(0, count, 512):
            chosen = np.arange(begin, min(begin + 512, count))
            unit = np.zeros((count, len(chosen)))
            unit[chosen, np.arange(len(chosen))] = 1.0
            summed = by_cluster(cells.combine(unit, len(self.sample.areas)), self.cluster)
            variance[chosen] = (summed**2).sum(axis=0) / len(self.sample.areas) ** 2
        sizes = pd.Series(self.sample.first[self.sample.treated]).value_counts()
        return pd.DataFrame(
            {
                "cohort": [self.labels[g] for g in cells.cohort],
                "period": [self.labels[t] for t in cells.period],
                "event_time": cells.period - cells.cohort,
                "att": cells.att,
                "std_error": np.where(
                    cells.is_base | np.isnan(cells.att), np.nan, np.sqrt(variance)
                ),
                "n_treated": [int(sizes[g]) for g in cells.cohort],
                "n_control": cells.n_control,
                "reason": cells.reason,
            }
        )

    def pre_test(self) -> Check:
        """Joint Wald test that all ATT(g, t) before treatment are 0, with their covariance."""
        threat = "Treated and control areas were already drifting apart before the start."
        cells = self.cells
        pre = np.flatnonzero(
            (cells.period < cells.cohort) & ~cells.is_base & np.isfinite(cells.att)
        )
        n = len(self.sample.areas)
        clusters_treated = self.sample.n_treated
        if not len(pre) or len(pre) >= clusters_treated:
            reason = (
                "there is no period before the base period"
                if not len(pre)
                else f"{len(pre)} cells before treatment are too many for {clusters_treated} "
                "treated areas"
            )
            return Check(
                name="parallel trends, group-time",
                threat=threat,
                status="not assessed",
                sentence=f"Not assessed: {reason}.",
            )
        unit = np.zeros((len(cells.att), len(pre)))
        unit[pre, np.arange(len(pre))] = 1.0
        covariance = cross(cells.combine(unit, n), self.cluster)
        statistic = float(
            cells.att[pre] @ np.linalg.pinv(covariance, hermitian=True) @ cells.att[pre]
        )
        df = int(np.linalg.matrix_rank(covariance, hermitian=True))
        p_value = wald_p_value(statistic, df=df)
        evidence = pd.DataFrame({"statistic": [statistic], "df": [df], "p_value": [p_value]})
        rejected = p_value < 0.05
        return Check(
            name="parallel trends, group-time",
            threat=threat,
            status="failed" if rejected else "passed",
            sentence=f"Equal trends before the start are {'' if rejected else 'not '}rejected "
            f"(Wald {statistic:.2f} on {df} degrees of freedom, p = {p_value:.3f}).",
            evidence=evidence,
        )

    def bands(
        self, kind: Kind = "event", *, rng: np.random.Generator, draws: int = 999
    ) -> pd.DataFrame:
        """Pointwise and simultaneous bands from a multiplier bootstrap.

        Parameters
        ----------
        kind : {"simple", "group", "event", "calendar", "cells"}
        rng : Generator
        draws : int

        Returns
        -------
        DataFrame
            label, estimate, std_error (from the draws' interquartile range), pointwise_low, …_high,
            simultaneous_low, …_high, critical_value.

        Notes
        -----
        Influence values are multiplied by Mammen's two-point weights, one draw for each cluster;
        the critical value is the quantile of the largest |t| over the labels.

        References
        ----------
        Callaway & Sant'Anna (2021), https://doi.org/10.1016/j.jeconom.2020.12.001
        """
        check_choice("kind", kind, get_args(Kind))
        check_type("rng", rng, np.random.Generator, advice="Give numpy.random.default_rng(seed).")
        check_whole("draws", draws, least=99)
        labels, values, moved = self._draws(kind, rng, draws)
        spread = (
            np.quantile(moved, 0.75, axis=0) - np.quantile(moved, 0.25, axis=0)
        ) / 1.3489795003921634
        fixed = ~(spread > 0) | ~np.isfinite(values)
        ratio = np.abs(moved[:, ~fixed]) / spread[~fixed]
        level = self.told.ci_level
        largest = ratio.max(axis=1) if ratio.shape[1] else np.zeros(draws)
        critical = float(np.quantile(largest, level, method="higher"))
        error = np.where(fixed, np.nan, spread)
        pointwise = [
            normal_or_t_interval(v, s, level=level) for v, s in zip(values, error, strict=True)
        ]
        return pd.DataFrame(
            {
                "label": labels,
                "estimate": values,
                "std_error": error,
                "pointwise_low": [low for low, _ in pointwise],
                "pointwise_high": [high for _, high in pointwise],
                "simultaneous_low": values - critical * error,
                "simultaneous_high": values + critical * error,
                "critical_value": critical,
            }
        )

    def _draws(
        self, kind: Kind, rng: np.random.Generator, draws: int
    ) -> tuple[tuple[str, ...], Float, Float]:
        """Labels, estimates and centred draws, shape (draws, labels)."""
        n, cells = len(self.sample.areas), self.cells
        groups = n if self.cluster is None else int(self.cluster.max()) + 1
        if kind != "cells":
            weighting = weightings(self.sample, cells, kind, self.labels)
            influence = by_cluster(self._influence(weighting), self.cluster)
            moved = mammen(rng, draws, groups) @ influence / n
            return weighting.labels, weighting.values, moved
        labels = tuple(
            f"{self.labels[g]}, {self.labels[t]}"
            for g, t in zip(cells.cohort, cells.period, strict=True)
        )
        moved = np.zeros((draws, len(cells.att)))
        chance = mammen(rng, draws, groups)
        for block in cells.blocks:
            rows = block.rows if self.cluster is None else self.cluster[block.rows]
            moved += (chance[:, rows] @ block.left) @ block.right
        return labels, cells.att, moved / n

    def _influence(self, weighting: Weighting) -> Float:
        influence = self.cells.combine(weighting.cells, len(self.sample.areas))
        return influence if self.shares == "fixed" else influence + weighting.shares

    def _noise(self, weighting: Weighting) -> tuple[Float, Float, tuple[str, ...]]:
        """Covariance of averages, their degrees of freedom, and remarks."""
        if self.noise is not None:
            covariance, df, remarks = self.noise.of(weighting.cells)
            if self.shares == "estimated":
                covariance = covariance + cross(weighting.shares, self.cluster)
            return covariance, df, remarks
        covariance = cross(self._influence(weighting), self.cluster)
        return covariance, np.full(len(weighting.labels), self.df), ()

    def _at_base(self, told: Told) -> Effect:
        counts: dict[str, Any] = sample_counts(self.sample, self.cluster)
        nan = float("nan")
        return told.effect(0.0, nan, df=nan, notes=(AT_BASE, *self.notes), **counts)

    def _effect(
        self, told: Told, value: float, variance: float, df: float, remarks: tuple[str, ...]
    ) -> Effect:
        counts: dict[str, Any] = sample_counts(self.sample, self.cluster)
        if np.isnan(value):
            reasons = sorted({reason for reason in self.cells.reason if reason})
            return no_effect(told, (*reasons, *self.notes) or ("no cell to average",), counts)
        whole = told.estimand.endswith("simple: overall")
        cells = treated_cells(self.sample) if whole else ()
        cells = tuple(replace(group, share=1.0) for group in cells)
        error, notes = float(np.sqrt(variance)), (*remarks, *self.notes)
        labels = np.arange(len(self.sample.areas)) if self.cluster is None else self.cluster
        if self.noise is None and len(np.unique(labels[self.sample.treated])) < 2:
            error, notes = float("nan"), (ONE_TREATED, *notes)
        elif not error > 0:
            error, notes = float("nan"), (NO_NOISE, *notes)
        df = float("nan") if np.isnan(error) else df
        return told.effect(
            float(value), error, df=float(df), notes=notes, treated_cells=cells, **counts
        )

    def __repr__(self) -> str:
        return (
            f"GroupTime: {len(np.unique(self.cells.cohort))} cohorts, {len(self.cells.att)} cells\n"
            f"{self.aggregate('simple').effect!r}"
        )

    def _repr_html_(self) -> str:
        return f"<p>{self!r}</p>{self.sample.ledger._repr_html_()}"


def group_time(
    panel: Panel,
    design: Design,
    *,
    control: Control = "not_yet",
    base: Base = "universal",
    method: Method = "dr",
    anticipation: int = 0,
    covariates: CovariatesLike | None = None,
    cluster: ClusterBy = "area",
    ci_level: float = 0.95,
) -> GroupTime:
    """Group-time average treatment effects ATT(g, t), in events per area and period.

    Parameters
    ----------
    panel : Panel
        One outcome.
    design : Design
    control : {"never", "not_yet"}
        Areas never treated, or also those not treated yet.
    base : {"universal", "varying"}
        Before the start, compare with the last untreated period (so that slow drifts show), or with
        the period before.
    method : {"dr", "ipw", "or"}
        How covariates enter: doubly robust, weighting or outcome regression.
    anticipation : int
        Periods before the start in which effects are allowed.
    covariates : DataFrame or Series, optional
        One row an area, indexed by area id; do not change in time.
    cluster : {"area", "cluster"}
    ci_level : float

    Returns
    -------
    GroupTime

    Raises
    ------
    InputError
        If covariates are missing for areas, or not finite.

    Notes
    -----
    ATT(g, t) = E[y_t − y_b | G = g] − E[y_t − y_b | control], b the base period. Each leans on one
    base period: on rare monthly counts its standard error is several times that of imputation,
    which is why this is the robustness row and not the lead. Cells in which treatment is off again
    are left out.

    References
    ----------
    Callaway & Sant'Anna (2021), https://doi.org/10.1016/j.jeconom.2020.12.001

    Examples
    --------
    >>> frame = pd.DataFrame({"area": list("AAABBBCCCDDD"), "month": ["2022-01", "2022-02",
    ...                       "2022-03"] * 4, "count": [9, 9, 3, 8, 3, 3, 7, 7, 7, 5, 6, 5]})
    >>> panel = Panel.from_counts(frame, area="area", period="month", count="count")
    >>> design = Design(treated=["A", "B"], start={"A": "2022-03", "B": "2022-02"})
    >>> result = group_time(panel, design, control="never")
    >>> round(result.aggregate("simple").effect.estimate, 4)
    -5.3333
    """
    for name, value, options in (
        ("control", control, Control),
        ("base", base, Base),
        ("method", method, Method),
        ("cluster", cluster, ClusterBy),
    ):
        check_choice(name, value, get_args(options))
    check_whole("anticipation", anticipation, least=0)
    check_level("ci_level", ci_level)
    sample = lay(panel, design, counts=False, drop_off=True)
    cells = Cells.none()
    if not sample.reason:
        x = None if covariates is None else covariates_of(covariates, sample.areas)
        cells = estimate_cells(
            sample, x, control=control, base=base, method=method, anticipation=anticipation
        )
    told = Told(
        estimand="average effect of treatment on the treated",
        scale="count",
        method=f"group-time ({method}, {control.replace('_', '-')} treated controls)",
        inference=f"influence functions, clustered by {cluster}",
        ci_level=ci_level,
    )
    return GroupTime(
        sample=sample,
        cells=cells,
        labels=panel.periods.labels,
        cluster=clusters(sample, cluster),
        told=told,
        notes=cohort_notes(sample, cells, panel.periods.labels),
    )
