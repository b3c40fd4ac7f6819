"""A world as data.police.uk would publish it: street files, months and no dates."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd

__all__ = ["street_rows", "write_street_files"]

_FORCE = "Simulated Police Service"
_CRIME_TYPES = {
    "asb": "Anti-social behaviour",
    "burglary": "Burglary",
    "criminal_damage": "Criminal damage and arson",
    "drugs": "Drugs",
    "public_order": "Public order",
    "robbery": "Robbery",
    "theft": "Other theft",
    "violence": "Violence and sexual offences",
    "weapons": "Possession of weapons",
}


def street_rows(
    incidents: pd.DataFrame, area_names: pd.Series, months: Sequence[str]
) -> pd.DataFrame:
    """Published incidents of ``months`` with the columns of data.police.uk."""
    month = incidents["datetime"].dt.strftime("%Y-%m")
    rows = incidents[month.isin(months)]
    kind = rows["outcome"].map(lambda name: _CRIME_TYPES.get(name, "Other crime"))
    asb = kind == "Anti-social behaviour"
    placed = rows["area"].notna().to_numpy()
    digest = [sha256(f"incident {number}".encode()).hexdigest() for number in rows["incident"]]
    street = pd.factorize(pd.MultiIndex.from_frame(rows[["easting", "northing"]]))[0]
    return pd.DataFrame(
        {
            "Crime ID": pd.Series(digest, index=rows.index).mask(asb).to_numpy(),
            "Month": month[rows.index].to_numpy(),
            "Reported by": _FORCE,
            "Falls within": _FORCE,
            "Longitude": rows["longitude"].where(placed).round(6).to_numpy(),
            "Latitude": rows["latitude"].where(placed).round(6).to_numpy(),
            "Location": np.where(placed, [f"On or near Street {s}" for s in street], "No Location"),
            "LSOA code": rows["area"].to_numpy(),
            "LSOA name": rows["area"].map(area_names).to_numpy(),
            "Crime type": kind.to_numpy(),
            "Last outcome category": pd.Series("Status update unavailable", index=rows.index)
            .mask(asb)
            .to_numpy(),
            "Context": None,
        }
    )


def write_street_files(frame: pd.DataFrame, folder: Path) -> Path:
    """Write ``<folder>/YYYY-MM/YYYY-MM-simulated-street.csv``, one a month; return the folder."""
    for month, rows in frame.groupby("Month", sort=True):
        path = folder / str(month) / f"{month}-simulated-street.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        rows.to_csv(path, index=False, lineterminator="\n", encoding="utf-8")
    return folder
