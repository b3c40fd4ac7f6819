"""A register as text: encoding, separator, header line, rows with their line numbers."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hotspot_eval.errors import InputError, Problem
from hotspot_eval.ledger import LedgerNote

__all__ = ["Table", "read_bytes", "read_table", "tidy_text"]

_SEPARATORS = (",", ";", "\t", "|")
_HEADER_WITHIN = 40
_LARGEST_BYTES = 200_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Header and rows of a text table.

    Parameters
    ----------
    source : str
        Name of the file.
    header : list of str
    rows : list of list of str
        Cells, each row as long as the header.
    lines : list of int
        Line of the file that each row ends on, counted from 1.
    remarks : list of LedgerNote
        What had to be done to read it.
    """

    source: str
    header: list[str]
    rows: list[list[str]]
    lines: list[int]
    remarks: list[LedgerNote]


def read_bytes(path: Path) -> bytes:
    """The file's content, unpacked where it is gzip.

    Raises
    ------
    InputError
        If it is empty, a workbook, broken or too large.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
            data = stream.read(_LARGEST_BYTES + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(Problem(where=path.name, what=f"cannot be unpacked: {error}")) from error
    if not data.strip():
        raise InputError(Problem(where=path.name, what="is empty"))
    if len(data) > _LARGEST_BYTES:
        raise InputError(Problem(where=path.name, what=f"is larger than {_LARGEST_BYTES:,} bytes"))
    if data[:4] in (b"PK\x03\x04", b"\xd0\xcf\x11\xe0"):
        raise InputError(
            Problem(
                where=path.name, what="is a workbook, not text", advice="Save the sheet as CSV."
            )
        )
    return data


def read_table(path: Path, known: Callable[[str], bool]) -> Table:
    """Read a delimited file whose header may stand below a title.

    Parameters
    ----------
    path : Path
        ``.csv`` or ``.csv.gz``; UTF-8 (with or without mark), UTF-16 or Windows-1252, also mixed.
    known : callable
        Whether a header cell is the name of a field.

    Raises
    ------
    InputError
        If no line within the first 40 names two fields.
    """
    text, recoded = _decode(read_bytes(path))
    separator, at = _layout(text, known, path.name)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    numbered = [(reader.line_num, [tidy_text(cell) for cell in row]) for row in reader]
    header = numbered[at][1]
    while header and not header[-1]:
        header = header[:-1]
    body = numbered[at + 1 :]
    # rows longer than the header hold a separator inside a cell: nothing may fall off the end
    long = [line for line, row in body if any(row[len(header) :])]
    if long:
        raise InputError(
            Problem(
                where=path.name,
                what="rows have more cells than the header, lines",
                examples=long,
                advice="Put quotes around cells that hold the separator.",
            )
        )
    return Table(
        source=path.name,
        header=header,
        rows=[(row + [""] * len(header))[: len(header)] for _, row in body],
        lines=[line for line, _ in body],
        remarks=[
            LedgerNote(reason="line read as Windows-1252", rows=recoded),
            LedgerNote(
                reason="line above the header passed over",
                rows=sum(any(row) for _, row in numbered[:at]),
            ),
        ],
    )


def tidy_text(cell: str) -> str:
    r"""One spelling of blanks and apostrophes, and UTF-8 that was read as Windows-1252 mended.

    Examples
    --------
    >>> tidy_text("  St James’s\u00a0 Park "), tidy_text("Regentâ€™s Park")
    ("St James's Park", "Regent's Park")
    """
    if "â€" in cell or "Ã" in cell:
        with suppress(UnicodeError):  # where they are genuinely those letters
            cell = cell.encode("cp1252").decode("utf-8")
    for curly in "’‘ʼ`´":
        cell = cell.replace(curly, "'")
    return " ".join(cell.split())


def _decode(data: bytes) -> tuple[str, int]:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", errors="replace"), 0
    data = data.removeprefix(b"\xef\xbb\xbf")
    lines, recoded = [], 0
    for line in data.split(b"\n"):
        try:
            lines.append(line.decode("utf-8"))
        except UnicodeDecodeError:
            lines.append(line.decode("cp1252", errors="replace"))
            recoded += 1
    return "\n".join(lines), recoded


def _layout(text: str, known: Callable[[str], bool], source: str) -> tuple[str, int]:
    """Separator and position of the header: the line in which most cells name a field."""
    best, separator, at = 0, ",", 0
    head = "\n".join(text.splitlines()[: _HEADER_WITHIN + 1])
    for candidate in _SEPARATORS:
        rows: Sequence[list[str]] = list(csv.reader(io.StringIO(head), delimiter=candidate))
        for position, row in enumerate(rows):
            score = sum(known(tidy_text(cell)) for cell in row)
            if score > best:
                best, separator, at = score, candidate, position
    if best < 2:
        raise InputError(
            Problem(
                where=source,
                what="has no line that names a site or area and a date",
                advice="Pass columns={'site': …, 'start': …, 'area': …} with the file's own names.",
            )
        )
    return separator, at
