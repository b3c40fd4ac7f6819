"""The ledger of a reading: which files and rows counted, and why the others did not."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from hotspot_eval.data.cells import Cells
from hotspot_eval.data.police_uk.sources import Source, is_system_file
from hotspot_eval.ledger import Ledger, LedgerNote

__all__ = ["ledger_of_reading", "ledger_of_types"]

_FIRST_MONTH, _FIRST_YEAR = "2010-12", 2011
_CODE = re.compile(r"[EWSN]\d{8}|95[A-Z]{2}\d{2}[A-Z]\d")


def ledger_of_reading(
    cells: Cells,
    found: pd.DataFrame,
    sources: Sequence[Source],
    *,
    others: Sequence[str],
    unfinished: Sequence[str],
    blank: Mapping[str, int],
) -> Ledger:
    """Two steps: files found, rows read.

    Parameters
    ----------
    cells : Cells
        Those that count.
    found : DataFrame
        Deliveries with their fate.
    sources : sequence of Source
    others : sequence of str
        Other tables of the same download.
    unfinished : sequence of str
        Files whose last line does not end.
    blank : mapping of str to int
        Files with rows of commas only, and how many.
    """
    kept = found[found["fate"] == "kept"]
    used = set(kept["file"])
    idle = [source.name for number, source in enumerate(sources) if number not in used]
    book = Ledger().step(
        "find street files",
        unit="files",
        rows_in=len(sources) + len(others),
        rows_out=len(used),
        left_out=[
            _files(
                "outcomes or stop and search, not street files",
                [name for name in others if not is_system_file(name)],
            ),
            _files(
                "left by an operating system, not street files",
                [name for name in others if is_system_file(name)],
            ),
            _files("nothing in them counts: no rows, or copies", idle),
        ],
        remarks=[_files("last line does not end: perhaps cut short", unfinished)],
    )
    return book.step(
        "read street files",
        rows_in=int(found["rows"].sum()) + sum(blank.values()),
        rows_out=int(kept["rows"].sum()),
        left_out=[
            LedgerNote(
                reason="blank row, of commas only", rows=sum(blank.values()), examples=tuple(blank)
            ),
            _gone(found, sources, "copy", "copy of a force and month already read"),
            _gone(
                found,
                sources,
                "superseded",
                "superseded by a newer snapshot of the force and month",
            ),
        ],
        remarks=[*_row_remarks(cells, kept), _strange_months(kept, sources)],
    )


def _files(reason: str, names: Sequence[str]) -> LedgerNote:
    return LedgerNote(reason=reason, rows=len(names), examples=tuple(names[:5]))


def _gone(found: pd.DataFrame, sources: Sequence[Source], fate: str, reason: str) -> LedgerNote:
    rows = found[found["fate"] == fate]
    names = dict.fromkeys(sources[int(number)].name for number in rows["file"])
    return LedgerNote(reason=reason, rows=int(rows["rows"].sum()), examples=tuple(names)[:5])


def _row_remarks(cells: Cells, kept: pd.DataFrame) -> list[LedgerNote]:
    rows = kept[["rows", "ids", "located", "odd", "without_code"]].sum().astype(int)
    return [
        LedgerNote(
            reason="no Crime ID: kept, never taken for repeats",
            rows=int(rows["rows"] - rows["ids"]),
        ),
        LedgerNote(reason="no LSOA code", rows=int(rows["without_code"])),
        _strange_codes(cells),
        LedgerNote(reason="no coordinates", rows=int(rows["rows"] - rows["located"])),
        LedgerNote(
            reason="coordinates outside the United Kingdom, not used as points",
            rows=int(rows["odd"]),
        ),
    ]


def _strange_months(kept: pd.DataFrame, sources: Sequence[Source]) -> LedgerNote:
    """Records of months that no such file can hold."""
    taken = [sources[int(number)].snapshot for number in kept["file"]]
    late = [
        day.year >= _FIRST_YEAR and month > f"{day:%Y-%m}"
        for day, month in zip(taken, kept["month"], strict=True)
    ]
    rows = kept[(kept["month"] < _FIRST_MONTH) | np.array(late, dtype=bool)]
    return LedgerNote(
        reason=f"month before {_FIRST_MONTH}, the first published, or after the file's own date",
        rows=int(rows["rows"].sum()),
        examples=tuple(dict.fromkeys(rows["month"])),
    )


def _strange_codes(cells: Cells) -> LedgerNote:
    """Records whose area code is of no form in use in the United Kingdom."""
    rows = pd.Series(cells.by_label()).groupby(cells.labels["code"]).sum()
    strange = rows[[_CODE.fullmatch(str(code).strip()) is None for code in rows.index]]
    strange = strange[strange > 0]
    return LedgerNote(
        reason="LSOA code of unknown form",
        rows=int(strange.sum()),
        examples=tuple(strange.index[:5]),
    )


def ledger_of_types(ledger: Ledger, cells: Cells, wanted: tuple[str, ...]) -> Ledger:
    """One more step: the crime types asked for."""
    rows = cells.by_label()
    kept = int(rows[cells.labels["crime_type"].isin(wanted).to_numpy()].sum())
    return ledger.step(
        "crime types asked for",
        rows_in=int(rows.sum()),
        rows_out=kept,
        left_out=[LedgerNote(reason="other crime types", rows=int(rows.sum()) - kept)],
    )
