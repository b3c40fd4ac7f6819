"""Arguments of a design: spells, and one value for each treated area."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hotspot_eval.design.spells import Spell
from hotspot_eval.errors import InputError, Problem, check_sequence, check_type
from hotspot_eval.panel import area_ids

__all__ = ["checked_spells", "one_each"]


def checked_spells(spells: Sequence[Spell], name: str) -> tuple[Spell, ...]:
    """Spells as a tuple, or what is none of them."""
    check_sequence(name, spells, of="Spell", example="[Spell(area=…, start=…)]")
    for spell in spells:
        check_type(name, spell, Spell, advice="Give Spell(area=…, start=…) each.")
    return tuple(spells)


def one_each(value: Any, treated: Sequence[object], name: str) -> list[Any]:
    """One value for each treated area."""
    if isinstance(value, Mapping):
        table = dict(zip(area_ids(value), value.values(), strict=True))
        absent = [area for area in treated if area not in table]
        if absent:
            raise InputError(
                Problem(
                    where=f"argument '{name}'",
                    what="has no entry for treated areas",
                    examples=absent,
                )
            )
        return [table[str(area)] for area in treated]
    if isinstance(value, Iterable) and not isinstance(value, (str, bytes)):
        values = list(value)
        if len(values) != len(treated):
            raise InputError(
                Problem(
                    where=f"argument '{name}'",
                    what=f"has {len(values)} entries for {len(treated)} treated areas",
                    advice="Give one period, or one for each area.",
                )
            )
        return values
    return [value] * len(treated)
