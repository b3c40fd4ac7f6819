"""Callaway–Sant'Anna on mpdta: every cell and aggregate of R did 2.5, rtol 1e-6."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hotspot_eval.design import Design
from hotspot_eval.did import group_time
from hotspot_eval.panel import Panel

KINDS = {"simple": "simple", "group": "group", "dynamic": "event", "calendar": "calendar"}
SCENARIOS = {
    "mpdta_nev_dr": {"control": "never"},
    "mpdta_nyt_dr": {"control": "not_yet"},
    "mpdta_nev_ipw": {"control": "never", "method": "ipw"},
    "mpdta_nev_reg_cov": {"control": "never", "method": "or", "covariates": True},
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


def fitted(shared_data: Path, scenario: str):
    panel, design, lpop = mpdta(shared_data)
    options = dict(SCENARIOS[scenario])
    if options.pop("covariates", False):
        options["covariates"] = lpop
    return group_time(panel, design, base="varying", **options)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_cell(shared_data, scenario):
    reference = pd.read_csv(shared_data / "reference" / "csdid_r_ref" / "ref_attgt.csv")
    reference = reference[reference["scenario"] == scenario]
    ours = fitted(shared_data, scenario).to_frame()
    ours = ours.assign(group=ours["cohort"].astype(int), t=ours["period"].astype(int))
    both = reference.merge(ours, on=["group", "t"])
    assert len(both) == len(reference) == 12
    np.testing.assert_allclose(both["att_y"], both["att_x"], rtol=1e-6, atol=1e-10)
    np.testing.assert_allclose(both["std_error"], both["se"], rtol=1e-6)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_aggregate(shared_data, scenario):
    reference = pd.read_csv(shared_data / "reference" / "csdid_r_ref" / "ref_aggte.csv")
    reference = reference[reference["scenario"] == scenario]
    result = fitted(shared_data, scenario)
    for kind, rows in reference.groupby("type"):
        effects = result.aggregate(KINDS[kind])
        overall = rows.iloc[0]
        assert effects.effect.estimate == pytest.approx(overall["overall_att"], rel=1e-6)
        assert effects.effect.std_error == pytest.approx(overall["overall_se"], rel=1e-6)
        for row in rows.dropna(subset=["egt"]).itertuples():
            effect = effects[str(int(row.egt))]
            assert effect.estimate == pytest.approx(row.att_egt, rel=1e-6)
            assert effect.std_error == pytest.approx(row.se_egt, rel=1e-6)


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("base", ["varying", "universal"])
def test_pre_test_uses_the_covariance(shared_data, scenario, base):
    reference = pd.read_csv(shared_data / "reference" / "csdid_r_ref" / "ref_pretest.csv")
    expected = reference.set_index("scenario").loc[scenario]
    if base == "universal" and "nyt" in scenario:
        pytest.skip("controls of a not-yet-treated cell depend on the base period")
    panel, design, lpop = mpdta(shared_data)
    options = dict(SCENARIOS[scenario])
    if options.pop("covariates", False):
        options["covariates"] = lpop
    check = group_time(panel, design, base=base, **options).pre_test()
    assert check.evidence["statistic"][0] == pytest.approx(expected["W"], rel=1e-6)
    assert check.evidence["p_value"][0] == pytest.approx(expected["Wpval"], abs=5e-6)
    assert check.status == "passed" and "not rejected" in check.sentence


def test_doubly_robust_with_population(shared_data):
    """Callaway's `did` documentation prints -0.0418 (0.0115); four digits are published."""
    panel, design, lpop = mpdta(shared_data)
    effect = group_time(panel, design, control="never", covariates=lpop).aggregate("simple").effect
    assert effect.estimate == pytest.approx(-0.0418, abs=5e-5)
    assert effect.std_error == pytest.approx(0.0115, abs=5e-5)


def test_multiplier_bootstrap_agrees_with_influence(shared_data):
    result = fitted(shared_data, "mpdta_nev_dr")
    bands = result.bands("event", rng=np.random.default_rng(1), draws=1999).set_index("label")
    analytic = result.aggregate("event").to_frame().set_index("label")["std_error"]
    # 2004 is a cohort of 20 counties: the two-point draws are skewed, their quartiles 12 % wide
    np.testing.assert_allclose(bands["std_error"], analytic, rtol=0.15)
    assert bands["critical_value"].iloc[0] > 2.2
    again = result.bands("event", rng=np.random.default_rng(1), draws=1999).set_index("label")
    pd.testing.assert_frame_equal(bands, again)
