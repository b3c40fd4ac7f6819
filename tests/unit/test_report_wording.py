"""Sentences never say more than the record."""

from __future__ import annotations

import inspect
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotspot_eval.report import (
    Fact,
    MinimumDetectable,
    ReportedEffect,
    SiteRecord,
    StudyRecord,
    wording,
)
from hotspot_eval.results import Effect, TreatedCells


def _entry(estimate: float, *, role: str = "primary", outcome: str = "robbery", **more):
    given_ = {"estimand": "ATT", "scale": "log_irr", "method": "m", "inference": "i"} | more
    effect = Effect.from_estimate(estimate, given_.pop("std_error", 0.1), **given_)
    return ReportedEffect(role=role, outcome=outcome, label="l", effect=effect)


def _record(*entries: ReportedEffect, detectable=()) -> SiteRecord:
    return SiteRecord(study="s", site="x", effects=entries, detectable=tuple(detectable))


def test_three_lines_of_a_site():
    record = _record(
        _entry(-0.2),
        _entry(-0.08, role="regression_to_mean"),
        detectable=[MinimumDetectable(outcome="robbery", percent=-18.4)],
    )
    effect, regression, unseen = wording.summary(record)
    assert effect == (
        "Robbery: 18.1% lower than expected without the operation (95% interval: 32.7% lower to "
        "0.4% lower; incidence rate ratio 0.819, 0.673 to 0.996; p = 0.046)."
    )
    assert "but nothing was done, robbery came out 7.7% lower" in regression
    assert "already allows for this" not in regression
    assert (
        "would have detected a reduction in robbery of 18.4% with 80% probability (test at the 5%"
    ) in unseen


def test_what_is_not_in_the_record_is_said_to_be_missing():
    effect, regression, unseen = wording.summary(_record())
    assert effect == "No primary effect was recorded."
    assert "Regression to the mean was not assessed" in regression
    assert "the minimum detectable effect was not assessed" in unseen


@given(st.floats(-2, 2), st.floats(0.01, 1))
def test_doubt_is_told_exactly_when_the_interval_holds_no_change(estimate, std_error):
    entry = _entry(estimate, std_error=std_error)
    told = "The interval includes no change." in wording.effect_line(entry)
    assert told == (entry.effect.ci_low <= 0 <= entry.effect.ci_high)


def test_an_impossible_estimate_gives_its_reason():
    entry = _entry(math.nan, notes=("no control area is left",))
    assert wording.effect_line(entry) == (
        "Robbery: could not be estimated (no control area is left)."
    )


def test_counts_are_told_on_their_own_scale():
    line = wording.effect_line(_entry(-3.1, scale="count", estimand="WDD", std_error=1.7))
    assert "−3.10 events compared with" in line and "WDD; 95% interval: −6.43 to 0.23" in line
    assert "%" not in line.replace("95%", "")


@pytest.mark.parametrize(
    ("percent", "words"),
    [
        (-12.34, "12.3% lower"),
        (3.0, "3.0% higher"),
        (-0.04, "0.0% change"),
        (0.0, "0.0% change"),
        (1234.5, "1,234.5% higher"),
        (math.inf, "without bound"),
        (math.nan, "not available"),
    ],
)
def test_changes_in_words(percent, words):
    assert wording.change(percent) == words


def test_p_values():
    assert wording.p_value(0.0004) == "p < 0.001" and wording.p_cell(0.0004) == "<0.001"
    assert wording.p_value(0.05) == "p = 0.050" and wording.p_cell(math.nan) == "[x]"
    assert wording.kept_together("(p = 0.05)") == "(p\u00a0=\u00a00.05)"


@pytest.mark.parametrize(
    ("raw", "set_"),
    [
        ("-0.04 of 80 % (-.5 to -3)", "−0.04 of 80% (−.5 to −3)"),
        ("2022-04 to E05-12 and x-1", "2022-04 to E05-12 and x-1"),
        ("lockdown-2020-03", "lockdown-2020-03"),
    ],
)
def test_one_style_of_per_cent_and_minus(raw, set_):
    assert wording.kept_together(raw) == set_


def test_replays_say_that_the_effect_allows_for_regression():
    primary = _entry(-0.2, method="selection replay, adjusted for the past of the chosen areas")
    record = _record(primary, _entry(-0.08, role="regression_to_mean"))
    assert wording.summary(record)[1].endswith("The effect above already allows for this.")


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "[x]"), (True, "yes"), (-1234, "−1,234"), (0.0, "0"), (1234567.8, "1,234,568"),
     (0.000012, "0.000012"), (1.23456e-12, "1.235e−12"), (99.99999, "100"), ("inf", "∞"),
     ("text", "text"), (-0.5, "−0.5")],
)  # fmt: skip
def test_numbers(value, text):
    assert wording.number(value) == text


def test_events_prevented_come_with_their_assumptions():
    cells = (TreatedCells(share=1.0, cells=36, events=400.0),)
    line = wording.prevented_line(_entry(-0.2, treated_cells=cells))
    assert line.startswith("Robbery: 89 events prevented on the treated areas")
    for assumption in (
        "holds only if the effect holds",
        "would otherwise have followed",
        "nothing moved",
    ):
        assert assumption in line
    assert "66 events more than expected" in wording.prevented_line(
        _entry(0.18, treated_cells=cells)
    )
    assert "not available (the events" in wording.prevented_line(_entry(-0.2))


def test_an_estimate_without_an_error_has_no_interval():
    entry = _entry(-0.2, std_error=math.nan, notes=("one control: no error",))
    assert wording.effect_cell(entry.effect) == ("−18.1%", "no interval")


@pytest.mark.parametrize("role", ["regression_to_mean", "output"])
def test_placebos_and_outputs_prevent_nothing(role):
    cells = (TreatedCells(share=1.0, cells=36, events=400.0),)
    assert wording.prevented_cell(_entry(-0.2, role=role, treated_cells=cells)) == ("[z]", "")
    assert wording.prevented_cell(_entry(-0.2, treated_cells=cells)) == ("89", "2 to 194")


@pytest.mark.parametrize(
    ("effect", "cell"),
    [
        (_entry(-0.2, std_error=0.05).effect, ("−18.1%", "−25.8% to −9.7%")),
        (_entry(0.0002, std_error=math.inf).effect, ("0.0%", "−100.0% to ∞")),
        (_entry(-187.07, scale="count", std_error=60).effect, ("−187", "−305 to −69")),
        (_entry(-0.031, scale="rate", std_error=0.01).effect,
         ("−0.031", "−0.051 to −0.011")),
        (_entry(math.nan, notes=("why",)).effect, ("[x]", "")),
    ],
)  # fmt: skip
def test_effects_in_a_cell(effect, cell):
    assert wording.effect_cell(effect) == cell


def test_units_off_the_log_scale():
    cells = (TreatedCells(share=1.0, cells=3, events=9.0),)
    assert wording.unit(_entry(-0.2).effect) == ""
    assert wording.unit(_entry(-2.0, scale="count").effect) == "events"
    mean = _entry(-2.0, scale="count", treated_cells=cells).effect
    assert wording.unit(mean) == "events per area and period"
    assert wording.unit(_entry(-2.0, scale="rate").effect) == "events per unit of exposure"


def test_ratios_in_a_cell():
    assert wording.irr_cell(_entry(-0.2, std_error=0.05).effect) == ("0.819", "0.742 to 0.903")
    assert wording.irr_cell(_entry(-0.2, scale="count").effect) == ("[z]", "")


def test_facts():
    assert wording.fact_line(Fact(name="wards", value=1200)) == "wards: 1,200"
    assert wording.fact_line(Fact(name="i", value=0.3456, sentence="I² is {value:.2f}.")) == (
        "I² is 0.35."
    )
    assert wording.fact_line(Fact(name="n", value="[c]", sentence="{value} arrests.")) == (
        "[c] arrests."
    )


def test_studies_count_their_failures():
    bad = SiteRecord.failed(study="s", site="b", reason="r")
    one = StudyRecord(study="s", sites=(_record(),))
    both = StudyRecord(study="s", sites=(_record(_entry(-0.4)), bad))
    assert wording.study_line(one) == "1 site: all were evaluated."
    assert "1 evaluated, 1 failed" in wording.study_line(both)
    assert wording.forest_title(both) == (
        "Of 1 site with an estimate, 1 had fewer events than expected"
    )


def test_failed_sites_have_the_reason_for_a_summary():
    bad = SiteRecord.failed(study="s", site="b", reason="no register")
    assert wording.summary(bad) == ("The evaluation of this site did not finish: no register",)


def test_levels_say_what_they_did():
    assert "nearest 3, and counts from 1 to 9" in wording.disclosure_line(
        "publication", threshold=10, base=3
    )
    assert "not for publication" in wording.disclosure_line("internal")


def test_no_sentence_claims_more_than_a_test_can():
    source = inspect.getsource(wording)
    assert not re.search(r"satisf|prove[ns ]|caused|significan|no effect|confirm", source)
