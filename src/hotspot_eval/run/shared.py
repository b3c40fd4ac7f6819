"""What the sites of a finished study share: their replays played again, side by side."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hotspot_eval.errors import InputError
from hotspot_eval.inference.replay.between import Between, covariance_between, same_panel
from hotspot_eval.inference.replay.engine import Study as ReplayStudy
from hotspot_eval.inference.replay.engine import study_of
from hotspot_eval.inference.replay.joint import join
from hotspot_eval.report.files import hide_paths
from hotspot_eval.report.record import SiteRecord
from hotspot_eval.results import Effect
from hotspot_eval.run.opening import open_site
from hotspot_eval.run.site import Site

__all__ = ["Shared", "shared_between"]

_APART = "Sites are taken as independent of each other, so what all of them share is not in it: "
_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Shared:
    """The covariance between the sites' effects, or why it is not known.

    Parameters
    ----------
    covariance : ndarray, shape (k, k), or None
        In the order of the sites; None where they are taken as independent.
    df : float
        Degrees of freedom behind it.
    told : str
        One sentence for the reader.
    regression_to_mean : Effect or None
        Of all sites together; None where there is no replay, or several panels.
    """

    covariance: NDArray[np.float64] | None
    df: float
    told: str
    regression_to_mean: Effect | None = None

    def __repr__(self) -> str:
        return self.told


def shared_between(sites: Sequence[SiteRecord], internal: Path) -> Shared:
    """Play every site's replays again and join them.

    Parameters
    ----------
    sites : sequence of SiteRecord, length k
        With a primary effect each.
    internal : Path
        Folder of what the sites hand over.

    Notes
    -----
    Sites of one panel are joined with each other; sites of different panels (other forces, other
    counts) share no replay and have covariance 0.
    """
    if len(sites) < 2:
        return _apart("there is one site only.")
    try:
        opened = _opened(sites, internal)
    except (InputError, OSError) as error:
        return _apart(f"a site cannot be opened again ({_line(error)}).")
    by_model = [s.name for s in opened if s.params.estimation.inference != "replay"]
    if by_model:
        return _apart(f"{_some(by_model)} took the model's own error, not that of replays.")
    try:
        studies = [_played(site) for site in opened]
    except InputError as error:
        return _apart(f"a site's replays cannot be played again ({_line(error)}).")
    stale = [
        record.title
        for record, study in zip(sites, studies, strict=True)
        if not _agrees(record, study)
    ]
    if stale:
        return _apart(
            f"played again, the replays of {_some(stale)} do not give the effect on record; run "
            "the study again."
        )
    return _joined(studies)


def _opened(sites: Sequence[SiteRecord], internal: Path) -> list[Site]:
    """The sites as their notebooks saw them; those of the same params read their files once."""
    kept: dict[str, dict[str, Any]] = {}
    opened = []
    for record in sites:
        folder = internal / record.slug
        told: Mapping[str, Any] = json.loads((folder / "manifest.json").read_text("utf-8"))
        site = open_site(told["params"], site=told["site"], folder=folder)
        key = json.dumps({**told["params"], "boroughs": ""}, sort_keys=True)
        if key not in kept:
            site.panel(), site.graph()
            if site.params.treatment is None:
                site.placement()
            kept[key] = {
                name: value
                for name, value in site._kept.items()
                if name in ("panel", "areas", "graph", "register")
            }
        opened.append(replace(site, _kept=dict(kept[key])))
    return opened


def _played(site: Site) -> ReplayStudy:
    return study_of(
        site.panel(site.primary),
        site.design(),
        rule=site.rule(),
        rng=site.rng("replay"),
        breaks=site.breaks(),
    )


def _agrees(record: SiteRecord, study: ReplayStudy) -> bool:
    """Whether the effect played again is the one on record."""
    if record.primary is None:
        return False
    known = record.primary.effect.estimate
    if not study.nulls:
        return bool(np.isnan(known))
    return bool(abs(join(study.nulls).estimate - known) < _TOLERANCE)


def _joined(studies: Sequence[ReplayStudy]) -> Shared:
    covariance = np.zeros((len(studies), len(studies)))
    df, calendar, groups = float("inf"), 0, _groups(studies)
    for group in groups:
        between = covariance_between([studies[place] for place in group])
        covariance[np.ix_(group, group)] = between.covariance
        df = min(df, between.df)
        calendar = max(calendar, between.calendar)
    where = "" if len(groups) == 1 else f" ({len(groups)} panels, which share nothing)"
    return Shared(
        covariance=covariance,
        df=df,
        regression_to_mean=_foreseen(between) if len(groups) == 1 else None,
        told="Sites on the same months share what happens in them. How much is estimated from "
        f"their replays, over {calendar} windows without overlap{where}; with few windows the "
        "interval of the mean is wide.",
    )


def _foreseen(between: Between) -> Effect | None:
    if np.isnan(between.foreseen):
        return None
    return Effect.from_estimate(
        between.foreseen,
        between.foreseen_se,
        estimand="change of the chosen areas relative to controls without any operation",
        scale="log_irr",
        df=between.foreseen_df,
        method="centre of the replays at these areas' past",
        inference="replays of all sites joined",
    )


def _groups(studies: Sequence[ReplayStudy]) -> list[list[int]]:
    """Places of the studies of each panel."""
    groups: list[list[int]] = []
    for place, study in enumerate(studies):
        for group in groups:
            if same_panel(studies[group[0]].stage.panel, study.stage.panel):
                group.append(place)
                break
        else:
            groups.append([place])
    return groups


def _apart(why: str) -> Shared:
    return Shared(covariance=None, df=float("inf"), told=_APART + why)


def _some(names: Sequence[str]) -> str:
    more = len(names) - 3
    return ", ".join(names[:3]) + (f" and {more} more" if more > 0 else "")


def _line(error: Exception) -> str:
    return hide_paths(" ".join(str(error).split()))[:200]
