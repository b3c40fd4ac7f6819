"""Sentences rendered from the record, which never say more than it does."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from hotspot_eval.report.entries import Cell, Fact, MinimumDetectable, ReportedCheck, ReportedEffect
from hotspot_eval.report.record import SiteRecord, StudyRecord
from hotspot_eval.report.vocabulary import (
    GLOSSARY,
    HEADINGS,
    ROLE_NOTES,
    ROLE_TITLES,
    STATUS_SYMBOLS,
    STATUS_WORDS,
)
from hotspot_eval.results import Effect, Quantity, Status

__all__ = [
    "GLOSSARY",
    "ROLE_NOTES",
    "ROLE_TITLES",
    "STATUS_SYMBOLS",
    "STATUS_WORDS",
    "capital",
    "change",
    "check_line",
    "checks_line",
    "counts_cell",
    "detectable_line",
    "disclosure_line",
    "effect_cell",
    "effect_line",
    "fact_line",
    "forest_title",
    "heading",
    "irr_cell",
    "kept_together",
    "number",
    "p_cell",
    "p_value",
    "plain",
    "prevented_cell",
    "prevented_line",
    "regression_line",
    "sample_cell",
    "setting",
    "signed_cell",
    "status_counts",
    "study_line",
    "summary",
    "unit",
]


def summary(record: SiteRecord) -> tuple[str, ...]:
    """Three lines: the effect, regression to the mean, and the smallest detectable change."""
    if record.status == "failed":
        return (f"The evaluation of this site did not finish: {record.reason}",)
    primary = record.primary
    if primary is None:
        first, outcome = "No primary effect was recorded.", ""
    else:
        first, outcome = effect_line(primary), primary.outcome
    return first, regression_line(record, outcome), detectable_line(record.detectable, outcome)


def effect_line(entry: ReportedEffect) -> str:
    """One effect in one sentence: change, interval, ratio, p-value, and what it is compared with.

    Examples
    --------
    >>> effect = Effect.from_estimate(-0.2, 0.05, estimand="ATT", scale="log_irr", method="Poisson",
    ...                               inference="cluster-robust")
    >>> entry = ReportedEffect(role="primary", outcome="robbery", label="", effect=effect)
    >>> print(effect_line(entry))
    Robbery: 18.1% lower than expected without the operation (95% interval: 25.8% lower to
    9.7% lower; incidence rate ratio 0.819, 0.742 to 0.903; p < 0.001).
    """
    effect, name = entry.effect, capital(entry.outcome)
    if math.isnan(effect.estimate):
        return f"{name}: could not be estimated ({_joined(effect.notes)})."
    if effect.scale == "log_irr":
        told, irr = effect.percent_change(), effect.as_irr()
        body = (
            f"{change(told.value)} than expected without the operation "
            f"({_interval_words(effect, told)}; incidence rate ratio {_ratio(irr)}; "
            f"{p_value(effect.p_value)})"
        )
    else:
        digits = _digits(effect)
        value, low, high = (
            _signed(x, digits) for x in (effect.estimate, effect.ci_low, effect.ci_high)
        )
        body = (
            f"{value} {unit(effect)} compared with what was expected "
            f"without the operation ({effect.estimand}; {_level(effect)} interval: "
            f"{low} to {high}; {p_value(effect.p_value)})"
        )
    doubt = " The interval includes no change." if _includes_zero(effect) else ""
    return f"{name}: {body}.{doubt}"


def regression_line(record: SiteRecord, outcome: str = "") -> str:
    """The change expected from the selection of places alone, if the record has it."""
    entries = record.with_role("regression_to_mean")
    entry = next((e for e in entries if e.outcome == outcome), entries[0] if entries else None)
    if entry is None:
        return (
            "Regression to the mean was not assessed: places chosen because counts were high tend "
            "to fall back without any intervention, and the estimate may include that fall."
        )
    effect = entry.effect
    if math.isnan(effect.estimate):
        return f"Regression to the mean could not be estimated ({_joined(effect.notes)})."
    if effect.scale == "log_irr":
        told = effect.percent_change()
        size = f"{change(told.value)} ({_interval_words(effect, told)})"
    else:
        size = f"{_signed(effect.estimate, _digits(effect))} {unit(effect)}"
    return (
        "Regression to the mean: where places were chosen in the same way but nothing was done, "
        f"{plain(entry.outcome)} came out {size}, on the same measure.{_allowed_for(record)}"
    )


def _allowed_for(record: SiteRecord) -> str:
    primary = record.primary
    replayed = primary is not None and primary.effect.method.startswith("selection replay")
    return " The effect above already allows for this." if replayed else ""


def detectable_line(entries: Sequence[MinimumDetectable], outcome: str = "") -> str:
    """The smallest change likely to be detected, or that this was not assessed."""
    entry = next((e for e in entries if e.outcome == outcome), entries[0] if entries else None)
    if entry is None:
        return (
            "Smallest detectable change: the minimum detectable effect was not assessed, so an "
            "interval that includes no change is not evidence that there was none."
        )
    if math.isnan(entry.percent):
        return f"Smallest detectable change: could not be worked out ({_joined(entry.notes)})."
    size = f"{abs(entry.percent):.1f}%"
    kind = "reduction" if entry.percent < 0 else "increase"
    return (
        f"Smallest detectable change: this study would have detected a {kind} in "
        f"{plain(entry.outcome)} of {size} with {100 * entry.power:.0f}% probability (test at the "
        f"{100 * entry.alpha:g}% level); it is more likely to miss anything smaller."
    )


def prevented_line(entry: ReportedEffect) -> str:
    """Crimes prevented on the treated cells, with the assumptions they rest on."""
    told = entry.effect.crimes_prevented()
    if math.isnan(told.value):
        return f"Events prevented: not available ({_joined(told.notes)})."
    more = "prevented" if told.value >= 0 else "more than expected"
    ends = f"{_whole(told.low)} to {_whole(told.high)}"
    return (
        f"{capital(entry.outcome)}: {_whole(abs(told.value))} events {more} on the treated areas "
        f"and periods ({_level(entry.effect)} interval of events prevented: {ends}). "
        "This is the number expected without the operation minus the number observed. It "
        "holds only if the effect holds, the treated places would otherwise have followed the "
        "comparison, and nothing moved elsewhere."
    )


def check_line(check: ReportedCheck) -> str:
    """Status in a word and the check's own sentence."""
    return f"{STATUS_WORDS[check.status]}. {check.sentence}"


def fact_line(fact: Fact) -> str:
    """The fact's sentence with its value, or name and value."""
    return fact.told(number) if fact.sentence else f"{fact.name}: {number(fact.value)}"


def study_line(study: StudyRecord) -> str:
    """How many sites there are and how many did not finish."""
    total, failed = len(study.sites), len(study.failed)
    sites = f"{total} site{'' if total == 1 else 's'}"
    if not failed:
        return f"{sites}: all were evaluated."
    return f"{sites}: {total - failed} evaluated, {failed} failed and listed with the reason."


def disclosure_line(level: str, *, threshold: int = 5, base: int = 5) -> str:
    """What the level means for a reader."""
    if level == "internal":
        return "Internal: not for publication. Counts are shown as they are."
    if level == "publication":
        return (
            f"For publication: counts are rounded to the nearest {base}, and counts from 1 to "
            f"{threshold - 1} are suppressed and shown as [c]."
        )
    return "Open: every count shown here is already public."


def change(percent: float) -> str:
    """A percentage change in words.

    Examples
    --------
    >>> change(-12.34), change(3.0), change(0.01)
    ('12.3% lower', '3.0% higher', '0.0% change')
    """
    if math.isnan(percent):
        return "not available"
    if math.isinf(percent):
        return "without bound"
    if abs(percent) < 0.05:
        return "0.0% change"
    return f"{abs(percent):,.1f}% {'lower' if percent < 0 else 'higher'}"


def number(value: Cell) -> str:
    """A cell as it is read: thousands apart, rounded to four digits, a true minus.

    Examples
    --------
    >>> number(12345), number(-0.0123456), number(None), number(True)
    ('12,345', '−0.01235', '[x]', 'yes')
    """
    if value is None:
        return "[x]"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}".replace("-", "−")
    if isinstance(value, float):
        return _decimal(value)
    return {"inf": "∞", "-inf": "−∞"}.get(value, value)


def heading(column: str) -> str:
    """A column's name as a reader expects it at the head of a table.

    Examples
    --------
    >>> heading("p_value"), heading("treated_areas")
    ('p-value', 'Treated areas')
    """
    return HEADINGS.get(column) or capital(column)


def setting(value: Cell) -> str:
    """A setting as it was written: a seed or a year is no quantity."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value}"
    return number(value)


def kept_together(sentence: str) -> str:
    """A sentence as the page sets it: one style of per cent and minus, ``p = …`` on one line."""
    told = re.sub(r"(?<=\d) %", "%", sentence)
    told = re.sub(r"\bpoisson\b(?!_)", "Poisson", told)
    told = re.sub(r"(?<![\w.)%])-(?=\.?\d)", "−", told)
    return re.sub(r"p ([<=]) (\d)", "p\u00a0\\1\u00a0\\2", told)


def p_value(value: float) -> str:
    """A p-value as it is written in a sentence."""
    if math.isnan(value):
        return "p not available"
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"


def effect_cell(effect: Effect) -> tuple[str, str]:
    """The effect and its interval for a table: per cent where it has one, else its own scale."""
    if effect.scale == "log_irr":
        return signed_cell(effect.percent_change(), digits=1, suffix="%")
    own = Quantity(value=effect.estimate, low=effect.ci_low, high=effect.ci_high, unit="")
    return signed_cell(own, digits=_digits(effect))


def unit(effect: Effect) -> str:
    """What a change off the log scale is counted in; empty on it.

    A count effect with treated cells is an average over them, one without is a total.
    """
    if effect.scale == "count":
        return "events per area and period" if effect.treated_cells else "events"
    return "events per unit of exposure" if effect.scale == "rate" else ""


def irr_cell(effect: Effect) -> tuple[str, str]:
    """Incidence rate ratio and its interval for a table."""
    return signed_cell(effect.as_irr(), digits=3) if effect.scale == "log_irr" else ("[z]", "")


def prevented_cell(entry: ReportedEffect) -> tuple[str, str]:
    """Events prevented and their interval for a table; placebos and outputs prevent nothing."""
    if entry.role in ("regression_to_mean", "output"):
        return "[z]", ""
    return signed_cell(entry.effect.crimes_prevented(), digits=0)


def p_cell(value: float) -> str:
    """p-value for a table."""
    if math.isnan(value):
        return "[x]"
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def sample_cell(effect: Effect) -> str:
    """How many areas, periods and clusters are behind an effect."""
    told = f"{effect.n_treated:,} treated and {_several(effect.n_control, 'control area')}"
    if effect.n_periods:
        told += f", {_several(effect.n_periods, 'period')}"
    return f"{told}, {_several(effect.n_clusters, 'cluster')}" if effect.n_clusters else told


def checks_line(checks: Sequence[ReportedCheck]) -> str:
    """How many checks there are of each status."""
    threats = f"{len(checks)} threat{'' if len(checks) == 1 else 's'}"
    return (
        f"{threats}: {counts_cell(checks)}. Passed means that the check found nothing "
        "against the study, not that the threat has been ruled out."
    )


def counts_cell(checks: Sequence[ReportedCheck]) -> str:
    """Checks of each status for a table."""
    counts = status_counts(checks)
    return ", ".join(f"{counts[status]} {word.lower()}" for status, word in STATUS_WORDS.items())


def status_counts(checks: Sequence[ReportedCheck]) -> dict[Status, int]:
    """Number of checks of each status."""
    return {status: sum(c.status == status for c in checks) for status in STATUS_WORDS}


def forest_title(study: StudyRecord) -> str:
    """What the forest plot of sites shows, counted from the intervals."""
    effects = [r.primary.effect for r in study.sites if r.primary is not None]
    told = [e for e in effects if not math.isnan(e.ci_low) and not math.isnan(e.ci_high)]
    fewer = sum(effect.ci_high < 0 for effect in told)
    more = sum(effect.ci_low > 0 for effect in told)
    open_ = len(told) - fewer - more
    sites = f"{len(told)} site{'' if len(told) == 1 else 's'} with an estimate"
    if open_ == len(told) > 1:
        return f"In all {sites} the interval includes no change"
    found = [
        f"{fewer} had fewer events than expected" if fewer else "",
        f"{more} had more events than expected" if more else "",
        f"in {open_} the interval includes no change" if open_ else "",
    ]
    return f"Of {sites}, {' and '.join(part for part in found if part)}" if told else f"{sites}"


def signed_cell(told: Quantity, *, digits: int, suffix: str = "") -> tuple[str, str]:
    """A quantity and its interval for a table."""
    if math.isnan(told.value):
        return "[x]", ""
    value, low, high = (_signed(v, digits, suffix) for v in (told.value, told.low, told.high))
    known = not (math.isnan(told.low) and math.isnan(told.high))
    return value, f"{low} to {high}" if known else "no interval"


def _digits(effect: Effect) -> int:
    """Decimals that leave about three digits of the largest number told."""
    told = [abs(x) for x in (effect.estimate, effect.ci_low, effect.ci_high) if math.isfinite(x)]
    size = max(told, default=0.0)
    return 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 1 else 3


def _interval_words(effect: Effect, told: Quantity) -> str:
    return f"{_level(effect)} interval: {change(told.low)} to {change(told.high)}"


def _level(effect: Effect) -> str:
    return f"{100 * effect.ci_level:g}%"


def _ratio(irr: Quantity) -> str:
    return f"{irr.value:.3f}, {irr.low:.3f} to {irr.high:.3f}"


def _includes_zero(effect: Effect) -> bool:
    return effect.ci_low <= 0 <= effect.ci_high


def _signed(value: float, digits: int, suffix: str = "") -> str:
    if math.isnan(value):
        return "[x]"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    return f"{round(value, digits) + 0.0:,.{digits}f}{suffix}".replace("-", "−")


def _several(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def _whole(value: float) -> str:
    return _signed(value, 0)


def plain(name: str) -> str:
    """A name of the record in a sentence: underscores are spaces."""
    return name.replace("_", " ").strip()


def capital(name: str) -> str:
    """The same at the beginning of a sentence."""
    words = plain(name)
    return words[:1].upper() + words[1:]


def _joined(notes: Sequence[str]) -> str:
    return "; ".join(notes) or "no reason was recorded"


def _decimal(value: float) -> str:
    if value == 0:
        return "0"
    digits = 3 - math.floor(math.log10(abs(value)))
    if digits <= 0:
        return f"{value:,.0f}".replace("-", "−")
    text = f"{value:,.{digits}f}" if digits <= 9 else f"{value:.3e}"
    if "e" not in text:
        text = text.rstrip("0").rstrip(".")
    return text.replace("-", "−")
