"""Breaks in a window are told, breaks at treatment are refused."""

import datetime as dt

import numpy as np
import pytest

from hotspot_eval.data.breaks import CALENDAR, Break, breaks_in_window
from hotspot_eval.design import Design
from hotspot_eval.errors import InputError
from hotspot_eval.panel import Panel
from hotspot_eval.periods import Periods

NAMES = {entry.name for entry in CALENDAR}


def panel(first, last, frequency="month", outcomes=("robbery",)):
    periods = Periods.span(first, last, frequency=frequency)
    shape = (4, len(periods), len(outcomes))
    return Panel(
        areas=("A", "B", "C", "D"),
        periods=periods,
        outcomes=outcomes,
        counts=np.ones(shape, dtype=np.int64),
        observed=np.ones(shape, dtype=bool),
    )


def design(start, pre=6, post=3, gap=0):
    return Design(treated=["A"], start=start, pre_periods=pre, post_periods=post, gap=gap)


def names(check):
    return set(check.evidence.get("name", []))


def test_the_calendar_holds_what_the_methods_name():
    assert {
        "snap-points-2022-07",
        "lsoa-2011-to-2021",
        "gmp-missing-2019-07",
        "met-categories-2019-03",
        "met-connect-2024-02",
        "lockdown-2020-03",
        "lockdown-2020-11",
        "lockdown-2021-01",
    } <= NAMES
    assert len(NAMES) == len(CALENDAR)


def test_the_snap_point_refresh_at_nightingale_is_refused_for_street_files():
    months = panel("2021-07", "2023-04")
    match = r"break 'snap-points-2022-07': falls in the first treated period: .*\(1: 2022-07\)"
    with pytest.raises(InputError, match=match):
        breaks_in_window(months, design("2022-07"), source="police_uk")
    check = breaks_in_window(
        months,
        design("2022-07"),
        source="police_uk",
        acknowledged={"snap-points-2022-07": "areas are wards"},
    )
    assert check.status == "failed"
    row = check.evidence.set_index("name").loc["snap-points-2022-07"]
    assert (row["at_treatment"], row["acknowledged"]) == (True, "areas are wards")


def test_a_source_the_break_does_not_concern_is_not_touched():
    check = breaks_in_window(panel("2021-07", "2023-01"), design("2022-07"), source="met")
    assert "snap-points-2022-07" not in names(check)


def test_what_is_not_said_is_taken_to_be_touched():
    with pytest.raises(InputError, match="snap-points-2022-07"):
        breaks_in_window(panel("2021-07", "2023-01"), design("2022-07"))


def test_a_break_inside_the_window_is_told_and_not_refused():
    months = panel("2021-07", "2023-01")
    check = breaks_in_window(months, design("2022-09"), source="police_uk", force="met")
    assert check.status == "failed"
    assert check.evidence["at_treatment"].tolist() == [False]
    assert check.evidence["periods_in_window"].tolist() == ["2022-07"]


def test_a_break_in_the_gap_or_before_the_window_is_no_matter():
    months = panel("2021-07", "2023-01")
    for plan in (design("2022-08", gap=1), design("2022-09", pre=1)):
        check = breaks_in_window(months, plan, source="police_uk", force="met")
        assert check.status == "passed"


def test_an_operation_inside_a_lockdown_is_told_and_one_at_its_start_refused():
    weeks = panel("2020-01-06", "2020-07-19", "week")
    check = breaks_in_window(weeks, design("2020-05-04", pre=12), source="internal")
    assert names(check) == {"lockdown-2020-03"}
    with pytest.raises(InputError, match="lockdown-2020-03"):
        breaks_in_window(weeks, design("2020-03-23"), source="internal")
    with pytest.raises(InputError, match="lockdown-2020-03"):
        breaks_in_window(weeks, design("2020-06-29", post=1), source="internal")


def test_a_break_that_goes_on_is_told_for_its_force_only():
    months = panel("2019-01", "2020-01")
    options = {"source": "police_uk"}
    greater = breaks_in_window(
        months, design("2019-10"), force="Greater Manchester Police", **options
    )
    assert names(greater) == {"gmp-missing-2019-07"}
    city = breaks_in_window(months, design("2019-10"), force="City of London Police", **options)
    assert city.status == "passed"


@pytest.mark.parametrize("force", ["Metropolitan Police Service", "MPS", "metropolitan", "Met"])
def test_a_force_may_be_written_in_several_ways(force):
    with pytest.raises(InputError, match="met-connect-2024-02"):
        breaks_in_window(panel("2023-07", "2024-06"), design("2024-02"), source="met", force=force)


def test_a_break_of_one_outcome_touches_it_and_totals():
    months = lambda outcome: panel("2022-10", "2023-12", outcomes=(outcome,))  # noqa: E731
    for outcome, touched in [
        ("violence_with_injury", True),
        ("all_crime", True),
        ("vehicle", False),
    ]:
        check = breaks_in_window(
            months(outcome), design("2023-06"), source="met", force="met", level="ward"
        )
        assert ("counting-rules-2023-04" in names(check)) is touched


def test_acknowledgements_must_name_a_break_and_give_a_reason():
    with pytest.raises(InputError) as error:
        breaks_in_window(
            panel("2021-07", "2023-01"),
            design("2022-07"),
            acknowledged={"no-such-break": "why", "lockdown-2020-03": " "},
        )
    assert "names no break of the calendar (1: no-such-break)" in str(error.value)
    assert "gives no reason for breaks (1: lockdown-2020-03)" in str(error.value)


def test_options_are_checked():
    for option, value in [("source", "bbc"), ("level", "street")]:
        with pytest.raises(InputError, match=f"argument '{option}'"):
            breaks_in_window(panel("2021-07", "2023-01"), design("2022-07"), **{option: value})


def test_a_study_can_add_its_own_break():
    own = Break(
        name="new-station",
        kind="event",
        start=dt.date(2018, 6, 10),
        end=dt.date(2018, 6, 10),
        description="A station opened.",
        reference="Local newspaper.",
    )
    with pytest.raises(InputError, match="new-station"):
        breaks_in_window(
            panel("2018-01", "2018-12"), design("2018-06", pre=3), calendar=(*CALENDAR, own)
        )


def test_a_break_is_checked_when_it_is_made():
    right = {
        "name": "x",
        "kind": "event",
        "start": dt.date(2020, 1, 2),
        "end": None,
        "description": "d",
        "reference": "r",
    }
    for change, match in [
        ({"kind": "accident"}, "argument 'kind'"),
        ({"end": dt.date(2020, 1, 1)}, "break 'x': ends before it starts"),
        ({"reference": " "}, "break 'x': has no reference"),
    ]:
        with pytest.raises(InputError, match=match):
            Break(**{**right, **change})
    assert Break(**right).scope == "national"
