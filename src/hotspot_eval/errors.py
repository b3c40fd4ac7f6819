"""Errors that tell a tired analyst what is wrong, how many, the first five and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isfinite
from numbers import Integral, Real

__all__ = [
    "HotspotEvalError",
    "InputError",
    "Problem",
    "check_choice",
    "check_level",
    "check_number",
    "check_sequence",
    "check_type",
    "check_whole",
]

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
    if not any(isinstance(value, type(choice)) and value == choice for choice in choices):
        listed = ", ".join(repr(choice) for choice in choices)
        raise InputError(
            Problem(
                where=f"argument '{argument}'",
                what=f"{value!r} is not one of the options",
                advice=f"Use one of {listed}.",
            )
        )


def check_type(
    argument: str, value: object, kind: type | tuple[type, ...], *, advice: str = ""
) -> None:
    """Refuse a value of the wrong type, naming the argument and both types.

    Examples
    --------
    >>> check_type("rule", "mimic", dict, advice="Give a table.")
    Traceback (most recent call last):
        ...
    hotspot_eval.errors.InputError: argument 'rule': is of type str, not dict. Give a table.
    """
    if not isinstance(value, kind):
        kinds = kind if isinstance(kind, tuple) else (kind,)
        wanted = " or ".join(each.__name__ for each in kinds)
        raise InputError(
            Problem(
                where=f"argument '{argument}'",
                what=f"is of type {type(value).__name__}, not {wanted}",
                advice=advice,
            )
        )


def check_sequence(argument: str, value: object, *, of: str, example: str) -> None:
    """Refuse a single text or anything that cannot be gone through one by one.

    Examples
    --------
    >>> check_sequence("controls", ["A", "B"], of="area ids", example="['A', 'B']")
    """
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        what = "is one text" if isinstance(value, (str, bytes)) else f"is {value!r}"
        shown = f"[{value!r}]" if isinstance(value, str) else example
        raise InputError(
            Problem(
                where=f"argument '{argument}'",
                what=f"{what}, not a sequence of {of}",
                advice=f"Write {argument}={shown}.",
            )
        )


def check_whole(argument: str, value: object, *, least: int) -> None:
    """Refuse what is not a whole number of ``least`` or more.

    Examples
    --------
    >>> check_whole("gap", 0, least=0)
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise InputError(
            Problem(
                where=f"argument '{argument}'",
                what=f"must be a whole number, {least} or more, not {value!r}",
            )
        )


def check_number(
    argument: str, value: object, *, above: float | None = None, least: float | None = None
) -> None:
    """Refuse what is not a finite number, or not in its range.

    Examples
    --------
    >>> check_number("cutoff_m", 250.0, above=0.0)
    """
    number = float("nan")
    if isinstance(value, Real) and not isinstance(value, bool):
        number = float(value)
    fits = (above is None or number > above) and (least is None or number >= least)
    if not (isfinite(number) and fits):
        limits = "" if above is None else f" above {above:g}"
        limits += "" if least is None else f" of {least:g} or more"
        raise InputError(
            Problem(
                where=f"argument '{argument}'",
                what=f"must be a finite number{limits}, not {value!r}",
            )
        )


def check_level(argument: str, value: object) -> None:
    """Refuse a level of confidence outside (0, 1).

    Examples
    --------
    >>> check_level("ci_level", 0.95)
    """
    check_number(argument, value)
    if isinstance(value, Real) and not 0.0 < float(value) < 1.0:
        raise InputError(
            Problem(where=f"argument '{argument}'", what=f"must lie in (0, 1), not {value!r}")
        )
