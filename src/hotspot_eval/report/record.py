"""The result record: one a part, one a site, one a study; everything shown is rendered from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Self, get_args

from hotspot_eval.errors import InputError, Problem, check_choice
from hotspot_eval.report import files
from hotspot_eval.report.disclosure import Disclosure, Level, strictest
from hotspot_eval.report.entries import (
    Cell,
    EffectRole,
    Fact,
    FigureFile,
    MinimumDetectable,
    ReportedCheck,
    ReportedEffect,
    Table,
    as_cell,
    dump_json,
)
from hotspot_eval.report.files import hide_paths
from hotspot_eval.report.parts import (
    PART_SUFFIX,
    SCHEMA,
    PartRecord,
    decoded,
    entries_of,
    joined,
    part_problems,
)

__all__ = ["PART_SUFFIX", "SCHEMA", "PartRecord", "SiteRecord", "SiteStatus", "StudyRecord"]

SiteStatus = Literal["ok", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteRecord:
    """All that is known of one site's evaluation.

    Parameters
    ----------
    study, site, title : str
        The study, the site's id, and the site as people call it.
    slug : str
        Name of the site's folder beneath the study's; made harmless, by default from ``site``.
    status : {"ok", "failed"}
        A failed site has a ``reason`` and no results.
    disclosure : Disclosure
        Already applied to every entry.
    params : tuple of (str, value)
        The settings, dotted names in order.
    facts, effects, checks, detectable, tables, figures, ledger
        The entries of all parts; effects ordered by role.
    acknowledgements : tuple of str
        Sources and licences to be stated.
    folder : Path, optional
        Where the figures are; not part of the record's content.

    Examples
    --------
    >>> record = SiteRecord.failed(study="demo", site="camden", reason="no register")
    >>> SiteRecord.from_json(record.to_json()) == record
    True
    """

    study: str
    site: str
    title: str = ""
    slug: str = ""
    status: SiteStatus = "ok"
    reason: str = ""
    disclosure: Disclosure = field(default_factory=Disclosure)
    params: tuple[tuple[str, Cell], ...] = ()
    facts: tuple[Fact, ...] = ()
    effects: tuple[ReportedEffect, ...] = ()
    checks: tuple[ReportedCheck, ...] = ()
    detectable: tuple[MinimumDetectable, ...] = ()
    tables: tuple[Table, ...] = ()
    figures: tuple[FigureFile, ...] = ()
    ledger: Table | None = None
    acknowledgements: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    version: int = SCHEMA
    folder: Path | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        check_choice("status", self.status, get_args(SiteStatus))
        if not self.title:
            object.__setattr__(self, "title", self.site)
        object.__setattr__(self, "slug", files.slug(self.slug or self.site))
        if (self.status == "failed") != bool(self.reason):
            raise InputError(
                Problem(
                    where=f"site '{self.site}'", what="a failed site, and no other, has a reason"
                )
            )
        primary = [entry.label for entry in self.effects if entry.role == "primary"]
        if len(primary) > 1:
            raise InputError(
                Problem(
                    where=f"site '{self.site}'",
                    what="has more than one primary effect",
                    examples=primary,
                    advice="Give the others the role 'secondary' or 'robustness'.",
                )
            )

    @classmethod
    def collect(
        cls,
        folder: str | Path,
        *,
        study: str,
        site: str,
        title: str = "",
        slug: str = "",
        params: Mapping[str, object] | None = None,
        disclosure: Level = "open",
        threshold: int = 5,
        base: int = 5,
        acknowledgements: Sequence[str] = (),
        expected: Sequence[str] = (),
    ) -> Self:
        """The record of the parts in a site's internal folder.

        Parameters
        ----------
        folder : str or Path
            Where the notebooks wrote their parts.
        params : mapping, optional
            The settings; nested names become dotted, absolute paths become file names.
        disclosure : {"open", "internal", "publication"}
            The strictest of this and the parts' own is applied.
        expected : sequence of str
            Names of parts that must be there.

        Raises
        ------
        InputError
            If a part is missing or of another version, there are several primary effects, or the
            record is for publication and figures were drawn at a weaker level.
        """
        where = Path(folder)
        files = sorted(where.glob(f"*{PART_SUFFIX}"))
        parts = [PartRecord.from_json(file.read_text(encoding="utf-8")) for file in files]
        level = strictest([disclosure, *(part.disclosure.level for part in parts)])
        problems = part_problems(site, parts, level, expected)
        if problems:
            raise InputError(*problems)
        record = cls(
            study=study,
            site=site,
            title=title,
            slug=slug,
            params=_flat(params or {}),
            acknowledgements=tuple(acknowledgements),
            parts=tuple(part.name for part in parts),
            folder=where,
            **joined(parts),
        )
        return record.disclosed(Disclosure(level=level, threshold=threshold, base=base))

    @classmethod
    def failed(
        cls,
        *,
        study: str,
        site: str,
        reason: str,
        title: str = "",
        slug: str = "",
        params: Mapping[str, object] | None = None,
        disclosure: Level = "open",
        acknowledgements: Sequence[str] = (),
    ) -> Self:
        """The record of a site whose evaluation did not finish: the reason, and no results."""
        return cls(
            study=study,
            site=site,
            title=title,
            slug=slug,
            status="failed",
            reason=hide_paths(reason.strip()) or "no reason was recorded",
            params=_flat(params or {}),
            disclosure=Disclosure(level=disclosure),
            acknowledgements=tuple(acknowledgements),
        )

    @property
    def primary(self) -> ReportedEffect | None:
        """The pre-declared effect, if the record has it."""
        return next((entry for entry in self.effects if entry.role == "primary"), None)

    def with_role(self, role: EffectRole) -> tuple[ReportedEffect, ...]:
        """The effects with this role."""
        return tuple(entry for entry in self.effects if entry.role == role)

    def disclosed(self, rule: Disclosure) -> Self:
        """The record with every entry protected by ``rule``."""
        ledger = self.ledger
        if ledger is not None and rule.protects:
            ledger = _without_examples(ledger).disclosed(rule)
        return replace(
            self,
            disclosure=rule,
            effects=tuple(entry.disclosed(rule) for entry in self.effects),
            checks=tuple(entry.disclosed(rule) for entry in self.checks),
            facts=tuple(entry.disclosed(rule) for entry in self.facts),
            tables=tuple(entry.disclosed(rule) for entry in self.tables),
            ledger=ledger,
        )

    def to_json(self) -> str:
        """Sorted JSON with floats at full precision, the same bytes for the same content."""
        return dump_json(_without_folder(self)) + "\n"

    @classmethod
    def from_json(cls, text: str, *, folder: str | Path | None = None) -> Self:
        """The record of its JSON; ``folder`` is where its figures are."""
        return cls._of(decoded(text, "record"), folder=None if folder is None else Path(folder))

    @classmethod
    def _of(cls, data: Mapping[str, Any], *, folder: Path | None = None) -> Self:
        plain = {
            name: data[name] for name in ("study", "site", "title", "slug", "status", "reason")
        }
        return cls(
            **plain,
            disclosure=Disclosure(**data["disclosure"]),
            params=tuple((name, value) for name, value in data["params"]),
            acknowledgements=tuple(data["acknowledgements"]),
            parts=tuple(data["parts"]),
            folder=folder,
            **entries_of(data),
        )

    def __repr__(self) -> str:
        if self.status == "failed":
            return f"SiteRecord {self.site}: failed, {self.reason}"
        return (
            f"SiteRecord {self.site} ({self.disclosure.level}): {len(self.parts)} parts, "
            f"{len(self.effects)} effects, {len(self.checks)} checks, {len(self.figures)} figures"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyRecord:
    """The sites of a study, failed ones included, and their synthesis.

    Parameters
    ----------
    study, title : str
    sites : tuple of SiteRecord
        In the order in which they are shown.
    synthesis : SiteRecord, optional
        The record of the synthesis notebook.
    acknowledgements : tuple of str
        Sources and licences to be stated, besides those of the sites.
    """

    study: str
    title: str = ""
    sites: tuple[SiteRecord, ...]
    synthesis: SiteRecord | None = None
    acknowledgements: tuple[str, ...] = ()
    version: int = SCHEMA

    def __post_init__(self) -> None:
        object.__setattr__(self, "sites", tuple(self.sites))
        if not self.title:
            object.__setattr__(self, "title", self.study)
        seen: dict[str, str] = {}
        clashes = []
        for record in self.sites:
            key = record.slug.casefold()
            if key in seen:
                clashes.append(f"{seen[key]!r} and {record.site!r}")
            seen[key] = record.site
        if clashes:
            raise InputError(
                Problem(
                    where=f"study '{self.study}'",
                    what="has sites that would share a folder",
                    examples=clashes,
                    advice="Give each site its own id.",
                )
            )

    @property
    def disclosure(self) -> Level:
        """The strictest level of its records."""
        records = [*self.sites, *([self.synthesis] if self.synthesis else [])]
        return strictest(record.disclosure.level for record in records)

    @property
    def failed(self) -> tuple[SiteRecord, ...]:
        """The sites that did not finish."""
        return tuple(record for record in self.sites if record.status == "failed")

    def disclosed(self, rule: Disclosure) -> Self:
        """Every record protected by ``rule``."""
        synthesis = None if self.synthesis is None else self.synthesis.disclosed(rule)
        sites = tuple(record.disclosed(rule) for record in self.sites)
        return replace(self, sites=sites, synthesis=synthesis)

    def to_json(self) -> str:
        """Sorted JSON with floats at full precision."""
        synthesis = None if self.synthesis is None else _without_folder(self.synthesis)
        data = {
            "study": self.study,
            "title": self.title,
            "sites": [_without_folder(record) for record in self.sites],
            "synthesis": synthesis,
            "acknowledgements": self.acknowledgements,
            "version": self.version,
        }
        return dump_json(data) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The record of its JSON."""
        data = decoded(text, "record")
        synthesis = data["synthesis"]
        return cls(
            study=data["study"],
            title=data["title"],
            sites=tuple(SiteRecord._of(site) for site in data["sites"]),
            synthesis=None if synthesis is None else SiteRecord._of(synthesis),
            acknowledgements=tuple(data["acknowledgements"]),
        )

    def __repr__(self) -> str:
        return f"StudyRecord {self.study}: {len(self.sites)} sites, {len(self.failed)} failed"


def _without_examples(ledger: Table) -> Table:
    places = [j for j, name in enumerate(ledger.columns) if name == "first_five"]
    rows = tuple(
        tuple("" if j in places else value for j, value in enumerate(row)) for row in ledger.rows
    )
    return replace(ledger, rows=rows)


def _without_folder(record: SiteRecord) -> dict[str, Any]:
    data = asdict(record)
    del data["folder"]
    return data


def _flat(params: Mapping[str, object], prefix: str = "") -> tuple[tuple[str, Cell], ...]:
    out: list[tuple[str, Cell]] = []
    for key, value in params.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            out.extend(_flat(value, f"{name}."))
        elif isinstance(value, list | tuple | set | frozenset):
            items = sorted(value, key=str) if isinstance(value, set | frozenset) else value
            out.append((name, ", ".join(hide_paths(str(item)) for item in items)))
        else:
            cell = as_cell(value)
            out.append((name, hide_paths(cell) if isinstance(cell, str) else cell))
    return tuple(out)
