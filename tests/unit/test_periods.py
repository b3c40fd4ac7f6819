"""Periods: labels in, contiguous time out."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from hotspot_eval.errors import InputError
from hotspot_eval.periods import Periods, interval_days

MONTHS = Periods.span("2022-01", "2022-03", frequency="month")
WEEKS = Periods.span("2022-01-03", "2022-01-30", frequency="week")


@pytest.mark.parametrize(
    ("values", "frequency", "labels"),
    [
        (["2022-01", "2022-03"], "month", ("2022-01", "2022-02", "2022-03")),
        ([202201, 202203], "month", ("2022-01", "2022-02", "2022-03")),
        ([202201.0, 202202.0], "month", ("2022-01", "2022-02")),
        (["2022-01-01", "2022-02-01"], "month", ("2022-01", "2022-02")),
        ([pd.Period("2022-01"), pd.Period("2022-02")], "month", ("2022-01", "2022-02")),
        ([dt.date(2022, 1, 3), dt.date(2022, 1, 17)], "week", None),
        (["2022-01-03", "2022-01-31"], "four_week", ("2022-01-03", "2022-01-31")),
        ([2021, 2023], "year", ("2021", "2022", "2023")),
        ([1, 3], "step", ("1", "2", "3")),
    ],
)
def test_the_frequency_is_told_by_the_values(values, frequency, labels):
    periods, _ = Periods.from_values(values)
    assert periods.frequency == frequency
    if labels is not None:
        assert periods.labels == labels


def test_each_row_gets_the_position_of_its_period():
    _, place = Periods.from_values(["2022-03", "2022-01", "2022-03"])
    assert place.tolist() == [2, 0, 2]


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ([], "month: is empty"),
        (["2022-01", None, " "], r"blank periods, row numbers \(2: 1, 2\)"),
        (["2022-13"], "'2022-13' is neither a period nor a date"),
        (["2022-02-30"], "'2022-02-30' is neither a period nor a date"),
        (["Jan 2022"], "neither a period nor a date"),
        ([1.5], "1.5 is neither"),
        ([True], "True is neither"),
        (["2022-01-05", "2022-01-08"], "do not tell whether the periods are weeks"),
    ],
)
def test_values_that_are_no_periods_are_named(values, match):
    with pytest.raises(InputError, match=match):
        Periods.from_values(values, where="month")


def test_gaps_and_overlaps_are_refused():
    days = np.array(["2022-01-01", "2022-01-08"], dtype="datetime64[D]")
    with pytest.raises(InputError, match="without gap or overlap"):
        Periods(starts=days, ends=days + 6, frequency="week")
    with pytest.raises(InputError, match="at least one"):
        Periods(starts=days[:0], ends=days[:0], frequency="week")


def test_a_span_must_not_run_backwards():
    with pytest.raises(InputError, match="the last period 2022-01 ends before the first"):
        Periods.span("2022-03", "2022-01", frequency="month")


def test_share_counts_days_with_both_ends_included():
    expected = [16 / 31, 1.0, 0.0]
    np.testing.assert_allclose(MONTHS.share(dt.date(2022, 1, 16), "2022-02"), expected)
    np.testing.assert_allclose(MONTHS.share("2022-02-28", "2022-02-28"), [0, 1 / 28, 0])


def test_a_label_is_its_whole_period_and_a_date_is_one_day():
    np.testing.assert_allclose(WEEKS.share("2022-01-10", "2022-01-10"), [0, 1, 0, 0])
    day = dt.date(2022, 1, 10)
    np.testing.assert_allclose(WEEKS.share(day, day), [0, 1 / 7, 0, 0])


def test_an_open_end_goes_on_and_a_reversed_spell_is_refused():
    assert MONTHS.share("2022-02").tolist() == [0, 1, 1]
    with pytest.raises(InputError, match=r"spell: ends \(2022-01\) before it starts"):
        MONTHS.share("2022-03", "2022-01")


def test_position_refuses_what_lies_outside():
    assert MONTHS.position(dt.date(2022, 2, 28)) == 1
    with pytest.raises(InputError, match="period 2022-04: lies outside the panel"):
        MONTHS.position("2022-04")


def test_weeks_are_counted_from_the_first_day():
    periods, place = Periods.from_values(
        ["2022-01-05", "2022-01-11", "2022-01-20"], frequency="week"
    )
    assert periods.labels == ("2022-01-05", "2022-01-12", "2022-01-19")
    assert place.tolist() == [0, 0, 2]


def test_arrays_are_locked_and_equality_is_by_value():
    with pytest.raises(ValueError, match="read-only"):
        MONTHS.starts[0] = np.datetime64("2020-01-01")
    assert Periods.span("2022-01", "2022-03", frequency="month") == MONTHS
    assert len({MONTHS, Periods.span("2022-01", "2022-03", frequency="month")}) == 1
    assert MONTHS.take(1, 3).labels == ("2022-02", "2022-03")


def test_interval_of_a_february_in_a_leap_year():
    first, after = interval_days("2024-02", "month")
    assert (after - first).astype(int) == 29
