"""From raw street files to a panel: time and peak memory beside the pandas way, and at scale.

Usage: ``python benchmarks/ingest.py SHARED_DATA [--gigabytes 10] [--work DIR] [--repeats 3]``

Genuine street files are unpacked and repeated under other months until there are 0.2, 2 and
``--gigabytes`` GB of CSV. Each reading runs in a process of its own, whose peak resident memory
is what the operating system says of it: it holds the imported libraries too, which are told on
their own. The first reading ever compiles the kernels, into a cache beside the package that all
later ones load; it is timed apart. The files are removed at the end.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

OUTCOMES = {"violence": "Violence and sexual offences", "robbery": "Robbery"}


def by_pandas(folder: Path) -> dict[str, object]:
    """read_csv, concat, groupby, complete grid: what a notebook does."""
    import pandas as pd

    start, used = time.perf_counter(), time.process_time()
    frames = [pd.read_csv(file) for file in sorted(folder.glob("*.csv*"))]
    rows = pd.concat(frames, ignore_index=True)
    counts = rows.groupby(["LSOA code", "Month", "Crime type"]).size()
    areas = sorted(rows["LSOA code"].dropna().unique())
    months = pd.period_range(rows["Month"].min(), rows["Month"].max(), freq="M").astype(str)
    grid = {
        name: counts.xs(kind, level="Crime type")
        .unstack("Month", fill_value=0)
        .reindex(index=areas, columns=months, fill_value=0)
        for name, kind in OUTCOMES.items()
    }
    took = time.perf_counter() - start
    return {
        "seconds": took,
        "cpu_seconds": time.process_time() - used,
        "rows": len(rows),
        "counted": {name: int(table.to_numpy().sum()) for name, table in grid.items()},
    }


def by_reader(folder: Path) -> dict[str, object]:
    import pandas as pd  # noqa: F401  (both ways start from loaded libraries)

    from hotspot_eval.data.police_uk import read_police_uk

    start, used = time.perf_counter(), time.process_time()
    incidents = read_police_uk(folder)
    panel = incidents.panel(outcomes=list(OUTCOMES))
    took = time.perf_counter() - start
    return {
        "seconds": took,
        "cpu_seconds": time.process_time() - used,
        "rows": incidents.ledger.steps[1].rows_out,
        "counted": {name: int(panel.outcome(name).counts.sum()) for name in OUTCOMES},
    }


def by_import(folder: Path) -> dict[str, object]:
    """The libraries alone."""
    start = time.perf_counter()
    import hotspot_eval  # noqa: F401

    return {"seconds": time.perf_counter() - start, "cpu_seconds": time.process_time(), "rows": 0}


def measure(way: str, folder: Path, **environment: str) -> dict[str, object]:
    """One reading in a process of its own."""
    command = [sys.executable, __file__, "--way", way, str(folder)]
    told = subprocess.run(
        command, capture_output=True, text=True, check=True, env={**os.environ, **environment}
    )
    result: dict[str, object] = json.loads(told.stdout.splitlines()[-1])
    return result


def best(way: str, folder: Path, repeats: int) -> dict[str, object]:
    runs = [measure(way, folder) for _ in range(repeats)]
    return min(runs, key=lambda run: float(str(run["seconds"])))


def repeat_files(source: Path, target: Path, gigabytes: float, *, pack: bool = False) -> int:
    """The genuine months, again and again in later years, until there is enough."""
    target.mkdir()
    months = [(file.name, gzip.decompress(file.read_bytes())) for file in sorted(source.iterdir())]
    wanted, written, turn = gigabytes * 1e9, 0, 0
    while written < wanted:
        for name, content in months:
            if written >= wanted:
                break
            # Two hundred years from 1900 on, then another force: months stay plausible.
            year = 1900 + (int(name[:4]) - 2021) + 2 * (turn % 95)
            force = b"Force %d" % (turn // 95)
            old, new = name[:7].encode(), f"{year}{name[4:7]}".encode()
            text = content.replace(b"," + old + b",", b"," + new + b",")
            text = text.replace(b"Northumbria Police", force)
            file = target / f"{new.decode()}-force-{turn // 95}-street.csv"
            if pack:
                file.with_name(file.name + ".gz").write_bytes(gzip.compress(text, 6))
            else:
                file.write_bytes(text)
            written += len(text)
        turn += 1
    return written


def line(label: str, run: dict[str, object]) -> str:
    keys = ("rows", "seconds", "cpu_seconds", "peak_mb")
    rows, seconds, cpu, peak = (float(str(run[key])) for key in keys)
    return f"{label:<34}{rows:>12,.0f} rows {seconds:>7.2f} s {cpu:>7.2f} CPU s {peak:>6.0f} MB"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--gigabytes", type=float, default=10.0)
    parser.add_argument("--work", type=Path, default=None)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--way", choices=["pandas", "reader", "import"])
    options = parser.parse_args()
    if options.way:
        ways = {"pandas": by_pandas, "reader": by_reader, "import": by_import}
        result = ways[options.way](options.folder)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({**result, "peak_mb": peak}))
        return
    print(f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}")
    source = options.folder / "police_uk" / "northumbria"
    work = Path(tempfile.mkdtemp(prefix="ingest-", dir=options.work))
    try:
        print(line("import of the package", measure("import", work)))
        first = work / "first"
        repeat_files(source, first, 0.003)
        cache = str(work / "cache")
        print(line("reader, first ever, one file", measure("reader", first, NUMBA_CACHE_DIR=cache)))
        measure("reader", first)
        compare(source, work, options.repeats)
        if options.gigabytes > 1:
            if shutil.disk_usage(work).free < 2.5e9 * options.gigabytes:
                print(f"{options.gigabytes:g} GB: not run, the disk is too full")
                return
            size = repeat_files(source, work / "large", options.gigabytes)
            print(line(f"reader, {size / 1e9:.1f} GB of CSV", measure("reader", work / "large")))
    finally:
        shutil.rmtree(work)


def compare(source: Path, work: Path, repeats: int) -> None:
    seconds: dict[str, float] = {}
    for label, size, pack in (
        ("0.2 GB of CSV", 0.2, False),
        ("2 GB of CSV", 2.0, False),
        ("0.2 GB of CSV as .csv.gz", 0.2, True),
    ):
        folder = work / label.replace(" ", "-")
        repeat_files(source, folder, size, pack=pack)
        reader, pandas = (best(way, folder, repeats) for way in ("reader", "pandas"))
        if reader["counted"] != pandas["counted"] or reader["rows"] != pandas["rows"]:
            raise SystemExit(f"the two ways disagree: {reader} {pandas}")
        print(line(f"pandas, {label}", pandas))
        print(line(f"reader, {label}", reader))
        faster = float(str(pandas["seconds"])) / float(str(reader["seconds"]))
        memory = float(str(reader["peak_mb"])) / float(str(pandas["peak_mb"]))
        shutil.rmtree(folder)
        print(f"{'':<34}{faster:.1f} times faster with {memory:.2f} of the memory")
        seconds[label] = float(str(reader["seconds"]))
    growth = seconds["2 GB of CSV"] / seconds["0.2 GB of CSV"]
    print(f"ten times the rows take {growth:.1f} times as long")


if __name__ == "__main__":
    main()
