"""Coverage of the 95 % interval of every estimator and error, in worlds with known truth.

Run ``python tests/calibration/coverage_table.py --draws 2000``; it writes docs/coverage.md.

Worlds: 200 areas in 20 boroughs on a grid, 48 months, about one event an area and month,
overdispersed, correlated over months (0.5 from one to the next) and over space, a true rate ratio
of 0.8 from month 36 on.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd

from hotspot_eval.design import Design
from hotspot_eval.did import Imputation, LinearDid, PoissonDid, group_time
from hotspot_eval.inference import randomization_test, wild_bootstrap
from hotspot_eval.panel import Panel
from hotspot_eval.periods import Periods

N, T, START, TRUTH = 200, 48, 36, np.log(0.8)
WIDE, HIGH = 20, 10
X, Y = (axis.ravel() for axis in np.meshgrid(np.arange(WIDE), np.arange(HIGH)))
BOROUGH = (X // 5) * 5 + Y // 2
AREAS = tuple(f"A{i:03d}" for i in range(N))
OWN, SHARED, SERIAL = 0.25, 0.10, 0.5
DEFAULT = "poisson_did (default)"


def space() -> np.ndarray:
    """Root of the spatial covariance: boroughs share half, the rest fades over two grid steps."""
    distance = np.hypot(X[:, None] - X, Y[:, None] - Y)
    together = 0.5 * (BOROUGH[:, None] == BOROUGH) + 0.5 * np.exp(-distance / 2.0)
    return np.linalg.cholesky(together + 1e-9 * np.eye(N))


def world(rng: np.random.Generator, root: np.ndarray, k: int, clustered: bool):
    """A panel, its design and the treated rows."""
    noise = np.zeros((N, T))
    fade = np.sqrt(1.0 - SERIAL**2)
    own, field = rng.normal(size=N), root @ rng.normal(size=N)
    for t in range(T):
        own = SERIAL * own + fade * rng.normal(size=N)
        field = SERIAL * field + fade * (root @ rng.normal(size=N))
        noise[:, t] = np.sqrt(OWN) * own + np.sqrt(SHARED) * field
    level = np.exp(0.6 * rng.normal(size=(N, 1)) + 0.2 * np.sin(np.arange(T) * np.pi / 6))
    if clustered:
        order = rng.permutation(20)
        treated = np.flatnonzero(np.isin(BOROUGH, order[: -(-k // 10)]))
        treated = rng.permutation(treated)[:k]
    else:
        treated = rng.choice(N, k, replace=False)
    mean = level * np.exp(noise - (OWN + SHARED) / 2.0)
    truth_count = float(mean[treated, START:].mean() * np.expm1(TRUTH))
    mean[treated, START:] *= np.exp(TRUTH)
    panel = Panel(
        areas=AREAS,
        periods=Periods.span(0, T - 1, frequency="step"),
        outcomes=("y",),
        counts=rng.poisson(mean)[:, :, None],
        observed=np.ones((N, T, 1), dtype=bool),
        cluster=tuple(f"B{b:02d}" for b in BOROUGH),
    )
    return panel, Design(treated=[AREAS[i] for i in treated], start=START), truth_count


def effects(panel: Panel, design: Design, rng: np.random.Generator, heavy: bool):
    """Every estimator × error: its interval and whether it is on the count scale."""
    cr2 = PoissonDid(correction="CR2")(panel, design)
    made = {
        DEFAULT: (PoissonDid()(panel, design).effect, False),
        "poisson_did, CR2 by area": (cr2.effect, False),
        "poisson_did, CR1 by area": (PoissonDid(correction="CR1")(panel, design).effect, False),
        "poisson_did, CR1 by borough": (
            PoissonDid(correction="CR1", cluster="cluster")(panel, design).effect,
            False,
        ),
        "poisson_did, wild score bootstrap": (wild_bootstrap(cr2, rng=rng, draws=399), False),
        "imputation, Poisson (default)": (Imputation()(panel, design).effect, False),
        "linear_did (default)": (LinearDid()(panel, design).effect, True),
        "linear_did, CR2 by area": (LinearDid(correction="CR2")(panel, design).effect, True),
        "imputation, linear (default)": (Imputation(model="linear")(panel, design).effect, True),
    }
    if heavy:
        made["group_time"] = (group_time(panel, design).aggregate("simple").effect, True)
        made["poisson_did, randomisation"] = (
            randomization_test(panel, design, estimator=PoissonDid(), rng=rng, draws=199).effect,
            False,
        )
    return made


def study(draws: int, k: int, clustered: bool) -> pd.DataFrame:
    root, rows = space(), []
    for seed in range(draws):
        rng = np.random.default_rng([20240601, k, clustered, seed])
        panel, design, truth_count = world(rng, root, k, clustered)
        for name, (effect, count) in effects(panel, design, rng, heavy=True).items():
            truth = truth_count if count else TRUTH
            missing = not np.isfinite(effect.ci_low)
            rows.append(
                (
                    name,
                    missing,
                    effect.ci_low <= truth <= effect.ci_high,
                    effect.estimate - truth,
                    effect.std_error,
                )
            )
    table = pd.DataFrame(rows, columns=["name", "missing", "covered", "error", "std_error"])
    kept = table[~table["missing"]].groupby("name", sort=False)
    return pd.DataFrame(
        {
            "coverage": kept["covered"].mean(),
            "bias": kept["error"].mean(),
            "spread": kept["error"].std(),
            "mean_se": kept["std_error"].mean(),
        }
    )


def page(tables: dict[tuple[int, bool], pd.DataFrame], draws: int) -> str:
    columns = {
        f"{k} {'clustered' if c else 'scattered'}": t["coverage"] for (k, c), t in tables.items()
    }
    table = pd.DataFrame(columns)
    table = table.loc[tables[next(iter(tables))].index]
    head = "| estimator, error | " + " | ".join(table.columns) + " |\n"
    head += "|---" * (len(table.columns) + 1) + "|\n"
    body = "".join(
        f"| {name} | " + " | ".join("–" if np.isnan(v) else f"{v:.3f}" for v in row) + " |\n"
        for name, row in zip(table.index, table.to_numpy(), strict=True)
    )
    lead = pd.DataFrame({key: t.loc[DEFAULT] for key, t in tables.items()}).T
    detail = "| treated | bias | spread of estimates | mean standard error |\n|---|---|---|---|\n"
    detail += "".join(
        f"| {k} {'clustered' if c else 'scattered'} | {r['bias']:.3f} | {r['spread']:.3f} | "
        f"{r['mean_se']:.3f} |\n"
        for (k, c), r in lead.iterrows()
    )
    worlds = (__doc__ or "").split("Worlds: ")[-1].replace("\n", " ").strip()
    error = np.sqrt(0.95 * 0.05 / draws)
    return (
        "# Coverage\n\nMade by `make coverage`. Share of 95 % intervals that hold the truth, "
        f"{draws:,} draws a column (Monte Carlo error {error:.3f}). {worlds}\n\n"
        "Scattered: treated areas drawn from all. Clustered: drawn from as few boroughs as hold "
        f"them (10 areas each).\n\n{head}{body}\n"
        f"The default in detail (log rate ratio):\n\n{detail}"
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--draws", type=int, default=2_000)
    parser.add_argument("--out", type=Path, default=Path("docs/coverage.md"))
    options = parser.parse_args()
    tables = {}
    for k in (5, 10, 40):
        for clustered in (False, True):
            start = time.perf_counter()
            tables[k, clustered] = study(options.draws, k, clustered)
            print(f"{k} clustered={clustered} {time.perf_counter() - start:.0f} s", flush=True)
            print(tables[k, clustered].round(3).to_string(), flush=True)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(page(tables, options.draws), encoding="utf-8")


if __name__ == "__main__":
    main()
