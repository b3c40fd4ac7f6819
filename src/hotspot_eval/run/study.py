"""A finished study as the synthesis notebook sees it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hotspot_eval.errors import InputError, Problem
from hotspot_eval.report import Part
from hotspot_eval.report.record import SiteRecord, StudyRecord
from hotspot_eval.results import Effect
from hotspot_eval.run.publish import load_study
from hotspot_eval.run.shared import Shared, shared_between

__all__ = ["Study", "open_study"]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Study:
    """The records of a study's sites, and the folder that a run has written to.

    Parameters
    ----------
    record : StudyRecord
    folder : Path
    """

    record: StudyRecord
    folder: Path

    def effects(self) -> dict[str, Effect]:
        """Each site's primary effect, by the site's title; failed sites have none.

        Raises
        ------
        InputError
            If no site has one.
        """
        found = {
            site.title: site.primary.effect
            for site in self._with_effect
            if site.primary is not None
        }
        if not found:
            raise InputError(
                Problem(
                    where=f"study '{self.record.study}'",
                    what="has no site with a primary effect",
                    examples=[f"{site.title}: {site.reason}" for site in self.record.failed],
                )
            )
        return found

    def shared(self) -> Shared:
        """Covariance between the sites' primary effects, in their order, or why it is not known."""
        return shared_between(self._with_effect, self.folder / "internal")

    @property
    def _with_effect(self) -> list[SiteRecord]:
        return [site for site in self.record.sites if site.primary is not None]

    @property
    def outcome(self) -> str:
        """The primary outcome that all sites share.

        Raises
        ------
        InputError
            If sites were judged on different outcomes.
        """
        outcomes = sorted({s.primary.outcome for s in self._with_effect if s.primary is not None})
        if len(outcomes) != 1:
            raise InputError(
                Problem(
                    where=f"study '{self.record.study}'",
                    what="pools sites with different primary outcomes",
                    examples=outcomes,
                )
            )
        return outcomes[0]

    def part(self, step: str) -> Part:
        """What the synthesis hands over to the report."""
        folder = self.folder / "internal" / "synthesis"
        return Part(step, folder=folder, disclosure=self.record.disclosure)

    def __repr__(self) -> str:
        return repr(self.record)


def open_study(folder: str | Path = "demo") -> Study:
    """A study from the folder that a run has written to.

    Parameters
    ----------
    folder : path
        ``"demo"`` is the simulated study, evaluated first if it has not been yet.

    Raises
    ------
    InputError
        If the folder holds no study.
    """
    where = _demo() if str(folder) == "demo" else Path(folder)
    return Study(record=load_study(where), folder=where)


def _demo() -> Path:
    from hotspot_eval.run.demo import demo_study

    here = Path.cwd()
    return demo_study(here.parent if here.name == "notebooks" else here)
