"""The dress rehearsal finds what was put in, and says when the method would not."""

from __future__ import annotations

import numpy as np
import pytest
from tests.replay_worlds import boroughs, joint_operation, operation

from hotspot_eval.errors import InputError
from hotspot_eval.inference import TopK, dress_rehearsal

RULE = TopK(k=4)
START = "2022-07"


def rehearse(panel, design, **options):
    return dress_rehearsal(panel, design, rule=RULE, rng=np.random.default_rng(3), **options)


def test_a_known_reduction_is_recovered():
    """80 pseudo-studies of SD about .15: the mean has a standard error of .02 on the log scale."""
    panel = boroughs(np.random.default_rng(1))
    design = operation(panel, RULE, START, np.random.default_rng(0))
    found = rehearse(panel, design, percent=-30.0, studies=80)
    row = found.summary.iloc[0]
    assert row["studies"] == 80 == len(found.frame)
    assert abs(row["bias"]) < 0.06
    assert row["coverage"] >= 0.85 and row["false_alarms"] <= 0.15
    assert row["found"] > row["false_alarms"]
    assert found.check.status == "passed"


def test_more_is_found_of_a_larger_reduction():
    panel = boroughs(np.random.default_rng(1))
    design = operation(panel, RULE, START, np.random.default_rng(0))
    small, large = (rehearse(panel, design, percent=p, studies=40) for p in (-10.0, -60.0))
    assert large.summary["found"].iloc[0] > small.summary["found"].iloc[0]
    assert (large.frame["p_value_without"] == small.frame["p_value_without"]).all()


def test_each_site_rehearses_in_its_own_pool():
    rng = np.random.default_rng(2)
    panel, design = joint_operation(
        boroughs(rng, months=60), RULE, {"A": "2022-07", "B": "2023-01"}, rng, pre=3
    )
    found = rehearse(panel, design, studies=20)
    assert found.summary["site"].tolist() == ["A", "B"]
    periods = found.frame.loc[found.frame["site"] == "A", "period"]
    assert periods.min() < "2022-07" and not periods.between("2022-08", "2022-12").any()
    own = found.frame[(found.frame["site"] == "A") & (found.frame["cluster"] == "A")]
    assert (own["period"] <= "2022-04").all()


def test_without_a_pool_nothing_is_assessed():
    panel = boroughs(np.random.default_rng(3), clusters=2, months=20)
    design = operation(panel, RULE, "2020-05", np.random.default_rng(0))
    found = rehearse(panel, design)
    assert found.check.status == "not assessed" and found.frame.empty


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"percent": 20.0}, "argument 'percent': must lie in"),
        ({"studies": 0}, "argument 'studies': must be at least 1"),
    ],
)
def test_refusals(options, message):
    panel = boroughs(np.random.default_rng(1))
    design = operation(panel, RULE, START, np.random.default_rng(0))
    with pytest.raises(InputError, match=message):
        rehearse(panel, design, **options)
