"""Coverage of the 95 % interval of every estimator and error, in worlds with known truth.

``python -m tests.calibration.coverage_table`` makes docs/coverage.md. A run can be split and
resumed: ``--parts every --columns "5 scattered" "5 clustered"`` adds to the store, ``--page``
writes the page from it. Each draw has a seed of its own, so that the split changes nothing.
"""

from __future__ import annotations

import argparse
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from tests.calibration.coverage_page import page, summary
from tests.calibration.coverage_worlds import (
    AREAS,
    ISSUE,
    TUNED,
    UNTOUCHED,
    Places,
    World,
    X,
    Y,
)

from hotspot_eval.design import Design
from hotspot_eval.did import (
    Imputation,
    LinearDid,
    PoissonDid,
    etwfe,
    group_time,
    synthetic_did,
)
from hotspot_eval.inference import conley, randomization_test, wild_bootstrap
from hotspot_eval.panel import Panel
from hotspot_eval.results import Effect

__all__ = ["COLUMNS", "DEFAULT", "FEW", "PARTS", "Column", "lead", "study", "summary"]

SEED = 20261122
CHUNK = 100
DEFAULT = "poisson_did (default)"
PLACE = pd.DataFrame({"x": X * 1000.0, "y": Y * 1000.0}, index=list(AREAS))

Chance = Callable[[str], np.random.Generator]
Maker = Callable[[Panel, Design, Chance], Iterator[tuple[str, Effect]]]


@dataclass(frozen=True, kw_only=True)
class Column:
    """How many areas are treated, where they lie, and how many controls are left."""

    k: int
    places: Places = "scattered"
    controls: int | None = None

    @property
    def name(self) -> str:
        """``10 clustered``, ``5 treated, 2 controls``."""
        if self.controls is not None:
            return f"{self.k} treated, {self.controls} controls"
        return f"{self.k} {self.places}"


COLUMNS = tuple(Column(k=k, places=p) for k in (5, 10, 40) for p in ("scattered", "clustered"))
PATCHES = tuple(Column(k=k, places="patch") for k in (10, 40))
FEW = tuple(Column(k=k, controls=m) for k in (1, 5, 20) for m in (1, 2, 5, 9))


def every(panel: Panel, design: Design, chance: Chance) -> Iterator[tuple[str, Effect]]:
    """Every estimator with every error that is quick."""
    cr2 = PoissonDid(correction="CR2")(panel, design)
    by_borough = PoissonDid(correction="CR1", cluster="cluster")
    yield DEFAULT, PoissonDid()(panel, design).effect
    yield "imputation, Poisson (default)", Imputation()(panel, design).effect
    yield "linear_did (default)", LinearDid()(panel, design).effect
    yield "imputation, linear (default)", Imputation(model="linear")(panel, design).effect
    yield "poisson_did, CR2 by area", cr2.effect
    yield "poisson_did, CR1 by area", PoissonDid(correction="CR1")(panel, design).effect
    yield "poisson_did, CR1 by borough", by_borough(panel, design).effect
    yield "poisson_did, Conley 4 km", conley(cr2, PLACE, cutoff_m=4000.0)
    name = "poisson_did, randomisation"
    yield (
        name,
        randomization_test(
            panel, design, estimator=PoissonDid(), rng=chance(name), draws=199
        ).effect,
    )
    yield "linear_did, CR2 by area", LinearDid(correction="CR2")(panel, design).effect
    yield "etwfe, Poisson", etwfe(panel, design).aggregate("simple").effect
    yield "group_time", group_time(panel, design).aggregate("simple").effect


def wild(panel: Panel, design: Design, chance: Chance) -> Iterator[tuple[str, Effect]]:
    """The wild bootstrap, which fits again for every value it tries."""
    name = "poisson_did, wild bootstrap"
    fit = PoissonDid(correction="CR2")(panel, design)
    yield name, wild_bootstrap(fit, rng=chance(name), draws=199)


def synthetic(panel: Panel, design: Design, chance: Chance) -> Iterator[tuple[str, Effect]]:
    """Synthetic difference-in-differences, a second and more each."""
    name = "synthetic_did"
    yield name, synthetic_did(panel, design, rng=chance(name), draws=50).effect


def lead(panel: Panel, design: Design, chance: Chance) -> Iterator[tuple[str, Effect]]:
    """The named default alone."""
    del chance
    yield DEFAULT, PoissonDid()(panel, design).effect


def models(panel: Panel, design: Design, chance: Chance) -> Iterator[tuple[str, Effect]]:
    """The same error in the other models that have it."""
    del chance
    yield "imputation, Poisson (default)", Imputation()(panel, design).effect
    yield "imputation, linear (default)", Imputation(model="linear")(panel, design).effect


def study(world: World, column: Column, draws: range, make: Maker) -> pd.DataFrame:
    """One row a draw and method: whether the interval holds the truth, error, width."""
    rows = []
    key = zlib.crc32(f"{world.name}|{column.name}".encode())
    for draw in draws:
        rng = np.random.default_rng(np.random.SeedSequence([SEED, key, draw]))
        panel, design, ratio, change = world.draw(rng, column.k, column.places)
        if column.controls is not None:
            rest = sorted(set(AREAS) - set(design.treated))
            kept = rng.choice(rest, column.controls, replace=False)
            design = Design(treated=design.treated, start=world.starts[0], controls=list(kept))

        def chance(name: str, draw: int = draw) -> np.random.Generator:
            return np.random.default_rng([SEED, key, draw, zlib.crc32(name.encode())])

        for name, effect in make(panel, design, chance):
            truth = ratio if effect.scale == "log_irr" else change
            rows.append(
                {
                    "world": world.name,
                    "column": column.name,
                    "draw": draw,
                    "method": name,
                    "inside": effect.ci_low <= truth <= effect.ci_high,
                    "error": effect.estimate - truth,
                    "std_error": effect.std_error,
                    "width": effect.ci_high - effect.ci_low,
                }
            )
    return pd.DataFrame(rows)


PARTS: dict[str, tuple[tuple[World, ...], tuple[Column, ...], Maker, float]] = {
    "every": ((ISSUE,), COLUMNS, every, 1.0),
    "wild": ((ISSUE,), COLUMNS, wild, 1.0),
    "few": ((ISSUE,), FEW, lead, 0.25),
    "worlds": ((*TUNED[1:], *UNTOUCHED), COLUMNS, lead, 0.25),
    "patches": ((*TUNED, *UNTOUCHED), PATCHES, lead, 0.25),
    "models": (UNTOUCHED, COLUMNS, models, 0.1),
    "synthetic": ((ISSUE,), COLUMNS, synthetic, 0.1),
}


def run(store: Path, parts: list[str], names: list[str] | None, draws: int) -> None:
    """Add the chunks that ``store`` does not hold yet, all columns in turn."""
    store.mkdir(parents=True, exist_ok=True)
    for part in parts:
        worlds, columns, make, share = PARTS[part]
        total = max(int(draws * share), 1)
        for first in range(0, total, CHUNK):
            for world in worlds:
                for column in columns:
                    if names is not None and column.name not in names:
                        continue
                    stem = f"{part}, {world.name}, {column.name}, {first:05d}".replace(" ", "_")
                    if (store / f"{stem}.csv").exists():
                        continue
                    chunk = range(first, min(first + CHUNK, total))
                    study(world, column, chunk, make).to_csv(store / f"{stem}.csv", index=False)
                    print(stem, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--draws", type=int, default=2_000)
    parser.add_argument("--parts", nargs="+", choices=tuple(PARTS), default=list(PARTS))
    parser.add_argument("--columns", nargs="+", default=None)
    parser.add_argument("--store", type=Path, default=Path("outputs/coverage"))
    parser.add_argument("--page", action="store_true", help="only write the page from the store")
    parser.add_argument("--out", type=Path, default=Path("docs/coverage.md"))
    options = parser.parse_args()
    if not options.page:
        run(options.store, options.parts, options.columns, options.draws)
    if options.page or (options.columns is None and set(options.parts) == set(PARTS)):
        files = sorted(options.store.glob("*.csv"))
        rows = pd.concat([pd.read_csv(file).assign(part=file.name.split(",")[0]) for file in files])
        options.out.write_text(page(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
