"""Every way of asking: each row is the estimate it names, and the joint test is a test."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.replay_worlds import boroughs, joint_operation, operation, panel_of

from hotspot_eval.design import Design
from hotspot_eval.did import Imputation, LinearDid, PoissonDid
from hotspot_eval.errors import InputError
from hotspot_eval.inference import TopK, specification_curve
from hotspot_eval.inference.curve_null import _statistics
from hotspot_eval.planning import control_pools, matched_controls, same_rule_controls

START = "2022-07"
RULE = TopK(k=4)
ESTIMATORS = {"Poisson": PoissonDid(), "linear": LinearDid()}


@pytest.fixture(scope="module")
def world():
    return boroughs(np.random.default_rng(11), months=60)


@pytest.fixture(scope="module")
def design(world):
    return operation(world, RULE, START, np.random.default_rng(0), pre=12, post=3)


@pytest.fixture(scope="module")
def curve(world, design):
    return specification_curve(
        world,
        design,
        estimators=ESTIMATORS,
        controls=control_pools(rule=RULE),
        pre_periods=[6],
        gaps=[2],
        transformations=["counts", "capped", "any"],
    )


def row_of(curve, **choice):
    table = curve.table
    for name, value in choice.items():
        table = table[table[name] == value]
    assert len(table) == 1
    return table.iloc[0]


def test_every_combination_is_there_once_and_sorted(curve):
    assert len(curve.table) == 2 * 4 * 2 * 2 * 3
    keys = ["estimator", "controls", "pre_periods", "gap", "outcome"]
    assert not curve.table.duplicated(keys).any()
    assert curve.table["percent"].is_monotonic_increasing
    told = curve.table[curve.table["declared"]].iloc[0]
    assert told[keys].tolist() == ["Poisson", "as declared", 12, 0, "counts"]
    assert curve.joint.empty


def test_rows_are_the_estimates_by_hand(curve, world, design):
    by_hand = PoissonDid()(world, design).effect
    told = row_of(
        curve, estimator="Poisson", controls="as declared", pre_periods=12, gap=0, outcome="counts"
    )
    assert told["percent"] == pytest.approx(by_hand.percent_change().value)
    assert told["percent_low"] == pytest.approx(by_hand.percent_change().low)
    matched = matched_controls(world, design, per_treated=2).controls
    other = replace(design, treated=(), controls=matched, pre_periods=6, gap=2)
    told = row_of(
        curve,
        estimator="linear",
        controls="matched in level, trend and season",
        pre_periods=6,
        gap=2,
        outcome="counts",
    )
    effect = LinearDid()(world, other).effect
    assert told["estimate"] == pytest.approx(effect.estimate, abs=1e-12)
    assert told["n_control"] == len(matched)
    seen = sum(group.events for group in effect.treated_cells)
    prevented = effect.crimes_prevented()
    assert told["percent"] == pytest.approx(-100 * prevented.value / (seen + prevented.value))
    assert told["percent_low"] < told["percent"] < told["percent_high"]


def test_next_in_rank_is_the_rule_continued(curve, world, design):
    chosen = same_rule_controls(world, design, rule=RULE, rng=np.random.default_rng(0))
    rows = curve.table[curve.table["controls"] == "next in rank"]
    assert set(rows["n_control"]) == {len(chosen)}


def test_transformations_by_hand(world, design):
    wild = world.counts.copy()
    row = world.positions([design.treated[0]])[0]
    wild[row, world.periods.labels.index(START) + 1] = 400
    outbreak = replace(world, counts=wild)
    found = specification_curve(
        outbreak,
        design,
        estimators={"linear": LinearDid()},
        transformations=["counts", "capped", "any"],
    )
    before = wild[:, : world.periods.labels.index(START)]
    cap = int(np.ceil(np.quantile(before, 0.99)))
    for name, counts in (("capped", np.minimum(wild, cap)), ("any", (wild > 0).astype(int))):
        by_hand = LinearDid()(replace(outbreak, counts=counts), design).effect.estimate
        assert row_of(found, outcome=name)["estimate"] == pytest.approx(by_hand, abs=1e-12)
    assert row_of(found, outcome="counts")["percent"] > 100
    assert row_of(found, outcome="capped")["percent"] < 30


def test_summary_counts_what_the_table_shows(curve):
    told, row = curve.table, curve.summary.iloc[0]
    declared = float(told.loc[told["declared"], "percent"].iloc[0])
    assert row["declared"] == declared
    assert row["median"] == np.median(told["percent"])
    assert row["share_same_sign"] == np.mean(np.sign(told["percent"]) == np.sign(declared))
    apart = (told["percent_low"] > 0) | (told["percent_high"] < 0)
    assert row["share_excluding_zero"] == apart.mean()
    assert f"{len(told)} specifications run from" in curve.check.sentence


def test_what_cannot_be_had_stays_with_its_reason(world, design):
    def nobody(panel, design):
        return same_rule_controls(panel, design, rule=TopK(k=1), rng=np.random.default_rng(0))

    found = specification_curve(
        world,
        design,
        estimators=ESTIMATORS,
        controls={"nobody": nobody, "empty": lambda panel, design: ()},
        pre_periods=[50],
    )
    assert len(found.table) == 2 * 3 * 2
    short = found.table[found.table["pre_periods"] == 50]
    assert short["percent"].isna().all()
    assert short["notes"].str.contains("only 42 periods|empty|names no control").all()
    assert (found.table["notes"] == "the pool is empty").sum() == 2
    assert found.table["percent"].isna().to_numpy().argmax() == found.summary["estimated"].iloc[0]


def test_an_estimator_that_is_another_is_shown_once(world, design):
    found = specification_curve(
        world, design, estimators={"Poisson": PoissonDid(), "imputation": Imputation()}
    )
    assert set(found.table["estimator"]) == {"Poisson"}
    assert found.notes == ("imputation gives what Poisson gives",)


def test_a_real_effect_is_seen_by_the_joint_test_and_nothing_is_not(world):
    rng = np.random.default_rng(0)
    starts = {"A": START, "B": START}
    random = TopK(k=4, by="random")
    acted, design = joint_operation(world, random, starts, rng, kept=0.4)
    options = {"estimators": ESTIMATORS, "pre_periods": [6], "draws": 99}
    found = specification_curve(acted, design, rng=np.random.default_rng(1), **options)
    assert found.check.status == "passed"
    assert found.joint["p_value"].iloc[:2].tolist() == pytest.approx([0.01] * 2)
    assert found.joint["p_value"].iloc[2] <= 0.05
    assert (found.joint["smallest_p"] == 0.01).all()
    assert "reassigned 99 times" in found.notes[0]
    again = specification_curve(acted, design, rng=np.random.default_rng(1), **options)
    assert again.joint.equals(found.joint)


def test_the_joint_test_keeps_its_size():
    """Places drawn by lot, no effect: p is at most .2 in a fifth of the studies, give or take."""
    small = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        calm = boroughs(rng, clusters=3, areas=9, months=16)
        design = operation(calm, TopK(k=3, by="random"), "2020-01", rng, pre=6, post=3)
        found = specification_curve(
            calm, design, estimators=ESTIMATORS, pre_periods=[3], rng=rng, draws=59
        )
        small.append((found.joint["p_value"] <= 0.2).to_numpy())
    share = np.mean(small, axis=0)
    assert (share[:2] >= 0.05).all() and (share <= 0.36).all()


def test_with_the_rule_regression_to_the_mean_is_in_the_comparison(world, design):
    """Areas chosen for a high count fall back; against replays of the choice that is no effect."""
    pools = {"everybody": lambda panel, d: panel.areas}
    hot = TopK(k=4, by="change")
    p = {}
    for seed in range(8):
        rng = np.random.default_rng(seed)
        panel = boroughs(rng, months=60, mean=3.0)
        chosen = operation(panel, hot, START, rng, pre=3, post=3)
        for name, rule in (("replay", hot), ("lot", None)):
            found = specification_curve(
                panel, chosen, estimators=ESTIMATORS, controls=pools, rule=rule, rng=rng, draws=79
            )
            p.setdefault(name, []).append(found.joint["p_value"].iloc[1])
    assert np.median(p["lot"]) < 0.06
    assert np.median(p["replay"]) > 0.2


def test_curves_are_standardised_together():
    rng = np.random.default_rng(0)
    curves = rng.normal(size=(100, 5)) * [1, 10, 100, 1, 1] + [0, 5, 50, 0, 0]
    one = _statistics(curves)
    shuffled = rng.permutation(100)
    np.testing.assert_allclose(_statistics(curves[shuffled]), one[shuffled])
    np.testing.assert_allclose(_statistics(curves * [3, 1, 1, 1, 1] + 7), one)


def test_the_real_places_take_no_part_in_the_placebos(world, design):
    seen = []

    class Spy(PoissonDid):
        def many(self, panel, designs):
            seen.extend(designs)
            return np.random.default_rng(len(seen)).normal(size=len(designs))

    pools = {"all": control_pools()["all areas without a role"]}
    specification_curve(
        world,
        design,
        estimators={"spy": Spy()},
        controls=pools,
        rng=np.random.default_rng(0),
        draws=40,
    )
    real = set(design.treated)
    assert len(seen) == 80
    for drawn in seen:
        assert not real & {*drawn.treated, *drawn.controls}
        assert real <= set(drawn.excluded)
    assert len({drawn.treated for drawn in seen}) > 20


def test_a_placebo_that_changes_nothing_is_refused():
    flat = panel_of(
        np.full((20, 40), 3),
        [f"a{i:02}" for i in range(20)],
        ["x"] * 20,
        boroughs(np.random.default_rng(0), months=40).periods.labels,
    )
    design = Design(treated=["a00"], start="2022-01", pre_periods=3, post_periods=3)
    with pytest.raises(InputError, match="every placebo curve is the same"):
        specification_curve(
            flat, design, estimators=ESTIMATORS, pre_periods=[6], rng=np.random.default_rng(0)
        )


def test_few_draws_give_no_joint_test(world, design):
    found = specification_curve(
        world, design, estimators=ESTIMATORS, rng=np.random.default_rng(0), draws=20
    )
    assert found.joint["p_value"].isna().all()
    assert any("39 are needed" in note for note in found.notes)
    home = [a for a in world.areas if a.startswith("A")]
    crowded = Design(treated=home[:10], start=START, controls=home[10:])
    found = specification_curve(world, crowded, estimators=ESTIMATORS, rng=np.random.default_rng(0))
    assert "too few controls to deal anew in A" in found.notes[0]


def test_refusals(world, design):
    with pytest.raises(InputError, match="names no estimator"):
        specification_curve(world, design, estimators={})
    with pytest.raises(InputError, match="'draws': must be at least 1"):
        specification_curve(world, design, estimators=ESTIMATORS, draws=0)
    with pytest.raises(InputError, match="'log' is not one of the options"):
        specification_curve(world, design, estimators=ESTIMATORS, transformations=["log"])
    with pytest.raises(InputError, match="is the design's own pool"):
        specification_curve(
            world, design, estimators=ESTIMATORS, controls={"as declared": lambda p, d: ()}
        )
