"""Ten thousand placebo scenes of a London panel: poisson_did.many beside pyfixest refits.

One core, one run. 679 wards × 60 months in 32 boroughs; a scene treats the five busiest wards of a
borough against the rest of it, twelve months before and three after. pyfixest refits the same
scenes one by one; it is timed on a few and must agree on each. Exit code 1 if it takes more than
two seconds, is less than 300 times as fast, or disagrees, or if five times the scenes take more
than a tenth more working memory.
"""

from __future__ import annotations

import sys
import time
import tracemalloc

import numpy as np
import pandas as pd
import pyfixest as pf

from hotspot_eval import Design, Panel, TopK, poisson_did

AREAS, MONTHS, BOROUGHS = 679, 60, 32
SCENES, REFITS = 10_000, 20
PRE, POST, K = 12, 3, 5


def london(rng: np.random.Generator) -> Panel:
    level = np.exp(rng.normal(2.0, 0.5, AREAS))
    counts = rng.poisson(level[:, None], (AREAS, MONTHS))
    months = pd.period_range("2019-01", periods=MONTHS, freq="M").strftime("%Y-%m")
    frame = pd.DataFrame(
        {
            "area": np.repeat([f"W{i:03}" for i in range(AREAS)], MONTHS),
            "month": np.tile(months, AREAS),
            "borough": np.repeat([f"B{i % BOROUGHS:02}" for i in range(AREAS)], MONTHS),
            "count": counts.ravel(),
        }
    )
    return Panel.from_counts(frame, area="area", period="month", count="count", cluster="borough")


def scenes(panel: Panel, rng: np.random.Generator, number: int) -> list[Design]:
    """Boroughs × dates with the busiest wards, drawn again at random until there are enough."""
    boroughs = sorted(set(panel.cluster))
    home = {
        b: [a for a, c in zip(panel.areas, panel.cluster, strict=True) if c == b] for b in boroughs
    }
    rules = [TopK(k=K), TopK(k=K, by="change"), TopK(k=K, by="random")]
    labels = panel.periods.labels
    designs: list[Design] = []
    while len(designs) < number:
        period = labels[int(rng.integers(15, MONTHS - POST))]
        chosen = set(rules[len(designs) % 3](panel, period, rng))
        designs += [
            Design(
                treated=[a for a in home[borough] if a in chosen],
                controls=[a for a in home[borough] if a not in chosen],
                start=period,
                pre_periods=PRE,
                post_periods=POST,
            )
            for borough in boroughs
        ]
    return designs[:number]


def refit(frame: pd.DataFrame, panel: Panel, design: Design) -> float:
    at = panel.periods.labels.index(design.spells[0].start)
    window = panel.periods.labels[at - PRE : at + POST]
    rows = frame[
        frame["area"].isin([*design.treated, *design.controls]) & frame["period"].isin(window)
    ].copy()
    rows["on"] = (rows["area"].isin(design.treated) & (rows["period"] >= window[PRE])).astype(int)
    fit = pf.fepois("count ~ on | area + period", data=rows, vcov={"CRV1": "area"})
    return float(fit.coef()["on"])


def peak_mib(panel: Panel, designs: list[Design]) -> float:
    """Most memory that the estimates of these scenes take at once, the estimates left out.

    The less of two runs: an interpreter's tables grow now and then, by no fault of the scenes.
    """
    peaks = []
    for _ in range(2):
        tracemalloc.start()
        estimates = poisson_did.many(panel, designs)
        peaks.append(tracemalloc.get_traced_memory()[1] - estimates.nbytes)
        tracemalloc.stop()
    return float(min(peaks) / 2**20)


def main() -> None:
    rng = np.random.default_rng(1)
    panel = london(rng)
    designs = scenes(panel, rng, SCENES)
    frame = panel.to_frame().astype({"count": float})
    refit(frame, panel, designs[0])
    poisson_did.many(panel, designs[:1])
    begun = time.perf_counter()
    peers = np.array([refit(frame, panel, design) for design in designs[:REFITS]])
    peer_seconds = (time.perf_counter() - begun) / REFITS
    begun = time.perf_counter()
    ours = poisson_did.many(panel, designs)
    seconds = time.perf_counter() - begun
    worst = float(np.abs(ours[:REFITS] - peers).max())
    each = 1e6 * seconds / SCENES
    print(f"poisson_did.many  {SCENES:,} scenes: {seconds:.2f} s ({each:.0f} µs a scene)")
    print(f"pyfixest fepois   {1e3 * peer_seconds:.1f} ms a refit ({REFITS} timed)")
    print(f"ratio {peer_seconds * SCENES / seconds:.0f}×; largest difference {worst:.1e}")
    few, many = (peak_mib(panel, designs[:number]) for number in (SCENES // 5, SCENES))
    print(f"working memory    {few:.2f} MiB for {SCENES // 5:,} scenes, {many:.2f} for {SCENES:,}")
    slow = seconds > 2.0 or peer_seconds * SCENES / seconds < 300
    if slow or worst > 1e-6 or many > 1.1 * few:
        sys.exit(1)


if __name__ == "__main__":
    main()
