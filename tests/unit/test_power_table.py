"""`hotspot-eval power`: sites, durations and dosages before and after an operation has begun."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

from hotspot_eval import cli
from hotspot_eval.errors import InputError
from hotspot_eval.planning import Dosage
from hotspot_eval.run.power import dosage_of, power_table
from hotspot_eval.simulate import Geography, Operation, simulate

START = "2022-03-07"


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    home = tmp_path_factory.mktemp("power")
    simulate(
        rng=np.random.default_rng(5),
        start="2018-01-01",
        weeks=260,
        geography=Geography(boroughs=4, areas_per_borough=14),
        operation=Operation(start=START, weeks=20, k=3),
    ).write(home, frequency="month")
    params = {
        "study": "planned",
        "title": "An operation to be planned",
        "seed": 1,
        "counts": {
            "kind": "tidy",
            "paths": ["counts.csv"],
            "period": "month",
            "source": "internal",
        },
        "areas": {"path": "areas.gpkg", "id_column": "area", "cluster_column": "cluster"},
        "register": {"path": "register.csv"},
        "outcomes": {"primary": "violence"},
        "comparison": {"catchment": "none"},
        "window": {"pre_periods": 6, "post_periods": 3},
        "selection": {"rule": "top_count"},
        "acknowledge": dict.fromkeys(
            ("lockdown-2020-03", "lockdown-2020-11", "lockdown-2021-01"), "simulated"
        ),
    }
    (home / "params.yaml").write_text(yaml.safe_dump(params))
    return home


@pytest.fixture
def planned(made, tmp_path) -> Path:
    """The same before the operation: the counts end in February 2022."""
    home = Path(shutil.copytree(made, tmp_path / "planned"))
    counts = pd.read_csv(home / "counts.csv")
    counts[counts["month"] < "2022-03"].to_csv(home / "counts.csv", index=False)
    return home


def test_an_operation_that_has_begun_is_judged_in_its_own_windows(made):
    table = power_table(made / "params.yaml")
    assert len(table) == 4
    assert set(table["duration"]) == {3}
    assert table["power"].is_monotonic_decreasing
    assert table["rank"].tolist() == [1, 2, 3, 4]
    assert "officer_hours" not in table
    assert (table["mde_percent"] < 0).all()


def test_a_planned_operation_is_played_on_the_past(planned, made):
    table = power_table(planned / "params.yaml")
    assert set(table["duration"]) == {3}
    assert np.isfinite(table["mde_percent"]).all()
    dosages = [Dosage(percent=-10, hours_per_area_period=20), Dosage(hours_per_area_period=40)]
    options = {"durations": [3, 6], "dosages": dosages}
    before = power_table(planned / "params.yaml", **options)
    assert len(before) == 4 * 2 * 2
    row = before[(before["duration"] == 6) & (before["hoped_percent"] == -20)].iloc[0]
    assert row["officer_hours"] == 40 * 3 * 6
    # What happened from the start on is not read: with it or without, the table is the same.
    after = power_table(made / "params.yaml", **options)
    pd.testing.assert_frame_equal(before, after)


def test_what_cannot_be_played_stays_with_its_reason(planned):
    table = power_table(planned / "params.yaml", durations=[3, 500])
    long = table[table["duration"] == 500]
    assert long["power"].isna().all()
    assert long["notes"].str.contains("untreated periods are too few to play 500").all()
    assert table.loc[table["duration"] == 3, "power"].notna().all()


def test_dosages_on_the_command_line(planned):
    assert dosage_of("-15") == Dosage(percent=-15.0)
    assert dosage_of("40:-20") == Dosage(percent=-20.0, hours_per_area_period=40.0)
    with pytest.raises(InputError, match="neither HOURS:PERCENT nor a per cent"):
        dosage_of("forty")
    told = CliRunner().invoke(
        cli.app,
        ["power", str(planned / "params.yaml"), "--duration", "3", "--dosage", "40:-20"],
    )
    assert told.exit_code == cli.ALL_WELL, told.output
    assert "officer_hours" in told.output and "360.0" in told.output
