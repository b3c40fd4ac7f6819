"""A site as the notebooks see it: its panel, its design, and where it hands things over."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import geopandas as gpd
import numpy as np
from libpysal.graph import Graph

from hotspot_eval.data import (
    CALENDAR,
    InterventionRegister,
    breaks_in_window,
    check_outcome,
)
from hotspot_eval.data.register import Placement
from hotspot_eval.design import Design, Estimator
from hotspot_eval.did import Imputation, LinearDid, PoissonDid
from hotspot_eval.errors import InputError, Problem
from hotspot_eval.inference import (
    Mimic,
    ReplayResult,
    Rule,
    SpecificationCurve,
    Threshold,
    TopK,
    replay,
    specification_curve,
)
from hotspot_eval.inference.multiplicity import holm
from hotspot_eval.ledger import Ledger
from hotspot_eval.panel import Panel, load_panel, save_panel
from hotspot_eval.planning import DetectableEffect, control_pools, minimum_detectable_effect
from hotspot_eval.report import Part
from hotspot_eval.results import Check, Effect
from hotspot_eval.run.inputs import Inputs
from hotspot_eval.run.params import Params
from hotspot_eval.spatial import contiguity, rings

__all__ = ["Site"]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Site:
    """One borough of a study.

    Parameters
    ----------
    name : str
        The borough, as the boundaries call it.
    params : Params
    inputs : Inputs
    folder : Path
        The site's internal folder, where one notebook hands over to the next.
    """

    name: str
    params: Params
    inputs: Inputs
    folder: Path
    _kept: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def primary(self) -> str:
        """The primary outcome."""
        return self.params.outcomes.primary

    @property
    def outcomes(self) -> list[str]:
        """The primary outcome and the secondary ones."""
        return [self.primary, *self.params.outcomes.secondary]

    def panel(self, outcome: str | None = None) -> Panel:
        """Counts of every area of the study: all outcomes, or one.

        Read from the files once; the later notebooks take it from the site's folder, unless the
        params or the files have changed since.
        """
        panel: Panel = self._once("panel", self._stored_panel)
        return panel if outcome is None else panel.outcome(outcome)

    def _stored_panel(self) -> Panel:
        stored = self.folder / f"panel-{self.inputs.state()[:16]}.npz"
        if stored.is_file():
            return load_panel(stored)
        panel = self.inputs.panel()
        self.folder.mkdir(parents=True, exist_ok=True)
        for outdated in self.folder.glob("panel-*.npz"):
            outdated.unlink()
        save_panel(panel, stored)
        return panel

    def _once(self, name: str, make: Callable[[], Any]) -> Any:
        """What ``make`` gives, made once for this site: reading and laying out cost seconds."""
        if name not in self._kept:
            self._kept[name] = make()
        return self._kept[name]

    def areas(self) -> gpd.GeoDataFrame:
        """Boundaries of the panel's areas, in its order."""
        areas: gpd.GeoDataFrame = self._once("areas", self.inputs.areas)
        return areas.loc[list(self.panel().areas)]

    def graph(self) -> Graph:
        """Areas that share a border or a corner."""
        graph: Graph = self._once("graph", lambda: contiguity(self.areas()))
        return graph

    def placement(self) -> Placement:
        """The register's spells in this borough laid over the panel.

        Raises
        ------
        InputError
            If nothing was delivered here while there are counts, or no control is left.
        """
        panel = self.panel()
        window, comparison = self.params.window, self.params.comparison
        whole: InterventionRegister = self._once("register", self.inputs.register)
        register = whole.select(boroughs=[self.name])
        made = register.placement(
            panel,
            controls=comparison.controls,
            catchment=self._catchment(set(register.spells["area"])),
            exposure=comparison.exposure,
            pre_periods=window.pre_periods,
            post_periods=window.post_periods,
            gap=window.gap,
        )
        if made.design is None:
            raise InputError(Problem(where=self.name, what=f"cannot be evaluated: {made.problem}"))
        return made

    def design(self) -> Design:
        """Who was treated, when, against whom."""
        design: Design = self._once("design", self._make_design)
        return design

    def _make_design(self) -> Design:
        told = self.params.treatment
        if told is None:
            made = self.placement().design
            if made is None:
                raise InputError(Problem(where=self.name, what="has no design"))
            return made
        window = self.params.window
        panel = self.panel()
        catchment = self._catchment(set(told.areas))
        return Design(
            treated=told.areas,
            start=told.start,
            end=told.end if self.params.comparison.exposure == "days" else None,
            controls=self._controls(panel, {*told.areas, *catchment}),
            catchment=catchment,
            pre_periods=window.pre_periods,
            post_periods=window.post_periods,
            gap=window.gap,
        )

    def design_ledger(self) -> Ledger:
        """Spells used and left out, where a register tells the treatment."""
        return Ledger() if self.params.treatment is not None else self.placement().ledger

    def borough(self) -> gpd.GeoDataFrame:
        """Boundaries of the areas with a role in the design, and of the rest of the borough."""
        areas, panel = self.areas(), self.panel()
        laid = self.design().on(panel)
        inside = laid.role != "excluded"
        if "cluster" in areas:
            homes = set(areas["cluster"][laid.role == "treated"])
            inside |= areas["cluster"].isin(homes).to_numpy()
        return areas[inside]

    def before(self, months: int = 12) -> Panel:
        """Primary counts of the year (or all there is) before the first start."""
        panel = self.panel(self.primary)
        first = int(self.design().on(panel).first.min())
        length = {"week": 52, "four_week": 13, "month": 12, "year": 1, "step": 12}
        begin = max(0, first - length[panel.periods.frequency] * months // 12)
        if first == 0:
            raise InputError(Problem(where=self.name, what="has no period before the first start"))
        labels = panel.periods.labels
        return panel.select(periods=(labels[begin], labels[first - 1]))

    def caption(self, panel: Panel | None = None) -> str:
        """Counts and period under a figure: of the design's windows, or of a panel."""
        shown = self.panel(self.primary) if panel is None else panel
        counts, observed = shown.single()
        used = observed if panel is not None else observed & self.design().on(shown).used
        labels = [shown.periods.labels[t] for t in np.flatnonzero(used.any(axis=0))]
        return (
            f"{int(counts[used].sum()):,} events of {self.primary} in "
            f"{int(used.any(axis=1).sum()):,} areas, {labels[0]} to {labels[-1]}"
        )

    @property
    def unit(self) -> str:
        """What event time is counted in."""
        return {"four_week": "four-week periods"}.get(
            self.params.window.frequency, f"{self.params.window.frequency}s"
        )

    def secondary_effects(self) -> dict[str, Effect]:
        """The effect on each secondary outcome, by the declared inference, with Holm's p-value.

        Areas were chosen on the primary outcome, so that is what replays of the others choose on.
        """
        names = self.params.outcomes.secondary
        if self.params.estimation.inference == "replay":
            return holm({name: self.replay(name).effect for name in names})
        design, estimate = self.design(), self.estimator()
        return holm({name: estimate(self.panel(name), design).effect for name in names})

    def estimator(self) -> Estimator:
        """The estimator declared in the params."""
        told = self.params.estimation
        if told.estimator == "linear":
            return LinearDid(cluster=told.cluster)
        return PoissonDid(cluster=told.cluster)

    def rule(self, outcome: str = "") -> Rule:
        """How the areas were chosen, as the params tell it: on the primary outcome.

        Areas that started at different times were chosen at different times, each time another
        number of them: then, and where nobody wrote the rule down, it is mimicked.
        """
        told = self.params.selection
        on = None if outcome in ("", self.primary) else self.panel(self.primary)
        design = self.design()
        starts = {spell.area: spell.start for spell in reversed(design.spells)}
        if told.rule == "threshold" and told.threshold is not None:
            return Threshold(at_least=told.threshold, lookback=told.lookback, on=on)
        if told.rule == "mimic" or len(set(map(str, starts.values()))) > 1:
            return Mimic(lookback=told.lookback, on=on)
        by: dict[str, Literal["count", "rate", "change", "random"]] = {
            "top_count": "count",
            "top_rate": "rate",
            "top_change": "change",
            "random": "random",
        }
        return TopK(k=len(design.treated), lookback=told.lookback, by=by[told.rule], on=on)

    def replay(self, outcome: str = "") -> ReplayResult:
        """The operation against replays of its selection where nothing was done.

        ``outcome`` is by default the primary one.
        """
        name = outcome or self.primary
        return replay(
            self.panel(name),
            self.design(),
            rule=self.rule(name),
            estimator=self.estimator(),
            rng=self.rng("replay"),
            breaks=self.breaks(name),
        )

    def minimum_detectable(self) -> DetectableEffect:
        """The smallest reduction that selection replay would have found here, with 80 % power."""
        return minimum_detectable_effect(
            self.panel(self.primary),
            self.design(),
            rule=self.rule(),
            rng=self.rng("minimum detectable effect"),
            breaks=self.breaks(),
        )

    def specification_curve(self) -> SpecificationCurve:
        """Every other way of asking, against the declared one and against replays of the choice.

        Estimators with the declared one first, other control pools, half and double the baseline,
        a gap of a quarter of a year. Each of 199 replays refits the whole curve.
        """
        told, window = self.params.estimation, self.params.window
        estimators: dict[str, Estimator] = {
            "Poisson": PoissonDid(cluster=told.cluster),
            "imputation": Imputation(cluster=told.cluster),
            "linear": LinearDid(cluster=told.cluster),
        }
        if told.estimator == "linear":
            estimators = {"linear": estimators.pop("linear"), **estimators}
        quarter = {"week": 13, "four_week": 3, "month": 3}.get(window.frequency, 3)
        pre = window.pre_periods
        rule = self.rule()
        ranks = rule if isinstance(rule, TopK) and rule.by != "random" else None
        return specification_curve(
            self.panel(self.primary),
            self.design(),
            estimators=estimators,
            controls=control_pools(rule=ranks),
            pre_periods=[] if pre is None else [max(1, pre // 2), 2 * pre],
            gaps=[quarter],
            rule=rule,
            rng=self.rng("specification curve"),
            draws=199,
            breaks=self.breaks(),
        )

    def breaks(self, outcome: str = "") -> list[np.datetime64]:
        """Days at which the record of an outcome changes and that the params do not acknowledge.

        No replay may straddle one.
        """
        panel, counts = self.panel(outcome or self.primary), self.params.counts
        known = self.inputs.acknowledged_breaks()
        days = {
            np.datetime64(day, "D")
            for entry in CALENDAR
            if entry.name not in known
            and entry.concerns(
                source=self.inputs.source(),
                force=counts.force,
                outcomes=panel.outcomes,
                level=self.params.areas.level,
            )
            for day in (entry.start, entry.end)
            if day is not None
        }
        first, last = panel.periods.starts[0], panel.periods.ends[-1]
        return sorted(day for day in days if first < day < last)

    def break_check(self) -> Check:
        """Breaks in recording inside the study's windows.

        Raises
        ------
        InputError
            If one coincides with treatment and is not acknowledged.
        """
        counts = self.params.counts
        return breaks_in_window(
            self.panel(),
            self.design(),
            source=self.inputs.source(),
            force=counts.force,
            level=self.params.areas.level,
            acknowledged=self.inputs.acknowledged_breaks(),
        )

    def outcome_check(self, outcome: str) -> Check:
        """Whether an outcome is made by police activity itself."""
        return check_outcome(
            outcome,
            acknowledged=self.params.acknowledge,
            primary=outcome == self.primary,
        )

    def rng(self, step: str) -> np.random.Generator:
        """Random numbers of one notebook: from the study's seed, this site and this step alone."""
        words = [zlib.crc32(text.encode()) for text in (self.params.study, self.name, step)]
        return np.random.default_rng(np.random.SeedSequence([self.params.seed, *words]))

    def part(self, step: str) -> Part:
        """What one notebook hands over to the report."""
        return Part(step, folder=self.folder, disclosure=self.params.disclosure)

    def _catchment(self, treated: set[str]) -> list[str]:
        if self.params.comparison.catchment == "none":
            return []
        present = sorted(treated & set(self.panel().areas))
        near = rings(self.graph(), {"treated": present}, orders=1)
        return sorted(set(near.index[near["ring"] == 1]) - treated)

    def _controls(self, panel: Panel, taken: set[str]) -> list[str]:
        free = [area for area in panel.areas if area not in taken]
        if self.params.comparison.controls == "all" or panel.cluster is None:
            return free
        of = dict(zip(panel.areas, panel.cluster, strict=True))
        home = {of[area] for area in (self.params.treatment.areas if self.params.treatment else ())}
        return [area for area in free if of[area] in home]

    def __repr__(self) -> str:
        return f"{self.name}: {self.params.title}; primary outcome {self.primary}"
