"""The decision tree: which estimator a design calls for, why, and what to show beside it."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import numpy as np
import pandas as pd

from hotspot_eval.design import Design
from hotspot_eval.did.sample import Sample, lay
from hotspot_eval.did.synthetic import unsuited
from hotspot_eval.panel import Panel

__all__ = ["Recommendation", "recommend"]

_FEW = 5
_FEW_CONTROLS = 10
_RANKS = 39


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """The estimator that the design calls for.

    Parameters
    ----------
    estimator : str
        Name of a function of this package.
    because : tuple of str
        The answers that led there, in order.
    beside : tuple of str
        What to show next to it, and what for.
    """

    estimator: str
    because: tuple[str, ...]
    beside: tuple[str, ...] = ()

    def __str__(self) -> str:
        told = f"{self.estimator}: {'; '.join(self.because)}"
        return f"{told}. Beside it: {'; '.join(self.beside)}" if self.beside else told

    def to_frame(self) -> pd.DataFrame:
        """One row an answer, in order: the estimator, what led there, what to show beside it."""
        rows = [("estimator", self.estimator)]
        rows += [("because", words) for words in self.because]
        rows += [("beside", words) for words in self.beside]
        return pd.DataFrame(rows, columns=["part", "words"])

    def _repr_html_(self) -> str:
        because = "".join(f"<li>{escape(words)}</li>" for words in self.because)
        beside = "".join(f"<li>{escape(words)}</li>" for words in self.beside)
        told = f"<p><code>{escape(self.estimator)}</code>, because</p><ul>{because}</ul>"
        return f"{told}<p>Show beside it</p><ul>{beside}</ul>" if beside else told


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answers:
    """What the tree asks of a sample."""

    starts: int
    goes_off: bool
    comes_back: bool
    controls: int
    unsuited: str


def recommend(panel: Panel, design: Design) -> Recommendation:
    """Walk the decision tree: switching, one site, staggered starts, one start.

    Notes
    -----
    In order: nothing to compare with → none; treatment that comes back after going off →
    ``switchers``; one treated area that synthetic control can be made for → ``synthetic_did``;
    starts that differ, or treatment that goes off → ``imputation``; else ``poisson_did``. How the
    places were chosen is not in the data: ``replay`` stands beside every answer.

    Examples
    --------
    >>> frame = pd.DataFrame({"area": list("AABBCCDD"), "month": ["2022-01", "2022-02"] * 4,
    ...                       "count": [20, 10, 10, 6, 30, 31, 15, 16]})
    >>> panel = Panel.from_counts(frame, area="area", period="month", count="count")
    >>> advice = recommend(panel, Design(treated=["A", "B"], start="2022-02"))
    >>> advice.estimator, advice.because[0]
    ('poisson_did', 'treatment stays on once it has started')
    """
    sample = lay(panel, design, counts=False, keep_always=True)
    reason = sample.reason
    starts = len(np.unique(sample.first[sample.treated]))
    if not reason and sample.treated.all() and starts == 1:
        reason = (
            "every area is treated at the same time: there is nothing to compare with, whatever "
            "the estimator; add untreated areas, if need be from another force"
        )
    if reason:
        return Recommendation(estimator="none", because=(reason,))
    asked = _answers(sample, starts)
    name, because = _walk(sample, asked)
    return Recommendation(estimator=name, because=because, beside=_beside(sample, asked, design))


def _answers(sample: Sample, starts: int) -> _Answers:
    changes = np.diff((sample.treatment > 0).astype(int), axis=1)
    again = (changes > 0).sum(axis=1) + (sample.treatment[:, 0] > 0) > 1
    return _Answers(
        starts=starts,
        goes_off=bool((changes < 0).any()),
        comes_back=bool(again.any()),
        controls=int((~sample.treated).sum()),
        unsuited=unsuited(sample) if sample.n_treated == 1 else "",
    )


def _walk(sample: Sample, asked: _Answers) -> tuple[str, tuple[str, ...]]:
    """The estimator, and the answers that led to it."""
    n = sample.n_treated
    because = [_path(asked), f"{n} treated area{'' if n == 1 else 's'}"]
    name = "imputation" if asked.starts > 1 or asked.goes_off else "poisson_did"
    if asked.comes_back:
        name = "switchers"
    elif n == 1 and not asked.unsuited:
        name = "synthetic_did"
        because.append(
            "one site: controls are weighted to follow its past, and other areas in its place "
            "show how large an effect chance makes"
        )
    elif n == 1:
        because.append(f"one site, but synthetic_did {asked.unsuited}")
    if n > 1 and not asked.comes_back:
        because.append(
            f"{asked.starts} starts: no area that is treated already may serve as a control"
            if asked.starts > 1
            else "one start: before and after are the same periods for all of them"
        )
    if asked.controls < _FEW_CONTROLS:
        because.append(_few_controls(asked.controls))
    return name, tuple(because)


def _path(asked: _Answers) -> str:
    if asked.comes_back:
        return (
            "treatment goes off again and comes back: what lasts after it would spoil a plain "
            "comparison, so the whole path since the first switch is followed"
        )
    if asked.goes_off:
        return (
            "treatment goes off again: what would have happened is learnt from controls and from "
            "the time before it; the periods after it are left out, since its effect may last"
        )
    return "treatment stays on once it has started"


def _few_controls(controls: int) -> str:
    if controls == 0:
        return (
            "no area is never treated: later starters serve as controls until they start, and "
            "nothing can be said of the time after the last start"
        )
    if controls == 1:
        return "a single control area: there is an estimate, but no error can be learnt from it"
    return (
        f"only {controls} control areas: the error is learnt from them, so intervals are wide; "
        "admit controls from other clusters if they are alike"
    )


def _beside(sample: Sample, asked: _Answers, design: Design) -> tuple[str, ...]:
    n = sample.n_treated
    staggered = asked.starts > 1
    told = {
        "replay, unless the places were drawn at random: places chosen for high or rising counts "
        "come down again by themselves, and no estimator of this tree allows for that": True,
        "a randomisation test, since fewer than five areas are treated": n < _FEW,
        "conformal_test, since placebo ranks among so few controls cannot fall below 5%": (
            n == 1 and 0 < asked.controls < _RANKS and not asked.unsuited
        ),
        "event_study with pretrend, for trends before the start": not asked.comes_back,
        "etwfe for effects by cohort and period": staggered,
        "bacon for what a two-way estimate would rest on": staggered,
        "distributed_lags for what lasts after treatment": asked.goes_off,
        "dose_did, after the intention to treat, since doses differ": _dosed(design),
        "displacement for the catchment and the net effect": bool(design.catchment),
        "displacement with the neighbouring areas as catchment, if crime may have moved there: as "
        "controls they would make the effect look larger than it is": not design.catchment,
        "triple_difference with a type of crime left alone, if recording or reporting changed "
        "where treatment began": True,
    }
    return tuple(words for words, wanted in told.items() if wanted)


def _dosed(design: Design) -> bool:
    return len({spell.dose for spell in design.spells} - {None}) > 1
