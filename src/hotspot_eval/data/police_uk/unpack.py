"""Street files brought to where DuckDB may read them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from hotspot_eval.data.engine import Limits
from hotspot_eval.data.police_uk.sources import Source
from hotspot_eval.data.police_uk.text import LONGEST_HEADER, header_of, opened

__all__ = ["Ready", "in_batches"]

_CHUNK = 1 << 20
_UNPACKS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """One street file that can be read.

    Parameters
    ----------
    number : int
        Its place in the list of sources.
    source : Source
    path : Path
        The plain file: the source itself or its unpacked copy.
    header : tuple of str
        Column names, in the file's order.
    """

    number: int
    source: Source
    path: Path
    header: tuple[str, ...]


def in_batches(sources: list[Source], scratch: Path, limits: Limits) -> Iterator[list[Ready]]:
    """Street files a few at a time, alike in header; unpacked copies go with their batch."""
    for group in _by_size(list(enumerate(sources)), limits.batch_mb << 20):
        with ExitStack() as copies:
            alike: dict[tuple[str, ...], list[Ready]] = {}
            for number, source in group:
                path = source.path
                if source.kind != "csv":
                    path = scratch / f"{number}.csv"
                    copies.callback(path.unlink, missing_ok=True)
                    _copy(source, path, limits)
                with path.open("rb") as stream:
                    header = header_of(stream.readline(LONGEST_HEADER), source.name)
                alike.setdefault(header, []).append(
                    Ready(number=number, source=source, path=path, header=header)
                )
            yield from alike.values()


def _by_size(files: list[tuple[int, Source]], room: int) -> Iterator[list[tuple[int, Source]]]:
    batch: list[tuple[int, Source]] = []
    used = 0
    for number, source in files:
        size = source.size * (_UNPACKS if source.kind == "gz" else 1)
        if batch and used + size > room:
            yield batch
            batch, used = [], 0
        batch.append((number, source))
        used += size
    if batch:
        yield batch


def _copy(source: Source, target: Path, limits: Limits) -> None:
    view = memoryview(bytearray(_CHUNK))
    with opened(source, limits) as text, target.open("wb") as out:
        while size := text.fill(view):
            out.write(view[:size])
