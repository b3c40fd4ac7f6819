"""Every snippet of docs/from_download_to_panel.md runs, in its order, on small files made here."""

from __future__ import annotations

import re
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

PAGE = Path(__file__).parents[2] / "docs" / "from_download_to_panel.md"
HEADER = (
    "Crime ID,Month,Reported by,Falls within,Longitude,Latitude,Location,LSOA code,LSOA name,"
    "Crime type,Last outcome category,Context"
)
TYPES = ("Robbery", "Violence and sexual offences", "Anti-social behaviour")
OLD, NEW = ("E01000001", "E01000002"), ("E01033701", "E01000002")
MONTHS = pd.period_range("2019-01", "2022-12", freq="M").astype(str)


def snippets() -> list[str]:
    found = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    return [str(block) for block in found]


def street(folder: Path, months: list[str], rng: np.random.Generator, outcome: str) -> None:
    """One file a month; the first LSOA has a new code from 2022 on."""
    folder.mkdir()
    for month in months:
        codes = OLD if month < "2022" else NEW
        lines = [HEADER]
        for k in range(30):
            kind = TYPES[k % 3]
            crime_id = "" if kind.startswith("Anti") else f"{month}{k:057d}"
            place = codes[int(rng.integers(2))]
            lines.append(
                f"{crime_id},{month},Metropolitan Police Service,Metropolitan Police Service,"
                f"-0.1,51.5,On or near High Street,{place},Lambeth 001A,{kind},{outcome},"
            )
        file = folder / f"{month}-metropolitan-street.csv"
        file.write_text("\n".join([*lines, ""]), encoding="utf-8")


def dated(path: Path, rng: np.random.Generator) -> None:
    size = 400
    days = pd.Timestamp("2019-01-07") + pd.to_timedelta(rng.integers(0, 700, size), unit="D")
    pd.DataFrame(
        {
            "committed_from": days,
            "offence_group": rng.choice(["Robbery", "Violence with injury"], size),
            "x": rng.uniform(530_000, 532_000, size),
            "y": rng.uniform(175_000, 176_000, size),
            "domestic": rng.choice(["Y", "N", ""], size),
            "public_place": rng.choice(["Y", "N"], size),
        }
    ).to_parquet(path)


def given() -> dict[str, object]:
    """What the page takes for granted: an overlap table, the study's codes, boroughs, sites."""
    overlap = pd.DataFrame(
        {"LSOA11CD": OLD, "LSOA21CD": NEW, "share_of_lsoa11": 1.0, "share_of_lsoa21": 1.0}
    )
    squares = [shapely.box(x, 175_000, x + 1_000, 176_000) for x in (530_000, 531_000)]
    return {
        "overlap": overlap,
        "london_codes": ["E01000001", "E01000002"],
        "borough_of_unit": {"E01000001+": "Lambeth", "E01000002": "Lambeth"},
        "sites": gpd.GeoDataFrame(geometry=squares, index=["north", "south"], crs=27700),
    }


def test_the_page_runs_as_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    street(tmp_path / "downloads", list(MONTHS), rng, "Under investigation")
    for name in ("downloads-2023-01", "downloads-2023-07"):
        street(tmp_path / name, ["2022-11", "2022-12"], np.random.default_rng(len(name)), name)
    dated(tmp_path / "extract.parquet", rng)
    monkeypatch.chdir(tmp_path)
    blocks = snippets()
    assert len(blocks) == 6
    names = given()
    for number, block in enumerate(blocks):
        code = compile(block, f"{PAGE.name}, snippet {number + 1}", "exec")
        exec(code, names)
    panel, weekly, diff = (names[name] for name in ("panel", "weekly", "diff"))
    assert panel.counts.sum() == 48 * 20 and panel.observed.all()  # type: ignore[attr-defined]
    assert weekly.periods.frequency == "week" and weekly.counts.sum() > 0  # type: ignore[attr-defined]
    assert set(diff.ids["columns"]) == {"Last outcome category"}  # type: ignore[attr-defined]


def test_every_message_the_page_explains_is_one_the_readers_give() -> None:
    """Of each message in the table of refusals, the longest stretch without a number."""
    text = PAGE.read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\*.*?) \|", text, re.M)
    quoted = [part for row in rows for part in re.findall(r"\*(.+?)\*", row)]
    room = PAGE.parents[1] / "src" / "hotspot_eval" / "data" / "police_uk"
    source = " ".join(file.read_text(encoding="utf-8") for file in sorted(room.glob("*.py")))
    assert len(quoted) >= 6
    for quotation in quoted:
        stretch = max(re.split(r"…|[\d-]+", quotation), key=len).strip()
        assert stretch in source, quotation
