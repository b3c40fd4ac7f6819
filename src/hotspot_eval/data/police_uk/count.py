"""All street files counted, by as many workers as there may be, into one table of cells."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hotspot_eval.data.cells import Cells, Part
from hotspot_eval.data.engine import Limits
from hotspot_eval.data.police_uk import kernels
from hotspot_eval.data.police_uk.counter import Counter, FileCount
from hotspot_eval.data.police_uk.sources import Source
from hotspot_eval.errors import InputError, Problem

__all__ = ["Counted", "count_files"]

_UNPACKS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What street files hold.

    Parameters
    ----------
    found : DataFrame
        One row a delivery: file (number of the source), force, month (None where blank), and
        ``kernels.STATISTICS``. Two deliveries of equal ``content`` hold the same rows.
    cells : Cells
        Its deliveries are the rows of ``found``.
    unfinished : tuple of str
        Files whose last line does not end.
    blank : mapping of str to int
        Files with rows of commas only, which are no rows, and how many.
    """

    found: pd.DataFrame
    cells: Cells
    unfinished: tuple[str, ...]
    blank: Mapping[str, int]


@dataclass(slots=True)
class _Worker:
    counter: Counter
    files: list[FileCount] = field(default_factory=list)
    problems: list[tuple[int, Problem]] = field(default_factory=list)

    def run(self, waiting: deque[tuple[int, Source]]) -> None:
        """Take files until none is left."""
        while waiting:
            try:
                number, source = waiting.popleft()
            except IndexError:
                return
            try:
                self.files.append(self.counter.count(number, source))
            except InputError as error:
                self.problems.extend((number, problem) for problem in error.problems)


def count_files(sources: list[Source], limits: Limits, *, by_point: bool = False) -> Counted:
    """Count the rows of every file by force, month, LSOA and type, and by point if asked.

    Raises
    ------
    InputError
        Every file that cannot be used, at once.
    """
    largest_first = sorted(enumerate(sources), key=lambda item: -_text_bytes(item[1]))
    waiting = deque(largest_first)
    workers = [
        _Worker(Counter(limits, by_point=by_point))
        for _ in range(min(limits.threads, len(sources)))
    ]
    with ThreadPoolExecutor(max_workers=len(workers)) as pool:
        for task in [pool.submit(worker.run, waiting) for worker in workers]:
            task.result()
    problems = sorted(
        (item for worker in workers for item in worker.problems), key=lambda item: item[0]
    )
    if problems:
        raise InputError(*(problem for _, problem in problems))
    return _joined(workers, sources, by_point)


def _text_bytes(source: Source) -> int:
    return source.size * (_UNPACKS if source.kind == "gz" else 1)


def _joined(workers: list[_Worker], sources: list[Source], by_point: bool) -> Counted:
    """One numbering of words and labels for the files of all workers, in the files' order."""
    words: dict[str, int] = {"": 0}
    labels = np.zeros((sum(w.counter.n_labels for w in workers) + 1, 4), dtype=np.uint64)
    slots = np.full(1 << int(2 * len(labels)).bit_length(), -1, dtype=np.int32)
    used = 0
    files: list[tuple[FileCount, NDArray[np.uint32], NDArray[np.uint64]]] = []
    for worker in workers:
        numbers = np.array(
            [words.setdefault(word, len(words)) for word in worker.counter.words], dtype=np.uint64
        )
        keys = _renumbered(worker.counter.labels[: worker.counter.n_labels], numbers)
        label = np.empty(len(keys), dtype=np.uint32)
        used = kernels.add_keys(labels, slots, used, keys, label)
        files += [(file, label, numbers) for file in worker.files]
    files.sort(key=lambda item: item[0].number)
    text = np.array(list(words), dtype=object)
    text[0] = None
    first = 0
    parts = []
    for file, label, _ in files:
        told = len(file.sizes)
        parts.append(
            Part(
                deliveries=np.arange(first, first + told),
                sizes=file.sizes,
                label=label[file.label],
                n=file.n,
            )
        )
        first += told
    found = _found(files, text)
    return Counted(
        found=found,
        cells=Cells(
            deliveries=found[["file", "force", "month"]],
            labels=_label_frame(labels[:used], text, by_point),
            parts=tuple(parts),
        ),
        unfinished=tuple(sources[file.number].name for file, _, _ in files if file.unfinished),
        blank={sources[file.number].name: file.blank for file, _, _ in files if file.blank},
    )


def _renumbered(keys: NDArray[np.uint64], numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    out = np.zeros_like(keys)
    for column in (0, 1):
        high, low = _halves(keys[:, column])
        out[:, column] = (numbers[high] << np.uint64(32)) | numbers[low]
    return out


def _halves(keys: NDArray[np.uint64]) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    return (keys >> np.uint64(32)).astype(np.uint32), keys.astype(np.uint32)


def _found(
    files: list[tuple[FileCount, NDArray[np.uint32], NDArray[np.uint64]]],
    text: NDArray[np.object_],
) -> pd.DataFrame:
    told = [len(file.sizes) for file, _, _ in files]
    none = np.zeros((0, len(kernels.STATISTICS)), dtype=np.uint64)
    words = [numbers[file.words.astype(np.intp)] for file, _, numbers in files]
    key = np.concatenate([none[:, :2], *words]).astype(np.intp)
    numbers = np.concatenate([none, *(file.statistics for file, _, _ in files)])
    found = pd.DataFrame(
        {
            "file": np.repeat(np.array([f.number for f, _, _ in files], dtype=np.int64), told),
            "force": pd.Series(text[key[:, 0]], dtype=object),
            "month": pd.Series(text[key[:, 1]], dtype=object),
        }
    )
    for column, name in enumerate(kernels.STATISTICS):
        kind = np.uint64 if name == "content" else np.int64
        found[name] = numbers[:, column].astype(kind)
    return found


def _label_frame(
    keys: NDArray[np.uint64], text: NDArray[np.object_], by_point: bool
) -> pd.DataFrame:
    code, kind = _halves(keys[:, 0])
    bare = np.array(
        [word if word is None else word.strip().upper() or None for word in text], dtype=object
    )
    frame = pd.DataFrame(
        {
            "code": pd.Series(bare[code], dtype=object),
            "crime_type": pd.Series(text[kind], dtype=object),
        }
    )
    if by_point:
        longitude, latitude = _halves(keys[:, 1])
        frame["longitude"], frame["latitude"] = _degrees(text, longitude, latitude)
    return frame


def _degrees(
    text: NDArray[np.object_], longitude: NDArray[np.uint32], latitude: NDArray[np.uint32]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points inside the box of the United Kingdom; NaN for the others."""
    used = np.unique(np.concatenate([longitude, latitude]))
    value = np.full(len(text), np.nan)
    value[used] = pd.to_numeric(pd.Series(text[used], dtype=object), errors="coerce")
    x, y = value[longitude], value[latitude]
    inside = (x >= -9.5) & (x <= 2.5) & (y >= 49) & (y <= 61.5)
    return np.where(inside, x, np.nan), np.where(inside, y, np.nan)
