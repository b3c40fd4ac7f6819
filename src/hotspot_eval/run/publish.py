"""Publication: from the parts of every site to records, tables and pages; nothing is computed."""

from __future__ import annotations

import json
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path

import pandas as pd

from hotspot_eval.errors import InputError, Problem
from hotspot_eval.report.entries import ReportedCheck
from hotspot_eval.report.files import hide_paths, write_atomically
from hotspot_eval.report.notebook_html import notebook_html
from hotspot_eval.report.pages import write_index, write_site_page
from hotspot_eval.report.record import SiteRecord, StudyRecord
from hotspot_eval.results import Check
from hotspot_eval.run.execute import Progress, SiteRun, executor, run_notebook, run_sites
from hotspot_eval.run.inputs import Inputs
from hotspot_eval.run.lock import Locked, locked
from hotspot_eval.run.plan import NOTEBOOKS, SYNTHESIS, SitePlan, StudyPlan

__all__ = ["load_study", "publish_again", "run_study", "study_status"]

STUDY = "study.json"
_SYNTHESIS_FOLDER = "synthesis"
_ALL = "All sites together"


def run_study(
    plan: StudyPlan, *, jobs: int, scheduler: str | None, fresh: bool, tell: Progress
) -> tuple[SiteRun, ...]:
    """Run every site, then the synthesis, then write what a reviewer reads."""
    specified = _specified(plan)
    plan.out.mkdir(parents=True, exist_ok=True)
    with executor(jobs, scheduler) as pool:
        outcomes = run_sites(plan, pool, fresh=fresh, tell=tell)
        study = StudyRecord(
            study=plan.study,
            title=plan.title,
            sites=tuple(
                _with_check(_record(plan, site, outcome), specified[site.source].check(site.name))
                for site, outcome in zip(plan.sites, outcomes, strict=True)
            ),
        )
        _store(study, plan.out)
        study = replace(study, synthesis=_synthesis(plan, pool))
    _store(study, plan.out)
    _publish(study, plan.out)
    return outcomes


def publish_again(out: Path) -> Path:
    """Write pages and tables of a finished study again, from its record.

    Raises
    ------
    InputError
        If the folder holds no study.
    """
    _publish(load_study(out), out)
    return out / "index.html"


def study_status(out: Path) -> pd.DataFrame:
    """One row a site: name, status, reason, seconds."""
    rows = []
    for record in load_study(out).sites:
        manifest = out / "internal" / record.slug / "manifest.json"
        spent = json.loads(manifest.read_text("utf-8"))["seconds"] if manifest.is_file() else {}
        rows.append((record.title, record.status, record.reason, round(sum(spent.values()), 1)))
    return pd.DataFrame(rows, columns=["site", "status", "reason", "seconds"])


def load_study(out: Path) -> StudyRecord:
    """The record of a finished study, its figures found again.

    Raises
    ------
    InputError
        If the folder holds no study.
    """
    stored = out / "internal" / STUDY
    if not stored.is_file():
        raise InputError(
            Problem(
                where=str(out),
                what="holds no study",
                advice="Name the folder a run has written to.",
            )
        )
    study = StudyRecord.from_json(stored.read_text(encoding="utf-8"))
    sites = tuple(replace(s, folder=out / "internal" / s.slug) for s in study.sites)
    synthesis = study.synthesis
    if synthesis is not None:
        synthesis = replace(synthesis, folder=out / "internal" / _SYNTHESIS_FOLDER)
    return replace(study, sites=sites, synthesis=synthesis)


def _specified(plan: StudyPlan) -> dict[Path, Locked]:
    """Each params file's locks beside what it says now; read before hours are spent on a run."""
    return {
        site.source: locked(site.source, Inputs(params=site.params, folders=site.folders))
        for site in {site.source: site for site in plan.sites}.values()
    }


def _with_check(record: SiteRecord, check: Check) -> SiteRecord:
    """The record with one more check, before those of the notebooks."""
    if record.status == "failed":
        return record
    return replace(record, checks=(ReportedCheck.from_check(check, part="lock"), *record.checks))


def _store(study: StudyRecord, out: Path) -> None:
    write_atomically(out / "internal" / STUDY, study.to_json())


def _record(plan: StudyPlan, site: SitePlan, outcome: SiteRun) -> SiteRecord:
    settings = site.params.dump()
    if outcome.status == "failed":
        return SiteRecord.failed(
            study=plan.study,
            site=site.slug,
            title=site.name,
            reason=outcome.reason,
            params=settings,
            disclosure=site.params.disclosure,
            acknowledgements=(site.params.licence,),
        )
    return SiteRecord.collect(
        plan.internal(site),
        study=plan.study,
        site=site.slug,
        title=site.name,
        params=settings,
        disclosure=site.params.disclosure,
        acknowledgements=(site.params.licence,),
        expected=NOTEBOOKS,
    )


def _synthesis(plan: StudyPlan, pool: Executor) -> SiteRecord:
    """The record of the synthesis notebook, or of why there is none."""
    folder = plan.out / "internal" / _SYNTHESIS_FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    params = plan.sites[0].params
    try:
        parameters = {"study": "../.."}
        pool.submit(run_notebook, SYNTHESIS, folder=folder, parameters=parameters).result()
    except Exception as error:
        reason = hide_paths(f"{SYNTHESIS}: {' '.join(str(error).split())}")[-400:]
        return SiteRecord.failed(study=plan.study, site="all-sites", title=_ALL, reason=reason)
    return SiteRecord.collect(
        folder,
        study=plan.study,
        site="all-sites",
        title=_ALL,
        disclosure=params.disclosure,
        acknowledgements=(params.licence,),
    )


def _publish(study: StudyRecord, out: Path) -> None:
    for record in study.sites:
        folder = out / record.slug
        folder.mkdir(parents=True, exist_ok=True)
        internal = out / "internal" / record.slug
        for name in NOTEBOOKS:
            executed = internal / f"{name}.ipynb"
            if executed.is_file():
                notebook_html(
                    executed,
                    folder / f"{name}.html",
                    title=f"{record.title}: {name}",
                    disclosure=record.disclosure.level,
                )
        manifest = internal / "manifest.json"
        if manifest.is_file():
            write_atomically(folder / "manifest.json", manifest.read_bytes())
        write_site_page(record, folder, study_title=study.title)
    executed = out / "internal" / _SYNTHESIS_FOLDER / f"{SYNTHESIS}.ipynb"
    if study.synthesis is not None and study.synthesis.status == "ok":
        folder = out / _SYNTHESIS_FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        level = study.synthesis.disclosure.level
        notebook_html(executed, folder / f"{SYNTHESIS}.html", title=_ALL, disclosure=level)
        write_site_page(study.synthesis, folder, study_title=study.title)
    write_index(study, out)
