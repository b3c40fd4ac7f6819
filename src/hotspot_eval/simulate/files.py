"""A world as files: the same world, the same bytes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pyogrio

from hotspot_eval.panel import Panel

if TYPE_CHECKING:
    from hotspot_eval.simulate.world import World

__all__ = ["write_world"]

_INCIDENT_COLUMNS = [
    "incident",
    "datetime",
    "outcome",
    "area",
    "easting",
    "northing",
    "longitude",
    "latitude",
    "domestic",
]


def write_world(world: World, folder: Path, panel: Panel) -> Path:
    """Write the five files of a world and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    _write_areas(world, folder / "areas.gpkg")
    records = world.incidents[_INCIDENT_COLUMNS].assign(
        datetime=world.incidents["datetime"].dt.strftime("%Y-%m-%dT%H:%M"),
        domestic=world.incidents["domestic"].astype(int),
    )
    _write_table(records, folder / "incidents.csv")
    _write_table(_tidy_counts(panel), folder / "counts.csv")
    _write_table(world.register, folder / "register.csv")
    (folder / "truth.json").write_bytes(_truth_json(world).encode())
    return folder


def _write_table(frame: pd.DataFrame, path: Path) -> None:
    frame.to_csv(path, index=False, lineterminator="\n", encoding="utf-8", float_format="%.10g")


def _write_areas(world: World, path: Path) -> None:
    path.unlink(missing_ok=True)
    with _fixed_clock():
        world.areas.reset_index().to_file(path, layer="areas", driver="GPKG", engine="pyogrio")


@contextmanager
def _fixed_clock() -> Iterator[None]:
    """GeoPackages carry the time of writing; GDAL takes it from this option where it is set."""
    before = pyogrio.get_gdal_config_option("OGR_CURRENT_DATE")
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": "2000-01-01T00:00:00.000Z"})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": before})


def _tidy_counts(panel: Panel) -> pd.DataFrame:
    frame = panel.to_frame()
    name = "month" if panel.periods.frequency == "month" else "week"
    frame = frame.rename(columns={"cluster": "borough", "period": name})
    return frame.loc[frame[panel.outcomes[0]].notna(), ["borough", "area", name, *panel.outcomes]]


def _truth_json(world: World) -> str:
    truth = world.truth
    state = {
        "start": str(truth.periods.starts[0]),
        "weeks": len(truth.periods),
        "outcomes": truth.outcomes,
        "missing_months": truth.missing_months,
        "geography": asdict(world.geography),
        "crime": asdict(world.crime),
        "operation": None if world.operation is None else asdict(world.operation),
        "recording": asdict(world.recording),
        "totals": {
            name: int(getattr(truth, name).sum())
            for name in ("counterfactual", "observed", "prevented", "displaced")
        },
        "sites": json.loads(truth.sites.to_json(orient="records", double_precision=12)),
    }
    return json.dumps(state, indent=1, default=str, allow_nan=False) + "\n"
