"""etwfe on mpdta (vignette of R etwfe) and against regressions on every column, written out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from tests.did_worlds import area, panel_of, staggered

from hotspot_eval.design import Design
from hotspot_eval.did import etwfe
from hotspot_eval.panel import Panel

EVENTS = ("0", "1", "2", "3")


def mpdta(shared_data: Path) -> tuple[pd.DataFrame, Design, pd.Series]:
    frame = pd.read_csv(shared_data / "reference" / "mpdta.csv")
    frame["countyreal"] = frame["countyreal"].astype(int).astype(str)
    frame["year"] = frame["year"].astype(int)
    frame["emp"] = np.exp(frame["lemp"])
    county = frame.drop_duplicates("countyreal").set_index("countyreal")
    starts = county.loc[county["first.treat"] > 0, "first.treat"].astype(int)
    design = Design(treated=list(starts.index), start={a: str(g) for a, g in starts.items()})
    return frame, design, county["lpop"]


def panel_from(frame: pd.DataFrame, value: str) -> Panel:
    return Panel.from_values(frame, area="countyreal", period="year", value=value)


@pytest.mark.parametrize(
    ("scale", "expected", "tolerance"),
    [
        ("response", (-25.3497, 1.09175, -75.1246, -101.824), 5e-4),
        ("link", (-0.0325653635, -0.0675071047, -0.1329713449, -0.1170227792), 1e-9),
    ],
)
def test_poisson_event_study_of_the_vignette(shared_data, scale, expected, tolerance):
    """Cohort and year effects, lpop centred by cohort: what R etwfe fits without ``ivar``."""
    frame, design, lpop = mpdta(shared_data)
    result = etwfe(panel_from(frame, "emp"), design, scale=scale, covariates=lpop)
    events = result.aggregate("event")
    np.testing.assert_allclose([events[e].estimate for e in EVENTS], expected, atol=tolerance)


# what R etwfe's own tests hold (inst/tinytest/test_emfx.R, event times from 0 unless named)
PUBLISHED = {
    "linear group": {
        "2004": (-0.0876269608795944, 0.0230474099815232),
        "2006": (-0.0212783329358987, 0.0185912208081438),
        "2007": (-0.0459545277368072, 0.0179714452432232),
    },
    "linear calendar": {
        "2004": (-0.0212480022225509, 0.0217240109737018),
        "2005": (-0.0818499992698648, 0.0273693827216135),
        "2006": (-0.0442655912990223, 0.0173733625406716),
        "2007": (-0.0524323095862384, 0.015015825012757),
    },
    "linear event": {
        "0": (-0.0332122037837542, 0.0133659635774059),
        "1": (-0.0573456479257483, 0.0171496442892364),
        "2": (-0.137870386660852, 0.0307883597041053),
        "3": (-0.10953945536511, 0.0323152785480507),
    },
    "never event": {
        "-2": (0.0234649547538384, 0.0145314904277398),
        "0": (-0.0211467366918433, 0.0113935648352396),
        "1": (-0.0533558653415615, 0.0157744281621729),
        "2": (-0.141080104628566, 0.0322891808795742),
        "3": (-0.107544274673025, 0.0329231688783015),
    },
    "response event": {
        "0": (-25.3497484355494, 15.8862762958862),
        "1": (1.09175116997388, 40.2952222352926),
        "2": (-75.1246321552693, 23.1541376499351),
        "3": (-101.823979344829, 27.0877431076141),
    },
    "link event": {
        "0": (-0.0325653634930092, 0.0128503810792558),
        "1": (-0.0675071046997911, 0.0183966910997271),
        "2": (-0.132971344933511, 0.0237253182969748),
        "3": (-0.117022779216096, 0.0225005664705109),
    },
}
OPTIONS = {
    "linear": {"model": "linear"},
    "never": {"model": "linear", "control": "never"},
    "response": {"scale": "response"},
    "link": {"scale": "link"},
}


@pytest.mark.parametrize("table", PUBLISHED)
def test_tables_of_r_etwfe_with_their_errors(shared_data, table):
    """Fixest's Poisson steps stop at 1e-6 or so, and marginaleffects differentiates numerically."""
    frame, design, lpop = mpdta(shared_data)
    kind, average = table.split()
    panel = panel_from(frame, "emp" if kind in ("response", "link") else "lemp")
    made = etwfe(panel, design, covariates=lpop, errors="cluster_robust", **OPTIONS[kind])
    effects = made.aggregate(average)
    for label, (estimate, error) in PUBLISHED[table].items():
        assert effects[label].estimate == pytest.approx(estimate, rel=2e-6)
        assert effects[label].std_error == pytest.approx(error, rel=2e-5)


def test_linear_simple_of_the_vignette(shared_data):
    frame, design, lpop = mpdta(shared_data)
    panel = panel_from(frame, "lemp")
    made = etwfe(panel, design, model="linear", covariates=lpop, errors="cluster_robust")
    effect = made.aggregate("simple").effect
    assert effect.estimate == pytest.approx(-0.0506270331, abs=1e-10)
    assert effect.std_error == pytest.approx(0.0124972547, abs=1e-9)


def test_never_treated_controls_give_the_published_outcome_regression(shared_data):
    """Wooldridge with never-treated controls is Callaway–Sant'Anna's outcome regression: R did."""
    frame, design, lpop = mpdta(shared_data)
    reference = pd.read_csv(shared_data / "reference" / "csdid_r_ref" / "ref_attgt.csv")
    panel = panel_from(frame, "lemp")
    for scenario, x in (("mpdta_nev_dr", None), ("mpdta_nev_reg_cov", lpop)):
        made = etwfe(panel, design, model="linear", control="never", covariates=x).to_frame()
        made = made.assign(group=made["cohort"].astype(int), t=made["period"].astype(int))
        rows = reference[(reference["scenario"] == scenario) & (reference["t"] >= reference.group)]
        both = rows.merge(made, on=["group", "t"], suffixes=("_r", ""))
        assert len(both) == 7
        np.testing.assert_allclose(both["att"], both["att_r"], rtol=1e-9)


def written_out(frame: pd.DataFrame, x: bool, treated: float) -> np.ndarray:
    """Cohort, period and cell dummies, each alone and times x."""
    ones = [np.ones(len(frame))] + ([frame["x"].to_numpy()] if x else [])
    sets = [frame["first"] == g for g in np.unique(frame["first"])]
    sets += [frame["t"] == t for t in np.unique(frame["t"])[1:]]
    cells = frame.loc[frame["D"] > 0, ["first", "t"]].drop_duplicates().sort_values(["first", "t"])
    own = [treated * ((frame["first"] == g) & (frame["t"] == t)) for g, t in cells.to_numpy()]
    return np.column_stack(
        [np.asarray(s, dtype=float) * one for s in (*sets, *own) for one in ones]
    )


def delta_method(frame: pd.DataFrame, *, x: bool, poisson: bool, link: bool) -> tuple[float, float]:
    """Average effect over treated cells and its CR1 error, from every parameter."""
    on, off = written_out(frame, x, 1.0), written_out(frame, x, 0.0)
    y, offset = frame["y"].to_numpy(float), frame["log_base"].to_numpy()
    if poisson:
        fit = sm.GLM(y, on, family=sm.families.Poisson(), offset=offset).fit(tol=1e-14, maxiter=300)
        mean = np.exp(on @ fit.params + offset)
        without = np.exp(off @ fit.params + offset)
        weight = mean
    else:
        fit = sm.OLS(y, on).fit()
        mean, without, weight = on @ fit.params, off @ fit.params, np.ones(len(y))
    bread = np.linalg.inv((on.T * weight) @ on)
    scores = pd.DataFrame(on * (y - mean)[:, None]).groupby(frame["area"].to_numpy()).sum()
    count, n, k = len(scores), len(y), on.shape[1]
    factor = count / (count - 1) * (n - 1) / (n - k)
    covariance = factor * bread @ (scores.T.to_numpy() @ scores.to_numpy()) @ bread
    cells = frame["D"].to_numpy() > 0
    if link or not poisson:
        gradient = (on - off)[cells].mean(axis=0)
        value = gradient @ fit.params
    else:
        gradient = (mean[cells] @ on[cells] - without[cells] @ off[cells]) / cells.sum()
        value = (mean - without)[cells].mean()
    return float(value), float(np.sqrt(gradient @ covariance @ gradient))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("x", [False, True])
@pytest.mark.parametrize(
    ("model", "link"), [("poisson", True), ("poisson", False), ("linear", False)]
)
def test_cohort_effects_are_the_delta_method_of_all_parameters(model, link, x, seed):
    rng = np.random.default_rng(seed)
    n, t = 40, 6
    covariate = rng.normal(size=n)
    base = rng.uniform(50, 150, (n, t))
    y = rng.poisson(base / 10 * np.exp(0.2 * covariate[:, None] + 0.1 * np.arange(t)))
    first = np.full(n, 99)
    first[:8], first[8:20] = 2, 4
    panel = panel_of(y, base=base)
    design = staggered({i: int(g) for i, g in enumerate(first) if g < t})
    given = pd.Series(covariate, index=[area(i) for i in range(n)], name="x")
    result = etwfe(
        panel,
        design,
        model=model,
        scale="link" if link else "response",
        covariates=given if x else None,
        errors="cluster_robust",
    ).aggregate("simple")
    rows, when = np.divmod(np.arange(n * t), t)
    frame = pd.DataFrame({"area": rows, "t": when, "y": y.ravel(), "first": first[rows]})
    frame["D"] = (frame["t"] >= frame["first"]).astype(float)
    frame["x"] = covariate[rows]
    frame["log_base"] = np.log(base.ravel())
    value, error = delta_method(frame, x=x, poisson=model == "poisson", link=link)
    assert result.effect.estimate == pytest.approx(value, rel=1e-8, abs=1e-10)
    assert result.effect.std_error == pytest.approx(error, rel=1e-6)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("model", ["poisson", "linear"])
@pytest.mark.parametrize("seed", range(3))
def test_area_effects_agree_with_pyfixest_over_unbalanced_panels(model, seed):
    pf = pytest.importorskip("pyfixest")
    rng = np.random.default_rng(seed)
    n, t = 36, 7
    level = rng.gamma(3.0, 2.0, (n, 1))
    covariate = rng.normal(size=n)
    y = rng.poisson(level * rng.uniform(0.7, 1.4, (1, t)) + 0.5)
    observed = rng.random((n, t)) > 0.12
    first = np.full(n, 99)
    first[:8], first[8:16] = 3, 5
    observed[:16, :2] = True
    panel = panel_of(y, observed=observed)
    design = staggered({i: int(g) for i, g in enumerate(first) if g < t})
    given = pd.Series(covariate, index=[area(i) for i in range(n)], name="x")
    options = {"effects": "area", "covariates": given, "errors": "cluster_robust"}
    effect = etwfe(panel, design, model=model, scale="link", **options).aggregate("event")
    rows, when = np.nonzero(observed)
    frame = pd.DataFrame({"area": rows, "t": when, "y": y[observed].astype(float)})
    frame["g"], frame["x"] = first[rows], covariate[rows]
    names = []
    for g, p in [(start, p) for start in (3, 5) for p in range(start, t)]:
        name = f"c{g}_{p}"
        frame[name] = ((frame["g"] == g) & (frame["t"] == p)).astype(float)
        frame[f"{name}x"] = frame[name] * frame["x"]
        names += [name, f"{name}x"]
    for p in range(1, t):
        frame[f"x{p}"] = frame["x"] * (frame["t"] == p)
    formula = f"y ~ {' + '.join(names + [f'x{p}' for p in range(1, t)])} | area + t"
    options = {"vcov": {"CRV1": "area"}, "ssc": pf.ssc(k_fixef="nonnested")}
    if model == "linear":
        peer = pf.feols(formula, frame, fixef_tol=1e-13, **options)
    else:
        peer = pf.fepois(formula, frame, iwls_tol=1e-14, fixef_tol=1e-13, **options)
    beta, terms = peer.coef(), list(peer.coef().index)
    cells = frame[(frame["t"] - frame["g"]) == 0]
    gradient = np.zeros(len(terms))
    share = {g: (cells["g"] == g).sum() for g in (3, 5)}
    # our cells are weighted by the cohorts' shares of areas, 8 and 8
    for g in (3, 5):
        mean = cells.loc[cells["g"] == g, "x"].mean()
        assert share[g] > 0
        gradient[terms.index(f"c{g}_{g}")] = 0.5
        gradient[terms.index(f"c{g}_{g}x")] = 0.5 * mean
    error = np.sqrt(gradient @ peer._vcov @ gradient)
    assert effect["0"].estimate == pytest.approx(float(gradient @ beta.to_numpy()), abs=1e-8)
    assert effect["0"].std_error == pytest.approx(error, rel=1e-6)
