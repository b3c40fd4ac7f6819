"""The ledger equation on arbitrary junk, and planted swaps that come back."""

from __future__ import annotations

import csv
import datetime as dt
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from hotspot_eval.data import read_register
from hotspot_eval.data.register.dates import read_date
from hotspot_eval.data.register.swaps import settle_dates
from hotspot_eval.errors import InputError

HEADER = ["Site", "Borough", "Ward code", "Start", "End", "Arrests"]
CELLS = st.sampled_from(
    [
        "",
        "-",
        "Total",
        "Market",
        "E05000001",
        "e05000002 ",
        "01/05/2020",
        "2020-05-31",
        "44000",
        "31/02/2020",
        "soon",
        "-3",
        "1,204",
        "Grand total",
        "‘x’",
    ]
)
ROWS = st.lists(CELLS, min_size=6, max_size=6)
EARLIEST, LATEST = dt.date(2000, 1, 1), dt.date(2026, 1, 1)
DAYS = st.dates(dt.date(2018, 1, 1), dt.date(2023, 12, 31))


@given(rows=st.lists(ROWS, max_size=12))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_rows_in_are_rows_out_and_rows_with_a_reason(tmp_path: Path, rows: list[list[str]]):
    path = tmp_path / "r.csv"
    sure = ["Lane", "Camden", "E05000001", "03/05/2020", "", "2"]
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([HEADER, sure, *rows])
    register = read_register(path, latest=LATEST, problems="leave_out")
    step = register.ledger.steps[1]
    assert step.rows_in == len(rows) + 1
    assert step.rows_out == register.deployments
    gone = register.findings.query("outcome in ('left out', 'unusable')")
    assert step.rows_in - step.rows_out == gone["row"].nunique()
    assert not set(gone["row"]) & set(register.spells["row"])
    unusable = register.findings.query("outcome == 'unusable'")
    if len(unusable):
        with pytest.raises(InputError) as caught:
            read_register(path, latest=LATEST)
        named = {example for problem in caught.value.problems for example in problem.examples}
        assert len(named) >= unusable["row"].nunique()


def exchanged(day: dt.date) -> str:
    if day.day > 12:
        return day.strftime("%d/%m/%Y")
    return f"{day.year}-{day.day:02d}-{day.month:02d} 00:00:00"


@given(st.lists(DAYS, min_size=60, max_size=120), st.booleans())
@settings(max_examples=40, deadline=None)
def test_planted_swaps_come_back_in_any_order(days: list[dt.date], in_order: bool):
    months = {day.month for day in days if day.day <= 12}
    assume(len(months) >= 6 and len({day.day for day in days if day.day > 12}) >= 4)
    ordered = sorted(days) if in_order else days
    settled = settle_dates(
        [read_date(exchanged(day)) for day in ordered],
        rows=range(len(ordered)),
        field="start",
        groups=[[0] * len(ordered)],
        earliest=EARLIEST,
        latest=LATEST,
    )
    undecided = {finding.row for finding in settled.findings if finding.outcome == "undecided"}
    wrong = {row for row, day in enumerate(ordered) if settled.days[row] != day}
    assert wrong <= undecided
    if in_order:
        assert not wrong


@given(st.lists(DAYS, min_size=1, max_size=80), st.sampled_from(["%d/%m/%Y", "%Y-%m-%d"]))
@settings(max_examples=60, deadline=None)
def test_a_file_in_order_of_one_form_is_never_changed(days: list[dt.date], form: str):
    ordered = sorted(days)
    settled = settle_dates(
        [read_date(day.strftime(form)) for day in ordered],
        rows=range(len(ordered)),
        field="start",
        groups=[[0] * len(ordered)],
        earliest=EARLIEST,
        latest=LATEST,
    )
    assert settled.days == ordered
    assert settled.findings == []


@given(day=DAYS)
def test_every_form_of_a_day_is_that_day(day: dt.date):
    serial = str((day - dt.date(1899, 12, 30)).days)
    forms = ["%Y-%m-%d", "%d/%m/%Y", "%d %B %Y", "%d-%b-%y", "%B %d, %Y", "%a %d %b %Y", "%Y%m%d"]
    assert {read_date(text).written for text in (serial, *map(day.strftime, forms))} == {day}
