"""The main job end to end: notebooks through Papermill, records, tables, pages, exit codes."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import papermill
import pytest
import yaml
from typer.testing import CliRunner

from hotspot_eval import cli
from hotspot_eval.run import manifest
from hotspot_eval.run.demo import write_inputs
from hotspot_eval.run.manifest import sha256
from hotspot_eval.run.plan import NOTEBOOKS, notebook_folder
from hotspot_eval.run.study import open_study

pytestmark = pytest.mark.xdist_group("notebooks")


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    """Two simulated boroughs, and one whose operation lies before all counts; run once."""
    home = tmp_path_factory.mktemp("study")
    params = write_inputs(home)
    told = yaml.safe_load(params.read_text())
    told["title"] = "A study of <b>three</b> & more"
    params.write_text(yaml.safe_dump(told))
    register = pd.read_csv(home / "input" / "register.csv")
    early = register["borough"] == "Barnsgate"
    register.loc[early, ["start", "end"]] = ["2016-01-04", "2016-03-27"]
    register.to_csv(home / "input" / "register.csv", index=False)
    assert CliRunner().invoke(cli.app, ["lock", str(params)]).exit_code == cli.ALL_WELL
    told["selection"]["lookback"] = 4
    params.write_text(yaml.safe_dump(told))
    result = CliRunner().invoke(
        cli.app, ["run", str(params), "--out", str(home / "out"), "--jobs", "2"]
    )
    assert result.exit_code == cli.SOME_FAILED, result.output
    assert "[3/3]" in result.output
    return home


def test_a_failing_site_stops_nobody_and_is_named(study):
    out = study / "out"
    estimates = pd.read_csv(out / "estimates.csv")
    assert set(estimates.loc[estimates["role"] == "primary", "site"]) >= {"Alderbrook", "Cawdon"}
    failed = estimates[estimates["site_status"] == "failed"]
    assert len(failed) == 1
    assert failed["site"].item() == "Barnsgate"
    assert "cannot be evaluated" in failed["reason"].item()
    index = (out / "index.html").read_text()
    assert "cannot be evaluated" in index
    assert "&lt;b&gt;three&lt;/b&gt; &amp; more" in index
    assert "<b>" not in index


def test_every_notebook_was_rendered_and_wrote_its_part(study):
    for name in NOTEBOOKS:
        assert (study / "out" / "Alderbrook" / f"{name}.html").is_file()
        assert (study / "out" / "internal" / "Alderbrook" / f"{name}.part.json").is_file()
    assert (study / "out" / "synthesis" / "index.html").is_file()


def test_the_truth_lies_in_the_intervals(study):
    estimates = pd.read_csv(study / "out" / "estimates.csv")
    primary = estimates[(estimates["role"] == "primary") & estimates["site"].ne("all-sites")]
    assert ((primary["percent_low"] < -25.0) & (primary["percent_high"] > -25.0)).all()


def test_nothing_published_names_a_folder_or_holds_records(study):
    out = study / "out"
    published = [p for p in out.rglob("*") if p.is_file() and "internal" not in p.parts]
    assert published
    for path in published:
        if path.suffix in {".html", ".json", ".csv"}:
            text = path.read_text(encoding="utf-8")
            assert str(study) not in text, path
            assert not re.search(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}", text), path
            assert "easting" not in text.splitlines()[0].casefold(), path


def test_the_mean_takes_in_what_sites_share(study):
    out = study / "out"
    opened = open_study(out)
    shared = opened.shared()
    effects = opened.effects()
    assert list(effects) == ["Alderbrook", "Cawdon"]
    assert shared.covariance is not None and shared.covariance.shape == (2, 2)
    assert abs(shared.covariance[0, 1]) > 0
    own = [effect.std_error for effect in effects.values()]
    assert np.sqrt(np.diag(shared.covariance)) == pytest.approx(own, rel=0.25)
    assert "share what happens in them" in repr(shared)
    estimates = pd.read_csv(out / "estimates.csv")
    mean = estimates[(estimates["site"] == "all-sites") & (estimates["role"] == "primary")]
    assert "sites are not independent" in mean["notes"].item()
    assert (estimates["site"].eq("all-sites") & estimates["role"].eq("regression_to_mean")).any()
    page = (out / "synthesis" / "index.html").read_text()
    assert "is estimated from their replays" in page and "leave one site out" in page.lower()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"estimation": {"inference": "model"}}, "took the model's own error"),
        ({"selection": {"lookback": 9}}, "do not give the effect on record"),
        ({"counts": {"paths": ["gone.csv"]}}, "cannot be opened again"),
    ],
)
def test_sites_that_cannot_be_joined_are_taken_as_independent(study, tmp_path, change, told):
    out = tmp_path / "out"
    shutil.copytree(study / "out" / "internal", out / "internal")
    where = out / "internal" / "Cawdon" / "manifest.json"
    manifest = json.loads(where.read_text())
    for section, values in change.items():
        manifest["params"][section] |= values
    where.write_text(json.dumps(manifest))
    for stored in where.parent.glob("panel-*.npz"):
        stored.unlink()
    shared = open_study(out).shared()
    assert shared.covariance is None
    assert "taken as independent" in shared.told and told in shared.told
    assert str(tmp_path) not in shared.told


def test_the_manifest_says_what_was_run_on_what(study):
    manifest = json.loads((study / "out" / "Cawdon" / "manifest.json").read_text())
    assert set(manifest["seconds"]) == set(NOTEBOOKS)
    assert manifest["inputs"]["incidents.csv"]["sha256"]
    assert manifest["packages"]["pandas"]
    assert manifest["seed"] == 20220718


def test_the_page_tells_what_changed_since_the_lock(study):
    checks = pd.read_csv(study / "out" / "checks.csv")
    told = checks[checks["check"] == "pre-specification"]
    assert set(told["site"]) == {"Alderbrook", "Cawdon"}
    assert set(told["status"]) == {"failed"}
    page = (study / "out" / "Alderbrook" / "index.html").read_text()
    assert "1 field changed since: selection.lookback" in page


def test_a_second_run_keeps_what_is_good_and_repeats_the_rest_to_the_byte(study, monkeypatch):
    out, params = study / "out", str(study / "input" / "params.yaml")
    tables = ("estimates.csv", "checks.csv", "ledger.csv")
    before = {name: (out / "Alderbrook" / name).read_bytes() for name in tables}
    everything = (out / "estimates.csv").read_bytes()
    shutil.rmtree(out / "internal" / "Alderbrook")
    read = []
    monkeypatch.setattr(manifest, "sha256", lambda path: read.append(path) or sha256(path))
    result = CliRunner().invoke(cli.app, ["run", params, "--out", str(out), "--jobs", "1"])
    assert "Cawdon: kept" in result.output
    assert {name: (out / "Alderbrook" / name).read_bytes() for name in tables} == before
    assert (out / "estimates.csv").read_bytes() == everything
    assert sorted(path.name for path in read) == ["areas.gpkg", "incidents.csv", "register.csv"]


def test_status_and_report_read_what_was_written(study):
    out = str(study / "out")
    status = CliRunner().invoke(cli.app, ["status", out])
    assert status.exit_code == cli.SOME_FAILED
    assert "Alderbrook" in status.output
    stored = study / "out" / "internal" / "study.json"
    before = stored.read_text()
    stored.write_text(before.replace('"title": "Alderbrook"', '"title": "Alder & Brook"'))
    assert "Alder & Brook" in CliRunner().invoke(cli.app, ["status", out]).output
    stored.write_text(before)
    page = study / "out" / "Alderbrook" / "index.html"
    before = page.read_bytes()
    page.unlink()
    assert CliRunner().invoke(cli.app, ["report", out]).exit_code == cli.ALL_WELL
    assert page.read_bytes() == before


@pytest.mark.parametrize("name", [*NOTEBOOKS, "10_synthesis"])
def test_every_notebook_runs_alone_with_its_defaults(name, tmp_path_factory):
    """As in JupyterLab: from the notebooks' folder, without parameters, in any order."""
    project = tmp_path_factory.getbasetemp() / "alone"
    (project / "notebooks").mkdir(parents=True, exist_ok=True)
    papermill.execute_notebook(
        str(notebook_folder() / f"{name}.ipynb"),
        str(project / f"{name}.ipynb"),
        cwd=str(project / "notebooks"),
        kernel_name="python3",
        progress_bar=False,
    )
    where = "synthesis" if name == "10_synthesis" else "Alderbrook"
    part = project / "outputs" / "demo" / "internal" / where / f"{name}.part.json"
    assert part.is_file()
