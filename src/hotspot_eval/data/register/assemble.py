"""From settled deployments to the register: spells, sites, outputs, ledger."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from hotspot_eval.data.register.draft import Draft
from hotspot_eval.data.register.findings import findings_frame, notes
from hotspot_eval.data.register.frames import row_values
from hotspot_eval.data.register.geometry import BRITISH_GRID
from hotspot_eval.data.register.model import SPELL_COLUMNS, InterventionRegister
from hotspot_eval.data.register.places import Gazetteer
from hotspot_eval.data.register.rows import hours_of, tally_of, totals_agree
from hotspot_eval.data.snap_points import note_of_small
from hotspot_eval.errors import InputError, Problem
from hotspot_eval.ledger import Ledger, LedgerNote

__all__ = ["assemble"]


def assemble(draft: Draft, areas: pd.DataFrame | None) -> InterventionRegister:
    """The register of a settled draft; unusable deployments are left out and counted."""
    outputs = _outputs(draft)
    frame = _frame(draft)
    spells = _spells(draft, frame, areas)
    unusable = {f.row for f in draft.findings if f.outcome == "unusable"}
    usable = ~frame["row"].isin(unusable)
    if not usable.any():
        raise InputError(
            Problem(where=draft.table.source, what="holds no deployment that can be used")
        )
    spells = spells[~spells["row"].isin(unusable)].reset_index(drop=True)
    _overlaps(draft, spells)
    sites = _sites(frame[usable], spells, areas)
    return InterventionRegister(
        spells=spells,
        sites=sites,
        outputs=outputs[usable.to_numpy()].reset_index(drop=True),
        findings=findings_frame(draft.findings),
        ledger=_ledger(draft, int(usable.sum()), spells) + _small_sites(sites),
    )


def _frame(draft: Draft) -> pd.DataFrame:
    """One row a deployment, in the order of the file."""
    days = {
        name: pd.to_datetime(pd.Series(values, dtype=object), errors="coerce")
        for name, values in (("start", draft.starts), ("end", draft.ends))
    }
    columns = {
        "site": draft.sites,
        "borough": [name or None for name in draft.boroughs],
        "kind": draft.kinds,
        "areas": draft.areas,
        "geometry": draft.drawn,
    }
    return pd.DataFrame(
        {
            "row": draft.lines,
            **{name: pd.Series(values, dtype=object) for name, values in columns.items()},
            **days,
            "dose": _dose(draft),
        }
    )


def _outputs(draft: Draft) -> pd.DataFrame:
    table = draft.table
    columns: dict[str, list[float | None]] = {}
    for name, place in draft.columns.outputs.items():
        cells = [table.rows[at][place] for at in draft.kept]
        columns[name], found, dashes = tally_of(cells, rows=draft.lines, field=name)
        draft.findings += found
        draft.remarks.append(LedgerNote(reason=f"{name}: dash read as 0", rows=dashes))
    since = 0
    for place in draft.totals:
        said = {name: table.rows[place][at] for name, at in draft.columns.outputs.items()}
        until = sum(at < place for at in draft.kept)
        agree, words = totals_agree(said, columns, above=range(since, until))
        since = until
        if words:
            verdict = "agrees" if agree else "disagrees"
            draft.remarks.append(
                LedgerNote(
                    reason=f"totals row {verdict} with the rows read: {words}",
                    rows=1,
                    examples=(f"row {table.lines[place]}",),
                )
            )
    return pd.DataFrame(
        {
            "row": draft.lines,
            "site": pd.Series(draft.sites, dtype=object),
            "start": pd.to_datetime(pd.Series(draft.starts, dtype=object), errors="coerce"),
            **{name: pd.array(values, dtype="Float64") for name, values in columns.items()},
        }
    )


def _dose(draft: Draft) -> list[float]:
    """Hours a day: the dose where the file has one, else the duration, else the total shared."""
    fields = draft.columns.fields
    name = next((n for n in ("dose", "duration", "dose_total") if n in fields), "dose")
    cells = draft.text[name]
    clock = any(":" in cell for cell in cells)
    hours, found = hours_of(cells, rows=draft.lines, field=name, clock=clock)
    draft.findings += found
    if name != "dose_total":
        return [np.nan if value is None else value for value in hours]
    shared = []
    for place, (total, first, last) in enumerate(zip(hours, draft.starts, draft.ends, strict=True)):
        days = (last - first).days + 1 if first and last and last >= first else 0
        shared.append(total / days if total is not None and days else np.nan)
        if total is not None and not days:
            problem = "total dose of a spell without end"
            draft.find(place, name, problem, "flagged", cells[place], "missing")
    return shared


def _spells(draft: Draft, frame: pd.DataFrame, areas: pd.DataFrame | None) -> pd.DataFrame:
    """One row for each deployment and area; shares as drawn, 1 where nothing is drawn."""
    home = {} if areas is None else Gazetteer.of(areas).cluster
    columns = ("row", "site", "borough", "kind", "start", "end", "dose")
    records = [
        (*record, home.get(area or "", record[2]), area, shares.get(area or "", 1.0))
        for record, inside, shares in zip(
            row_values(frame, *columns), draft.areas, draft.shares, strict=True
        )
        for area in inside or (None,)
    ]
    spells = pd.DataFrame(records, columns=[*columns, "cluster", "area", "share"])
    for name in ("start", "end"):
        spells[name] = pd.to_datetime(spells[name])
    for name in ("site", "borough", "kind", "cluster", "area"):
        spells[name] = spells[name].astype(object).where(spells[name].notna(), None)
    return spells[list(SPELL_COLUMNS)]


def _overlaps(draft: Draft, spells: pd.DataFrame) -> None:
    """Name spells of one site that begin before an earlier one has ended."""
    place = {line: at for at, line in enumerate(draft.lines)}
    whole = spells.drop_duplicates(["row", "start", "end"]).sort_values(["site", "start", "row"])
    for _, rows in whole.groupby("site", sort=True):
        until, by = pd.Timestamp.min, 0
        for line, start, last in row_values(rows, "row", "start", "end"):
            if by and start <= until:
                lasting = "further notice" if until == pd.Timestamp.max else until.date()
                draft.find(
                    place[line],
                    "start",
                    "overlaps another spell of its site",
                    "flagged",
                    str(start.date()),
                    "both kept; its days count once",
                    f"row {by} lasts until {lasting}",
                )
            end = pd.Timestamp.max if pd.isna(last) else last
            if not by or end > until:
                until, by = end, line


def _sites(frame: pd.DataFrame, spells: pd.DataFrame, areas: pd.DataFrame | None) -> pd.DataFrame:
    def first(values: pd.Series) -> object:
        return next((value for value in values if value), None)

    names: list[str] = sorted(set(frame["site"]))
    rows = {name: frame[frame["site"] == name] for name in names}
    inside: dict[str, set[str]] = {name: set() for name in names}
    for name, area in row_values(spells.dropna(subset="area"), "site", "area"):
        inside[name].add(area)
    columns: dict[str, list[object]] = {
        "site": [*names],
        "borough": [first(rows[name]["borough"]) for name in names],
        "kind": [first(rows[name]["kind"]) for name in names],
        "areas": [tuple(sorted(inside[name])) for name in names],
    }
    sites = pd.DataFrame({name: pd.Series(c, dtype=object) for name, c in columns.items()})
    sites["spells"] = [len(rows[name]) for name in names]
    drawn = frame[frame["geometry"].notna()]
    if not len(drawn):
        return sites
    crs = areas.crs if isinstance(areas, gpd.GeoDataFrame) else BRITISH_GRID
    shapes = [
        shapely.union_all(drawn.loc[drawn["site"] == name, "geometry"].to_list()) for name in names
    ]
    frame_drawn: pd.DataFrame = gpd.GeoDataFrame(sites, geometry=shapes, crs=crs)
    return frame_drawn


def _small_sites(sites: pd.DataFrame) -> Ledger:
    """A word of warning on sites that are drawn smaller than street files can tell."""
    if "geometry" not in sites:
        return Ledger()
    drawn = sites[~sites.geometry.is_empty & sites.geometry.notna()]
    note = note_of_small("site", drawn["site"], np.asarray(drawn.geometry.array))
    if not note.rows:
        return Ledger()
    return Ledger().step(
        "drawn sites", unit="sites", rows_in=len(drawn), rows_out=len(drawn), remarks=[note]
    )


def _ledger(draft: Draft, deployments: int, spells: pd.DataFrame) -> Ledger:
    table = draft.table
    unusable = [f for f in draft.findings if f.outcome == "unusable"]
    first = {f.row: f for f in reversed(unusable)}
    gone = [
        *notes([f for f in draft.findings if f.outcome == "left out"], ["left out"]),
        *notes([first[line] for line in draft.lines if line in first], ["unusable"]),
    ]
    header = [name for name in table.header if name]
    return (
        Ledger()
        .step(
            f"columns of {table.source}",
            unit="columns",
            rows_in=len(header),
            rows_out=len(header) - len(draft.columns.unused),
            left_out=[
                LedgerNote(
                    reason="column not used",
                    rows=len(draft.columns.unused),
                    examples=draft.columns.unused,
                )
            ],
        )
        .step(
            f"read {table.source}",
            rows_in=len(table.rows),
            rows_out=deployments,
            left_out=gone,
            remarks=[
                *table.remarks,
                *draft.remarks,
                *notes(draft.findings, ["corrected", "flagged", "undecided"]),
            ],
        )
        .step(
            "spells by area",
            unit="spells",
            rows_in=len(spells),
            rows_out=len(spells),
            remarks=[
                LedgerNote(
                    reason="spell of a site over several areas",
                    rows=int(spells["row"].duplicated(keep=False).sum()),
                ),
                LedgerNote(
                    reason="spell without an area: the site is drawn",
                    rows=int(spells["area"].isna().sum()),
                ),
            ],
        )
    )
