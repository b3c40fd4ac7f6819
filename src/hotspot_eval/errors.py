"""Errors that tell a tired analyst what is wrong, how many, the first five and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

__all__ = ["HotspotEvalError", "InputError", "Problem", "check_choice"]

_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that makes an input unusable.

    Parameters
    ----------
    where : str
        The file, field or argument at fault, for example ``"register.csv, column 'start'"``.
    what : str
        What is wrong, in words that follow ``where`` after a colon.
    examples : sequence of object, optional
        Every offending value; the message counts them and shows the first five.
    advice : str, optional
        What to do about it.

    Examples
    --------
    >>> print(Problem(where="areas.gpkg", what="area ids occur twice", examples=["A", "B"],
    ...               advice="Keep one row an area."))
    areas.gpkg: area ids occur twice (2: A, B). Keep one row an area.
    """

    where: str
    what: str
    examples: Sequence[object] = ()
    advice: str = ""

    def __str__(self) -> str:
        message = f"{self.where}: {self.what}"
        if len(self.examples):
            shown = ", ".join(str(value) for value in self.examples[:_SHOWN])
            more = ", …" if len(self.examples) > _SHOWN else ""
            message += f" ({len(self.examples)}: {shown}{more})"
        message += "."
        return f"{message} {self.advice}" if self.advice else message


class HotspotEvalError(Exception):
    """Base of every error this package raises on purpose."""


class InputError(HotspotEvalError, ValueError):
    """An input that cannot be used; carries every problem found, not only the first.

    Examples
    --------
    >>> raise InputError(Problem(where="argument 'k'", what="must be at least 1, not 0"))
    Traceback (most recent call last):
        ...
    hotspot_eval.errors.InputError: argument 'k': must be at least 1, not 0.
    """

    def __init__(self, *problems: Problem) -> None:
        if not problems:
            raise ValueError("an InputError needs at least one Problem")
        self.problems = problems
        super().__init__("\n".join(str(problem) for problem in problems))

    def __reduce__(self) -> tuple[type[InputError], tuple[Problem, ...]]:
        return type(self), self.problems


def check_choice(argument: str, value: object, allowed: Iterable[object]) -> None:
    """Refuse an option that is not one of ``allowed``.

    Examples
    --------
    >>> check_choice("model", "poisson", ("poisson", "linear"))
    """
    choices = tuple(allowed)
    if value not in choices:
        listed = ", ".join(repr(choice) for choice in choices)
        raise InputError(
            Problem(
                where=f"argument '{argument}'",
                what=f"{value!r} is not one of the options",
                advice=f"Use one of {listed}.",
            )
        )
