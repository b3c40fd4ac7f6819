"""Difference-in-differences against its peers: time and peak memory, each run in its own process.

Run ``python benchmarks/did.py`` (several minutes) or ``python benchmarks/did.py --quick``.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
import warnings
from itertools import pairwise

import numpy as np
import pandas as pd

SEED = 20240601
GAPS = 0.01
SMALL_CALLS = 20


def world(n: int, t: int, cohorts: int) -> tuple[np.ndarray, np.ndarray]:
    """Rare counts, 5 % treated, starts spread over the second half."""
    rng = np.random.default_rng(SEED)
    first = np.full(n, t)
    treated = rng.choice(n, n // 20, replace=False)
    first[treated] = t // 2 + rng.integers(0, cohorts, len(treated)) * max(t // 2 // cohorts, 1)
    level = rng.gamma(2.0, 0.5, (n, 1)) * (1 + 0.3 * np.sin(np.arange(t)))
    on = np.arange(t) >= first[:, None]
    return rng.poisson(level * np.where(on, 0.8, 1.0)), first


def seen(n: int, t: int) -> np.ndarray:
    """Cells observed where a panel has gaps: they differ from area to area."""
    return np.random.default_rng(SEED + 2).random((n, t)) >= GAPS


def ours(n: int, t: int, cohorts: int, *, gaps: bool = False):
    from hotspot_eval.design import Design
    from hotspot_eval.panel import Panel
    from hotspot_eval.periods import Periods

    y, first = world(n, t, cohorts)
    areas = tuple(f"E{i:08d}" for i in range(n))
    observed = seen(n, t) if gaps else np.ones((n, t), dtype=bool)
    panel = Panel(
        areas=areas,
        periods=Periods.span(0, t - 1, frequency="step"),
        outcomes=("y",),
        counts=np.where(observed, y, 0)[:, :, None],
        observed=observed[:, :, None],
    )
    starts = {areas[i]: int(first[i]) for i in np.flatnonzero(first < t)}
    return panel, Design(treated=list(starts), start=starts)


def long(n: int, t: int, cohorts: int, *, gaps: bool = False) -> pd.DataFrame:
    y, first = world(n, t, cohorts)
    onset = np.repeat(np.where(first < t, first, 0), t)
    period = np.tile(np.arange(t), n)
    frame = pd.DataFrame(
        {
            "area": np.repeat(np.arange(n), t),
            "period": period,
            "y": y.ravel().astype(float),
            "D": ((onset > 0) & (period >= onset)).astype(float),
            "first": onset,
        }
    )
    return frame[seen(n, t).ravel()].copy() if gaps else frame


def task(name: str, n: int, t: int, cohorts: int):
    """The timed call, with its data made ready outside the clock."""
    gaps = name.endswith(" gaps")
    name = name.removesuffix(" gaps")
    if name.endswith(" looped"):
        one = task(name.removesuffix(" looped"), n, t, cohorts)
        return lambda: [one() for _ in range(SMALL_CALLS)][-1]
    if name == "ours linear from frame":
        return _from_frame(n, t, cohorts)
    if name.startswith("ours"):
        from hotspot_eval import did

        panel, design = ours(n, t, cohorts, gaps=gaps)
        calls = {
            "ours ppml": lambda: did.poisson_did(panel, design).effect.estimate,
            "ours linear": lambda: did.linear_did(panel, design).effect.estimate,
            "ours imputation": lambda: (
                did.imputation(panel, design, model="linear").effect.estimate
            ),
            "ours imputation poisson": lambda: did.imputation(panel, design).effect.estimate,
            "ours group-time 999": lambda: _group_time(did, panel, design),
            "ours group-time": lambda: (
                did.group_time(panel, design, control="never").aggregate("simple").effect.estimate
            ),
            "ours event study": lambda: (
                did.event_study(panel, design, model="linear").effect.estimate
            ),
            "ours etwfe": lambda: (
                did.etwfe(panel, design, scale="link").aggregate("simple").effect.estimate
            ),
            "ours synthetic": lambda: (
                did.synthetic_did(
                    panel, design, rng=np.random.default_rng(1), error="published"
                ).effect.estimate
            ),
            "ours ppml covariate": lambda: (
                (
                    did.PoissonDid(covariates=pd.Series(covariate(n), index=panel.areas))(
                        panel, design
                    )
                ).effect.estimate
            ),
        }
        return calls[name]
    frame = long(n, t, cohorts, gaps=gaps)
    if name.startswith("pyfixest"):
        import pyfixest as pf

        if name == "pyfixest etwfe":
            cells = np.where(frame["D"] > 0, frame["first"] * 1000 + frame["period"], -1)
            frame["cell"] = cells
            formula = "y ~ i(cell, ref=-1) | first + period"
            return lambda: pf.fepois(formula, frame, vcov={"CRV1": "area"}).coef().mean()
        if name == "pyfixest ppml covariate":
            frame["x"] = covariate(n)[frame["area"]]
            formula = "y ~ D + i(period, x) | area + period"
            return lambda: pf.fepois(formula, frame, vcov={"CRV1": "area"}).coef()["D"]
        if name == "pyfixest event study":
            frame["since"] = np.where(frame["first"] > 0, frame["period"] - frame["first"], -1)
            formula = "y ~ i(since, ref=-1) | area + period"
            return lambda: pf.feols(formula, frame, vcov={"CRV1": "area"}).coef().mean()
        fit = pf.fepois if "ppml" in name else pf.feols
        return lambda: fit("y ~ D | area + period", frame, vcov={"CRV1": "area"}).coef()["D"]
    if name == "diff-diff imputation":
        import diff_diff

        return lambda: (
            diff_diff.ImputationDiD()
            .fit(frame, outcome="y", unit="area", time="period", first_treat="first")
            .overall_att
        )
    if name == "diff-diff synthetic":
        import diff_diff

        frame["treated"] = (frame["first"] > 0).astype(int)
        return lambda: (
            diff_diff.SyntheticDiD(seed=1, n_bootstrap=200)
            .fit(
                frame,
                outcome="y",
                treatment="treated",
                unit="area",
                time="period",
                post_periods=list(range(t // 2, t)),
            )
            .att
        )
    if name.startswith("diff-diff group-time"):
        import diff_diff

        draws = 999 if name.endswith("999") else 0
        return lambda: (
            diff_diff.CallawaySantAnna(n_bootstrap=draws, base_period="universal")
            .fit(frame, outcome="y", unit="area", time="period", first_treat="first")
            .overall_att
        )
    from moderndid import att_gt

    draws = {"biters": 999, "boot": True} if name.endswith("999") else {"boot": False}
    return lambda: float(
        np.nanmean(
            att_gt(
                frame,
                yname="y",
                tname="period",
                idname="area",
                gname="first",
                est_method="reg",
                **draws,
            ).att_gt
        )
    )


def _from_frame(n: int, t: int, cohorts: int):
    """A panel made of tidy rows, as peers take them, and the fit."""
    from hotspot_eval import did
    from hotspot_eval.design import Design
    from hotspot_eval.panel import Panel

    frame = long(n, t, cohorts)
    starts = frame.loc[frame["first"] > 0].groupby("area")["first"].first().to_dict()
    design = Design(treated=list(starts), start=starts)
    columns = {"area": "area", "period": "period", "frequency": "step"}

    def call() -> float:
        panel = Panel.from_counts(frame, count="y", **columns)
        return did.linear_did(panel, design).effect.estimate

    return call


def covariate(n: int) -> np.ndarray:
    """One value an area, such as a deprivation score."""
    return np.random.default_rng(SEED + 1).normal(size=n)


def _group_time(did, panel, design) -> float:
    result = did.group_time(panel, design, control="never")
    result.bands("cells", rng=np.random.default_rng(1), draws=999)
    return result.aggregate("simple").effect.estimate


def child(name: str, n: int, t: int, cohorts: int, repeats: int) -> None:
    warnings.simplefilter("ignore")
    call = task(name, n, t, cohorts)
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        value = call()
        seconds.append(time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": min(seconds), "first": seconds[0], "mb": peak, "value": value}))


def run(name: str, n: int, t: int, cohorts: int, repeats: int, limit: int) -> dict[str, float]:
    arguments = [
        sys.executable,
        __file__,
        "--child",
        name,
        str(n),
        str(t),
        str(cohorts),
        str(repeats),
    ]
    try:
        done = subprocess.run(arguments, capture_output=True, text=True, timeout=limit, check=True)
    except (subprocess.TimeoutExpired, subprocess.CalledProcessError) as stopped:
        reason = (getattr(stopped, "stderr", "") or f"over {limit} s").strip().splitlines()[-1:]
        print(f"  {name:26s} {n:>6} × {t:<4} did not finish: {''.join(reason)[:90]}")
        return {"seconds": float("nan"), "mb": float("nan"), "value": float("nan")}
    result = json.loads(done.stdout.strip().splitlines()[-1])
    print(
        f"  {name:26s} {n:>6} × {t:<4} {result['seconds']:8.3f} s (first {result['first']:.3f})  "
        f"{result['mb']:7.0f} MB  estimate {result['value']:.10f}"
    )
    return result


def contest(
    title: str, own: str, peers: list[str], n: int, t: int, cohorts: int, limit: int
) -> None:
    print(f"\n{title}")
    mine = run(own, n, t, cohorts, 3, limit)
    for peer in peers:
        again = n * t < 1_000_000 or peer.startswith("pyfixest")
        theirs = run(peer, n, t, cohorts, 2 if again else 1, limit)
        print(
            f"    {peer} / ours: {theirs['seconds'] / mine['seconds']:.1f}× the time, "
            f"{theirs['mb'] / mine['mb']:.1f}× the memory"
        )


def growth(quick: bool, limit: int) -> None:
    """Seconds as areas, then periods, double: 2× is growth in proportion."""
    few = 2_000 if quick else 8_000
    by_areas = [(few, 60), (2 * few, 60), (4 * few, 60)]
    by_periods = [(few, 60), (few, 120), (few, 240)]
    for name in ("ours ppml", "ours linear", "ours imputation poisson", "ours group-time 999"):
        for what, sizes in (("areas", by_areas), ("periods", by_periods)):
            print(f"\nGrowth with {what}: {name}")
            seconds = [run(name, n, t, 6, 3, limit)["seconds"] for n, t in sizes]
            steps = ", ".join(f"{b / a:.1f}×" for a, b in pairwise(seconds))
            print(f"    as {what} double: {steps}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="a tenth of the areas")
    parser.add_argument("--child", nargs=5)
    parser.add_argument("--limit", type=int, default=600, help="seconds a peer may take")
    options = parser.parse_args()
    if options.child:
        name, *numbers = options.child
        child(name, *map(int, numbers))
        return
    big, limit = (3_500 if options.quick else 35_000), options.limit
    contest("PPML, two-way, clustered", "ours ppml", ["pyfixest ppml"], big, 120, 6, limit)
    contest("Linear, two-way, clustered", "ours linear", ["pyfixest linear"], big, 120, 6, limit)
    few, small = (500, 100) if options.quick else (5_000, 200)
    contest(
        "The same from a frame of tidy rows",
        "ours linear from frame",
        ["pyfixest linear"],
        big,
        120,
        6,
        limit,
    )
    for what in ("linear", "ppml"):
        contest(
            f"{what}, two-way, clustered, 1 % of cells not observed",
            f"ours {what} gaps",
            [f"pyfixest {what} gaps"],
            big,
            120,
            6,
            limit,
        )
        contest(
            f"{what}, {SMALL_CALLS} calls on a small panel",
            f"ours {what} looped",
            [f"pyfixest {what} looped"],
            small,
            48,
            1,
            limit,
        )
    contest(
        "Event study, linear, clustered (estimates are averaged differently)",
        "ours event study",
        ["pyfixest event study"],
        few,
        60,
        6,
        limit,
    )
    for gaps in ("", " gaps"):
        contest(
            f"Imputation, linear{gaps}",
            f"ours imputation{gaps}",
            [f"diff-diff imputation{gaps}"],
            few,
            60,
            6,
            limit,
        )
    contest(
        "Poisson, an effect for every cohort and period (estimates are averaged differently)",
        "ours etwfe",
        ["pyfixest etwfe"],
        500 if options.quick else 2_000,
        60,
        4,
        limit,
    )
    contest(
        "PPML, a covariate with a coefficient in every period",
        "ours ppml covariate",
        ["pyfixest ppml covariate"],
        500 if options.quick else 2_000,
        60,
        4,
        limit,
    )
    contest(
        "Synthetic DiD, one start, placebo error of 200 draws",
        "ours synthetic",
        ["diff-diff synthetic"],
        200 if options.quick else 679,
        48 if options.quick else 60,
        1,
        limit,
    )
    contest(
        "Group-time with 999 multiplier draws (of moderndid the mean over all cells is printed)",
        "ours group-time 999",
        ["diff-diff group-time 999", "moderndid group-time 999"],
        big,
        120,
        6,
        limit,
    )
    contest(
        "Group-time without draws (of moderndid the mean over all cells is printed)",
        "ours group-time",
        ["diff-diff group-time", "moderndid group-time"],
        big,
        120,
        6,
        limit,
    )
    growth(options.quick, limit)


if __name__ == "__main__":
    main()
