"""Effects of switching treatment, and what they add up to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hotspot_eval.did.assemble import Told, no_effect, sample_counts
from hotspot_eval.did.pretrend import pretrend
from hotspot_eval.did.sample import Sample
from hotspot_eval.did.switching.paths import Horizons, Paths
from hotspot_eval.errors import check_choice
from hotspot_eval.ledger import Ledger
from hotspot_eval.results import Check, Effect, Effects, TreatedCells

__all__ = ["NOBODY", "Switchers"]

Float = NDArray[np.float64]
Kind = Literal["per_unit", "event", "normalized", "ratio"]
NOBODY = "no switcher has a control with the same baseline that has not switched yet"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Switchers:
    """Effects of switching treatment, by periods since the switch.

    Parameters
    ----------
    sample : Sample
    paths : Paths
        When treatment first changes, and to what.
    horizons : Horizons
        Cell weights behind each event time.
    estimates : ndarray, shape (P + 1,)
        By event time, and last the log ratio of observed to counterfactual events.
    covariance : ndarray, shape (P + 1, P + 1)
    influence : ndarray, shape (n, P + 1)
        Of each area.
    df : tuple of float, length P + 1
    base : int
        Event time of the base period.
    told : Told
    reasons : tuple of str, length P + 1
        Why an estimate is NaN.
    notes : tuple of str
    cluster : ndarray of int, shape (n,), or None
    whole : bool
        Levels are shares of the period, so that effects become events prevented.
    ledger : Ledger
    """

    sample: Sample
    paths: Paths
    horizons: Horizons
    estimates: Float
    covariance: Float
    influence: Float
    df: tuple[float, ...]
    base: int
    told: Told
    reasons: tuple[str, ...]
    notes: tuple[str, ...]
    cluster: NDArray[np.intp] | None
    whole: bool
    ledger: Ledger

    @property
    def effect(self) -> Effect:
        """Average total effect per unit of treatment."""
        return self.aggregate("per_unit").effect

    @property
    def effects(self) -> Effects:
        """By periods since the switch."""
        return self.aggregate("event")

    def event_study(self) -> Effects:
        """By periods since the switch, base period included as 0."""
        return self.aggregate("event")

    def aggregate(self, kind: Kind = "per_unit") -> Effects:
        """Summaries of the effects by time since the switch.

        Parameters
        ----------
        kind : {"per_unit", "event", "normalized", "ratio"}
            ``per_unit``: all effects added up, over all treatment added up. ``event``: DID_ℓ and
            placebos. ``normalized``: DID_ℓ over the treatment received until then, an average of
            the effects of current and earlier treatment. ``ratio``: log of the events observed
            from the switch on over those expected had treatment stayed as it was.

        Returns
        -------
        Effects

        Notes
        -----
        per_unit = Σ_ℓ N_ℓ·DID_ℓ / Σ_ℓ N_ℓ·d̄_ℓ, with N_ℓ switchers and d̄_ℓ their mean change of
        treatment in that period: what lasts after treatment went off counts for the treatment that
        caused it.
        """
        check_choice("kind", kind, get_args(Kind))
        if kind == "event":
            return self._event()
        if kind == "normalized":
            return self._normalized()
        return self._one(*self._ratio() if kind == "ratio" else self._per_unit())

    def pre_test(self) -> Check:
        """Placebos: joint test, drift and its power, as :func:`~hotspot_eval.did.pretrend`."""
        return pretrend(self._event())

    def to_frame(self) -> pd.DataFrame:
        """One row an event time: effect, switchers behind it, treatment then and until then."""
        made, there = self.horizons, np.array(self.horizons.times, dtype=np.intp)
        frame = self._event().to_frame()
        known = {str(time): k for k, time in enumerate(there)}
        for name, values in (
            ("switchers", made.switchers),
            ("treatment", made.now),
            ("treatment_until_then", made.total),
        ):
            frame[name] = [
                values[known[label]] if label in known else np.nan for label in frame["label"]
            ]
        return frame

    def _per_unit(self) -> tuple[str, Float, Told, tuple[TreatedCells, ...], str]:
        made = self.horizons
        after = np.array(made.times, dtype=np.intp) >= 0
        live = after & (made.switchers > 0)
        received = float((made.switchers[live] * made.now[live]).sum())
        weights = np.zeros(len(self.estimates))
        told = replace(self.told, estimand="average total effect per unit of treatment")
        label = "per unit of treatment"
        if not live.any() or received <= 0:
            reason = NOBODY if not live.any() else "treatment changes cancel: no unit to divide by"
            return label, weights, told, (), self.sample.reason or reason
        weights[np.flatnonzero(live)] = made.switchers[live] / received
        return label, weights, told, self._treated_cells(), ""

    def _ratio(self) -> tuple[str, Float, Told, tuple[TreatedCells, ...], str]:
        weights = np.zeros(len(self.estimates))
        weights[-1] = 1.0
        told = replace(self.told, estimand="log ratio of events to those expected", scale="log_irr")
        on = self.horizons.on
        cells = TreatedCells(share=1.0, cells=int(on.sum()), events=float(self.sample.y[on].sum()))
        return "ratio", weights, told, (cells,), self.reasons[-1]

    def _one(
        self, label: str, weights: Float, told: Told, cells: tuple[TreatedCells, ...], reason: str
    ) -> Effects:
        counts = sample_counts(self.sample, self.cluster)
        if reason:
            made = no_effect(told, (reason,), counts)
        else:
            on = np.flatnonzero(weights)
            variance = float(weights[on] @ self.covariance[np.ix_(on, on)] @ weights[on])
            made = self._effect(
                told,
                float(weights[on] @ self.estimates[on]),
                variance,
                min(self.df[k] for k in on),
                cells,
            )
        return told.effects(
            (label,), np.array([made.estimate]), np.array([[made.std_error**2]]), (made,)
        )

    def _event(self) -> Effects:
        times = [*self.horizons.times, self.base]
        size = len(times)
        vector, covariance = np.zeros(size), np.zeros((size, size))
        vector[:-1], covariance[:-1, :-1] = self.estimates[:-1], self.covariance[:-1, :-1]
        parts = [self._at(p, self.told, 1.0) for p in range(size - 1)]
        zero = Effect.from_estimate(
            0.0,
            0.0,
            estimand=f"{self.told.estimand}: {self.base}",
            scale=self.told.scale,
            method=self.told.method,
            inference=self.told.inference,
            ci_level=self.told.ci_level,
            notes=("base period: 0 by construction",),
            **sample_counts(self.sample, self.cluster),
        )
        parts.append(zero)
        order = np.argsort(times)
        return self.told.effects(
            tuple(str(times[k]) for k in order),
            vector[order],
            covariance[np.ix_(order, order)],
            tuple(parts[k] for k in order),
        )

    def _normalized(self) -> Effects:
        after = [p for p, time in enumerate(self.horizons.times) if time >= 0]
        until = self.horizons.total[after]
        scale = np.divide(1.0, until, out=np.full(len(until), np.nan), where=until > 0)
        told = replace(
            self.told, estimand="effect per unit of treatment received until then, by periods"
        )
        parts = [self._at(p, told, float(s)) for p, s in zip(after, scale, strict=True)]
        covariance = self.covariance[np.ix_(after, after)] * np.outer(scale, scale)
        labels = tuple(str(self.horizons.times[p]) for p in after)
        return told.effects(labels, self.estimates[after] * scale, covariance, tuple(parts))

    def _at(self, p: int, told: Told, scale: float) -> Effect:
        told = told.of(str(self.horizons.times[p]))
        value = float(self.estimates[p]) * scale
        if np.isnan(value):
            reason = self.reasons[p] or "no treatment received until then"
            return no_effect(told, (reason,), sample_counts(self.sample, self.cluster))
        return self._effect(told, value, float(self.covariance[p, p]) * scale**2, self.df[p], ())

    def _effect(
        self, told: Told, value: float, variance: float, df: float, cells: tuple[TreatedCells, ...]
    ) -> Effect:
        return told.effect(
            value,
            float(np.sqrt(variance)) if variance > 0 else float("nan"),
            df=df,
            treated_cells=cells,
            notes=self.notes,
            **sample_counts(self.sample, self.cluster),
        )

    def _treated_cells(self) -> tuple[TreatedCells, ...]:
        level = self.paths.level[:, self.sample.when]
        on = self.horizons.on & (level > 0)
        joined = not (self.horizons.on & (self.paths.sign < 0)[:, None]).any()
        if not (self.whole and joined and (self.paths.baseline == 0).all()):
            return ()
        shares, where = np.unique(level[on], return_inverse=True)
        events = np.bincount(where, self.sample.y[on], minlength=len(shares))
        count = np.bincount(where, minlength=len(shares))
        return tuple(
            TreatedCells(share=float(s), cells=int(c), events=float(e))
            for s, c, e in zip(shares, count, events, strict=True)
        )

    def __repr__(self) -> str:
        switched = int((self.paths.sign != 0).sum())
        return f"Switchers: {switched} of {len(self.paths.sign)} areas switch\n{self.effect!r}"

    def _repr_html_(self) -> str:
        return f"<p>{self!r}</p>{self.ledger._repr_html_()}"
