"""Placebos move what the estimator reads; leaving one out says who carries the effect."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from tests.replay_worlds import boroughs, joint_operation, operation, panel_of

from hotspot_eval.design import Design, Spell
from hotspot_eval.did import LinearDid, PoissonDid
from hotspot_eval.errors import InputError
from hotspot_eval.inference import TopK, leave_one_out, placebo_dates, placebo_places
from hotspot_eval.panel import Panel

RULE = TopK(k=4, by="random")
START = "2022-07"


@pytest.fixture(scope="module")
def world():
    return boroughs(np.random.default_rng(11), months=48)


@pytest.fixture(scope="module")
def acted(world):
    rng = np.random.default_rng(0)
    return joint_operation(world, RULE, {"A": START, "B": START}, rng, kept=0.4)


def places(panel, design, seed=0, **options):
    return placebo_places(
        panel, design, estimator=PoissonDid(), rng=np.random.default_rng(seed), **options
    )


def test_dates_are_the_same_design_moved(world):
    design = operation(world, RULE, START, np.random.default_rng(0), gap=1)
    found = placebo_dates(world, design, estimator=LinearDid())
    # starts from the fifth month (3 pre + 1 gap) to 2022-04, the last that ends before the start
    assert found.draws["label"].tolist() == list(world.periods.labels[4:40])[::-1]
    row = found.draws.set_index("label").loc["2021-03", "estimate"]
    by_hand = Design(
        treated=design.treated,
        start="2021-03",
        controls=design.controls,
        pre_periods=3,
        post_periods=3,
        gap=1,
    )
    assert row == pytest.approx(LinearDid()(world, by_hand).effect.estimate, abs=1e-12)
    assert found.draws["estimate"].nunique() > 30
    assert found.smallest_p == pytest.approx(2 / (1 + len(found.draws)))


def test_several_starts_move_together(world):
    rng = np.random.default_rng(0)
    panel, design = joint_operation(world, RULE, {"A": "2022-04", "B": START}, rng)
    found = placebo_dates(panel, design, estimator=PoissonDid())
    # 6 periods of operation; the earlier start may fall back to the 13th month
    assert len(found.draws) == 39 - 6 - 12 + 1


def test_a_real_effect_stands_out_and_nothing_does_not(acted, world):
    panel, design = acted
    assert places(panel, design, draws=199).p_value == pytest.approx(2 / 200)
    assert placebo_dates(panel, design, estimator=PoissonDid()).check.status == "passed"
    rng = np.random.default_rng(0)
    calm, nothing = joint_operation(world, RULE, {"A": START, "B": START}, rng)
    assert places(calm, nothing, draws=199).p_value > 0.05


def test_places_keep_clusters_and_leave_the_treated_out(acted):
    panel, design = acted
    seen = []

    class Spy(PoissonDid):
        def many(self, panel, designs):
            seen.extend(designs[1:])
            return np.arange(len(designs), dtype=float)

    placebo_places(panel, design, estimator=Spy(), rng=np.random.default_rng(0), draws=20)
    treated = set(design.treated)
    for drawn in seen:
        assert not treated & {*drawn.treated, *drawn.controls}
        assert sorted(a[0] for a in drawn.treated) == sorted(a[0] for a in design.treated)
        assert not set(drawn.treated) & set(drawn.controls)
    assert len({drawn.treated for drawn in seen}) > 10


def test_a_placebo_that_changes_nothing_is_refused():
    flat = panel_of(
        np.full((20, 40), 3),
        [f"a{i:02}" for i in range(20)],
        ["x"] * 20,
        boroughs(np.random.default_rng(0), months=40).periods.labels,
    )
    design = Design(treated=["a00"], start="2022-01", pre_periods=3, post_periods=3)
    with pytest.raises(InputError, match="the placebo changes nothing"):
        places(flat, design, draws=30)
    with pytest.raises(InputError, match="the placebo changes nothing"):
        placebo_dates(flat, design, estimator=LinearDid())


def test_too_few_dates_are_not_assessed():
    panel = boroughs(np.random.default_rng(0), months=20)
    design = Design(treated=["A00"], start="2020-04", pre_periods=3, post_periods=3)
    found = placebo_dates(panel, design, estimator=PoissonDid())
    assert found.check.status == "not assessed" and np.isnan(found.p_value)
    assert "19 are needed" in found.notes[0]


def test_open_windows_are_closed_by_the_panel(world):
    open_end = Design(treated=["A00"], start=START)
    onset = int(open_end.on(world).first.min())
    post = len(world.periods) - onset
    closed = Design(treated=["A00"], start=START, pre_periods=min(post, onset), post_periods=post)
    one = placebo_dates(world, open_end, estimator=PoissonDid())
    other = placebo_dates(world, closed, estimator=PoissonDid())
    assert one.draws.equals(other.draws)


def test_what_cannot_be_asked_is_not_assessed(world):
    home = [a for a in world.areas if a.startswith("A")]
    crowded = Design(treated=home[:10], start=START, controls=home[10:])
    found = places(world, crowded)
    assert found.check.status == "not assessed"
    assert "Too few controls" in found.check.sentence
    alone = leave_one_out(world, Design(treated=["A00"], start=START), estimator=PoissonDid())
    assert alone.check.status == "not assessed"
    assert alone.frame.empty
    assert np.isfinite(alone.estimate)


def test_refusals(world):
    open_end = Design(treated=["A00"], start=START)
    with pytest.raises(InputError, match="'draws': must be a whole number, 1 or more, not 0"):
        places(world, open_end, draws=0)
    with pytest.raises(InputError, match="'borough' is not one of the options"):
        leave_one_out(world, open_end, estimator=PoissonDid(), by="borough")


@pytest.mark.parametrize("by", ["area", "cluster", "site"])
def test_leaving_one_out_is_estimating_without_it(acted, by):
    panel, design = acted
    spells = [
        Spell(area=s.area, start=s.start, site="north" if s.area[0] == "A" else "south")
        for s in design.spells
    ]
    design = Design(spells=spells, controls=design.controls, pre_periods=12, post_periods=3)
    found = leave_one_out(panel, design, estimator=PoissonDid(), by=by)
    first = found.frame.iloc[0]
    gone = {
        "area": {spells[0].area},
        "cluster": {a for a in panel.areas if a[0] == "A"},
        "site": {s.area for s in spells if s.site == "north"},
    }[by]
    without = Design(
        spells=[s for s in spells if s.area not in gone],
        controls=[a for a in design.controls if a not in gone],
        pre_periods=12,
        post_periods=3,
    )
    assert first["estimate"] == pytest.approx(
        PoissonDid()(panel, without).effect.estimate, abs=1e-9
    )
    assert found.check.status == "passed"
    assert len(found.frame) == {"area": 8, "cluster": 2, "site": 2}[by]


def test_controls_by_default_never_take_in_who_was_left_out(acted):
    panel, design = acted
    everywhere = Design(spells=design.spells, pre_periods=12, post_periods=3)
    found = leave_one_out(panel, everywhere, estimator=PoissonDid())
    without = Design(
        spells=design.spells[1:],
        excluded=[design.spells[0].area],
        pre_periods=12,
        post_periods=3,
    )
    assert found.frame["estimate"].iloc[0] == pytest.approx(
        PoissonDid()(panel, without).effect.estimate, abs=1e-9
    )


def test_a_unit_without_which_there_is_no_estimate_is_named():
    """Only A ever has an event among the treated: without it nothing can be estimated."""
    counts = np.full((6, 8), 3)
    counts[1] = 0
    frame = pd.DataFrame(
        [(a, t, counts[i, t]) for i, a in enumerate("ABCDEF") for t in range(8)],
        columns=["area", "period", "n"],
    )
    panel = Panel.from_counts(frame, area="area", period="period", count="n")
    found = leave_one_out(panel, Design(treated=["A", "B"], start=4), estimator=PoissonDid())
    assert np.isnan(found.frame.set_index("left_out").loc["A", "estimate"])
    assert found.check.status == "failed"
    assert found.check.sentence.endswith("B moves it most. There is none without A.")
    assert "nan" not in found.check.sentence
    counts[0] = 0
    frame["n"] = counts.ravel()
    silent = Panel.from_counts(frame, area="area", period="period", count="n")
    nothing = leave_one_out(silent, Design(treated=["A", "B"], start=4), estimator=PoissonDid())
    assert nothing.check.status == "not assessed" and "no estimate" in nothing.check.sentence
