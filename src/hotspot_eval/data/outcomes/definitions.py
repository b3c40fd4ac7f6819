"""Read the outcome definitions and answer questions about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any, Literal, get_args

import pandas as pd
import yaml

from hotspot_eval.data.paths import PathLike, local_file
from hotspot_eval.errors import InputError, Problem, check_choice
from hotspot_eval.periods import interval_days

__all__ = [
    "OutcomeDefinition",
    "OutcomeSource",
    "OutcomeTypes",
    "outcome_definition",
    "outcome_definitions",
    "outcome_names",
    "outcome_rules",
    "read_outcome_definitions",
]

OutcomeSource = Literal["police_uk", "met", "internal"]
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

PublicSpace = Literal["yes", "no", "mixed"]
Disclosure = Literal["open", "internal", "publication"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeTypes:
    """The crime types that one classification of one source adds up.

    Parameters
    ----------
    crime_types : tuple of str
        As the source spells them.
    first, last : str
        First and last month of the classification; empty where open.
    flags : mapping of str to bool
        What the records must be flagged as (dated internal records only).
    """

    crime_types: tuple[str, ...]
    first: str = ""
    last: str = ""
    flags: Mapping[str, bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.crime_types:
            raise InputError(Problem(where="outcome definition", what="names no crime type"))
        for month in filter(None, (self.first, self.last)):
            interval_days(month, "month", "outcome definition")
        object.__setattr__(self, "flags", MappingProxyType(dict(self.flags)))


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeDefinition:
    """What an outcome counts and what it can bear.

    Parameters
    ----------
    name, label : str
    sources : mapping of str to tuple of OutcomeTypes
        For each source that can tell it, one entry a classification.
    unavailable : mapping of str to str
        For each source that cannot, why.
    public_space : {"yes", "no", "mixed"}
        Whether the incidents lie where patrols can be.
    police_generated : bool
        Whether it rises because the police look for it: an output, not an outcome.
    comparable_across, broken_by : tuple of str
        Entries of the calendar of breaks that it survives, and that it does not.
    disclosure : {"open", "internal", "publication"}
    safeguarding : bool
        One of the six harms watched in May 2020.
    public_data_show, public_data_hide : str
        What public data can and cannot show of it.
    components : tuple of str
        Outcomes it is made of, weighted after estimation.
    note : str

    Examples
    --------
    >>> robbery = outcome_definition("robbery")
    >>> robbery.police_generated, robbery.crime_types("police_uk")
    (False, ('Robbery',))
    """

    name: str
    label: str
    public_space: PublicSpace
    police_generated: bool
    disclosure: Disclosure
    sources: Mapping[str, tuple[OutcomeTypes, ...]] = field(default_factory=dict)
    unavailable: Mapping[str, str] = field(default_factory=dict)
    comparable_across: tuple[str, ...] = ()
    broken_by: tuple[str, ...] = ()
    safeguarding: bool = False
    public_data_show: str = ""
    public_data_hide: str = ""
    components: tuple[str, ...] = ()
    note: str = ""

    def __post_init__(self) -> None:
        check_choice("public_space", self.public_space, get_args(PublicSpace))
        check_choice("disclosure", self.disclosure, get_args(Disclosure))
        for source in (*self.sources, *self.unavailable):
            check_choice("source", source, get_args(OutcomeSource))
        faults = [
            what
            for what, found in (
                ("has neither sources nor components", not self.sources and not self.components),
                ("has a source that is unavailable", self.sources.keys() & self.unavailable.keys()),
                (
                    "is comparable across a break that breaks it",
                    set(self.comparable_across) & set(self.broken_by),
                ),
                (
                    "is a safeguarding harm that does not say what public data show and hide",
                    self.safeguarding and not (self.public_data_show and self.public_data_hide),
                ),
            )
            if found
        ]
        if faults:
            raise InputError(
                *(Problem(where=f"outcome '{self.name}'", what=what) for what in faults)
            )
        for name in ("sources", "unavailable"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    def crime_types(self, source: OutcomeSource) -> tuple[str, ...]:
        """Crime types it adds up in a source, over all its classifications.

        Raises
        ------
        InputError
            If the source cannot tell it, with the reason.
        """
        check_choice("source", source, get_args(OutcomeSource))
        if source not in self.sources:
            why = self.unavailable.get(source) or (
                f"estimate its components: {', '.join(self.components)}"
            )
            raise InputError(
                Problem(where=f"outcome '{self.name}'", what=f"is not in {source}: {why}")
            )
        listed = (name for entry in self.sources[source] for name in entry.crime_types)
        return tuple(dict.fromkeys(listed))

    def flags(self, source: OutcomeSource) -> Mapping[str, bool]:
        """What records of a source must be flagged as."""
        return {k: v for entry in self.sources.get(source, ()) for k, v in entry.flags.items()}


def read_outcome_definitions(path: PathLike) -> dict[str, OutcomeDefinition]:
    """Outcome definitions from a file of the user's own, in the form of the package's.

    Parameters
    ----------
    path : path
        YAML; see ``hotspot_eval/data/outcomes/definitions.yaml``.

    Raises
    ------
    InputError
        Every definition that is not usable.
    """
    file = local_file(path, suffixes=(".yaml", ".yml"))
    return _read(file.read_text(encoding="utf-8"), file.name)


def outcome_definition(name: str) -> OutcomeDefinition:
    """The package's definition of an outcome.

    Raises
    ------
    InputError
        If there is none, with the nearest names.

    Examples
    --------
    >>> outcome_definition("weapons_possession").police_generated
    True
    """
    known = _packaged()
    if name not in known:
        near = get_close_matches(name, known, n=3)
        raise InputError(
            Problem(
                where=f"outcome '{name}'",
                what="is not defined",
                advice=f"Did you mean {', '.join(near)}?"
                if near
                else f"There are {', '.join(known)}.",
            )
        )
    return known[name]


def outcome_names(source: OutcomeSource | None = None) -> tuple[str, ...]:
    """Names of the outcomes defined, or of those that a source can tell."""
    if source is not None:
        check_choice("source", source, get_args(OutcomeSource))
    return tuple(n for n, d in _packaged().items() if source is None or source in d.sources)


def outcome_definitions() -> pd.DataFrame:
    """One row an outcome: what it counts in each source and what it can bear."""
    rows = []
    for name, one in _packaged().items():
        told = {
            source: "; ".join(one.crime_types(source)) if source in one.sources else ""
            for source in get_args(OutcomeSource)
        }
        rows.append(
            {
                "outcome": name,
                "label": one.label,
                **told,
                "public_space": one.public_space,
                "police_generated": one.police_generated,
                "safeguarding": one.safeguarding,
                "disclosure": one.disclosure,
                "broken_by": ", ".join(one.broken_by),
                "public_data_show": one.public_data_show,
                "public_data_hide": one.public_data_hide,
                "note": one.note,
            }
        )
    return pd.DataFrame(rows)


def outcome_rules(
    outcomes: Sequence[str] | Mapping[str, Sequence[str] | OutcomeTypes], *, source: OutcomeSource
) -> dict[str, OutcomeTypes]:
    """Outcome → the crime types it adds up and the flags it asks for.

    Parameters
    ----------
    outcomes : sequence of str, or mapping
        Names of the package's definitions, or name → crime types (or ``OutcomeTypes``) of the
        user's own.

    Raises
    ------
    InputError
        Every outcome that is not defined or that the source cannot tell.

    Examples
    --------
    >>> outcome_rules(["robbery"], source="police_uk")["robbery"].crime_types
    ('Robbery',)
    """
    chosen: dict[str, OutcomeTypes] = {}
    problems: list[Problem] = []
    listed = [outcomes] if isinstance(outcomes, str) else outcomes
    for name in listed:
        try:
            if isinstance(outcomes, Mapping):
                chosen[str(name)] = _own_rule(outcomes[name])
            else:
                one = outcome_definition(name)
                chosen[name] = OutcomeTypes(
                    crime_types=one.crime_types(source), flags=one.flags(source)
                )
        except InputError as error:
            problems.extend(error.problems)
    if not chosen and not problems:
        problems.append(Problem(where="argument 'outcomes'", what="names no outcome"))
    if problems:
        raise InputError(*problems)
    return chosen


def _own_rule(types: Sequence[str] | OutcomeTypes) -> OutcomeTypes:
    if isinstance(types, OutcomeTypes):
        return types
    return OutcomeTypes(crime_types=(types,) if isinstance(types, str) else tuple(types))


@cache
def _packaged() -> Mapping[str, OutcomeDefinition]:
    text = resources.files(__package__).joinpath("definitions.yaml").read_text(encoding="utf-8")
    return MappingProxyType(_read(text, "definitions.yaml"))


def _read(text: str, where: str) -> dict[str, OutcomeDefinition]:
    try:
        table = yaml.load(text, Loader=_LOADER)  # a safe loader, in C where there is one
    except yaml.YAMLError as error:
        raise InputError(Problem(where=where, what=f"is not YAML ({error})")) from error
    if not isinstance(table, dict) or not table:
        raise InputError(Problem(where=where, what="holds no outcome"))
    read: dict[str, OutcomeDefinition] = {}
    problems: list[Problem] = []
    for name, entry in table.items():
        try:
            read[str(name)] = _definition(str(name), entry)
        except InputError as error:
            problems.extend(error.problems)
    for one in read.values():
        lost = [part for part in one.components if part not in read]
        if lost:
            problems.append(
                Problem(where=f"outcome '{one.name}'", what="has unknown components", examples=lost)
            )
    if problems:
        raise InputError(*problems)
    return read


def _definition(name: str, entry: object) -> OutcomeDefinition:
    where = f"outcome '{name}'"
    if not isinstance(entry, dict):
        raise InputError(Problem(where=where, what="is not a mapping of fields"))
    known = {f.name for f in fields(OutcomeDefinition)} - {"name"}
    unknown = sorted(set(entry) - known)
    absent = sorted({"label", "public_space", "police_generated", "disclosure"} - set(entry))
    if unknown or absent:
        raise InputError(
            *(
                Problem(where=where, what=what, examples=names)
                for what, names in (("has unknown fields", unknown), ("lacks fields", absent))
                if names
            )
        )
    plain: dict[str, Any] = dict(entry)
    for key in ("comparable_across", "broken_by", "components"):
        plain[key] = tuple(plain.get(key, ()))
    plain["sources"] = {
        source: tuple(_types(where, item) for item in items)
        for source, items in plain.get("sources", {}).items()
    }
    return OutcomeDefinition(name=name, **plain)


def _types(where: str, item: object) -> OutcomeTypes:
    if not isinstance(item, dict) or set(item) - {"crime_types", "from", "until", "flags"}:
        raise InputError(
            Problem(
                where=where,
                what="has a source entry with other fields than crime_types, from, until, flags",
            )
        )
    return OutcomeTypes(
        crime_types=tuple(item.get("crime_types", ())),
        first=str(item.get("from", "")),
        last=str(item.get("until", "")),
        flags=item.get("flags", {}),
    )
