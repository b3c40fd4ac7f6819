"""Deliveries: what one file holds of one force in one month, and which of several count."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
import pandas as pd

from hotspot_eval.data.police_uk.sources import Source
from hotspot_eval.errors import InputError, Problem, check_choice

__all__ = ["SameMonth", "refuse_rows", "settle"]

SameMonth = Literal["refuse", "newest", "parts"]
_MONTH = re.compile(r"(19|20)\d{2}-(0[1-9]|1[0-2])")
_JOINED = "If a header line is among them, files were joined into one: give them one by one."


def refuse_rows(found: pd.DataFrame, sources: Sequence[Source]) -> None:
    """Refuse deliveries that cannot be counted.

    Raises
    ------
    InputError
        Months that are none, blank forces or crime types: every file.
    """
    month = found["month"].fillna("")
    problems = [
        *_wrong(
            found[np.array([_MONTH.fullmatch(text) is None for text in month], dtype=bool)],
            sources,
            "'Month' is not of the form 2022-07",
            "month",
            _JOINED,
        ),
        *_wrong(found[found["force"].isna()], sources, "'Reported by' is blank", "month"),
        *_wrong(found[found["without_type"] > 0], sources, "'Crime type' is blank", "month"),
    ]
    if found.empty:
        problems.append(Problem(where="argument 'paths'", what="the files hold no row"))
    if problems:
        raise InputError(*problems)


def _wrong(
    rows: pd.DataFrame, sources: Sequence[Source], what: str, column: str, advice: str = ""
) -> list[Problem]:
    return [
        Problem(
            where=sources[int(str(file))].name,
            what=f"{what}, {(size := int(part['rows'].sum())):,} row{'s' * (size != 1)}",
            examples=part[column].dropna().drop_duplicates().tolist(),
            advice=advice,
        )
        for file, part in rows.groupby("file")
    ]


def settle(found: pd.DataFrame, sources: Sequence[Source], same_month: SameMonth) -> pd.Series:
    """What becomes of each delivery: ``"kept"``, ``"copy"`` or ``"superseded"``.

    Raises
    ------
    InputError
        Forces and months that several files tell differently, all of them.
    """
    check_choice("same_month", same_month, get_args(SameMonth))
    fate = pd.Series("kept", index=found.index, dtype=object)
    problems: list[Problem] = []
    crowded = found.groupby(["force", "month"])["file"].transform("size") > 1
    for (force, month), group in found[crowded].groupby(["force", "month"]):
        telling = _copies(group, sources, same_month, fate)
        if len(telling) > 1 and same_month == "newest":
            telling = _newest(telling, sources, fate)
        if len(telling) > 1 and same_month != "parts":
            problems.append(
                Problem(
                    where=f"{force}, {month}",
                    what="is in several files with different content",
                    examples=[
                        f"{sources[int(number)].name} with {int(rows):,} rows"
                        for number, rows in zip(telling["file"], telling["rows"], strict=True)
                    ],
                    advice="Leave one out, or pass same_month='newest' for the latest snapshot, "
                    "same_month='parts' if each holds other rows.",
                )
            )
    if problems:
        raise InputError(*problems)
    return fate


def _copies(
    group: pd.DataFrame, sources: Sequence[Source], same_month: SameMonth, fate: pd.Series
) -> pd.DataFrame:
    """Mark copies; rows without any id are one only when the file's name is the same too."""
    key = group["content"].astype(str) + "/" + group["rows"].astype(str)
    names = group["file"].map(lambda file: _bare_name(sources[file]))
    anonymous = group["ids"] == 0
    sure = key.where(~anonymous, key + "/" + names)
    if same_month == "parts":
        sure = sure.where(~anonymous, group["file"].astype(str))
    copy = sure.duplicated()
    fate[group.index[copy]] = "copy"
    return group.loc[~copy]


def _bare_name(source: Source) -> str:
    name = (source.member or source.path.name).replace("\\", "/").rsplit("/", 1)[-1]
    return name.lower().removesuffix(".gz")


def _newest(telling: pd.DataFrame, sources: Sequence[Source], fate: pd.Series) -> pd.DataFrame:
    taken = telling["file"].map(lambda file: sources[file].snapshot)
    last = taken == taken.max()
    if last.sum() == 1:
        fate[telling.index[~last]] = "superseded"
    latest: pd.DataFrame = telling[last]
    return latest
