"""Group-time effects and their four averages against moderndid, on panels of unusual shapes.

Cells 1e-6, errors 1e-5 relative (the peer's logit stops earlier). Left out: with a varying base,
cells in which anticipation is allowed, which the peer, as R's did, compares with the period before.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from tests.did_worlds import area, month, panel_of, staggered

from hotspot_eval.did import group_time
from hotspot_eval.errors import InputError

PEER = {"dr": "dr", "or": "reg", "ipw": "ipw", "never": "nevertreated", "not_yet": "notyettreated"}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", range(14))
def test_random_panels(seed):
    """Several cohorts, areas always treated, nobody never treated, anticipation, covariates."""
    md = pytest.importorskip("moderndid")
    rng = np.random.default_rng([5, seed])
    n, t = int(rng.integers(40, 80)), int(rng.integers(7, 9))
    starts = [3, 5]
    never = bool(rng.random() < 0.7)
    first = rng.choice([*starts, 99] if never else starts, size=n)
    first[:3] = 0
    y = rng.poisson(rng.gamma(4.0, 2.0, (n, 1)) * np.exp(0.1 * np.arange(t)))
    x = rng.normal(size=n) if rng.random() < 0.5 else None
    options = {
        "control": "never" if never and rng.random() < 0.5 else "not_yet",
        "base": ("universal", "varying")[rng.integers(2)],
        "method": ("dr", "or", "ipw")[rng.integers(3)] if x is not None else "dr",
        "anticipation": int(rng.integers(0, 3 if never else 2)),
    }
    given = None if x is None else pd.Series(x, [area(i) for i in range(n)])
    design = staggered({i: int(g) for i, g in enumerate(first) if g < t})
    ours = group_time(panel_of(y), design, covariates=given, **options)
    frame = pd.DataFrame(
        {
            "id": np.repeat(np.arange(n), t),
            "t": np.tile(np.arange(1, t + 1), n),
            "y": y.ravel().astype(float),
            "g": np.repeat(np.where(first < t, first + 1.0, 0.0), t),
            "x": 0.0 if x is None else np.repeat(x, t),
        }
    )
    peer = md.att_gt(
        frame,
        yname="y",
        tname="t",
        idname="id",
        gname="g",
        xformla=None if x is None else "~x",
        est_method=PEER[options["method"]],
        control_group=PEER[options["control"]],
        base_period=options["base"],
        anticipation=options["anticipation"],
        boot=False,
        cband=False,
    )
    theirs = pd.DataFrame(
        {
            "cohort": [month(int(g) - 1) for g in peer.groups],
            "period": [month(int(p) - 1) for p in peer.times],
            "peer": peer.att_gt,
            "peer_error": peer.se_gt,
        }
    )
    both = ours.to_frame().dropna(subset="att").merge(theirs, on=["cohort", "period"])
    early = both["event_time"].between(-options["anticipation"], -1)
    both = both[~early | (options["base"] == "universal")]
    assert (both["event_time"] >= 0).any() and both["std_error"].notna().sum() > 2
    np.testing.assert_allclose(both["att"], both["peer"], atol=1e-6)
    shown = both["std_error"].notna()
    np.testing.assert_allclose(both["std_error"][shown], both["peer_error"][shown], rtol=1e-5)
    for kind, name in (("simple",) * 2, ("group",) * 2, ("event", "dynamic"), ("calendar",) * 2):
        average = md.aggte(peer, type=name, na_rm=True, boot=False, cband=False)
        effect = ours.aggregate(kind).effect
        assert effect.estimate == pytest.approx(float(average.overall_att), abs=1e-6)
        assert effect.std_error == pytest.approx(float(average.overall_se), rel=1e-5)
    if not (both["event_time"] == 1).any():
        with pytest.raises(InputError, match="no cohort has an effect 1 periods"):
            ours.aggregate("event", balance=1)
        return
    average = md.aggte(peer, type="dynamic", balance_e=1, na_rm=True, boot=False, cband=False)
    balanced = ours.aggregate("event", balance=1)
    assert balanced.effect.estimate == pytest.approx(float(average.overall_att), abs=1e-6)
    assert balanced.effect.std_error == pytest.approx(float(average.overall_se), rel=1e-5)
    for e, value in zip(average.event_times, average.att_by_event, strict=True):
        if e >= 0:
            assert balanced[str(int(e))].estimate == pytest.approx(float(value), abs=1e-6)
    assert max(int(label) for label in balanced.labels[:-1]) == 1
