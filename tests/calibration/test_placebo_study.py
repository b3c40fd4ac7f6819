"""Calibration of selection replay: a quick slice always, the study with ``make calibrate``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.calibration.block_intervals import block_share
from tests.calibration.calibration_peers import peers
from tests.calibration.calibration_report import all_parts, write_report
from tests.calibration.calibration_run import Part, play_all
from tests.calibration.calibration_together import study_together, together_row
from tests.calibration.calibration_worlds import judge
from tests.calibration.placebo_study import (
    Cell,
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
    size, low, high = block_share(seen["p"] <= 0.05, seen["cluster"])
    assert size <= 0.11 and low <= 0.07 and high >= 0.03
    assert abs(seen["estimate"].mean()) < 3 * seen["estimate"].std() / np.sqrt(len(seen))
    assert seen["expected_change"].mean() < -0.2
    p = peers(wards, RISE, np.random.default_rng(1), tools="cheap", every=15)
    for tool in ("Poisson, CR1", "OLS, CR1", "WDD", "RIRR"):
        assert (p[tool] <= 0.05).mean() > 0.35


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


@pytest.mark.parametrize("name", ["all boroughs", "staggered", "spillover"])
def test_joined_boroughs_hold_size_under_shared_shocks(name):
    """16 worlds: at 5 % five or more rejections have probability .001."""
    told = pd.DataFrame([judge(900 + seed, name, 0.15) for seed in range(16)])
    assert told["rejects"].sum() < 5
    assert told["covers acted"].sum() > 11
    assert told["nan"].sum() == 0


def test_joined_boroughs_know_their_spread_on_real_counts(wards):
    """Ten dates × eight groups of four: the SD of 80 effects has a standard error of 8 %."""
    row = together_row(study_together(wards, RISE, np.random.default_rng(1), group="4"))
    assert row["NaN"] == 0
    assert 0.75 < row["SD of effects"] / row["root mean square SE"] < 1.3
    assert row["size"] < 0.14 and row["power at −20 %"] > 0.5


def test_two_processes_tell_what_one_tells(shared_data):
    parts = [part for part in all_parts() if part.kind == "worlds"][:2]
    parts = [replace(part, count=2) for part in parts]
    parts.append(Part(kind="cells", cell=RISE, every=90))
    one, two = (play_all(shared_data, parts, jobs=jobs) for jobs in (1, 2))
    for part in parts:
        pd.testing.assert_frame_equal(one[part], two[part])


@pytest.mark.slow
def test_calibration_study(shared_data, request):
    """Writes docs/calibration.md; fails if the default misses what it promises."""
    if "slow" not in request.config.option.markexpr:
        pytest.skip("a quarter of an hour long: run by `make calibrate`")
    target = Path(__file__).resolve().parents[2] / "docs" / "calibration.md"
    tables = write_report(shared_data, target)
    default = tables["default"]
    assert default["in [.03, .07]"].all()
    assert (default["NaN"] < 0.05).all()
    assert (default["coverage at −20 %"] >= 0.93).all()
    assert default["power"].mean() >= 1.3 * default["plain power"].mean()
    assert default["power"].mean() >= default["yardstick power"].mean()
    mimic, once = tables["mimic"], tables["once"]
    assert (mimic["NaN"] < 0.05).all() and (once["NaN"] < 0.05).all()
    assert ((mimic["high"] >= 0.02) & (mimic["low"] <= 0.08)).all()
    worlds, joint = tables["worlds"], tables["joint"]
    monte_carlo = np.sqrt(0.05 * 0.95 / worlds["worlds"])
    assert (worlds["size"] <= 0.05 + 2.5 * monte_carlo).all() and (worlds["NaN"] < 0.05).all()
    assert (worlds["coverage at −20 %"] >= 0.95 - 3 * monte_carlo).all()
    assert (joint["NaN"] < 0.05).all() and joint["size"].mean() <= 0.08
