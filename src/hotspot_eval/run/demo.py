"""The demonstration: three simulated boroughs whose true effect is known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from hotspot_eval.report.files import slug, write_atomically
from hotspot_eval.run.plan import plan_study
from hotspot_eval.run.publish import run_study
from hotspot_eval.simulate import Crime, Geography, Operation, simulate

__all__ = ["beside_truth", "demo_params", "demo_study", "write_inputs"]

_PRIMARY = "violence"
_PARAMS = {
    "study": "demo",
    "title": "A simulated operation in three boroughs",
    "seed": 20220718,
    "boroughs": "each",
    "counts": {
        "kind": "incidents",
        "paths": ["incidents.csv"],
        "area": "area",
        "period": "datetime",
        "outcome_column": "outcome",
        "source": "internal",
        "force": "simulated",
    },
    "areas": {"path": "areas.gpkg", "id_column": "area", "cluster_column": "cluster"},
    "register": {"path": "register.csv"},
    "outcomes": {"primary": _PRIMARY, "secondary": ["robbery"]},
    "window": {
        "frequency": "four_week",
        "start": "2018-01-01",
        "pre_periods": 13,
        "post_periods": 6,
    },
    "selection": {"rule": "top_count", "lookback": 3},
    "acknowledge": {
        "lockdown-2020-03": "there was no lockdown in the simulated world",
        "lockdown-2020-11": "there was no lockdown in the simulated world",
        "lockdown-2021-01": "there was no lockdown in the simulated world",
    },
    "licence": "Simulated data: no real place, person or incident.",
}


def write_inputs(out: Path, *, seed: int = 1) -> Path:
    """Simulate the world and write what an evaluation reads, below ``out/input``.

    Four hotspots in each borough, picked on the last 12 weeks of violence, patrolled for 24 weeks
    from July 2022 (four weeks later in each further borough); a quarter fewer incidents there, a
    twentieth of what was prevented displaced next door.

    Returns
    -------
    Path
        The params file.
    """
    world = simulate(
        rng=np.random.default_rng(seed),
        start="2018-01-01",
        weeks=272,
        geography=Geography(boroughs=3, areas_per_borough=(36, 44)),
        crime=Crime(mean_per_area_week=6.0),
        operation=Operation(
            start="2022-07-11",
            weeks=24,
            k=4,
            lookback_weeks=12,
            selected_on=(_PRIMARY,),
            effect_percent=-25.0,
            displacement_percent=5.0,
            stagger_weeks=4,
        ),
    )
    folder = out / "input"
    world.write(folder, frequency="week")
    params = folder / "params.yaml"
    write_atomically(params, yaml.safe_dump(_PARAMS, sort_keys=False, allow_unicode=True))
    return params


def demo_params(project: Path) -> Path:
    """Params of the demonstration below ``project/outputs/demo``, simulated if absent."""
    out = project / "outputs" / "demo"
    params = out / "input" / "params.yaml"
    return params if params.is_file() else write_inputs(out)


def demo_study(project: Path) -> Path:
    """Folder of the demonstration's results, run first if it has not been."""
    params = demo_params(project)
    out = params.parents[1]
    if not (out / "internal" / "study.json").is_file():
        plan = plan_study([params], out=out)
        run_study(plan, jobs=2, scheduler=None, fresh=True, tell=lambda site: None)
    return out


def beside_truth(out: Path) -> pd.DataFrame:
    """One row a borough: the estimate of each kind, its interval, and the effect that was set."""
    truth = json.loads((out / "input" / "truth.json").read_text(encoding="utf-8"))
    known = {
        slug(site["borough"]): float(site["percent"])
        for site in truth["sites"]
        if site["outcome"] == _PRIMARY
    }
    estimates = pd.read_csv(out / "estimates.csv")
    shown = estimates[(estimates["role"] == "primary") & (estimates["outcome"] == _PRIMARY)]
    rows = []
    for row in shown.to_dict("records"):
        low, value, high = (row[f"percent_{name}"] for name in ("low", "change", "high"))
        true = known.get(row["site"], float(np.mean(list(known.values()))))
        inside = "yes" if low <= true <= high else "no"
        told = (f"{value:.1f} %", f"{low:.1f} to {high:.1f} %", f"{true:.1f} %", inside)
        rows.append((row["site"], *told))
    columns = ["borough", "estimate", "95 % interval", "truth", "truth in interval"]
    return pd.DataFrame(rows, columns=columns)
