"""Covariates of areas that do not change in time, aligned by area id or refused."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hotspot_eval.errors import InputError, Problem

__all__ = ["Covariates", "CovariatesLike", "covariates_of", "standardised"]

Float = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Covariates:
    """Named covariates of areas, one value an area each.

    Parameters
    ----------
    areas : tuple of str, length N
    names : tuple of str, length K
    values : tuple of tuple of float, N × K

    Examples
    --------
    >>> Covariates.of(pd.Series([0.1, 0.4], index=["A", "B"], name="deprivation")).names
    ('deprivation',)
    """

    areas: tuple[str, ...]
    names: tuple[str, ...]
    values: tuple[tuple[float, ...], ...]

    @classmethod
    def of(cls, given: CovariatesLike) -> Covariates:
        """Covariates from a table or column indexed by area id.

        Raises
        ------
        InputError
            If there are no area ids, or ids are repeated.
        """
        if isinstance(given, Covariates):
            return given
        if not isinstance(given, (pd.Series, pd.DataFrame)):
            raise InputError(
                Problem(
                    where="covariates",
                    what=f"are a {type(given).__name__}, without area ids to go by",
                    advice="Give a pandas Series or DataFrame indexed by area id.",
                )
            )
        frame = given.to_frame() if isinstance(given, pd.Series) else given
        areas = tuple(str(label) for label in frame.index)
        numbers = frame.apply(pd.to_numeric, errors="coerce").to_numpy(dtype=np.float64)
        numbers = numbers.reshape(len(areas), frame.shape[1])
        labels = pd.Index(areas)
        if labels.has_duplicates:
            raise InputError(
                Problem(
                    where="covariates",
                    what="have more than one row for areas",
                    examples=list(labels[labels.duplicated()].unique()),
                    advice="Keep one row an area.",
                )
            )
        return cls(
            areas=areas,
            names=tuple(str(name) for name in frame.columns),
            values=tuple(map(tuple, numbers.tolist())),
        )

    def on(self, areas: Iterable[str]) -> Float:
        """Values in the order of areas, shape (n, K).

        Raises
        ------
        InputError
            If areas have no row, or values that are not finite numbers.
        """
        place = {area: i for i, area in enumerate(self.areas)}
        wanted = list(areas)
        absent = [area for area in wanted if area not in place]
        known = [area for area in wanted if area in place]
        table = np.array(self.values, dtype=np.float64).reshape(len(self.areas), len(self.names))
        x: Float = table[[place[area] for area in known]]
        bad = np.flatnonzero(~np.isfinite(x).all(axis=1))
        problems = [
            Problem(where="covariates", what=what, examples=examples, advice=advice)
            for what, examples, advice in (
                ("have no row for areas", absent, "Give every treated and control area its row."),
                (
                    "are not finite numbers in areas",
                    [known[i] for i in bad],
                    "Fill these in, or leave the areas out of the design.",
                ),
            )
            if examples
        ]
        if problems:
            raise InputError(*problems)
        return x


CovariatesLike = Covariates | pd.DataFrame | pd.Series


def covariates_of(given: CovariatesLike, areas: Iterable[str]) -> Float:
    """Covariates in the order of areas, shape (n, K)."""
    return Covariates.of(given).on(areas)


def standardised(given: CovariatesLike | None, areas: Sequence[str]) -> Float | None:
    """Covariates of areas to mean 0 and spread 1; constant ones, which say nothing, left out."""
    if given is None:
        return None
    x = covariates_of(given, areas)
    centred = x - x.mean(axis=0)
    spread = centred.std(axis=0)
    varying = spread > 1e-12 * np.abs(x).max(axis=0, initial=0.0)
    return centred[:, varying] / spread[varying] if varying.any() else None
