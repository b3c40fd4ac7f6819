"""One worker that counts street files, one after the other, in tables that grow as needed."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from hotspot_eval.data.engine import Limits
from hotspot_eval.data.police_uk import kernels
from hotspot_eval.data.police_uk.kernels import Place, Tables
from hotspot_eval.data.police_uk.sources import Source
from hotspot_eval.data.police_uk.text import LONGEST_HEADER, Text, header_of, not_utf8, opened
from hotspot_eval.errors import InputError, Problem

__all__ = ["Counter", "FileCount"]

T = TypeVar("T", bound=np.generic)
_BLOCK = 1 << 20
_FEED = ord("\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class FileCount:
    """What one file holds, in words and labels of the worker that counted it.

    Parameters
    ----------
    number : int
        Its place in the list of sources.
    unfinished : bool
        Whether its last line does not end.
    blank : int
        Rows of commas only.
    words : ndarray of uint64, shape (d, 2)
        Force and month of each delivery.
    statistics : ndarray of uint64, shape (d, 8)
        See ``kernels.STATISTICS``.
    sizes : ndarray of int, shape (d,)
        Cells of each delivery.
    label, n : ndarray of uint32, shape (c,)
    """

    number: int
    unfinished: bool
    blank: int
    words: NDArray[np.uint64]
    statistics: NDArray[np.uint64]
    sizes: NDArray[np.int64]
    label: NDArray[np.uint32]
    n: NDArray[np.uint32]


class Counter:
    """Tables and a buffer of one thread.

    Parameters
    ----------
    limits : Limits
    by_point : bool
        Whether cells are told apart by point.
    """

    def __init__(self, limits: Limits, *, by_point: bool) -> None:
        self._limits = limits
        self._by_point = by_point
        self._text = np.zeros(_BLOCK + kernels.PAD, dtype=np.uint8)
        self._tables = Tables(
            filled=np.array([1, 0, 0]),
            word_hash=np.zeros(1 << 12, dtype=np.uint64),
            word_start=np.zeros((1 << 12) + 1, dtype=np.int64),
            word_slot=_slots(1 << 12),
            letters=np.zeros(4 * _BLOCK, dtype=np.uint8),
            cell=np.zeros((1 << 14, 4), dtype=np.uint64),
            cell_slot=_slots(1 << 14),
            delivery=np.zeros((1 << 6, 4), dtype=np.uint64),
            delivery_slot=_slots(1 << 6),
            statistics=np.zeros((1 << 6, len(kernels.STATISTICS)), dtype=np.uint64),
        )
        self.labels = np.zeros((1 << 12, 4), dtype=np.uint64)
        self._label_slot = _slots(1 << 12)
        self.n_labels = 0

    @property
    def words(self) -> list[str]:
        """Every word met, in the order of its number; the first is the empty one."""
        used = int(self._tables.filled[0])
        starts = self._tables.word_start[: used + 1].tolist()
        letters = self._tables.letters[: starts[-1]].tobytes()
        return [letters[first:end].decode("utf-8") for first, end in pairwise(starts)]

    def count(self, number: int, source: Source) -> FileCount:
        """Count one file.

        Raises
        ------
        InputError
            If it is damaged, half written, of another kind or encoding, with its axes swapped, or
            appended to itself.
        """
        with opened(source, self._limits) as text:
            unfinished, blank = self._count_text(text, np.zeros(0, dtype=np.uint64))
        cells, told = int(self._tables.filled[1]), int(self._tables.filled[2])
        statistics = self._tables.statistics[:told].copy()
        problems = _swapped(source, statistics)
        if self._each_cell_repeats():
            problems += self._appended_to_itself(source, int(statistics[:, 1].sum()))
        if problems:
            raise InputError(*problems)
        label, n, sizes = self._take_cells(cells, told)
        return FileCount(
            number=number,
            unfinished=unfinished,
            blank=blank,
            words=self._tables.delivery[:told, :2].copy(),
            statistics=statistics,
            sizes=sizes,
            label=label,
            n=n,
        )

    def _count_text(self, text: Text, prints: NDArray[np.uint64]) -> tuple[bool, int]:
        """Go over the whole text; whether its last line does not end, and how many are blank."""
        self._forget_file()
        view = self._text.data
        end = text.fill(view[:_BLOCK])
        first = bytes(view[: min(end, LONGEST_HEADER)])
        first = first[: first.find(b"\n") + 1] or first
        place = _place(header_of(first, text.source.name), len(first), prints)
        encoding = _Encoding(text.source.name)
        kept = 0
        while True:
            last = end < _BLOCK
            unfinished = last and end > 0 and view[end - 1] != _FEED
            if unfinished:
                view[end] = _FEED
            stop = end + unfinished
            self._text[stop : stop + kernels.PAD] = 0
            row, line = (int(place.numbers[k]) for k in (kernels.AT, kernels.LINE))
            verdict = self._count_block(place, stop)
            stuck = not last and place.numbers[kernels.AT] == 0
            wrong = verdict != kernels.MORE or stuck or (last and place.numbers[kernels.OPEN])
            if wrong:
                text.drain()
            if wrong or place.numbers[kernels.BEYOND_ASCII] or encoding.pending:
                encoding.check(view, kept, end, last=last, row=row, line=line)
            if wrong:
                raise InputError(_explain(text.source.name, verdict, place))
            if last:
                return unfinished, int(place.numbers[kernels.BLANK])
            place.numbers[kernels.BEYOND_ASCII] = 0
            kept = end - int(place.numbers[kernels.AT])
            self._text[:kept] = self._text[end - kept : end]
            place.numbers[kernels.AT] = 0
            end = kept + text.fill(view[kept:_BLOCK])

    def _count_block(self, place: Place, stop: int) -> int:
        while True:
            verdict = kernels.count_block(self._tables, self._text, stop, place, self._by_point)
            if verdict != kernels.ROOM:
                return int(verdict)
            self._make_room()

    def _forget_file(self) -> None:
        self._tables.filled[1:] = 0
        self._tables.cell_slot.fill(-1)
        self._tables.delivery_slot.fill(-1)

    def _make_room(self) -> None:
        """Double every table that is nearly full."""
        t = self._tables
        words, cells, told = (int(n) for n in t.filled)
        if words + 16 > len(t.word_hash):
            size = 2 * len(t.word_hash)
            t = t._replace(
                word_hash=_longer(t.word_hash, size),
                word_start=_longer(t.word_start, size + 1),
                word_slot=_slots(size),
            )
            kernels.place_words(t.word_hash, words, t.word_slot)
        if t.word_start[words] + 2 * _BLOCK > len(t.letters):
            t = t._replace(letters=_longer(t.letters, 2 * len(t.letters)))
        if cells + 2 > len(t.cell):
            t = t._replace(cell=_longer(t.cell, 2 * cells + 2), cell_slot=_slots(2 * len(t.cell)))
            kernels.place_keys(t.cell, cells, t.cell_slot)
        if told + 2 > len(t.delivery):
            t = t._replace(
                delivery=_longer(t.delivery, 2 * told + 2),
                statistics=_longer(t.statistics, 2 * told + 2),
                delivery_slot=_slots(2 * len(t.delivery)),
            )
            kernels.place_keys(t.delivery, told, t.delivery_slot)
        self._tables = t

    def _take_cells(
        self, cells: int, told: int
    ) -> tuple[NDArray[np.uint32], NDArray[np.uint32], NDArray[np.int64]]:
        """Label and number of each cell, sorted by delivery, and how many cells each has."""
        if self.n_labels + cells > len(self.labels):
            self.labels = _longer(self.labels, 2 * (self.n_labels + cells))
            self._label_slot = _slots(len(self.labels))
            kernels.place_keys(self.labels, self.n_labels, self._label_slot)
        keys = self._tables.cell[:cells]
        what = keys.copy()
        what[:, 2] = 0
        label = np.empty(cells, dtype=np.uint32)
        self.n_labels = kernels.add_keys(self.labels, self._label_slot, self.n_labels, what, label)
        n = keys[:, 3].astype(np.uint32)
        delivery = keys[:, 2].astype(np.int64)
        sizes = np.bincount(delivery, minlength=told)
        if told > 1:
            order = np.argsort(delivery, kind="stable")
            label, n = label[order], n[order]
        return label, n, sizes

    def _each_cell_repeats(self) -> bool:
        """Whether no cell with an id has a single row, as in a file appended to itself."""
        numbers = self._tables.cell[: self._tables.filled[1], 3]
        with_id = numbers[numbers >> np.uint64(32) > 0]
        return len(with_id) > 0 and bool((with_id.astype(np.uint32) > 1).all())

    def _appended_to_itself(self, source: Source, ids: int) -> list[Problem]:
        """A second, exact look at every row with an id."""
        prints = np.zeros(ids + 2, dtype=np.uint64)
        with opened(source, self._limits) as text:
            self._count_text(text, prints)
        least = int(np.unique(prints[:ids], return_counts=True)[1].min())
        return [
            Problem(
                where=source.name,
                what=f"holds each of its rows {least} times",
                advice="It was appended to itself: download it again.",
            )
        ] * (least > 1)


class _Encoding:
    """Looks whether text that is not all ASCII is UTF-8."""

    __slots__ = ("_decoder", "_name")

    def __init__(self, name: str) -> None:
        self._name = name
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    @property
    def pending(self) -> int:
        """Bytes of a letter that the last block began."""
        return len(self._decoder.getstate()[0])

    def check(
        self, view: memoryview, kept: int, end: int, *, last: bool, row: int, line: int
    ) -> None:
        """Refuse a block whose bytes after the first ``kept`` are no UTF-8.

        ``row`` and ``line`` tell where the first row begins that the block holds.
        """
        pending = self.pending
        try:
            self._decoder.decode(view[kept:end], last)
        except UnicodeDecodeError as error:
            bad = kept - pending + error.start
            lines = bytes(view[row:bad]).count(b"\n") if bad > row else 0
            raise InputError(not_utf8(self._name, line + lines)) from error


def _place(header: tuple[str, ...], begins: int, prints: NDArray[np.uint64]) -> Place:
    wanted = len(kernels.COLUMNS)
    place = Place(
        numbers=np.zeros(6, dtype=np.int64),
        ends=np.zeros(len(header) + 1, dtype=np.int64),
        roles=np.array([header.index(name) for name in kernels.COLUMNS]),
        left=np.zeros(wanted, dtype=np.int64),
        right=np.zeros(wanted, dtype=np.int64),
        last=np.zeros(wanted, dtype=np.int64),
        prints=prints,
    )
    place.numbers[kernels.AT] = begins
    place.numbers[kernels.LINE] = 2
    return place


def _explain(name: str, verdict: int, place: Place) -> Problem:
    line = f"line {int(place.numbers[kernels.LINE]):,} "
    if verdict == kernels.WRONG_COLUMNS:
        return Problem(
            where=name,
            what=f"{line}does not hold the {len(place.ends) - 1} columns of the header",
            advice="The file was cut short or damaged: download it again.",
        )
    if verdict == kernels.RETURN_ALONE:
        return Problem(
            where=name,
            what=f"{line}holds a carriage return without a line feed",
            advice="Save it with line breaks of Windows or Linux.",
        )
    if verdict == kernels.OPEN_QUOTATION or place.numbers[kernels.OPEN]:
        what = f"{line}opens a quotation that does not close"
    else:
        what = f"{line}is longer than {_BLOCK:,} bytes"
    return Problem(where=name, what=what, advice="Download it again.")


def _swapped(source: Source, statistics: NDArray[np.uint64]) -> list[Problem]:
    totals = dict(zip(kernels.STATISTICS, statistics.sum(axis=0).tolist(), strict=True))
    if 2 * totals["swapped"] <= totals["located"]:
        return []
    return [
        Problem(
            where=source.name,
            what=f"longitude and latitude are swapped in {totals['swapped']:,} of "
            f"{totals['located']:,} located rows",
            advice="Exchange the two columns.",
        )
    ]


def _slots(size: int) -> NDArray[np.int32]:
    """Empty slots for a table of ``size`` rows, twice as many and a power of two."""
    return np.full(1 << int(2 * size - 1).bit_length(), -1, dtype=np.int32)


def _longer(table: NDArray[T], size: int) -> NDArray[T]:
    out = np.zeros((size, *table.shape[1:]), dtype=table.dtype)
    out[: len(table)] = table
    return out
