"""Spells: stretches of treatment of one area, and what they add up to in each period."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from numbers import Real
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from hotspot_eval.errors import InputError, Problem, check_choice
from hotspot_eval.panel import area_ids
from hotspot_eval.periods import PeriodLike, Periods

__all__ = ["Kind", "Spell", "lay_spells"]

Kind = Literal["hotspot", "problem_oriented", "offender_management"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spell:
    """One stretch of treatment of one area.

    Parameters
    ----------
    area : str
    start, end : period or date
        First and last treated period or day, both included; ``end=None`` means that it goes on.
    share : float
        Share of the area that is truly treated, in (0, 1]; 1 unless a site covers part of it.
    dose : float
        Intensity while treated, in units of the study's choice (officer hours a day).
    site, kind : str, optional
        The site as delivered, and the kind of intervention.
    """

    area: str
    start: PeriodLike
    end: PeriodLike | None = None
    share: float = 1.0
    dose: float | None = None
    site: str | None = None
    kind: Kind | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "area", area_ids([self.area])[0])
        if not (isinstance(self.share, Real) and 0 < float(self.share) <= 1):
            raise InputError(
                Problem(
                    where=f"spell of area {self.area}", what=f"share {self.share} is outside (0, 1]"
                )
            )
        if self.dose is not None and not (
            isinstance(self.dose, Real) and np.isfinite(self.dose) and self.dose >= 0
        ):
            raise InputError(
                Problem(
                    where=f"spell of area {self.area}", what=f"dose {self.dose} is not 0 or more"
                )
            )
        if self.kind is not None:
            check_choice("kind", self.kind, get_args(Kind))


def lay_spells(
    periods: Periods, spells: Sequence[Spell]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    r"""Share of each period in which one area is treated, and dose of each; shapes (T,).

    Parameters
    ----------
    periods : Periods
    spells : sequence of Spell
        All of one area; they may overlap.

    Notes
    -----
    Mean over the days :math:`d` of a period of :math:`\min(1, \sum_s m_{sd})`, with
    :math:`m_{sd}` the largest share of the area that site :math:`s` covers on that day: spells of
    one site count once, of different sites together at most 1. Doses add up.

    Examples
    --------
    >>> june = Periods.span("2022-06", "2022-06", frequency="month")
    >>> twice = [Spell(area="A", start="2022-06-01", end="2022-06-15", dose=2.0) for _ in range(2)]
    >>> lay_spells(june, twice)
    (array([0.5]), array([2.]))
    """
    if len(spells) == 1:
        days = periods.share(spells[0].start, spells[0].end)
        return days * spells[0].share, days * (spells[0].dose or 0.0)
    treatment, dose = np.zeros(len(periods)), np.zeros(len(periods))
    length = (periods.ends - periods.starts).astype(np.float64)
    active = [(*_days(periods, spell), spell) for spell in spells]
    edges = np.unique([edge for first, after, _ in active for edge in (first, after)])
    for begin, stop in pairwise(edges):
        covered = np.minimum(periods.ends, stop) - np.maximum(periods.starts, begin)
        weight = np.clip(covered.astype(np.float64), 0.0, None) / length
        sites: dict[str | None, float] = {}
        for first, after, spell in active:
            if first <= begin and stop <= after:
                sites[spell.site] = max(sites.get(spell.site, 0.0), spell.share)
                dose += weight * (spell.dose or 0.0)
        treatment += weight * min(1.0, sum(sites.values()))
    return np.minimum(treatment, 1.0), dose


def _days(periods: Periods, spell: Spell) -> tuple[np.datetime64, np.datetime64]:
    first, _ = periods.interval(spell.start)
    after = periods.ends[-1] if spell.end is None else periods.interval(spell.end)[1]
    if spell.end is not None and after <= first:
        raise InputError(
            Problem(where="spell", what=f"ends ({spell.end}) before it starts ({spell.start})")
        )
    return first, max(first, after)
