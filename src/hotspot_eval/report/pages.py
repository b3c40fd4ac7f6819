"""Pages: a site's and a study's, rendered from their records; nothing is computed here."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from hotspot_eval.errors import InputError, Problem
from hotspot_eval.report import wording
from hotspot_eval.report.entries import FigureFile, ReportedEffect
from hotspot_eval.report.figures.forest import forest, forest_frame
from hotspot_eval.report.figures.save import save_figure
from hotspot_eval.report.files import write_atomically
from hotspot_eval.report.record import SiteRecord, StudyRecord
from hotspot_eval.report.render import environment
from hotspot_eval.report.tables import ESTIMATE_COLUMNS, write_site_tables, write_study_tables

__all__ = ["write_index", "write_site_page"]

_SECTIONS = (
    ("checks", "Threats checked", "checks"),
    ("effects", "Estimates", "effects"),
    ("figures", "Figures", "figures"),
    ("tables", "Tables", "tables"),
    ("data", "Data and design", "facts"),
)
_POOLED = "All sites together"
Link = tuple[str, str]


def write_site_page(
    record: SiteRecord,
    out: str | Path,
    *,
    folder: str | Path | None = None,
    study_title: str = "",
    index_href: str = "../index.html",
) -> Path:
    """Write ``index.html`` of a site, its figures, and the tables and record it links to.

    Rendered notebooks are linked if they are in ``out`` already (``01_data.html`` and so on).

    Parameters
    ----------
    record : SiteRecord
    out : str or Path
        The site's published folder.
    folder : str or Path, optional
        Where the record's figures are; by default where it was collected from.
    study_title : str
        By default the study's id.
    index_href : str
        Link back to the study's page; empty for none.

    Raises
    ------
    InputError
        If a figure of the record is not in ``folder``.
    """
    where = Path(out)
    _copy_figures(record, where, folder)
    written = write_site_tables(record, where)
    write_atomically(where / "record.json", record.to_json())
    named = [(path.name, f"{path.stem.capitalize()} (CSV)") for path in written]
    if (where / "manifest.json").is_file():
        named.append(("manifest.json", "Manifest: inputs, versions, seed, timings (JSON)"))
    present = [(anchor, name) for anchor, name, kind in _SECTIONS if getattr(record, kind)]
    html = environment().get_template("site.html.j2").render(
        record=record,
        study_title=study_title or wording.plain(record.study),
        index_href=index_href,
        sections=[*present, ("downloads", "Downloads and notebooks")],
        evidence=[check for check in record.checks if check.evidence.rows],
        effects=_by_role(record.effects),
        downloads=[*named, ("record.json", "The whole record (JSON)")],
        notebooks=_notebooks(where),
        columns=ESTIMATE_COLUMNS,
    )  # fmt: skip
    return _page(where, html)


def write_index(study: StudyRecord, out: str | Path) -> Path:
    """Write ``index.html`` of a study, its forest plot, the tables over all sites, the synthesis.

    The page of the synthesis is ``synthesis/index.html``; those of the sites are written by
    :func:`write_site_page`. Every site is listed, failed ones with the reason, and linked to
    ``<slug>/index.html``.

    Parameters
    ----------
    study : StudyRecord
    out : str or Path
        The study's published folder.

    Raises
    ------
    InputError
        If the study has no site.
    """
    if not study.sites:
        raise InputError(Problem(where=f"study '{study.study}'", what="has no site to show"))
    where = Path(out)
    written = write_study_tables(study, where)
    synthesis = study.synthesis
    if synthesis is not None:
        write_site_page(synthesis, where / "synthesis", study_title=study.title)
    effects = synthesis.effects if synthesis is not None else ()
    rule = study.sites[0].disclosure
    html = environment().get_template("index.html.j2").render(
        study=study,
        threshold=rule.threshold,
        base=rule.base,
        forest=_forest(study, where),
        synthesis_lines=[e for e in effects if e.role == "primary"] or effects[:1],
        downloads=[(path.name, f"{path.stem.capitalize()} of all sites (CSV)") for path in written],
        notebooks=_all_notebooks(study, where),
        acknowledgements=_acknowledgements(study),
    )  # fmt: skip
    return _page(where, html)


def _page(where: Path, html: str) -> Path:
    path = where / "index.html"
    write_atomically(path, html)
    return path


def _copy_figures(record: SiteRecord, out: Path, folder: str | Path | None) -> None:
    names = [name for f in record.figures for name in (f.file, f.data_file) if name]
    if not names:
        return
    home = Path(folder) if folder is not None else record.folder
    if home is None:
        raise InputError(
            Problem(
                where=f"site '{record.site}'",
                what="has figures, but the record does not say where they are",
                advice="Give folder=, the folder the record was collected from.",
            )
        )
    source, target = home / "figures", out / "figures"
    absent = [name for name in names if Path(name).name != name or not (source / name).is_file()]
    if absent:
        raise InputError(
            Problem(where=f"site '{record.site}'", what="figures are missing", examples=absent)
        )
    target.mkdir(parents=True, exist_ok=True)
    for name in names:
        shutil.copyfile(source / name, target / name)


def _by_role(effects: Sequence[ReportedEffect]) -> list[tuple[str, str, list[ReportedEffect]]]:
    grouped = [
        (role, title, [entry for entry in effects if entry.role == role])
        for role, title in wording.ROLE_TITLES.items()
    ]
    return [group for group in grouped if group[2]]


def _notebooks(out: Path) -> list[Link]:
    found = sorted(out.glob("[0-9][0-9]_*.html"))
    return [(path.name, wording.plain(path.stem)) for path in found]


def _all_notebooks(study: StudyRecord, out: Path) -> list[tuple[dict[str, str], list[Link]]]:
    folders = [(record.title, record.slug) for record in study.sites]
    folders.append((_POOLED, "synthesis"))
    listed: list[tuple[dict[str, str], list[Link]]] = []
    for title, name in folders:
        links = [(f"{name}/{href}", text) for href, text in _notebooks(out / name)]
        if links:
            listed.append(({"title": title}, links))
    return listed


def _acknowledgements(study: StudyRecord) -> list[str]:
    records = [*study.sites, *([study.synthesis] if study.synthesis else [])]
    lines = [line for record in records for line in record.acknowledgements]
    return list(dict.fromkeys([*study.acknowledgements, *lines]))


def _forest(study: StudyRecord, out: Path) -> FigureFile | None:
    if not any(record.primary is not None for record in study.sites):
        return None
    titles = [record.title for record in study.sites]
    rows: list[tuple[str, ReportedEffect | None]] = [
        (r.title if titles.count(r.title) == 1 else f"{r.title} ({r.site})", r.primary)
        for r in study.sites
    ]
    pooled = None if study.synthesis is None else study.synthesis.primary
    if pooled is not None:
        rows.append((_POOLED, pooled))
    told = [forest_frame({name: None if e is None else e.effect}) for name, e in rows]
    frame = pd.concat(told, ignore_index=True)
    failed = [place for place, record in enumerate(study.sites) if record.status == "failed"]
    frame.loc[failed, "note"] = "failed: no estimate"
    outcomes = sorted({wording.plain(r.primary.outcome) for r in study.sites if r.primary})
    subtitle = f"Change in {', '.join(outcomes)} with its interval, one row a site"
    return save_figure(
        forest(frame, emphasis=[_POOLED] if pooled is not None else []),
        out / "figures",
        name="forest-of-sites",
        title=wording.forest_title(study),
        subtitle=f"{subtitle}; {wording.study_line(study)}",
        alt=f"Forest plot. {wording.forest_title(study)}. The numbers are in the table of sites.",
        data=frame,
    )
