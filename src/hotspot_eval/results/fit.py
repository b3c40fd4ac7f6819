"""Fit: what an estimator returns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

from hotspot_eval.errors import InputError, Problem
from hotspot_eval.ledger import Ledger
from hotspot_eval.results.effect import Effect
from hotspot_eval.results.effects import Effects
from hotspot_eval.results.held import Held

__all__ = ["Fit"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Fit:
    """What an estimator returns.

    Parameters
    ----------
    terms : tuple of str, length P
    coefficients : ndarray, shape (P,)
    covariance : ndarray, shape (P, P)
    influence : ndarray, shape (n, P)
        Influence value of each area on each coefficient. Their cross products, summed within
        clusters, are the cluster-robust covariance (CR2, CR1 or plain, as the estimator says):
        ``covariance`` itself where its error is cluster-robust, but *not* where it is learnt from
        controls, the default of the two-way, event-study and imputation estimators.
    areas : tuple of str, length n
        Areas used, in the order of ``influence``.
    periods : tuple of str, length t
        Periods used, in the order of ``fitted``.
    response : ndarray, shape (n, t)
        Observed values on the used cells, NaN elsewhere.
    fitted_from : callable
        Makes ``fitted``.
    treatment : ndarray, shape (n, t)
        Share treated of each used cell.
    ledger : Ledger
        Areas and cells that were dropped, with the reason.
    effect : Effect
        The pre-declared one.
    effects : Effects
        All of them.
    event : Effects, optional
        By event time, base period included as 0.
    held : callable, optional
        Given a value, the fit with its first coefficient held there.
    """

    terms: tuple[str, ...]
    coefficients: NDArray[np.float64]
    covariance: NDArray[np.float64]
    influence: NDArray[np.float64]
    areas: tuple[str, ...]
    periods: tuple[str, ...]
    response: NDArray[np.float64]
    fitted_from: Callable[[], NDArray[np.float64]]
    treatment: NDArray[np.float64]
    ledger: Ledger
    effect: Effect
    effects: Effects
    event: Effects | None = None
    held: Callable[[float], Held] | None = None

    @property
    def fitted(self) -> NDArray[np.float64]:
        """Fitted values on the used cells, NaN elsewhere, shape (n, t); made when asked for."""
        return self.fitted_from()

    def event_study(self) -> Effects:
        """Effects by event time.

        Raises
        ------
        InputError
            If this fit has none: call ``event_study(panel, design)``.
        """
        if self.event is None:
            raise InputError(
                Problem(
                    where="fit",
                    what="holds no event study",
                    advice="Use event_study(panel, design).",
                )
            )
        return self.event

    def __repr__(self) -> str:
        return f"Fit of {len(self.areas)} areas × {len(self.periods)} periods\n{self.effect!r}"

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>{self.ledger._repr_html_()}"
