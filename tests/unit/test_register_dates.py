"""Dates of a register: how they are read, and when day and month are exchanged."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pandas as pd
import pytest

from hotspot_eval.data import InterventionRegister, read_register
from hotspot_eval.data.register.dates import OTHER_ORDER, read_date

LATEST = "2026-01-01"


def register_of(folder: Path, dates: list[str], **options: object) -> InterventionRegister:
    path = folder / "dates.csv"
    lines = [f"Site {k},E05000001,{date}" for k, date in enumerate(dates)]
    path.write_text("\n".join(["Site,Ward code,Date", *lines]))
    return read_register(path, latest=LATEST, **options)  # type: ignore[arg-type]


def starts(register: InterventionRegister) -> list[str]:
    return [str(day)[:10] for day in register.spells["start"]]


def outcomes(register: InterventionRegister) -> dict[int, str]:
    findings = register.findings
    swapped = findings[findings["problem"].str.contains("swapped")]
    return dict(zip(swapped["row"], swapped["outcome"], strict=True))


def exchanged(day: dt.date) -> str:
    """What a spreadsheet with American settings makes of ``dd/mm/yyyy``."""
    if day.day > 12:
        return day.strftime("%d/%m/%Y")
    return f"{day.year}-{day.day:02d}-{day.month:02d} 00:00:00"


@pytest.mark.parametrize(
    ("text", "written", "form"),
    [
        ("2022-07-31", "2022-07-31", "machine"),
        ("2022-07-31 00:00:00", "2022-07-31", "machine"),
        ("2022-07-31T13:30:00Z", "2022-07-31", "machine"),
        ("2022/7/31", "2022-07-31", "machine"),
        ("20220731", "2022-07-31", "machine"),
        ("44773", "2022-07-31", "machine"),
        ("44773.5", "2022-07-31", "machine"),
        ("31/07/2022", "2022-07-31", "text"),
        ("31.7.2022", "2022-07-31", "text"),
        ("31-07-22", "2022-07-31", "text"),
        ("31/07/2022 09:30", "2022-07-31", "text"),
        ("31 July 2022", "2022-07-31", "named"),
        ("31-Jul-22", "2022-07-31", "named"),
        ("31st July, 2022", "2022-07-31", "named"),
        ("Sunday 31 July 2022", "2022-07-31", "named"),
        ("Sun, 31 Jul 2022", "2022-07-31", "named"),
        ("July 31, 2022", "2022-07-31", "named"),
        ("1 Sept 2022", "2022-09-01", "named"),
        ("July 2022", "2022-07-01", "month"),
        ("2022-07", "2022-07-01", "month"),
        ("07/2022", "2022-07-01", "month"),
        ("", None, "blank"),
        ("tbc", None, "blank"),
        ("31/02/2022", None, "unreadable"),
        ("2022-13-13", None, "unreadable"),
        ("30 Ju 2022", None, "unreadable"),
        ("next week", None, "unreadable"),
        ("Marching 2022", None, "unreadable"),
    ],
)
def test_one_cell(text, written, form):
    reading = read_date(text)
    assert (None if reading.written is None else str(reading.written), reading.form) == (
        written,
        form,
    )


def test_months_without_a_day_and_orders():
    assert read_date("July 2022", last=True).written == dt.date(2022, 7, 31)
    assert read_date("2022-12", last=True).written == dt.date(2022, 12, 31)
    assert read_date("03/04/2022").written == dt.date(2022, 4, 3)
    assert read_date("03/04/2022", order="month_first").written == dt.date(2022, 3, 4)
    assert read_date("04/04/2022").swapped is None
    american = read_date("02/28/2022")
    assert (american.written, american.remark) == (
        dt.date(2022, 2, 28),
        OTHER_ORDER,
    )


@pytest.mark.parametrize(
    ("cell", "problem"),
    [
        ("01/02/20", "two-digit year"),
        ("44773", "spreadsheet serial number"),
        ("July 2022", "month without a day"),
        ("02/28/2022", OTHER_ORDER),
    ],
)
def test_what_had_to_be_assumed_is_flagged(tmp_path, cell, problem):
    register = register_of(tmp_path, [cell])
    findings = register.findings.query("problem == @problem")
    assert findings[["row", "outcome", "read"]].to_numpy().tolist() == [[2, "flagged", cell]]


def days_of(count: int, step: int = 9) -> list[dt.date]:
    return [dt.date(2022, 1, 3) + dt.timedelta(days=step * k) for k in range(count)]


@pytest.mark.parametrize("shuffle", [False, True])
def test_the_split_of_forms_gives_the_swap_away_even_without_order(tmp_path, shuffle):
    days = days_of(60)
    if shuffle:
        days = [days[(k * 23) % 60] for k in range(60)]
    register = register_of(tmp_path, [exchanged(day) for day in days])
    assert starts(register) == [str(day) for day in days]
    changed = {k + 2 for k, day in enumerate(days) if day.day <= 12 and day.day != day.month}
    assert outcomes(register) == dict.fromkeys(changed, "corrected")


def test_serial_numbers_are_exchanged_like_dates(tmp_path):
    days = days_of(60)
    epoch = dt.date(1899, 12, 30)
    cells = [
        str((dt.date(d.year, d.day, d.month) - epoch).days)
        if d.day <= 12
        else d.strftime("%d/%m/%Y")
        for d in days
    ]
    assert starts(register_of(tmp_path, cells)) == [str(day) for day in days]


def test_true_dates_are_left_alone(tmp_path):
    days = days_of(60)
    for form in ("%Y-%m-%d", "%d/%m/%Y"):
        register = register_of(tmp_path, [day.strftime(form) for day in days])
        assert starts(register) == [str(day) for day in days]
        assert not len(register.findings)
    mixed = [d.isoformat() if k % 2 else d.strftime("%d/%m/%Y") for k, d in enumerate(days)]
    register = register_of(tmp_path, mixed)
    assert starts(register) == [str(day) for day in days]
    assert outcomes(register) == {}


@pytest.mark.parametrize("falling", [False, True])
def test_swaps_in_a_file_of_one_form_are_found_by_its_order(tmp_path, falling):
    days = days_of(60)[:: -1 if falling else 1]
    cells = [day.isoformat() for day in days]
    wrong = [k for k, d in enumerate(days) if d.day <= 12 and abs(d.day - d.month) >= 2][2:-2:4]
    for k in wrong:
        cells[k] = exchanged(days[k])[:10]
    register = register_of(tmp_path, cells)
    assert starts(register) == [str(day) for day in days]
    verdicts = outcomes(register)
    assert {row for row, verdict in verdicts.items() if verdict == "corrected"} == {
        k + 2 for k in wrong
    }


def test_where_neither_form_nor_order_decides_it_is_flagged_and_kept(tmp_path):
    cells = ["2022-05-03", "2022-02-07", "2022-01-09", "25/06/2022", "17/03/2022"]
    register = register_of(tmp_path, cells)
    assert starts(register)[:3] == ["2022-05-03", "2022-02-07", "2022-01-09"]
    assert outcomes(register) == dict.fromkeys((2, 3, 4), "undecided")
    why = register.findings.query("row == 2")["why"].iloc[0]
    assert "could also be 2022-03-05" in why


def test_a_row_that_its_neighbours_contradict_is_undecided(tmp_path):
    days = days_of(60)
    cells = [exchanged(day) for day in days]
    at = next(k for k, d in enumerate(days) if d.day <= 12 and d.day != d.month and d.month > 3)
    cells[at] = f"{days[at].isoformat()} 00:00:00"
    register = register_of(tmp_path, cells)
    assert outcomes(register)[at + 2] == "undecided"
    finding = register.findings.query("row == @at + 2").iloc[0]
    assert f"in file order only as written, {days[at]}" in finding["why"]


def test_a_date_in_the_future_is_exchanged_where_the_other_reading_is_past(tmp_path):
    path = tmp_path / "r.csv"
    path.write_text("Site,Ward code,Date\nA,E05000001,2022-11-05\nB,E05000001,2022-01-02\n")
    register = read_register(path, latest="2022-06-30")
    assert starts(register) == ["2022-05-11", "2022-01-02"]
    why = register.findings.query("row == 2")["why"].iloc[0]
    assert why == "outside the plausible range as written"


def test_an_end_before_its_start_is_exchanged_where_that_mends_it(tmp_path):
    path = tmp_path / "r.csv"
    path.write_text("Site,Ward code,Start,End\nA,E05000001,20/05/2020,06/01/2021\n")
    assert read_register(path).spells["end"].tolist() == [pd.Timestamp("2021-01-06")]
    path.write_text("Site,Ward code,Start,End\nA,E05000001,20/05/2020,01/06/2020\n")
    assert not len(read_register(path).findings)
    path.write_text("Site,Ward code,Start,End\nA,E05000001,20/05/2020,06/01/2020\n")
    register = read_register(path)
    assert register.spells["end"].tolist() == [pd.Timestamp("2020-06-01")]
    assert register.findings["why"].tolist() == ["before its start as written"]


@pytest.mark.parametrize(
    ("cell", "outcome", "why"),
    [
        ("2021,20/03/2022", "flagged", "the date is in the file's order, 2021-03-20 is not"),
        (
            "2022,20/03/2021",
            "undecided",
            "2022-03-20 would be in the file's order, the date is not",
        ),
    ],
)
def test_a_year_that_disagrees_is_held_against_the_order(tmp_path, cell, outcome, why):
    lines = [f"S,E05000001,2022,{d:%d/%m/%Y}" for d in pd.date_range("2022-01-13", periods=8)]
    lines.append(f"S,E05000001,{cell}")
    lines += [f"S,E05000001,2022,{d:%d/%m/%Y}" for d in pd.date_range("2022-04-13", periods=8)]
    path = tmp_path / "r.csv"
    path.write_text("\n".join(["Site,Ward code,Year,Date", *lines]))
    found = read_register(path).findings.query("problem == 'year disagrees with the date'")
    assert found[["row", "outcome", "why"]].to_numpy().tolist() == [[10, outcome, why]]


def test_a_year_that_disagrees_without_order_is_undecided(tmp_path):
    path = tmp_path / "r.csv"
    path.write_text("Site,Ward code,Year,Date\nA,E05000001,2021,29/02/2020\n")
    found = read_register(path).findings
    assert found[["outcome", "why"]].to_numpy().tolist() == [
        ["undecided", "the file's order does not decide"]
    ]


def test_operations_that_start_on_the_first_are_not_taken_for_swaps(tmp_path):
    cells = [f"2022-{month:02d}-01" for month in range(2, 13)]
    cells += [f"15/{month:02d}/2022" for month in range(2, 13)]
    register = register_of(tmp_path, cells)
    assert starts(register)[:11] == cells[:11]
    assert set(outcomes(register).values()) == {"undecided"}


def test_the_order_of_the_file_overrules_the_split_of_forms(tmp_path):
    days = [dt.date(2022, 1, 1) + dt.timedelta(days=k) for k in range(0, 300, 3)]
    cells = [d.isoformat() if d.day <= 12 else d.strftime("%d/%m/%Y") for d in days]
    register = register_of(tmp_path, cells)
    assert starts(register) == [str(day) for day in days]
    assert "corrected" not in outcomes(register).values()


def test_a_file_with_months_first_makes_every_short_date_suspect(tmp_path):
    register = register_of(tmp_path, ["02/28/2022", "03/04/2022", "05/31/2022"])
    assert starts(register) == ["2022-02-28", "2022-04-03", "2022-05-31"]
    assert outcomes(register) == {3: "undecided"}
    told = register_of(tmp_path, ["02/28/2022", "03/04/2022"], date_order="month_first")
    assert starts(told) == ["2022-02-28", "2022-03-04"]
    assert not len(told.findings)


def test_the_order_may_hold_within_boroughs_only(tmp_path):
    days = days_of(40)
    rows = [("North", day) for day in days] + [("South", day) for day in days]
    cells = [day.isoformat() for _, day in rows]
    wrong = [k for k, d in enumerate(days) if d.day <= 12 and abs(d.day - d.month) >= 2][2:-2]
    for k in wrong:
        cells[k] = exchanged(days[k])[:10]
        cells[k + 40] = exchanged(days[k])[:10]
    lines = [
        f"S {k},{b},E05000001,{c}" for k, ((b, _), c) in enumerate(zip(rows, cells, strict=True))
    ]
    path = tmp_path / "r.csv"
    path.write_text("\n".join(["Site,Borough,Ward code,Date", *lines]))
    register = read_register(path, latest=LATEST)
    assert starts(register) == [str(day) for _, day in rows]
