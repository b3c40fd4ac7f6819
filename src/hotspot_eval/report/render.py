"""Templates: one autoescaping environment, and how numbers are written."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from hotspot_eval.report import wording
from hotspot_eval.report.disclosure import SUPPRESSED, Level
from hotspot_eval.report.entries import Cell, FigureFile, ReportedCheck, ReportedEffect, Table
from hotspot_eval.report.files import slug

__all__ = [
    "Shown",
    "environment",
    "show_checks",
    "show_effects",
    "show_figure",
    "show_sentence",
    "show_table",
    "shown_at",
    "written",
]

# JupyterLab sets every cell of a table to the right; pages have a style sheet of their own.
_IN_LAB = (
    ".jp-RenderedHTMLCommon .shown :is(th,td){text-align:left;vertical-align:top}"
    ".jp-RenderedHTMLCommon .shown .n{text-align:right}"
    ".jp-RenderedHTMLCommon .shown caption{text-align:left;font-weight:bold}"
    ".jp-RenderedHTMLCommon .shown :is(.interval,.unit){display:block}"
)
_LEVEL = re.compile(r'<div class="shown" data-disclosure="(\w+)">')


@dataclass(frozen=True, slots=True)
class Shown:
    """A piece of a report as a notebook displays it."""

    html: str
    text: str

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return self.text


@cache
def environment() -> Environment:
    """The environment every page is rendered in."""
    env = Environment(
        loader=PackageLoader("hotspot_eval.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    env.filters["number"] = wording.number
    env.filters["plain"] = wording.plain
    env.filters["capital"] = wording.capital
    env.filters["together"] = wording.kept_together
    env.filters["heading"] = wording.heading
    env.filters["anchor"] = slug
    env.filters["numeric"] = numeric
    env.filters["holds"] = holds
    env.filters["written"] = written
    env.filters["wordy"] = wordy
    env.globals["wording"] = wording
    env.globals["SUPPRESSED"] = SUPPRESSED
    return env


def numeric(table: Table, column: int) -> bool:
    """Whether a column is set to the right: numbers, or what stands in for them."""
    values = [row[column] for row in table.rows]
    numbers = [isinstance(value, int | float) for value in values]
    stand_ins = [value in (None, SUPPRESSED, "inf", "-inf") for value in values]
    told = any(numbers) or table.columns[column] in table.counts
    return told and all(a or b for a, b in zip(numbers, stand_ins, strict=True))


def holds(table: Table, value: Cell) -> bool:
    """Whether a cell of the table is exactly this."""
    return any(
        cell is value or (cell == value and cell is not None) for r in table.rows for cell in r
    )


def wordy(table: Table) -> bool:
    """Whether a table holds sentences, which a narrow screen shows one below the other."""
    return any(isinstance(value, str) and len(value) > 60 for row in table.rows for value in row)


def written(table: Table) -> list[list[str]]:
    """The cells as they are read; numbers of one column have the same decimals."""
    places = [_places([row[j] for row in table.rows]) for j in range(len(table.columns))]
    return [
        [_text(value, decimals) for value, decimals in zip(row, places, strict=True)]
        for row in table.rows
    ]


def data_uri(png: bytes) -> str:
    """An image inside the page."""
    return f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"


def show_table(table: Table, level: Level) -> Shown:
    """A table as the page shows it, for a notebook."""
    return Shown(_shown("data_table", level, table), f"{table.caption}: {len(table.rows)} rows")


def show_effects(entries: Sequence[ReportedEffect], level: Level) -> Shown:
    """Effects as the page shows them, for a notebook; in words where there is no HTML."""
    if not entries:
        return show_sentence("No effect to show.", level)
    id_ = "effects-" + slug("-".join((entries[0].role, entries[0].outcome, entries[0].label)))
    html = _shown("effects_block", level, id_, "Estimates", list(entries))
    return Shown(html, "\n".join(wording.effect_line(entry) for entry in entries))


def show_checks(checks: Sequence[ReportedCheck], level: Level) -> Shown:
    """Checks as the page shows them, for a notebook; in words where there is no HTML."""
    if not checks:
        return show_sentence("No check to show.", level)
    html = _shown("checks_table", level, "checks-" + slug(checks[0].name), list(checks))
    return Shown(html, "\n".join(f"{c.name}: {wording.check_line(c)}" for c in checks))


def show_sentence(sentence: str, level: Level) -> Shown:
    """One sentence as the page shows it, for a notebook."""
    told = wording.kept_together(sentence)
    return Shown(_framed(f"<p>{escape(told)}</p>", level), told)


def show_figure(figure: FigureFile, png: bytes, level: Level) -> Shown:
    """A figure with title, subtitle and alternative text, for a notebook."""
    html = _shown("figure_block", level, figure, data_uri(png), "")
    return Shown(html, f"{figure.title}. {figure.alt}")


def shown_at(html: str) -> str:
    """The level at which a piece of a notebook was protected; empty if it is no such piece."""
    found = _LEVEL.match(html)
    return found.group(1) if found else ""


def _places(column: Sequence[Cell]) -> int | None:
    """Decimals that suit every number of a column; None where they differ too much in size."""
    numbers = [value for value in column if isinstance(value, float)]
    texts = [wording.number(value) for value in numbers]
    if not texts or any("e" in text for text in texts) or max(map(abs, numbers)) >= 1_000:
        return None
    places = max(len(text.partition(".")[2]) for text in texts)
    return places if places <= 6 else None


def _text(value: Cell, decimals: int | None) -> str:
    if decimals is None or not isinstance(value, float):
        return wording.number(value)
    return f"{value + 0.0:,.{decimals}f}".replace("-", "−")


def _shown(name: str, level: Level, *arguments: Any) -> str:
    return _framed(_macro(name, *arguments), level)


def _framed(html: str, level: Level) -> str:
    return f'<div class="shown" data-disclosure="{level}"><style>{_IN_LAB}</style>{html}</div>'


def _macro(name: str, *arguments: Any) -> str:
    module = environment().get_template("macros.html.j2").module
    return str(getattr(module, name)(*arguments))
