"""Opening one site of a study in a notebook."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hotspot_eval.errors import InputError, Problem
from hotspot_eval.report.files import slug
from hotspot_eval.run.folders import CONTEXT, Folders
from hotspot_eval.run.inputs import Inputs
from hotspot_eval.run.params import Params, load_params
from hotspot_eval.run.site import Site

__all__ = ["open_site"]


def open_site(
    params: str | Path | Mapping[str, Any] = "demo", *, site: str = "", folder: str | Path = ""
) -> Site:
    """Open one site of a study, in a notebook.

    Parameters
    ----------
    params : path or mapping
        A params file, or the params themselves as the runner hands them over; ``"demo"`` is the
        simulated study, made if it is not there yet.
    site : str
        One of the study's boroughs; by default the first.
    folder : path
        Where the notebooks hand over to each other; by default the site's folder below
        ``outputs/<study>/internal``.

    Raises
    ------
    InputError
        If the params are not usable or the study has no such borough.
    """
    if isinstance(params, Mapping):
        where = Path(folder or ".")
        context = json.loads((where / CONTEXT).read_text(encoding="utf-8"))
        folders = Folders(
            project=Path(context["project"]), data=tuple(Path(path) for path in context["data"])
        )
        model = Params(**params)
    else:
        path = _demo() if str(params) == "demo" else Path(params)
        folders, model = Folders.around(path), load_params(path)
    inputs = Inputs(params=model, folders=folders)
    boroughs = inputs.boroughs() if not site or not isinstance(params, Mapping) else [site]
    if site and site not in boroughs:
        raise InputError(
            Problem(
                where="argument 'site'",
                what=f"{site!r} is no borough of the study",
                advice=f"It has {', '.join(boroughs)}.",
            )
        )
    name = site or boroughs[0]
    if not folder:
        folder = folders.project / "outputs" / model.study / "internal" / slug(name)
        if str(params) == "demo":
            folder = folders.project.parent / "internal" / slug(name)
    return Site(name=name, params=model, inputs=inputs, folder=Path(folder))


def _demo() -> Path:
    from hotspot_eval.run.demo import demo_params

    here = Path.cwd()
    return demo_params(here.parent if here.name == "notebooks" else here)
