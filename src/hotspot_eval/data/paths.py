"""Which files a reader may open: local ones that exist, of the kind asked for."""

from __future__ import annotations

import gzip
import os
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from hotspot_eval.errors import InputError, Problem

__all__ = [
    "PathLike",
    "local_file",
    "local_files",
    "refuse_inflated",
    "text_advice",
    "unpack",
]

PathLike = str | os.PathLike[str]

_MEMBERS = 1_000
_UNPACKED_BYTES = 2_000_000_000
_RATIO = 200
_CHUNK = 1 << 20


def local_file(
    path: PathLike,
    *,
    suffixes: Sequence[str],
    within: PathLike | None = None,
    where: str = "argument 'path'",
) -> Path:
    """The file at ``path``, once it is known to be a local file of the right kind.

    Parameters
    ----------
    path : str or path
        A file on this machine; never an address and never one of GDAL's virtual systems.
    suffixes : sequence of str
        Endings that are allowed, in lower case: ``(".csv", ".csv.gz")``.
    within : path, optional
        A folder the file must not leave, links followed.
    where : str
        The field that named the path, for the message.

    Returns
    -------
    Path
        Absolute, links followed.

    Raises
    ------
    InputError
        If it is an address, a virtual path, absent, a folder, empty, of another kind, or outside
        ``within``.

    Examples
    --------
    >>> local_file("https://example.org/a.csv", suffixes=(".csv",), where="data.counts")
    Traceback (most recent call last):
        ...
    hotspot_eval.errors.InputError: data.counts: 'https://example.org/a.csv' is an address or a
    virtual path. Download the file and give its place on this machine.
    """
    found = _resolved(path, within, where)
    if found.is_dir():
        raise InputError(Problem(where=where, what=f"'{path}' is a folder, not a file"))
    if not found.name.lower().endswith(tuple(suffixes)):
        raise InputError(
            Problem(
                where=where,
                what=f"'{path}' is not one of the kinds that can be read here",
                advice=f"It reads {', '.join(suffixes)}.",
            )
        )
    if found.stat().st_size == 0:
        raise InputError(Problem(where=where, what=f"'{path}' is empty"))
    return found


def local_files(
    paths: PathLike | Iterable[PathLike],
    *,
    suffixes: Sequence[str],
    within: PathLike | None = None,
    where: str = "argument 'paths'",
) -> list[Path]:
    """Files named one by one, or all of the right kind in a folder; sorted, each once.

    Raises
    ------
    InputError
        Every file that :func:`local_file` refuses, at once; a folder without such a file.
    """
    named = [paths] if isinstance(paths, (str, os.PathLike)) else list(paths)
    problems: list[Problem] = []
    found: set[Path] = set()
    for path in named:
        try:
            place = _resolved(path, within, where)
            inside = _of_kind(place, suffixes, where) if place.is_dir() else [place]
            found.update(
                local_file(file, suffixes=suffixes, within=within, where=where) for file in inside
            )
        except InputError as error:
            problems.extend(error.problems)
    if not named:
        problems.append(Problem(where=where, what="names no file"))
    if problems:
        raise InputError(*problems)
    return sorted(found)


def unpack(archive: Path, folder: Path, *, suffixes: Sequence[str]) -> list[Path]:
    """Files of an archive with one of ``suffixes``, written flat into ``folder``.

    Members are written under their bare names, so none can leave the folder.

    Raises
    ------
    InputError
        If it is not a zip archive, a name occurs twice, or it is too large: more than 1,000
        members, 2 GB unpacked, or 200 times its packed size.
    """
    if not zipfile.is_zipfile(archive):
        raise InputError(Problem(where=archive.name, what="is not a zip archive"))
    with zipfile.ZipFile(archive) as packed:
        members = [
            m
            for m in packed.infolist()
            if not m.is_dir() and m.filename.lower().endswith(tuple(suffixes))
        ]
        _refuse_bombs(archive, packed.infolist())
        names = [PurePosixPath(m.filename.replace("\\", "/")).name for m in members]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise InputError(
                Problem(where=archive.name, what="members share a name", examples=twice)
            )
        for member, name in zip(members, names, strict=True):
            _write_member(packed, member, folder / name)
    return [folder / name for name in names]


def refuse_inflated(path: Path) -> None:
    """Refuse a gzip file that unpacks to more than 8 GB, or to 200 times its size above 100 MB.

    Raises
    ------
    InputError
        Also if it is damaged or no gzip file at all.
    """
    limit = min(8_000_000_000, max(100_000_000, _RATIO * path.stat().st_size))
    size = 0
    try:
        with gzip.open(path) as packed:
            while chunk := packed.read(_CHUNK):
                size += len(chunk)
                if size > limit:
                    break
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(
            Problem(where=path.name, what=f"cannot be unpacked ({error})", advice="Fetch it again.")
        ) from error
    if size > limit:
        raise InputError(
            Problem(
                where=path.name,
                what=f"unpacks to more than {limit:,} bytes, which is not believable for such data",
                advice="Unpack it by hand and give the file.",
            )
        )


def text_advice(path: Path) -> str:
    """What to do with a file that should be text and is not: often a workbook under a new name."""
    with path.open("rb") as stream:
        start = stream.read(4)
    if start in (b"PK\x03\x04", b"\xd0\xcf\x11\xe0"):
        return (
            "It is a workbook or an archive, whatever its name says: save the sheet as CSV UTF-8."
        )
    return "Save it as CSV UTF-8."


def _resolved(path: PathLike, within: PathLike | None, where: str) -> Path:
    text = os.fspath(path)
    if "://" in text or text.lower().lstrip("/\\").startswith("vsi") or "\x00" in text:
        raise InputError(
            Problem(
                where=where,
                what=f"'{text}' is an address or a virtual path",
                advice="Download the file and give its place on this machine.",
            )
        )
    found = Path(text).expanduser().resolve()
    if within is not None and not found.is_relative_to(Path(within).resolve()):
        raise InputError(
            Problem(
                where=where,
                what=f"'{text}' leaves the folder '{within}'",
                advice="Put the file inside it.",
            )
        )
    if not found.exists():
        raise InputError(Problem(where=where, what=f"'{text}' does not exist"))
    return found


def _of_kind(folder: Path, suffixes: Sequence[str], where: str) -> list[Path]:
    inside = [
        entry
        for entry in sorted(folder.iterdir())
        if entry.is_file() and entry.name.lower().endswith(tuple(suffixes))
    ]
    if not inside:
        raise InputError(
            Problem(
                where=where,
                what=f"folder '{folder.name}' holds none of the files that can be read here",
                advice=f"It reads {', '.join(suffixes)}.",
            )
        )
    return inside


def _refuse_bombs(archive: Path, members: Sequence[zipfile.ZipInfo]) -> None:
    total = sum(member.file_size for member in members)
    packed = max(archive.stat().st_size, 1)
    if len(members) > _MEMBERS or total > _UNPACKED_BYTES or total > _RATIO * packed:
        raise InputError(
            Problem(
                where=archive.name,
                what=f"unpacks to {len(members):,} files and {total:,} bytes, {total / packed:.0f} "
                "times its size, which is not believable for such data",
                advice="Unpack it by hand and give the files.",
            )
        )


def _write_member(packed: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> None:
    """Copy no more bytes than the member declares, since the declaration is what was checked."""
    left = member.file_size
    with packed.open(member) as source, target.open("wb") as sink:
        while chunk := source.read(_CHUNK):
            left -= len(chunk)
            if left < 0:
                raise InputError(
                    Problem(where=member.filename, what="holds more bytes than it declares")
                )
            sink.write(chunk)
