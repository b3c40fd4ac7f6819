"""Invariants of Design and Assignment over arbitrary spells, roles and windows."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from hotspot_eval.design import Design, Spell, lay_spells
from hotspot_eval.panel import Panel
from hotspot_eval.periods import Periods

FIRST = pd.Timestamp("2022-01-01")
PERIODS = Periods.span("2022-01", "2022-06", frequency="month")
LAST_DAY = int((PERIODS.ends[-1] - PERIODS.starts[0]).astype(int)) - 1
AREAS = tuple("ABCDEFG")


def panel_of(areas: list[str]) -> Panel:
    frame = pd.DataFrame(
        [(area, month, 1) for area in areas for month in PERIODS.labels],
        columns=["area", "month", "n"],
    )
    return Panel.from_counts(frame, area="area", period="month", count="n")


PANEL = panel_of(list(AREAS))


@st.composite
def spells(draw: st.DrawFn, areas: str = "ABC") -> Spell:
    begin = draw(st.integers(0, LAST_DAY))
    length = draw(st.integers(0, 80))
    goes_on = draw(st.booleans())
    return Spell(
        area=draw(st.sampled_from(areas)),
        start=(FIRST + pd.Timedelta(days=begin)).date(),
        end=None if goes_on else (FIRST + pd.Timedelta(days=begin + length)).date(),
        share=draw(st.sampled_from([0.1, 0.25, 0.5, 0.6, 1.0])),
        dose=draw(st.none() | st.floats(0, 24)),
        site=draw(st.sampled_from([None, "s", "t"])),
    )


def slow_treatment(spells_of_area: list[Spell]) -> np.ndarray:
    """Day by day and spell by spell: what lay_spells must equal."""
    share = np.zeros(len(PERIODS))
    for day in range(LAST_DAY + 1):
        date = (FIRST + pd.Timedelta(days=day)).date()
        sites: dict[str | None, float] = {}
        for spell in spells_of_area:
            if spell.start <= date and (spell.end is None or date <= spell.end):
                sites[spell.site] = max(sites.get(spell.site, 0.0), spell.share)
        share[date.month - 1] += min(1.0, sum(sites.values()))
    return share / (PERIODS.ends - PERIODS.starts).astype(float)


@given(st.lists(spells("A"), min_size=1, max_size=5))
@settings(max_examples=60, deadline=None)
def test_spells_add_up_as_day_by_day(given_spells):
    share, _ = lay_spells(PERIODS, given_spells)
    np.testing.assert_allclose(share, slow_treatment(given_spells), atol=1e-12)


@given(st.lists(spells(), min_size=1, max_size=6), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_treatment_is_a_share_and_order_does_not_matter(given_spells, random):
    chosen = Design(spells=given_spells).on(PANEL)
    assert ((chosen.treatment >= 0) & (chosen.treatment <= 1)).all()
    shuffled = list(given_spells)
    random.shuffle(shuffled)
    areas = list(AREAS)
    random.shuffle(areas)
    other = Design(spells=shuffled).on(panel_of(areas))
    np.testing.assert_allclose(other.treatment, chosen.treatment, atol=1e-12)
    assert np.array_equal(other.role, chosen.role)
    assert np.array_equal(other.first, chosen.first)
    assert np.array_equal(other.used, chosen.used)
    treated = chosen.role == "treated"
    assert (chosen.treatment[treated].max(axis=1) > 0).all()
    assert not chosen.treatment[~treated].any()
    assert (chosen.first[~treated] == len(PERIODS)).all()


@given(st.lists(st.sampled_from([0, 1, 2, 3, 4]), min_size=7, max_size=7), st.booleans())
@settings(max_examples=60, deadline=None)
def test_roles_are_disjoint_and_complete(labels, all_others):
    names = ("treated", "controls", "catchment", "excluded", "none")
    by_role = {
        name: [area for area, label in zip(AREAS, labels, strict=True) if label == place]
        for place, name in enumerate(names)
    }
    if not by_role["treated"]:
        by_role["treated"] = [AREAS[0]]
        for name in names[1:]:
            by_role[name] = [area for area in by_role[name] if area != AREAS[0]]
    design = Design(
        treated=by_role["treated"],
        start="2022-04",
        controls=None if all_others else by_role["controls"],
        catchment=by_role["catchment"],
        excluded=by_role["excluded"],
    )
    chosen = design.on(PANEL)
    rows = [set(chosen.rows(role)) for role in ("treated", "catchment", "control", "excluded")]
    assert sum(map(len, rows)) == len(set().union(*rows)) == len(AREAS)
    ids = [{AREAS[row] for row in members} for members in rows]
    assert ids[0] == set(by_role["treated"])
    assert ids[1] == set(by_role["catchment"])
    spare = set(by_role["none"])
    assert ids[2] == set(by_role["controls"]) | (spare if all_others else set())
    assert not chosen.used[list(rows[3])].any()


@given(
    onsets=st.dictionaries(st.sampled_from("ABC"), st.integers(2, 4), min_size=1),
    pre=st.none() | st.integers(1, 1),
    post=st.none() | st.integers(1, 2),
    gap=st.integers(0, 1),
)
@settings(max_examples=60, deadline=None)
def test_windows_hold_what_they_say(onsets, pre, post, gap):
    design = Design(
        treated=list(onsets),
        start={area: PERIODS.labels[at] for area, at in onsets.items()},
        pre_periods=pre,
        post_periods=post,
        gap=gap,
    )
    chosen = design.on(PANEL)
    union = set()
    for area, at in onsets.items():
        window = set(np.flatnonzero(chosen.used[PANEL.areas.index(area)]))
        before = range(0 if pre is None else at - gap - pre, at - gap)
        after = range(at, len(PERIODS) if post is None else at + post)
        assert window == {*before, *after}
        union |= window
    for row in chosen.rows("control"):
        assert set(np.flatnonzero(chosen.used[row])) == union


@given(
    st.lists(
        st.sampled_from([0.0, 0.0, 0.25, 0.5, 1.0]),
        min_size=len(AREAS) * len(PERIODS),
        max_size=len(AREAS) * len(PERIODS),
    )
)
@settings(max_examples=60, deadline=None)
def test_from_treatment_comes_back(cells):
    shares = np.array(cells).reshape(len(AREAS), len(PERIODS))
    shares[0, 3] = 1.0
    before = shares.copy()
    design = Design.from_treatment(PANEL, shares)
    assert np.array_equal(design.on(PANEL).treatment, shares)
    assert np.array_equal(shares, before)
