"""The cells an estimator uses: a design laid over a panel, less what cannot carry information."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hotspot_eval.design import Design, check_study
from hotspot_eval.did.winnow import NEVER_ON, STAYS, Laid, Unobserved, Winnowed, winnow
from hotspot_eval.errors import InputError, Problem
from hotspot_eval.ledger import Ledger, LedgerNote
from hotspot_eval.panel import Panel
from hotspot_eval.results import TreatedCells

__all__ = ["Sample", "attenuated", "lay", "treated_cells"]

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]
_CHUNK = 4_096
OTHER_ROLE = "neither treated nor control in this design"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sample:
    """Used areas × periods in the panel's order.

    Parameters
    ----------
    areas, periods : tuple of str
    y, treatment : ndarray, shape (n, t)
        Observed value (0 where not used) and share treated.
    used : ndarray of bool, shape (n, t)
    base : ndarray, shape (n, t), or None
        Offset base.
    when : ndarray of int, shape (t,)
        Position of each used period in the panel.
    first : ndarray of int, shape (n,)
        Position in the panel of the first treated period; the panel's length where never treated.
    treated : ndarray of bool, shape (n,)
        Areas with a start within the windows. Those of them that no period used shows treated are
        left out or kept, as controls or treated: see :func:`lay`.
    cluster : ndarray of int, shape (n,), or None
        The panel's clusters, if it has any.
    ledger : Ledger
    reason : str
        Why nothing can be estimated; empty where it can.
    """

    areas: tuple[str, ...]
    periods: tuple[str, ...]
    y: Float
    treatment: Float
    used: Bool
    base: Float | None
    when: NDArray[np.intp]
    first: NDArray[np.intp]
    treated: Bool
    cluster: NDArray[np.intp] | None
    ledger: Ledger
    reason: str

    @property
    def seen_treated(self) -> Bool:
        """Treated areas with a treated period used: all of them, unless others were kept."""
        seen = self.treated.copy()
        rows = np.flatnonzero(seen)
        seen[rows] = (self.used[rows] & (self.treatment[rows] > 0)).any(axis=1)
        return seen

    @property
    def n_treated(self) -> int:
        """Areas with a treated period used."""
        return int(self.seen_treated.sum())


def lay(
    panel: Panel,
    design: Design,
    *,
    counts: bool,
    by_cluster: bool = False,
    drop_off: bool = False,
    keep_always: bool = False,
    unobserved: Unobserved = "out",
) -> Sample:
    """Lay ``design`` over ``panel`` and leave out what carries no information.

    Parameters
    ----------
    counts : bool
        A count model: areas and periods without any event are left out, negative values refused.
    by_cluster : bool
        Periods are judged within the panel's clusters.
    drop_off : bool
        Leave out cells of treated areas after their first treated period in which treatment is off.
    keep_always : bool
        Keep areas treated in every used period.
    unobserved : {"out", "control", "treated"}
        What becomes of treated areas none of whose treated periods is observed: left out, kept for
        their untreated cells as controls, or kept as treated for their periods before the start.
        Kept, areas observed in one period only are left out, which area effects fit exactly.

    Raises
    ------
    InputError
        If the panel has several outcomes, or a count model meets negative values.

    Notes
    -----
    A regression learns period effects from every untreated cell, also from those of areas whose
    treated periods are missing. Such an area adds no treated cell to an estimate, and what its
    cells do by chance is seen in them, not inferred for lack of untreated ones: it is a control,
    of like kind with the treated, for the error too. In an event study it has periods before the
    start with coefficients of their own, and is treated there.
    """
    check_study(panel, design)
    cells = _gather(panel, design)
    if counts:
        _refuse_negative(panel, cells)
    cluster = _codes(panel, cells.rows)
    if by_cluster and cluster is None:
        raise InputError(
            Problem(
                where="panel",
                what="has no cluster labels, which effects by cluster need",
                advice="Give Panel.from_counts(cluster=…).",
            )
        )
    used, off = cells.used, 0
    if drop_off:
        after = np.arange(used.shape[1]) >= cells.first[:, None]
        idle = used & cells.treated[:, None] & after & (cells.treatment == 0)
        used, off = used & ~idle, int(idle.sum())
    strata = cluster if by_cluster and cluster is not None else np.zeros(len(used), dtype=np.intp)
    left = winnow(
        cells, used, strata, counts=counts, keep_always=keep_always, unobserved=unobserved
    )
    return _cut(panel, cells, left, cluster, off, as_treated=unobserved == "treated")


def treated_cells(sample: Sample) -> tuple[TreatedCells, ...]:
    """Cells of treated areas grouped by the share of the period treated."""
    rows = np.flatnonzero(sample.treated)
    treatment, y = sample.treatment[rows], sample.y[rows]
    on = sample.used[rows] & (treatment > 0)
    count = int(np.count_nonzero(on))
    if count == np.count_nonzero(on & (treatment == 1.0)):
        whole = TreatedCells(share=1.0, cells=count, events=float((y * on).sum()))
        return (whole,) if count else ()
    shares, where = np.unique(treatment[on], return_inverse=True)
    cells = np.bincount(where, minlength=len(shares))
    events = np.bincount(where, y[on], minlength=len(shares))
    return tuple(
        TreatedCells(share=float(s), cells=int(c), events=float(e))
        for s, c, e in zip(shares, cells, events, strict=True)
    )


def attenuated(sample: Sample, cells: Sequence[TreatedCells] | None = None) -> tuple[str, ...]:
    """A notice where treatment covers only part of its cells.

    ``cells`` are the sample's :func:`treated_cells`, where these are known.
    """
    groups = treated_cells(sample) if cells is None else cells
    part = sum(group.cells for group in groups if group.share < 1)
    if not part:
        return ()
    count = sum(group.cells for group in groups)
    mean = sum(group.share * group.cells for group in groups) / count
    return (
        f"attenuated: treatment covers part of {part} of {count} treated cells "
        f"(mean share {mean:.2f}), whose counts hold untreated days "
        "or places too; shorter periods would show more",
    )


def _gather(panel: Panel, design: Design) -> Laid:
    assignment = design.on(panel)
    y, observed = panel.stored()
    role, treatment, window = assignment.role, assignment.treatment, assignment.used
    ours = role == "treated"
    rows = np.flatnonzero(ours | (role == "control"))
    if len(rows) < len(role):
        y, observed, treatment, window = y[rows], observed[rows], treatment[rows], window[rows]
        ours = ours[rows]
    in_window = int(np.count_nonzero(window))
    on_rows = np.flatnonzero(ours)
    return Laid(
        rows=rows,
        y=y,
        used=observed if in_window == window.size else window & observed,
        treatment=treatment,
        first=assignment.first[rows],
        treated=ours,
        on_rows=on_rows,
        on=treatment[on_rows] > 0,
        in_window=in_window,
    )


def _cut(
    panel: Panel,
    cells: Laid,
    left: Winnowed,
    cluster: NDArray[np.intp] | None,
    off: int,
    *,
    as_treated: bool,
) -> Sample:
    keep, used = left.keep, left.used
    whole = int(np.count_nonzero(used)) == used.size
    when = np.arange(used.shape[1]) if whole else np.flatnonzero(used.any(axis=0))
    stay, rows = np.flatnonzero(keep), cells.rows[keep]
    base, areas, periods = panel.offset_base, panel.areas, panel.periods.labels
    treatment = cells.treatment
    if (len(stay), len(when)) != used.shape:
        used = used[stay] if len(when) == used.shape[1] else used[np.ix_(stay, when)]
    whole = whole or bool(used.all())
    untouched = whole and used.shape == panel.shape[:2]
    y = panel.single()[0] if untouched else _floats(cells.y, stay, when)
    if not whole:
        y[~used] = 0.0
    if y.shape != treatment.shape or not whole:
        on = np.flatnonzero(cells.treated[stay])
        treatment = np.zeros(y.shape)
        treatment[on] = np.where(used[on], cells.treatment[stay[on]][:, when], 0.0)
    if y.shape != panel.shape[:2]:
        base = None if base is None else base[np.ix_(rows, when)]
        here = np.zeros(len(areas), dtype=bool)
        here[rows] = True
        areas, periods = tuple(compress(areas, here.tolist())), tuple(periods[t] for t in when)
    return Sample(
        areas=areas,
        periods=periods,
        y=y,
        treatment=treatment,
        used=used,
        base=base,
        when=when,
        first=cells.first[keep],
        treated=(cells.treated if as_treated else left.seen_treated)[keep],
        cluster=None if cluster is None else cluster[keep],
        ledger=_ledger(panel, cells, left, off),
        reason=_reason(cells, left),
    )


def _floats(y: NDArray[Any], rows: NDArray[np.intp], when: NDArray[np.intp]) -> Float:
    """Some rows and columns as floats, without a second array of that size on the way."""
    if len(rows) == len(y) and len(when) == y.shape[1]:
        return y.astype(np.float64)
    made = np.empty((len(rows), len(when)))
    for begin in range(0, len(rows), _CHUNK):
        some = slice(begin, begin + _CHUNK)
        part = y[rows[some]]
        made[some] = part if len(when) == y.shape[1] else part[:, when]
    return made


def _refuse_negative(panel: Panel, cells: Laid) -> None:
    if np.issubdtype(cells.y.dtype, np.integer):
        return
    negative = ((cells.y < 0) & cells.used).any(axis=1)
    if negative.any():
        raise InputError(
            Problem(
                where="panel",
                what="has negative values, which a model of counts cannot take, in areas",
                examples=[panel.areas[i] for i in cells.rows[negative]],
                advice="Use the linear model for measured quantities.",
            )
        )


def _codes(panel: Panel, rows: NDArray[np.intp]) -> NDArray[np.intp] | None:
    if panel.cluster is None:
        return None
    labels = np.array(panel.cluster, dtype=object)[rows]
    codes: NDArray[np.intp] = pd.factorize(labels, sort=True)[0]
    return codes


def _ledger(panel: Panel, cells: Laid, left: Winnowed, off: int) -> Ledger:
    kept, used = int(np.count_nonzero(left.keep)), int(np.count_nonzero(left.used))
    stay = cells.rows[left.keep & cells.treated & ~left.seen_treated]
    other = len(panel.areas) - kept - sum(map(len, left.gone.values()))
    notes = [LedgerNote(reason=OTHER_ROLE, rows=other)] + [
        _note(panel, reason, gone) for reason, gone in left.gone.items()
    ]
    return (
        Ledger()
        .step(
            "areas of the estimate",
            unit="areas",
            rows_in=len(panel.areas),
            rows_out=kept,
            left_out=notes,
            remarks=[_note(panel, STAYS, stay)],
        )
        .step(
            "cells of the estimate",
            unit="cells",
            rows_in=cells.in_window,
            rows_out=used,
            left_out=[
                LedgerNote(reason="treatment switched off after the start", rows=off),
                LedgerNote(
                    reason="not observed, in an area left out, or in a period without any event",
                    rows=cells.in_window - used - off,
                ),
            ],
        )
    )


def _note(panel: Panel, reason: str, rows: NDArray[np.intp]) -> LedgerNote:
    return LedgerNote(
        reason=reason, rows=len(rows), examples=tuple(panel.areas[r] for r in rows[:5])
    )


def _reason(cells: Laid, left: Winnowed) -> str:
    if (left.seen_treated & left.keep).any():
        return ""
    lost = {reason: len(rows) for reason, rows in left.gone.items()}
    stay = int(np.count_nonzero(left.keep & cells.treated))
    if stay:
        lost[NEVER_ON] = stay
    if not lost:
        return "no treated area lies within the windows"
    return "no treated area is left: " + "; ".join(
        f"{count} area{'s' if count > 1 else ''} left out ({reason})"
        for reason, count in lost.items()
    )
