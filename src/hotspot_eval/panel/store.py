"""A panel on disk: one compressed archive of plain arrays, without pickles."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from hotspot_eval.errors import InputError, Problem
from hotspot_eval.ledger import Ledger, LedgerNote, LedgerStep
from hotspot_eval.panel.core import Panel
from hotspot_eval.periods import Periods

__all__ = ["load_panel", "save_panel"]

_FORMAT = 1


def save_panel(panel: Panel, path: Path) -> None:
    """Write ``panel`` to an ``.npz`` file, in one step.

    The file holds area-level counts: it belongs under ``internal/`` and is never published.
    """
    arrays: dict[str, Any] = {
        "format": np.array(_FORMAT),
        "areas": np.array(panel.areas),
        "outcomes": np.array(panel.outcomes),
        "starts": panel.periods.starts,
        "ends": panel.periods.ends,
        "frequency": np.array(panel.periods.frequency),
        "counts": panel.counts,
        "observed": panel.observed,
        "ledger": np.array(json.dumps(asdict(panel.ledger))),
    }
    if panel.offset_base is not None:
        arrays["offset_base"] = panel.offset_base
    if panel.cluster is not None:
        arrays["cluster"] = np.array(panel.cluster)
    draft = path.with_name(f".{path.stem}.draft.npz")
    np.savez_compressed(draft, **arrays)
    draft.replace(path)


def load_panel(path: Path) -> Panel:
    """Read a panel that :func:`save_panel` wrote.

    Raises
    ------
    InputError
        If the file is not one, or of another format.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        version = int(arrays.get("format", -1))
    except (OSError, ValueError) as error:
        raise InputError(Problem(where=path.name, what="is not a stored panel")) from error
    if version != _FORMAT:
        raise InputError(
            Problem(
                where=path.name,
                what=f"is a stored panel of format {version}, not {_FORMAT}",
                advice="Run 01_data again.",
            )
        )
    return Panel(
        areas=tuple(arrays["areas"].tolist()),
        periods=Periods(
            starts=arrays["starts"], ends=arrays["ends"], frequency=arrays["frequency"].item()
        ),
        outcomes=tuple(arrays["outcomes"].tolist()),
        counts=arrays["counts"],
        observed=arrays["observed"],
        offset_base=arrays.get("offset_base"),
        cluster=tuple(arrays["cluster"].tolist()) if "cluster" in arrays else None,
        ledger=_ledger(json.loads(str(arrays["ledger"]))),
    )


def _ledger(stored: dict[str, Any]) -> Ledger:
    steps = [
        LedgerStep(
            **{
                **step,
                "left_out": tuple(_note(note) for note in step["left_out"]),
                "remarks": tuple(_note(note) for note in step["remarks"]),
            }
        )
        for step in stored["steps"]
    ]
    return Ledger(steps=tuple(steps))


def _note(stored: dict[str, Any]) -> LedgerNote:
    return LedgerNote(**{**stored, "examples": tuple(stored["examples"])})
