"""Partition: every area in one role."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import pandas as pd

from hotspot_eval.errors import InputError, Problem
from hotspot_eval.ledger import Ledger
from hotspot_eval.results import Check

__all__ = ["Partition"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Partition:
    """Every area in one role: site, ring 1, ring 2, …, donut or remainder.

    Parameters
    ----------
    roles : DataFrame
        One row an area, sorted by ``area``: ``role``, ``site`` (the one that covers it most, or
        whose zone does), ``share_treated`` (share of the area inside any site, the dilution) and
        ``share_zone`` (share of the area inside the zone that gives it its role and all nearer).
    overlaps : DataFrame
        One row for each area and site that meet by ``tolerance``: area, site, share of the area.
    rings_m : tuple of float
        Outer radii of the rings, in metres from the edge of the sites.
    checks : tuple of Check
        Snap-point scale of the sites and of the rings; sites that overlap each other.
    ledger : Ledger
        How many areas have each role, and which overlaps were too small to count.
    """

    roles: pd.DataFrame
    overlaps: pd.DataFrame
    rings_m: tuple[float, ...]
    checks: tuple[Check, ...]
    ledger: Ledger

    def __post_init__(self) -> None:
        if self.roles["area"].duplicated().any():
            raise InputError(Problem(where="partition", what="areas have more than one role"))

    def areas(self, role: str) -> tuple[str, ...]:
        """Ids of the areas with a role; ``"rings"`` means all rings together.

        Raises
        ------
        InputError
            If the partition has no such role.
        """
        allowed = ["site", *self.ring_names, "rings", "donut", "remainder"]
        if role not in allowed:
            raise InputError(
                Problem(
                    where="argument 'role'",
                    what=f"{role!r} is not a role of this partition",
                    advice=f"Roles are {', '.join(allowed)}.",
                )
            )
        wanted = self.ring_names if role == "rings" else (role,)
        return tuple(self.roles.loc[self.roles["role"].isin(wanted), "area"])

    @property
    def ring_names(self) -> tuple[str, ...]:
        """``ring 1`` is the nearest."""
        return tuple(f"ring {k}" for k in range(1, len(self.rings_m) + 1))

    def to_frame(self) -> pd.DataFrame:
        """A copy of ``roles``."""
        return self.roles.copy()

    def __repr__(self) -> str:
        counts = self.roles["role"].value_counts()
        listed = ", ".join(
            f"{counts.get(role, 0):,} {role}"
            for role in ("site", *self.ring_names, "donut", "remainder")
        )
        inside = self.roles.loc[self.roles["role"] == "site", "share_treated"]
        diluted = f"; {inside.mean():.0%} of a site's areas truly treated" if len(inside) else ""
        return f"Partition of {len(self.roles):,} areas: {listed}{diluted}"

    def _repr_html_(self) -> str:
        warned = "".join(
            f"<li>{escape(check.sentence)}</li>"
            for check in self.checks
            if check.status != "passed"
        )
        return f"<p>{escape(repr(self))}</p><ul>{warned}</ul>{self.ledger._repr_html_()}"
