"""``read_met_counts``: wide files in, counts with vintages and revisions out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hotspot_eval.data.counts import Counts
from hotspot_eval.data.met.categories import OUTCOMES
from hotspot_eval.data.met.geography import settle_geography
from hotspot_eval.data.met.places import is_pseudo_borough
from hotspot_eval.data.met.vintages import Merged, Vintage, changes, merge, on_one_grid
from hotspot_eval.data.met.wide import WideFile, read_wide
from hotspot_eval.data.paths import PathLike, local_files
from hotspot_eval.errors import InputError, Problem
from hotspot_eval.ledger import Ledger, LedgerNote
from hotspot_eval.periods import PeriodLike

__all__ = ["read_met_counts"]

_SUFFIXES = (".csv", ".csv.gz")


def read_met_counts(
    paths: PathLike | Iterable[PathLike],
    offences: Sequence[str] | None = None,
    *,
    published: Mapping[str, PeriodLike] | None = None,
    within: PathLike | None = None,
) -> Counts:
    r"""Read the Met's monthly files from the London Datastore, of one vintage or many.

    Parameters
    ----------
    paths : path or iterable of paths
        csv or csv.gz files of one level (borough, ward or LSOA): the most recent 24 months, the
        historical ones, of any vintage; or a folder that holds them.
    offences : sequence of str, optional
        Outcomes to keep, of those below; by default all that the files offer.
    published : mapping of str to date or month, optional
        When a file, by its name, was published. It orders vintages that end in the same month, and
        tells that the month of publication is partial.
    within : path, optional
        A folder the files must not leave.

    Returns
    -------
    Counts
        A row for every area, month and outcome that a file covers, zeros included.
        ``months.status`` is ``partial`` for a first or last month that is not whole:
        ``counts.panel()`` leaves it out unless asked.

    Raises
    ------
    InputError
        Unclear columns or months, counts that are none, files of several levels, boundaries of
        two dates, or two files of one vintage that differ.

    Notes
    -----
    Outcomes: violence, violence_with_injury, homicide, robbery, robbery_personal,
    weapons_possession, public_order, sexual_offences, theft_from_person, burglary,
    criminal_damage_arson, drugs, vehicle, theft and all_crime (every row). ``violence`` holds
    ``homicide`` and ``violence_with_injury``, ``robbery`` holds ``robbery_personal``, ``theft``
    holds ``theft_from_person``. Under the classification before March 2019, offensive weapons move
    from violence to weapons possession, and vehicle crime is taken out of theft; public order has
    no counterpart and is missing. The month in which the classification or the recording system
    changed is still a break: see ``breaks_in_window``.

    The newest vintage wins cell by cell, except that a first or last month that is not whole
    yields to any whole one, and the ledger says so. A vintage is named after its last month. The
    rule for a partial month is in ``hotspot_eval.data.met.partial``.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> wide = "MajorText,MinorText,WardName,WardCode,LookUp_BoroughName,202201,202202\n"
    >>> row = "ROBBERY,ROBBERY OF PERSONAL PROPERTY,Abbey,E05014053,Barking and Dagenham,3,5\n"
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "ward.csv"
    ...     _ = file.write_text(wide + row)
    ...     counts = read_met_counts(file, offences=["robbery"])
    >>> counts.panel().counts[:, :, 0].tolist()
    [[3, 5]]
    """
    wanted = _wanted(offences)
    files = _read_all(local_files(paths, suffixes=_SUFFIXES, within=within))
    vintages, areas, months = on_one_grid(files, published or {})
    merged = merge(vintages, areas, months)
    partial = _partial(vintages, merged)
    clusters = _settled_clusters(vintages)
    merged, geography = settle_geography(merged, clusters, partial)
    kept = _offered(vintages, wanted)
    revisions, summary = _revisions(vintages, merged, kept)
    frame = _frame(vintages, merged, clusters, kept)
    ledger = Ledger()
    for vintage in vintages:
        ledger += vintage.file.ledger
    return Counts(
        frame=frame,
        months=_months(vintages, merged, partial),
        revisions=revisions,
        revision_summary=summary,
        ledger=_reconciled(ledger, vintages, merged, kept, partial, geography),
        frequency="month",
    )


def _wanted(offences: Sequence[str] | None) -> list[str]:
    if isinstance(offences, str):
        raise InputError(
            Problem(
                where="argument 'offences'",
                what="is one text, not a sequence of names",
                advice=f"Write offences=[{offences!r}].",
            )
        )
    chosen = list(OUTCOMES if offences is None else dict.fromkeys(offences))
    unknown = [name for name in chosen if name not in OUTCOMES]
    if unknown or not chosen:
        raise InputError(
            Problem(
                where="argument 'offences'",
                what="names no outcome of these files",
                examples=unknown,
                advice=f"There are {', '.join(OUTCOMES)}.",
            )
        )
    return chosen


def _read_all(paths: Sequence[Path]) -> list[WideFile]:
    files: list[WideFile] = []
    problems: list[Problem] = []
    for path in paths:
        try:
            files.append(read_wide(path))
        except InputError as error:
            problems.extend(error.problems)
    names = [file.name for file in files]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        problems.append(
            Problem(where="paths", what="files of several folders share a name", examples=twice)
        )
    if problems:
        raise InputError(*problems)
    return files


def _partial(vintages: Sequence[Vintage], merged: Merged) -> NDArray[np.bool_]:
    """Months whose counts come from a vintage that does not cover them whole; shape (T,)."""
    partial = np.zeros(len(merged.months), dtype=bool)
    for number, vintage in enumerate(vintages):
        for month in vintage.partial_months:
            place = int((month - merged.months[0]).astype(int))
            partial[place] |= bool((merged.source[:, place] == number).any())
    return partial


def _settled_clusters(vintages: Sequence[Vintage]) -> dict[str, str]:
    """Borough of each area, from the newest vintage that gives a true one."""
    found: dict[str, str] = {}
    for vintage in vintages:
        for area, borough in vintage.file.clusters.items():
            if area not in found or not is_pseudo_borough(borough):
                found[area] = borough
    return found


def _offered(vintages: Sequence[Vintage], wanted: list[str]) -> list[int]:
    offered = np.any([v.file.offered for v in vintages], axis=0)
    kept = [OUTCOMES.index(name) for name in wanted if offered[OUTCOMES.index(name)]]
    if not kept:
        raise InputError(
            Problem(
                where="argument 'offences'",
                what="none of them is in the files",
                examples=wanted,
                advice=f"They hold {', '.join(np.array(OUTCOMES)[offered])}.",
            )
        )
    return kept


def _revisions(
    vintages: Sequence[Vintage], merged: Merged, kept: list[int]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    pairs = list(changes(vintages, merged.areas, merged.months))
    names = [OUTCOMES[k] for k in kept]
    columns = [
        "area",
        "period",
        "outcome",
        "older_vintage",
        "newer_vintage",
        "old_count",
        "new_count",
        "difference",
    ]
    if not pairs:
        return pd.DataFrame(columns=columns), pd.DataFrame()
    cells = pd.concat([cell for cell, _ in pairs], ignore_index=True)[columns]
    summary = pd.concat([line for _, line in pairs], ignore_index=True)
    order = ["older_vintage", "newer_vintage", "period", "outcome"]
    cells = cells[cells["outcome"].isin(names)].sort_values([*order, "area"], ignore_index=True)
    return cells, summary[summary["outcome"].isin(names)].sort_values(order, ignore_index=True)


def _frame(
    vintages: Sequence[Vintage], merged: Merged, clusters: Mapping[str, str], kept: list[int]
) -> pd.DataFrame:
    """The covered cells, one row each, in the order of areas, months and outcomes."""
    names: dict[str, str] = {}
    for vintage in vintages:
        names.update(vintage.file.area_names)
    areas, months = list(merged.areas), [str(month) for month in merged.months]
    i, t = np.nonzero(merged.source >= 0)
    size = len(kept)
    values = merged.counts[i, t][:, kept].ravel()
    known = merged.known[i, t][:, kept].ravel()
    labels = list(dict.fromkeys(v.label for v in vintages))
    label_of = np.array([labels.index(v.label) for v in vintages])
    row_area = np.repeat(i, size)
    return pd.DataFrame(
        {
            "area": _labels(row_area, areas),
            "area_name": _lookup(row_area, [names.get(a, a) for a in areas]),
            "cluster": _lookup(row_area, [clusters.get(a, "") for a in areas]),
            "period": _labels(np.repeat(t, size), months),
            "outcome": _labels(np.tile(np.arange(size), len(i)), [OUTCOMES[k] for k in kept]),
            "count": pd.array(values, dtype="Int64"),
            "vintage": _labels(np.repeat(label_of[merged.source[i, t]], size), labels),
        }
    ).assign(count=lambda frame: frame["count"].mask(~known))


def _lookup(rows: NDArray[np.intp], values: list[str]) -> pd.Series:
    codes, categories = pd.factorize(np.array(values, dtype=object), sort=True)
    return _labels(codes[rows], [str(category) for category in categories])


def _labels(codes: NDArray[np.intp], categories: list[str]) -> pd.Series:
    index = pd.Index(categories, dtype="str")
    return pd.Series(pd.Categorical.from_codes(codes.astype(np.int64), categories=index))


def _months(
    vintages: Sequence[Vintage], merged: Merged, partial: NDArray[np.bool_]
) -> pd.DataFrame:
    rows = []
    for t, month in enumerate(merged.months):
        used = [vintages[v] for v in np.unique(merged.source[:, t]) if v >= 0]
        judged = [
            edge
            for v in used
            for at, edge in ((v.file.months[0], v.first), (v.file.months[-1], v.last))
            if at == month and (edge is v.last or edge.partial)
        ]
        rows.append(
            {
                "period": str(month),
                "vintage": ", ".join(dict.fromkeys(v.label for v in used)),
                "status": "missing" if not used else "partial" if partial[t] else "complete",
                "categories": ", ".join(dict.fromkeys(v.file.scheme for v in used)),
                "file": ", ".join(v.file.name for v in used),
                "events": int(merged.counts[:, t, -1].sum()),
                "events_predicted": judged[-1].predicted if judged else np.nan,
                "share_of_prediction": judged[-1].ratio if judged else np.nan,
            }
        )
    return pd.DataFrame(rows)


def _yielded(vintages: Sequence[Vintage], merged: Merged, size: int) -> LedgerNote:
    """Cells of partial months that another vintage tells whole."""
    cells, months = 0, []
    for number, vintage in enumerate(vintages):
        for month in vintage.partial_months:
            place = int((month - merged.months[0]).astype(int))
            lost = vintage.covers[:, place] & (merged.source[:, place] != number)
            if lost.any():
                cells += int(lost.sum()) * size
                months.append(f"{vintage.file.name} {month}")
    return LedgerNote(
        reason="in a partial first or last month, taken from another vintage",
        rows=cells,
        examples=tuple(months),
    )


def _reconciled(
    ledger: Ledger,
    vintages: Sequence[Vintage],
    merged: Merged,
    kept: list[int],
    partial: NDArray[np.bool_],
    geography: list[LedgerNote],
) -> Ledger:
    size = len(kept)
    stated = sum(int(v.covers.sum()) for v in vintages) * size
    used = int((merged.source >= 0).sum()) * size
    gone = sum(note.rows for note in geography) // len(OUTCOMES) * size
    silent = [v.covers & ~v.listed[:, None] for v in vintages]
    schemes = {v.file.scheme for v in vintages}
    return ledger.step(
        "reconcile vintages",
        unit="cells",
        rows_in=stated,
        rows_out=used,
        left_out=[
            LedgerNote(reason="given by a newer vintage, too", rows=stated - used - gone),
            *(LedgerNote(reason=n.reason, rows=gone, examples=n.examples) for n in geography),
        ],
        remarks=[
            LedgerNote(
                reason="area without a row in a file, taken as zero",
                rows=sum(int(mask.sum()) for mask in silent) * size,
                examples=tuple(
                    merged.areas[i] for i in np.flatnonzero(np.any(silent, axis=0).any(axis=1))[:5]
                ),
            ),
            LedgerNote(
                reason="in a partial first or last month, left out of panels",
                rows=int((merged.source[:, partial] >= 0).sum()) * size,
                examples=tuple(str(month) for month in merged.months[partial]),
            ),
            _yielded(vintages, merged, size),
            LedgerNote(
                reason="outcome or month not in the vintage used, missing",
                rows=int((~merged.known[merged.source >= 0][:, kept]).sum()),
            ),
            LedgerNote(
                reason="month column without a single event, not covered",
                rows=sum(len(v.empty) for v in vintages),
                examples=tuple(f"{v.file.name} {month}" for v in vintages for month in v.empty),
            ),
            LedgerNote(
                reason="files with categories of before March 2019 beside later ones",
                rows=sum(v.file.scheme == "before 2019-03" for v in vintages)
                if len(schemes) > 1
                else 0,
            ),
        ],
    )
