"""Which street files there are: plain, packed, in folders and in archives."""

from __future__ import annotations

import datetime as dt
import os
import stat
import struct
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Literal

from hotspot_eval.data.engine import Limits
from hotspot_eval.data.paths import PathLike, local_file
from hotspot_eval.errors import InputError, Problem

__all__ = ["Source", "find_sources", "is_system_file"]

_PLAIN = (".csv", ".csv.gz")
_READ = (*_PLAIN, ".zip")
_OTHER_TABLES = ("-outcomes.csv", "-stop-and-search.csv")
_NESTED_ARCHIVES = "archives inside the archive"
_NESTED = (".zip", ".gz", ".bz2", ".xz", ".7z", ".rar", ".tar", ".tgz", ".zst")
_SMALL_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One street file as it lies on disk.

    Parameters
    ----------
    path : Path
        The file, or the archive that holds it.
    member : str
        Name inside the archive; empty otherwise.
    kind : {"csv", "gz", "zip"}
    size : int
        Bytes: of the file, or of the unpacked member.
    modified_ns : int
        Time stamp of the file on disk, to see later that it has not changed.
    snapshot : datetime.date
        When the data were taken: the date of the archive member, of the gzip header, else of the
        file.
    """

    path: Path
    member: str
    kind: Literal["csv", "gz", "zip"]
    size: int
    modified_ns: int
    snapshot: dt.date

    @property
    def name(self) -> str:
        """What messages and ledgers call it."""
        return f"{self.path.name}:{self.member}" if self.member else self.path.name


def find_sources(
    paths: PathLike | Iterable[PathLike], limits: Limits
) -> tuple[list[Source], list[str]]:
    """Every street file named, or found in the folders and archives named.

    Returns
    -------
    sources : list of Source
        Sorted, each once.
    others : list of str
        Other tables of the same download (outcomes, stop and search) and files that an operating
        system left beside its own, which are left alone.

    Raises
    ------
    InputError
        Every path and every archive member that cannot be used, at once.
    """
    named = [paths] if isinstance(paths, (str, os.PathLike)) else list(paths)
    files: set[Path] = set()
    others: list[str] = []
    problems: list[Problem] = []
    for path in named:
        try:
            for file in _expand(path):
                if _is_other_table(file.name):
                    others.append(file.name)
                else:
                    files.add(local_file(file, suffixes=_READ, where="argument 'paths'"))
        except InputError as error:
            problems.extend(error.problems)
    sources: list[Source] = []
    for file in sorted(files):
        try:
            sources.extend(_of_archive(file, limits, others) if _is_zip(file) else [_of_file(file)])
        except InputError as error:
            problems.extend(error.problems)
    if not sources and not problems:
        problems.append(
            Problem(
                where="argument 'paths'",
                what="names no street file",
                advice="Give .csv, .csv.gz or .zip files, or folders that hold them.",
            )
        )
    if problems:
        raise InputError(*problems)
    return sources, others


def _expand(path: PathLike) -> Iterator[Path]:
    """The file, or every readable file below the folder."""
    place = Path(path)
    if "://" in os.fspath(path) or not place.is_dir():
        yield local_file(path, suffixes=_READ, where="argument 'paths'")
        return
    inside = sorted(f for f in place.rglob("*") if f.name.lower().endswith(_READ) and f.is_file())
    if not inside:
        raise InputError(
            Problem(
                where="argument 'paths'",
                what=f"folder '{place.name}' holds no .csv, .csv.gz or .zip file",
            )
        )
    yield from inside


def _is_other_table(name: str) -> bool:
    return name.lower().removesuffix(".gz").endswith(_OTHER_TABLES) or is_system_file(name)


def is_system_file(name: str) -> bool:
    """Whether an operating system or a program left it: ``__MACOSX``, ``._x.csv``, ``~$x.csv``."""
    parts = PurePosixPath(name.replace("\\", "/").rsplit(":", 1)[-1]).parts
    return "__MACOSX" in parts or (bool(parts) and parts[-1].startswith(("._", "~$", ".~")))


def _is_zip(file: Path) -> bool:
    return file.name.lower().endswith(".zip")


def _of_file(file: Path) -> Source:
    known = file.stat()
    packed = file.name.lower().endswith(".gz")
    return Source(
        path=file,
        member="",
        kind="gz" if packed else "csv",
        size=known.st_size,
        modified_ns=known.st_mtime_ns,
        snapshot=_day((_gzip_time(file) if packed else 0) or known.st_mtime),
    )


def _gzip_time(file: Path) -> int:
    with file.open("rb") as stream:
        head = stream.read(8)
    return int(struct.unpack("<I", head[4:8])[0]) if len(head) == 8 else 0


def _day(seconds: float) -> dt.date:
    return dt.datetime.fromtimestamp(seconds, tz=dt.UTC).date()


def _advice(what: str) -> str:
    if what == _NESTED_ARCHIVES:
        return "Unpack the outer one, and give the archives in it or the folder that holds them."
    return "Do not trust this archive."


def _of_archive(file: Path, limits: Limits, others: list[str]) -> Iterator[Source]:
    try:
        with zipfile.ZipFile(file) as archive:
            members = [m for m in archive.infolist() if not m.is_dir()]
    except (zipfile.BadZipFile, OSError) as error:
        raise InputError(
            Problem(
                where=file.name,
                what=f"is not a whole zip archive ({error})",
                advice="Download it again.",
            )
        ) from error
    problems = [
        Problem(where=file.name, what=what, examples=names, advice=_advice(what))
        for what, names in _faults(members, limits)
        if names
    ]
    if problems:
        raise InputError(*problems)
    known = file.stat()
    for member in sorted(members, key=lambda m: m.filename):
        if _is_other_table(member.filename):
            others.append(f"{file.name}:{member.filename}")
        elif member.filename.lower().endswith(".csv"):
            yield Source(
                path=file,
                member=member.filename,
                kind="zip",
                size=member.file_size,
                modified_ns=known.st_mtime_ns,
                snapshot=dt.date(*member.date_time[:3]),
            )


def _faults(members: list[zipfile.ZipInfo], limits: Limits) -> Iterator[tuple[str, list[str]]]:
    names = [m.filename for m in members]
    yield "members climb out of the archive or are absolute", [n for n in names if _climbs(n)]
    yield (
        "members are symbolic links",
        [m.filename for m in members if stat.S_ISLNK(m.external_attr >> 16)],
    )
    yield _NESTED_ARCHIVES, [n for n in names if n.lower().endswith(_NESTED)]
    yield "members are encrypted", [m.filename for m in members if m.flag_bits & 1]
    yield "members share a name", sorted({n for n in names if names.count(n) > 1})
    yield (
        f"members unpack to more than {limits.max_ratio:g} times their size",
        [
            m.filename
            for m in members
            if m.file_size > max(_SMALL_BYTES, limits.max_ratio * m.compress_size)
        ],
    )
    total = sum(m.file_size for m in members)
    yield (
        f"members unpack to more than {limits.max_unpacked_gb:g} GB together",
        [f"{total / 1e9:.1f} GB"] if total > limits.max_unpacked_gb * 1e9 else [],
    )


def _climbs(name: str) -> bool:
    posix, windows = PurePosixPath(name), PureWindowsPath(name)
    return (
        posix.is_absolute()
        or bool(windows.drive or windows.root)
        or ".." in posix.parts
        or ".." in windows.parts
    )
