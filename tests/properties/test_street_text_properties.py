"""Whatever a street file looks like as text: read as csv has it, or refused by name."""

from __future__ import annotations

import csv
import io
import tempfile
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from hotspot_eval.data.engine import Limits
from hotspot_eval.data.police_uk import counter, read_police_uk
from hotspot_eval.data.police_uk.count import Counted, count_files
from hotspot_eval.data.police_uk.sources import find_sources
from hotspot_eval.errors import InputError

COLUMNS = [
    "Crime ID", "Month", "Reported by", "Falls within", "Longitude", "Latitude", "Location",
    "LSOA code", "LSOA name", "Crime type", "Last outcome category", "Context",
]  # fmt: skip
PLACES = [
    "On or near High Street",
    'The "Bell", Inn',
    "Ynys Môn",
    "",
    "two\nlines",
    '"',
    "a,b",
    "€",
]
BLOCKS = [320, 384, 1024, 1 << 20]

cells = st.fixed_dictionaries(
    {
        "Crime ID": st.sampled_from(["", "a" * 64, "b" * 63, 'q"id', "short"]),
        "Month": st.sampled_from(["2022-01", "2022-02"]),
        "Reported by": st.sampled_from(["City of London Police", "Heddlu Gogledd Cymru, Môn"]),
        "Longitude": st.sampled_from(
            ["", "-1.6", " 0.25 ", "-0.097562", "54.9", "x", "1.2.3", "-"]
        ),
        "Latitude": st.sampled_from(["", "54.9", "51.518864", "-1.6", "62", "+52"]),
        "Location": st.sampled_from(PLACES),
        "LSOA code": st.sampled_from(["", "E01020630", "E01020631", "W01000001", 'E"1']),
        "Crime type": st.sampled_from(["Robbery", "Anti-social behaviour", "Drugs, other"]),
    }
)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], list[dict[str, str]]]:
    """Columns in any order, with more columns at times, and rows."""
    extra = draw(st.sampled_from([[], ["Notes"], ["Notes", "x,y"]]))
    return draw(st.permutations(COLUMNS + extra)), draw(st.lists(cells, min_size=1, max_size=12))


@st.composite
def texts(draw: st.DrawFn) -> str:
    """A table as text: any quoting that is allowed, either line break, byte order mark, no end."""
    header, rows = draw(tables())
    ends = draw(st.sampled_from([["\n"], ["\r\n"], ["\n", "\r\n"]]))
    always = draw(st.booleans())

    def written(cell: str) -> str:
        quote = any(letter in cell for letter in ',"\r\n')
        if quote or always or draw(st.integers(0, 9)) == 0:
            return '"' + cell.replace('"', '""') + '"'
        return cell

    lines = [",".join(written(cell) for cell in header)]
    lines += [",".join(written(row.get(name, "")) for name in header) for row in rows]
    text = "".join(line + ends[k % len(ends)] for k, line in enumerate(lines))
    if draw(st.booleans()):
        text = text.rstrip("\r\n")
    return "\ufeff" * draw(st.booleans()) + text


BROKEN_INSIDE = (
    "Crime ID,Month,Reported by,Falls within,Longitude,Latitude,Location,LSOA code,LSOA name,"
    'Crime type,Last outcome category,Context\nx,2022-01,Here,Here,"\r\t-1.6\n","\n54.9 ",a,'
    "E01020630,b,Robbery,,\n"
)


def number(text: str) -> float:
    try:
        return float(text) if set(text.strip()) <= set("+-.0123456789") else float("nan")
    except ValueError:
        return float("nan")


def told(text: str) -> Counter[tuple[object, ...]]:
    """The slow and obvious way: rows by force, month, code and type, with what is counted."""
    rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True))
    header = [cell.strip() for cell in rows[0]]
    found: Counter[tuple[object, ...]] = Counter()
    for values in rows[1:]:
        if not values:
            continue
        if len(values) != len(header):
            raise csv.Error("columns")
        row = dict(zip(header, values, strict=True))
        x, y = row["Longitude"], row["Latitude"]
        key = row["Reported by"] or None, row["Month"] or None
        found[
            (*key, "cell", row["LSOA code"].strip().upper() or None, row["Crime type"] or None)
        ] += 1
        found[(*key, "rows")] += 1
        found[(*key, "ids")] += row["Crime ID"] != ""
        found[(*key, "located")] += bool(x and y)
        inside = -9.5 <= number(x) <= 2.5 and 49 <= number(y) <= 61.5
        found[(*key, "odd")] += bool(x and y) and not inside
    return +found


def counted(file: Path) -> Counter[tuple[object, ...]]:
    sources, _ = find_sources(file, Limits())
    return by_key(count_files(sources, Limits()))


def by_key(result: Counted) -> Counter[tuple[object, ...]]:
    found: Counter[tuple[object, ...]] = Counter()
    for row in result.found.itertuples():
        for name in ("rows", "ids", "located", "odd"):
            found[(row.force, row.month, name)] += getattr(row, name)
    labels = list(result.cells.labels[["code", "crime_type"]].itertuples(index=False, name=None))
    for deliveries, label, n in result.cells.chunks():
        for d, one, many in zip(deliveries, label, n, strict=True):
            force, month = result.found.loc[d, ["force", "month"]]
            found[(force, month, "cell", *labels[one])] += int(many)
    return +found


def not_harmed(error: InputError) -> bool:
    """Refusals that these texts may earn by what they hold, not by how they are written."""
    return "swapped" in str(error) or "each of its rows" in str(error)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(texts(), st.sampled_from(BLOCKS))
def test_counts_are_those_of_the_csv_module(text: str, block: int) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(counter, "_BLOCK", block)
        file = Path(folder, "a.csv")
        file.write_bytes(text.encode())
        try:
            assert counted(file) == told(text)
        except InputError as error:
            longest = max(len(line.encode()) for line in text.split("\n"))
            assert not_harmed(error) or ("longer than" in str(error) and longest > block // 3), (
                error
            )


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(texts(), st.data())
@example('"', None)
@example(BROKEN_INSIDE, None)
def test_damaged_text_is_refused_or_read_as_it_is(text: str, data: st.DataObject | None) -> None:
    if data is not None:
        at = data.draw(st.integers(0, len(text) - 1))
        length = data.draw(st.integers(0, 3))
        more = data.draw(st.text(alphabet='",\r\nx', max_size=3))
        text = text[:at] + more + text[at + length :]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "a.csv")
        file.write_bytes(text.encode() or b" ")
        try:
            found = counted(file)
        except InputError:
            return
        try:
            truth = told(text)
        except csv.Error as error:
            raise AssertionError(f"read what csv refuses: {error}") from error
        assert found == truth


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(texts())
def test_rows_agree_with_the_counts(text: str) -> None:
    """What is read row by row, by another engine, is what was counted."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "a.csv")
        file.write_bytes(text.encode())
        try:
            incidents = read_police_uk(file)
        except InputError as error:
            assume(not not_harmed(error))
            raise
        rows = incidents.frame
    cells = incidents.cells
    n = pd.Series(cells.by_label()).groupby(
        [cells.labels["code"].fillna(""), cells.labels["crime_type"]]
    )
    again = rows.groupby([rows["lsoa_code"].fillna("").str.strip(), "crime_type"]).size()
    assert n.sum().to_dict() == again.to_dict()
    assert len(rows) == incidents.ledger.steps[1].rows_out


@settings(max_examples=20, deadline=None)
@given(st.binary(min_size=1, max_size=3), st.integers(0, 1500), st.sampled_from(BLOCKS))
def test_bytes_that_are_no_utf8_are_refused_wherever_they_lie(
    junk: bytes, at: int, block: int
) -> None:
    header = ",".join(COLUMNS).encode() + b"\n"
    line = b",2022-01,F,F,,,Caf\xc3\xa9,E01020630,,Robbery,,\n"
    body = line * 40
    text = header + body[:at] + junk + body[at:]
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(counter, "_BLOCK", block)
        file = Path(folder, "a.csv")
        file.write_bytes(text)
        try:
            decoded = text.decode("utf-8")
        except UnicodeDecodeError as error:
            number = text[: error.start].count(b"\n") + 1
            with pytest.raises(InputError, match=rf"a.csv: is not UTF-8 text \(line {number}\)"):
                counted(file)
            return
        try:
            found = counted(file)
        except InputError:
            return
        assert found == told(decoded)
