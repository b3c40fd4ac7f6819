"""CR2 and its degrees of freedom against the definition written out in full."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from tests.did_worlds import area, dummies, long_frame, panel_of, staggered

from hotspot_eval.did import LinearDid, PoissonDid, imputation
from hotspot_eval.errors import InputError
from hotspot_eval.inference import cluster_robust, cr2_variance

STARTS = {0: 4, 1: 4, 2: 5, 3: 3, 10: 4, 12: 6}


def root_of_inverse(matrix: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    turned = np.where(values > 1e-9, 1 / np.sqrt(np.maximum(values, 1e-9)), 0.0)
    return (vectors * turned) @ vectors.T


def slow_cr2(x, e, cluster, contrast, weights=None) -> tuple[float, float]:
    """Pustejovsky & Tipton (2018), eq. 4 to 6 and 11, every matrix dense; Φ = W⁻¹."""
    w = np.ones(len(e)) if weights is None else weights
    x, e = x * np.sqrt(w)[:, None], e * np.sqrt(w)
    bread = np.linalg.pinv(x.T @ x)
    maker = np.eye(len(e)) - x @ bread @ x.T
    pulls, variance = [], 0.0
    for g in np.unique(cluster):
        rows = cluster == g
        adjust = root_of_inverse(maker[np.ix_(rows, rows)])
        pull = maker[rows].T @ adjust @ x[rows] @ bread @ contrast
        variance += float(contrast @ bread @ x[rows].T @ adjust @ e[rows]) ** 2
        pulls.append(pull)
    gram = np.array(pulls) @ np.array(pulls).T
    return variance, float(np.trace(gram) ** 2 / (gram**2).sum())


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("weighted", [False, True])
def test_any_design_matrix(seed, weighted):
    rng = np.random.default_rng(seed)
    n, k = 60, 5
    x = np.column_stack([np.ones(n), rng.normal(size=(n, k - 1))])
    cluster = rng.integers(0, [8, 20, 3][seed % 3], n)
    if seed == 5:
        x[:, 4] = cluster == 0
    weights = rng.uniform(0.3, 3, n) if weighted else None
    root = np.ones(n) if weights is None else np.sqrt(weights)
    y = rng.normal(size=n)
    beta = np.linalg.lstsq(x * root[:, None], y * root, rcond=None)[0]
    e = y - x @ beta
    contrast = np.array([0.0, 1.0, -0.5, 0.0, 0.0])
    ours = cr2_variance(x, e, cluster=cluster, contrast=contrast, weights=weights)
    assert ours == pytest.approx(slow_cr2(x, e, cluster, contrast, weights), rel=1e-8)


def test_two_samples_are_student_and_welch():
    rng = np.random.default_rng(0)
    d = np.repeat([0.0, 1.0], [7, 5])
    y = rng.normal(size=12)
    x = np.column_stack([np.ones(12), d])
    e = y - np.where(d == 1, y[d == 1].mean(), y[d == 0].mean())
    variance, df = cr2_variance(x, e, cluster=np.arange(12), contrast=[0, 1])
    welch = y[d == 1].var(ddof=1) / 5 + y[d == 0].var(ddof=1) / 7
    assert variance == pytest.approx(welch, rel=1e-12)
    # Imbens & Kolesár (2016), section III.A: the degrees of freedom under equal variances.
    assert df == pytest.approx((1 / 5 + 1 / 7) ** 2 / (1 / (25 * 4) + 1 / (49 * 6)), rel=1e-12)
    assert stats.ttest_ind(y[d == 1], y[d == 0], equal_var=False).statistic == pytest.approx(
        (y[d == 1].mean() - y[d == 0].mean()) / np.sqrt(variance)
    )


@pytest.mark.parametrize("model", ["linear", "poisson"])
@pytest.mark.parametrize("groups", [24, 8])
@pytest.mark.parametrize("seed", range(2))
def test_two_way_fits_on_unbalanced_panels_with_every_effect_written_out(seed, groups, model):
    rng = np.random.default_rng(seed)
    n, t = 24, 7
    y = rng.poisson(rng.gamma(2.0, 3.0, (n, 1)) * rng.uniform(0.6, 1.5, (1, t)))
    observed = rng.random((n, t)) > 0.15
    panel, design = panel_of(y, observed=observed), staggered(STARTS)
    fit = {"linear": LinearDid, "poisson": PoissonDid}[model](correction="CR1")(panel, design)
    codes = np.arange(n) % groups
    ours = cluster_robust(fit, {area(i): str(c) for i, c in enumerate(codes)}, correction="CR2")
    frame = long_frame(panel, design)
    frame = frame[frame["area"].isin(panel.positions(fit.areas))]
    x = dummies(frame)
    fitted = fit.fitted[np.isfinite(fit.fitted)]
    e = frame["y"].to_numpy() - fitted
    weights = fitted if model == "poisson" else np.ones(len(e))
    contrast = np.eye(1, x.shape[1])[0]
    variance, df = slow_cr2(x, e / weights, codes[frame["area"]], contrast, weights)
    assert ours.std_error == pytest.approx(np.sqrt(variance), rel=1e-6)
    assert ours.df == pytest.approx(df, rel=1e-6)


def test_absorbed_effects_within_clusters_change_nothing():
    rng = np.random.default_rng(1)
    n = 80
    unit = np.repeat(np.arange(16), 5)
    x = rng.normal(size=(n, 2)) + unit[:, None] / 4
    full = np.column_stack([x, np.eye(16)[unit]])
    y = rng.normal(size=n)
    e = y - full @ np.linalg.lstsq(full, y, rcond=None)[0]
    weights = rng.uniform(0.5, 2, n)
    whole = cr2_variance(full, e, cluster=unit // 2, contrast=np.eye(1, 18)[0], weights=weights)
    part = cr2_variance(x, e, cluster=unit // 2, contrast=[1, 0], weights=weights, absorb=unit)
    # Residuals of an unweighted fit have weighted unit means, which absorption takes out.
    centred = e - (np.bincount(unit, e * weights) / np.bincount(unit, weights))[unit]
    whole = cr2_variance(
        full, centred, cluster=unit // 2, contrast=np.eye(1, 18)[0], weights=weights
    )
    assert part == pytest.approx(whole, rel=1e-9)


def test_the_quick_correction_of_the_estimators_is_close():
    """It leaves out the leverage of period effects, which is that of one area among all."""
    rng = np.random.default_rng(2)
    y = rng.poisson(8.0, (120, 10))
    fit = LinearDid(correction="CR2")(panel_of(y), staggered(dict.fromkeys(range(12), 5)))
    exact = cluster_robust(fit, {a: a for a in fit.areas}, correction="CR2")
    assert fit.effect.std_error == pytest.approx(exact.std_error, rel=0.02)
    assert fit.effect.df == pytest.approx(exact.df, rel=0.05)


def test_a_lone_control_hides_its_noise():
    y = np.random.default_rng(4).poisson(9.0, (6, 8))
    fit = LinearDid(correction="CR1")(panel_of(y), staggered(dict.fromkeys(range(5), 4)))
    effect = cluster_robust(fit, {a: a for a in fit.areas}, correction="CR2")
    assert np.isnan(effect.std_error) and "noise cannot be seen" in effect.notes[-1]
    two = np.vstack([y, y[::-1][:1] + 1])
    fit = LinearDid(correction="CR1")(panel_of(two), staggered(dict.fromkeys(range(5), 4)))
    assert cluster_robust(fit, {a: a for a in fit.areas}, correction="CR2").std_error > 0


def test_refusals():
    x, e = np.ones((4, 1)), np.zeros(4)
    with pytest.raises(InputError, match=r"'contrast': has shape \(2,\)"):
        cr2_variance(x, e, cluster=[0, 0, 1, 1], contrast=[1, 0])
    with pytest.raises(InputError, match=r"'cluster': has shape \(2,\)"):
        cr2_variance(x, e, cluster=[0, 1], contrast=[1])
    with pytest.raises(InputError, match="cross clusters"):
        cr2_variance(x, e, cluster=[0, 1, 0, 1], contrast=[1], absorb=[0, 0, 1, 1])
    with pytest.raises(InputError, match="not estimable"):
        cr2_variance(np.ones((4, 2)), e, cluster=[0, 0, 1, 1], contrast=[1, 0])
    with pytest.raises(InputError, match="above 0"):
        cr2_variance(x, e, cluster=[0, 0, 1, 1], contrast=[1], weights=[1, 1, 0, 1])
    with pytest.raises(InputError, match="finite"):
        cr2_variance([[np.nan]] * 4, e, cluster=[0, 0, 1, 1], contrast=[1])
    fit = imputation(panel_of(np.ones((14, 6), int)), staggered({0: 3, 1: 3}))
    with pytest.raises(InputError, match="correction='CR1'"):
        cluster_robust(fit, {a: a for a in fit.areas}, correction="CR2")
