"""From a register to a design: which spells fall on the panel, and against which controls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal, get_args

import numpy as np
import pandas as pd

from hotspot_eval.data.partition import Partition
from hotspot_eval.data.register.frames import row_values
from hotspot_eval.design import Design, Spell
from hotspot_eval.errors import InputError, Problem, check_choice
from hotspot_eval.ledger import Ledger, LedgerNote
from hotspot_eval.panel import Panel, area_ids
from hotspot_eval.periods import PeriodLike

__all__ = ["AlreadyTreated", "Controls", "DesignRule", "Exposure", "Placement", "place_spells"]

Controls = Literal["same_cluster", "all"]
Exposure = Literal["days", "ever_after"]
AlreadyTreated = Literal["exclude", "keep"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DesignRule:
    """How a design is made from a register: see :meth:`InterventionRegister.design`."""

    controls: Controls | Sequence[object] = "same_cluster"
    catchment: Sequence[object] | None = None
    exposure: Exposure = "days"
    start_from: PeriodLike | None = None
    already_treated: AlreadyTreated = "exclude"
    pre_periods: int | None = None
    post_periods: int | None = None
    gap: int = 0

    def __post_init__(self) -> None:
        if isinstance(self.controls, str):
            check_choice("controls", self.controls, get_args(Controls))
        check_choice("exposure", self.exposure, get_args(Exposure))
        check_choice("already_treated", self.already_treated, get_args(AlreadyTreated))
        if self.start_from is not None and self.exposure == "days":
            raise InputError(
                Problem(
                    where="argument 'start_from'",
                    what="has no meaning where treatment is the days delivered",
                    advice="Use exposure='ever_after'.",
                )
            )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Placement:
    """A register laid over a panel.

    Parameters
    ----------
    design : Design or None
        None where no spell could be used; ``problem`` says why.
    spells : DataFrame
        Every spell with ``reason``: why it is not in the design, blank if it is.
    ledger : Ledger
        Spells in = spells used + spells left out; roles of the areas.
    problem : str
    """

    design: Design | None
    spells: pd.DataFrame
    ledger: Ledger
    problem: str = ""

    def to_frame(self) -> pd.DataFrame:
        """A copy of ``spells``."""
        return self.spells.copy()

    def __repr__(self) -> str:
        used = int((self.spells["reason"] == "").sum())
        made = repr(self.design) if self.design is not None else f"no design: {self.problem}"
        return f"Placement of {len(self.spells):,} spells, {used:,} used; {made}"

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>{self.ledger._repr_html_()}"


def place_spells(
    spells: pd.DataFrame,
    background: pd.DataFrame,
    panel: Panel,
    partition: Partition | None,
    rule: DesignRule,
) -> Placement:
    """Lay spells over a panel and choose controls; areas of ``background`` are never controls."""
    frame = _areas_of(spells, partition)
    elsewhere = _areas_of(background, partition)
    ever = {*frame["area"].dropna(), *elsewhere["area"].dropna()}
    earlier = pd.concat([f[["area", "start"]] for f in (frame, elsewhere) if len(f)])
    reason = _reasons(frame, earlier, panel, rule)
    used = frame[reason == ""]
    book = _book(frame.assign(reason=reason))
    placed = frame.assign(reason=reason)
    if not len(used):
        why = ", ".join(f"{count} {text}" for text, count in reason.value_counts().items())
        return Placement(
            design=None, spells=placed, ledger=book, problem=f"no spell is left: {why}"
        )
    made = _spells(used, rule)
    treated = {spell.area for spell in made}
    roles = _roles(treated, set(used["site"]), ever, panel, partition, rule)
    if not roles["controls"]:
        return Placement(
            design=None,
            spells=placed,
            ledger=book,
            problem="no area is left that serves as control",
        )
    design = Design(
        spells=made,
        controls=roles["controls"],
        catchment=roles["catchment"],
        excluded=roles["excluded"],
        elsewhere=_beside([frame[reason != ""], elsewhere], panel, rule),
        pre_periods=rule.pre_periods,
        post_periods=rule.post_periods,
        gap=rule.gap,
    )
    named = {"treated": sorted(treated), **roles}
    book = book.step(
        "roles",
        unit="areas",
        rows_in=len(panel.areas),
        rows_out=sum(len(named[role]) for role in ("treated", "catchment", "controls")),
        left_out=[
            LedgerNote(
                reason="treated in another window, by another operation, or in the donut",
                rows=len(roles["excluded"]),
                examples=tuple(roles["excluded"]),
            ),
            LedgerNote(
                reason="not eligible as control",
                rows=len(panel.areas) - sum(len(areas) for areas in named.values()),
            ),
        ],
        remarks=[
            LedgerNote(reason=f"role: {role}", rows=len(named[role]))
            for role in ("treated", "catchment", "controls")
        ],
    )
    return Placement(design=design, spells=placed, ledger=book)


def _areas_of(spells: pd.DataFrame, partition: Partition | None) -> pd.DataFrame:
    """Spells by area: as the register says, or as the partition says where it knows the site."""
    if partition is None or not len(spells):
        return spells.reset_index(drop=True)
    known = spells["site"].isin(set(partition.overlaps["site"]))
    drawn = (
        spells[known]
        .drop(columns=["area", "share"])
        .drop_duplicates(["row", "site", "start", "end"])
        .merge(partition.overlaps, on="site")
    )
    parts = [part for part in (drawn[list(spells.columns)], spells[~known]) if len(part)]
    return pd.concat(parts, ignore_index=True).sort_values(["row", "area"], ignore_index=True)


def _reasons(
    frame: pd.DataFrame, earlier: pd.DataFrame, panel: Panel, rule: DesignRule
) -> pd.Series:
    """Why each spell is left out; blank where it is used."""
    reason = pd.Series("", index=frame.index, dtype=object)
    first = pd.Timestamp(panel.periods.starts[0])
    after = pd.Timestamp(panel.periods.ends[-1])

    def leave(mask: pd.Series, text: str) -> None:
        reason[(reason == "") & mask] = text

    leave(frame["area"].isna(), "site has no area: give a partition or boundaries")
    leave(~frame["area"].isin(panel.areas), "area is not in the panel")
    leave(frame["start"] >= after, "starts after the panel's last period")
    onset = earlier.groupby("area")["start"].min()
    before = pd.Series(onset.reindex(frame["area"]).to_numpy() < first, index=frame.index)
    if rule.exposure == "days" or rule.already_treated == "exclude":
        leave(frame["end"] < first, "ended before the panel's first period")
    if rule.already_treated == "exclude":
        leave(before, "area was treated before the panel's first period")
    for text, areas in _windows_short(frame[reason == ""], panel, rule).items():
        leave(frame["area"].isin(areas), text)
    return reason


def _windows_short(frame: pd.DataFrame, panel: Panel, rule: DesignRule) -> dict[str, set[str]]:
    """Areas whose own windows do not fit into the panel, by reason."""
    first = frame.groupby("area")["start"].min()
    if rule.start_from is None:
        days = first.to_numpy(dtype="datetime64[D]")
        places = np.searchsorted(panel.periods.starts, days, side="right") - 1
    else:
        places = np.full(len(first), panel.periods.position(rule.start_from))
    onset = pd.Series(np.maximum(places, 0), index=first.index)
    need = rule.pre_periods or 1
    return {
        f"fewer than {need} periods before the area's first treated one": set(
            onset.index[onset - rule.gap < need]
        ),
        f"fewer than {rule.post_periods or 1} periods from the area's first treated one on": set(
            onset.index[onset + (rule.post_periods or 1) > len(panel.periods)]
        ),
    }


def _spells(used: pd.DataFrame, rule: DesignRule) -> list[Spell]:
    if rule.exposure == "days":
        ordered = used.sort_values(["area", "start", "row"])
        columns = ("area", "start", "end", "share", "dose", "site", "kind")
        return [
            Spell(
                area=area,
                start=start.date(),
                end=None if pd.isna(end) else end.date(),
                share=share,
                dose=None if pd.isna(dose) else dose,
                site=site,
                kind=None if pd.isna(kind) else kind,
            )
            for area, start, end, share, dose, site, kind in row_values(ordered, *columns)
        ]
    made = []
    for area, rows in used.groupby("area", sort=True):
        kinds = rows["kind"].dropna().unique()
        made.append(
            Spell(
                area=str(area),
                start=rows["start"].min().date() if rule.start_from is None else rule.start_from,
                share=float(rows["share"].max()),
                site=" + ".join(sorted(rows["site"].unique())),
                kind=kinds[0] if len(kinds) == 1 else None,
            )
        )
    return made


def _beside(frames: Sequence[pd.DataFrame], panel: Panel, rule: DesignRule) -> list[Spell]:
    """What the register delivered beside the design, in areas of the panel."""
    columns = ["area", "start", "end"]
    parts = [f.loc[f["area"].isin(panel.areas), columns] for f in frames]
    inside = pd.concat([part for part in parts if len(part)] or parts)
    if rule.exposure == "ever_after":
        first = inside.groupby("area", sort=True)["start"].min()
        return [Spell(area=str(area), start=start.date()) for area, start in first.items()]
    spells = inside.drop_duplicates().sort_values(columns)
    return [
        Spell(area=area, start=start.date(), end=None if pd.isna(end) else end.date())
        for area, start, end in row_values(spells, *columns)
    ]


def _roles(
    treated: set[str],
    sites: set[str],
    ever: set[str],
    panel: Panel,
    partition: Partition | None,
    rule: DesignRule,
) -> dict[str, list[str]]:
    donut: set[str] = set()
    around: set[str] = set()
    if partition is not None:
        # rings around sites of other designs are neither this design's catchment nor clean
        near = partition.roles[partition.roles["role"].isin(partition.ring_names)]
        around = set(near.loc[near["site"].isin(sites), "area"])
        donut = {*partition.areas("donut"), *partition.areas("site"), *near["area"]} - around
    if rule.catchment is not None:
        asked = set(area_ids(rule.catchment))
        panel.positions(sorted(asked))
        donut |= around - asked
        around = asked
    catchment = (around & set(panel.areas)) - ever
    pool = _controls(treated, panel, rule)
    excluded = ((ever | donut) & pool) - treated - catchment
    return {
        "controls": sorted(pool - treated - catchment - excluded),
        "catchment": sorted(catchment),
        "excluded": sorted(excluded),
    }


def _controls(treated: set[str], panel: Panel, rule: DesignRule) -> set[str]:
    if not isinstance(rule.controls, str):
        asked = area_ids(rule.controls)
        panel.positions(asked)
        return set(asked)
    if rule.controls == "all":
        return set(panel.areas)
    if panel.cluster is None:
        raise InputError(
            Problem(
                where="argument 'controls'",
                what="is 'same_cluster', but the panel knows no boroughs",
                advice="Build the panel with cluster=, or use controls='all'.",
            )
        )
    home = dict(zip(panel.areas, panel.cluster, strict=True))
    clusters = {home[area] for area in treated}
    return {area for area, cluster in home.items() if cluster in clusters}


def _book(placed: pd.DataFrame) -> Ledger:
    gone = placed[placed["reason"] != ""]
    return Ledger().step(
        "spells on the panel",
        unit="spells",
        rows_in=len(placed),
        rows_out=len(placed) - len(gone),
        left_out=[
            LedgerNote(
                reason=str(reason),
                rows=len(rows),
                examples=tuple(sorted({str(v) for v in rows["area"].fillna(rows["site"])})),
            )
            for reason, rows in gone.groupby("reason", sort=True)
        ],
    )
