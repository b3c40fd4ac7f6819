"""The rule that tells a cut-off month from a quiet one."""

import numpy as np
import pytest

from hotspot_eval.data.met.partial import judge_last_month

DAYS = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] * 2, dtype=float)
SEASON = 1 + 0.1 * np.sin(2 * np.pi * np.arange(24) / 12)
SHARES = np.array([0.5, 0.3, 0.2])


def history(level=1_000.0, trend=0.01):
    totals = level * SEASON * np.exp(trend * np.arange(24)) * DAYS / 30
    return totals, totals[:, None] * SHARES


def test_season_and_trend_are_predicted():
    totals, by_outcome = history()
    verdict = judge_last_month(totals, by_outcome, DAYS)
    assert not verdict.partial
    assert verdict.ratio == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.7, 0.8])
def test_a_month_cut_off_is_partial(share):
    totals, by_outcome = history()
    totals[-1] *= share
    by_outcome[-1] *= share
    verdict = judge_last_month(totals, by_outcome, DAYS)
    assert verdict.partial
    assert verdict.ratio == pytest.approx(share, abs=0.01)


def test_a_month_in_which_one_kind_of_crime_rises_is_whole():
    """A lockdown: thefts vanish, drug offences rise."""
    totals, by_outcome = history()
    by_outcome[-1] *= [0.3, 0.9, 1.2]
    totals[-1] = by_outcome[-1].sum()
    verdict = judge_last_month(totals, by_outcome, DAYS)
    assert verdict.ratio < 0.7
    assert not verdict.partial


def test_few_events_are_no_evidence():
    totals, by_outcome = history(level=4.0)
    totals[-1] *= 0.5
    by_outcome[-1] *= 0.5
    assert not judge_last_month(totals, by_outcome, DAYS).partial


def test_a_short_history_is_compared_with_its_last_months():
    totals, by_outcome = history(trend=0)
    totals[5] *= 0.3
    by_outcome[5] *= 0.3
    assert judge_last_month(totals[:6], by_outcome[:6], DAYS[:6]).partial


def test_a_history_too_short_gives_no_verdict():
    totals, by_outcome = history()
    verdict = judge_last_month(totals[:3], by_outcome[:3], DAYS[:3])
    assert not verdict.partial
    assert np.isnan(verdict.predicted)


def test_february_is_not_a_cut_off_month():
    totals, by_outcome = history(trend=0)
    verdict = judge_last_month(totals[:14], by_outcome[:14], DAYS[:14])
    assert verdict.ratio == pytest.approx(1, abs=0.02)
