"""Calibration of selection replay: a quick slice always, the study with ``make calibrate``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.calibration.calibration_report import write_report
from tests.calibration.calibration_worlds import judge
from tests.calibration.placebo_study import (
    Cell,
    block_interval,
    ordinary,
    play,
    stage_of,
    study_cell,
    ward_panel,
)

from hotspot_eval.design import Design
from hotspot_eval.did import PoissonDid
from hotspot_eval.inference import replay

RISE = Cell(outcome="violence_with_injury", rule="change", post=3, pre=3, gap=0)


@pytest.fixture(scope="module")
def wards(shared_data):
    return ward_panel(shared_data, RISE.outcome)


def test_default_holds_size_where_ordinary_tools_do_not(wards):
    """Areas chosen for their rise: Poisson DiD finds effects in half of 90 placebo studies.

    Bounds for replay: a share of 5 % over about 180 studies in 32 boroughs has a standard error
    of .02, so [0, .11] is three of them.
    """
    table = study_cell(wards, RISE, np.random.default_rng(1), every=5)
    seen = table.dropna(subset=["p"])
    assert len(seen) > 150 and table["p"].isna().mean() < 0.07
    size, low, high = block_interval(
        (seen["p"] <= 0.05).astype(float), seen["cluster"], np.random.default_rng(1)
    )
    assert size <= 0.11 and low <= 0.07 and high >= 0.03
    assert abs(seen["estimate"].mean()) < 3 * seen["estimate"].std() / np.sqrt(len(seen))
    assert seen["expected_change"].mean() < -0.2
    scenes = play(stage_of(wards), RISE, np.random.default_rng(1))
    p = ordinary(wards, RISE, scenes.take(np.arange(0, len(scenes), 10)))
    assert (p["p_poisson_cr1"] <= 0.05).mean() > 0.35
    assert (p["p_linear_cr1"] <= 0.05).mean() > 0.35


@pytest.mark.parametrize("row", [300, 851])
def test_the_study_is_what_replay_does(wards, row):
    """The fast path of the study and the public function give one answer.

    Not to the last digit: in ``replay`` the treated areas also leave the bystanders of scenes
    whose windows reach into the operation, which moves the estimate by about 1e-4.
    """
    rng = np.random.default_rng(1)
    scenes = play(stage_of(wards), RISE, rng)
    table = study_cell(wards, RISE, rng).set_index("row")
    labels = wards.periods.labels
    design = Design(
        treated=[wards.areas[i] for i in scenes.treated[row]],
        controls=[wards.areas[i] for i in scenes.controls[row]],
        start=labels[scenes.onset[row]],
        pre_periods=3,
        post_periods=3,
    )
    result = replay(wards, design, rule=RISE.chooser(), estimator=PoissonDid(), rng=rng)
    assert len(result.draws) == table.loc[row, "scenes"]
    assert result.pool["rung"].tolist() == [table.loc[row, "rung"]]
    assert result.effect.estimate == pytest.approx(table.loc[row, "estimate"], abs=1e-3)
    assert result.effect.p_value == pytest.approx(table.loc[row, "p"], abs=0.01)


def test_all_boroughs_at_once_holds_size_under_shared_shocks():
    """12 worlds: at 5 % five or more rejections have probability below .001."""
    rejected = [judge(900 + seed, "all boroughs", 0.15, 1.0)["rejects"] for seed in range(12)]
    assert sum(rejected) < 5


@pytest.mark.slow
def test_calibration_study(shared_data, request):
    """Writes docs/calibration.md; fails if the default misses what it promises."""
    if "slow" not in request.config.option.markexpr:
        pytest.skip("ten minutes long: run by `make calibrate`")
    target = Path(__file__).resolve().parents[2] / "docs" / "calibration.md"
    tables = write_report(shared_data, target)
    default = tables["default"]
    assert default["in [.03, .07]"].all()
    assert (default["NaN"] < 0.06).all()
    assert (default["coverage at −20 %"] >= 0.93).all()
    assert default["power"].mean() >= 1.25 * default["plain power"].mean()
