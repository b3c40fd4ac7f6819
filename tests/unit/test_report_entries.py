"""What a record is made of survives its JSON."""

from __future__ import annotations

import datetime as dt
import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotspot_eval.errors import InputError
from hotspot_eval.report.entries import (
    Fact,
    MinimumDetectable,
    ReportedCheck,
    ReportedEffect,
    Table,
    as_cell,
    dump_json,
)
from hotspot_eval.results import Check, Effect, TreatedCells


def _effect(estimate: float, **more: object) -> Effect:
    notes = ("why",) if math.isnan(estimate) else ()
    given_ = {"estimand": "ATT", "scale": "log_irr", "method": "m", "inference": "i"}
    return Effect.from_estimate(estimate, 0.1, **given_, notes=notes, **more)


@given(st.floats(-3, 3), st.floats(1, 50))
def test_an_effect_survives_to_the_last_digit(estimate, df):
    effect = Effect.from_estimate(
        estimate, 0.1, estimand="ATT", scale="log_irr", method="m", inference="i", df=df
    )
    entry = ReportedEffect(role="primary", outcome="o", label="l", effect=effect)
    assert ReportedEffect.from_json(json.loads(dump_json(entry))) == entry


def test_nan_and_infinity_survive():
    cells = (TreatedCells(share=0.5, cells=2, events=3.0),)
    entry = ReportedEffect(
        role="primary", outcome="o", label="l", effect=_effect(math.nan, treated_cells=cells)
    )
    text = dump_json(entry)
    assert "NaN" not in text and "Infinity" not in text
    again = ReportedEffect.from_json(json.loads(text)).effect
    assert math.isnan(again.estimate) and math.isinf(again.df) and again.treated_cells == cells


def test_unknown_roles_are_refused():
    with pytest.raises(InputError, match="'role': 'main' is not one of the options"):
        ReportedEffect(role="main", outcome="o", label="l", effect=_effect(0.1))


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (np.int64(5), 5),
        (np.bool_(True), True),
        (np.float64("nan"), None),
        (-math.inf, "-inf"),
        (pd.NA, None),
        (pd.NaT, None),
        (pd.Timestamp("2020-05-04"), "2020-05-04"),
        (dt.date(2020, 5, 4), "2020-05-04"),
        (dt.datetime(2020, 5, 4, 3), "2020-05-04T03:00:00"),
        (pd.Period("2020-05"), "2020-05"),
        (0.1, 0.1),
    ],
)
def test_cells(value, cell):
    assert as_cell(value) == cell
    assert type(as_cell(value)) is type(cell)


def test_a_named_index_becomes_columns():
    frame = pd.DataFrame({"events": [1, 2]}, index=pd.Index(["a", "b"], name="role"))
    table = Table.from_frame("t", frame, caption="c")
    assert table.columns == ("role", "events") and table.rows == (("a", 1), ("b", 2))
    assert Table.from_json(json.loads(dump_json(table))) == table


def test_a_plain_index_does_not():
    assert Table.from_frame("t", pd.DataFrame({"n": [1]}), caption="c").columns == ("n",)


def test_columns_of_two_levels_are_joined():
    columns = pd.MultiIndex.from_tuples([("events", "before"), ("events", "after")])
    frame = pd.DataFrame([[1, 2]], columns=columns)
    assert Table.from_frame("t", frame, caption="c").columns == ("events before", "events after")


def test_counts_that_are_no_columns_are_refused():
    with pytest.raises(InputError, match=r"counts: are not its columns \(1: x\)"):
        Table.from_frame("t", pd.DataFrame({"n": [1]}), caption="c", counts=["x"])


def test_an_empty_frame_is_an_empty_table():
    assert Table.from_frame("t", pd.DataFrame(), caption="c").rows == ()


def test_a_fact_writes_its_value_as_asked():
    assert Fact(name="i", value=-0.12345, sentence="I is {value:.2f}.").told(str) == "I is −0.12."
    assert Fact(name="i", value="[c]", sentence="{value:.2f}").told(str) == "[c]"
    assert Fact(name="i", value=3, sentence="{value} of {value}").told(str) == "3 of 3"


def test_a_format_that_cannot_be_used_is_refused():
    with pytest.raises(InputError, match="fact 'i': has a sentence whose format cannot be used"):
        Fact(name="i", value=0.5, sentence="{value:.2q}")


@pytest.mark.parametrize("sentence", ["There were 3 events.", "{value} of 12.", "Some events."])
def test_a_counted_fact_never_writes_numbers_out(sentence):
    with pytest.raises(InputError, match="is a count whose sentence writes out numbers"):
        Fact(name="n", value=3, count=True, sentence=sentence)


def test_minimum_detectable():
    entry = MinimumDetectable(outcome="o", percent=math.nan, notes=("no scenes",))
    again = MinimumDetectable.from_json(json.loads(dump_json(entry)))
    assert math.isnan(again.percent) and again.notes == ("no scenes",)
    with pytest.raises(InputError, match="power: must lie in"):
        MinimumDetectable(outcome="o", percent=-10, power=80)
    with pytest.raises(InputError, match="NaN without a reason"):
        MinimumDetectable(outcome="o", percent=math.nan)


def test_a_check_survives_with_its_evidence():
    evidence = pd.DataFrame({"lead": [-2, -1], "estimate": [0.1, np.nan]})
    check = Check(name="n", threat="t", status="passed", sentence="s", evidence=evidence)
    entry = ReportedCheck.from_check(check, part="04")
    assert entry.evidence.rows == ((-2, 0.1), (-1, None))
    assert ReportedCheck.from_json(json.loads(dump_json(entry))) == entry
