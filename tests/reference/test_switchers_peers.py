"""DID_ℓ and DID_M against diff-diff and moderndid, on random panels and on a published example.

Estimates at 1e-8. Standard errors follow three conventions (ours divides by members − 1 within
areas that switch together, diff-diff by members, moderndid leaves controls uncentred), so the one
of diff-diff is rebuilt from ours where every such group has the same size. moderndid does not turn
the sign of areas that leave treatment when it pools them with joiners; it is held against panels
of joiners alone. Its total effect per unit takes the treatment of a period as the difference of two
means over unlike switchers, so that one is compared where the switchers are the same throughout;
diff-diff's weighs event times by treatment received in them, another estimand.
"""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from tests.did_worlds import panel_of, switchers_of_deregulation

from hotspot_eval.design import Design
from hotspot_eval.did import did_m, switchers

diff_diff = pytest.importorskip("diff_diff")
moderndid = pytest.importorskip("moderndid")


def world(seed: int, *, leavers: bool, n: int = 60, t: int = 9):
    rng = np.random.default_rng(seed)
    d = np.zeros((n, t))
    for i in range(30):
        begin = rng.integers(1, t - 2)
        d[i, begin:] = 1
        if i % 2:
            d[i, min(begin + rng.integers(1, 3), t - 1) :] = 0
    if leavers:
        d[30:42] = 1
        for i in range(30, 37):
            d[i, rng.integers(2, t - 1) :] = 0
    y = rng.poisson(rng.gamma(2.0, 2.0, (n, 1)), (n, t)) - 1.5 * d
    frame = pd.DataFrame(
        {
            "unit": np.repeat(np.arange(n), t),
            "time": np.tile(np.arange(1, t + 1), n),
            "y": y.ravel(),
            "d": d.ravel(),
        }
    )
    panel = panel_of(y, values=True)
    return panel, Design.from_treatment(panel, d), frame


def peer(frame: pd.DataFrame, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = diff_diff.ChaisemartinDHaultfoeuille(drop_larger_lower=False)
        return model.fit(frame, outcome="y", unit="unit", time="time", treatment="d", **options)


@pytest.mark.parametrize("seed", range(3))
def test_event_times_are_those_of_diff_diff(seed):
    panel, design, frame = world(seed, leavers=True)
    ours = switchers(panel, design, effects=3, placebos=3).event_study()
    theirs = peer(frame, L_max=3)
    for ahead in (1, 2, 3):
        assert ours[str(ahead - 1)].estimate == pytest.approx(
            theirs.event_study_effects[ahead]["effect"], abs=1e-8
        )
        assert ours[str(-1 - ahead)].estimate == pytest.approx(
            theirs.placebo_event_study[-ahead]["effect"], abs=1e-8
        )


@pytest.mark.parametrize("seed", range(3))
def test_did_m_is_that_of_diff_diff(seed):
    panel, design, frame = world(seed, leavers=True)
    ours, theirs = did_m(panel, design), peer(frame)
    assert ours["all"].estimate == pytest.approx(theirs.overall_att, abs=1e-8)
    assert ours["joiners"].estimate == pytest.approx(theirs.joiners_att, abs=1e-8)
    assert ours["leavers"].estimate == pytest.approx(theirs.leavers_att, abs=1e-8)
    assert ours["placebo"].estimate == pytest.approx(-theirs.placebo_effect, abs=1e-8)


def test_the_error_of_diff_diff_is_ours_without_the_small_sample_factor():
    rng = np.random.default_rng(2)
    d = np.zeros((40, 7))
    for k in range(4):
        d[8 * k : 8 * k + 8, 2 + k :] = k < 3
    d[:, :2] = 0
    d[24:] = 0
    d = np.vstack([d[:24], np.zeros((8, 7))])
    y = rng.normal(5.0, 2.0, d.shape)
    panel = panel_of(y, values=True)
    frame = pd.DataFrame(
        {
            "unit": np.repeat(np.arange(32), 7),
            "time": np.tile(np.arange(1, 8), 32),
            "y": y.ravel(),
            "d": d.ravel(),
        }
    )
    design = Design.from_treatment(panel, d)
    ours = switchers(panel, design, effects=2, errors="influence").event_study()
    theirs = peer(frame, L_max=2)
    for ahead in (1, 2):
        assert ours[str(ahead - 1)].std_error * np.sqrt(7 / 8) == pytest.approx(
            theirs.event_study_effects[ahead]["se"], rel=1e-8
        )


@pytest.mark.parametrize("seed", range(3))
def test_joiners_are_those_of_moderndid(seed):
    panel, design, frame = world(seed, leavers=False)
    ours = switchers(panel, design, effects=4, placebos=2)
    theirs = moderndid.did_multiplegt(
        data=frame, yname="y", idname="unit", tname="time", dname="d", effects=4, placebo=2
    )
    study = ours.event_study()
    after = [study[str(e)].estimate for e in range(4)]
    np.testing.assert_allclose(after, theirs.effects.estimates, atol=1e-8)
    before = [study[label].estimate for label in ("-2", "-3")]
    np.testing.assert_allclose(before, theirs.placebos.estimates, atol=1e-8)
    options = {"data": frame, "yname": "y", "idname": "unit", "tname": "time", "dname": "d"}
    same = moderndid.did_multiplegt(**options, effects=4, same_switchers=True)
    assert switchers(
        panel, design, effects=4, same_switchers=True
    ).effect.estimate == pytest.approx(same.ate.estimate, abs=1e-8)


def test_banking_deregulation_by_state_and_year():
    """Favara & Imbs (2015), the example of did_multiplegt_dyn: treatment of 0 to 4, with gaps."""
    frame = moderndid.load_favara_imbs().to_pandas()
    frame = frame[frame.groupby("county")["year"].transform("size") == 12].copy()
    ours = switchers_of_deregulation(frame)
    options = {
        "data": frame,
        "yname": "Dl_vloans_b",
        "idname": "county",
        "tname": "year",
        "dname": "inter_bra",
        "effects": 8,
        "placebo": 3,
        "same_switchers": True,
    }
    theirs = moderndid.did_multiplegt(**options)
    table = ours.to_frame().set_index("label")
    after, before = [str(e) for e in range(8)], ["-2", "-3", "-4"]
    np.testing.assert_allclose(table.loc[after, "estimate"], theirs.effects.estimates, atol=1e-8)
    np.testing.assert_allclose(table.loc[before, "estimate"], theirs.placebos.estimates, atol=1e-8)
    assert table.loc[after, "switchers"].tolist() == theirs.effects.n_switchers.tolist()
    assert ours.effect.estimate == pytest.approx(theirs.ate.estimate, abs=1e-8)
    scaled = moderndid.did_multiplegt(**options, normalized=True)
    np.testing.assert_allclose(
        ours.aggregate("normalized").vector, scaled.effects.estimates, atol=1e-8
    )
