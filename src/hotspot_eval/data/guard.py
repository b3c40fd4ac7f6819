"""Outcome or output: offences that rise because the police look for them."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pandas as pd

from hotspot_eval.data.met.categories import label
from hotspot_eval.errors import InputError, Problem
from hotspot_eval.results import Check

__all__ = ["check_outcome", "output_reason"]

_THREAT = (
    "The outcome is made by the police work under study, so that more work looks like more crime."
)
_ARMS = r"(?:weapons?|kni(?:fe|ves)|blades?|bladed articles?|firearms?|guns?)"
_OUTPUTS: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(
            rf"\b(?:possession|carrying)\b.*\b{_ARMS}|\b{_ARMS} (?:possession|carrying)\b"
            rf"|\boffensive weapons?\b|\bother (?:firearm|knife) offences?\b|^{_ARMS}$"
            rf"|\b{_ARMS} (?:found|taken|handed in)\b|\bpossession of article\b"
        ),
        "possession of weapons is found by searching",
    ),
    (
        re.compile(
            r"^drugs?$|\bdrugs? (?:offences?|crimes?|trafficking|supply|possession|found)\b"
            r"|\b(?:possession|trafficking|supply) of (?:drugs?|cannabis)\b|\bcannabis\b"
            r"|\bother drugs\b"
        ),
        "drug offences are found by searching",
    ),
    (
        re.compile(r"\bstops? (?:and )?search(?:es)?\b|^stops?$|^search(?:es)?$|\bsection 60\b"),
        "stop and search is police work itself",
    ),
    (
        re.compile(
            r"\b(?:arrests?|arrested|charges?|charged|detentions?|custody|detected|detections?"
            r"|clear ?ups?|sanctions?)\b"
        ),
        "arrests, charges and detections are police work itself",
    ),
    (
        re.compile(r"\b(?:seiz\w+|recovered|recoveries|confiscat\w+|sweeps?)\b"),
        "seizures and finds are police work itself",
    ),
    (
        re.compile(
            r"\b(?:patrols?|officer hours?|visits?|deployments?|engagements?|warnings?|tickets?"
            r"|fines?)\b"
        ),
        "activity is the treatment, not what it is for",
    ),
    (
        re.compile(r"\b(?:going equipped|handling stolen|soliciting|prostitution|obstruct\w*)\b"),
        "it comes to light mainly through police work",
    ),
)


def output_reason(outcome: str) -> str | None:
    """Why an outcome is an output of policing, or None if it is not known to be one.

    Examples
    --------
    >>> output_reason("weapons_possession")
    'possession of weapons is found by searching'
    >>> output_reason("robbery") is None
    True
    """
    plain = label(outcome.replace("_", " "))
    return next((reason for pattern, reason in _OUTPUTS if pattern.search(plain)), None)


def check_outcome(
    outcome: str, *, acknowledged: Mapping[str, str] | None = None, primary: bool = True
) -> Check:
    """The outcome-versus-output guard.

    Parameters
    ----------
    outcome : str
        Name of the outcome: ``"robbery"``, ``"Possession of weapons"``.
    acknowledged : mapping of str to str, optional
        Outcome → why it is used although the police make it.
    primary : bool
        Whether the study stands on it. A secondary outcome is never refused.

    Returns
    -------
    Check
        ``passed`` for an outcome; ``failed`` for an output that is acknowledged or secondary.

    Raises
    ------
    InputError
        If an output is the primary outcome and nobody acknowledged it with a reason.

    Examples
    --------
    >>> check_outcome("violence_with_injury").status
    'passed'
    >>> check_outcome("drugs")
    Traceback (most recent call last):
        ...
    hotspot_eval.errors.InputError: outcome 'drugs': is an output of policing, not an outcome: drug
    offences are found by searching. ...
    """
    reason = output_reason(outcome)
    why = (acknowledged or {}).get(outcome, "").strip()
    if reason is not None and primary and not why:
        raise InputError(
            Problem(
                where=f"outcome '{outcome}'",
                what=f"is an output of policing, not an outcome: {reason}",
                advice="Choose what the operation was to reduce, make this a secondary outcome, or "
                "acknowledge it with a reason.",
            )
        )
    evidence = pd.DataFrame(
        [
            {
                "outcome": outcome,
                "role": "primary" if primary else "secondary",
                "made_by_police": reason is not None,
                "because": reason or "",
                "acknowledged": why,
            }
        ]
    )
    named = outcome[:1].upper() + outcome[1:].replace("_", " ")
    if reason is None:
        sentence = f"{named} is not known to be an output of policing."
    else:
        used = f"is used knowingly: {why}" if why else "is shown as a secondary outcome only"
        sentence = f"{named} rises with police activity ({reason}) and {used}."
    return Check(
        name="outcome or output",
        threat=_THREAT,
        status="passed" if reason is None else "failed",
        sentence=sentence,
        evidence=evidence,
    )
