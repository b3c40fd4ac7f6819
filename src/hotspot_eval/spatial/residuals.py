"""Are the residuals of a fit alike between neighbours, so that its standard error is too small?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Literal, get_args

import numpy as np
import pandas as pd
from libpysal.graph import Graph
from numpy.typing import NDArray
from scipy import sparse

from hotspot_eval.errors import InputError, Problem, check_choice
from hotspot_eval.results import Check, Fit
from hotspot_eval.significance import (
    Alternative,
    adjust_p_values,
    p_values_from_draws,
)
from hotspot_eval.spatial.aligned import read_graph
from hotspot_eval.spatial.permuted import positive, quadratic, shuffle_rows

__all__ = [
    "DeclaredError",
    "ResidualMoran",
    "residual_moran",
]

Array = NDArray[np.float64]
DeclaredError = Literal["area", "cluster", "conley", "randomization"]
_THREAT = (
    "Areas near each other share shocks, so that a standard error which takes them as independent "
    "is too small."
)
_POOLED, _CHANGE = "all periods", "post minus pre"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ResidualMoran:
    """Moran's I of the residuals of a fit.

    Parameters
    ----------
    statistic, z, p_value : float
        Of all periods together.
    by_period : DataFrame
        period, statistic, expected, z, p_value.
    table : DataFrame
        The tests that the check reads: scope (all periods; post minus pre), links (all; between
        clusters), statistic, expected, z, p_value.
    alternative : {"two-sided", "less", "greater"}
    permutations, n_areas : int
    notes : tuple of str
        What was left out, and why a value is NaN.
    """

    statistic: float
    z: float
    p_value: float
    by_period: pd.DataFrame
    table: pd.DataFrame
    alternative: Alternative
    permutations: int
    n_areas: int
    notes: tuple[str, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """The tests, one row each."""
        return self.table.copy()

    def check(self, declared: DeclaredError, *, level: float = 0.05) -> Check:
        """Does the standard error that was declared allow for what the residuals show?

        Parameters
        ----------
        declared : {"area", "cluster", "conley", "randomization"}
            What the params fixed beforehand: areas independent, clusters independent, dependence
            up to a distance, or a reference distribution of replays that keep places together.
        level : float
            For the two tests (all periods, post minus pre) together, by Holm.

        Returns
        -------
        Check
            Failed means a warning: the standard error is not changed after the fact.
        """
        check_choice("declared", declared, get_args(DeclaredError))
        links = "between clusters" if declared == "cluster" else "all"
        tests = self.table[(self.table["links"] == links) & self.table["p_value"].notna()]
        if tests.empty:
            return self._not_assessed(declared)
        evidence = tests.assign(
            p_adjusted=adjust_p_values(tests["p_value"].to_numpy(), method="holm")
        ).reset_index(drop=True)
        worst = evidence.iloc[int(np.argmin(evidence["p_adjusted"].to_numpy()))]
        found = (
            f"Moran's I of the residuals ({worst['scope']}, {worst['links']} links) is "
            f"{worst['statistic']:.3f}, adjusted p = {worst['p_adjusted']:.3f}"
        )
        alike = bool(worst["p_adjusted"] <= level)
        blind = declared in ("area", "cluster")
        if alike and blind:
            sentence = f"{found}: the declared standard error takes {declared}s as independent."
        elif alike:
            sentence = f"{found}; the declared inference ({declared}) allows for it."
        else:
            sentence = f"{found}: no likeness between neighbours was detected."
        return Check(
            name="spatial dependence of residuals",
            threat=_THREAT,
            status="failed" if alike and blind else "passed",
            sentence=sentence,
            evidence=evidence,
        )

    def _not_assessed(self, declared: DeclaredError) -> Check:
        why = "; ".join(self.notes) or "no test could be made"
        if declared == "cluster" and not (self.table["links"] == "between clusters").any():
            why = "residual_moran was not told the clusters"
        return Check(
            name="spatial dependence of residuals",
            threat=_THREAT,
            status="not assessed",
            sentence=f"Likeness of residuals between neighbours was not assessed: {why}.",
        )

    def __repr__(self) -> str:
        notes = f" [{'; '.join(self.notes)}]" if self.notes else ""
        return (
            f"Moran's I of residuals: {self.statistic:.4f}, z = {self.z:.2f}, "
            f"p = {self.p_value:.4f} ({self.alternative}, {self.permutations} permutations of "
            f"{self.n_areas:,} area series over {len(self.by_period)} periods){notes}"
        )

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>{self.table.to_html(index=False)}"


def residual_moran(
    fit: Fit,
    graph: Graph,
    *,
    rng: np.random.Generator,
    permutations: int = 999,
    alternative: Alternative = "greater",
    clusters: Mapping[str, str] | pd.Series | None = None,
) -> ResidualMoran:
    """Moran's I of a fit's residuals: in each period, over all periods, and of their change.

    Parameters
    ----------
    fit : Fit
        Pearson residuals (y − μ)/√μ are taken where the effect is a log rate ratio, y − μ
        otherwise.
    graph : libpysal.graph.Graph
        Must hold every area of the fit; rows are standardised.
    rng : numpy.random.Generator
    permutations : int
        Whole area series are permuted, which keeps the dependence over time as it is.
    alternative : {"greater", "less", "two-sided"}
    clusters : mapping or Series of area id to label, optional
        Adds the same tests on the links between clusters alone: what a standard error clustered
        by them leaves out.

    Returns
    -------
    ResidualMoran

    Raises
    ------
    InputError
        If areas of the fit are missing from the graph or from ``clusters``.

    Notes
    -----
    Area means of residuals are no use: area effects make them zero. Over all periods
    I = (N/S₀) Σₜ rₜ'W rₜ / Σₜ rₜ'rₜ, residuals centred in each period. Post minus pre is the mean
    residual from the first treated period on less that before it, area by area: it shows shocks
    that set in with the treatment. ``expected`` and ``z`` come from the permutations.
    """
    residuals, kept, notes = _residuals(fit)
    areas, series, matrix = _in_graph_order(residuals, [fit.areas[i] for i in kept], graph)
    periods = series.shape[1]
    change = _post_minus_pre(series, fit.treatment)
    if change is None:
        notes += ("no period before or after the start of treatment",)
    else:
        series = np.column_stack([series, change])
    scopes = {"all": matrix}
    if clusters is not None:
        scopes["between clusters"] = _between(matrix, _labels_of(areas, clusters))
    seed = int(rng.integers(2**63))
    tests = {
        links: _tests(series, periods, weights, seed, permutations, alternative)
        for links, weights in scopes.items()
    }
    table = pd.concat(
        [_labelled(frame.iloc[periods:], links) for links, frame in tests.items()],
        ignore_index=True,
    )
    pooled = table.iloc[0]
    by_period = tests["all"].iloc[:periods].copy()
    by_period.insert(0, "period", list(fit.periods))
    return ResidualMoran(
        statistic=float(pooled["statistic"]),
        z=float(pooled["z"]),
        p_value=float(pooled["p_value"]),
        by_period=by_period,
        table=table,
        alternative=alternative,
        permutations=permutations,
        n_areas=len(areas),
        notes=notes,
    )


def _residuals(fit: Fit) -> tuple[Array, NDArray[np.intp], tuple[str, ...]]:
    """Residuals of the areas used in every cell, which they are, and a note on the others."""
    raw = fit.response - fit.fitted
    if fit.effect.scale == "log_irr":
        with np.errstate(invalid="ignore", divide="ignore"):
            raw = raw / np.sqrt(np.where(fit.fitted > 0, fit.fitted, np.nan))
    whole = ~np.isnan(raw).any(axis=1)
    kept = np.flatnonzero(whole)
    lost = len(raw) - len(kept)
    notes = (f"{lost} areas with unused cells were left out",) if lost else ()
    if len(kept) < 4:
        raise InputError(
            Problem(
                where="fit",
                what=f"has {len(kept)} areas with a residual in every period; four are needed",
                advice="Fit a balanced stretch of the panel.",
            )
        )
    return raw[kept], kept, notes


def _in_graph_order(
    residuals: Array, areas: list[str], graph: Graph
) -> tuple[list[str], Array, sparse.csr_array]:
    """Areas sorted by id, their residuals, and the row-standardised links among them."""
    links = read_graph(graph)
    place = {label: i for i, label in enumerate(links.ids)}
    absent = [label for label in areas if label not in place]
    if absent:
        raise InputError(Problem(where="graph", what="lacks areas of the fit", examples=absent))
    rows = np.array([place[label] for label in areas], dtype=np.intp)
    order = np.argsort(rows)
    matrix = links.matrix[rows[order]][:, rows[order]]
    return [areas[i] for i in order], residuals[order], _row_standardised(matrix)


def _row_standardised(matrix: sparse.csr_array) -> sparse.csr_array:
    scaled = sparse.csr_array(matrix)
    total = np.asarray(scaled.sum(axis=1)).ravel()
    scaled.data = scaled.data / np.repeat(total, np.diff(scaled.indptr))
    return scaled


def _between(matrix: sparse.csr_array, labels: NDArray[np.object_]) -> sparse.csr_array:
    pairs = matrix.tocoo()
    row, column = pairs.coords
    apart = labels[row] != labels[column]
    shape = matrix.shape
    kept = sparse.csr_array((pairs.data[apart], (row[apart], column[apart])), shape=shape)
    return _row_standardised(kept)


def _labels_of(areas: list[str], clusters: Mapping[str, str] | pd.Series) -> NDArray[np.object_]:
    table = {str(key): value for key, value in clusters.items()}
    absent = [label for label in areas if label not in table]
    if absent:
        raise InputError(
            Problem(where="argument 'clusters'", what="lacks areas of the fit", examples=absent)
        )
    return np.array([str(table[label]) for label in areas], dtype=object)


def _post_minus_pre(residuals: Array, treatment: Array) -> Array | None:
    treated = np.flatnonzero((np.nan_to_num(treatment) > 0).any(axis=0))
    if not len(treated) or treated[0] == 0:
        return None
    start = treated[0]
    return np.asarray(residuals[:, start:].mean(axis=1) - residuals[:, :start].mean(axis=1))


def _tests(
    series: Array,
    periods: int,
    weights: sparse.csr_array,
    seed: int,
    permutations: int,
    alternative: Alternative,
) -> pd.DataFrame:
    """Moran's I of each period, of all together, and of the change where there is one."""
    series = series - series.mean(axis=0)
    total = weights.sum()
    scale = len(series) / total if total else np.nan
    length = (series**2).sum(axis=0)
    length = positive(np.where(length > 1e-20 * max(float(length.max()), 1e-300), length, 0.0))

    def statistic(permuted: Array) -> Array:
        products = quadratic(weights, permuted)
        each = scale * products / length
        pooled = scale * products[:, :periods].sum(axis=1) / np.nansum(length[:periods])
        return np.column_stack([each[:, :periods], pooled, each[:, periods:]])

    rng = np.random.default_rng(seed)
    draws = shuffle_rows(series, statistic, rng=rng, permutations=permutations)
    observed = statistic(series[:, None, :])[0]
    expected = draws.mean(axis=0)
    return pd.DataFrame(
        {
            "statistic": observed,
            "expected": expected,
            "z": (observed - expected) / positive(draws.std(axis=0, ddof=1)),
            "p_value": p_values_from_draws(observed, draws, alternative=alternative),
        }
    )


def _labelled(frame: pd.DataFrame, links: str) -> pd.DataFrame:
    labelled = frame.reset_index(drop=True)
    labelled.insert(0, "scope", [_POOLED, _CHANGE][: len(frame)])
    labelled.insert(1, "links", links)
    return labelled
