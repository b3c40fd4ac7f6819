"""What holds for every map of counts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.spatial_worlds import enumerated_tails, random_graph

from hotspot_eval.significance import adjust_p_values
from hotspot_eval.spatial import concentration, generalised_gini, local_g, local_moran, moran
from hotspot_eval.spatial.exact import neighbour_sum_tail

counts = st.lists(st.integers(0, 60), min_size=5, max_size=9)


@settings(max_examples=60, deadline=None)
@given(y=counts, data=st.data())
def test_exact_tails_are_shares_of_all_choices(y, data):
    values = np.array(y)
    n = len(values)
    area = data.draw(st.integers(0, n - 1))
    k = data.draw(st.integers(1, n - 1))
    chosen = data.draw(st.permutations(np.delete(values, area).tolist()))[:k]
    degree, sums = np.zeros(n, dtype=np.int64), np.zeros((n, 1), dtype=np.int64)
    degree[area], sums[area] = k, sum(chosen)
    found = [
        neighbour_sum_tail(values[:, None], sums, degree, upper=upper) for upper in (False, True)
    ]
    expected = enumerated_tails(values, area, k, sum(chosen))
    assert [tail.at[area, 0] for tail in found] == pytest.approx(expected, rel=1e-11)
    lower, upper = found
    assert lower.at[area, 0] + upper.beyond[area, 0] == pytest.approx(1.0, abs=1e-12)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), mean=st.sampled_from([0.1, 1.0, 20.0]))
def test_local_statistics_ignore_labels_units_and_isolates(seed, mean):
    rng = np.random.default_rng(seed)
    graph = random_graph(20, rng, isolates=1)
    y = rng.poisson(mean, (20, 2))
    plain = local_g(y, graph)
    tripled = local_g(3 * y, graph)
    assert tripled.p_value == pytest.approx(plain.p_value, rel=1e-9, nan_ok=True)
    assert tripled.z == pytest.approx(plain.z, rel=1e-9, nan_ok=True)
    raised = local_moran(y + 7, graph)
    low = local_moran(y, graph)
    assert raised.p_value == pytest.approx(low.p_value, rel=1e-9, nan_ok=True)
    assert raised.statistic == pytest.approx(low.statistic, rel=1e-9, abs=1e-9, nan_ok=True)
    known = plain.p_value[~np.isnan(plain.p_value)]
    assert ((known > 0) & (known <= 1)).all()


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), shift=st.floats(-100, 100), scale=st.floats(0.1, 50))
def test_moran_ignores_shift_and_scale(seed, shift, scale):
    rng = np.random.default_rng(seed)
    graph = random_graph(15, rng)
    y = rng.normal(size=15)
    one = moran(y, graph, rng=np.random.default_rng(1), permutations=49)
    two = moran(shift + scale * y, graph, rng=np.random.default_rng(1), permutations=49)
    assert (one.statistic, one.z) == pytest.approx((two.statistic, two.z), rel=1e-6, abs=1e-9)
    assert one.p_value == two.p_value


@settings(max_examples=50, deadline=None)
@given(y=st.lists(st.integers(0, 50), min_size=2, max_size=40).filter(any))
def test_concentration_lies_between_none_and_all(y):
    gini = generalised_gini(y)
    assert -1e-12 <= gini.gini <= 1.0
    assert -1e-12 <= gini.generalised <= gini.gini + 1e-12
    assert gini.ci_low <= gini.generalised + 1e-12 and gini.generalised <= gini.ci_high + 1e-12
    lorenz = concentration(y).lorenz
    steps = np.diff(lorenz["share_of_events"])
    assert (np.diff(steps) <= 1e-12).all()
    copied = generalised_gini([*y, *y]).gini
    assert copied == pytest.approx(gini.gini, abs=1e-12)


@settings(max_examples=50, deadline=None)
@given(p=st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_adjusted_p_values_keep_order_and_never_fall(p):
    raw = np.array(p)
    for method in ("fdr_bh", "fdr_by", "holm"):
        adjusted = adjust_p_values(raw, method=method)
        assert (adjusted >= raw - 1e-15).all()
        assert (np.diff(adjusted[np.argsort(raw, kind="stable")]) >= -1e-15).all()
