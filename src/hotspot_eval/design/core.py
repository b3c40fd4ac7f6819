"""Design: who was treated, when, and against whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import InitVar, dataclass
from html import escape
from typing import Any, Literal, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hotspot_eval.design.rules import checked_spells, one_each
from hotspot_eval.design.spells import Spell, lay_spells
from hotspot_eval.errors import InputError, Problem, check_sequence, check_type
from hotspot_eval.panel import Panel, area_ids
from hotspot_eval.results import Fit

__all__ = ["Assignment", "Design", "Estimator", "Role", "check_study"]

Role = Literal["treated", "catchment", "control", "excluded"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Assignment:
    """A design laid over a panel, as arrays in the panel's order.

    Parameters
    ----------
    treatment : ndarray, shape (N, T)
        Share of each cell treated, in [0, 1].
    dose : ndarray, shape (N, T), or None
        Dose of each cell, weighted by the share of the period.
    role : ndarray of str, shape (N,)
        ``treated``, ``catchment``, ``control`` or ``excluded``.
    first : ndarray of int, shape (N,)
        First treated period; T where never treated.
    used : ndarray of bool, shape (N, T)
        Cells inside the windows; missing counts are not considered here.
    """

    treatment: NDArray[np.float64]
    dose: NDArray[np.float64] | None
    role: NDArray[np.str_]
    first: NDArray[np.intp]
    used: NDArray[np.bool_]

    def rows(self, role: Role) -> NDArray[np.intp]:
        """Rows of the areas with this role."""
        return np.flatnonzero(self.role == role)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Design:
    """Who was treated, when, against whom; cheap, and made by the thousand.

    Parameters
    ----------
    treated : sequence of area ids
        With ``start`` the shortcut for one spell an area; derived from ``spells`` otherwise.
    start, end : period or date, or one for each treated area
        First and last treated period or day, both included. A date inside a period treats that
        period in part.
    spells : sequence of Spell
        On/off spells, partial treatment, sites and kinds: instead of ``treated`` and ``start``.
    controls : sequence of area ids, optional
        By default every area that has no other role.
    catchment, excluded : sequence of area ids
        Areas where displacement is looked for; areas kept out of everything.
    elsewhere : sequence of Spell
        What was delivered beside this design: by other operations, or by the same one in other
        boroughs. These areas are no controls by default, and no replay uses the treated cells.
    pre_periods, post_periods : int, optional
        Length of the windows before and from each area's first treated period; by default all
        there is.
    gap : int
        Periods left out right before the first treated one (anticipation, selection window).

    Raises
    ------
    InputError
        If roles overlap, nothing is treated, or windows are not positive.

    Examples
    --------
    >>> design = Design(treated=["A", "B"], start="2022-07", pre_periods=12, post_periods=3)
    >>> design.treated, design.spells[0].start
    (('A', 'B'), '2022-07')
    """

    treated: Sequence[object] = ()
    start: InitVar[Any] = None
    end: InitVar[Any] = None
    spells: Sequence[Spell] = ()
    controls: Sequence[object] | None = None
    catchment: Sequence[object] = ()
    excluded: Sequence[object] = ()
    elsewhere: Sequence[Spell] = ()
    pre_periods: int | None = None
    post_periods: int | None = None
    gap: int = 0

    def __post_init__(self, start: Any, end: Any) -> None:
        put = object.__setattr__
        for name in ("treated", "controls", "catchment", "excluded"):
            given = getattr(self, name)
            if given is not None or name != "controls":
                check_sequence(name, given, of="ids", example="['A', 'B']")
                put(self, name, tuple(dict.fromkeys(area_ids(given))))
        spells = checked_spells(self.spells, "spells")
        put(self, "elsewhere", checked_spells(self.elsewhere, "elsewhere"))
        if start is not None:
            if spells:
                raise InputError(
                    Problem(where="Design", what="takes treated and start, or spells, not both")
                )
            starts = one_each(start, self.treated, "start")
            ends = one_each(end, self.treated, "end")
            spells = tuple(
                Spell(area=str(area), start=first, end=last)
                for area, first, last in zip(self.treated, starts, ends, strict=True)
            )
        elif self.treated and not spells:
            raise InputError(
                Problem(
                    where="argument 'start'",
                    what="is missing",
                    advice="Say when treatment began: one period, or one for each area.",
                )
            )
        put(self, "spells", spells)
        put(self, "treated", tuple(dict.fromkeys(spell.area for spell in spells)))
        problems = _design_problems(self)
        if problems:
            raise InputError(*problems)

    @classmethod
    def from_treatment(
        cls,
        panel: Panel,
        treatment: NDArray[np.float64],
        *,
        controls: Sequence[object] | None = None,
        catchment: Sequence[object] = (),
        excluded: Sequence[object] = (),
        pre_periods: int | None = None,
        post_periods: int | None = None,
        gap: int = 0,
    ) -> Design:
        """A design from the share of each cell treated, shape (N, T) in the panel's order."""
        check_type("panel", panel, Panel, advice="Make one with Panel.from_counts.")
        given = np.asarray(treatment)
        shares = given.astype(np.float64) if given.dtype.kind in "biuf" else np.zeros(0)
        if shares.shape != panel.shape[:2] or not ((shares >= 0) & (shares <= 1)).all():
            raise InputError(
                Problem(
                    where="argument 'treatment'",
                    what=f"must be shares in [0, 1] of shape {panel.shape[:2]}, "
                    "in the order of panel.areas and panel.periods",
                )
            )
        labels = panel.periods.labels
        spells = [
            Spell(
                area=panel.areas[i],
                start=labels[first],
                end=labels[last],
                share=float(shares[i, first]),
            )
            for i in np.flatnonzero(shares.any(axis=1))
            for first, last in _runs(shares[i])
        ]
        return cls(
            spells=spells,
            controls=controls,
            catchment=catchment,
            excluded=excluded,
            pre_periods=pre_periods,
            post_periods=post_periods,
            gap=gap,
        )

    def on(self, panel: Panel) -> Assignment:
        """The design laid over ``panel``.

        Raises
        ------
        InputError
            If areas are not in the panel, a spell lies outside it, or the windows ask for more
            periods than it has.
        """
        check_type("panel", panel, Panel, advice="Make one with Panel.from_counts.")
        role = np.full(len(panel.areas), "excluded", dtype="<U9")
        if self.controls is None:
            role[:] = "control"
            role[panel.positions([spell.area for spell in self.elsewhere])] = "excluded"
        else:
            role[panel.positions(self.controls)] = "control"
        role[panel.positions(self.catchment)] = "catchment"
        role[panel.positions(self.excluded)] = "excluded"
        rows = panel.positions([spell.area for spell in self.spells])
        role[rows] = "treated"

        treatment, dose, first, outside = self._lay(panel, rows)
        if outside:
            raise InputError(
                Problem(
                    where="design",
                    what="spells lie outside the panel, which runs from "
                    f"{panel.periods.labels[0]} to {panel.periods.labels[-1]}",
                    examples=outside,
                    advice="Leave these spells out, or read more periods.",
                )
            )
        return Assignment(
            treatment=treatment,
            dose=dose,
            role=role,
            first=first,
            used=self._windows(panel, role, first),
        )

    def treated_elsewhere(self, panel: Panel) -> NDArray[np.bool_]:
        """Cells treated beside this design, shape (N, T); spells outside the panel treat none.

        Raises
        ------
        InputError
            If areas are not in the panel.
        """
        treated = np.zeros(panel.shape[:2], dtype=bool)
        rows = panel.positions([spell.area for spell in self.elsewhere])
        for row, spell in zip(rows, self.elsewhere, strict=True):
            treated[row] |= panel.periods.share(spell.start, spell.end) > 0
        return treated

    def _lay(
        self, panel: Panel, rows: NDArray[np.intp]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64] | None, NDArray[np.intp], list[str]]:
        """Shares and doses of every cell, first treated periods, and spells outside the panel."""
        n, t, _ = panel.shape
        treatment, first = np.zeros((n, t)), np.full(n, t, dtype=np.intp)
        alike: dict[Any, list[int]] = {}
        for place, spell in enumerate(self.spells):
            key = (spell.start, spell.end, spell.share, spell.dose)
            alike.setdefault(key, []).append(place)
        dose = np.zeros((n, t)) if any(key[3] is not None for key in alike) else None
        outside: list[int] = []
        for places in alike.values():
            shares, doses = lay_spells(panel.periods, [self.spells[places[0]]])
            alike_rows = rows[places]
            treatment[alike_rows], first[alike_rows] = shares, (shares > 0).argmax()
            if dose is not None:
                dose[alike_rows] = doses
            if not shares.any():
                outside += places
        of_row: dict[int, list[Spell]] = {}
        if len(self.treated) < len(rows):
            for again in np.flatnonzero(np.bincount(rows, minlength=n)[rows] > 1).tolist():
                of_row.setdefault(int(rows[again]), []).append(self.spells[again])
        for twice, several in of_row.items():
            treatment[twice], doses = lay_spells(panel.periods, several)
            first[twice] = (treatment[twice] > 0).argmax()
            if dose is not None:
                dose[twice] = doses
        names = [f"{self.spells[p].area} from {self.spells[p].start}" for p in sorted(outside)]
        return treatment, dose, first, names

    def _windows(
        self, panel: Panel, role: NDArray[np.str_], first: NDArray[np.intp]
    ) -> NDArray[np.bool_]:
        n, t, _ = panel.shape
        treated = np.flatnonzero(role == "treated")
        onset = first[treated]
        short = [
            *_too_short(panel, treated, onset - self.gap - (self.pre_periods or 0) < 0, "before"),
            *_too_short(panel, treated, onset + (self.post_periods or 0) > t, "from"),
        ]
        if short:
            raise InputError(*short)
        onsets, place = np.unique(onset, return_inverse=True)
        since = np.arange(t) - onsets[:, None]
        pre = since < -self.gap
        if self.pre_periods is not None:
            pre &= since >= -self.gap - self.pre_periods
        post = since >= 0
        if self.post_periods is not None:
            post &= since < self.post_periods
        window = pre | post
        used = np.empty((n, t), dtype=bool)
        used[:] = window.any(axis=0)
        used[role == "excluded"] = False
        used[treated] = window[place]
        return used

    def to_frame(self) -> pd.DataFrame:
        """One row a spell: area, start, end, share, dose, site, kind."""
        columns = ["area", "start", "end", "share", "dose", "site", "kind"]
        return pd.DataFrame(
            [[getattr(s, c) for c in columns] for s in self.spells], columns=columns
        )

    def __repr__(self) -> str:
        against = "all other areas" if self.controls is None else f"{len(self.controls)} controls"
        starts = sorted({str(spell.start) for spell in self.spells})
        when = starts[0] if len(starts) == 1 else f"{len(starts)} starts from {starts[0]}"
        pre = "all" if self.pre_periods is None else self.pre_periods
        post = "all" if self.post_periods is None else self.post_periods
        beside = len({spell.area for spell in self.elsewhere})
        return (
            f"Design: {len(self.treated)} treated against {against}, {when}; "
            f"{pre} periods before, {post} from the start, gap {self.gap}; "
            f"{len(self.catchment)} catchment, {len(self.excluded)} excluded"
            + (f"; {beside} treated elsewhere" if beside else "")
        )

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>"


class Estimator(Protocol):
    """What replay, placebo, permutation and power need of an estimator.

    ``many`` is the engine; calling is its case of one, with everything around the estimate.
    """

    def __call__(self, panel: Panel, design: Design) -> Fit:
        """Estimate, with covariance and influence values."""
        ...

    def many(self, panel: Panel, designs: Sequence[Design]) -> NDArray[np.float64]:
        """Estimates alone, shape (len(designs),); NaN where a design has none."""
        ...


def check_study(panel: object, design: object) -> None:
    """Refuse what is not a Panel and a Design, in that order.

    Examples
    --------
    >>> check_study("counts.csv", None)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    hotspot_eval.errors.InputError: argument 'panel': is of type str, not Panel. Make one with ...
    """
    check_type("panel", panel, Panel, advice="Make one with Panel.from_counts.")
    check_type("design", design, Design, advice="Make one with Design(treated=…, start=…).")


def _design_problems(design: Design) -> list[Problem]:
    problems = []
    if not design.spells:
        problems.append(Problem(where="Design", what="treats no area"))
    seen: dict[object, str] = {}
    clashes = []
    for name in ("treated", "catchment", "controls", "excluded"):
        for area in getattr(design, name) or ():
            if area in seen:
                clashes.append(f"{area} is {seen[area]} and {name}")
            seen.setdefault(area, name)
    if clashes:
        problems.append(
            Problem(
                where="Design",
                what="areas have more than one role",
                examples=clashes,
                advice="Every area has one role.",
            )
        )
    for name, least in (("pre_periods", 1), ("post_periods", 1), ("gap", 0)):
        length = getattr(design, name)
        whole = isinstance(length, (int, np.integer)) and not isinstance(length, bool)
        if (length is not None or name == "gap") and not (whole and length >= least):
            what = f"must be {least} or more whole periods, not {length!r}"
            problems.append(Problem(where=f"argument '{name}'", what=what))
    return problems


def _too_short(
    panel: Panel, rows: NDArray[np.intp], short: NDArray[np.bool_], side: str
) -> list[Problem]:
    if not short.any():
        return []
    return [
        Problem(
            where="design",
            what=f"asks for more periods {side} the start than the panel has, in areas",
            examples=[panel.areas[row] for row in rows[short]],
            advice="Shorten pre_periods, post_periods or gap, or read more periods.",
        )
    ]


def _runs(shares: NDArray[np.float64]) -> list[tuple[int, int]]:
    """First and last position of each stretch of equal, positive share."""
    edges = np.flatnonzero(np.diff(shares)) + 1
    begins = np.concatenate([[0], edges])
    stops = np.concatenate([edges, [len(shares)]])
    return [(int(b), int(s) - 1) for b, s in zip(begins, stops, strict=True) if shares[b] > 0]
