"""Lock: what was decided before the result, on record, and what has changed since."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd

from hotspot_eval.errors import InputError, Problem
from hotspot_eval.results import Check
from hotspot_eval.run.folders import Folders
from hotspot_eval.run.inputs import Inputs
from hotspot_eval.run.manifest import code_version, fingerprint, write_json
from hotspot_eval.run.params import load_params
from hotspot_eval.run.specification import ROLES, counts_end, default_settings, specification

__all__ = ["Lock", "Locked", "lock_params", "lock_path", "locked", "read_locks"]

_VERSION = 1
_MOST_BYTES = 50_000_000
_SHOWN = 5
_NAME = "pre-specification"
_THREAT = "Choices made after seeing the outcome can be adjusted until the result suits."
_COLUMNS = ["since", "field", "locked", "now"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """One specification, as it stood when it was locked.

    Parameters
    ----------
    made : datetime
        In UTC, from the clock of the machine that made it.
    code : str
        Version of the package.
    counts_end : str
        Last day that the counts in the files reached then; ``none`` or ``unknown``.
    specification : mapping
        Of :func:`~hotspot_eval.run.specification.specification`.
    seal : str
        SHA-256 over all of this and the seal before it.
    """

    made: datetime
    code: str
    counts_end: str
    specification: Mapping[str, Any]
    seal: str = ""

    def sealed(self, before: str) -> str:
        """The seal that this content must have after another lock's."""
        return fingerprint({**self._content(), "before": before})

    def entry(self) -> dict[str, Any]:
        """As it is written."""
        return {**self._content(), "seal": self.seal}

    def _content(self) -> dict[str, Any]:
        return {
            "made": self.made.isoformat(timespec="seconds"),
            "code": self.code,
            "counts_end": self.counts_end,
            "specification": dict(self.specification),
        }

    @property
    def day(self) -> str:
        """Date of the lock."""
        return self.made.date().isoformat()


@dataclass(frozen=True, slots=True, kw_only=True)
class Locked:
    """The locks of a params file beside what it says now.

    Parameters
    ----------
    locks : tuple of Lock
        Oldest first; none if the study was not pre-specified.
    now : mapping
        The specification as it is; empty without a lock.
    """

    locks: tuple[Lock, ...] = ()
    now: Mapping[str, Any]

    def check(self, site: str) -> Check:
        """Whether this site was pre-specified, and exactly what has changed since."""
        if not self.locks:
            return _check("not assessed", "Not pre-specified: no lock of this design was made.")
        rows = self.changes(site)
        names = list(dict.fromkeys(row[1] for row in rows))
        seen, known = self._outcome_seen(site)
        first = self.locks[0].day
        if names:
            again = f", and again on {self.locks[-1].day}" if len(self.locks) > 1 else ""
            s = "s" if len(names) > 1 else ""
            sentence = (
                f"Pre-specified on {first}{again}; {len(names)} field{s} changed since: "
                f"{_listed(names)}. {seen}"
            )
            return _check("failed", sentence, rows)
        sentence = f"Pre-specified on {first}, unchanged since. {seen}"
        return _check("passed" if known else "not assessed", sentence, self._all(site))

    def changes(self, site: str) -> list[tuple[str, str, str, str]]:
        """(date of the lock, field, value then, value at the next lock or now) of each change."""
        told = [(lock.day, lock.specification) for lock in self.locks]
        steps = pairwise([*told, ("now", self.now)])
        return [
            (day, *row) for (day, then), (_, later) in steps for row in _changes(then, later, site)
        ]

    def line(self) -> str:
        """What a check of the params says of the lock: one sentence for the study."""
        if not self.locks:
            return "not pre-specified: `hotspot-eval lock` records the design"
        sites = [*self.now["sites"]]
        names = list(dict.fromkeys(row[1] for site in sites for row in self.changes(site)))
        since = f"{len(names)} fields changed since: {_listed(names)}" if names else "unchanged"
        return f"pre-specified on {self.locks[0].day}, {since}"

    def told(self) -> str:
        """What the last lock holds, and whether any site's outcome was in the files by then."""
        lock = self.locks[-1]
        settings, sites = self.now["settings"], self.now["sites"]
        late = [site for site in sites if not self._outcome_seen(site)[1]]
        seen = {
            "none": "the files of counts are not there yet",
            "unknown": "how far the counts reach cannot be told",
        }.get(lock.counts_end, f"the counts reach {lock.counts_end}")
        warned = (
            f": at or past the start of {_listed(late)}, which the page will say" if late else ""
        )
        return (
            f"locked {settings['outcomes.primary']} by {settings['estimation.inference']}, "
            f"{len(sites)} sites; {seen}{warned}."
        )

    def _outcome_seen(self, site: str) -> tuple[str, bool]:
        """Whether counts after the start lay in the files at the last lock; and if surely not."""
        lock = self.locks[-1]
        then = lock.specification["sites"].get(site, {})
        start = str(then.get("first_start") or self.now["sites"].get(site, {}).get("first_start"))
        if lock.counts_end == "none":
            return "The files of counts were not there when it was locked.", True
        if lock.counts_end == "unknown" or start == "None":
            return "Whether counts after the start were there already could not be told.", False
        if lock.counts_end < start:
            return f"The counts ended on {lock.counts_end} then, before the start ({start}).", True
        return (
            f"The counts reached {lock.counts_end} then, past the start ({start}): it cannot be "
            "ruled out that the outcome had been seen.",
            False,
        )

    def _all(self, site: str) -> list[tuple[str, str, str, str]]:
        day = self.locks[-1].day
        rows = [(day, name, _told(v), _told(v)) for name, v in self.now["settings"].items()]
        roles = self.now["sites"].get(site, {})
        for role in ROLES:
            said = f"{len(roles.get(role, ()))} areas"
            rows.append((day, f"{role} areas", said, said))
        return rows


def lock_path(params: Path) -> Path:
    """Where the lock of a params file is: beside it, so that both go into version control."""
    return params.with_suffix(".lock.json")


def lock_params(params: Path, *, data: Iterable[Path] = (), again: bool = False) -> Locked:
    """Record outcome, rule, windows, estimator, areas and seed of a study in its lock file.

    Parameters
    ----------
    params : Path
    data : iterable of Path
        Further folders that may be read.
    again : bool
        Add a lock to those there are; the earlier ones stay, and the page tells what changed.

    Raises
    ------
    InputError
        If params, boundaries or register cannot be used, the lock file is damaged, or there is a
        lock and ``again`` is False.
    """
    earlier = read_locks(params)
    if earlier and not again:
        raise InputError(
            Problem(
                where=lock_path(params).name,
                what=f"holds a lock of {earlier[-1].day} already",
                advice="Keep it. If the design must change, add another with --again: the page "
                "tells both.",
            )
        )
    inputs = Inputs(params=load_params(params), folders=Folders.around(params, data))
    now = specification(inputs)
    lock = Lock(
        made=datetime.now(UTC).replace(microsecond=0),
        code=code_version(),
        counts_end=counts_end(inputs),
        specification=now,
    )
    before = earlier[-1].seal if earlier else ""
    sealed = Lock(
        made=lock.made,
        code=lock.code,
        counts_end=lock.counts_end,
        specification=now,
        seal=lock.sealed(before),
    )
    locks = (*earlier, sealed)
    content = {"version": _VERSION, "locks": [one.entry() for one in locks]}
    write_json(lock_path(params), content)
    return Locked(locks=locks, now=now)


def locked(params: Path, inputs: Inputs) -> Locked:
    """The locks of a params file and the specification as it is now.

    Raises
    ------
    InputError
        If the lock file is damaged, or, where there is one, boundaries or register are.
    """
    locks = read_locks(params)
    return Locked(locks=locks, now=specification(inputs) if locks else {})


def read_locks(params: Path) -> tuple[Lock, ...]:
    """The locks beside a params file, oldest first; none if there is no such file.

    Raises
    ------
    InputError
        If the file is no lock, of a later version, or was edited after it was made.
    """
    path = lock_path(params)
    if not path.exists():
        return ()
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise _damaged(path, f"is larger than {_MOST_BYTES:,} bytes")
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise _damaged(path, "is not readable JSON") from error
    if not isinstance(content, dict) or not isinstance(content.get("locks"), list):
        raise _damaged(path, "is no lock file")
    if content.get("version") != _VERSION:
        raise _damaged(path, f"is of version {content.get('version')!r}, not {_VERSION}")
    locks: list[Lock] = []
    for number, entry in enumerate(content["locks"], start=1):
        lock = _lock_of(entry)
        if lock is None:
            raise _damaged(path, f"has a lock ({number}) with parts missing or of another kind")
        if lock.seal != lock.sealed(locks[-1].seal if locks else ""):
            raise _damaged(path, f"was edited after lock {number} was made: its seal is broken")
        locks.append(lock)
    if not locks:
        raise _damaged(path, "holds no lock")
    return tuple(locks)


def _lock_of(entry: Any) -> Lock | None:
    """A lock of decoded JSON; None where anything is not as it must be."""
    if not isinstance(entry, dict):
        return None
    texts = [entry.get(name) for name in ("made", "code", "counts_end", "seal")]
    told = entry.get("specification")
    if not all(isinstance(text, str) for text in texts) or not isinstance(told, dict):
        return None
    settings, sites = told.get("settings"), told.get("sites")
    if not isinstance(settings, dict) or not isinstance(sites, dict) or not _are_roles(sites):
        return None
    try:
        made = datetime.fromisoformat(entry["made"])
        if entry["counts_end"] not in ("none", "unknown"):
            date.fromisoformat(entry["counts_end"])
    except ValueError:
        return None
    return Lock(
        made=made,
        code=entry["code"],
        counts_end=entry["counts_end"],
        specification=told,
        seal=entry["seal"],
    )


def _are_roles(sites: Mapping[str, Any]) -> bool:
    return all(
        isinstance(site, dict)
        and all(
            isinstance(ids, list) and all(isinstance(one, str) for one in ids)
            for ids in (site.get(role, []) for role in ROLES)
        )
        for site in sites.values()
    )


def _damaged(path: Path, what: str) -> InputError:
    return InputError(
        Problem(
            where=path.name,
            what=what,
            advice="Take the file back from version control; a lock is never edited by hand.",
        )
    )


def _changes(
    then: Mapping[str, Any], later: Mapping[str, Any], site: str
) -> list[tuple[str, str, str]]:
    """(field, value then, value later) of what differs for one site."""
    usual = default_settings()
    old, new = then["settings"], later["settings"]
    rows = []
    for name in dict.fromkeys([*old, *new]):
        before = old.get(name, usual.get(name))
        after = new.get(name, usual.get(name))
        if before != after:
            rows.append((name, _told(before), _told(after)))
    here, there = then["sites"].get(site), later["sites"].get(site)
    if here is None or there is None:
        if here is not there:
            words = ["not among the sites" if one is None else "a site" for one in (here, there)]
            rows.append(("site", words[0], words[1]))
        return rows
    if here.get("problem") != there.get("problem"):
        said = [str(one.get("problem") or "has a design") for one in (here, there)]
        rows.append(("design", said[0], said[1]))
    for role in ROLES:
        before_ids, after_ids = set(here.get(role, ())), set(there.get(role, ()))
        if before_ids != after_ids:
            rows.append(
                (
                    f"{role} areas",
                    _areas(before_ids, before_ids - after_ids),
                    _areas(after_ids, after_ids - before_ids),
                )
            )
    return rows


def _areas(ids: set[str], alone: set[str]) -> str:
    if not alone:
        return f"{len(ids)} areas"
    shown = sorted(alone)
    more = ", …" if len(shown) > _SHOWN else ""
    return f"{len(ids)} areas; only here {len(shown)}: {', '.join(shown[:_SHOWN])}{more}"


def _told(value: Any) -> str:
    if value is None:
        return "not set"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return str(value)


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _check(status: Any, sentence: str, rows: Iterable[tuple[str, ...]] = ()) -> Check:
    return Check(
        name=_NAME,
        threat=_THREAT,
        status=status,
        sentence=sentence,
        evidence=pd.DataFrame(rows, columns=_COLUMNS),
    )
