"""Every kind of source that params can name ends in the same panel, or in a named refusal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hotspot_eval.errors import InputError
from hotspot_eval.run.folders import Folders
from hotspot_eval.run.inputs import Inputs
from hotspot_eval.run.params import Params
from hotspot_eval.run.site import Site
from hotspot_eval.simulate import Geography, Operation, World, simulate


@pytest.fixture(scope="module")
def world() -> World:
    return simulate(
        rng=np.random.default_rng(11),
        start="2021-01-04",
        weeks=78,
        geography=Geography(boroughs=2, areas_per_borough=16),
        operation=Operation(start="2022-01-03", weeks=12, k=2),
    )


@pytest.fixture(scope="module")
def folder(world, tmp_path_factory) -> Path:
    home = tmp_path_factory.mktemp("inputs")
    world.write(home, frequency="month")
    world.write_police_uk(home / "street")
    return home


def inputs(folder: Path, counts: dict[str, Any], **more: Any) -> Inputs:
    params = Params(
        study="inputs",
        title="Inputs",
        seed=1,
        counts=counts,
        areas={"path": "areas.gpkg", "id_column": "area", "cluster_column": "cluster"},
        register={"path": "register.csv"},
        **{"outcomes": {"primary": "violence"}, **more},
    )
    return Inputs(params=params, folders=Folders(project=folder))


TIDY = {"kind": "tidy", "paths": ["counts.csv"], "period": "month"}
DATED = {
    "kind": "incidents",
    "paths": ["incidents.csv"],
    "period": "datetime",
    "outcome_column": "outcome",
}


def test_tidy_counts_and_dated_records_give_the_same_months(folder):
    tidy = inputs(folder, TIDY).panel()
    labels = tidy.periods.labels
    window = {"frequency": "month", "start": labels[0], "end": labels[-1]}
    dated = inputs(folder, DATED, window=window).panel()
    assert dated.areas == tidy.areas
    assert dated.periods == tidy.periods
    assert dated.cluster == tidy.cluster
    assert (dated.counts == tidy.counts).all()


def test_weeks_come_from_dates(folder, world):
    window = {"frequency": "week", "start": "2021-01-04"}
    panel = inputs(folder, DATED, window=window).panel()
    truth = world.panel(frequency="week", outcomes=["violence"])
    assert panel.counts.sum() == truth.counts.sum()


def test_records_without_an_area_are_placed_by_their_point(folder):
    by_code = inputs(folder, DATED, window={"frequency": "month"}).panel()
    source = {**DATED, "area": None, "easting": "easting", "northing": "northing"}
    by_point = inputs(folder, source, window={"frequency": "month"}).panel()
    assert abs(int(by_point.counts.sum()) - int(by_code.counts.sum())) <= 5


def test_street_files_count_the_types_that_the_params_name(folder):
    types = {"violence": ["Violence and sexual offences"]}
    source = {"kind": "police_uk", "paths": ["street"], "types": types}
    street = inputs(folder, source).panel()
    tidy = inputs(folder, TIDY).panel()
    shared = [label for label in street.periods.labels if label in tidy.periods.labels]
    span = (shared[0], shared[-1])
    assert (street.select(periods=span).counts == tidy.select(periods=span).counts).all()


def test_weeks_of_street_files_are_refused(folder):
    types = {"violence": ["Violence and sexual offences"]}
    source = {"kind": "police_uk", "paths": ["street"], "types": types}
    with pytest.raises(InputError, match="week"):
        inputs(folder, source, window={"frequency": "week"}).panel()


def test_an_outcome_that_does_not_occur_is_named(folder):
    with pytest.raises(InputError, match="arson"):
        inputs(folder, DATED, outcomes={"primary": "arson"}).panel()


def test_a_tidy_table_is_one_file(folder):
    with pytest.raises(InputError, match="several files where a tidy table is one"):
        inputs(folder, {**TIDY, "paths": ["counts.csv", "counts.csv"]}).panel()


def test_population_must_cover_every_area(folder, world):
    table = world.areas.reset_index()[["area", "population"]].iloc[1:]
    table.to_csv(folder / "people.csv", index=False)
    people = {"path": "people.csv", "id_column": "area", "value_column": "population"}
    with pytest.raises(InputError, match="population: is not above 0"):
        inputs(folder, TIDY, population=people).panel()


def test_a_stored_panel_is_read_again_when_params_or_files_change(folder, tmp_path):
    def site(**more: Any) -> Site:
        made = inputs(folder, TIDY, **more)
        return Site(name="any", params=made.params, inputs=made, folder=tmp_path)

    first = site().panel()
    assert [path.name.startswith("panel-") for path in tmp_path.iterdir()] == [True]
    assert (site().panel().counts == first.counts).all()
    assert site(outcomes={"primary": "robbery"}).panel().outcomes == ("robbery",)
    untouched = (folder / "counts.csv").read_bytes()
    counts = pd.read_csv(folder / "counts.csv")
    try:
        counts.assign(violence=counts["violence"] + 1).to_csv(folder / "counts.csv", index=False)
        assert (site().panel().counts == first.counts + 1).all()
    finally:
        (folder / "counts.csv").write_bytes(untouched)
    assert len(list(tmp_path.iterdir())) == 1
