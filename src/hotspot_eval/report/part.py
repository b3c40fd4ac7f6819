"""Part: what one notebook hands over, written beside its figures for the site's record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hotspot_eval.errors import InputError, Problem
from hotspot_eval.ledger import Ledger
from hotspot_eval.report import wording
from hotspot_eval.report.aggregates import DATA_ROWS, refuse_records
from hotspot_eval.report.disclosure import Disclosure, Level
from hotspot_eval.report.entries import (
    EffectRole,
    Fact,
    FigureFile,
    MinimumDetectable,
    ReportedCheck,
    ReportedEffect,
    Table,
    as_cell,
)
from hotspot_eval.report.figures.save import save_figure
from hotspot_eval.report.files import slug, write_atomically
from hotspot_eval.report.record import PART_SUFFIX, PartRecord
from hotspot_eval.report.render import (
    Shown,
    show_checks,
    show_effects,
    show_figure,
    show_sentence,
    show_table,
)
from hotspot_eval.results import Check, Effect, Effects

__all__ = ["FIGURES", "Part"]

FIGURES = "figures"


class Part:
    """Collects what one notebook hands over; aggregates only.

    Anything added again under the same name replaces the earlier one, so a cell can be run twice.

    Parameters
    ----------
    name : str
        The notebook, for example ``"04_effect"``.
    folder : str or Path
        The site's internal folder.
    disclosure : {"open", "internal", "publication"}
        Tables, facts and effects are protected when the record is shown. What goes into a figure
        must be protected before it is drawn: draw from ``part.protect(frame)``.
    threshold, base : int
        See :class:`~hotspot_eval.report.disclosure.Disclosure`.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> part = Part("04_effect", folder=folder)
    >>> part.fact("treated areas", 12, sentence="{value} wards were treated.")
    >>> part.write()
    >>> part.path.name
    '04_effect.part.json'
    """

    def __init__(
        self,
        name: str,
        *,
        folder: str | Path,
        disclosure: Level = "open",
        threshold: int = 5,
        base: int = 5,
    ) -> None:
        if slug(name) != name:
            raise InputError(
                Problem(
                    where="part name",
                    what=f"{name!r} is no file name",
                    advice="Use letters, digits, '_' and '-'.",
                )
            )
        self.name = name
        self.folder = Path(folder)
        self.disclosure = Disclosure(level=disclosure, threshold=threshold, base=base)
        self._effects: dict[tuple[str, str, str], ReportedEffect] = {}
        self._checks: dict[str, ReportedCheck] = {}
        self._detectable: dict[str, MinimumDetectable] = {}
        self._facts: dict[str, Fact] = {}
        self._tables: dict[str, Table] = {}
        self._figures: dict[str, FigureFile] = {}
        self._ledger: Table | None = None

    def protect(self, frame: pd.DataFrame, *, counts: Sequence[str] | None = None) -> pd.DataFrame:
        """The frame as it may be drawn: small counts missing, others rounded, on publication."""
        return self.disclosure.frame(frame, counts=counts)

    def effect(self, effect: Effect, *, role: EffectRole, outcome: str, label: str = "") -> Shown:
        """One effect; ``label`` (by default its method) tells it from others of its role.

        Returned, like every other entry, as the page will show it.
        """
        return self._show_effects([self._keep_effect(effect, role, outcome, label)])

    def _keep_effect(
        self, effect: Effect, role: EffectRole, outcome: str, label: str
    ) -> ReportedEffect:
        entry = ReportedEffect(
            role=role,
            outcome=outcome,
            label=label or effect.method,
            effect=effect,
            part=self.name,
        )
        self._effects[(role, outcome, entry.label)] = entry
        return entry

    def effects(
        self, effects: Effects, *, role: EffectRole, outcome: str, label: str = ""
    ) -> Shown:
        """Several effects estimated together, under their own labels (after ``label``)."""
        return self._show_effects(
            [
                self._keep_effect(effect, role, outcome, f"{label}: {name}" if label else name)
                for name, effect in zip(effects.labels, effects, strict=True)
            ]
        )

    def by_outcome(
        self, effects: Mapping[str, Effect], *, role: EffectRole, label: str = ""
    ) -> Shown:
        """One effect for each outcome, of the same role and label."""
        return self._show_effects(
            [self._keep_effect(effect, role, outcome, label) for outcome, effect in effects.items()]
        )

    def _show_effects(self, entries: Sequence[ReportedEffect]) -> Shown:
        shown = [entry.disclosed(self.disclosure) for entry in entries]
        return show_effects(shown, self.disclosure.level)

    def check(self, check: Check) -> Shown:
        """One check, with its evidence."""
        return self.checks([check])

    def checks(self, checks: Iterable[Check]) -> Shown:
        """Several checks."""
        entries = []
        for check in checks:
            refuse_records(f"check '{check.name}'", check.evidence)
            self._checks[check.name] = ReportedCheck.from_check(check, part=self.name)
            entries.append(self._checks[check.name].disclosed(self.disclosure))
        return show_checks(entries, self.disclosure.level)

    def minimum_detectable(
        self,
        percent: float,
        *,
        outcome: str,
        power: float = 0.8,
        alpha: float = 0.05,
        method: str = "",
        notes: Sequence[str] = (),
    ) -> Shown:
        """The smallest change the study finds with the stated power; negative is a reduction."""
        entry = MinimumDetectable(
            outcome=outcome,
            percent=float(percent),
            power=power,
            alpha=alpha,
            method=method,
            notes=tuple(notes),
            part=self.name,
        )
        self._detectable[outcome] = entry
        return show_sentence(wording.detectable_line([entry]), self.disclosure.level)

    def fact(self, name: str, value: object, *, sentence: str = "", count: bool = False) -> None:
        """One named value; ``{value}`` in the sentence is where it goes.

        ``count=True`` marks a count of events or people, protected on publication.
        """
        self._facts[name] = Fact(
            name=name, value=as_cell(value), sentence=sentence, count=count, part=self.name
        )

    def ledger(self, ledger: Ledger) -> None:
        """What happened to the data on its way in."""
        frame = ledger.to_frame()
        counted = frame["unit"].isin(["areas", "periods", "cells", "sites"])
        counts = () if counted.all() else ("rows",)
        self._ledger = Table.from_frame(
            "ledger", frame, caption="Rows in and out", counts=counts, part=self.name
        )

    def table(
        self,
        name: str,
        frame: pd.DataFrame,
        *,
        caption: str,
        counts: Sequence[str] | None = None,
    ) -> Shown:
        """A table of aggregates; returns it as the page will show it.

        Parameters
        ----------
        name, caption : str
        frame : DataFrame
            A named index becomes its first columns.
        counts : sequence of str, optional
            Columns to protect on publication; by default every column of whole numbers that is
            not a label of time, order or design.

        Raises
        ------
        InputError
            If the frame is too long for a table of aggregates, or has columns that look like
            record ids, coordinates or times of incidents.
        """
        refuse_records(f"table '{name}'", frame)
        table = Table.from_frame(name, frame, caption=caption, counts=counts, part=self.name)
        self._tables[name] = table
        return show_table(table.disclosed(self.disclosure), self.disclosure.level)

    def figure(
        self,
        name: str,
        figure: Any,
        *,
        title: str,
        subtitle: str,
        alt: str,
        data: pd.DataFrame | None = None,
        source: str = "",
    ) -> Shown:
        """A figure and the numbers in it; returns it as the page will show it.

        Parameters
        ----------
        name : str
        figure : matplotlib.figure.Figure
        title, subtitle : str
            The finding; and the statistic, with counts and period.
        alt : str
            What a reader who does not see the figure needs to know.
        data : DataFrame, optional
            What is drawn, saved as CSV; required on publication.
        source : str
            Whose data.

        Raises
        ------
        InputError
            If a text is empty, ``data`` looks like records, or, on publication, the figure was
            not drawn from protected counts.
        """
        self._refuse_figure(name, title=title, subtitle=subtitle, alt=alt, data=data)
        entry = save_figure(
            figure,
            self.folder / FIGURES,
            name=name,
            title=title,
            subtitle=subtitle,
            alt=alt,
            source=source,
            data=data,
            part=self.name,
        )
        self._figures[name] = entry
        image = (self.folder / FIGURES / entry.file).read_bytes()
        return show_figure(entry, image, self.disclosure.level)

    def record(self) -> PartRecord:
        """What has been collected so far."""
        return PartRecord(
            name=self.name,
            disclosure=self.disclosure,
            effects=tuple(self._effects.values()),
            checks=tuple(self._checks.values()),
            detectable=tuple(self._detectable.values()),
            facts=tuple(self._facts.values()),
            tables=tuple(self._tables.values()),
            figures=tuple(self._figures.values()),
            ledger=self._ledger,
        )

    @property
    def path(self) -> Path:
        """The file it is written to."""
        return self.folder / f"{self.name}{PART_SUFFIX}"

    def write(self) -> None:
        """Write the part, whole or not at all; the same content gives the same bytes."""
        write_atomically(self.path, self.record().to_json())

    def __repr__(self) -> str:
        record = self.record()
        counted = ", ".join(
            f"{len(getattr(record, kind))} {kind}"
            for kind in ("effects", "checks", "facts", "tables", "figures")
        )
        return f"Part {self.name} ({self.disclosure.level}): {counted}"

    def _refuse_figure(self, name: str, *, data: pd.DataFrame | None, **texts: str) -> None:
        problems = [
            Problem(where=f"figure '{name}', {kind}", what="is empty")
            for kind, text in texts.items()
            if not text.strip()
        ]
        if self.disclosure.protects and data is None:
            problems.append(
                Problem(
                    where=f"figure '{name}'",
                    what="comes without the data it shows, which publication requires",
                    advice="Give data=part.protect(frame), and draw from the same frame.",
                )
            )
        if problems:
            raise InputError(*problems)
        if data is None:
            return
        refuse_records(f"figure '{name}', data", data, limit=DATA_ROWS)
        if self.disclosure.protects and not _same(data, self.protect(data)):
            raise InputError(
                Problem(
                    where=f"figure '{name}', data",
                    what="holds counts that are not protected",
                    advice="Draw from part.protect(frame), and derive indices afterwards.",
                )
            )


def _same(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    numbers = one.select_dtypes("number").columns
    left = one[numbers].to_numpy(dtype=np.float64, na_value=np.nan)
    right = other[numbers].to_numpy(dtype=np.float64, na_value=np.nan)
    return bool(np.array_equal(left, right, equal_nan=True))
