"""What each site of a study could see, from its own untreated past."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from hotspot_eval.errors import InputError
from hotspot_eval.run.folders import Folders
from hotspot_eval.run.inputs import Inputs
from hotspot_eval.run.params import load_params
from hotspot_eval.run.site import Site

__all__ = ["power_table"]


def power_table(params: Path, *, data: Iterable[Path] = ()) -> pd.DataFrame:
    """One row a site: the smallest reduction found with 80 % power, in per cent and in events.

    Nothing of the treated areas after their start is read. A site that cannot be evaluated stays in
    the table with the reason.

    Returns
    -------
    DataFrame
        site, treated, periods (after the start), expected_events, percent, events, reason.
    """
    inputs = Inputs(params=load_params(params), folders=Folders.around(params, data))
    with TemporaryDirectory() as folder:
        rows = [
            _row(Site(name=name, params=inputs.params, inputs=inputs, folder=Path(folder)))
            for name in inputs.boroughs()
        ]
    return pd.DataFrame(rows).fillna({"reason": ""})


def _row(site: Site) -> dict[str, object]:
    try:
        found = site.minimum_detectable()
        laid = site.design().on(site.panel(site.primary))
    except InputError as error:
        return {"site": site.name, "reason": str(error)}
    treated = laid.rows("treated")
    after = laid.used[treated] & (laid.treatment[treated] > 0)
    return {
        "site": site.name,
        "treated": len(treated),
        "periods": int(after.sum(axis=1).max()),
        "expected_events": round(found.expected_events, 1),
        "percent": round(found.percent, 1),
        "events": round(found.crimes, 1),
        "reason": "; ".join(found.notes),
    }
