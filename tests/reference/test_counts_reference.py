"""Published and hand-computed values of WDD, WDQ, RIRR and the e-test (METHODS §2)."""

from __future__ import annotations

import math

import pytest

from hotspot_eval.did import e_test, rirr, wdd, wdq
from hotspot_eval.errors import InputError

PUBLISHED = {
    "control": (308, 318),
    "treated": (207, 110),
    "disp_control": (150, 140),
    "disp_treated": (178, 157),
}


def test_wdd_published_case():
    effects = wdd(**PUBLISHED)
    assert effects.labels == ("local", "displacement", "total")
    total = effects.effect
    assert total.estimate == -118
    assert total.std_error == pytest.approx(math.sqrt(1568), rel=1e-12)
    assert total.statistic == pytest.approx(-2.98, abs=0.005)
    assert (round(total.ci_low), round(total.ci_high)) == (-196, -40)
    assert effects["local"].estimate == -107
    assert effects["local"].std_error == pytest.approx(30.708, abs=5e-4)


@pytest.mark.parametrize(
    ("arguments", "estimate", "std_error"),
    [
        ({"control": (100, 50), "treated": (80, 20), "time_weights": (2, 1)}, -20, math.sqrt(115)),
        ({"control": (130, 150), "treated": (120, 100)}, -40, 22.36),
        (
            {
                "control": (130, 150),
                "treated": (120, 100),
                "disp_control": (30, 25),
                "disp_treated": (40, 25),
            },
            -50,
            24.9,
        ),
    ],
)
def test_wdd_cases(arguments, estimate, std_error):
    effect = wdd(**arguments).effect
    assert effect.estimate == pytest.approx(estimate, abs=1e-12)
    assert effect.std_error == pytest.approx(std_error, abs=5e-3)


def test_wdd_level_is_95_unless_asked():
    assert wdd((130, 150), (120, 100)).effect.ci_high > 0
    assert wdd((130, 150), (120, 100), ci_level=0.90).effect.ci_high < 0


def test_wdd_dispersion_widens():
    plain, wide = (wdd(**PUBLISHED, dispersion=phi).effect for phi in (1.0, 2.0))
    assert wide.std_error == pytest.approx(plain.std_error * math.sqrt(2), rel=1e-12)


def test_rirr():
    effect = rirr((60, 55), (50, 30))
    assert effect.estimate == pytest.approx(-0.4238142, abs=5e-8)
    assert effect.std_error == pytest.approx(0.296954, abs=5e-7)
    assert rirr((60, 55), (50, 30), dispersion=4.0).std_error == pytest.approx(
        2 * effect.std_error, rel=1e-12
    )
    assert "a count is 0" in rirr((60, 55), (50, 0)).notes[0]


def test_wdq():
    assert wdq((100, 100), (100, 50), (100, 150)).value == pytest.approx(-1, abs=1e-12)
    assert wdq((100, 100), (100, 50), (100, 75)).value == pytest.approx(0.5, abs=1e-12)
    case = wdq(PUBLISHED["control"], PUBLISHED["treated"], PUBLISHED["disp_treated"])
    assert case.value == pytest.approx(0.258186, abs=5e-7)
    undefined = wdq((100, 100), (100, 150), (100, 75))
    assert math.isnan(undefined.value) and "no success" in undefined.notes[0]
    assert math.isnan(wdq((0, 100), (100, 50), (1, 1)).value)


@pytest.mark.parametrize(
    ("pair", "p_value", "digits"),
    [
        ((10, 5), 0.20616441, 1e-8),
        ((6, 2), 0.1749, 5e-5),
        ((15, 5), 0.02503511, 1e-8),
        ((0, 3), 0.08837901, 1e-8),
    ],
)
def test_e_test(pair, p_value, digits):
    assert e_test(*pair) == pytest.approx(p_value, abs=digits)
    assert e_test(*pair[::-1]) == pytest.approx(p_value, abs=digits)


def test_e_test_tails():
    assert e_test(15, 5, alternative="less") < 0.05 < e_test(15, 5, alternative="greater")
    assert e_test(0, 0) == 1.0


def test_refusals_come_together():
    with pytest.raises(InputError, match="finite and 0 or more") as caught:
        wdd((1, -2), (3, 4), disp_control=(1, 2), time_weights=(0, 1))
    assert len(caught.value.problems) == 3
    with pytest.raises(InputError, match="two counts"):
        rirr((1, 2, 3), (4, 5))
    with pytest.raises(InputError, match="above 0"):
        rirr((1, 2), (4, 5), dispersion=0)
