"""Every estimator beside the primary effect."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tests.did_worlds import panel_of, staggered

from hotspot_eval.did import compare, poisson_did
from hotspot_eval.report import comparison_frame, comparison_table, figures
from hotspot_eval.results import Effect, TreatedCells


@pytest.fixture(scope="module")
def compared():
    counts = np.random.default_rng(0).poisson(8.0, (30, 12)) + 1
    design = staggered({place: 6 + place % 2 for place in range(6)})
    return compare(panel_of(counts), design, rng=np.random.default_rng(0))


def _primary(estimate: float = -0.2, **more) -> Effect:
    cells = (TreatedCells(share=1.0, cells=36, events=400.0),)
    given = {"estimand": "ATT", "scale": "log_irr", "method": "m", "inference": "i"} | more
    return Effect.from_estimate(estimate, 0.1, treated_cells=cells, **given)


def test_the_primary_effect_comes_first_and_no_row_is_without_words(compared):
    table = comparison_table(compared, primary=_primary())
    assert table["estimator"].iloc[0] == "Primary effect" and len(table) == len(compared) + 1
    assert table["change_and_interval"].iloc[0].startswith("−18.1% (−32.7%\u00a0to")
    assert table["prevented_and_interval"].iloc[0].startswith("89 (")
    assert (table["why_it_may_differ"].str.len() > 10).all()
    assert table.loc[table["called_for"] == "yes", "function"].tolist() == ["imputation"]


def test_an_estimator_without_an_answer_gives_its_reason(compared):
    table = comparison_table(compared, primary=_primary()).set_index("function")
    for name in ("rirr", "wdd"):
        assert "[x]" in table.loc[name, "prevented_and_interval"]
        assert table.loc[name, "why_it_may_differ"].startswith("Not available: starts differ")
    told = comparison_table(compared, primary=_primary(math.nan, notes=("no control is left",)))
    assert told["why_it_may_differ"].iloc[0] == "Not available: no control is left"


def test_numbers_are_those_of_compare(compared):
    frame = comparison_frame(compared, primary=_primary())
    assert frame["estimate"].iloc[1:].to_numpy() == pytest.approx(
        compared["crimes_prevented"].to_numpy(), nan_ok=True
    )  # starts differ, so that the totals have no answer
    missing = frame["estimate"].isna()
    assert missing.any() and frame.loc[missing, "note"].str.contains("not available").all()
    assert figures.forest(frame, emphasis=["Primary effect"]).axes


def test_a_model_in_numbers_has_no_change_in_per_cent(compared):
    table = comparison_table(compared, primary=_primary()).set_index("function")
    assert table.loc["linear_did", "change_and_interval"] == "[z]"
    assert "%" in table.loc["poisson_did", "change_and_interval"]


def test_totals_prevent_what_their_ratio_means_on_the_treated_cells():
    counts = np.random.default_rng(0).poisson(8.0, (30, 12)) + 1
    panel, design = panel_of(counts), staggered(dict.fromkeys(range(6), 6))
    primary = poisson_did(panel, design).effect
    table = compare(panel, design, rng=np.random.default_rng(0))
    frame = comparison_frame(table, primary=primary).set_index("label")
    rows = table.set_index("estimator")
    ratio = frame.loc["Relative incidence rate ratio"]
    assert ratio["estimate"] == pytest.approx(primary.crimes_prevented().value, rel=1e-9)
    assert ratio["low"] < ratio["estimate"] < ratio["high"]
    total = frame.loc["Weighted displacement difference"]
    assert total["estimate"] == -rows.loc["wdd", "estimate"]
    assert (total["low"], total["high"]) == (
        -rows.loc["wdd", "ci_high"],
        -rows.loc["wdd", "ci_low"],
    )
    assert frame["note"].eq("").all()
