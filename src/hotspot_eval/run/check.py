"""The check before a run: everything that is wrong with params and data, at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

import pandas as pd
import pyogrio

from hotspot_eval.data import breaks_in_window, guard_outcome
from hotspot_eval.errors import InputError, Problem
from hotspot_eval.panel import area_ids
from hotspot_eval.periods import Periods
from hotspot_eval.run.folders import Folders
from hotspot_eval.run.inputs import Inputs
from hotspot_eval.run.params import params_or_problems

__all__ = ["check_params"]


def check_params(
    paths: Sequence[Path], *, data: Iterable[Path] = ()
) -> tuple[list[Problem], list[str]]:
    """Every problem of the params files and of what they name; and a summary if there is none.

    Nothing is written. One fault does not hide another: what can be read without the faulty part
    is read and checked.

    Returns
    -------
    problems : list of Problem
        Each once, in the order of the files.
    summary : list of str
        A line for each usable params file: its sites, areas and periods.
    """
    data = tuple(data)
    problems: list[Problem] = []
    summary: list[str] = []
    for path in paths:
        params, found = params_or_problems(path)
        if params is not None:
            inputs = Inputs(params=params, folders=Folders.around(path, data))
            found = [*found, *_input_problems(inputs)]
            if not found:
                summary.append(_summary(path, inputs))
        problems += found
    once = {str(problem): problem for problem in problems}
    return list(once.values()), summary


def _input_problems(inputs: Inputs) -> list[Problem]:
    found = []
    for step in (_paths, _outcomes, _areas, _counts, _gaps, _population, _register, _breaks):
        found += _caught(partial(step, inputs))
    return found or _caught(partial(_together, inputs))
