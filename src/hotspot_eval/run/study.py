"""A finished study as the synthesis notebook sees it."""

from __future__ import annotations

from pathlib import Path

from hotspot_eval.errors import InputError, Problem
from hotspot_eval.report.record import StudyRecord
from hotspot_eval.results import Effect
from hotspot_eval.run.publish import load_study

__all__ = ["open_study", "primary_effects", "primary_outcome"]


def open_study(folder: str | Path) -> StudyRecord:
    """The record of a study from the folder that a run has written to.

    Raises
    ------
    InputError
        If the folder holds no study.
    """
    return load_study(Path(folder))


def primary_effects(study: StudyRecord) -> dict[str, Effect]:
    """Each site's primary effect, by the site's title; sites without one are left out.

    Raises
    ------
    InputError
        If no site has one.
    """
    found = {site.title: site.primary.effect for site in study.sites if site.primary is not None}
    if not found:
        raise InputError(
            Problem(
                where=f"study '{study.study}'",
                what="has no site with a primary effect",
                examples=[f"{site.title}: {site.reason}" for site in study.failed],
            )
        )
    return found


def primary_outcome(study: StudyRecord) -> str:
    """The primary outcome that all sites share.

    Raises
    ------
    InputError
        If sites were judged on different outcomes.
    """
    outcomes = sorted({s.primary.outcome for s in study.sites if s.primary is not None})
    if len(outcomes) != 1:
        raise InputError(
            Problem(
                where=f"study '{study.study}'",
                what="pools sites with different primary outcomes",
                examples=outcomes,
            )
        )
    return outcomes[0]
