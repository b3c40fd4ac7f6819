"""The text of a street file, plain or packed, in blocks and with its bounds looked after."""

from __future__ import annotations

import codecs
import csv
import gzip
import hashlib
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from hotspot_eval.data.engine import Limits
from hotspot_eval.data.police_uk.sources import Source
from hotspot_eval.errors import InputError, Problem

__all__ = ["LONGEST_HEADER", "REQUIRED", "Text", "checksum", "header_of", "not_utf8", "opened"]

REQUIRED = (
    "Crime ID",
    "Month",
    "Reported by",
    "Longitude",
    "Latitude",
    "LSOA code",
    "Crime type",
)
LONGEST_HEADER = 1 << 16
_CHUNK = 1 << 20
_SMALL_BYTES = 10 << 20
_DAMAGE = (EOFError, OSError, zlib.error, zipfile.BadZipFile, RuntimeError)
_MARKS = {
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
    b"PK\x03\x04": "a zip archive",
    b"\x1f\x8b": "a gzip file",
}


class Text:
    """An open street file; made by :func:`opened`."""

    __slots__ = ("_room", "_size", "_stream", "source")

    def __init__(self, source: Source, stream: Any, room: int | None) -> None:
        self.source = source
        self._stream = stream
        self._room = room
        self._size = 0

    def fill(self, view: memoryview) -> int:
        """Read until the view is full or the file ends; how many bytes there were.

        Raises
        ------
        InputError
            If the file is cut short or damaged, or unpacks to more than it may.
        """
        done = 0
        try:
            while done < len(view) and (n := self._stream.readinto(view[done:])):
                done += n
        except _DAMAGE as error:
            raise InputError(_damaged(self.source, error)) from error
        self._size += done
        if self._room is not None and self._size > self._room:
            raise InputError(
                Problem(
                    where=self.source.name,
                    what=f"unpacks to more than {self._room:,} bytes, which no street file does",
                    advice="Do not trust this file.",
                )
            )
        return done

    def drain(self) -> None:
        """Read what is left, so that damage further on is told before its consequences."""
        if self.source.kind != "csv":
            view = memoryview(bytearray(_CHUNK))
            while self.fill(view):
                pass


@contextmanager
def opened(source: Source, limits: Limits) -> Iterator[Text]:
    """Open a street file, wherever it lies.

    Raises
    ------
    InputError
        If it cannot even be opened.
    """
    room = None
    if source.kind == "zip":
        room = source.size
    elif source.kind == "gz":
        allowed = max(_SMALL_BYTES, limits.max_ratio * source.path.stat().st_size)
        room = int(min(limits.max_unpacked_gb * 1e9, allowed))
    with ExitStack() as stack:
        try:
            stream = _stream(source, stack)
        except _DAMAGE as error:
            raise InputError(_damaged(source, error)) from error
        yield Text(source, stream, room)


def _stream(source: Source, stack: ExitStack) -> Any:
    if source.kind == "csv":
        return stack.enter_context(source.path.open("rb", buffering=0))
    if source.kind == "gz":
        return stack.enter_context(gzip.open(source.path))
    archive = stack.enter_context(zipfile.ZipFile(source.path))
    return stack.enter_context(archive.open(source.member))


def _damaged(source: Source, error: Exception) -> Problem:
    return Problem(
        where=source.name,
        what=f"is cut short or damaged ({error})",
        advice="Download it again.",
    )


def checksum(source: Source) -> str:
    """SHA-256 of the file's own text: unpacked for a member, as it lies on disk otherwise."""
    digest = hashlib.sha256()
    with ExitStack() as stack:
        if source.kind == "zip":
            stream = _stream(source, stack)
        else:
            stream = stack.enter_context(source.path.open("rb"))
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def not_utf8(name: str, line: int | None = None) -> Problem:
    """The file is in another encoding."""
    return Problem(
        where=name,
        what="is not UTF-8 text" + (f" (line {line:,})" if line else ""),
        advice="Save it as UTF-8, or download it again.",
    )


def header_of(first: bytes, name: str) -> tuple[str, ...]:
    """Column names of the first line.

    Raises
    ------
    InputError
        If it is not the first line of a street file.
    """
    for mark, kind in _MARKS.items():
        if first.startswith(mark):
            raise InputError(
                Problem(where=name, what=f"is {kind}, not plain UTF-8 text under the name .csv")
            )
    if not first.strip():
        raise InputError(Problem(where=name, what="is empty", advice="Download it again."))
    try:
        text = first.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise InputError(not_utf8(name, 1)) from error
    try:
        cells = [cell.strip() for cell in next(csv.reader([text], strict=True), [])]
    except csv.Error as error:
        raise InputError(
            Problem(
                where=name,
                what=f"its first line cannot be read as CSV ({error})",
                advice="Save it as CSV with line breaks of Windows or Linux.",
            )
        ) from error
    # A spreadsheet may add columns without a name.
    header = tuple(cell or f"(column {place})" for place, cell in enumerate(cells, start=1))
    absent = [column for column in REQUIRED if column not in header]
    twice = sorted({cell for cell in header if header.count(cell) > 1})
    if absent:
        raise InputError(
            Problem(
                where=name,
                what="is not a data.police.uk street file: columns are missing",
                examples=absent,
                advice="If it is another table, move it elsewhere. Its first line reads: "
                f"{text[:80]}",
            )
        )
    if twice:
        raise InputError(Problem(where=name, what="columns occur twice", examples=twice))
    return header
