"""Selection replay of one site: the pool, the recipe, the result and its checks."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from tests.replay_worlds import boroughs, operation, panel_of, slow_recipe, weeks_of

from hotspot_eval.design import Design, Spell
from hotspot_eval.did import LinearDid, PoissonDid
from hotspot_eval.errors import InputError
from hotspot_eval.inference.replay import Mimic, TopK, checks
from hotspot_eval.inference.replay import replay as run_replay
from hotspot_eval.inference.replay.engine import study_of
from hotspot_eval.inference.replay.recipe import features

START = "2022-07"


@pytest.fixture(scope="module")
def world():
    return boroughs(np.random.default_rng(7))


def play(panel, design, *, rule=None, seed=0, estimator=None, **options):
    return run_replay(
        panel,
        design,
        rule=rule or TopK(k=4),
        estimator=estimator or PoissonDid(),
        rng=np.random.default_rng(seed),
        **options,
    )


def study(panel, rule=None, **windows):
    return operation(panel, rule or TopK(k=4), START, np.random.default_rng(0), **windows)


@pytest.mark.parametrize(("pre", "post", "gap"), [(3, 3, 0), (12, 3, 0), (12, 12, 0), (12, 12, 3)])
def test_agrees_with_the_slow_recipe(world, pre, post, gap):
    start = "2022-01" if post == 12 else START
    design = operation(
        world, TopK(k=4), start, np.random.default_rng(0), pre=pre, post=post, gap=gap
    )
    result = play(world, design)
    counts = world.counts[:, :, 0]
    row = {area: i for i, area in enumerate(world.areas)}
    onset = world.periods.labels.index(start)
    chosen = {
        at: [row[a] for a in TopK(k=4)(world, period, np.random.default_rng(0))]
        for at, period in enumerate(world.periods.labels)
        if at >= 12
    }
    pool = []
    for cluster, period in zip(result.draws["cluster"], result.draws["period"], strict=True):
        at = world.periods.labels.index(period)
        pool.append((cluster, at, [i for i in chosen[at] if world.cluster[i] == cluster]))
    target = ("A", onset, [row[a] for a in design.treated])
    d, p, predicted = slow_recipe(
        counts, list(world.cluster), pool, target, chosen, pre=pre, gap=gap, post=post
    )
    assert result.effect.estimate == pytest.approx(d, abs=1e-10)
    assert result.effect.p_value == pytest.approx(p, abs=1e-10)
    assert result.regression_to_mean.estimate == pytest.approx(predicted, abs=1e-10)


def test_raw_is_the_estimator_less_the_centre_of_its_replays(world):
    design = study(world)
    result = play(world, design)
    plain = PoissonDid()(world, design).effect.estimate
    centre = np.average(result.draws["estimate"], weights=result.draws["weight"])
    assert result.raw.estimate == pytest.approx(plain - centre, abs=1e-12)
    first = result.draws.iloc[0]
    rng = np.random.default_rng(0)
    again = operation(world, TopK(k=4), first["period"], rng, cluster=first["cluster"])
    assert first["estimate"] == pytest.approx(PoissonDid()(world, again).effect.estimate, abs=1e-9)


def test_raw_keeps_the_scale_of_its_estimator(world):
    assert play(world, study(world), estimator=LinearDid()).raw.scale == "count"


def test_selection_on_counts_shows_as_regression_to_the_mean(world):
    chosen = play(world, study(world, TopK(k=4, by="change")), rule=TopK(k=4, by="change"))
    drawn = play(world, study(world, TopK(k=4, by="random")), rule=TopK(k=4, by="random"))
    assert chosen.regression_to_mean.ci_high < -0.1
    assert abs(drawn.regression_to_mean.estimate) < 0.1


def test_interval_and_test_agree(world):
    for seed in range(6):
        panel = boroughs(np.random.default_rng(100 + seed))
        effect = play(panel, study(panel)).effect
        assert (effect.p_value > 0.05) == (effect.ci_low < 0 < effect.ci_high)
        assert effect.ci_low < effect.estimate < effect.ci_high


def test_treated_post_counts_do_not_touch_the_reference(world):
    """Only the estimate moves when the treated post window changes, by the log of the ratio."""
    design = study(world)
    before = play(world, design)
    counts = world.counts[:, :, 0].copy()
    rows = world.positions(design.treated)
    at = world.periods.labels.index(START)
    total = counts[rows, at : at + 3].sum()
    counts[rows[0], at] += total + 1
    after = play(panel_of(counts, world.areas, world.cluster, world.periods.labels), design)
    grown = np.log((2 * total + 1 + 0.5) / (total + 0.5))
    assert after.effect.estimate - before.effect.estimate == pytest.approx(grown, abs=1e-10)
    assert after.effect.std_error == pytest.approx(before.effect.std_error, rel=1e-12)
    assert after.draws.drop(columns="estimate").equals(before.draws.drop(columns="estimate"))


def test_pool_holds_no_treated_cell(world):
    """Own scenes end before the start; another borough treated later drops out from there on."""
    design = study(world)
    later = Spell(area="B00", start="2021-06", end="2021-06")
    both = Design(
        spells=[*design.spells, later],
        controls=[*design.controls, "B01"],
        pre_periods=3,
        post_periods=3,
    )
    alone = play(world, design)
    own = alone.draws[alone.draws["cluster"] == "A"]
    assert own["period"].max() == "2022-04"
    others = alone.draws.loc[alone.draws["cluster"] != "A", "period"]
    # the operation lasts to 2022-09, its washout to 2022-12; the panel holds starts to 2022-10
    assert others.max() == START
    brief = play(world, design, washout=0)
    assert brief.draws["period"].max() == "2022-10"
    assert "2022-08" not in set(brief.draws["period"])
    result = play(world, both, washout=2)
    pool = result.draws[result.draws["site_start"] == START]
    periods = set(pool.loc[pool["cluster"] == "B", "period"])
    # touched 2021-06..2021-08: windows run from start − 3 to start + 2
    assert "2021-03" in periods and "2021-12" in periods
    assert not periods & {"2021-04", "2021-06", "2021-11"}


def test_breaks_and_missing_months_are_kept_out(world):
    result = play(world, study(world), breaks=["2021-10"])
    starts = set(result.draws["period"])
    # a window of start − 3 … start + 2 straddles the break for starts 2021-08 … 2021-12
    assert not starts & {"2021-08", "2021-10", "2021-12"}
    assert {"2021-07", "2022-01"} <= starts
    observed = world.observed.copy()
    observed[:, 30] = False
    counts = world.counts.copy()
    counts[:, 30] = 0
    holed = replace(world, observed=observed, counts=counts)
    assert not set(play(holed, study(world)).draws["period"]) & {"2021-05", "2021-07", "2021-10"}


def test_ledger_balances_and_names_reasons(world):
    result = play(world, study(world))
    frame = result.ledger.to_frame()
    assert frame["rows"].iloc[0] == frame["rows"].iloc[-1] + frame["rows"].iloc[1:-1].sum()
    assert frame["rows"].iloc[-1] == len(result.draws)


def test_short_panels_go_down_the_ladder():
    panel = boroughs(np.random.default_rng(3), clusters=6, months=26)
    result = run_replay(
        panel,
        operation(panel, TopK(k=4), "2020-11", np.random.default_rng(0)),
        rule=TopK(k=4),
        estimator=PoissonDid(),
        rng=np.random.default_rng(0),
    )
    assert result.pool["rung"].tolist() == [2]
    assert any("shorter history" in note for note in result.effect.notes)


def test_no_scenes_no_test():
    panel = boroughs(np.random.default_rng(3), clusters=2, months=20)
    design = operation(panel, TopK(k=4), "2020-05", np.random.default_rng(0))
    result = play(panel, design)
    assert np.isnan(result.effect.estimate) and np.isnan(result.raw.estimate)
    assert "fewer than 39 allow no test at 5 %" in result.effect.notes[0]
    assert not any(note.startswith("reference distribution") for note in result.effect.notes)
    assert result.pool["rung"].tolist() == [7]
    assert result.draws.empty
    assert {check.status for check in result.checks} == {"failed", "not assessed", "passed"}


def test_never_treated_areas_are_the_last_resort(world):
    """Every borough starts at once: nothing overlaps but areas never treated."""
    panel = boroughs(np.random.default_rng(5), clusters=9, areas=20, months=24)
    rng = np.random.default_rng(0)
    rule = TopK(k=3, lookback=14)
    chosen = rule(panel, "2020-08", rng)
    design = Design(treated=chosen, start="2020-08", pre_periods=3, post_periods=3)
    result = run_replay(panel, design, rule=rule, estimator=PoissonDid(), rng=rng)
    assert result.pool["rung"].max() == 6
    assert any("never treated (weaker)" in note for note in result.effect.notes)


def test_wrong_rule_is_reported(world):
    design = study(world, TopK(k=4, by="random"))
    checks = {check.name: check for check in play(world, design, rule=TopK(k=4)).checks}
    assert checks["rule reproduces the selection"].status == "failed"
    checks = {check.name: check for check in play(world, study(world)).checks}
    assert checks["rule reproduces the selection"].status == "passed"
    assert len(checks) == 6


def test_a_mimic_reproduces_nothing_and_says_so(world):
    checks = {check.name: check for check in play(world, study(world), rule=Mimic()).checks}
    assert checks["rule reproduces the selection"].status == "not assessed"


def test_few_controls_are_told():
    """Their own noise is larger than that of replays, which compare with all the rest."""
    panel = boroughs(np.random.default_rng(7))
    design = study(panel)
    told = [
        [
            note
            for note in play(panel, replace(design, controls=some)).effect.notes
            if "half" in note
        ]
        for some in (design.controls, design.controls[:5], design.controls[:2])
    ]
    assert not told[0] and not told[1]
    assert told[2] and told[2][0].startswith("2 controls in A, fewer than half")


def null_of(u, cluster, onset, windows=12.0):
    """What the checks read of a reference distribution."""
    scenes = SimpleNamespace(cluster=cluster, onset=onset)
    reference = SimpleNamespace(u=u, windows=np.full(cluster.max() + 1, windows))
    return SimpleNamespace(pool=SimpleNamespace(scenes=scenes), reference=reference)


@pytest.mark.parametrize(
    ("name", "planted"),
    [
        ("drift", lambda u, cluster, onset: u + (onset > 29)),
        ("clusters", lambda u, cluster, onset: u + 2.0 * (cluster == 3)),
        ("season", lambda u, cluster, onset: u + 1.5 * (onset % 12 < 3)),
    ],
)
def test_checks_see_what_is_planted_and_only_that(world, name, planted):
    rng = np.random.default_rng(4)
    cluster, onset = (grid.ravel() for grid in np.meshgrid(np.arange(12), np.arange(24, 36)))
    u = rng.normal(size=len(cluster))
    stage = SimpleNamespace(panel=world, all_labels=tuple("ABCDEFGHIJKL"))
    look = {
        "drift": lambda null: checks._drift([null]),
        "clusters": lambda null: checks._clusters(stage, [null]),
        "season": lambda null: checks._season(stage, [null]),
    }
    assert look[name](null_of(planted(u, cluster, onset), cluster, onset)).status == "failed"
    assert {seen(null_of(u, cluster, onset)).status for seen in look.values()} == {"passed"}


def test_same_seed_same_answer_and_inputs_stay(world):
    counts = world.counts.copy()
    design = study(world, TopK(k=4, by="random"))
    one, two = (play(world, design, rule=TopK(k=4, by="random"), seed=5) for _ in range(2))
    assert one.draws.equals(two.draws) and one.to_frame().equals(two.to_frame())
    assert (world.counts == counts).all()
    other = play(world, design, rule=TopK(k=4, by="random"), seed=6)
    assert not other.draws["change"].equals(one.draws["change"])


def test_any_function_of_the_past_is_a_rule(world):
    def quietest(panel, period, rng):
        counts, _ = panel.single()
        at = panel.periods.position(period)
        return [
            area
            for c in sorted(set(panel.cluster))
            for area in sorted(
                (a for a in panel.areas if a.startswith(c)),
                key=lambda a: counts[panel.areas.index(a), at - 3 : at].sum(),
            )[:4]
        ]

    alike = boroughs(np.random.default_rng(8), spread=0.1)
    result = play(alike, study(alike, quietest), rule=quietest)
    assert result.regression_to_mean.ci_low > 0.05


def test_on_off_spells_move_with_the_scene(world):
    home = [a for a in world.areas if a.startswith("A")]
    spells = [Spell(area=a, start=m, end=m) for a in home[:4] for m in ("2022-07", "2022-09")]
    design = Design(spells=spells, controls=home[4:], pre_periods=3, post_periods=3)
    result = play(world, design)
    assert result.effect.treated_cells[0].cells == 8
    assert np.isfinite(result.effect.p_value) and np.isfinite(result.raw.p_value)


def test_partial_exposure_is_called_attenuated(world):
    home = [a for a in world.areas if a.startswith("A")]
    design = Design(
        treated=home[:4],
        start="2022-07-10",
        end="2022-07-31",
        controls=home[4:],
        pre_periods=3,
        post_periods=1,
    )
    result = play(world, design)
    assert any(note.startswith("attenuated") for note in result.effect.notes)


def test_missing_counts_in_the_study_are_refused(world):
    observed = world.observed.copy()
    at = world.periods.labels.index(START)
    counts = world.counts.copy()
    observed[world.positions(["A00"]), at] = False
    counts[world.positions(["A00"]), at] = 0
    with pytest.raises(InputError, match="counts are missing inside the study's own windows"):
        play(replace(world, observed=observed, counts=counts), study(world))


def test_a_design_without_controls_is_refused(world):
    home = [a for a in world.areas if a.startswith("A")]
    design = Design(treated=home, start=START, controls=[], pre_periods=3, post_periods=3)
    with pytest.raises(InputError, match="no control area"):
        play(world, design)


def test_alternatives(world):
    design = study(world)
    less = play(world, design, alternative="less").effect.p_value
    greater = play(world, design, alternative="greater").effect.p_value
    assert less + greater >= 1.0
    with pytest.raises(InputError, match="alternative"):
        play(world, design, alternative="smaller")
    with pytest.raises(InputError, match="argument 'washout'"):
        play(world, design, washout=-1)


def test_repr_shows_shape_and_never_rows(world):
    result = play(world, study(world))
    assert "scenes" in repr(result) and "A00" not in result._repr_html_()
    assert result.to_frame()["part"].tolist() == ["effect", "raw", "regression_to_mean"]


def early_study(months, *, clusters=20, post=12, start="2020-04"):
    """The first date with fifteen months before it: one scene a borough, fewer than 39."""
    panel = boroughs(np.random.default_rng(11), clusters=clusters, areas=9, months=months)
    rng = np.random.default_rng(0)
    return panel, operation(panel, TopK(k=3), start, rng, pre=12, post=post)


def test_later_dates_stand_in_where_earlier_ones_are_few():
    """Others resume when the operation and its washout are over; the own borough never does."""
    panel, design = early_study(48)
    result = play(panel, design, rule=TopK(k=3))
    periods = set(result.draws["period"])
    assert result.pool["rung"].tolist() == [2]
    assert periods == {"2020-04", *(f"2021-{m:02}" for m in range(7, 13)), "2022-01"}
    assert "A" not in set(result.draws["cluster"])
    assert np.isfinite(result.effect.p_value)


def test_dates_during_the_operation_only_where_there_is_no_test_without():
    panel, design = early_study(36)
    result = play(panel, design, rule=TopK(k=3))
    assert result.pool["rung"].tolist() == [3]
    assert any("at any date" in note for note in result.effect.notes)
    assert set(result.draws["period"]) == {f"2020-{m:02}" for m in range(4, 13)} | {"2021-01"}


def test_no_scene_looks_further_back_than_the_site_can():
    """Counts before a later scene's last fifteen months change nothing."""
    panel, design = early_study(42)
    counts = panel.counts[:, :, 0].copy()
    result = play(panel, design, rule=TopK(k=3))
    assert result.draws["period"].tolist().count("2021-07") == 19
    later = features_of_pool(panel, design)
    counts[:, :9] += 5
    other = panel_of(counts, panel.areas, panel.cluster, panel.periods.labels)
    again = features_of_pool(other, design)
    late = later["onset"] >= 24
    assert late.any() and np.allclose(later["past"][late], again["past"][late], atol=1e-12)
    assert not np.allclose(later["past"][~late], again["past"][~late])


def features_of_pool(panel, design):
    study = study_of(panel, design, rule=TopK(k=3), rng=np.random.default_rng(0))
    null = study.nulls[0]
    told = features(null.pool.scenes, null.site.windows, history=null.site.onset)
    return {"onset": null.pool.scenes.onset, "past": told.past}


def brief_study():
    """Eight months before the start, and four from it on."""
    panel = boroughs(np.random.default_rng(13), clusters=12, areas=12, months=12)
    rng = np.random.default_rng(0)
    return panel, operation(panel, TopK(k=3), "2019-09", rng, pre=3, post=3)


def test_where_history_is_short_scenes_and_site_look_back_alike():
    """Counts before the three months that rule and baseline read change nothing, the site's too."""
    panel, design = brief_study()
    result = play(panel, design, rule=TopK(k=3))
    assert result.pool["rung"].tolist() == [4] and np.isfinite(result.effect.p_value)
    assert result.pool["history_periods"].tolist() == [3]
    assert any("no more history than" in note for note in result.effect.notes)
    study = study_of(panel, design, rule=TopK(k=3), rng=np.random.default_rng(0))
    counts = panel.counts[:, :, 0].copy()
    own = np.flatnonzero(np.array(panel.cluster) == study.nulls[0].site.cluster)
    counts[own, :3] += 7
    other = panel_of(counts, panel.areas, panel.cluster, panel.periods.labels)
    again = study_of(other, design, rule=TopK(k=3), rng=np.random.default_rng(0)).nulls[0]
    assert np.array_equal(again.target.past, study.nulls[0].target.past)


def two_forces():
    """Two boroughs over two years, with an operation; and a force of other years."""
    panel = boroughs(np.random.default_rng(3), clusters=2, months=24)
    design = operation(panel, TopK(k=4), "2020-08", np.random.default_rng(0))
    theirs = boroughs(np.random.default_rng(4), clusters=9, months=40, first="2014-01")
    return panel, design, theirs


def test_other_forces_are_asked_where_the_own_has_no_pool():
    """Two boroughs give no test; a force of other years, numbered in its own calendar, does."""
    panel, design, theirs = two_forces()
    alone = play(panel, design)
    assert np.isnan(alone.effect.p_value) and alone.pool["rung"].tolist() == [7]
    result = play(panel, design, other_forces={"North": theirs})
    assert result.pool["rung"].tolist() == [5] and np.isfinite(result.effect.p_value)
    assert any("other forces too" in note for note in result.effect.notes)
    draws = result.draws[result.draws["cluster"].str.startswith("North: ")]
    assert set(draws["cluster"]) == {f"North: {c}" for c in "ABCDEFGHI"}
    assert draws["period"].min() == "2015-04" and draws["period"].max() == "2017-02"
    one = draws.iloc[0]
    again = operation(theirs, TopK(k=4), one["period"], np.random.default_rng(0), cluster="A")
    assert one["cluster"] == "North: A"
    assert one["estimate"] == pytest.approx(PoissonDid()(theirs, again).effect.estimate, abs=1e-9)
    assert set(result.draws["cluster"]) >= {"A", "B"}


def test_scenes_of_other_forces_are_weighted_by_their_true_age():
    panel, design, theirs = two_forces()
    result = play(panel, design, other_forces={"North": theirs})
    draws = result.draws.set_index("period")["weight"]
    ratio = draws["2016-02"].iloc[0] / draws["2017-02"].iloc[0]
    # years away from home, a half-life of one year would leave them too little for a test
    assert ratio == pytest.approx(0.5**0.5) and draws.sum() > 20
    own = result.draws.set_index("cluster")["weight"]
    assert own["B"].max() == 1.0 and draws["2017-02"].iloc[0] == pytest.approx(0.5**1.75)


def test_other_forces_must_count_over_the_same_periods():
    panel = boroughs(np.random.default_rng(3), clusters=2, months=48)
    weekly = weeks_of(np.random.default_rng(1), clusters=2, weeks=60)
    with pytest.raises(InputError, match="other_forces', North"):
        play(panel, study(panel), other_forces={"North": weekly})


def test_an_outcome_that_moves_with_what_was_looked_at_regresses_too(world):
    """Robbery that shares its noise with violence falls where violence was picked for a rise."""
    rng = np.random.default_rng(11)
    shape = world.counts[:, :, 0].shape
    shock = np.exp(rng.normal(0, 0.5, shape))
    names = list(world.areas), list(world.cluster), list(world.periods.labels)
    violence = panel_of(rng.poisson(8 * shock), *names)
    robbery = panel_of(rng.poisson(8 * shock), *names)
    rule = TopK(k=4, by="change")
    design = study(violence, rule)
    told = play(robbery, design, rule=TopK(k=4, by="change", on=violence))
    assert told.regression_to_mean.ci_high < 0
    assert abs(told.effect.estimate) < 3 * told.effect.std_error
    same = play(violence, design, rule=TopK(k=4, by="change", on=violence))
    assert same.effect == play(violence, design, rule=rule).effect
