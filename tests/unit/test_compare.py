"""The table of all estimators, and the tree that names the lead."""

from __future__ import annotations

import numpy as np
import pytest
from tests.did_worlds import area, month, panel_of, staggered

from hotspot_eval.design import Design, Spell
from hotspot_eval.did import compare, poisson_did, recommend


def world(n: int = 30, t: int = 12, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).poisson(8.0, (n, t)) + 1


def test_one_start_fills_every_row():
    panel, design = panel_of(world()), staggered(dict.fromkeys(range(6), 8))
    table = compare(panel, design, rng=np.random.default_rng(0)).set_index("estimator")
    assert table["estimate"].notna().all() and (table["why"] != "").all()
    assert table.loc["etwfe", "irr"] == pytest.approx(np.exp(table.loc["etwfe", "estimate"]))
    assert table["lead"].tolist().count(True) == 1 and table.loc["poisson_did", "lead"]
    effect = poisson_did(panel, design).effect
    assert table.loc["poisson_did", "crimes_prevented"] == effect.crimes_prevented().value
    assert table.loc["rirr", "estimate"] == pytest.approx(effect.estimate, abs=1e-9)
    y = world()
    means = y[:6, 8:].mean() - y[:6, :8].mean() - y[6:, 8:].mean() + y[6:, :8].mean()
    assert table.loc["wdd", "estimate"] == pytest.approx(means * 6 * 4, abs=1e-9)
    assert table.loc["linear_did", "estimate"] == pytest.approx(means, abs=1e-9)


def test_staggered_has_reasons_where_there_is_no_number():
    panel, design = panel_of(world()), staggered({i: 4 + i for i in range(6)})
    table = compare(panel, design).set_index("estimator")
    assert table.loc["imputation", "lead"]
    assert "starts differ" in table.loc["rirr", "notes"]
    assert "before:" in table.loc["linear_did", "why"]
    assert "pass rng=" in table.loc["synthetic_did", "notes"]


@pytest.mark.parametrize("case", ["no before", "all treated", "one treated", "empty"])
def test_never_a_crash_never_silence(case):
    y = world(n=8, t=5)
    starts = {"no before": {0: 0}, "all treated": dict.fromkeys(range(8), 2)}
    if case == "empty":
        y[:] = 0
    table = compare(panel_of(y), staggered(starts.get(case, {0: 2})))
    silent = table["estimate"].isna() & (table["notes"] == "")
    assert not silent.any()
    silent = table["std_error"].isna() & (table["notes"] == "")
    assert not silent.any()


def test_the_tree():
    panel = panel_of(world())
    assert recommend(panel, staggered({0: 5})).estimator == "synthetic_did"
    assert recommend(panel, staggered({0: 5, 1: 7})).estimator == "imputation"
    assert recommend(panel, staggered({0: 5, 1: 5})).estimator == "poisson_did"
    assert "a randomisation test" in str(recommend(panel, staggered({0: 5, 1: 5})))
    brief = Design(treated=[area(0), area(1)], start=month(5), end=month(6))
    assert "goes off again" in str(recommend(panel, brief))
    again = Design(
        spells=[
            Spell(area=area(i), start=month(t), end=month(t)) for i in (0, 1) for t in (4 + i, 8)
        ]
    )
    assert recommend(panel, again).estimator == "switchers"
    assert "distributed_lags" in str(recommend(panel, again))
    late = recommend(panel, staggered({0: 5, 1: 7}))
    assert any("etwfe" in words for words in late.beside)
    assert any("triple_difference" in words for words in late.beside)
    dosed = Design(spells=[Spell(area=area(i), start=month(5), dose=1.0 + i) for i in range(6)])
    assert any("dose_did" in words for words in recommend(panel, dosed).beside)
    assert late.to_frame()["part"].tolist()[:2] == ["estimator", "because"]
    assert "<li>" in late._repr_html_() and "imputation" in late._repr_html_()
    every = recommend(panel, staggered(dict.fromkeys(range(30), 5)))
    assert every.estimator == "none" and "nothing to compare with" in str(every)
    nothing = panel_of(world(), observed=np.arange(30)[:, None] + np.zeros((1, 12)) > 0)
    assert recommend(nothing, staggered({0: 5})).estimator == "none"


def test_one_site_is_not_sent_to_an_estimator_that_has_no_answer():
    panel, brief = panel_of(world()), Design(treated=[area(0)], start=month(5), end=month(6))
    ended = recommend(panel, brief)
    assert ended.estimator == "imputation"
    assert any("synthetic_did needs treatment that stays on" in words for words in ended.because)
    gap = np.ones((30, 12), dtype=bool)
    gap[3, 2] = False
    holed = recommend(panel_of(world(), observed=gap), staggered({0: 5}))
    assert holed.estimator == "poisson_did" and "observed in every period" in str(holed)
    alone = recommend(panel_of(world(n=2)), staggered({0: 5}))
    assert alone.estimator == "poisson_did" and "a single control area" in str(alone)
    for chosen, n in ((ended, 30), (alone, 2)):
        design = brief if n == 30 else staggered({0: 5})
        row = compare(panel_of(world(n=n)), design).set_index("estimator").loc[chosen.estimator]
        assert row["lead"] and np.isfinite(row["estimate"])


def test_the_tree_says_what_data_cannot_tell_it():
    panel = panel_of(world(n=12))
    told = recommend(panel, staggered(dict.fromkeys(range(6), 5)))
    assert any("come down again by themselves" in words for words in told.beside)
    assert any("only 6 control areas" in words for words in told.because)
    assert any("if crime may have moved" in words for words in told.beside)
    nearby = Design(treated=[area(0)], start=month(5), catchment=[area(1)])
    assert "displacement for the catchment and the net effect" in recommend(panel, nearby).beside
    assert any("conformal_test" in words for words in recommend(panel, nearby).beside)
    many = recommend(panel_of(world(n=40)), staggered({0: 5}))  # 2/40 is the smallest rank p
    assert not any("conformal_test" in words for words in many.beside)
    late = recommend(panel, staggered({place: 3 + place // 2 for place in range(12)}))
    assert late.estimator == "imputation" and "no area is never treated" in str(late)
