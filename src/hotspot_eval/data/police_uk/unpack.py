"""Street files brought to where DuckDB may scan them, checked byte by byte on the way."""

from __future__ import annotations

import codecs
import csv
import gzip
import hashlib
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from hotspot_eval.data.engine import Engine, Limits
from hotspot_eval.data.police_uk.sources import Source
from hotspot_eval.errors import InputError, Problem

__all__ = ["REQUIRED", "Ready", "checksum", "in_batches"]

REQUIRED = (
    "Crime ID",
    "Month",
    "Reported by",
    "Longitude",
    "Latitude",
    "LSOA code",
    "Crime type",
)
_CHUNK = 1 << 20
_SMALL_BYTES = 10 << 20
_LONGEST_HEADER = 1 << 16
_MARKS = {
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
    b"PK\x03\x04": "a zip archive",
    b"\x1f\x8b": "a gzip file",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """One street file that can be scanned.

    Parameters
    ----------
    number : int
        Its place in the list of sources.
    source : Source
    path : Path
        The plain file: the source itself or its unpacked copy.
    header : tuple of str
        Column names, in the file's order.
    body_starts : int
        Byte of the first row.
    ends_whole : bool
        Whether the last line ends in a line break, as in a file written to its end.
    size : int
        Bytes of text.
    """

    number: int
    source: Source
    path: Path
    header: tuple[str, ...]
    body_starts: int
    ends_whole: bool
    size: int


def in_batches(
    sources: list[Source], engine: Engine, limits: Limits
) -> Iterator[list[Ready] | InputError]:
    """Street files a few at a time, alike in header; unpacked copies go with their batch.

    Files of a batch that are damaged come as the error that names them all.
    """
    room = limits.batch_mb << 20
    with ThreadPoolExecutor(max_workers=limits.threads) as pool:
        for group in _by_size(list(enumerate(sources)), room):
            with ExitStack() as copies:
                tasks = [pool.submit(_prepare, n, s, engine.scratch, limits) for n, s in group]
                ready: list[Ready] = []
                problems: list[Problem] = []
                for task in tasks:
                    try:
                        ready.append(task.result())
                    except InputError as error:
                        problems.extend(error.problems)
                for file in ready:
                    if file.path.parent == engine.scratch:
                        copies.callback(file.path.unlink)
                if problems:
                    yield InputError(*problems)
                alike: dict[tuple[str, ...], list[Ready]] = {}
                for file in ready:
                    alike.setdefault(file.header, []).append(file)
                yield from alike.values()


def checksum(source: Source) -> str:
    """SHA-256 of the file's own text: unpacked for a member, as it lies on disk otherwise."""
    digest = hashlib.sha256()
    with _opened(source) if source.kind == "zip" else source.path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _by_size(files: list[tuple[int, Source]], room: int) -> Iterator[list[tuple[int, Source]]]:
    batch: list[tuple[int, Source]] = []
    used = 0
    for number, source in files:
        size = source.size * (5 if source.kind == "gz" else 1)
        if batch and used + size > room:
            yield batch
            batch, used = [], 0
        batch.append((number, source))
        used += size
    if batch:
        yield batch


def _prepare(number: int, source: Source, scratch: Path, limits: Limits) -> Ready:
    path = source.path if source.kind == "csv" else scratch / f"{number}.csv"
    if source.kind != "csv":
        try:
            _copy(source, path, limits)
        except InputError:
            path.unlink(missing_ok=True)
            raise
    with path.open("rb") as stream:
        first = stream.readline(_LONGEST_HEADER)
        size = stream.seek(0, 2)
        stream.seek(max(size - 1, 0))
        last = stream.read(1)
    return Ready(
        number=number,
        source=source,
        path=path,
        header=_header(first, source.name),
        body_starts=len(first),
        ends_whole=last == b"\n",
        size=size,
    )


@contextmanager
def _opened(source: Source) -> Iterator[IO[bytes]]:
    if source.kind == "zip":
        with zipfile.ZipFile(source.path) as archive, archive.open(source.member) as stream:
            yield stream
    else:
        with gzip.open(source.path) as stream:
            yield stream  # type: ignore[misc]


def _copy(source: Source, target: Path, limits: Limits) -> None:
    """Unpack, with the format's own check sum, UTF-8 and the bounds on size looked after."""
    packed = source.path.stat().st_size
    room = int(min(limits.max_unpacked_gb * 1e9, max(_SMALL_BYTES, limits.max_ratio * packed)))
    if source.kind == "zip":
        room = source.size
    room = min(room, shutil.disk_usage(target.parent).free)
    decoder = codecs.getincrementaldecoder("utf-8")()
    size = 0
    try:
        with _opened(source) as stream, target.open("wb") as out:
            while chunk := stream.read(_CHUNK):
                size += len(chunk)
                if size > room:
                    raise InputError(
                        Problem(
                            where=source.name,
                            what=f"unpacks to more than {room:,} bytes, which no street file does",
                            advice="Do not trust this file.",
                        )
                    )
                if not chunk.isascii() or decoder.getstate()[0]:
                    decoder.decode(chunk)
                out.write(chunk)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise InputError(_not_utf8(source.name)) from error
    except (EOFError, OSError, zlib.error, zipfile.BadZipFile, RuntimeError) as error:
        raise InputError(
            Problem(
                where=source.name,
                what=f"is cut short or damaged ({error})",
                advice="Download it again.",
            )
        ) from error


def _not_utf8(name: str) -> Problem:
    return Problem(
        where=name, what="is not UTF-8 text", advice="Save it as UTF-8, or download it again."
    )


def _header(first: bytes, name: str) -> tuple[str, ...]:
    for mark, kind in _MARKS.items():
        if first.startswith(mark):
            raise InputError(
                Problem(where=name, what=f"is {kind}, not plain UTF-8 text under the name .csv")
            )
    try:
        text = first.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise InputError(_not_utf8(name)) from error
    try:
        header = tuple(cell.strip() for cell in next(csv.reader([text]), []))
    except csv.Error as error:
        raise InputError(
            Problem(
                where=name,
                what=f"its first line cannot be read as CSV ({error})",
                advice="Save it with line breaks of Windows or Linux.",
            )
        ) from error
    absent = [column for column in REQUIRED if column not in header]
    twice = sorted({cell for cell in header if header.count(cell) > 1})
    if absent:
        raise InputError(
            Problem(
                where=name,
                what="is not a data.police.uk street file: columns are missing",
                examples=absent,
                advice=f"Its first line reads: {text[:80]}",
            )
        )
    if twice:
        raise InputError(Problem(where=name, what="columns occur twice", examples=twice))
    return header
