"""The ledger: rows in = rows out + rows left out, each with its reason."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

import pandas as pd

from hotspot_eval.errors import InputError, Problem

__all__ = ["Ledger", "LedgerNote", "LedgerStep"]

_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerNote:
    """A reason and the number of rows it concerns.

    Parameters
    ----------
    reason : str
        Why the rows were left out, changed or remarked on.
    rows : int
        How many.
    examples : tuple of str
        The first five identifiers (file lines, area ids, periods); never record-level content.
    """

    reason: str
    rows: int
    examples: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.rows < 0:
            raise InputError(
                Problem(where=f"ledger note '{self.reason}'", what=f"counts {self.rows} rows")
            )
        object.__setattr__(self, "examples", tuple(str(e) for e in self.examples[:_SHOWN]))


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerStep:
    """One step of the data's way in, balanced on construction.

    Parameters
    ----------
    name : str
        The step, for example ``"read register.csv"``.
    unit : str
        What is counted: ``"rows"``, ``"areas"``, ``"cells"``.
    rows_in, rows_out : int
        Counted before and after the step.
    left_out : tuple of LedgerNote
        Rows that did not go on; ``rows_in == rows_out + sum of left_out`` must hold.
    remarks : tuple of LedgerNote
        Rows that went on but were changed or deserve notice; not part of the balance.

    Raises
    ------
    InputError
        If the step does not balance.

    Examples
    --------
    >>> LedgerStep(name="read", rows_in=3, rows_out=2,
    ...            left_out=(LedgerNote(reason="blank row", rows=1),)).rows_out
    2
    """

    name: str
    rows_in: int
    rows_out: int
    unit: str = "rows"
    left_out: tuple[LedgerNote, ...] = ()
    remarks: tuple[LedgerNote, ...] = ()

    def __post_init__(self) -> None:
        gone = sum(note.rows for note in self.left_out)
        if self.rows_in != self.rows_out + gone:
            raise InputError(
                Problem(
                    where=f"ledger step '{self.name}'",
                    what=f"{self.rows_in} {self.unit} in, {self.rows_out} out + {gone} left out",
                )
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """Every step from the files to the analysis, in order.

    Examples
    --------
    >>> step = LedgerStep(name="read", rows_in=2, rows_out=2)
    >>> (Ledger(steps=(step,)) + Ledger(steps=(step,))).to_frame().shape
    (2, 6)
    """

    steps: tuple[LedgerStep, ...] = ()

    def __add__(self, other: Ledger) -> Ledger:
        return Ledger(steps=self.steps + other.steps)

    def step(
        self,
        name: str,
        *,
        rows_in: int,
        rows_out: int,
        unit: str = "rows",
        left_out: Iterable[LedgerNote] = (),
        remarks: Iterable[LedgerNote] = (),
    ) -> Ledger:
        """A new ledger with one more step; notes that concern no row are not written down."""
        new = LedgerStep(
            name=name,
            unit=unit,
            rows_in=rows_in,
            rows_out=rows_out,
            left_out=tuple(note for note in left_out if note.rows),
            remarks=tuple(note for note in remarks if note.rows),
        )
        return Ledger(steps=(*self.steps, new))

    def to_frame(self) -> pd.DataFrame:
        """One row for what went on of each step, one for each reason: step, entry, reason, …"""
        rows: list[tuple[str, str, str, int, str, str]] = []
        for step in self.steps:
            rows.append((step.name, "in", "", step.rows_in, step.unit, ""))
            rows.extend(_note_rows(step, "left out", step.left_out))
            rows.extend(_note_rows(step, "remark", step.remarks))
            if step.rows_out != step.rows_in:
                rows.append((step.name, "out", "", step.rows_out, step.unit, ""))
        return pd.DataFrame(rows, columns=["step", "entry", "reason", "rows", "unit", "first_five"])

    def _repr_html_(self) -> str:
        lines = "".join(f"<li>{escape(line)}</li>" for line in str(self).splitlines())
        return f"<ul class='ledger'>{lines}</ul>"

    def __str__(self) -> str:
        return "\n".join(
            f"{step.name}: {step.rows_in:,} {step.unit} in, {step.rows_out:,} out"
            + "".join(f"; {note.rows:,} left out: {note.reason}" for note in step.left_out)
            + "".join(f"; {note.rows:,} noted: {note.reason}" for note in step.remarks)
            for step in self.steps
        )


def _note_rows(
    step: LedgerStep, entry: str, notes: Sequence[LedgerNote]
) -> list[tuple[str, str, str, int, str, str]]:
    return [
        (step.name, entry, note.reason, note.rows, step.unit, ", ".join(note.examples))
        for note in notes
    ]
