"""Outcome definitions: what each outcome counts, by source, and what it can bear."""

from hotspot_eval.data.outcomes.definitions import (
    OutcomeDefinition,
    OutcomeSource,
    OutcomeTypes,
    outcome_definition,
    outcome_definitions,
    outcome_names,
    outcome_rules,
    read_outcome_definitions,
)

__all__ = [
    "OutcomeDefinition",
    "OutcomeSource",
    "OutcomeTypes",
    "outcome_definition",
    "outcome_definitions",
    "outcome_names",
    "outcome_rules",
    "read_outcome_definitions",
]
