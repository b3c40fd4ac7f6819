"""Coverage of the 95 % interval of every estimator and error, in worlds with known truth.

``python -m tests.calibration.coverage_table`` makes docs/coverage.md. A run can be split and
resumed: ``--parts two_way --columns "5 scattered" "5 clustered"`` adds to the store, ``--page``
writes the page from it. Each draw has a seed of its own, so that the split changes nothing.
"""

from __future__ import annotations

import argparse
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from tests.calibration import coverage_families as families
from tests.calibration import coverage_rows as rows
from tests.calibration.coverage_page import page, summary
from tests.calibration.coverage_rows import DEFAULT, Maker
from tests.calibration.coverage_worlds import (
    AREAS,
    BESIDE,
    DOSES,
    ISSUE,
    LASTS,
    ROTATES,
    STARTS,
    TUNED,
    TYPES,
    UNTOUCHED,
    Places,
    Simulated,
)
from tests.calibration.referee_worlds import REFEREE

from hotspot_eval.design import Design

__all__ = ["COLUMNS", "DEFAULT", "FEW", "PARTS", "Column", "Part", "study", "summary"]

SEED = 20261122
CHUNK = 100


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
ONE = (Column(k=1),)
Seed = Callable[[str, Column, int], list[int]]


def own_seed(world: str, column: Column, draw: int) -> list[int]:
    """Every draw of every column of every world has its own."""
    return [SEED, zlib.crc32(f"{world}|{column.name}".encode()), draw]


def referee_seed(world: str, column: Column, draw: int) -> list[int]:
    """As the referee had it: scattered and clustered areas of one draw have the same shocks."""
    return [zlib.crc32(world.encode()), column.k, len("scattered"), draw]


def study(
    world: Simulated, column: Column, draws: range, make: Maker, seed: Seed = own_seed
) -> pd.DataFrame:
    """One row a draw and method: whether the interval holds the truth, error, width."""
    told = []
    for draw in draws:
        rng = np.random.default_rng(seed(world.name, column, draw))
        drawn = world.draw(rng, column.k, column.places)
        if column.controls is not None:
            treated = drawn.design.treated
            rest = sorted(set(AREAS) - set(treated))
            kept = rng.choice(rest, column.controls, replace=False)
            design = Design(treated=treated, start=world.starts[0], controls=list(kept))
            drawn = replace(drawn, design=design)

        def chance(name: str, draw: int = draw) -> np.random.Generator:
            return np.random.default_rng(
                [*own_seed(world.name, column, draw), zlib.crc32(name.encode())]
            )

        which = {"world": world.name, "column": column.name, "draw": draw}
        told += [{**which, **asdict(row)} for row in make(drawn, chance)]
    return pd.DataFrame(told)


@dataclass(frozen=True, kw_only=True)
class Part:
    """Worlds × columns × rows that are scored together, and their share of the draws."""

    worlds: tuple[Simulated, ...]
    make: Maker
    columns: tuple[Column, ...] = COLUMNS
    share: float = 1.0
    seed: Seed = own_seed


PARTS = {
    "lead": Part(worlds=(ISSUE,), make=rows.lead),
    "imputed": Part(worlds=(ISSUE,), make=rows.imputed),
    "numbers": Part(worlds=(ISSUE,), make=rows.numbers),
    "events": Part(worlds=(ISSUE,), make=rows.events),
    "two_way": Part(worlds=(ISSUE,), make=rows.robust),
    "others": Part(worlds=(ISSUE,), make=rows.others),
    "redrawn": Part(worlds=(ISSUE,), make=rows.redrawn),
    "exact": Part(worlds=(ISSUE,), make=rows.exact),
    "wild": Part(worlds=(ISSUE,), make=rows.wild),
    "wild_linear": Part(worlds=(ISSUE,), make=rows.wild_linear),
    "cohorts": Part(worlds=(ISSUE,), make=families.cohorts),
    "covariates": Part(worlds=(ISSUE,), make=families.covariates),
    "starts": Part(worlds=(STARTS,), make=families.starts),
    "starts_linear": Part(worlds=(STARTS,), make=families.starts_linear),
    "rotates": Part(worlds=(ROTATES,), make=families.rotates),
    "rotates_linear": Part(worlds=(ROTATES,), make=families.rotates_linear),
    "lasts": Part(worlds=(LASTS,), make=families.lasts),
    "lasts_linear": Part(worlds=(LASTS,), make=families.lasts_linear),
    "doses": Part(worlds=(DOSES,), make=families.doses),
    "types": Part(worlds=(TYPES,), make=families.types),
    "types_linear": Part(worlds=(TYPES,), make=families.types_linear),
    "beside": Part(worlds=(BESIDE,), make=families.beside),
    "one": Part(worlds=(ISSUE,), columns=ONE, make=rows.one_site),
    "conformal": Part(worlds=(ISSUE,), columns=ONE, make=rows.conformal),
    "few": Part(worlds=(ISSUE,), columns=FEW, make=rows.lead, share=0.25),
    "worlds": Part(worlds=(*TUNED[1:], *UNTOUCHED), make=rows.lead, share=0.25),
    "patches": Part(worlds=(*TUNED, *UNTOUCHED), columns=PATCHES, make=rows.lead, share=0.25),
    "referee": Part(worlds=REFEREE, make=rows.lead, share=0.2, seed=referee_seed),
    "models": Part(worlds=UNTOUCHED, make=rows.models, share=0.1),
    "synthetic": Part(worlds=(ISSUE,), make=rows.synthetic),
    "synthetic_published": Part(worlds=(ISSUE,), make=rows.synthetic_published),
    "synthetic_level": Part(worlds=(ISSUE,), make=rows.synthetic_level),
    "synthetic_one": Part(worlds=(ISSUE,), columns=ONE, make=rows.synthetic),
}


def run(store: Path, parts: list[str], names: list[str] | None, draws: int) -> None:
    """Add the chunks that ``store`` does not hold yet, all parts and columns in turn."""
    store.mkdir(parents=True, exist_ok=True)
    for first in range(0, draws, CHUNK):
        for part in parts:
            asked = PARTS[part]
            stop = min(first + CHUNK, max(int(draws * asked.share), 1))
            for world in asked.worlds:
                for column in asked.columns:
                    if stop <= first or (names is not None and column.name not in names):
                        continue
                    stem = f"{part}, {world.name}, {column.name}, {first:05d}".replace(" ", "_")
                    file = store / f"{stem}.csv"
                    if not file.exists():
                        chunk = study(world, column, range(first, stop), asked.make, asked.seed)
                        chunk.to_csv(file, index=False)
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
        told = pd.concat([pd.read_csv(file).assign(part=file.name.split(",")[0]) for file in files])
        options.out.write_text(page(told), encoding="utf-8")


if __name__ == "__main__":
    main()
