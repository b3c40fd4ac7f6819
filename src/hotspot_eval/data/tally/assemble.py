"""From counts by cell to a panel: which period, which outcome, what is missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hotspot_eval.data.geography import LsoaComponents
from hotspot_eval.data.outcomes import OutcomeTypes, outcome_rules
from hotspot_eval.data.snap_points import note_of_small
from hotspot_eval.data.tally.gather import FATES, Gathered, gather
from hotspot_eval.data.tally.places import Units, Where, place_cells, settle_where, study_units
from hotspot_eval.data.tally.recorded import Partial, Recorded
from hotspot_eval.errors import InputError, Problem, check_choice
from hotspot_eval.ledger import Ledger, LedgerNote
from hotspot_eval.panel import Panel, area_ids
from hotspot_eval.periods import Frequency, PeriodLike, Periods, interval_days

__all__ = ["AbsentTypes", "tally"]

AbsentTypes = Literal["refuse", "zero"]

# Forces with a smaller share of an area's records are visitors: their gaps do not blank the area.
_SERVES = 0.05


def tally(
    incidents: Recorded,
    *,
    outcomes: Sequence[str] | Mapping[str, Sequence[str] | OutcomeTypes],
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
    rules = outcome_rules(outcomes, source=incidents.source)
    kinds = {name: rule.crime_types for name, rule in rules.items()}
    _refuse_types(kinds, incidents)
    bits = {name: _bits(name, rule, incidents.flags) for name, rule in rules.items()}
    periods = _periods(incidents, frequency, start, end)
    units = study_units(incidents, areas)
    where = settle_where(incidents, units, where)
    forces = sorted(set(incidents.coverage["force"]))
    types = sorted(set(incidents.cells.labels["crime_type"].dropna()))
    gathered = _gather(incidents, units, where, periods, forces, types, _wanted(kinds, bits))
    recorded = _recorded(gathered.types, forces, types, kinds, absent_types)
    ledger = _ledger(gathered, where)
    ledger = _small_areas(incidents, units) + ledger
    if isinstance(areas, LsoaComponents):
        ledger = _tell_vintages(incidents, areas) + ledger
    shares = _shares(gathered.forces)
    delivered = _delivered(incidents, shares, forces, periods, partial)
    counts = gathered.counts
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


def _bits(name: str, rule: OutcomeTypes, flags: tuple[str, ...]) -> int:
    """What must be set in a record's flags: two bits a flag, one for yes and one for no."""
    unknown = [flag for flag in rule.flags if flag not in flags]
    if unknown:
        raise InputError(
            Problem(
                where=f"outcome '{name}'",
                what="asks for flags that the records do not carry",
                examples=unknown,
                advice="Name their columns with flags= on reading (a column of that name).",
            )
        )
    return sum((1 if told else 2) << 2 * flags.index(flag) for flag, told in rule.flags.items())


Wanted = Callable[[pd.DataFrame], NDArray[np.bool_]]


def _wanted(kinds: Mapping[str, Sequence[str]], bits: Mapping[str, int]) -> Wanted:
    """Which outcomes each label adds to, shape (L, K)."""

    def wanted(labels: pd.DataFrame) -> NDArray[np.bool_]:
        columns = []
        for name, types in kinds.items():
            told = labels["crime_type"].isin(list(types)).to_numpy()
            if bits[name]:
                need = np.uint64(bits[name])
                told = told & ((labels["flags"].to_numpy(dtype=np.uint64) & need) == need)
            columns.append(told)
        return np.column_stack(columns)

    return wanted


def _gather(
    incidents: Recorded,
    units: Units,
    where: Where,
    periods: Periods,
    forces: list[str],
    types: list[str],
    wanted: Wanted,
) -> Gathered:
    placed = place_cells(incidents, units, where)
    labels = placed.cells.labels
    read = np.ones(len(labels), dtype=bool)
    if incidents.crime_types is not None:
        read = labels["crime_type"].isin(incidents.crime_types).to_numpy()
    return gather(
        placed,
        read=read,
        wanted=wanted(labels),
        kind=pd.Index(types).get_indexer(pd.Index(labels["crime_type"])),
        period=_positions(placed.cells.deliveries["month"], periods),
        force=pd.Index(forces).get_indexer(pd.Index(placed.cells.deliveries["force"])),
        shape=(len(units.ids), len(periods)),
    )


def _refuse_types(kinds: Mapping[str, Sequence[str]], incidents: Recorded) -> None:
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
    incidents: Recorded, frequency: Frequency, start: PeriodLike | None, end: PeriodLike | None
) -> Periods:
    check_choice("frequency", frequency, ("week", "four_week", "month", "year"))
    if incidents.resolution == "month" and frequency in ("week", "four_week"):
        raise InputError(
            Problem(
                where="argument 'frequency'",
                what=f"'{frequency}' needs dates, and these records carry a month but no day",
                advice="Use frequency='month' (window.frequency in params), or read dated records "
                "with read_incidents (counts.kind: incidents).",
            )
        )
    first, after = incidents.covered
    from_day = first if start is None else interval_days(start, frequency)[0]
    to_day = after if end is None else interval_days(end, frequency)[1]
    periods = Periods.span(from_day, to_day - np.timedelta64(1, "D"), frequency=frequency)
    if periods.ends[-1] > to_day and frequency in ("week", "four_week") and len(periods) > 1:
        return periods.take(0, len(periods) - 1)
    return periods


def _positions(months: pd.Series, periods: Periods) -> NDArray[np.intp]:
    """The position of each month's (or day's) period, -1 outside."""
    days = months.to_numpy().astype("datetime64[D]")
    place = np.searchsorted(periods.starts, days, side="right") - 1
    place[days >= periods.ends[-1]] = -1
    return place


def _recorded(
    occurs: NDArray[np.bool_],
    forces: list[str],
    types: list[str],
    kinds: Mapping[str, Sequence[str]],
    absent_types: AbsentTypes,
) -> pd.DataFrame:
    """Whether a force's files hold any crime type of an outcome: forces × outcomes."""
    table = pd.DataFrame(
        {
            name: occurs[:, [types.index(t) for t in set(wanted) & set(types)]].any(axis=1)
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
                advice=f"The records hold: {_some(types)}. Spell the outcome as there, or list its "
                "types (counts.types in params; an outcome definition in Python). If there truly "
                "were none, pass absent_types='zero'.",
            )
        )
    return table


def _some(names: list[str], most: int = 15) -> str:
    told = ", ".join(sorted(names)[:most])
    return f"{told} and {len(names) - most} more" if len(names) > most else told or "nothing"


def _ledger(gathered: Gathered, where: Where) -> Ledger:
    fate = dict(zip(FATES, gathered.fates.tolist(), strict=True))
    missing = "no LSOA code" if where == "code" else "no coordinates"
    reasons = {
        "type": "type or flags of no outcome",
        "time": "before the start or after the end",
        "nowhere": f"not located ({missing})",
        "outside": "area outside the study",
    }
    return Ledger().step(
        f"place incidents by {where}",
        rows_in=sum(fate.values()),
        rows_out=fate["in"],
        left_out=[LedgerNote(reason=reason, rows=fate[key]) for key, reason in reasons.items()],
    )


def _small_areas(incidents: Recorded, units: Units) -> Ledger:
    """A word of warning on polygons smaller than the places that street files tell."""
    if incidents.source != "police_uk" or units.shapes is None:
        return Ledger()
    note = note_of_small("area", units.ids, np.asarray(units.shapes.geometry.array))
    size = len(units.ids)
    if not note.rows:
        return Ledger()
    return Ledger().step(
        "areas of the study", unit="areas", rows_in=size, rows_out=size, remarks=[note]
    )


def _tell_vintages(incidents: Recorded, units: LsoaComponents) -> Ledger:
    """Records by the LSOA vintage of their code."""
    located = incidents.cells.labels["code"].notna().to_numpy()
    rows = pd.Series(incidents.cells.by_label()[located])
    told = rows.groupby(units.vintage(incidents.cells.labels["code"][located])).sum()
    total = int(rows.sum())
    names = {
        "both": "LSOA code unchanged from 2011 to 2021",
        "2011": "LSOA code of 2011 only",
        "2021": "LSOA code of 2021 only",
        "unknown": "LSOA code in neither vintage of the overlap table",
    }
    return Ledger().step(
        "tell LSOA vintages apart",
        rows_in=total,
        rows_out=total,
        remarks=[
            LedgerNote(reason=reason, rows=int(told.get(key, 0))) for key, reason in names.items()
        ],
    )


def _shares(records: NDArray[np.int64]) -> NDArray[np.float64]:
    """Share of each unit's records by force, shape (N, F); equal where a unit has no record."""
    total = records.sum(axis=1, keepdims=True)
    shares: NDArray[np.float64] = np.where(
        total > 0, records / np.maximum(total, 1), 1 / records.shape[1]
    )
    return shares


def _delivered(
    incidents: Recorded,
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
