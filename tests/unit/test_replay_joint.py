"""The variance of joined sites, against an obvious slow reference and in draws of its own model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from tests.replay_worlds import boroughs, joint_operation, restless

from hotspot_eval.design import Design
from hotspot_eval.did import PoissonDid
from hotspot_eval.inference import TopK, replay
from hotspot_eval.inference.replay.engine import study_of
from hotspot_eval.inference.replay.joint import join, judge_several, shared_at_dates
from hotspot_eval.results import Effect
from hotspot_eval.synthesis import pool

RULE = TopK(k=4)


def staggered(seed, *, hot=0.0, kept=1.0):
    """Three boroughs, one of them with two starts a month apart, so that windows overlap."""
    rng = np.random.default_rng(seed)
    panel = restless(rng, months=60, hot=hot)
    labels = panel.periods.labels
    panel, design = joint_operation(
        panel, RULE, {"A": labels[48], "B": labels[50], "C": labels[54]}, rng, kept=kept
    )
    own = [a for a in design.treated if a.startswith("A")]
    start = {"A": labels[48], "B": labels[50], "C": labels[54]}
    begun = [labels[49] if a in own[2:] else start[a[0]] for a in design.treated]
    design = Design(
        treated=design.treated,
        start=begun,
        controls=design.controls,
        pre_periods=design.pre_periods,
        post_periods=design.post_periods,
    )
    return study_of(panel, design, rule=RULE, rng=rng)


@pytest.fixture(scope="module")
def study():
    return staggered(1, hot=0.1)


def slow_variance(joint):
    """Every deviation of every target and pool scene, and its covariance with every other."""
    parts = []
    for null, weight, date in zip(joint.nulls, joint.weights, joint.dates, strict=True):
        post, reference = null.site.windows.post, null.reference
        single = float(null.expectation.variance(0.0)) / (
            1 + reference.df / reference.windows.sum()
        )
        shared = min(date.variance, 0.5 * single)
        fixed = null.expectation.fixed / (1 + reference.df / reference.windows.sum())
        x = np.append(1.0, (null.target.past[0, 1:] - reference.centre) / reference.spread)
        place = ("site", null.site.cluster)
        parts.append(
            (weight, place, null.site.onset, post, single - shared, fixed - shared, date.variance)
        )
        for s, onset in enumerate(null.pool.scenes.onset):
            lean = sum(x[p] * reference.smoother[p, s] for p in range(len(x)))
            v = reference.variance[s]
            own = v - min(date.variance, 0.5 * v)
            place = ("pool", int(null.pool.scenes.cluster[s]))
            parts.append((-weight * lean, place, onset, post, own, own, date.variance))
    size = np.array([part[0] for part in parts])
    covariance = np.zeros((len(parts), len(parts)))
    for i, (_, place, onset, post, own, common, shared) in enumerate(parts):
        for j, (_w, other, start, length, _, common_j, shared_j) in enumerate(parts):
            alike = max(0, min(onset + post, start + length) - max(onset, start)) / post
            lasting = max(0, min(onset + post, start + length) + 3 - max(onset, start))
            covariance[i, j] = lasting / (post + 3) * np.sqrt(shared * shared_j)
            if i == j:
                covariance[i, j] += own
            elif place == other:
                covariance[i, j] += alike * np.sqrt(common * common_j)
    return float(size @ covariance @ size)


def test_variance_is_that_of_every_deviation_written_out():
    study = staggered(1, hot=0.1)
    assert [null.site.cluster for null in study.nulls] == ["A", "A", "B", "C"]
    joint = join([small(null) for null in study.nulls])
    assert joint.variance() == pytest.approx(slow_variance(joint), rel=1e-9)
    assert min(joint.date, joint.pool, joint.same_cluster) > 0
    alone = join([small(null) for null in study.nulls[:2]])
    assert alone.variance() == pytest.approx(slow_variance(alone), rel=1e-9)
    assert alone.date == 0


def small(null):
    """The same null with a pool of every seventh scene and the reference cut to them."""
    rows = np.arange(0, len(null.pool.scenes), 7)
    cut = {
        name: getattr(null.reference, name)[rows]
        for name in ("weights", "predicted", "residual", "u", "variance")
    }
    reference = replace(null.reference, smoother=null.reference.smoother[:, rows], **cut)
    pool = replace(null.pool, scenes=null.pool.scenes.take(rows))
    return replace(null, reference=reference, pool=pool, told=null.told.take(rows))


@pytest.mark.parametrize("ratio", [0.0, 0.5])
def test_what_dates_share_is_found_without_bias_after_fitting(study, ratio):
    """400 draws of own and shared noise over a real pool's scenes: mean within three SE."""
    null = study.nulls[0]
    scenes, reference, post = null.pool.scenes, null.reference, null.site.windows.post
    truth = ratio * float(np.median(reference.variance))
    lag = np.abs(np.subtract.outer(scenes.onset, scenes.onset))
    same = np.equal.outer(scenes.cluster, scenes.cluster)
    sd = np.sqrt(reference.variance)
    own = np.where(same, np.maximum(post - lag, 0) / post, 0.0) * np.outer(sd, sd)
    shared = truth * np.maximum(post + 3 - lag, 0) / (post + 3)
    rng = np.random.default_rng(3)
    draws = rng.multivariate_normal(np.zeros(len(sd)), own + shared, 400, method="eigh")
    found = []
    for change in draws:
        excess, size, _ = shared_at_dates(replace(null, told=replace(null.told, change=change)))
        found.append(excess / size)
    assert np.mean(found) == pytest.approx(truth, abs=3 * np.std(found) / 20)
    assert np.std(found) / 20 < 0.1 * float(np.median(reference.variance))


def test_interval_holds_what_the_test_does_not_reject(study):
    verdict = judge_several(study.nulls, level=0.95, alternative="two-sided")
    for edge in (verdict.low, verdict.high):
        spread = np.sqrt(join(study.nulls).variance(edge))
        z = abs(verdict.estimate - edge) / spread
        assert 2 * stats.t.sf(z, verdict.df) == pytest.approx(0.05, abs=1e-9)
    moved = [
        replace(n, expectation=replace(n.expectation, change=n.expectation.change - verdict.low))
        for n in study.nulls
    ]
    assert verdict.low < verdict.estimate < verdict.high
    edge = judge_several(moved, level=0.95, alternative="two-sided")
    assert edge.estimate == pytest.approx(verdict.estimate - verdict.low)


def test_result_carries_the_covariance_that_its_variance_comes_from():
    rng = np.random.default_rng(4)
    panel, design = joint_operation(
        restless(rng, months=60, hot=0.1), RULE, {"A": "2021-01", "B": "2021-01"}, rng
    )
    result = replay(panel, design, rule=RULE, estimator=PoissonDid(), rng=rng)
    weights = result.sites["weight"].to_numpy()
    covariance = result.covariance.to_numpy()
    assert weights @ covariance @ weights == pytest.approx(result.effect.std_error**2)
    assert covariance[0, 1] > 0
    pooled = pool(
        {
            site.site: Effect.from_estimate(
                site.estimate,
                site.std_error,
                estimand="effect",
                scale="log_irr",
                method="replay",
                inference="replay",
            )
            for site in result.sites.itertuples()
        },
        covariance=result.covariance,
    )
    apart = 1 / np.sqrt((result.sites["std_error"] ** -2).sum())
    assert pooled.effect.std_error > apart


def test_order_of_sites_does_not_matter(study):
    verdicts = [
        judge_several(nulls, level=0.95, alternative="two-sided")
        for nulls in (study.nulls, study.nulls[::-1])
    ]
    for field in ("estimate", "std_error", "p_value", "low", "high", "df", "expected_change_se"):
        first, second = (getattr(verdict, field) for verdict in verdicts)
        assert first == pytest.approx(second, rel=1e-9)


def test_degrees_of_freedom_follow_what_is_shared():
    calm, busy = (join(staggered(2, hot=hot).nulls) for hot in (0.0, 0.25))
    assert calm.date / calm.variance() < 0.25 < busy.date / busy.variance()
    assert busy.df < 0.5 * calm.df
    assert calm.df > 30


def test_starts_of_one_borough_are_judged_nearly_as_one_start():
    """Few windows without overlap are no reason for one degree of freedom."""
    rng = np.random.default_rng(5)
    panel = boroughs(rng, months=48)
    labels = panel.periods.labels
    chosen = [a for a in RULE(panel, labels[36], rng) if a.startswith("A")]
    design = Design(
        treated=chosen,
        start=[labels[35], labels[35], labels[37], labels[37]],
        controls=[a for a in panel.areas if a.startswith("A") and a not in chosen],
        pre_periods=12,
        post_periods=9,
    )
    study = study_of(panel, design, rule=RULE, rng=rng)
    verdict = judge_several(study.nulls, level=0.95, alternative="two-sided")
    singles = [np.sqrt(float(null.expectation.variance(0.0))) for null in study.nulls]
    assert join(study.nulls).calendar < 3
    left = [null.reference.n_windows - null.reference.df for null in study.nulls]
    assert verdict.df == pytest.approx(min(left)) and min(left) > 5
    assert min(singles) / np.sqrt(2) < verdict.std_error < max(singles)
    assert verdict.high - verdict.low < 5 * max(singles)


def test_starts_of_a_panel_without_boroughs_are_joined():
    """Dates that hold one cluster each say nothing of what clusters share."""
    rng = np.random.default_rng(9)
    labelled = boroughs(rng, clusters=2, areas=30, months=96, first="2015-01")
    panel = replace(labelled, cluster=None)
    labels = panel.periods.labels
    chosen = list(RULE(panel, labels[84], rng))
    design = Design(
        treated=chosen,
        start=[labels[82], labels[82], labels[84], labels[84]],
        controls=[a for a in panel.areas if a not in chosen],
        pre_periods=3,
        post_periods=3,
    )
    study = study_of(panel, design, rule=RULE, rng=rng)
    assert shared_at_dates(study.nulls[0]) == (0.0, 0.0, 1.0)
    verdict = judge_several(study.nulls, level=0.95, alternative="two-sided")
    assert np.isfinite([verdict.low, verdict.high, verdict.p_value]).all() and verdict.df > 10


def test_names_of_boroughs_do_not_matter_to_their_join():
    """A start together, an end, and years after: pools differ by borough, the answer does not."""
    rng = np.random.default_rng(12)
    panel, design = joint_operation(
        restless(rng, months=108, hot=0.1), RULE, dict.fromkeys("ABC", "2020-07"), rng
    )
    design = replace(design, spells=[replace(s, end="2020-09") for s in design.spells])
    study = study_of(panel, design, rule=RULE, rng=rng)
    sizes = {len(null.pool.scenes) for null in study.nulls}
    excess = {shared_at_dates(null)[0] for null in study.nulls}
    assert len(sizes) == 1 < len(excess)
    one, two = (
        judge_several(nulls, level=0.95, alternative="two-sided")
        for nulls in (study.nulls, study.nulls[::-1])
    )
    for field in ("estimate", "std_error", "p_value", "low", "high", "df"):
        assert getattr(one, field) == pytest.approx(getattr(two, field), rel=1e-9)
