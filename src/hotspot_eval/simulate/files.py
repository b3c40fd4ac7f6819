"""Tables, maps and records on disk: the same content, the same bytes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pyogrio

from hotspot_eval.panel import Panel

__all__ = ["write_areas", "write_counts", "write_incidents", "write_record", "write_table"]

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


def write_table(frame: pd.DataFrame, path: Path) -> None:
    """A CSV file with the same line ends and digits everywhere."""
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.to_csv(path, index=False, lineterminator="\n", encoding="utf-8", float_format="%.10g")


def write_incidents(incidents: pd.DataFrame, path: Path) -> None:
    """Published records without the area in which they truly happened."""
    records = incidents[_INCIDENT_COLUMNS].assign(
        datetime=incidents["datetime"].dt.strftime("%Y-%m-%dT%H:%M"),
        domestic=incidents["domestic"].astype(int),
    )
    write_table(records, path)


def write_counts(panel: Panel, path: Path) -> None:
    """Tidy counts, zeros included, missing periods left out."""
    name = "month" if panel.periods.frequency == "month" else "week"
    frame = panel.to_frame().rename(columns={"cluster": "borough", "period": name})
    known = frame[panel.outcomes[0]].notna()
    write_table(frame.loc[known, ["borough", "area", name, *panel.outcomes]], path)


def write_areas(areas: gpd.GeoDataFrame, path: Path) -> None:
    """A GeoPackage with one layer, ``areas``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with _fixed_clock():
        areas.reset_index().to_file(path, layer="areas", driver="GPKG", engine="pyogrio")


def write_record(record: Mapping[str, object], path: Path) -> None:
    """A JSON file; dates as text, not-a-number refused."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(record, indent=1, default=str, allow_nan=False) + "\n"
    path.write_text(text, encoding="utf-8", newline="\n")


@contextmanager
def _fixed_clock() -> Iterator[None]:
    """GeoPackages carry the time of writing; GDAL takes it from this option where it is set."""
    before = pyogrio.get_gdal_config_option("OGR_CURRENT_DATE")
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": "2000-01-01T00:00:00.000Z"})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": before})
