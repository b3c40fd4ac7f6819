"""Panel: complete grid, explicit zeros, explicit missing."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from hotspot_eval.errors import InputError
from hotspot_eval.panel import Panel
from hotspot_eval.periods import Periods

FRAME = pd.DataFrame(
    {
        "area": ["B", "A", "B", "A"],
        "month": ["2022-01", "2022-01", "2022-02", "2022-02"],
        "robbery": [3, 0, 2, 1],
        "violence": [5, 6, 7, 8],
        "people": [10.0, 20.0, 10.0, 20.0],
        "borough": ["x", "y", "x", "y"],
    }
)


def counts(frame=FRAME, **options):
    options = {"area": "area", "period": "month", "count": "robbery", **options}
    return Panel.from_counts(frame, **options)


def test_order_is_by_area_and_period():
    panel = counts(count=None, outcomes=["violence", "robbery"], cluster="borough")
    assert panel.areas == ("A", "B")
    assert panel.cluster == ("y", "x")
    assert panel.counts.tolist() == [[[6, 0], [8, 1]], [[5, 3], [7, 2]]]


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"robbery": [-1, 0, 2, 1]}, r"column 'robbery': count is negative in rows \(1: row 0: -1"),
        ({"robbery": [0.5, 0, 2, 1]}, "count is not a whole number in rows"),
        ({"robbery": [np.inf, 0, 2, 1]}, "count is infinite in rows"),
        ({"robbery": ["<5", "0", "2", "1"]}, r"count is not a number in rows \(1: row 0: <5"),
        ({"area": ["B", None, "B", "A"]}, r"column 'area': area id is blank in rows \(1: 1\)"),
        ({"month": ["2022-01"] * 4}, "area and period occur more than once"),
        ({"month": ["2022-01", "", "2022-02", "2022-02"]}, "blank periods"),
    ],
)
def test_rows_that_cannot_be_counts_are_named(change, match):
    with pytest.raises(InputError, match=match):
        counts(FRAME.assign(**change))


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"count": "theft"}, r"columns are missing \(1: theft\). It has area, month"),
        ({"count": None}, "give exactly one of the two"),
        ({"outcomes": ["violence"]}, "give exactly one of the two"),
        ({"absent": "none"}, "argument 'absent': 'none' is not one of the options"),
        ({"areas": ["Z"]}, "argument 'areas': names none of the areas"),
        ({"cluster": {"A": "y"}}, r"cluster: has no value for areas of the panel \(1: B"),
        ({"offset_base": {"A": 1, "B": 0}}, r"must be above 0; it is not in areas \(1: B"),
    ],
)
def test_arguments_that_cannot_work_are_named(options, match):
    with pytest.raises(InputError, match=match):
        counts(**options)


def test_a_frame_without_rows_or_with_a_column_twice_is_refused():
    with pytest.raises(InputError, match="frame: has no rows"):
        counts(FRAME.iloc[:0])
    with pytest.raises(InputError, match=r"more than one column of a name \(1: robbery"):
        counts(FRAME[["area", "month", "robbery", "robbery"]])


def test_a_cluster_that_changes_within_an_area_is_refused():
    torn = FRAME.assign(borough=["x", "y", "x", "z"])
    with pytest.raises(InputError, match=r"carry more than one cluster \(1: A"):
        counts(torn, cluster="borough")


def test_an_absent_cell_is_missing_unless_zeros_were_left_out():
    frame = FRAME.drop(0)
    assert not counts(frame).observed[1, 0, 0]
    assert counts(frame, absent="zero").observed.all()


def test_rows_without_any_zero_and_with_holes_raise_the_question():
    frame = FRAME[FRAME["robbery"] > 0]
    with pytest.raises(InputError, match="hold no zero, and 25% of areas × periods absent"):
        counts(frame)


def test_a_period_absent_for_every_area_is_missing_whatever_is_said():
    frame = FRAME.assign(month=["2022-01", "2022-01", "2022-03", "2022-03"])
    panel = counts(frame, absent="zero")
    assert panel.observed[:, :, 0].tolist() == [[True, False, True]] * 2
    assert "period absent for every area" in str(panel.ledger)


def test_a_blank_count_is_missing_even_where_absent_means_zero():
    frame = FRAME.assign(robbery=[np.nan, 0, 2, 1])
    panel = counts(frame, absent="zero")
    assert not panel.observed[1, 0, 0]
    assert panel.to_frame()["robbery"].isna().sum() == 1


def test_areas_complete_the_grid_and_leave_others_out_with_a_count():
    panel = counts(areas=["A", "C"])
    assert panel.areas == ("A", "C")
    assert not panel.observed[1].any()
    left_out = panel.ledger.steps[0].left_out[0]
    assert (left_out.reason, left_out.rows) == ("area outside the study", 2)


def test_offset_of_an_absent_row_is_the_mean_of_the_area():
    frame = FRAME.assign(people=[10.0, 20.0, np.nan, 40.0])
    panel = counts(frame, offset_base="people")
    assert panel.offset_base.tolist() == [[20.0, 40.0], [10.0, 10.0]]


def test_select_outcome_and_positions():
    panel = counts(count=None, outcomes=["robbery", "violence"], offset_base="people")
    one = panel.outcome("violence").select(areas=["B"], periods=("2022-02", "2022-02"))
    assert one.counts.tolist() == [[[7]]]
    assert one.offset_base.tolist() == [[10.0]]
    with pytest.raises(InputError, match="outcome 'arson': is not in the panel"):
        panel.outcome("arson")
    with pytest.raises(InputError, match=r"areas: are not in the panel \(1: Z"):
        panel.positions(["A", "Z"])
    with pytest.raises(InputError, match="2022-01 comes before 2022-02"):
        panel.select(periods=("2022-02", "2022-01"))
    with pytest.raises(InputError, match="several outcomes where one is needed"):
        panel.single()


def test_the_constructor_checks_what_the_makers_promise():
    periods = Periods.span("2022-01", "2022-01", frequency="month")
    seen = np.ones((2, 1, 1), dtype=bool)
    right = {
        "areas": ("A", "B"),
        "periods": periods,
        "outcomes": ("n",),
        "counts": np.ones((2, 1, 1), dtype=int),
        "observed": seen,
    }
    for change, match in [
        ({"areas": ("B", "A")}, "areas: must be sorted"),
        ({"areas": ("A", "A")}, r"areas: occur more than once \(1: A"),
        ({"counts": np.ones((1, 1, 1), dtype=int)}, "counts: has shape"),
        ({"counts": -np.ones((2, 1, 1), dtype=int)}, "counts: must not be negative"),
        ({"counts": np.full((2, 1, 1), np.nan)}, "counts: must be finite"),
        ({"observed": ~seen}, "counts: must be 0 where not observed"),
        ({"observed": seen.astype(int)}, "observed: must be bool"),
        ({"cluster": ("x",)}, "cluster: has 1 labels for 2 areas"),
        ({"outcomes": ()}, "outcomes: are empty"),
    ]:
        with pytest.raises(InputError, match=match):
            Panel(**{**right, **change})


def test_arrays_cannot_be_changed_from_either_side():
    own = np.ones((1, 1, 1), dtype=int)
    panel = Panel(
        areas=("A",),
        periods=Periods.span("2022-01", "2022-01", frequency="month"),
        outcomes=("n",),
        counts=own,
        observed=own.astype(bool),
    )
    own[:] = 9
    assert panel.counts.tolist() == [[[1]]]
    with pytest.raises(ValueError, match="read-only"):
        panel.counts[0] = 2


def test_html_shows_shape_and_ledger_but_no_row():
    html = counts(offset_base="people")._repr_html_()
    assert "2 areas × 2 periods" in html
    assert "rows in" in html
    assert "<td" not in html


INCIDENTS = pd.DataFrame(
    {
        "area": ["A", "A", "B", None, "Z"],
        "day": ["2022-01-03", "2022-01-09", "2022-01-17", "2022-01-04", "2022-01-05"],
        "kind": ["robbery", "arson", "robbery", "arson", "arson"],
    }
)


def incidents(frame=INCIDENTS, **options):
    options = {"area": "area", "date": "day", "frequency": "week", **options}
    return Panel.from_incidents(frame, **options)


def test_incidents_are_counted_into_whole_weeks_and_each_row_is_accounted_for():
    panel = incidents(areas=["A", "B", "C"], start="2022-01-03", end="2022-01-19", outcome="kind")
    assert panel.periods.labels == ("2022-01-03", "2022-01-10")
    assert panel.outcomes == ("arson", "robbery")
    assert panel.counts[0].tolist() == [[1, 1], [0, 0]]
    reasons = {note.reason: note.rows for note in panel.ledger.steps[-1].left_out}
    assert reasons == {
        "no area (not located)": 1,
        "area outside the study": 1,
        "in the incomplete last week": 1,
    }


def incidents_without_march(each):
    months = np.repeat(["2022-01", "2022-02", "2022-04"], each)
    return pd.DataFrame({"area": "A", "month": months})


def test_an_empty_period_among_full_ones_is_not_covered():
    frame = incidents_without_march(40)
    told = r"'missing'.*without a single record \(others hold about 40 each.*2022-03"
    with pytest.raises(InputError, match=told):
        Panel.from_incidents(frame, area="area", date="month", frequency="month")
    panel = Panel.from_incidents(
        frame, area="area", date="month", frequency="month", missing=["2022-03"]
    )
    assert panel.observed[0, :, 0].tolist() == [True, True, False, True]


def test_an_empty_period_among_thin_ones_is_a_zero_and_told():
    panel = Panel.from_incidents(
        incidents_without_march(3), area="area", date="month", frequency="month"
    )
    assert panel.counts[0, :, 0].tolist() == [3, 3, 0, 3] and panel.observed.all()
    remarks = [note for step in panel.ledger.steps for note in step.remarks]
    zero = next(n for n in remarks if n.reason == "periods without a record, taken as zero")
    assert zero.rows == 1 and zero.examples == ("2022-03",)


def test_a_period_declared_missing_is_no_zero():
    panel = incidents(start="2022-01-03", end="2022-01-23", missing=["2022-01-10"])
    assert not panel.observed[:, 1].any()
    assert panel.observed[:, [0, 2]].all()


@pytest.mark.parametrize(
    "days",
    [
        pd.Series(["2022-07-31", "2022-08-01"]),
        pd.Series(["202207", "202208"]),
        pd.Series([202207, 202208]),
        pd.Series([dt.date(2022, 7, 3), dt.date(2022, 8, 3)]),
        pd.Series([pd.Period("2022-07"), pd.Period("2022-08")]),
        pd.to_datetime(pd.Series(["2022-07-01 00:10", "2022-08-31 23:50"])).dt.tz_localize(
            "Europe/London"
        ),
    ],
)
def test_months_are_the_local_calendar_months(days):
    frame = pd.DataFrame({"area": "A", "day": days})
    panel = incidents(frame, frequency="month")
    assert panel.periods.labels == ("2022-07", "2022-08")


@pytest.mark.parametrize("kind", [object, "str"])
@pytest.mark.parametrize("value", ["01/02/2022", "1.5", "13/01/2022", "2022-02-30", ""])
def test_a_date_that_two_readers_read_differently_is_refused(value, kind):
    frame = pd.DataFrame({"area": "A", "day": pd.Series([value], dtype=kind)})
    with pytest.raises(InputError, match=r"column 'day': is not a date in rows \(1: row 0"):
        incidents(frame, frequency="month")


def test_months_cannot_become_weeks():
    frame = pd.DataFrame({"area": ["A"], "day": ["2022-07"]})
    with pytest.raises(InputError, match="carry a month but no day"):
        incidents(frame)


def test_an_end_before_the_start_and_a_blank_outcome_are_refused():
    with pytest.raises(InputError, match="lies before the start"):
        incidents(start="2022-02-01", end="2022-01-01")
    with pytest.raises(InputError, match="do not cover one whole week"):
        incidents(start="2022-01-03", end="2022-01-05")
    with pytest.raises(InputError, match="column 'kind': outcome is blank in rows"):
        incidents(INCIDENTS.assign(kind=None), outcome="kind")


def test_values_that_are_no_counts_have_their_own_maker():
    frame = FRAME.assign(score=[-1.5, 2.0, 0.25, np.nan])
    panel = Panel.from_values(frame, area="area", period="month", value="score")
    assert panel.counts[1, 0, 0] == -1.5
    assert not panel.observed[0, 1, 0]
