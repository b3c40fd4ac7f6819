"""Goodman-Bacon on the castle doctrine and math reform data (bacondecomp's published tables)."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from tests.did_worlds import panel_of, staggered

from hotspot_eval.design import Design
from hotspot_eval.did import bacon, linear_did
from hotspot_eval.did.bacon import bacon_table
from hotspot_eval.panel import Panel


def published(shared_data, name, area, period, value, start):
    frame = pd.read_csv(shared_data / "reference" / f"{name}.csv")
    frame[period] = frame[period].astype(int)
    panel = Panel.from_values(frame, area=area, period=period, value=value)
    first = frame.dropna(subset=[start]).drop_duplicates(area).set_index(area)[start].astype(int)
    first = first[first > 0]
    labels = [str(int(a)) if isinstance(a, float) else a for a in first.index]
    before = {a: max(g, int(frame[period].min())) for a, g in zip(labels, first, strict=True)}
    inside = {a: str(g) for a, g in before.items() if g <= frame[period].max()}
    return panel, Design(treated=list(inside), start=inside)


def test_castle_doctrine(shared_data):
    panel, design = published(shared_data, "castle_did2s", "sid", "year", "l_homicide", "effyear")
    table = bacon(panel, design).evidence.set_index("kind")
    expected = {
        "earlier against later treated": (0.060, -0.006),
        "later against earlier treated": (0.032, 0.070),
        "treated against never treated": (0.908, 0.088),
    }
    for kind, (weight, estimate) in expected.items():
        assert table.loc[kind, "weight"] == pytest.approx(weight, abs=6e-4)
        assert table.loc[kind, "estimate"] == pytest.approx(estimate, abs=6e-4)
    assert linear_did(panel, design).effect.estimate == pytest.approx(0.0818, abs=5e-5)


def test_math_reform(shared_data):
    panel, design = published(
        shared_data, "math_reform", "state", "class", "incearn_ln", "reformyr_math"
    )
    table = bacon(panel, design).evidence
    expected = [(0.06353, 0.02868), (0.05265, 0.03375), (0.88382, -0.00129)]
    for weight, estimate in expected:
        row = table.iloc[(table["weight"] - weight).abs().argmin()]
        assert row["weight"] == pytest.approx(weight, abs=6e-6)
        assert row["estimate"] == pytest.approx(estimate, abs=6e-6)


@pytest.mark.parametrize("seed", range(4))
def test_parts_add_up_to_the_two_way_estimate(seed):
    rng = np.random.default_rng(seed)
    panel = panel_of(rng.normal(size=(15, 7)), values=True)
    design = staggered({0: 2, 1: 2, 2: 3, 3: 5, 4: 6})
    table = bacon_table(panel, design)
    assert table["weight"].sum() == pytest.approx(1.0, abs=1e-12)
    total = (table["weight"] * table["estimate"]).sum()
    assert total == pytest.approx(linear_did(panel, design).effect.estimate, abs=1e-10)


def test_status_and_reasons():
    rng = np.random.default_rng(0)
    y = rng.poisson(9, (12, 8))
    once = bacon(panel_of(y), staggered({0: 3, 1: 3}))
    assert once.status == "passed" and "0% of the two-way" in once.sentence
    late = bacon(panel_of(y), staggered({i: 2 + i % 5 for i in range(11)}))
    assert late.status == "failed"
    gaps = panel_of(y, observed=rng.random((12, 8)) > 0.1)
    assert "every period" in bacon(gaps, staggered({0: 3, 1: 3})).sentence
    brief = Design(treated=["A0000"], start="2020-03", end="2020-04")
    assert "stays on" in bacon(panel_of(y), brief).sentence
