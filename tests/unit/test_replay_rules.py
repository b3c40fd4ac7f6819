"""Selection rules: what they choose, and that they cannot see the future."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from tests.replay_worlds import boroughs, panel_of

from hotspot_eval.design import Design
from hotspot_eval.errors import InputError
from hotspot_eval.inference.replay import Mimic, Threshold, TopK
from hotspot_eval.inference.replay.engine import study_of

RULES = [
    TopK(k=2),
    TopK(k=2, by="change"),
    TopK(k=2, by="random"),
    TopK(k=3, within="panel"),
    Threshold(at_least=15),
    Threshold(at_least=0.5, by="change"),
]


@pytest.fixture
def rng():
    return np.random.default_rng(4)


def months(n):
    return [f"{2019 + t // 12}-{t % 12 + 1:02}" for t in range(n)]


def test_change_score_by_hand(rng):
    """last 9, year before 12 → prev 3: (9 − 3)/√4 = 3; last 30, prev 27: 3/√28 < 3."""
    counts = np.ones((3, 15), dtype=int)
    counts[0, 12:] = 3
    counts[1] = 9
    counts[1, 12:] = 10
    panel = panel_of(counts, ["a", "b", "c"], ["x"] * 3, months(15))
    assert TopK(k=1, by="change").reach(12) == 15
    with pytest.raises(InputError, match="lies outside the panel"):
        TopK(k=1, by="change")(panel, "2020-04", rng)
    wide = panel_of(
        np.column_stack([counts, counts[:, -1]]), ["a", "b", "c"], ["x"] * 3, months(16)
    )
    assert TopK(k=1, by="change")(wide, "2020-04", rng) == ("a",)
    assert TopK(k=1, by="count")(wide, "2020-04", rng) == ("b",)
    assert Threshold(at_least=3.0, by="change")(wide, "2020-04", rng) == ("a",)
    assert Threshold(at_least=3.01, by="change")(wide, "2020-04", rng) == ()


def test_ties_go_to_the_smaller_id(rng):
    panel = panel_of(np.ones((4, 4), dtype=int), list("abcd"), ["x", "x", "y", "y"], months(4))
    assert TopK(k=1)(panel, "2019-04", rng) == ("a", "c")
    assert TopK(k=1, within="panel")(panel, "2019-04", rng) == ("a",)


def test_rate_needs_a_base(rng):
    with pytest.raises(InputError, match="has no offset_base"):
        TopK(k=1, by="rate")(boroughs(rng), "2020-01", rng)


def test_too_little_history_is_refused(rng):
    with pytest.raises(InputError, match="reads 15 periods before the start, and the panel has 3"):
        TopK(k=1, by="change")(boroughs(rng), "2019-04", rng)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: TopK(k=0), "argument 'k': must be at least 1"),
        (lambda: TopK(k=1, lookback=0), "argument 'lookback': must be at least 1"),
        (lambda: TopK(k=1, by="risk"), "'risk' is not one of the options"),
        (lambda: TopK(k=1, within="force"), "'force' is not one of the options"),
        (lambda: Mimic(caliper=0), "argument 'caliper': must be above 0"),
    ],
)
def test_bad_options_are_refused(build, message):
    with pytest.raises(InputError, match=message):
        build()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), place=st.integers(16, 40), rule=st.sampled_from(RULES))
def test_rules_read_only_the_past(seed, place, rule):
    rng = np.random.default_rng(seed)
    panel = boroughs(rng, clusters=3, areas=6)
    counts = panel.counts[:, :, 0].copy()
    counts[:, place:] = rng.poisson(50, counts[:, place:].shape)
    other = panel_of(counts, panel.areas, panel.cluster, panel.periods.labels)
    period = panel.periods.labels[place]
    assert rule(panel, period, np.random.default_rng(1)) == rule(
        other, period, np.random.default_rng(1)
    )


def test_mimic_finds_the_twins(rng):
    """Each borough holds copies of the treated areas' histories among noise far from them."""
    base = rng.poisson(5, (8, 30))
    base[0, 20:], base[1] = 25, 40
    counts = np.concatenate([base, base])
    ids = [f"{c}{i}" for c in "xy" for i in range(8)]
    panel = panel_of(counts, ids, ["x"] * 8 + ["y"] * 8, months(30))
    rule = Mimic().like(panel, Design(treated=["x0", "x1"], start="2020-12"))
    assert rule(panel, "2020-12", rng) == ("x0", "x1", "y0", "y1")


def test_mimic_leaves_a_borough_without_likenesses_alone(rng):
    """x0 has the most events and the steepest rise; in y the busiest area is the one that falls."""
    counts = rng.poisson(20, (16, 30))
    counts[0, :27], counts[0, 27:] = 60, 120
    counts[8, :27], counts[8, 27:] = 120, 60
    ids = [f"{c}{i}" for c in "xy" for i in range(8)]
    panel = panel_of(counts, ids, ["x"] * 8 + ["y"] * 8, months(30))
    design = Design(treated=["x0"], start="2021-04")
    assert Mimic(caliper=0.5).like(panel, design)(panel, "2021-04", rng) == ("x0",)
    assert len(Mimic(caliper=9.0).like(panel, design)(panel, "2021-04", rng)) == 2


def test_winners_of_a_contest_have_likenesses_in_every_borough(rng):
    """In borough y every count is forty times as large; its winner is still a winner."""
    counts = rng.poisson(5, (8, 30))
    counts[2, 25:] += 30
    both = np.concatenate([counts, 40 * counts])
    ids = [f"{c}{i}" for c in "xy" for i in range(8)]
    panel = panel_of(both, ids, ["x"] * 8 + ["y"] * 8, months(30))
    rule = Mimic(caliper=0.5).like(panel, Design(treated=["x2"], start="2021-03"))
    assert rule(panel, "2021-03", rng) == ("x2", "y2")


def slow_mimic(panel, design, period, lookback, caliper):
    """Area by area, cluster by cluster."""

    def profiles(at):
        counts, _ = panel.single()
        recent = counts[:, at - lookback : at].sum(axis=1)
        before = lookback * counts[:, at - lookback - 12 : at - lookback].mean(axis=1)
        told = [recent, (recent - before) / np.sqrt(before + 1), counts[:, :at].mean(axis=1)]
        out = np.zeros((len(counts), 3))
        for c in set(panel.cluster):
            rows = [i for i, d in enumerate(panel.cluster) if d == c]
            for j, values in enumerate(told):
                ranks = stats.rankdata(values[rows])
                out[rows, j] = stats.norm.ppf((ranks - 0.5) / len(rows))
        return out

    labels = panel.periods.labels
    wanted = profiles(labels.index(design.spells[0].start))[panel.positions(design.treated)]
    here, chosen = profiles(labels.index(period)), []
    for c in sorted(set(panel.cluster)):
        free = [i for i, d in enumerate(panel.cluster) if d == c]
        taken = []
        for target in sorted(wanted, key=lambda w: -float((w**2).sum())):
            gaps = [np.sqrt(((here[i] - target) ** 2).mean()) for i in free]
            if min(gaps) > caliper:
                break
            taken.append(free.pop(int(np.argmin(gaps))))
        else:
            chosen += taken
    return tuple(panel.areas[i] for i in sorted(chosen))


@pytest.mark.parametrize("caliper", [0.6, 1.5])
def test_mimic_agrees_with_the_slow_search(rng, caliper):
    panel = boroughs(rng, clusters=5, areas=11, mean=2.0)
    design = Design(treated=["B01", "B04", "B09"], start="2021-06")
    rule = Mimic(caliper=caliper).like(panel, design)
    for period in ("2020-06", "2021-01", "2021-06"):
        assert rule(panel, period, rng) == slow_mimic(panel, design, period, 3, caliper)


def test_mimic_looks_back_three_months_whatever_the_period(rng):
    assert Mimic().reach(12) == 15 and Mimic().reach(52) == 65
    assert Mimic(lookback=4).reach(52) == 56


def test_mimic_must_be_told_whom_to_imitate(rng):
    with pytest.raises(InputError, match="does not know whom to imitate"):
        Mimic()(boroughs(rng), "2021-01", rng)
    with pytest.raises(InputError, match="start together"):
        Mimic().like(boroughs(rng), Design(treated=["A00", "A01"], start=["2021-01", "2021-02"]))


@pytest.mark.parametrize(
    "rule",
    [TopK(k=4), TopK(k=3, by="change"), Threshold(at_least=30), TopK(k=5, within="panel")],
)
def test_a_rule_may_look_at_another_outcome(rng, rule):
    looked_at, outcome = boroughs(rng), boroughs(rng, mean=0.5)
    told = replace(rule, on=looked_at)(outcome, "2021-05", rng)
    assert told == rule(looked_at, "2021-05", rng) != rule(outcome, "2021-05", rng)


def test_mimic_may_look_at_another_outcome(rng):
    looked_at, outcome = boroughs(rng), boroughs(rng, mean=0.5)
    design = Design(treated=["A03", "A07"], start="2022-05")
    plain = Mimic().like(looked_at, design)
    told = Mimic(on=looked_at).like(outcome, design)
    assert told(outcome, "2021-05", rng) == plain(looked_at, "2021-05", rng)
    assert told(outcome, "2021-05", rng) != Mimic().like(outcome, design)(outcome, "2021-05", rng)


def test_what_a_rule_looks_at_must_be_the_same_areas_and_periods(rng):
    with pytest.raises(InputError, match=r"argument 'on'.*96 areas and 48 periods.*112 and 48"):
        TopK(k=2, on=boroughs(rng, areas=12))(boroughs(rng), "2021-05", rng)
    with pytest.raises(InputError, match="argument 'on'"):
        Mimic(on=boroughs(rng, months=40)).like(
            boroughs(rng), Design(treated=["A01"], start="2022-05")
        )


def busiest(panel, begin, stop):
    """Four areas of each borough."""
    counts, _ = panel.single()
    total = counts[:, max(begin, 0) : stop].sum(axis=1)
    return [
        panel.areas[row]
        for c in sorted(set(panel.cluster))
        for row in sorted(
            (i for i, home in enumerate(panel.cluster) if home == c), key=lambda i: -total[i]
        )[:4]
    ]


def known_before(panel, period, rng):
    at = panel.periods.position(period)
    return busiest(panel, at - 3, at)


def known_after(panel, period, rng):
    at = panel.periods.position(period)
    return busiest(panel, at - 2, at + 1)


def test_a_rule_with_hindsight_is_refused():
    panel = boroughs(np.random.default_rng(3), spread=0.1)
    chosen = [a for a in known_before(panel, "2022-01", None) if a.startswith("A")]
    rest = [a for a in panel.areas if a.startswith("A") and a not in chosen]
    design = Design(treated=chosen, start="2022-01", controls=rest, pre_periods=3, post_periods=3)
    free = np.random.default_rng(1)

    def at_will(panel, period, rng):
        return [panel.areas[row] for row in free.permutation(len(panel.areas))[:30]]

    for rule in (known_before, at_will, lambda *_: tuple(chosen) * 2):
        assert study_of(panel, design, rule=rule, rng=np.random.default_rng(0)).sites
    with pytest.raises(InputError, match="argument 'rule': reads counts from 2022-01 on"):
        study_of(panel, design, rule=known_after, rng=np.random.default_rng(0))
