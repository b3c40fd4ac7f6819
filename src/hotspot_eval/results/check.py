"""Check: a threat a reviewer would raise, and what was found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Literal, get_args

import pandas as pd

from hotspot_eval.errors import InputError, Problem, check_choice

__all__ = ["Check", "Status", "checks_frame"]

Status = Literal["passed", "failed", "not assessed"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Check:
    """A threat a reviewer would raise, and what was found.

    Parameters
    ----------
    name : str
        Short and stable: ``"parallel trends"``.
    threat : str
        What would be wrong with the study if the check failed, in one sentence.
    status : {"passed", "failed", "not assessed"}
    sentence : str
        What was found, or why it could not be assessed, in one sentence.
    evidence : DataFrame
        The table behind the sentence; may be empty only if not assessed.
    """

    name: str
    threat: str
    status: Status
    sentence: str
    evidence: pd.DataFrame = field(default_factory=pd.DataFrame)

    def __post_init__(self) -> None:
        check_choice("status", self.status, get_args(Status))
        if self.status != "not assessed" and self.evidence.empty:
            raise InputError(
                Problem(where=f"check '{self.name}'", what=f"is {self.status} without any evidence")
            )

    def to_frame(self) -> pd.DataFrame:
        """One row: name, threat, status, sentence."""
        return checks_frame([self])

    def __repr__(self) -> str:
        return f"Check({self.name}: {self.status}. {self.sentence})"

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>"


def checks_frame(checks: Sequence[Check]) -> pd.DataFrame:
    """One row a check: name, threat, status, sentence."""
    columns = ["name", "threat", "status", "sentence"]
    return pd.DataFrame([[getattr(c, name) for name in columns] for c in checks], columns=columns)
