"""The check before a run: everything that is wrong with params and data, at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from hotspot_eval.errors import InputError, Problem
from hotspot_eval.run.folders import Folders
from hotspot_eval.run.inputs import Inputs
from hotspot_eval.run.params import params_or_problems

__all__ = ["check_params"]


def check_params(
    paths: Sequence[Path], *, data: Iterable[Path] = ()
) -> tuple[list[Problem], list[str]]:
    """Every problem of the params files and of what they name; and a summary if there is none.

    Nothing is written. One fault never hides another: what can be read without the faulty part is
    read and checked.

    Returns
    -------
    problems : list of Problem
        Each once, in the order of the files.
    summary : list of str
        A line for each params file: its sites, areas and periods.
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
    found: list[Problem] = []
    for step in (
        inputs.path_problems,
        inputs.outcome_problems,
        inputs.area_problems,
        inputs.count_problems,
        inputs.population_problems,
        inputs.register_problems,
        inputs.break_problems,
    ):
        found += _caught(step)
    return found or _caught(lambda: _design_problems(inputs))


def _design_problems(inputs: Inputs) -> list[Problem]:
    """What only shows when all is put together: no borough that can be evaluated."""
    inputs.panel()
    if not inputs.boroughs():
        return [Problem(where="register", what="names no borough with a deployment")]
    return []


def _caught(step: Callable[[], list[Problem]]) -> list[Problem]:
    try:
        return step()
    except InputError as error:
        return list(error.problems)


def _summary(path: Path, inputs: Inputs) -> str:
    boroughs = inputs.boroughs()
    return f"{path.name}: usable; {len(boroughs)} sites ({', '.join(boroughs[:5])}…); {inputs.panel()!r}"
