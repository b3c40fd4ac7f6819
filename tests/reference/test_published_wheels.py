"""Printed tables on data that ship inside the wheels of peers, estimates and errors.

- README of did_multiplegt_dyn (Python): banking deregulation by county, Favara & Imbs (2015,
  doi:10.1257/aer.20121416), every county, years missing included. Data: moderndid.
- README of R HonestDiD: Medicaid expansion of 2014 and insurance, event study by state from raw
  shares on. Data: moderndid.
- Gardner's two-stage error, R did2s and pyfixest, by state.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.did_worlds import switchers_of_deregulation

from hotspot_eval.design import Design
from hotspot_eval.did import event_study, imputation
from hotspot_eval.inference import honest_did
from hotspot_eval.panel import Panel

NORMALIZED = [
    (0.0240393, 0.0184241),
    (0.0116702, 0.0106714),
    (0.0143443, 0.00828821),
    (0.0115211, 0.00819515),
    (0.0161627, 0.00684205),
    (0.0133861, 0.00625129),
    (0.00981002, 0.00495722),
    (0.0100838, 0.00430933),
]


def test_normalized_effects_of_banking_deregulation():
    """Estimates to the last printed digit; errors by another convention, .88 to 1.03 as large.

    Controls that switch later are a group of their own here, and with all controls of the period
    in the published error. Both count the states of a group, and let none inside one state vanish:
    where it did, the error of the second effect was 22 % short instead of 10.
    """
    moderndid = pytest.importorskip("moderndid")
    frame = moderndid.load_favara_imbs().to_pandas()
    made = switchers_of_deregulation(frame)
    estimates, errors = np.array(NORMALIZED).T
    scaled = made.aggregate("normalized")
    np.testing.assert_allclose(scaled.vector, estimates, rtol=5e-6)
    found = np.sqrt(np.diag(scaled.covariance)) / errors
    assert (found > 0.87).all() and (found < 1.05).all()
    assert made.effect.estimate == pytest.approx(0.055063, abs=5e-7)
    assert made.effect.std_error == pytest.approx(0.0268082, rel=0.07)


def test_medicaid_from_raw_shares_to_honest_limits():
    moderndid = pytest.importorskip("moderndid")
    path = Path(moderndid.__file__).parent / "core" / "datasets" / "ehec_data.pkl.gz"
    if not path.exists():
        pytest.skip(f"this version of moderndid has no {path.name}")
    frame = pd.read_pickle(path)
    frame = frame[(frame["year"] < 2016) & (frame["yexp2"] != 2015)].copy()
    frame[["stfips", "year"]] = frame[["stfips", "year"]].astype(int)
    frame["stfips"] = frame["stfips"].astype(str)
    panel = Panel.from_values(frame, area="stfips", period="year", value="dins")
    expanded = frame.loc[frame["yexp2"] == 2014, "stfips"].unique()
    fit = event_study(
        panel, Design(treated=list(expanded), start="2014"), model="linear", correction="CR1"
    )
    study = fit.event_study()
    others = [i for i, label in enumerate(study.labels) if label != "-1"]
    vcov = study.covariance[np.ix_(others, others)]
    # Stata's reghdfe on the same shares
    printed = [0.0086536, 0.0085244, 0.0071078, 0.0063271, 0.0073910, 0.0091519, 0.0103500]
    np.testing.assert_allclose(np.sqrt(np.diag(vcov)), printed, atol=6e-8)
    limits = honest_did(
        study.vector[others], vcov, n_pre=5, n_post=2, restriction="smoothness", m=(0.0, 0.02)
    )
    told = np.array([limits.low, limits.high]).T
    np.testing.assert_allclose(told, [(0.0259, 0.0607), (0.00286, 0.0907)], atol=7.5e-5)


def test_two_stage_error_of_did2s():
    """Gardner's error has no small-sample factor; ours has C/(C − 1)."""
    pf = pytest.importorskip("pyfixest")
    path = Path(pf.__file__).parent / "did" / "data" / "df_het.csv"
    if not path.exists():
        pytest.skip(f"this version of pyfixest has no {path.name}")
    frame = pd.read_csv(path).astype({"unit": str, "g": int})
    panel = Panel.from_values(frame, area="unit", period="year", value="dep_var", cluster="state")
    first = frame.drop_duplicates("unit").set_index("unit")["g"]
    first = first[first > 0]
    made = imputation(
        panel,
        Design(treated=list(first.index), start=first.astype(str).to_dict()),
        model="linear",
        errors="cluster_robust",
        cluster="cluster",
    ).effect
    assert made.estimate == pytest.approx(2.230482, abs=5e-7)
    assert made.std_error / math.sqrt(40 / 39) == pytest.approx(0.024709, abs=5e-7)
