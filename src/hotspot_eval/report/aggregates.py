"""The guard: only aggregates go into a record, never rows about incidents or people."""

from __future__ import annotations

import re

import pandas as pd

from hotspot_eval.errors import InputError, Problem

__all__ = ["DATA_ROWS", "TABLE_ROWS", "refuse_records"]

TABLE_ROWS = 1_000
DATA_ROWS = 20_000
_RECORD_COLUMN = re.compile(
    r"(crime|incident|record|person|offender|suspect|victim|case|custody|event)_?(id|ref|number)"
    r"|urn|crn|uprn|usrn|nominal|postcode|address|location|dob|date_of_birth"
    r"|lat|latitude|lon|lng|long|longitude|easting|northing|geometry|geom|wkt|coordinates?"
    r"|(incident|crime|offence|committed|reported|arrest)_?(at|on|date|time|datetime)"
    r"|datetime|date_?time|timestamp"
)
_CRIME_ID = re.compile(r"[0-9a-fA-F]{64}")


def refuse_records(where: str, frame: pd.DataFrame, *, limit: int = TABLE_ROWS) -> None:
    """Refuse a frame that is too long for aggregates or has columns of single records.

    Raises
    ------
    InputError
        Naming the length, and the columns that look like record ids, coordinates or times.

    Examples
    --------
    >>> refuse_records("table", pd.DataFrame({"Crime ID": ["a"], "n": [1]}))
    Traceback (most recent call last):
        ...
    hotspot_eval.errors.InputError: table: has columns that look like records, coordinates or \
times of incidents (1: Crime ID). Hand over aggregates only; rename a column that is none of these.
    """
    problems = []
    if len(frame) > limit:
        problems.append(
            Problem(
                where=where,
                what=f"has {len(frame):,} rows; at most {limit:,} go into a record",
                advice="Aggregate first.",
            )
        )
    named = any(name is not None for name in frame.index.names)
    flat = frame.reset_index() if named else frame
    suspects = [
        str(name)
        for j, name in enumerate(flat.columns)
        if _looks_like_records(str(name), flat.iloc[:, j])
    ]
    if suspects:
        problems.append(
            Problem(
                where=where,
                what="has columns that look like records, coordinates or times of incidents",
                examples=suspects,
                advice="Hand over aggregates only; rename a column that is none of these.",
            )
        )
    if problems:
        raise InputError(*problems)


def _looks_like_records(name: str, column: pd.Series) -> bool:
    plain = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    if _RECORD_COLUMN.fullmatch(plain) or str(column.dtype) == "geometry":
        return True
    if pd.api.types.is_datetime64_any_dtype(column):
        times = column.dropna()
        return bool((times != times.dt.normalize()).any())
    if pd.api.types.is_object_dtype(column) or pd.api.types.is_string_dtype(column):
        return any(_is_record_value(value) for value in column.dropna())
    return False


def _is_record_value(value: object) -> bool:
    if isinstance(value, str):
        return _CRIME_ID.fullmatch(value) is not None
    return hasattr(value, "geom_type")
