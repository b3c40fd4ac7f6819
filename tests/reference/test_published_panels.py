"""Numbers that other packages' manuals print, on the panels that their wheels carry.

- R did, README: ATT(g, t) of mpdta with ``xformla = ~ lpop``, doubly robust, never-treated
  controls, and the p-value of its pre-test.
- R DRDID, manual of ``drdid``, ``ipwdid`` and ``ordid``: evaluation bias of the LaLonde–CPS panel
  (doi:10.1016/j.jeconom.2020.06.003). The data are in the moderndid wheel.
- pyfixest's simulated panel ``df_het`` against its own did2s and saturated event study.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hotspot_eval.design import Design
from hotspot_eval.did import etwfe, group_time, imputation, linear_did
from hotspot_eval.panel import Panel

README = {
    (2004, 2004): -0.0145,
    (2004, 2005): -0.0764,
    (2004, 2006): -0.1404,
    (2004, 2007): -0.1069,
    (2006, 2004): -0.0005,
    (2006, 2005): -0.0062,
    (2006, 2006): 0.0010,
    (2006, 2007): -0.0413,
    (2007, 2004): 0.0267,
    (2007, 2005): -0.0046,
    (2007, 2006): -0.0284,
    (2007, 2007): -0.0288,
}


def mpdta(shared_data: Path) -> tuple[Panel, Design, pd.Series]:
    frame = pd.read_csv(shared_data / "reference" / "mpdta.csv")
    frame["countyreal"] = frame["countyreal"].astype(int).astype(str)
    frame["year"] = frame["year"].astype(int)
    panel = Panel.from_values(frame, area="countyreal", period="year", value="lemp")
    county = frame.drop_duplicates("countyreal").set_index("countyreal")
    starts = county.loc[county["first.treat"] > 0, "first.treat"].astype(int)
    design = Design(treated=list(starts.index), start={a: str(g) for a, g in starts.items()})
    return panel, design, county["lpop"]


def test_readme_of_did_with_population(shared_data):
    panel, design, lpop = mpdta(shared_data)
    result = group_time(panel, design, control="never", base="varying", covariates=lpop)
    made = result.to_frame().astype({"cohort": int, "period": int}).set_index(["cohort", "period"])
    for cell, expected in README.items():
        assert made.loc[cell, "att"] == pytest.approx(expected, abs=5.1e-5)
    assert result.pre_test().evidence["p_value"][0] == pytest.approx(0.23267, abs=5e-6)


def test_two_rows_that_are_easily_taken_for_each_other(shared_data):
    """-0.0419686124 is the outcome regression of csdid_r_ref; doubly robust is -0.0418 (0.0115)."""
    panel, design, lpop = mpdta(shared_data)
    table = pd.read_csv(shared_data / "reference" / "csdid_r_ref" / "ref_aggte.csv")
    row = table[(table["scenario"] == "mpdta_nev_reg_cov") & (table["type"] == "simple")].iloc[0]
    made = {
        method: group_time(panel, design, control="never", method=method, covariates=lpop)
        .aggregate("simple")
        .effect
        for method in ("or", "dr")
    }
    assert row["overall_att"] == pytest.approx(-0.0419686124215432, rel=1e-12)
    assert made["or"].estimate == pytest.approx(-0.0419686124215432, rel=1e-9)
    assert made["or"].std_error == pytest.approx(0.0114448297682151, rel=1e-9)
    assert made["dr"].estimate == pytest.approx(-0.0418, abs=5e-5)
    assert made["dr"].std_error == pytest.approx(0.0115, abs=5e-5)


@pytest.mark.parametrize("scenario", ["never", "not_yet"])
@pytest.mark.parametrize("method", ["dr", "ipw", "or"])
def test_covariates_against_moderndid(shared_data, scenario, method):
    moderndid = pytest.importorskip("moderndid")
    panel, design, lpop = mpdta(shared_data)
    frame = pd.read_csv(shared_data / "reference" / "mpdta.csv")
    peer = moderndid.att_gt(
        data=frame,
        yname="lemp",
        tname="year",
        idname="countyreal",
        gname="first.treat",
        xformla="~ lpop",
        est_method={"or": "reg"}.get(method, method),
        control_group={"never": "nevertreated", "not_yet": "notyettreated"}[scenario],
        boot=False,
    )
    result = group_time(
        panel, design, control=scenario, base="varying", method=method, covariates=lpop
    )
    made = result.to_frame().astype({"cohort": int, "period": int}).set_index(["cohort", "period"])
    cells = zip(peer.groups, peer.times, peer.att_gt, peer.se_gt, strict=True)
    count = 0
    for g, t, att, error in cells:
        assert made.loc[(int(g), int(t)), "att"] == pytest.approx(att, rel=1e-7, abs=1e-10)
        assert made.loc[(int(g), int(t)), "std_error"] == pytest.approx(error, rel=1e-6)
        count += 1
    assert count == 12


@pytest.fixture(scope="module")
def lalonde() -> tuple[Panel, Design, pd.DataFrame]:
    """425 randomised-out NSW participants against 15,992 people of the CPS: no effect at all."""
    moderndid = pytest.importorskip("moderndid")
    path = Path(moderndid.__file__).parent / "core" / "datasets" / "nsw_long.pkl.gz"
    if not path.exists():
        pytest.skip(f"this version of moderndid has no {path.name}")
    frame = pd.read_pickle(path)
    frame = frame[(frame["treated"] == 0) | (frame["sample"] == 2)].copy()
    frame["id"] = frame["id"].astype(int).astype(str)
    frame["wave"] = np.where(frame["year"].astype(int) == 1975, 1, 2)
    people = frame.drop_duplicates("id").set_index("id")
    panel = Panel.from_values(frame, area="id", period="wave", value="re")
    design = Design(treated=list(people.index[people["experimental"] == 1]), start=2)
    x = people[["age", "educ", "black", "married", "nodegree", "hisp", "re74"]]
    return panel, design, x


@pytest.mark.parametrize(
    ("method", "estimate", "error"),
    [
        ("dr", -871.3271, 396.0211),
        ("ipw", -1021.6095, 397.5201),
        ("or", -1300.6447, 349.8259),
    ],
)
def test_manual_of_drdid(lalonde, method, estimate, error):
    panel, design, x = lalonde
    result = group_time(panel, design, control="never", method=method, covariates=x)
    effect = result.aggregate("simple").effect
    # the manual prints four decimals; R divides by n, as we do
    assert effect.estimate == pytest.approx(estimate, abs=2e-4)
    assert effect.std_error == pytest.approx(error, abs=1e-3)


@pytest.fixture(scope="module")
def het() -> tuple[pd.DataFrame, Panel, Design]:
    pf = pytest.importorskip("pyfixest")
    path = Path(pf.__file__).parent / "did" / "data" / "df_het.csv"
    if not path.exists():
        pytest.skip(f"this version of pyfixest has no {path.name}")
    frame = pd.read_csv(path).astype({"unit": str, "g": int})
    panel = Panel.from_values(frame, area="unit", period="year", value="dep_var", cluster="state")
    first = frame.drop_duplicates("unit").set_index("unit")["g"]
    first = first[first > 0]
    return frame, panel, Design(treated=list(first.index), start=first.astype(str).to_dict())


@pytest.mark.filterwarnings("ignore")
def test_imputation_is_did2s_on_df_het(het):
    pf = pytest.importorskip("pyfixest")
    frame, panel, design = het
    common = {"yname": "dep_var", "idname": "unit", "tname": "year", "gname": "g"}
    peer = pf.event_study(data=frame, estimator="did2s", att=True, cluster="state", **common)
    mine = imputation(panel, design, model="linear").effect
    assert mine.estimate == pytest.approx(peer.coef().iloc[0], abs=1e-6)
    assert mine.estimate == pytest.approx(2.230482, abs=1e-6)
    two_way = pf.feols("dep_var ~ treat | unit + year", frame).coef()["treat"]
    assert linear_did(panel, design).effect.estimate == pytest.approx(two_way, abs=1e-8)


@pytest.mark.filterwarnings("ignore")
def test_never_treated_etwfe_is_the_saturated_event_study_on_df_het(het):
    pf = pytest.importorskip("pyfixest")
    frame, panel, design = het
    common = {"yname": "dep_var", "idname": "unit", "tname": "year", "gname": "g"}
    peer = pf.event_study(data=frame, estimator="saturated", **common).aggregate()
    made = etwfe(panel, design, model="linear", control="never", errors="cluster_robust")
    events = made.aggregate("event")
    # event times 11 and on come from one cohort, as both packages weigh by areas
    for e in (-9, -3, 0, 4, 10, 15):
        effect = events[str(e)]
        assert effect.estimate == pytest.approx(float(peer.loc[float(e), "Estimate"]), abs=1e-6)
        # the two count period effects otherwise in the small-sample factor: some 3e-5
        assert effect.std_error == pytest.approx(float(peer.loc[float(e), "Std. Error"]), rel=1e-4)
