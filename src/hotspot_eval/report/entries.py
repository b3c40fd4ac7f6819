"""What a record is made of: tables, figures, facts, effects and checks, and their JSON."""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, Self, get_args

import numpy as np
import pandas as pd

from hotspot_eval.errors import InputError, Problem, check_choice
from hotspot_eval.report.disclosure import SUPPRESSED, Disclosure, count_columns
from hotspot_eval.results import Check, Effect, Status, TreatedCells

__all__ = [
    "Cell",
    "EffectRole",
    "Fact",
    "FigureFile",
    "MinimumDetectable",
    "ReportedCheck",
    "ReportedEffect",
    "Table",
    "as_cell",
    "dump_json",
]

Cell = str | int | float | bool | None
EffectRole = Literal[
    "primary", "secondary", "displacement", "regression_to_mean", "robustness", "output"
]
_VALUE = re.compile(r"\{value(?::([^{}]*))?\}")
_FLOATS = tuple(f.name for f in fields(Effect) if f.type == "float")


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table of aggregates.

    Parameters
    ----------
    name, caption : str
        Short and stable; and what the table shows, with count and period.
    columns : tuple of str
    rows : tuple of tuple
        Text, numbers, true/false or None; ``"[c]"`` where a number is suppressed.
    counts : tuple of str
        Columns that are counts of events or people.
    part : str
        The notebook that made it.
    """

    name: str
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    counts: tuple[str, ...] = ()
    part: str = ""

    @classmethod
    def from_frame(
        cls,
        name: str,
        frame: pd.DataFrame,
        *,
        caption: str,
        counts: Sequence[str] | None = None,
        part: str = "",
    ) -> Self:
        """A table of a frame; a named index becomes its first columns."""
        flat = frame if _plain_index(frame) else frame.reset_index()
        flat = flat.set_axis([_column_name(column) for column in flat.columns], axis=1)
        listed = count_columns(flat) if counts is None else tuple(counts)
        unknown = [column for column in listed if column not in flat.columns]
        if unknown:
            raise InputError(
                Problem(
                    where=f"table '{name}', counts", what="are not its columns", examples=unknown
                )
            )
        cells = [[as_cell(value) for value in flat.iloc[:, j]] for j in range(flat.shape[1])]
        return cls(
            name=name,
            caption=caption,
            columns=tuple(flat.columns),
            rows=tuple(zip(*cells, strict=True)) if cells else (),
            counts=listed,
            part=part,
        )

    def to_frame(self) -> pd.DataFrame:
        """The cells as they are shown."""
        return pd.DataFrame(list(self.rows), columns=list(self.columns))

    def disclosed(self, rule: Disclosure) -> Self:
        """Counts rounded or suppressed, and fractions beside a suppressed count as well."""
        if not rule.protects or not self.counts:
            return self
        places = [self.columns.index(name) for name in self.counts]
        return replace(self, rows=tuple(_disclosed_row(row, places, rule) for row in self.rows))

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The table of decoded JSON."""
        lists = {name: tuple(data[name]) for name in ("columns", "counts")}
        return cls(**{**data, **lists, "rows": tuple(tuple(row) for row in data["rows"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureFile:
    """A figure saved beside the record.

    Parameters
    ----------
    name : str
    file, data_file : str
        Names inside the folder ``figures``; ``data_file`` is empty when there is none.
    title, subtitle : str
        The finding, and the statistic behind it.
    alt : str
        What a reader who does not see the figure needs to know.
    source : str
    width, height : int
        Size on the page in CSS pixels; the file has twice as many.
    """

    name: str
    file: str
    title: str
    subtitle: str
    alt: str
    source: str = ""
    data_file: str = ""
    width: int = 0
    height: int = 0
    part: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One named value and the sentence that tells it.

    Parameters
    ----------
    name : str
    value : str, number, bool or None
    sentence : str
        May hold ``{value}``, where the value is put as it may be shown; ``{value:.3f}`` says how
        a number is written.
    count : bool
        Whether the value is a count of events or people, to be protected on publication.
    """

    name: str
    value: Cell
    sentence: str = ""
    count: bool = False
    part: str = ""

    def __post_init__(self) -> None:
        problem = _sentence_problem(self)
        if problem is not None:
            raise InputError(problem)

    def told(self, written: Callable[[Cell], str]) -> str:
        """The sentence with its value; ``written`` says how a value without a format looks."""

        def put(found: re.Match[str]) -> str:
            spec, value = found.group(1), self.value
            if spec and isinstance(value, int | float) and not isinstance(value, bool):
                return format(value, spec).replace("-", "−")
            return written(value)

        return _VALUE.sub(put, self.sentence)

    def disclosed(self, rule: Disclosure) -> Self:
        """The value rounded or suppressed, if it is a count."""
        if self.count and isinstance(self.value, int | float):
            return replace(self, value=rule.count(self.value))
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class MinimumDetectable:
    """What the study could have seen: the smallest change found with the stated power.

    Parameters
    ----------
    outcome : str
    percent : float
        Per cent change; negative is a reduction. NaN with a reason in ``notes``.
    power, alpha : float
        In (0, 1).
    method : str
    """

    outcome: str
    percent: float
    power: float = 0.8
    alpha: float = 0.05
    method: str = ""
    notes: tuple[str, ...] = ()
    part: str = ""

    def __post_init__(self) -> None:
        for name in ("power", "alpha"):
            if not 0 < getattr(self, name) < 1:
                raise InputError(
                    Problem(
                        where=f"minimum detectable effect, {name}",
                        what=f"must lie in (0, 1), not {getattr(self, name)}",
                    )
                )
        if math.isnan(self.percent) and not self.notes:
            raise InputError(
                Problem(where="minimum detectable effect", what="is NaN without a reason in notes")
            )

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The entry of decoded JSON."""
        return cls(**{**data, "percent": _number(data["percent"]), "notes": tuple(data["notes"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedEffect:
    """An effect with its place in the report.

    Parameters
    ----------
    role : {"primary", "secondary", "displacement", "regression_to_mean", "robustness", "output"}
    outcome : str
        What was counted.
    label : str
        What sets this effect apart from the others of its role and outcome.
    effect : Effect
    """

    role: EffectRole
    outcome: str
    label: str
    effect: Effect
    part: str = ""

    def __post_init__(self) -> None:
        check_choice("role", self.role, get_args(EffectRole))

    def disclosed(self, rule: Disclosure) -> Self:
        """Events on the treated cells rounded, or left out with a note where they are few."""
        cells = self.effect.treated_cells
        if not rule.protects or not cells:
            return self
        shown = [rule.count(group.events) for group in cells]
        if SUPPRESSED in shown:
            effect = replace(self.effect, treated_cells=()).with_notes(
                "the events on the treated cells are too few to be shown"
            )
        else:
            effect = replace(
                self.effect,
                treated_cells=tuple(
                    replace(group, events=float(events))
                    for group, events in zip(cells, shown, strict=True)
                ),
            )
        return replace(self, effect=effect)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The entry of decoded JSON."""
        given = dict(data["effect"])
        given |= {name: _number(given[name]) for name in _FLOATS}
        given["treated_cells"] = tuple(TreatedCells(**group) for group in given["treated_cells"])
        given["notes"] = tuple(given["notes"])
        return cls(**{**data, "effect": Effect(**given)})


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedCheck:
    """A check with its evidence as a table."""

    name: str
    threat: str
    status: Status
    sentence: str
    evidence: Table
    part: str = ""

    @classmethod
    def from_check(cls, check: Check, *, part: str = "") -> Self:
        """The check as it goes into the record."""
        return cls(
            name=check.name,
            threat=check.threat,
            status=check.status,
            sentence=check.sentence,
            evidence=Table.from_frame(
                check.name, check.evidence, caption=f"Evidence: {check.name}", part=part
            ),
            part=part,
        )

    def disclosed(self, rule: Disclosure) -> Self:
        """The same with its evidence protected."""
        return replace(self, evidence=self.evidence.disclosed(rule))

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The entry of decoded JSON."""
        return cls(**{**data, "evidence": Table.from_json(data["evidence"])})


def dump_json(entry: object) -> str:
    """Sorted JSON with floats at full precision; NaN is null, infinities are text."""
    return json.dumps(
        _encoded(entry), sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False
    )


def as_cell(value: Any) -> Cell:
    """Any value as JSON knows it: NaN and missing become None, dates ISO text."""
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        number = float(value)
        if math.isnan(number):
            return None
        return number if math.isfinite(number) else ("inf" if number > 0 else "-inf")
    if isinstance(value, dt.datetime):
        whole_day = value.time() == dt.time()
        return value.date().isoformat() if whole_day else value.isoformat()
    return value.isoformat() if isinstance(value, dt.date) else str(value)


def _encoded(value: Any) -> Any:
    if hasattr(value, "__dataclass_fields__"):
        return _encoded(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): _encoded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_encoded(item) for item in value]
    return as_cell(value)


def _sentence_problem(fact: Fact) -> Problem | None:
    where, rest = f"fact '{fact.name}'", _VALUE.sub("", fact.sentence)
    if fact.count and fact.sentence and (re.search(r"\d", rest) or rest == fact.sentence):
        return Problem(
            where=where,
            what="is a count whose sentence writes out numbers",
            advice="Write {value} where the count goes, and no other number.",
        )
    try:
        fact.told(str)
    except ValueError as error:
        return Problem(where=where, what=f"has a sentence whose format cannot be used ({error})")
    return None


def _number(value: object) -> float:
    return math.nan if value is None else float(str(value))


def _disclosed_row(row: tuple[Cell, ...], places: list[int], rule: Disclosure) -> tuple[Cell, ...]:
    out: list[Cell] = list(row)
    for j in places:
        value = row[j]
        if isinstance(value, int | float) and not isinstance(value, bool):
            out[j] = rule.count(value)
    if any(out[j] == SUPPRESSED for j in places):
        out = [
            SUPPRESSED if isinstance(value, float) and j not in places else value
            for j, value in enumerate(out)
        ]
    return tuple(out)


def _plain_index(frame: pd.DataFrame) -> bool:
    return isinstance(frame.index, pd.RangeIndex) and frame.index.name is None


def _column_name(column: object) -> str:
    if isinstance(column, tuple):
        return " ".join(str(level) for level in column if str(level))
    return str(column)
