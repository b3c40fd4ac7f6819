"""Local statistics against esda and pygeoda, in CPU seconds of all threads.

    OMP_NUM_THREADS=1 python benchmarks/spatial.py [--periods-of-peers 6] [--out FILE]

Every peer is looped over periods; ``--periods-of-peers`` of the 60 are timed, after a first call
that compiles, and scaled to all. Ours always runs over all of them. Ward counts are real where
``../shared/data`` is beside the project. Exit code 1 if a target is missed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pygeoda
from esda import G_Local
from libpysal.graph import Graph
from shapely import box

from hotspot_eval.spatial import contiguity, local_g

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
PERIODS = 60
ALONE = """
import resource, sys, time
import numpy as np
sys.path.insert(0, {here!r})
from spatial import lattice
from hotspot_eval.spatial import local_g
areas, graph = lattice({rows}, {columns})
y = np.random.default_rng(1).poisson({mean}, (len(areas), {periods}))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start, wall = time.process_time(), time.perf_counter()
local_g(y, graph)
print(time.process_time() - start, time.perf_counter() - wall,
      resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, before / 1024)
"""


@dataclass(frozen=True)
class Target:
    """A figure with the least (or most) it must be."""

    what: str
    value: float
    least: float | None = None
    most: float | None = None

    @property
    def met(self) -> bool:
        """Whether the figure is good enough."""
        return (self.least is None or self.value >= self.least) and (
            self.most is None or self.value <= self.most
        )

    def __str__(self) -> str:
        bound = f"≥ {self.least:g}" if self.least is not None else f"≤ {self.most:g}"
        return f"{'ok  ' if self.met else 'MISS'} {self.what}: {self.value:.3g} (target {bound})"


def cpu_seconds(call: Callable[[], object], repeats: int = 1) -> float:
    """Least CPU time of ``repeats`` calls."""
    taken = []
    for _ in range(repeats):
        start = time.process_time()
        call()
        taken.append(time.process_time() - start)
    return min(taken)


def lattice(rows: int, columns: int) -> tuple[gpd.GeoDataFrame, Graph]:
    """Squares with queen neighbours."""
    places = [(i, j) for i in range(rows) for j in range(columns)]
    areas = gpd.GeoDataFrame(
        geometry=[box(i, j, i + 1, j + 1) for i, j in places],
        index=[f"{i:04d}{j:04d}" for i, j in places],
    )
    return areas, contiguity(areas)


def time_esda(y: np.ndarray, graph: Graph, periods: int) -> float:
    """CPU seconds of esda over all periods of ``y``, 999 permutations, after its compile."""

    def one(t: int) -> None:
        G_Local(
            y[:, t].astype(float),
            graph,
            star=True,
            transform="B",
            permutations=999,
            seed=1,
            keep_simulations=False,
        )

    one(0)
    taken = cpu_seconds(lambda: [one(t) for t in range(min(periods, y.shape[1]))])
    return taken * y.shape[1] / min(periods, y.shape[1])


def time_pygeoda(y: np.ndarray, areas: gpd.GeoDataFrame, periods: int) -> float:
    """CPU seconds of pygeoda's lookup method over all periods of ``y``."""
    weights = pygeoda.queen_weights(pygeoda.open(areas.reset_index(drop=True)))

    def one(t: int) -> None:
        pygeoda.local_gstar(
            weights,
            pd.Series(y[:, t].astype(float)),
            permutations=999,
            permutation_method="lookup",
            cpu_threads=1,
            seed=1,
        )

    one(0)
    taken = cpu_seconds(lambda: [one(t) for t in range(min(periods, y.shape[1]))])
    return taken * y.shape[1] / min(periods, y.shape[1])


def against_peers(
    label: str, y: np.ndarray, areas: gpd.GeoDataFrame, graph: Graph, periods: int, least: float
) -> list[Target]:
    """Ours against both peers."""
    local_g(y[:, :2], graph)
    ours = cpu_seconds(lambda: local_g(y, graph), repeats=3)
    esda = time_esda(y, graph, periods)
    lookup = time_pygeoda(y, areas, periods)
    print(f"{label}: ours {ours:.3f}, esda {esda:.1f}, pygeoda lookup {lookup:.1f} CPU-s")
    return [
        Target(f"{label}: times cheaper than esda", esda / ours, least=least),
        Target(f"{label}: times cheaper than pygeoda lookup", lookup / ours, least=1.0),
    ]


def alone(rows: int, columns: int, mean: float, periods: int) -> list[float]:
    """CPU, wall seconds, peak and earlier memory in MB of one call in a process of its own."""
    here = str(Path(__file__).resolve().parent)
    code = ALONE.format(here=here, rows=rows, columns=columns, mean=mean, periods=periods)
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return [float(value) for value in out.stdout.split()[-4:]]


def growth() -> list[Target]:
    """How time grows with the number of periods and of areas."""
    rng = np.random.default_rng(2)
    _, graph = lattice(50, 100)
    long = rng.poisson(0.5, (5000, 240))
    short = np.ascontiguousarray(long[:, :60])
    _, large = lattice(200, 100)
    more = rng.poisson(0.5, (20000, 60))
    calls = [(short, graph), (long, graph), (more, large)]
    rounds = [[cpu_seconds(lambda c=call: local_g(*c)) for call in calls] for _ in range(9)]
    few_periods, many_periods, many_areas = np.min(rounds, axis=0)
    return [
        Target("time for 4 × the periods", many_periods / few_periods, most=5.0),
        Target("time for 4 × the areas", many_areas / few_periods, most=6.0),
    ]


def wards() -> tuple[np.ndarray, gpd.GeoDataFrame, Graph, str]:
    """Violence by ward and month, real if it is there."""
    if not SHARED.is_dir():
        areas, graph = lattice(26, 26)
        rng = np.random.default_rng(3)
        y = rng.negative_binomial(2.0, 2.0 / 32.0, (len(areas), 45))
        return y, areas, graph, "simulated wards"
    areas = gpd.read_file(SHARED / "boundaries" / "london_wards_2022_from_lsoa21.gpkg")
    areas = areas.set_index("ward_code")
    tidy = pd.read_csv(SHARED / "london_ward_month" / "london_ward_month.csv.gz")
    table = tidy.pivot(index="ward_code", columns="month", values="violence")
    areas = areas[areas.index.isin(table.index)].sort_index()
    return table.loc[areas.index].to_numpy(), areas, contiguity(areas), "London wards"


def main() -> int:
    """Run everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--periods-of-peers", type=int, default=6)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    peers = options.periods_of_peers
    targets: list[Target] = []
    rng = np.random.default_rng(0)
    for rows, columns, mean in ((50, 100, 0.08), (50, 100, 1.3), (180, 200, 0.08)):
        areas, graph = lattice(rows, columns)
        y = rng.poisson(mean, (len(areas), PERIODS))
        label = f"{len(areas):,} × {PERIODS}, mean {mean:g}"
        targets += against_peers(label, y, areas, graph, peers, 150.0)
    y, areas, graph, name = wards()
    label = f"{name}, {y.shape[0]} × {y.shape[1]}, mean {y.mean():.0f}, up to {y.max()}"
    targets += against_peers(label, y, areas, graph, peers, 20.0)
    targets += growth()
    cpu, wall, peak, before = alone(180, 200, 0.08, PERIODS)
    targets.append(Target("36,000 × 60 alone: peak memory, MB", peak, most=1000.0))
    print(f"36,000 × 60 alone: {cpu:.2f} CPU-s, {wall:.2f} s, {peak - before:.0f} MB more")
    first = alone(5, 5, 0.5, 3)[1]
    targets.append(Target("first call in a second process, s", first, most=1.0))
    report = "\n".join(str(target) for target in targets)
    print(report)
    if options.out:
        options.out.write_text(report + "\n", encoding="utf-8")
    return 0 if all(target.met for target in targets) else 1


if __name__ == "__main__":
    sys.exit(main())
