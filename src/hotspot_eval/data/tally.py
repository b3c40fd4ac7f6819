"""From counts by cell to a panel: which area, which period, which outcome, what is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hotspot_eval.data.geography import (
    LsoaComponents,
    areas_of_points,
    is_new_in_2021,
    polygon_ids,
)
from hotspot_eval.data.outcomes import crime_types_of
from hotspot_eval.errors import InputError, Problem, check_choice
from hotspot_eval.ledger import Ledger, LedgerNote
from hotspot_eval.panel import Panel, area_ids
from hotspot_eval.periods import Frequency, PeriodLike, Periods, interval_days

if TYPE_CHECKING:
    from hotspot_eval.data.incidents import Incidents

__all__ = ["AbsentTypes", "Partial", "Where", "tally"]

Where = Literal["code", "point"]
Partial = Literal["keep", "missing"]
AbsentTypes = Literal["refuse", "zero"]

# Forces with a smaller share of an area's records are visitors: their gaps do not blank the area.
_SERVES = 0.05
# Polygons are taken for the records' own areas when they know this share of the codes.
_KNOWN = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class _Units:
    """Ids of the areas, sorted, and which of them each code belongs to."""

    ids: tuple[str, ...]
    codes: pd.DataFrame
    shapes: gpd.GeoDataFrame | None = None


def tally(
    incidents: Incidents,
    *,
    outcomes: Sequence[str] | Mapping[str, Sequence[str]],
    areas: Any,
    where: Where | None,
    frequency: Frequency,
    start: PeriodLike | None,
    end: PeriodLike | None,
    partial: Partial,
    absent_types: AbsentTypes,
    offset_base: Mapping[Any, float] | pd.Series | None,
    cluster: Mapping[Any, str] | pd.Series | None,
) -> Panel:
    """See :meth:`hotspot_eval.data.incidents.Incidents.panel`."""
    check_choice("partial", partial, get_args(Partial))
    check_choice("absent_types", absent_types, get_args(AbsentTypes))
    kinds = crime_types_of(outcomes, source=incidents.source)
    _refuse_types(kinds, incidents)
    periods = _periods(incidents, frequency, start, end)
    units = _units(incidents, areas)
    where = _where(incidents, units, where)
    _count(incidents, units, where, _days(incidents, periods))
    recorded = _recorded(incidents, kinds, absent_types)
    counts, ledger = _arrays(incidents, units, periods, kinds, where)
    shares = _shares(incidents, len(units.ids), list(recorded.index))
    delivered = _delivered(incidents, shares, list(recorded.index), periods, partial)
    observed = delivered[:, :, None] & recorded.to_numpy()[shares.argmax(axis=1)][:, None, :]
    uncovered = int(counts[~observed].sum())
    counts[~observed] = 0
    ledger = ledger.step(
        "grid of areas and periods",
        unit="cells",
        rows_in=observed.size,
        rows_out=observed.size,
        remarks=[
            LedgerNote(
                reason="missing: the force that serves the area did not deliver the period or type",
                rows=int((~observed).sum()),
            ),
            LedgerNote(reason="incidents counted in cells set to missing", rows=uncovered),
        ],
    )
    return Panel(
        areas=units.ids,
        periods=periods,
        outcomes=tuple(kinds),
        counts=counts,
        observed=observed,
        offset_base=_base(offset_base, units.ids, len(periods)),
        cluster=None if cluster is None else _labels(cluster, units.ids),
        ledger=incidents.ledger + ledger,
    )


def _refuse_types(kinds: Mapping[str, Sequence[str]], incidents: Incidents) -> None:
    if incidents.crime_types is None:
        return
    lost = sorted({t for types in kinds.values() for t in types} - set(incidents.crime_types))
    if lost:
        raise InputError(
            Problem(
                where="argument 'outcomes'",
                what="count crime types that were left out on reading",
                examples=lost,
                advice="Read without crime_types, or with these too.",
            )
        )


def _periods(
    incidents: Incidents, frequency: Frequency, start: PeriodLike | None, end: PeriodLike | None
) -> Periods:
    check_choice("frequency", frequency, ("week", "four_week", "month", "year"))
    if incidents.resolution == "month" and frequency in ("week", "four_week"):
        raise InputError(
            Problem(
                where="argument 'frequency'",
                what=f"'{frequency}' needs dates, and these records carry a month but no day",
                advice="Use frequency='month', or read dated records with read_incidents.",
            )
        )
    first, after = incidents.covered
    from_day = first if start is None else interval_days(start, frequency)[0]
    to_day = after if end is None else interval_days(end, frequency)[1]
    periods = Periods.span(from_day, to_day - np.timedelta64(1, "D"), frequency=frequency)
    if periods.ends[-1] > to_day and frequency in ("week", "four_week") and len(periods) > 1:
        return periods.take(0, len(periods) - 1)
    return periods


def _days(incidents: Incidents, periods: Periods) -> pd.DataFrame:
    """Each month (or day) that occurs and the position of its period, −1 outside."""
    labels = incidents.engine.ask("SELECT DISTINCT month FROM kept ORDER BY month")["month"]
    days = labels.to_numpy().astype("datetime64[D]")
    place = np.searchsorted(periods.starts, days, side="right") - 1
    place[days >= periods.ends[-1]] = -1
    return pd.DataFrame({"month": labels, "p": place})


def _units(incidents: Incidents, areas: Any) -> _Units:
    if isinstance(areas, LsoaComponents):
        table = pd.DataFrame({"code": list(areas.unit_of), "id": list(areas.unit_of.values())})
        return _of_table(table, areas.units)
    if isinstance(areas, gpd.GeoDataFrame):
        ids = polygon_ids(areas)
        order = np.argsort(np.array(ids, dtype=object))
        names = tuple(ids[k] for k in order)
        table = pd.DataFrame({"code": list(names), "id": list(names)})
        whole = _of_table(table, names)
        return _Units(ids=whole.ids, codes=whole.codes, shapes=areas.iloc[order])
    recorded = incidents.engine.ask(
        f"SELECT DISTINCT code FROM {incidents.cells} WHERE code IS NOT NULL"
    )["code"]
    _refuse_code_switch(incidents, recorded)
    if areas is None:
        codes = recorded.tolist()
        where, what = "records", "none has an area code"
    else:
        codes = area_ids([areas] if isinstance(areas, str) else areas)
        where, what = "argument 'areas'", "names no area"
    if not codes:
        raise InputError(Problem(where=where, what=what, advice="Pass areas= as polygons."))
    names = tuple(sorted({code.strip() for code in codes}))
    return _of_table(pd.DataFrame({"code": codes, "id": [c.strip() for c in codes]}), names)


def _of_table(table: pd.DataFrame, ids: tuple[str, ...]) -> _Units:
    place = {label: k for k, label in enumerate(ids)}
    codes = pd.DataFrame({"code": table["code"], "u": table["id"].map(place).astype("int64")})
    return _Units(ids=ids, codes=codes.drop_duplicates())


def _refuse_code_switch(incidents: Incidents, codes: pd.Series) -> None:
    """LSOA codes that begin with the 2021 census in some months only would fake falls and rises."""
    new = codes[codes.map(is_new_in_2021)]
    if new.empty:
        return
    months = incidents.engine.ask(
        f"""SELECT month, bool_or(code IN (SELECT code FROM new)) AS has
        FROM {incidents.cells} GROUP BY month ORDER BY month""",
        new=pd.DataFrame({"code": new}),
    )
    if not months["has"].all():
        raise InputError(
            Problem(
                where="argument 'areas'",
                what="the records change from LSOA 2011 to LSOA 2021 codes; months with new codes",
                examples=months.loc[months["has"], "month"].tolist(),
                advice="Pass areas=lsoa_components(overlap), which joins the two vintages.",
            )
        )


def _where(incidents: Incidents, units: _Units, where: Where | None) -> Where:
    """By code for polygons whose ids the records carry, by point for others."""
    if where is not None:
        check_choice("where", where, get_args(Where))
        if where == "point" and units.shapes is None:
            raise InputError(
                Problem(
                    where="argument 'where'",
                    what="'point' needs polygons",
                    advice="Pass areas= as a GeoDataFrame.",
                )
            )
        return where
    if units.shapes is None:
        return "code"
    known = incidents.engine.ask(
        f"""SELECT coalesce(avg((code IN (SELECT code FROM codes))::INT), 0) AS share
        FROM (SELECT DISTINCT code FROM {incidents.cells} WHERE code IS NOT NULL)""",
        codes=units.codes,
    )
    return "code" if known["share"].iloc[0] >= _KNOWN else "point"


def _count(incidents: Incidents, units: _Units, where: Where, days: pd.DataFrame) -> None:
    """Make the table ``tallied``: records by force, type, period and unit (NULL where outside)."""
    engine = incidents.engine
    joins, place, nowhere = "LEFT JOIN codes USING (code)", "codes.u", "code IS NULL"
    cells, extra = incidents.cells, {"codes": units.codes, "days": days}
    if units.shapes is not None:
        incidents.load_points()
        cells = "all_points"
        extra["spots"] = _spots(incidents, units.shapes)
        spots = "LEFT JOIN spots USING (longitude, latitude)"
        if where == "point":
            joins, place, nowhere = spots, "spots.u", "longitude IS NULL"
        else:
            joins, place = f"{joins} {spots}", "coalesce(codes.u, spots.u)"
            nowhere = "code IS NULL AND longitude IS NULL"
    only = "true"
    if incidents.crime_types is not None:
        extra["types"] = pd.DataFrame({"crime_type": list(incidents.crime_types)})
        only = "crime_type IN (SELECT crime_type FROM types)"
    engine.run(
        f"""CREATE OR REPLACE TABLE tallied AS
        SELECT force, crime_type, p, {place} AS u, {nowhere} AS nowhere, n
        FROM {cells} JOIN days USING (month) {joins} WHERE {only}""",
        **extra,
    )


def _spots(incidents: Incidents, shapes: gpd.GeoDataFrame) -> pd.DataFrame:
    spots = incidents.engine.ask(
        "SELECT DISTINCT longitude, latitude FROM all_points WHERE longitude IS NOT NULL "
        "ORDER BY ALL"
    )
    spots["u"] = areas_of_points(
        spots["longitude"].to_numpy(), spots["latitude"].to_numpy(), shapes
    )
    return spots[spots["u"] >= 0]


def _recorded(
    incidents: Incidents, kinds: Mapping[str, Sequence[str]], absent_types: AbsentTypes
) -> pd.DataFrame:
    """Whether a force's files hold any crime type of an outcome: forces × outcomes."""
    found = incidents.engine.ask("SELECT DISTINCT force, crime_type FROM tallied")
    types = found.groupby("force")["crime_type"].agg(set).to_dict()
    forces = sorted(set(incidents.coverage["force"]))
    table = pd.DataFrame(
        {
            name: [bool(types.get(force, set()) & set(wanted)) for force in forces]
            for name, wanted in kinds.items()
        },
        index=forces,
    )
    if absent_types == "zero":
        return table.mask(~table, True)
    lost = [f"{name} ({', '.join(kinds[name])})" for name in kinds if not table[name].any()]
    if lost:
        raise InputError(
            Problem(
                where="argument 'outcomes'",
                what="none of their crime types occurs in the records",
                examples=lost,
                advice="Is this an extract without them? If there truly were none, pass "
                "absent_types='zero'.",
            )
        )
    return table


def _arrays(
    incidents: Incidents,
    units: _Units,
    periods: Periods,
    kinds: Mapping[str, Sequence[str]],
    where: Where,
) -> tuple[NDArray[np.int64], Ledger]:
    pairs = [(t, k) for k, types in enumerate(kinds.values()) for t in dict.fromkeys(types)]
    table = pd.DataFrame(pairs, columns=["crime_type", "k"])
    found = incidents.engine.ask(
        """SELECT u, p, k, sum(n)::BIGINT AS n FROM tallied JOIN kinds USING (crime_type)
        WHERE u IS NOT NULL AND p >= 0 GROUP BY ALL""",
        kinds=table,
    )
    counts = np.zeros((len(units.ids), len(periods), len(kinds)), dtype=np.int64)
    place = (found["u"].to_numpy(np.intp), found["p"].to_numpy(np.intp))
    counts[(*place, found["k"].to_numpy(np.intp))] = found["n"].to_numpy(np.int64)
    fate = incidents.engine.ask(
        """SELECT CASE WHEN crime_type NOT IN (SELECT crime_type FROM kinds) THEN 'type'
        WHEN p < 0 THEN 'time' WHEN u IS NOT NULL THEN 'in' WHEN nowhere THEN 'nowhere'
        ELSE 'outside' END AS fate, sum(n)::BIGINT AS n FROM tallied GROUP BY 1""",
        kinds=table,
    ).set_index("fate")["n"]
    missing = "no LSOA code" if where == "code" else "no coordinates"
    reasons = {
        "type": "crime type of no outcome",
        "time": "before the start or after the end",
        "nowhere": f"not located ({missing})",
        "outside": "area outside the study",
    }
    ledger = Ledger().step(
        f"place incidents by {where}",
        rows_in=int(fate.sum()),
        rows_out=int(fate.get("in", 0)),
        left_out=[
            LedgerNote(reason=reason, rows=int(fate.get(key, 0))) for key, reason in reasons.items()
        ],
    )
    return counts, ledger


def _shares(incidents: Incidents, units: int, forces: list[str]) -> NDArray[np.float64]:
    """Share of each unit's records by force, shape (N, F); equal where a unit has no record."""
    found = incidents.engine.ask(
        "SELECT u, force, sum(n)::BIGINT AS n FROM tallied WHERE u IS NOT NULL GROUP BY ALL"
    )
    rows = np.zeros((units, len(forces)))
    place = (found["u"].to_numpy(np.intp), pd.Index(forces).get_indexer(pd.Index(found["force"])))
    rows[place] = found["n"].to_numpy(np.float64)
    total = rows.sum(axis=1, keepdims=True)
    shares: NDArray[np.float64] = np.where(total > 0, rows / np.maximum(total, 1), 1 / len(forces))
    return shares


def _delivered(
    incidents: Incidents,
    shares: NDArray[np.float64],
    forces: list[str],
    periods: Periods,
    partial: Partial,
) -> NDArray[np.bool_]:
    """Whether every force that serves a unit delivered the period, shape (N, T)."""
    absent = np.zeros((len(forces), len(periods)), dtype=bool)
    gaps = incidents.gaps(partial)
    begins, ends = (gaps[name].to_numpy().astype("datetime64[D]") for name in ("start", "end"))
    for force, begin, end in zip(gaps["force"], begins, ends, strict=True):
        absent[forces.index(force)] |= (periods.starts < end) & (periods.ends > begin)
    first, after = incidents.covered
    absent |= (periods.starts < first) | (periods.ends > after)
    serves = shares >= min(_SERVES, 1 / len(forces))
    blank: NDArray[np.bool_] = (serves.astype(np.int64) @ absent.astype(np.int64)) > 0
    return ~blank


def _base(
    source: Mapping[Any, float] | pd.Series | None, ids: tuple[str, ...], periods: int
) -> NDArray[np.float64] | None:
    if source is None:
        return None
    values = _looked_up(source, ids, "offset_base")
    return np.repeat(np.array([float(v) for v in values])[:, None], periods, axis=1)


def _labels(source: Mapping[Any, str] | pd.Series, ids: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(str(value) for value in _looked_up(source, ids, "cluster"))


def _looked_up(source: Mapping[Any, Any] | pd.Series, ids: tuple[str, ...], name: str) -> list[Any]:
    table = dict(zip(area_ids(source.keys()), pd.Series(source).tolist(), strict=True))
    absent = [label for label in ids if label not in table or pd.isna(table[label])]
    if absent:
        raise InputError(
            Problem(
                where=f"argument '{name}'",
                what="has no value for areas of the panel",
                examples=absent,
                advice="Give every area a value, or name the areas of the study with areas=.",
            )
        )
    return [table[label] for label in ids]
