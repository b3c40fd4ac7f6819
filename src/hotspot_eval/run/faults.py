"""What is wrong with a field of the params, in the words of whoever wrote the file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel

from hotspot_eval.errors import Problem

__all__ = ["fault_problem", "is_tag"]

_WHOLE = {"int_parsing", "int_type", "int_from_float"}
_NUMBER = {"float_parsing", "float_type"}
_BOUNDS = {
    "greater_than_equal": ("ge", "or more"),
    "less_than_equal": ("le", "or less"),
}


def fault_problem(file: str, fault: Mapping[str, Any], model: type[BaseModel]) -> Problem:
    """One fault that validation found, with its field, what was given, and what to write.

    Parameters
    ----------
    file : str
        Name of the params file.
    fault : mapping
        One entry of ``ValidationError.errors()``.
    model : type
        The model that was validated, for the names of its fields.
    """
    field = ".".join(str(part) for part in fault["loc"] if not is_tag(part)) or "(whole file)"
    where, kind = f"{file}, field '{field}'", fault["type"]
    if kind == "extra_forbidden":
        return Problem(where=where, what="is unknown", advice=_nearest(fault["loc"], model))
    if kind == "missing":
        return Problem(where=where, what="is missing", advice="Every study needs it.")
    given = fault.get("input")
    if kind == "string_pattern_mismatch" and field == "study":
        return Problem(
            where=where,
            what=f"{str(given)[:60]!r} is no name for a folder",
            advice="Use lower-case letters, digits, '-' and '_'.",
        )
    if kind == "string_pattern_mismatch" and field.endswith(("start", "end")):
        return Problem(
            where=where,
            what=f"{str(given)[:60]!r} is no date that can be read",
            advice="Write it year first: 2022-07-31, or 2022-07 for a month.",
        )
    shown = f" (given: {str(given)[:60]!r})" if isinstance(given, str | int | float) else ""
    return Problem(where=where, what=f"{_said(fault)}{shown}")


def _said(fault: Mapping[str, Any]) -> str:
    kind, context = fault["type"], fault.get("ctx", {})
    if kind in _WHOLE:
        return "must be a whole number"
    if kind in _NUMBER:
        return "must be a number"
    if kind in _BOUNDS:
        name, words = _BOUNDS[kind]
        return f"must be {context[name]:g} {words}"
    if kind == "literal_error":
        return f"must be {context['expected']}"
    if kind in ("model_type", "dict_type", "model_attributes_type"):
        return "must hold fields of its own, indented below it"
    said = str(fault["msg"]).removeprefix("Value error, ")
    return f"{said[0].lower()}{said[1:]}"


def _nearest(loc: tuple[int | str, ...], model: type[BaseModel]) -> str:
    """The field that was probably meant."""
    known = dict(_paths(model))
    name = str(loc[-1])
    section = ".".join(str(part) for part in loc[:-1])
    beside = [path for path in known if path.rpartition(".")[0] == section]
    close = get_close_matches(name, [path.rpartition(".")[2] for path in beside], n=1, cutoff=0.7)
    if close:
        meant = f"{section}.{close[0]}" if section else close[0]
        return f"Did you mean '{meant}'? docs/params.md lists every field."
    elsewhere = sorted(path for path in known if path.rpartition(".")[2] == name)
    if elsewhere:
        return f"Did you mean '{elsewhere[0]}', one level further in or out?"
    return "Look for a typing error; docs/params.md lists every field."


def _paths(model: type[BaseModel], above: str = "") -> Iterator[tuple[str, object]]:
    """Every field of a model and of the models in it, with the way to it."""
    for name, field in model.model_fields.items():
        path = f"{above}.{name}" if above else name
        yield path, field
        for part in (field.annotation, *get_args(field.annotation)):
            if isinstance(part, type) and issubclass(part, BaseModel):
                yield from _paths(part, path)


def is_tag(part: int | str) -> bool:
    """Whether a step of pydantic's trail is a type of a union, and no field."""
    return isinstance(part, str) and part.startswith(("list[", "literal["))
