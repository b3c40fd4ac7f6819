"""Street files as bytes: rows told apart 64 bytes at a time and counted where they lie.

One call goes over one block of text. Rows are never made: a row's key columns are looked up in
tables of words, its cell's count goes up by one, and a hash of what identifies it is added to its
delivery's fingerprint. Quoted fields, either line break and any order of columns are read as RFC
4180 has them; whatever else occurs stops the call with a verdict and the line.

All of it stands in one file because numba's cache of a compiled function follows the file of that
function alone: a change to a part in another file would go unnoticed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import njit, types
from numba.extending import intrinsic
from numpy.typing import NDArray

__all__ = [
    "AT",
    "BEYOND_ASCII",
    "BLANK",
    "COLUMNS",
    "LINE",
    "MORE",
    "OPEN",
    "OPEN_QUOTATION",
    "PAD",
    "PRINTS",
    "RETURN_ALONE",
    "ROOM",
    "STATISTICS",
    "WRONG_COLUMNS",
    "Place",
    "Tables",
    "add_keys",
    "count_block",
    "place_keys",
    "place_words",
]

F = TypeVar("F", bound=Callable[..., object])

# What a call ends with.
MORE, ROOM, WRONG_COLUMNS, OPEN_QUOTATION, RETURN_ALONE = range(5)
# Bytes that must follow the text of a block, and may be read but never count.
PAD = 72

# Key columns first, in the order of a cell's words.
COLUMNS = ("LSOA code", "Crime type", "Longitude", "Latitude", "Reported by", "Month", "Crime ID")
_CODE, _TYPE, _LON, _LAT, _FORCE, _MONTH, _ID = range(7)

# Columns of a delivery's statistics.
STATISTICS = ("rows", "ids", "located", "odd", "swapped", "without_code", "without_type", "content")
_ROWS, _IDS, _LOCATED, _ODD, _SWAPPED, _NO_CODE, _NO_TYPE, _CONTENT = range(8)

_COMMA, _QUOTE, _FEED, _RETURN = 44, 34, 10, 13
_MIX = np.uint64(0x9E3779B97F4A7C15)
_MIX_2 = np.uint64(0xBF58476D1CE4E5B9)
_HALF = np.uint64(32)
_ONE, _ZERO = np.uint64(1), np.uint64(0)
_NOUGHTS = np.uint64(0x3030303030303030)
_UPPER = np.uint64(0xF0F0F0F0F0F0F0F0)
_SIXES = np.uint64(0x0606060606060606)
_MASKS = np.array([(1 << (8 * k)) - 1 for k in range(8)], dtype=np.uint64)


class Tables(NamedTuple):
    """The memory of one worker; every table has a count in ``filled``.

    Parameters
    ----------
    filled : int64 (3,)
        Words, cells, deliveries in use.
    word_hash, word_start, word_slot, letters
        Words seen: hash, first byte and end in ``letters``, and the slots that find them.
    cell, cell_slot
        uint64 (C, 4): words of LSOA and type, of longitude and latitude, the delivery, and the
        number of rows with, in the upper half, those that carry an id.
    delivery, delivery_slot
        uint64 (D, 4): word of the force, of the month.
    statistics : uint64 (D, 8)
        See ``STATISTICS``.
    """

    filled: NDArray[np.int64]
    word_hash: NDArray[np.uint64]
    word_start: NDArray[np.int64]
    word_slot: NDArray[np.int32]
    letters: NDArray[np.uint8]
    cell: NDArray[np.uint64]
    cell_slot: NDArray[np.int32]
    delivery: NDArray[np.uint64]
    delivery_slot: NDArray[np.int32]
    statistics: NDArray[np.uint64]


class Place(NamedTuple):
    """Where a worker is in a file; ``at`` and the rest are positions in ``numbers``.

    Parameters
    ----------
    numbers : int64 (6,)
        First byte and line of the next row, whether there was text beyond ASCII, whether the
        block ends inside a quotation, hashes written to ``prints``, rows of commas only.
    ends : int64 (columns + 1,)
        Scratch: where the fields of a row end.
    roles : int64 (7,)
        Which column each of ``COLUMNS`` is.
    left, right : int64 (7,)
        Scratch: where they begin and end.
    last : int64 (7,)
        Words of the row before.
    prints : uint64 (P,)
        One hash for each row that carries an id; none are kept where P is 0.
    """

    numbers: NDArray[np.int64]
    ends: NDArray[np.int64]
    roles: NDArray[np.int64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    last: NDArray[np.int64]
    prints: NDArray[np.uint64]


_WORDS, _CELLS, _DELIVERIES = range(3)
AT, LINE, BEYOND_ASCII, OPEN, PRINTS, BLANK = range(6)


def _compiled(function: F) -> F:
    return cast(F, njit(cache=True, nogil=True, _nrt=False)(function))


def _inlined(function: F) -> F:
    """Compile into its callers: a call would count references to every table."""
    return cast(F, njit(forceinline=True, _nrt=False)(function))


def _address(context: Any, builder: Any, signature: Any, args: Any, kind: Any) -> Any:
    array = context.make_array(signature.args[0])(context, builder, args[0])
    place = builder.gep(array.data, [args[1]])
    return builder.bitcast(place, ir.PointerType(kind))


@intrinsic  # type: ignore[untyped-decorator]
def _word(typing: Any, text: Any, at: Any) -> Any:
    """Eight bytes from any place as one number."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        word = ir.IntType(64)
        return builder.load(_address(context, builder, signature, args, word), align=1)

    return types.uint64(text, types.int64), generate


@intrinsic  # type: ignore[untyped-decorator]
def _put(typing: Any, text: Any, at: Any, value: Any) -> Any:
    """Write a number as eight bytes to any place."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.store(args[2], _address(context, builder, signature, args, ir.IntType(64)), align=1)
        return context.get_dummy_value()

    return types.none(text, types.int64, types.uint64), generate


@intrinsic  # type: ignore[untyped-decorator]
def _where(typing: Any, text: Any, at: Any, byte: Any) -> Any:
    """Which of 64 bytes equal ``byte``: one bit each, the first lowest."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        vector = ir.VectorType(ir.IntType(8), 64)
        block = builder.load(_address(context, builder, signature, args, vector), align=1)
        lane = builder.trunc(args[2], ir.IntType(8))
        one = builder.insert_element(ir.Constant(vector, ir.Undefined), lane, ir.IntType(32)(0))
        order = ir.Constant(ir.VectorType(ir.IntType(32), 64), [0] * 64)
        wanted = builder.shuffle_vector(one, ir.Constant(vector, ir.Undefined), order)
        return builder.bitcast(builder.icmp_unsigned("==", block, wanted), ir.IntType(64))

    return types.uint64(text, types.int64, types.int64), generate


@intrinsic  # type: ignore[untyped-decorator]
def _beyond_ascii(typing: Any, text: Any, at: Any) -> Any:
    """Which of 64 bytes are no ASCII."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        vector = ir.VectorType(ir.IntType(8), 64)
        block = builder.load(_address(context, builder, signature, args, vector), align=1)
        zero = ir.Constant(vector, [0] * 64)
        return builder.bitcast(builder.icmp_signed("<", block, zero), ir.IntType(64))

    return types.uint64(text, types.int64), generate


@intrinsic  # type: ignore[untyped-decorator]
def _lowest(typing: Any, bits: Any) -> Any:
    """Position of the lowest set bit."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.uint64), generate


@_inlined
def _hash(text: NDArray[np.uint8], at: int, length: int) -> np.uint64:
    value = np.uint64(length) * _MIX
    end = at + length
    while at + 8 <= end:
        value = (value ^ _word(text, at)) * _MIX
        value ^= value >> _HALF
        at += 8
    if at < end:
        value = (value ^ (_word(text, at) & _MASKS[end - at])) * _MIX
        value ^= value >> _HALF
    value *= _MIX_2
    return value ^ (value >> _HALF)


@_inlined
def _same(a: NDArray[np.uint8], i: int, b: NDArray[np.uint8], j: int, length: int) -> bool:
    end = i + length
    while i + 8 <= end:
        if _word(a, i) != _word(b, j):
            return False
        i += 8
        j += 8
    return i == end or ((_word(a, i) ^ _word(b, j)) & _MASKS[end - i]) == _ZERO


@_inlined
def _intern(tables: Tables, text: NDArray[np.uint8], at: int, length: int) -> int:
    """The number of a word, a new one if it has not been seen."""
    value = _hash(text, at, length)
    slots = tables.word_slot
    mask = len(slots) - 1
    place = np.int64(value & np.uint64(mask))
    while slots[place] >= 0:
        known: int = slots[place]
        start = tables.word_start[known]
        if (
            tables.word_hash[known] == value
            and tables.word_start[known + 1] - start == length
            and _same(text, at, tables.letters, start, length)
        ):
            return known
        place = (place + 1) & mask
    new: int = tables.filled[_WORDS]
    slots[place] = new
    tables.word_hash[new] = value
    start = tables.word_start[new]
    for offset in range(0, length, 8):
        _put(tables.letters, start + offset, _word(text, at + offset))
    tables.word_start[new + 1] = start + length
    tables.filled[_WORDS] = new + 1
    return new


@_inlined
def _key_place(slots: NDArray[np.int32], a: np.uint64, b: np.uint64, c: np.uint64) -> np.int64:
    value = (a ^ (a >> _HALF)) * _MIX
    value = (value ^ b ^ (value >> _HALF)) * _MIX
    value = (value ^ c ^ (value >> _HALF)) * _MIX_2
    return np.int64((value ^ (value >> _HALF)) & np.uint64(len(slots) - 1))


@_inlined
def _add_key(
    keys: NDArray[np.uint64],
    slots: NDArray[np.int32],
    used: int,
    a: np.uint64,
    b: np.uint64,
    c: np.uint64,
) -> int:
    """Number of a key of three parts; ``used``, where it is written, if it is new."""
    mask = len(slots) - 1
    place = _key_place(slots, a, b, c)
    while slots[place] >= 0:
        known: int = slots[place]
        if keys[known, 0] == a and keys[known, 1] == b and keys[known, 2] == c:
            return known
        place = (place + 1) & mask
    slots[place] = used
    keys[used, 0] = a
    keys[used, 1] = b
    keys[used, 2] = c
    keys[used, 3] = _ZERO
    return used


@_compiled
def add_keys(
    keys: NDArray[np.uint64], slots: NDArray[np.int32], used: int, more: NDArray[np.uint64],
    out: NDArray[np.uint32],
) -> int:  # fmt: skip
    """Number the keys of another table; how many there are in all."""
    for row in range(len(more)):
        found = _add_key(keys, slots, used, more[row, 0], more[row, 1], more[row, 2])
        used += found == used
        out[row] = found
    return used


@_compiled
def place_keys(keys: NDArray[np.uint64], used: int, slots: NDArray[np.int32]) -> None:
    """Fill empty slots with the first ``used`` keys."""
    mask = len(slots) - 1
    for number in range(used):
        place = _key_place(slots, keys[number, 0], keys[number, 1], keys[number, 2])
        while slots[place] >= 0:
            place = (place + 1) & mask
        slots[place] = number


@_compiled
def place_words(hashes: NDArray[np.uint64], used: int, slots: NDArray[np.int32]) -> None:
    """Fill empty slots with the first ``used`` words."""
    mask = len(slots) - 1
    for number in range(used):
        place = np.int64(hashes[number] & np.uint64(mask))
        while slots[place] >= 0:
            place = (place + 1) & mask
        slots[place] = number


@_inlined
def _number(text: NDArray[np.uint8], at: int, end: int) -> float:
    """A decimal number with blanks around it; NaN if it is none."""
    while at < end and (text[at] == 32 or 9 <= text[at] <= 13):
        at += 1
    while end > at and (text[end - 1] == 32 or 9 <= text[end - 1] <= 13):
        end -= 1
    sign = 1.0
    if at < end and (text[at] == 45 or text[at] == 43):
        sign = -1.0 if text[at] == 45 else 1.0
        at += 1
    value, scale, digits, points = 0.0, 1.0, 0, 0
    for place in range(at, end):
        letter = text[place]
        if letter == 46:
            points += 1
        elif 48 <= letter <= 57:
            digits += 1
            value = value * 10.0 + (letter - 48)
            scale = scale * 10.0 if points else scale
        else:
            return np.nan
    return sign * value / scale if digits and points < 2 else np.nan


@_inlined
def _in_the_kingdom(longitude: float, latitude: float) -> bool:
    """The box of the United Kingdom with its waters; with the axes swapped no place is in it."""
    return -9.5 <= longitude <= 2.5 and 49.0 <= latitude <= 61.5


@_inlined
def _is_fraction(text: NDArray[np.uint8], at: int, end: int) -> bool:
    """Whether a point and one to seven digits are all there is."""
    length = end - at - 1
    if length < 1 or length > 7 or text[at] != 46:
        return False
    inside = _MASKS[length]
    digits = (_word(text, at + 1) & inside) | (_NOUGHTS & ~inside)
    right: bool = (digits & _UPPER) == _NOUGHTS and ((digits + _SIXES) & _UPPER) == _NOUGHTS
    return right


@_inlined
def _plainly_inside(
    text: NDArray[np.uint8], left: NDArray[np.int64], right: NDArray[np.int64]
) -> bool:
    """Whether a point as forces write it is in the kingdom: -8.9... to 1.9..., 50... to 59..."""
    at = left[_LON]
    west = text[at] == 45
    if west:
        at += 1
    if (
        text[at] < 48
        or text[at] > (56 if west else 49)
        or not _is_fraction(text, at + 1, right[_LON])
    ):
        return False
    at = left[_LAT]
    fifties: bool = text[at] == 53 and 48 <= text[at + 1] <= 57
    return fifties and _is_fraction(text, at + 2, right[_LAT])


@_inlined
def _locate(
    text: NDArray[np.uint8], left: NDArray[np.int64], right: NDArray[np.int64],
    numbers: NDArray[np.uint64],
) -> None:  # fmt: skip
    numbers[_LOCATED] += _ONE
    if _plainly_inside(text, left, right):
        return
    longitude = _number(text, left[_LON], right[_LON])
    latitude = _number(text, left[_LAT], right[_LAT])
    if not _in_the_kingdom(longitude, latitude):
        numbers[_ODD] += _ONE
        if _in_the_kingdom(latitude, longitude):
            numbers[_SWAPPED] += _ONE


@_inlined
def _unquote(text: NDArray[np.uint8], left: int, right: int) -> int:
    """Halve doubled quotation marks where they lie; the new end of the field."""
    out = left
    at = left
    while at < right:
        letter = text[at]
        text[out] = letter
        out += 1
        at += 2 if letter == _QUOTE else 1
    for rest in range(out, right):
        text[rest] = _QUOTE
    return out


@_inlined
def _find_fields(
    text: NDArray[np.uint8],
    ends: NDArray[np.int64],
    roles: NDArray[np.int64],
    quoted: bool,
    left: NDArray[np.int64],
    right: NDArray[np.int64],
) -> None:
    """Where each column that is wanted begins and ends, without quotation marks."""
    for role in range(len(roles)):
        column = roles[role]
        left[role] = ends[column] + 1
        right[role] = ends[column + 1]
        if quoted and text[left[role]] == _QUOTE and right[role] > left[role]:
            left[role] += 1
            right[role] = _unquote(text, left[role], right[role] - 1)


@_inlined
def _word_of(tables: Tables, text: NDArray[np.uint8], place: Place, role: int) -> int:
    """Word of one column of the row: that of the row before, as often, or looked up."""
    at = place.left[role]
    length = place.right[role] - at
    if length == 0:
        return 0
    last: int = place.last[role]
    start = tables.word_start[last]
    if tables.word_start[last + 1] - start == length and _same(
        text, at, tables.letters, start, length
    ):
        return last
    found = _intern(tables, text, at, length)
    place.last[role] = found
    return found


@_inlined
def _print_of_row(
    tables: Tables, text: NDArray[np.uint8], place: Place, code: int, kind: int, month: int
) -> np.uint64:
    """A hash of what makes a row that row: id, point, LSOA, type, month."""
    left, right = place.left, place.right
    value = _hash(text, left[_ID], right[_ID] - left[_ID])
    value = (value ^ _hash(text, left[_LON], right[_LON] - left[_LON])) * _MIX
    value ^= value >> _HALF
    value = (value ^ _hash(text, left[_LAT], right[_LAT] - left[_LAT])) * _MIX
    value ^= value >> _HALF
    value = (value ^ tables.word_hash[code]) * _MIX
    value ^= value >> _HALF
    value = (value ^ tables.word_hash[kind] ^ (tables.word_hash[month] >> _ONE)) * _MIX_2
    mixed: np.uint64 = value ^ (value >> _HALF)
    return mixed


@_inlined
def _count_row(tables: Tables, text: NDArray[np.uint8], place: Place, by_point: bool) -> None:
    code = _word_of(tables, text, place, _CODE)
    kind = _word_of(tables, text, place, _TYPE)
    force = _word_of(tables, text, place, _FORCE)
    month = _word_of(tables, text, place, _MONTH)
    used = tables.filled[_DELIVERIES]
    told = _add_key(
        tables.delivery, tables.delivery_slot, used, np.uint64(force), np.uint64(month), _ZERO
    )
    numbers = tables.statistics[told]
    if told == used:
        for column in range(len(numbers)):
            numbers[column] = _ZERO
        tables.filled[_DELIVERIES] = used + 1
    left, right = place.left, place.right
    value = _print_of_row(tables, text, place, code, kind, month)
    numbers[_ROWS] += _ONE
    numbers[_CONTENT] += value
    one = _ONE
    if right[_ID] > left[_ID]:
        numbers[_IDS] += _ONE
        one += _ONE << _HALF
        if len(place.prints):
            place.prints[place.numbers[PRINTS]] = value
            place.numbers[PRINTS] += 1
    point = _ZERO
    if right[_LON] > left[_LON] and right[_LAT] > left[_LAT]:
        _locate(text, left, right, numbers)
        if by_point:
            point = np.uint64(_word_of(tables, text, place, _LON)) << _HALF
            point |= np.uint64(_word_of(tables, text, place, _LAT))
    numbers[_NO_CODE] += np.uint64(code == 0)
    numbers[_NO_TYPE] += np.uint64(kind == 0)
    used = tables.filled[_CELLS]
    what = (np.uint64(code) << _HALF) | np.uint64(kind)
    cell = _add_key(tables.cell, tables.cell_slot, used, what, point, np.uint64(told))
    tables.filled[_CELLS] += cell == used
    tables.cell[cell, 3] += one


@_inlined
def _has_room(tables: Tables, place: Place, row_length: int) -> bool:
    """Whether one more row fits every table, slots half empty."""
    words, cells, deliveries = tables.filled[0], tables.filled[1], tables.filled[2]
    return (
        words + 8 < len(tables.word_hash)
        and tables.word_start[words] + row_length + PAD < len(tables.letters)
        and cells + 1 < len(tables.cell)
        and deliveries + 1 < len(tables.delivery)
        and (len(place.prints) == 0 or place.numbers[PRINTS] < len(place.prints))
    )


@_inlined
def _marks(text: NDArray[np.uint8], base: int, end: int, numbers: NDArray[np.int64]) -> np.uint64:
    """Commas, quotation marks, line feeds, and returns without a feed, among 64 bytes."""
    feeds = _where(text, base, _FEED)
    after = feeds >> _ONE
    if text[base + 64] == _FEED:
        after |= _ONE << np.uint64(63)
    returns = _where(text, base, _RETURN) & ~after
    found: np.uint64 = _where(text, base, _COMMA) | _where(text, base, _QUOTE) | feeds | returns
    beyond = _beyond_ascii(text, base)
    if end - base < 64:
        inside = (_ONE << np.uint64(end - base)) - _ONE
        found &= inside
        beyond &= inside
    if beyond != _ZERO:
        numbers[BEYOND_ASCII] = 1
    return found


@_inlined
def _closes_well(text: NDArray[np.uint8], at: int, end: int) -> bool:
    """Whether a quotation that ends before ``at`` is followed by the end of its field."""
    return (
        at + 1 >= end
        or text[at] == _COMMA
        or text[at] == _FEED
        or (text[at] == _RETURN and text[at + 1] == _FEED)
    )


@_compiled
def count_block(
    tables: Tables, text: NDArray[np.uint8], end: int, place: Place, by_point: bool
) -> int:
    """Count the whole rows of a block.

    Parameters
    ----------
    tables : Tables
    text : uint8 (n,)
        At least ``PAD`` bytes longer than the block. Quoted fields may be rewritten.
    end : int
        First byte after the block. The last block of a file ends in a line feed.
    place : Place
        Where the first row begins; afterwards, where the first row begins that has not been
        counted.
    by_point : bool
        Whether cells are told apart by point.

    Returns
    -------
    int
        ``MORE`` at the end of the block, ``ROOM`` where a table must grow first, or what is wrong
        with the row.
    """
    numbers, ends = place.numbers, place.ends
    columns = len(ends) - 1
    row, line = numbers[AT], numbers[LINE]
    field, column, feeds, skip = row, 0, 0, row
    is_open, quoted = False, False
    ends[0] = row - 1
    verdict = MORE
    base = row
    while base < end and verdict == MORE:
        found = _marks(text, base, end, numbers)
        while found != _ZERO:
            at = base + _lowest(found)
            found &= found - _ONE
            letter = text[at]
            if is_open:
                if letter == _QUOTE and at >= skip:
                    if text[at + 1] == _QUOTE:
                        skip = at + 2
                    elif _closes_well(text, at + 1, end):
                        is_open = False
                    else:
                        verdict = OPEN_QUOTATION
                        break
                feeds += letter == _FEED
            elif letter == _COMMA:
                column += 1
                field = at + 1
                if column < columns:
                    ends[column] = at
            elif letter == _QUOTE:
                if at == field:
                    is_open, quoted, skip = True, True, at + 1
            elif letter == _RETURN:
                if at + 1 < end:
                    verdict = RETURN_ALONE
                    break
            else:
                stop = at - 1 if at > row and text[at - 1] == _RETURN else at
                if column > 0 or stop > row:
                    if column + 1 != columns:
                        verdict = WRONG_COLUMNS
                        break
                    if not _has_room(tables, place, at - row):
                        verdict = ROOM
                        break
                    if stop - row == columns - 1:
                        numbers[BLANK] += 1
                    else:
                        ends[columns] = stop
                        _find_fields(text, ends, place.roles, quoted, place.left, place.right)
                        _count_row(tables, text, place, by_point)
                row = at + 1
                line += feeds + 1
                field, column, feeds, quoted = row, 0, 0, False
                ends[0] = at
        base += 64
    numbers[AT], numbers[LINE], numbers[OPEN] = row, line, is_open
    return verdict
