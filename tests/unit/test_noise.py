"""Own noise and shared shocks, learnt from untreated areas, against slow loops and known truth."""

from __future__ import annotations

import numpy as np
import pytest

from hotspot_eval.did.kernels import added_covariance, floored, learnt_noise, shared_shocks
from hotspot_eval.did.noise import Learnt

ONE = np.ones(1)
UNIT = np.eye(1)
ALL = np.zeros(100, dtype=np.intp)


def test_with_equal_levels_it_is_the_sample_variance():
    rng = np.random.default_rng(0)
    z = rng.normal(size=12)
    noise = learnt_noise(z[None, :, None], np.ones(12), ONE, UNIT, stratum=ALL[:12])
    learnt = noise.of(np.ones(1)).item() * noise.blocks.item()
    assert learnt == pytest.approx(np.var(z, ddof=1), rel=1e-12)
    assert noise.df(np.ones(5)) == pytest.approx(11.0)


def test_what_period_effects_take_away_is_put_back():
    """Levels as unequal as they come: c of v = c₁A + c₂A² is right on average."""
    rng = np.random.default_rng(1)
    level = np.exp(rng.normal(size=25))
    deviation = np.sqrt(0.5 * level + 0.3 * level**2)
    target = 0.5 * 2.0 + 0.3 * 2.0**2
    learnt, naive = [], []
    for _ in range(1_500):
        z = deviation * rng.normal(size=25)
        z -= level / level.sum() * z.sum()
        noise = learnt_noise(z[None, :, None], level, ONE, UNIT, stratum=ALL[:25])
        learnt.append(noise.of(np.array([2.0])).item())
        naive.append((z**2).sum() / (deviation**2).sum() * target)
    assert np.mean(learnt) == pytest.approx(target, rel=0.05)
    assert np.mean(naive) < 0.93 * target


def test_a_weight_of_its_own_leaves_the_curve_unbiased():
    """Least squares: all areas weigh alike in the period effects, while noise grows with level."""
    rng = np.random.default_rng(9)
    level = np.exp(rng.normal(size=25))
    deviation = np.sqrt(0.2 + 0.5 * level + 0.3 * level**2)
    target = 0.2 + 0.5 * 2.0 + 0.3 * 2.0**2
    learnt, flat = [], []
    for _ in range(1_500):
        z = deviation * rng.normal(size=25)
        z -= z.mean()
        noise = learnt_noise(z[None, :, None], level, ONE, UNIT, stratum=ALL[:25], w=np.ones(25))
        learnt.append(noise.of(np.array([2.0])).item())
        flat.append(np.var(z, ddof=1))
    assert np.mean(learnt) == pytest.approx(target, rel=0.05)
    assert np.mean(flat) > 1.5 * target


def test_where_levels_are_alike_the_constant_is_the_sample_variance():
    rng = np.random.default_rng(10)
    z = rng.normal(size=12)
    noise = learnt_noise(
        z[None, :, None], np.full(12, 3.0), ONE, UNIT, stratum=ALL[:12], w=np.ones(12)
    )
    learnt = noise.of(np.full(1, 3.0)).item() * noise.blocks.item()
    assert learnt == pytest.approx(np.var(z, ddof=1), rel=1e-12)
    assert noise.curve[1:].tolist() == [0.0, 0.0] and noise.shaken(np.ones(1)).item() == 0.0


def test_strata_with_one_area_teach_nothing():
    rng = np.random.default_rng(2)
    z = np.concatenate([rng.normal(size=6), [0.0]])
    alone = np.array([0, 0, 0, 0, 0, 0, 1])
    noise = learnt_noise(z[None, :, None], np.ones(7), ONE, UNIT, stratum=alone)
    assert noise.moments[-1].tolist() == [0.0, 0.0]
    assert noise.rank == 5.0
    assert noise.of(np.ones(1)).item() == pytest.approx(np.var(z[:6], ddof=1), rel=1e-12)


def test_covariates_take_out_what_their_projection_does():
    """Equal levels: least squares, whose residual variance is unbiased with m − rank."""
    rng = np.random.default_rng(6)
    x, z = rng.normal(size=(15, 3)), rng.normal(size=15)
    noise = learnt_noise(z[None, :, None], np.ones(15), ONE, UNIT, stratum=ALL[:15], covariates=x)
    loadings = np.column_stack([np.ones(15), x])
    hat = loadings @ np.linalg.pinv(loadings)
    rest = z - hat @ z
    assert noise.placebo[0, :, 0] == pytest.approx(rest, abs=1e-12)
    assert noise.moments[:, 0] == pytest.approx(1.0 - np.diag(hat), abs=1e-12)
    assert noise.of(np.ones(1)).item() == pytest.approx(np.mean(rest**2 / (1.0 - np.diag(hat))))
    assert noise.df(np.ones(2)) == pytest.approx(11.0)
    plain = learnt_noise(z[None, :, None], np.ones(15), ONE, UNIT, stratum=ALL[:15])
    zero = np.zeros((15, 1))
    same = learnt_noise(z[None, :, None], np.ones(15), ONE, UNIT, stratum=ALL[:15], covariates=zero)
    assert same.moments == pytest.approx(plain.moments) and same.rank == plain.rank


def test_levels_beyond_those_of_controls_leave_fewer_degrees_of_freedom():
    rng = np.random.default_rng(3)
    level = rng.uniform(1.0, 5.0, 80)
    z = np.sqrt(level + level**2) * rng.normal(size=80)
    noise = learnt_noise(z[None, :, None], level, ONE, UNIT, stratum=ALL[:80])
    assert noise.df(np.array([50.0])) < 0.7 * noise.df(np.array([3.0])) < 80.0


def _panel(rng, sizes, level, shock, hold=None):
    """Residuals of areas with cluster shocks and own noise, weighted period means taken out."""
    hold = level if hold is None else hold
    cluster = np.repeat(np.arange(len(sizes)), sizes)
    own = np.sqrt(level)[:, None] * rng.normal(size=(len(level), 2))
    shocks = rng.multivariate_normal(np.zeros(2), shock, size=len(sizes))[cluster]
    values = own + level[:, None] * shocks
    values -= hold[:, None] * values.sum(axis=0) / hold.sum()
    return values, cluster


@pytest.mark.parametrize("alike", [False, True])
def test_shared_kernel_is_unbiased_with_clusters_of_unequal_size(alike):
    """E K̂ = K within 3 Monte Carlo errors, though the largest cluster holds 40 % of the weight."""
    rng = np.random.default_rng(4)
    sizes = np.array([20, 8, 6, 6, 4, 3, 3])
    level = rng.uniform(0.5, 3.0, sizes.sum())
    truth = np.array([[0.6, 0.3], [0.3, 0.5]])
    found, reach = [], np.repeat(level[:, None], 2, 1)
    hold = np.ones(len(level)) if alike else None
    for _ in range(2_000):
        values, cluster = _panel(rng, sizes, level, truth, hold)
        shocks = shared_shocks(
            values, reach, cluster, level=level, own=level, scores=values, w=hold
        )
        found.append(shocks.kernel)
    error = np.std(found, axis=0) / np.sqrt(len(found))
    assert (np.abs(np.mean(found, axis=0) - truth) < 3.0 * error + 0.02 * truth).all()


def test_shared_kernel_is_a_sum_over_pairs():
    """Loop over pairs of different areas of one cluster, with the documented weights."""
    rng = np.random.default_rng(5)
    sizes, level = np.array([4, 3, 5]), rng.uniform(1.0, 2.0, 12)
    values, cluster = _panel(rng, sizes, level, 0.2 * np.eye(2))
    reach = np.repeat(level[:, None], 2, 1)
    found = shared_shocks(values, reach, cluster, level=level, own=level, scores=values)
    pairs, product, noise = np.zeros(3), np.zeros(3), np.zeros(3)
    for i in range(12):
        noise[cluster[i]] += level[i]
        for j in range(12):
            if i != j and cluster[i] == cluster[j]:
                pairs[cluster[i]] += level[i] * level[j]
                product[cluster[i]] += values[i] @ values[j]
    trust = pairs / (max(product.sum() / pairs.sum(), 0.0) * pairs + noise) ** 2
    whole = np.zeros((2, 2))
    for c in range(3):
        total = values[cluster == c].sum(axis=0)
        whole += trust[c] * np.outer(total, total)
    assert found.whole == pytest.approx(whole / (trust @ pairs), rel=1e-12)
    weight = trust * (max(product.sum() / pairs.sum(), 0.0) * pairs + noise)
    assert found.n_clusters == pytest.approx(weight.sum() ** 2 / (weight**2).sum(), rel=1e-12)


def test_one_cluster_with_pairs_tells_nothing():
    values = np.ones((4, 2))
    alone = shared_shocks(
        values,
        values,
        np.array([0, 0, 1, 2]),
        level=np.ones(4),
        own=np.ones(4),
        scores=values,
    )
    assert alone is None


def test_clusters_without_events_are_as_if_not_there():
    rng = np.random.default_rng(8)
    cluster, level = np.arange(24) // 4, rng.gamma(3.0, 1.0, 24)
    level[:4] = 0.0
    residual = np.where(level[:, None] > 0, rng.normal(size=(24, 5)), 0.0)

    def found(rows):
        return shared_shocks(
            residual[rows],
            np.tile(level[rows][:, None] / 5, 5),
            cluster[rows],
            level=level[rows],
            own=level[rows],
            scores=residual[rows][:, :2],
        )

    whole, rest = found(slice(None)), found(slice(4, None))
    np.testing.assert_allclose(whole.kernel, rest.kernel, rtol=1e-12)
    assert whole.n_clusters == pytest.approx(rest.n_clusters)
    assert found(slice(0, 8)) is None


def test_added_covariance_counts_pairs_of_one_cluster():
    kernel, pull = np.array([[2.0]]), np.ones((1, 1, 1))
    cells, squares = np.array([[3.0], [1.0]]), np.array([4.0])
    added = added_covariance(kernel, pull, cells=cells, squares=squares, bread=UNIT)
    assert added.item() == pytest.approx(2.0 * (9.0 + 1.0 - 4.0))


def test_negative_shocks_are_held_at_half_their_error():
    own, error = np.diag([1.0, 4.0]), np.diag([0.5, 1.0])
    held = floored(own, np.diag([-3.0, 2.0]), error)
    assert held == pytest.approx(np.diag([-0.25, 2.0]), abs=1e-12)


def test_satterthwaite_stays_above_one_where_few_clusters_take_variance_away():
    """2V²/Var V of a difference falls below 1; sums keep the formula, and no noise has none."""
    own, contrast = np.array([[1.0]]), np.ones(1)
    parts = {"own_df": 80.0, "whole": 30.0 * own, "n_clusters": 3.0}
    assert Learnt(own=own, shared=-0.9 * own, **parts).df(contrast) == 1.0
    assert Learnt(own=own, own_df=0.4, shared=-0.9 * own, whole=own).df(contrast) == 0.4
    summed = Learnt(own=own, own_df=80.0, shared=own, whole=2.0 * own, n_clusters=3.0)
    assert summed.df(contrast) == pytest.approx(4.0 / (1.0 / 80.0 + 4.0 / 2.0))
    assert np.isnan(Learnt(own=0.0 * own, own_df=80.0).df(contrast))
