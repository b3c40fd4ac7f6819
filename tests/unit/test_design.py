"""Design and Assignment: roles, windows, spells, each refusal."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from hotspot_eval.design import Design, Spell, lay_spells
from hotspot_eval.errors import InputError
from hotspot_eval.panel import Panel
from hotspot_eval.periods import Periods

AREAS = ("A", "B", "C", "D", "E")


@pytest.fixture
def panel() -> Panel:
    months = Periods.span("2022-01", "2022-12", frequency="month").labels
    frame = pd.DataFrame(
        [(area, month, 1 + place) for place, area in enumerate(AREAS) for month in months],
        columns=["area", "month", "n"],
    )
    return Panel.from_counts(frame, area="area", period="month", count="n")


def test_the_shortcut_is_one_spell_an_area(panel):
    design = Design(treated=["A", "B"], start="2022-07")
    assert design.spells == (Spell(area="A", start="2022-07"), Spell(area="B", start="2022-07"))
    chosen = design.on(panel)
    assert chosen.treatment[:, 6:].sum(axis=1).tolist() == [6, 6, 0, 0, 0]
    assert not chosen.treatment[:, :6].any()
    assert chosen.first.tolist() == [6, 6, 12, 12, 12]
    assert chosen.role.tolist() == ["treated", "treated", "control", "control", "control"]
    assert chosen.rows("control").tolist() == [2, 3, 4]


def test_starts_and_ends_by_area(panel):
    lists = Design(treated=["B", "A"], start=["2022-07", "2022-03"], end=["2022-08", None])
    table = Design(
        treated=["B", "A"], start={"A": "2022-03", "B": "2022-07"}, end={"A": None, "B": "2022-08"}
    )
    assert lists == table
    assert lists.on(panel).treatment.sum(axis=1).tolist() == [10, 2, 0, 0, 0]


def test_days_treat_part_of_a_month(panel):
    design = Design(treated=["A"], start=dt.date(2022, 6, 16), end="2022-07")
    assert design.on(panel).treatment[0, 5:8].tolist() == [0.5, 1.0, 0.0]
    one = Design(spells=[Spell(area="A", start=dt.date(2022, 1, 31), end=dt.date(2022, 1, 31))])
    assert one.on(panel).treatment[0, 0] == pytest.approx(1 / 31)


def test_ids_are_one_text_everywhere(panel):
    spell = Spell(area=8001.0, start="2022-07")  # type: ignore[arg-type]
    assert spell.area == "8001"
    with pytest.raises(InputError, match="8001 is treated and controls"):
        Design(spells=[spell], controls=[8001])
    assert Design(treated=["A", " A "], start="2022-07").treated == ("A",)


def test_overlapping_spells_of_one_site_count_once(panel):
    twice = [
        Spell(area="A", start="2022-06-01", end="2022-06-15", site="s", dose=3.0),
        Spell(area="A", start="2022-06-10", end="2022-06-24", site="s", dose=3.0),
    ]
    chosen = Design(spells=twice).on(panel)
    assert chosen.treatment[0, 5] == pytest.approx(24 / 30)
    assert chosen.dose is not None
    assert chosen.dose[0, 5] == pytest.approx(3.0 * 30 / 30)


def test_shares_of_different_sites_add_up_day_by_day(panel):
    both = [
        Spell(area="A", start="2022-06-01", end="2022-06-15", site="s", share=0.7),
        Spell(area="A", start="2022-06-01", end="2022-06-30", site="t", share=0.4),
    ]
    assert Design(spells=both).on(panel).treatment[0, 5] == pytest.approx(
        (15 * 1.0 + 15 * 0.4) / 30
    )


def test_a_spell_may_begin_before_and_end_after_the_panel(panel):
    spells = [
        Spell(area="A", start="2021-01", end="2022-02"),
        Spell(area="A", start="2022-12-01"),
        Spell(area="B", start="2021-01-01", end="2025-01-01"),
    ]
    treatment = Design(spells=spells).on(panel).treatment
    assert treatment[0].tolist() == [1, 1, *[0] * 9, 1]
    assert treatment[1].tolist() == [1] * 12


def test_roles_that_are_named(panel):
    design = Design(treated=["A"], start="2022-07", controls=["B"], catchment=["C"], excluded=["D"])
    chosen = design.on(panel)
    assert chosen.role.tolist() == ["treated", "control", "catchment", "excluded", "excluded"]
    assert chosen.used.any(axis=1).tolist() == [True, True, True, False, False]


def test_windows(panel):
    design = Design(
        treated=["A", "B"], start=["2022-05", "2022-08"], pre_periods=2, post_periods=3, gap=1
    )
    used = design.on(panel).used
    assert np.flatnonzero(used[0]).tolist() == [1, 2, 4, 5, 6]
    assert np.flatnonzero(used[1]).tolist() == [4, 5, 7, 8, 9]
    assert np.flatnonzero(used[2]).tolist() == [1, 2, 4, 5, 6, 7, 8, 9]


def test_off_periods_inside_the_window_are_used_and_not_treated(panel):
    spells = [Spell(area="A", start="2022-05", end="2022-05"), Spell(area="A", start="2022-08")]
    chosen = Design(spells=spells, pre_periods=2).on(panel)
    assert chosen.used[0, 4:].all()
    assert chosen.treatment[0, 4:].tolist() == [1, 0, 0, 1, 1, 1, 1, 1]


def test_from_treatment_keeps_every_cell(panel):
    shares = np.zeros(panel.shape[:2])
    shares[0, 3:5], shares[0, 5], shares[0, 8], shares[3, 11] = 1.0, 0.25, 0.5, 0.1
    design = Design.from_treatment(panel, shares)
    assert np.array_equal(design.on(panel).treatment, shares)
    assert design.treated == ("A", "D")


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"treated": ["A"]}, "argument 'start': is missing"),
        ({}, "treats no area"),
        ({"treated": "A", "start": "2022-07"}, r"is one text, not a sequence.*treated=\['A'\]"),
        (
            {"treated": ["A"], "start": "2022-07", "spells": [Spell(area="A", start="2022-07")]},
            "takes treated and start, or spells, not both",
        ),
        ({"treated": ["A", "B"], "start": ["2022-07"]}, "has 1 entries for 2 treated areas"),
        (
            {"treated": ["A", "B"], "start": {"A": "2022-07"}},
            r"no entry for treated areas \(1: B\)",
        ),
        (
            {"treated": ["A"], "start": "2022-07", "controls": ["A", "B"]},
            "A is treated and controls",
        ),
        (
            {"treated": ["A"], "start": "2022-07", "catchment": ["B"], "excluded": ["B"]},
            "B is catchment and excluded",
        ),
        (
            {"treated": ["A"], "start": "2022-07", "pre_periods": 0},
            "'pre_periods': must be 1 or more",
        ),
        ({"treated": ["A"], "start": "2022-07", "post_periods": 0}, "'post_periods': must be 1"),
        ({"treated": ["A"], "start": "2022-07", "gap": -1}, "'gap': must be 0 or more"),
    ],
)
def test_designs_that_are_refused(arguments, match):
    with pytest.raises(InputError, match=match):
        Design(**arguments)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"share": 0.0}, r"share 0.0 is outside \(0, 1\]"),
        ({"share": float("nan")}, r"share nan is outside"),
        ({"dose": -1.0}, "dose -1.0 is not 0 or more"),
        ({"dose": float("inf")}, "dose inf is not 0 or more"),
        ({"kind": "patrol"}, "argument 'kind': 'patrol' is not one"),
    ],
)
def test_spells_that_are_refused(arguments, match):
    with pytest.raises(InputError, match=match):
        Spell(area="A", start="2022-07", **arguments)


@pytest.mark.parametrize(
    ("design", "match"),
    [
        (Design(treated=["Z"], start="2022-07"), r"are not in the panel \(1: Z\)"),
        (Design(treated=["A"], start="2022-07", controls=["Z"]), "are not in the panel"),
        (Design(treated=["A"], start="2023-07"), "spells lie outside the panel.*A from 2023-07"),
        (Design(treated=["A"], start="2022-07", end="2022-05"), "ends .* before it starts"),
        (Design(treated=["A"], start="2022-03", pre_periods=3), "more periods before the start"),
        (Design(treated=["A"], start="2022-11", post_periods=3), "more periods from the start"),
        (Design(treated=["A"], start="2022-03", pre_periods=2, gap=1), "periods before the start"),
    ],
)
def test_designs_that_do_not_fit_the_panel(panel, design, match):
    with pytest.raises(InputError, match=match):
        design.on(panel)


@pytest.mark.parametrize(
    "spells",
    [
        [Spell(area="A", start="2022-05", end="2022-04"), Spell(area="A", start="2022-06")],
        [Spell(area="A", start="2022-06"), Spell(area="A", start="2022-05", end="2022-04")],
    ],
)
def test_a_reversed_spell_beside_others_is_refused(panel, spells):
    with pytest.raises(InputError, match="before it starts"):
        Design(spells=spells).on(panel)


@pytest.mark.parametrize("bad", [np.full((5, 12), 1.5), np.full((5, 12), np.nan), np.zeros((2, 2))])
def test_from_treatment_refuses_what_is_no_share(panel, bad):
    with pytest.raises(InputError, match=r"must be shares in \[0, 1\] of shape \(5, 12\)"):
        Design.from_treatment(panel, bad)


def test_to_frame_and_repr(panel):
    design = Design(treated=["A", "B"], start=["2022-05", "2022-08"], catchment=["C"])
    assert design.to_frame()[["area", "start"]].to_numpy().tolist() == [
        ["A", "2022-05"],
        ["B", "2022-08"],
    ]
    assert "2 treated against all other areas, 2 starts from 2022-05" in repr(design)
    assert "1 catchment" in design._repr_html_()


def test_steps_and_weeks(panel):
    weeks = Periods.span("2022-07-04", "2022-07-31", frequency="week")
    share, _ = lay_spells(weeks, [Spell(area="A", start="2022-07-08", end="2022-07-14")])
    assert share == pytest.approx([3 / 7, 4 / 7, 0, 0])
    steps = Periods.span(0, 4, frequency="step")
    share, _ = lay_spells(steps, [Spell(area="A", start=1, end=2), Spell(area="A", start=2)])
    assert share.tolist() == [0, 1, 1, 1, 1]


def test_what_was_delivered_elsewhere_is_no_control_and_no_part_of_the_design(panel):
    beside = [
        Spell(area="C", start="2022-03", end="2022-04"),
        Spell(area="C", start=dt.date(2022, 9, 30), end=dt.date(2022, 10, 1)),
        Spell(area="D", start=dt.date(2020, 1, 1)),
        Spell(area="E", start=dt.date(2024, 1, 1)),
    ]
    design = Design(treated=["A"], start="2022-07", elsewhere=beside)
    assert design.treated == ("A",)
    chosen = design.on(panel)
    assert chosen.role.tolist() == ["treated", "control", *["excluded"] * 3]
    cells = design.treated_elsewhere(panel)
    assert np.flatnonzero(cells[2]).tolist() == [2, 3, 8, 9]
    assert cells.sum(axis=1).tolist() == [0, 0, 4, 12, 0]
    assert "3 treated elsewhere" in repr(design)
    named = Design(treated=["A"], start="2022-07", controls=["B", "C"], elsewhere=beside)
    assert named.on(panel).role.tolist()[1:4] == ["control", "control", "excluded"]
    assert not Design(treated=["A"], start="2022-07").treated_elsewhere(panel).any()


def test_elsewhere_takes_spells_of_the_panel(panel):
    with pytest.raises(InputError, match="elsewhere"):
        Design(treated=["A"], start="2022-07", elsewhere=["B"])
    stranger = Design(treated=["A"], start="2022-07", elsewhere=[Spell(area="Z", start="2022-01")])
    with pytest.raises(InputError, match="Z"):
        stranger.treated_elsewhere(panel)
