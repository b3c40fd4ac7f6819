"""Group-time effects: averaged four ways, banded, and tested before the start."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hotspot_eval.did.assemble import NO_NOISE, ONE_TREATED, Told, no_effect, sample_counts
from hotspot_eval.did.cohorts.bands import band_table, drawn_bands, multiplied_bands
from hotspot_eval.did.cohorts.cells import Cells
from hotspot_eval.did.cohorts.support import CellNoise, by_cluster, cross, mammen, trends_check
from hotspot_eval.did.cohorts.weights import Aggregation, Weighting, weightings
from hotspot_eval.did.sample import Sample, treated_cells
from hotspot_eval.errors import InputError, Problem, check_choice, check_type, check_whole
from hotspot_eval.results import Check, Effect, Effects

__all__ = ["GroupTime", "Shares"]

Float = NDArray[np.float64]
Kind = Literal["simple", "group", "event", "calendar", "cells"]
Shares = Literal["estimated", "fixed"]
AT_BASE = "base period: 0 by construction"
_CELLS = 512


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
    anticipation : int
        Periods before the start in which effects are allowed.
    noise : CellNoise, optional
        Where errors come from, if not from influence.
    """

    sample: Sample
    cells: Cells
    labels: tuple[str, ...]
    cluster: NDArray[np.intp] | None
    told: Told
    notes: tuple[str, ...] = ()
    shares: Shares = "estimated"
    df: float = float("inf")
    anticipation: int = 0
    noise: CellNoise | None = None

    def aggregate(self, kind: Aggregation = "simple", *, balance: int | None = None) -> Effects:
        """Weighted averages of ATT(g, t).

        Parameters
        ----------
        kind : {"simple", "group", "event", "calendar"}
            ``simple``: all treated cells. ``group``: by cohort, averaged over its periods.
            ``event``: by periods since the start. ``calendar``: by period.
        balance : int, optional
            With ``event``: only cohorts seen so many periods after the start, and event times up to
            there, so that effects at different times are about the same areas.

        Returns
        -------
        Effects
            ``.effect`` is the overall one: cohorts weighted by size (group), event times from 0 or
            periods weighted alike (event, calendar).

        Notes
        -----
        Cohorts are weighted by their share of areas; where these count as estimated, their
        influence is part of the standard error. Treated cells that nobody untreated stands beside
        (after everybody has started, say) are left out, and a note counts them.
        """
        check_choice("kind", kind, get_args(Aggregation))
        self._check_balance(kind, balance)
        reasons = self._nothing()
        if reasons:
            counts: dict[str, Any] = sample_counts(self.sample, self.cluster)
            nothing = no_effect(self.told, (*reasons, *self.notes), counts)
            return self.told.effects(
                ("overall",), np.array([np.nan]), np.array([[np.nan]]), (nothing,)
            )
        weighting = weightings(self.sample, self.cells, kind, self.labels, balance)
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
        for begin in range(0, count, _CELLS):
            chosen = np.arange(begin, min(begin + _CELLS, count))
            unit = np.zeros((count, len(chosen)))
            unit[chosen, np.arange(len(chosen))] = 1.0
            variance[chosen] = np.diag(self._covariance(unit)[0])
        sizes = pd.Series(self.sample.first[self.sample.seen_treated]).value_counts()
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
        """Joint Wald test that all ATT(g, t) before treatment are 0, with their covariance.

        Periods in which anticipation is allowed are no part of it. χ² where errors have no degrees
        of freedom, F (Hotelling) where they have.
        """
        pre = np.flatnonzero(
            (self.cells.period < self.cells.cohort - self.anticipation)
            & ~self.cells.is_base
            & np.isfinite(self.cells.att)
        )
        unit = np.zeros((len(self.cells.att), len(pre)))
        unit[pre, np.arange(len(pre))] = 1.0
        covariance, df, _ = self._covariance(unit)
        treated = np.unique(self._codes()[self.sample.seen_treated])
        room = len(treated) if self.noise is None else len(pre) + 1
        return trends_check(
            self.cells.att[pre], covariance, df, room, clustered=self.cluster is not None
        )

    def bands(
        self, kind: Kind = "event", *, rng: np.random.Generator, draws: int = 999
    ) -> pd.DataFrame:
        """Pointwise and simultaneous bands.

        Parameters
        ----------
        kind : {"simple", "group", "event", "calendar", "cells"}
        rng : Generator
        draws : int

        Returns
        -------
        DataFrame
            label, estimate, std_error, pointwise_low, …_high, simultaneous_low, …_high,
            critical_value.

        Notes
        -----
        The critical value is the quantile of the largest |t| over the labels. Influence values are
        multiplied by Mammen's two-point weights, one draw for each cluster, and errors come from
        the draws' interquartile range, as published. Learnt errors are drawn from their covariance,
        as t with the fewest degrees of freedom of any label.

        References
        ----------
        Callaway & Sant'Anna (2021), https://doi.org/10.1016/j.jeconom.2020.12.001
        """
        check_choice("kind", kind, get_args(Kind))
        check_type("rng", rng, np.random.Generator, advice="Give numpy.random.default_rng(seed).")
        check_whole("draws", draws, least=99)
        level = self.told.ci_level
        if self._nothing():
            return band_table(("overall",), np.full(1, np.nan), np.full(1, np.nan), 1.0, level)
        weighting = self._weighting(kind)
        if self.noise is not None:
            covariance, df, _ = self._noise(weighting)
            return drawn_bands(weighting, covariance, df, level=level, rng=rng, draws=draws)
        count = int(self._codes().max()) + 1
        moved = np.zeros((draws, len(weighting.labels)))
        chance = mammen(rng, draws, count)
        if kind == "cells":
            for block in self.cells.blocks:
                moved += (chance[:, self._codes()[block.rows]] @ block.left) @ block.right
        else:
            moved = chance @ by_cluster(self._influence(weighting), self.cluster)
        return multiplied_bands(weighting, moved / len(self.sample.areas), self.df, level=level)

    def _check_balance(self, kind: Aggregation, balance: int | None) -> None:
        """Refuse a balance that goes with another average, or that no cohort has."""
        if balance is None:
            return
        check_whole("balance", balance, least=0)
        event = (self.cells.period - self.cells.cohort)[self.cells.after]
        what = f'goes only with kind="event", not {kind!r}'
        if kind == "event" and (balance in event or not len(event)):
            return
        if kind == "event":
            what = f"no cohort has an effect {balance} periods after its start"
        raise InputError(Problem(where="argument 'balance'", what=what))

    def _weighting(self, kind: Kind) -> Weighting:
        """Averages, or every cell on its own."""
        cells, labels = self.cells, self.labels
        if kind != "cells":
            return weightings(self.sample, cells, kind, labels)
        names = (
            f"{labels[g]}, {labels[t]}" for g, t in zip(cells.cohort, cells.period, strict=True)
        )
        count = len(cells.att)
        return Weighting(
            labels=tuple(names),
            values=cells.att,
            cells=np.eye(count),
            shares=np.zeros((len(self.sample.areas), count)),
        )

    def _codes(self) -> NDArray[np.intp]:
        """Cluster of each area."""
        return np.arange(len(self.sample.areas)) if self.cluster is None else self.cluster

    def _nothing(self) -> tuple[str, ...]:
        """Why there is nothing to average; empty where there is."""
        if self.sample.reason:
            return (self.sample.reason,)
        if not len(self.cells.att):
            return ("no cohort has a period before treatment",)
        if self.cells.after.any():
            return ()
        return tuple(sorted({reason for reason in self.cells.reason if reason}))

    def _influence(self, weighting: Weighting) -> Float:
        influence = self.cells.combine(weighting.cells, len(self.sample.areas))
        return influence if self.shares == "fixed" else influence + weighting.shares

    def _noise(self, weighting: Weighting) -> tuple[Float, Float, tuple[str, ...]]:
        """Covariance of averages, their degrees of freedom, and remarks."""
        if self.noise is None:
            covariance = cross(self._influence(weighting), self.cluster)
            return covariance, np.full(len(weighting.labels), self.df), ()
        covariance, df, remarks = self.noise.of(weighting.cells)
        if self.shares == "estimated":
            covariance = covariance + cross(weighting.shares, self.cluster)
        return covariance, df, remarks

    def _covariance(self, weights: Float) -> tuple[Float, Float, tuple[str, ...]]:
        """The same for weights (C, M) that nothing is estimated of."""
        if self.noise is not None:
            return self.noise.of(weights)
        influence = self.cells.combine(weights, len(self.sample.areas))
        return cross(influence, self.cluster), np.full(weights.shape[1], self.df), ()

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
        cells = treated_cells(self._averaged()) if whole else ()
        cells = tuple(replace(group, share=1.0) for group in cells)
        error, notes = float(np.sqrt(variance)), (*remarks, *self.notes)
        treated = self._codes()[self.sample.seen_treated]
        if self.noise is None and len(np.unique(treated)) < 2:
            error, notes = float("nan"), (ONE_TREATED, *notes)
        elif not error > 0:
            error, notes = float("nan"), (NO_NOISE, *notes)
        df = float("nan") if np.isnan(error) else df
        return told.effect(
            float(value), error, df=float(df), notes=notes, treated_cells=cells, **counts
        )

    def _averaged(self) -> Sample:
        """The sample, treated in the cells that averages use alone."""
        cells, sample = self.cells, self.sample
        used = np.zeros((len(self.labels) + 1, len(self.labels)), dtype=bool)
        used[cells.cohort[cells.after], cells.period[cells.after]] = True
        kept = used[sample.first][:, sample.when]
        return replace(sample, treatment=np.where(kept, sample.treatment, 0.0))

    def __repr__(self) -> str:
        return (
            f"GroupTime: {len(np.unique(self.cells.cohort))} cohorts, {len(self.cells.att)} cells\n"
            f"{self.aggregate('simple').effect!r}"
        )

    def _repr_html_(self) -> str:
        return f"<p>{self!r}</p>{self.sample.ledger._repr_html_()}"
