"""OLS and PPML against pyfixest over random unbalanced panels: coefficient 1e-8, SE 1e-6."""

from __future__ import annotations

import numpy as np
import pytest
from tests.did_worlds import area, long_frame, panel_of, staggered

from hotspot_eval.did import LinearDid, PoissonDid
from hotspot_eval.inference import cluster_robust

pf = pytest.importorskip("pyfixest")
pytestmark = pytest.mark.filterwarnings("ignore")
SAME_FACTOR = {"k_adj": True, "k_fixef": "nonnested", "G_adj": True}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("model", ["poisson", "linear"])
@pytest.mark.parametrize("by", ["area", "cluster"])
def test_coefficient_and_standard_error(model, by, seed):
    rng = np.random.default_rng(seed)
    n, t = 40, 12
    y = rng.poisson(rng.gamma(2.0, 1.0, (n, 1)) * rng.uniform(0.5, 2, (1, t)))
    observed = rng.random((n, t)) > 0.1
    base = rng.uniform(100, 200, (n, t)) if seed % 2 else None
    borough = np.arange(n) // 5
    panel = panel_of(y, observed=observed, base=base, cluster=borough)
    design = staggered({0: 5, 6: 5, 12: 7, 18: 8, 24: 8, 33: 9})
    made = {"poisson": PoissonDid, "linear": LinearDid}[model](cluster=by, correction="CR1")
    fit = made(panel, design)
    frame = long_frame(panel, design)
    frame = frame[frame["area"].isin(panel.positions(fit.areas))]
    frame["cluster"] = borough[frame["area"]]
    common = {"vcov": {"CRV1": by}, "ssc": pf.ssc(**SAME_FACTOR), "data": frame}
    if model == "linear":
        peer = pf.feols("y ~ D | area + period", fixef_tol=1e-12, **common)
    else:
        offset = {"offset": "log_base"} if base is not None else {}
        peer = pf.fepois(
            "y ~ D | area + period", iwls_tol=1e-13, fixef_tol=1e-12, **offset, **common
        )
    assert fit.effect.estimate == pytest.approx(peer.coef()["D"], abs=1e-8)
    assert fit.effect.std_error == pytest.approx(peer.se()["D"], rel=1e-6)


@pytest.mark.parametrize("seed", range(10, 20))
@pytest.mark.parametrize("model", ["poisson", "linear"])
def test_random_shapes_with_holes_offsets_and_clusters_given_later(model, seed):
    rng = np.random.default_rng(seed)
    n, t = int(rng.integers(15, 60)), int(rng.integers(5, 14))
    y = rng.poisson(rng.gamma(1.5, 1.5, (n, 1)) * rng.uniform(0.4, 2, (1, t)))
    observed = rng.random((n, t)) > rng.uniform(0.05, 0.4)
    base = rng.uniform(50, 200, (n, t)) if seed % 3 else None
    starts = {int(i): int(rng.integers(2, t - 1)) for i in rng.choice(n, n // 4, replace=False)}
    panel, design = panel_of(y, observed=observed, base=base), staggered(starts)
    fit = {"poisson": PoissonDid, "linear": LinearDid}[model](correction="CR1")(panel, design)
    if np.isnan(fit.effect.estimate):
        assert fit.effect.notes
        return
    group = rng.integers(0, 8, n)
    frame = long_frame(panel, design)
    frame = frame[frame["area"].isin(panel.positions(fit.areas))].copy()
    frame["group"] = group[frame["area"]]
    common = {"data": frame, "ssc": pf.ssc(**SAME_FACTOR), "vcov": {"CRV1": "area"}}
    if model == "linear":
        peer = pf.feols("y ~ D | area + period", fixef_tol=1e-13, **common)
    else:
        offset = {} if base is None else {"offset": "log_base"}
        peer = pf.fepois(
            "y ~ D | area + period", iwls_tol=1e-14, fixef_tol=1e-13, **offset, **common
        )
    assert fit.effect.estimate == pytest.approx(peer.coef()["D"], abs=1e-8)
    assert fit.effect.std_error == pytest.approx(peer.se()["D"], rel=1e-6)
    later = cluster_robust(fit, {area(i): str(group[i]) for i in range(n)})
    if np.isfinite(later.std_error):
        cells, effects = len(frame), 1 + frame["period"].nunique()
        peer.vcov({"CRV1": "group"})
        # Ours has the factor C/(C − 1) alone.
        factor = (cells - 1) / (cells - effects)
        assert later.std_error * np.sqrt(factor) == pytest.approx(peer.se()["D"], rel=1e-6)
