"""Counting of street files block by block: tables that grow, rows across blocks, every refusal."""

from __future__ import annotations

import gzip
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from hotspot_eval.data.cells import Cells, Part
from hotspot_eval.data.engine import Limits
from hotspot_eval.data.police_uk import counter
from hotspot_eval.data.police_uk.count import Counted, count_files
from hotspot_eval.data.police_uk.sources import find_sources
from hotspot_eval.errors import InputError

HEADER = b"Crime ID,Month,Reported by,Longitude,Latitude,LSOA code,Crime type\n"


def count(folder: Path, *, threads: int = 1, by_point: bool = False) -> Counted:
    limits = Limits(threads=threads)
    return count_files(find_sources(folder, limits)[0], limits, by_point=by_point)


def put(folder: Path, body: bytes, name: str = "a.csv", header: bytes = HEADER) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(header + body)
    return folder


def total(result: Counted, **wanted: str) -> int:
    chosen = np.ones(len(result.cells.labels), dtype=bool)
    for column, value in wanted.items():
        chosen &= (result.cells.labels[column] == value).to_numpy()
    return int(result.cells.by_label()[chosen].sum())


def line(k: int, code: str = "E01000001", month: str = "2022-01", force: str = "F") -> bytes:
    return f"{k:064x},{month},{force},-1.5,54.{k % 10},{code},Robbery\n".encode()


@pytest.mark.parametrize("threads", [1, 3])
def test_tables_grow_with_codes_forces_and_months(tmp_path: Path, threads: int) -> None:
    rows = [
        line(k, f"E{k % 9000:08d}", f"{1990 + k % 30}-{1 + k % 12:02d}", f"Force {k % 7}")
        for k in range(40_000)
    ]
    for part in range(3):
        put(tmp_path, b"".join(rows[part::3]), f"{part}.csv")
    result = count(tmp_path, threads=threads)
    assert result.found["rows"].sum() == result.cells.by_label().sum() == 40_000
    assert len(result.cells.labels) == 9000
    assert total(result, code="E00008999") == sum(k % 9000 == 8999 for k in range(40_000))
    assert len(result.found.drop_duplicates(["force", "month"])) == 7 * 60


def test_points_are_told_apart_only_if_asked(tmp_path: Path) -> None:
    put(tmp_path, b"".join(line(k) for k in range(50)) + b"x,2022-01,F,,54.1,E01000001,Robbery\n")
    assert len(count(tmp_path).cells.labels) == 1
    points = count(tmp_path, by_point=True).cells
    assert len(points.labels) == 11 and points.by_label().sum() == 51
    assert points.labels["longitude"].isna().sum() == points.labels["latitude"].isna().sum() == 1
    assert sorted(points.labels["latitude"].dropna()) == [54 + k / 10 for k in range(10)]


@pytest.mark.parametrize(
    ("x", "y", "odd"),
    [
        ("-1.717457", "54.907370", False), (" -1.7 ", "54.9", False), ("+0.1", "51", False),
        ("-9.4", "49.0", False), ("2.51", "55.0", True), ("-9.6", "55.0", True),
        ("-1.5", "61.6", True), ("-1.5", "48.9", True), ("1.", "55.1", False),
        ("-1.5x", "55.1", True), ("-1.5", "55.1.2", True), ("1e0", "55.1", True),
        ("-", "55.1", True), ("0.12345678901", "51.5", False), ("-1,5", "55.1", True),
    ],
)  # fmt: skip
def test_coordinates_inside_the_kingdom(tmp_path: Path, x: str, y: str, odd: bool) -> None:
    body = f'i,2022-01,F,"{x}",{y},E01000001,Robbery\n' + "j,2022-01,F,0.1,51.5,E01000001,Drugs\n"
    found = count(put(tmp_path, body.encode())).found
    assert found["located"].tolist() == [2] and found["odd"].tolist() == [int(odd)]


@pytest.mark.parametrize("block", [200, 256, 333, 1 << 20])
def test_rows_across_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(counter, "_BLOCK", block)
    body = b'i,2022-01,"F ""M\xc3\xb4n""\n, x",-1.5,54.5,E01000001,Robbery\r\n' * 3
    body += b"".join(line(k) for k in range(30))
    result = count(put(tmp_path, body[:-1]))
    assert result.unfinished == ("a.csv",)
    assert dict(zip(result.found["force"], result.found["rows"], strict=True)) == {
        'F "Môn"\n, x': 3, "F": 30,
    }  # fmt: skip
    packed = tmp_path / "packed"
    packed.mkdir()
    (packed / "a.csv.gz").write_bytes(gzip.compress(HEADER + body[:-1]))
    assert count(packed).found["content"].tolist() == result.found["content"].tolist()


def test_content_does_not_depend_on_order_or_quoting(tmp_path: Path) -> None:
    rows = [line(k) for k in range(20)]
    quoted = [b",".join(b'"%b"' % cell for cell in row[:-1].split(b",")) + b"\r\n" for row in rows]
    one = count(put(tmp_path / "one", b"".join(rows))).found
    other = count(put(tmp_path / "other", b"".join(quoted[::-1]))).found
    assert one["content"].tolist() == other["content"].tolist()
    changed = count(put(tmp_path / "changed", b"".join([*rows[:-1], line(20)]))).found
    assert one["content"].tolist() != changed["content"].tolist()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (line(0) + b"a,b\n" + line(1), r"line 3 does not hold the 7 columns of the header"),
        (line(0) + b"a,b,c,d,e,f,g,h\n", r"line 3 does not hold the 7 columns"),
        (line(0)[:-1] + b"\r" + line(1), r"line 2 holds a carriage return without a line feed"),
        (line(0) + b'"' + line(1) + line(2), r"line 3 opens a quotation that does not close"),
        (b'"a"b' + line(0), r"line 2 opens a quotation that does not close"),
        (b'"a\n\nb",' + line(0), r"line 2 does not hold the 7 columns"),
        (b'"a\n\nb"' + line(0)[64:] + b"x\n", r"line 5 does not hold the 7 columns"),
        (line(0) + b"\x00" * 100, r"line 3 does not hold the 7 columns"),
        (line(0) + b"x" * (1 << 21), r"line 3 is longer than 1,048,576 bytes"),
        (line(0) + b'"' + b"x\n" * (1 << 20), r"line 3 opens a quotation that does not close"),
        (line(0) + b"\xff" + line(1), r"is not UTF-8 text \(line 3\)"),
        (line(0) + line(1)[:-1] + b"\xc3", r"is not UTF-8 text \(line 3\)"),
    ],
)
def test_refusals_name_the_line(tmp_path: Path, body: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        count(put(tmp_path, body))


def test_repeats_are_refused_only_when_every_row_repeats(tmp_path: Path) -> None:
    rows = b"".join(line(k) for k in range(40))
    with pytest.raises(InputError, match=r"holds each of its rows 2 times"):
        count(put(tmp_path, rows + rows))
    assert count(put(tmp_path, rows + rows + line(99))).found["rows"].tolist() == [81]


def test_header_alone_and_blank_lines_hold_no_row(tmp_path: Path) -> None:
    put(tmp_path, line(0), "b.csv")
    put(tmp_path, b"", "a.csv")
    put(tmp_path, b"\r\n\n\n", "c.csv")
    put(tmp_path, b"", "d.csv", HEADER.rstrip())
    result = count(tmp_path)
    assert result.found["rows"].tolist() == [1] and result.unfinished == ("d.csv",)


def test_cells_must_fit_their_labels(tmp_path: Path) -> None:
    cells = count(put(tmp_path, line(0))).cells
    part = Part(
        deliveries=np.array([0]), sizes=np.array([2]),
        label=np.array([0], dtype=np.uint32), n=np.array([1], dtype=np.uint32),
    )  # fmt: skip
    with pytest.raises(InputError, match=r"a part does not fit its labels"):
        Cells(deliveries=cells.deliveries, labels=cells.labels, parts=(part,))
    gone = cells.keep(np.array([False]))
    assert gone.by_label().tolist() == [0] and len(gone.deliveries) == 1


@pytest.mark.parametrize("squeezed", [False, True])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, squeezed: bool) -> None:
    """40 MB of text through a buffer of one: what is held is tables, not rows."""
    body = b"".join(line(k, f"E{k % 500:08d}") for k in range(2_000))
    body = body * (40_000_000 // len(body)) + line(2_000)
    if squeezed:
        (tmp_path / "a.csv.gz").write_bytes(gzip.compress(HEADER + body, 1))
    else:
        put(tmp_path, body)
    limits = Limits(threads=1, max_ratio=10_000)
    sources = find_sources(tmp_path, limits)[0]
    rows = body.count(b"\n")
    del body
    count(put(tmp_path / "small", line(0)))  # the kernels are loaded
    tracemalloc.start()
    try:
        result = count_files(sources, limits)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert result.found["rows"].tolist() == [rows]
    assert peak < 12_000_000
