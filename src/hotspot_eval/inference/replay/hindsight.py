"""A rule may read the past only: one that chooses otherwise without the future is refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from hotspot_eval.errors import InputError, Problem
from hotspot_eval.inference.replay.ladder import reach_of
from hotspot_eval.inference.replay.rules import Mimic, Rule, Threshold, TopK
from hotspot_eval.inference.replay.stage import Site
from hotspot_eval.panel import Panel

__all__ = ["check_reads_the_past_only"]


def check_reads_the_past_only(rule: Rule, panel: Panel, sites: Sequence[Site]) -> None:
    """Ask a rule of the user's own at a start, with the counts from there on and without them.

    A rule that two calls alike answer differently hangs on chance of its own and is let pass.

    Raises
    ------
    InputError
        If the answers differ.
    """
    readable = [site for site in sites if site.onset >= reach_of(rule, site)]
    if isinstance(rule, (TopK, Threshold, Mimic)) or not readable:
        return
    onset = readable[0].onset
    period = panel.periods.labels[onset]
    counts = panel.counts.copy()
    counts[:, onset:] = 0
    hidden = replace(panel, counts=counts)
    seen, again, blind = (
        set(map(str, rule(each, period, np.random.default_rng(0))))
        for each in (panel, panel, hidden)
    )
    if seen == again != blind:
        raise InputError(
            Problem(
                where="argument 'rule'",
                what=f"reads counts from {period} on, which nobody knew who chose for that start: "
                "without them it chooses otherwise, in areas",
                examples=sorted(seen ^ blind),
                advice="Read panel.counts before panel.periods.position(period) only.",
            )
        )
