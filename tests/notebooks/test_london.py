"""The real run: London ward months and the real register, every borough with deployments."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

from hotspot_eval import cli
from hotspot_eval.run.folders import Folders
from hotspot_eval.run.inputs import Inputs
from hotspot_eval.run.params import load_params
from hotspot_eval.run.site import Site

PARAMS = Path(__file__).resolve().parents[2] / "params" / "examples" / "london_lfr.yaml"
pytestmark = pytest.mark.xdist_group("notebooks")


@pytest.fixture(scope="module")
def inputs(shared_data) -> Inputs:
    return Inputs(params=load_params(PARAMS), folders=Folders.around(PARAMS, [shared_data]))


def test_all_252_deployments_are_accounted_for(inputs):
    register = inputs.register()
    assert register.deployments == 252
    ledger = register.ledger.to_frame()
    read = ledger[ledger["step"].str.startswith("read")]
    into = read.loc[read["entry"] == "in", "rows"].item()
    assert into == 252 + read.loc[read["entry"] == "left out", "rows"].sum()
    swapped = register.findings["problem"].str.contains("swapped")
    assert swapped.sum() >= 94


def test_every_borough_with_deployments_is_evaluated(inputs, tmp_path):
    """Both outcomes in all 31 boroughs: an estimate, or a reason why there is none."""
    boroughs = inputs.boroughs()
    assert len(boroughs) == 31
    effects = {}
    for name in boroughs:
        site = Site(name=name, params=inputs.params, inputs=inputs, folder=tmp_path)
        design, estimate = site.design(), site.estimator()
        for outcome in ("violence", "robbery"):
            effects[name, outcome] = estimate(site.panel(outcome), design).effect
    frame = pd.concat([effect.to_frame() for effect in effects.values()])
    known = np.isfinite(frame["estimate"])
    assert (known | (frame["notes"] != "")).all()
    assert known.all()
    assert frame["estimate"].abs().max() < 2.0
    assert (frame["n_treated"] >= 1).all()
    assert np.isfinite(frame["std_error"]).mean() > 0.9


def test_a_borough_runs_through_the_notebooks(shared_data, tmp_path):
    told = yaml.safe_load(PARAMS.read_text())
    told["boroughs"] = ["Croydon"]
    for name in ("_defaults.yaml",):
        (tmp_path / name).write_text((PARAMS.parent / name).read_text())
    params = tmp_path / "study.yaml"
    params.write_text(yaml.safe_dump(told))
    out = tmp_path / "out"
    result = CliRunner().invoke(
        cli.app, ["run", str(params), "--data", str(shared_data), "--out", str(out)]
    )
    assert result.exit_code == cli.ALL_WELL, result.output
    checks = pd.read_csv(out / "checks.csv").set_index("check")
    assert "met-connect-2024-02" in checks.loc["breaks in the record", "sentence"]


@pytest.mark.slow
def test_the_whole_of_london_through_the_notebooks(shared_data, tmp_path):
    """All 31 boroughs and their synthesis; minutes, so run by `make calibrate`."""
    result = CliRunner().invoke(
        cli.app,
        ["run", str(PARAMS), "--data", str(shared_data), "--out", str(tmp_path), "--jobs", "2"],
    )
    assert result.exit_code == cli.ALL_WELL, result.output
    estimates = pd.read_csv(tmp_path / "estimates.csv")
    assert estimates.loc[estimates["role"] == "primary", "site"].nunique() == 32
