"""Outcome definitions: what each outcome counts, by source, and what it can bear."""

from hotspot_eval.data.outcomes.definitions import (
    OutcomeDefinition,
    OutcomeSource,
    OutcomeTypes,
    crime_types_of,
    outcome_definition,
    outcome_definitions,
    outcome_names,
    read_outcome_definitions,
)

__all__ = [
    "OutcomeDefinition",
    "OutcomeSource",
    "OutcomeTypes",
    "crime_types_of",
    "outcome_definition",
    "outcome_definitions",
    "outcome_names",
    "read_outcome_definitions",
]
