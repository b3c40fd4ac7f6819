"""Disclosure: counts protected before anything is derived, and nothing else changed."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotspot_eval.errors import InputError
from hotspot_eval.report import Disclosure, Fact, ReportedEffect, Table, apply_disclosure
from hotspot_eval.report.disclosure import count_columns, strictest
from hotspot_eval.results import Effect, TreatedCells

PUBLICATION = Disclosure(level="publication")


@pytest.mark.parametrize("level", ["open", "internal"])
def test_other_levels_change_nothing(level):
    frame = pd.DataFrame({"events": [1, 2, 30], "rate": [0.1, 0.2, 3.0]})
    assert apply_disclosure(frame, level) is frame
    assert Disclosure(level=level).count(3) == 3


def test_small_counts_are_suppressed_and_others_rounded():
    shown = [PUBLICATION.count(value) for value in (0, 1, 4, 5, 7, 8, 12.0, 13)]
    assert shown == [0, "[c]", "[c]", 5, 5, 10, 10, 15]
    assert math.isnan(PUBLICATION.count(float("nan")))


def test_threshold_and_base_are_free():
    rule = Disclosure(level="publication", threshold=10, base=3)
    assert [rule.count(value) for value in (9, 10, 11)] == ["[c]", 9, 12]


@pytest.mark.parametrize("name", ["threshold", "base"])
def test_threshold_and_base_are_at_least_one(name):
    with pytest.raises(InputError, match=f"'{name}': must be at least 1"):
        Disclosure(**{name: 0})


def test_unknown_level_is_refused():
    with pytest.raises(InputError, match="'secret' is not one of the options"):
        apply_disclosure(pd.DataFrame({"n": [1]}), "secret")


def test_rates_beside_a_suppressed_count_are_emptied():
    frame = pd.DataFrame({"events": [3, 40], "rate": [0.3, 4.1], "n_areas": [2, 3]})
    shown = PUBLICATION.frame(frame)
    assert math.isnan(shown["events"][0]) and math.isnan(shown["rate"][0])
    assert shown.loc[1].tolist() == [40, 4.1, 3]
    assert shown["n_areas"].tolist() == [2, 3]
    assert frame["events"].tolist() == [3, 40]


def test_counts_made_fractional_by_missing_cells_are_still_counts():
    frame = pd.DataFrame({"events": [2.0, np.nan, 11.0], "irr": [0.8, 1.0, 1.2]})
    assert count_columns(frame) == ("events",)
    assert PUBLICATION.frame(frame)["events"].tolist()[2] == 10


def test_labels_of_time_order_and_design_are_no_counts():
    frame = pd.DataFrame(
        {name: [1, 2] for name in ("year", "event_time", "n_treated", "treated_areas", "events")}
    )
    assert count_columns(frame) == ("events",)


def test_named_counts_override_the_guess():
    frame = pd.DataFrame({"year": [3, 4], "events": [3, 4]})
    shown = PUBLICATION.frame(frame, counts=["events"])
    assert shown["events"].isna().all() and shown["year"].tolist() == [3, 4]


@given(st.lists(st.integers(0, 500), min_size=1, max_size=20))
def test_protection_twice_is_protection_once(counts):
    frame = pd.DataFrame({"events": counts})
    once = PUBLICATION.frame(frame)
    assert PUBLICATION.frame(once, counts=["events"]).equals(once)
    assert ((once["events"] - frame["events"]).abs().fillna(0) <= 2.5).all()


def test_strictest():
    assert strictest([]) == "open"
    assert strictest(["internal", "open"]) == "internal"


def test_a_table_marks_what_it_suppresses():
    table = Table.from_frame(
        "t", pd.DataFrame({"role": ["a", "b"], "events": [2, 9], "rate": [0.2, 0.9]}), caption="c"
    )
    shown = apply_disclosure(table, "publication")
    assert shown.rows == (("a", "[c]", "[c]"), ("b", 10, 0.9))
    assert shown.disclosed(PUBLICATION) == shown


def test_a_fact_is_protected_only_as_a_count():
    assert Fact(name="n", value=3, count=True).disclosed(PUBLICATION).value == "[c]"
    assert Fact(name="n", value=3).disclosed(PUBLICATION).value == 3


def _entry(events: float) -> ReportedEffect:
    effect = Effect.from_estimate(
        -0.2,
        0.1,
        estimand="ATT",
        scale="log_irr",
        method="m",
        inference="i",
        treated_cells=(TreatedCells(share=1.0, cells=3, events=events),),
    )
    return ReportedEffect(role="primary", outcome="o", label="l", effect=effect)


def test_events_prevented_are_derived_from_rounded_events():
    shown = _entry(103).disclosed(PUBLICATION).effect
    assert shown.treated_cells[0].events == 105
    assert shown.crimes_prevented().value == pytest.approx(105 * math.expm1(0.2))
    assert shown.estimate == -0.2


def test_events_prevented_are_not_told_from_few_events():
    shown = _entry(3).disclosed(PUBLICATION).effect
    assert math.isnan(shown.crimes_prevented().value)
    assert "too few to be shown" in shown.notes[-1]
