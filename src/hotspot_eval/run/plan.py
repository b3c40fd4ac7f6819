"""The plan: which sites a run evaluates, each with its params and its folders."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hotspot_eval.errors import InputError, Problem
from hotspot_eval.report.files import slug
from hotspot_eval.run.folders import Folders
from hotspot_eval.run.inputs import Inputs
from hotspot_eval.run.params import Params, load_params

__all__ = ["NOTEBOOKS", "SYNTHESIS", "SitePlan", "StudyPlan", "notebook_folder", "plan_study"]

NOTEBOOKS = ("01_data", "02_hotspots", "03_design", "04_effect", "05_displacement", "06_robustness")
SYNTHESIS = "10_synthesis"


@dataclass(frozen=True, slots=True, kw_only=True)
class SitePlan:
    """One site: a borough of a study.

    Parameters
    ----------
    name, slug : str
        As the register calls it, and as its folder is called.
    params : Params
    folders : Folders
    source : Path
        The params file.
    """

    name: str
    slug: str
    params: Params
    folders: Folders
    source: Path

    def identity(self) -> dict[str, Any]:
        """What decides whether an earlier run of the site is still good."""
        return {"site": self.name, "params": self.params.dump()}


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyPlan:
    """All sites of a study and the folder its results go to."""

    study: str
    title: str
    out: Path
    sites: tuple[SitePlan, ...]

    def published(self, site: SitePlan) -> Path:
        """Folder of the site that may be published."""
        return self.out / site.slug

    def internal(self, site: SitePlan) -> Path:
        """Folder of the site that never leaves the team."""
        return self.out / "internal" / site.slug


def plan_study(
    params_paths: Sequence[Path], *, data: Iterable[Path] = (), out: Path | None = None
) -> StudyPlan:
    """Lay out a run.

    Parameters
    ----------
    params_paths : sequence of Path
        Params files of one study.
    data : iterable of Path
        Further folders that may be read.
    out : Path, optional
        By default ``outputs/<study>`` in the project.

    Raises
    ------
    InputError
        If the files are of different studies, or two sites would share a folder.
    """
    data = tuple(data)
    loaded = [(path, load_params(path), Folders.around(path, data)) for path in params_paths]
    studies = sorted({params.study for _, params, _ in loaded})
    if len(studies) != 1:
        raise InputError(
            Problem(
                where="params",
                what="files of one run must name one study; these name",
                examples=studies,
                advice="Run them one study at a time.",
            )
        )
    sites = [
        SitePlan(name=name, slug=slug(name), params=params, folders=folders, source=path)
        for path, params, folders in loaded
        for name in Inputs(params=params, folders=folders).boroughs()
    ]
    shared = sorted({s.name for s in sites if sum(o.slug == s.slug for o in sites) > 1})
    if shared:
        raise InputError(
            Problem(
                where="params",
                what="sites would share a folder",
                examples=shared,
                advice="Evaluate each borough once in a study.",
            )
        )
    _, params, folders = loaded[0]
    return StudyPlan(
        study=params.study,
        title=params.title,
        out=(out or folders.project / "outputs" / params.study).resolve(),
        sites=tuple(sites),
    )


def notebook_folder() -> Path:
    """Where the notebooks are: in the installed package, or in the checkout it runs from."""
    here = Path(__file__).resolve()
    for folder in (here.parents[1] / "notebooks", here.parents[3] / "notebooks"):
        if (folder / f"{NOTEBOOKS[0]}.ipynb").is_file():
            return folder
    raise InputError(
        Problem(
            where="notebooks", what="are not installed with the package", advice="Reinstall it."
        )
    )
