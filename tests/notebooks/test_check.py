"""`hotspot-eval check`: ten planted mistakes, all said in one go, nothing written."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

from hotspot_eval import cli
from hotspot_eval.errors import InputError
from hotspot_eval.run.check import check_params
from hotspot_eval.simulate import Geography, Operation, simulate


@pytest.fixture
def project(tmp_path) -> Path:
    """A usable project: one borough of simulated areas, monthly counts, a register, params."""
    home = tmp_path / "project"
    world = simulate(
        rng=np.random.default_rng(5),
        start="2021-01-04",
        weeks=104,
        geography=Geography(boroughs=1, areas_per_borough=20),
        operation=Operation(start="2022-03-07", weeks=20, k=3),
    )
    world.write(home, frequency="month")
    params = {
        "study": "check",
        "title": "A study to be checked",
        "seed": 1,
        "counts": {
            "kind": "tidy",
            "paths": ["counts.csv"],
            "period": "month",
            "source": "police_uk",
        },
        "areas": {"path": "areas.gpkg", "id_column": "area", "cluster_column": "cluster"},
        "register": {"path": "register.csv"},
        "population": {"path": "population.csv", "id_column": "area", "value_column": "people"},
        "outcomes": {"primary": "violence", "secondary": ["robbery"]},
        "window": {"pre_periods": 6},
    }
    people = pd.DataFrame({"area": world.areas.index, "people": 1000})
    people.to_csv(home / "population.csv", index=False)
    (home / "params.yaml").write_text(yaml.safe_dump(params))
    return home


def edit(home: Path, **changes: object) -> None:
    path = home / "params.yaml"
    params = yaml.safe_load(path.read_text())
    for name, value in changes.items():
        known = params.get(name)
        both = isinstance(known, dict) and isinstance(value, dict)
        params[name] = {**known, **value} if both else value
    path.write_text(yaml.safe_dump(params))


def told(home: Path) -> list[str]:
    return [str(problem) for problem in check_params([home / "params.yaml"])[0]]


def test_a_usable_project_has_no_problem(project):
    problems, summary = check_params([project / "params.yaml"])
    assert problems == []
    assert "1 site (" in summary[0]


def test_records_that_carry_a_point_and_no_area_are_usable(project):
    points = {"kind": "incidents", "paths": ["incidents.csv"], "area": None, "source": "internal"}
    columns = {"period": "datetime", "outcome_column": "outcome"}
    metres = {"easting": "easting", "northing": "northing"}
    edit(project, counts={**points, **columns, **metres})
    assert told(project) == []
    edit(project, areas={"path": "nowhere.gpkg"})
    assert len(told(project)) == 1 and "nowhere.gpkg" in told(project)[0]


@pytest.mark.parametrize("start", ["2030-01-07", "2019-05-06"])
def test_an_operation_outside_the_counts_is_refused(project, start):
    params = yaml.safe_load((project / "params.yaml").read_text())
    del params["register"]
    counts = pd.read_csv(project / "counts.csv", dtype=str)
    params["treatment"] = {"areas": [counts["area"].iloc[0]], "start": start}
    (project / "params.yaml").write_text(yaml.safe_dump(params))
    told = "\n".join(map(str, check_params([project / "params.yaml"])[0]))
    assert "field 'treatment.start': no operation starts within the counts" in told
    assert start in told and "2022-12" in told


def test_a_window_that_no_start_has_room_for_is_told_with_the_room_there_is(project):
    edit(project, window={"pre_periods": 500, "gap": 1, "post_periods": 60})
    before, after = told(project)
    assert "field 'window.pre_periods': asks for 500 periods and a gap of 1" in before
    assert "the counts hold 13 before the latest start (2022-03)" in before
    assert "Set it to 12 or less" in before
    assert "field 'window.post_periods': asks for 60 periods from each start on" in after
    assert "the counts hold 10 from the earliest start on (2022-03)" in after
    edit(project, window={"pre_periods": 12, "gap": 1, "post_periods": 10})
    assert told(project) == []
    edit(project, window={"start": "2021-06", "pre_periods": 9})
    assert "the counts hold 9 before" in told(project)[0]


def test_ten_mistakes_are_said_at_once_and_nothing_is_written(project):
    edit(
        project,
        colour="red",  # 1 unknown field
        window={"start": "2022-12", "end": "2021-01"},  # 2 reversed dates
        outcomes={"primary": "weapons_possession", "secondary": ["burglary"]},  # 8 and 4
        areas={"path": "wrong.gpkg"},  # 5 wrong CRS
        extra={"path": "x"},
    )
    edit(project, register={"path": "../register.csv"})  # 10 leaves the project
    register = pd.read_csv(project / "register.csv")
    (project.parent / "register.csv").write_text(register.to_csv(index=False))
    second = yaml.safe_load((project / "params.yaml").read_text())
    second.pop("colour")
    second.pop("extra")
    second["study"] = "check"
    second["register"] = {"path": "register.csv"}
    second["outcomes"] = {"primary": "violence"}
    second["window"] = {"pre_periods": 6}
    (project / "second.yaml").write_text(yaml.safe_dump(second))
    register["areas"] = register["areas"] + ";A99999"  # 3 area not in the boundaries
    register["start"] = "2022-07-04"  # 9 the snap points were refreshed that month
    register.to_csv(project / "register.csv", index=False)
    drawn = gpd.read_file(project / "areas.gpkg")
    drawn.set_crs(4326, allow_override=True).to_file(project / "wrong.gpkg")
    counts = pd.read_csv(project / "counts.csv")
    counts[counts["month"] != "2021-11"].to_csv(project / "counts.csv", index=False)  # 7 gap
    (project / "population.csv").write_text("")  # 6 empty file

    before = {path: path.stat().st_mtime_ns for path in sorted(project.rglob("*"))}
    params = [str(project / "params.yaml"), str(project / "second.yaml")]
    result = CliRunner().invoke(cli.app, ["check", *params])
    assert isinstance(result.exception, InputError)
    said = str(result.exception)
    for planted in (
        "field 'colour': is unknown",
        "window ends (2021-01) before it starts (2022-12)",
        "A99999",
        "burglary",
        "wrong.gpkg",
        "'population.csv' is empty",
        "2021-11",
        "weapons_possession",
        "break 'snap-points-2022-07'",
        "'../register.csv' leaves the project",
    ):
        assert planted in said, planted
    assert {path: path.stat().st_mtime_ns for path in sorted(project.rglob("*"))} == before


def test_all_ten_in_one_params_file(project):
    """The same with a single file: no mistake hides another."""
    edit(
        project,
        colour="red",
        window={"start": "2022-12", "end": "2021-01"},
        outcomes={"primary": "drugs", "secondary": ["burglary"]},
        areas={"path": "wrong.gpkg"},
        counts={"paths": ["counts.csv"]},
        population={"path": "../population.csv"},
    )
    register = pd.read_csv(project / "register.csv")
    register["areas"] = register["areas"] + ";A99999"
    register["start"] = "2022-07-04"
    register.to_csv(project / "register.csv", index=False)
    drawn = gpd.read_file(project / "areas.gpkg")
    drawn.set_crs(4326, allow_override=True).to_file(project / "wrong.gpkg")
    counts = pd.read_csv(project / "counts.csv")
    counts[counts["month"] != "2021-11"].to_csv(project / "counts.csv", index=False)
    said = "\n".join(told(project))
    for planted in (
        "colour", "before it starts", "A99999", "burglary", "wrong.gpkg", "leaves the project",
        "2021-11", "drugs", "snap-points-2022-07",
    ):  # fmt: skip
        assert planted in said, planted


def test_the_command_ends_with_two(project, monkeypatch, capsys):
    edit(project, colour="red")
    monkeypatch.setattr("sys.argv", ["hotspot-eval", "check", str(project / "params.yaml")])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == cli.NOT_USABLE
    assert "Not usable: 1 problem." in capsys.readouterr().err


def test_a_gap_can_be_acknowledged(project):
    counts = pd.read_csv(project / "counts.csv")
    counts[counts["month"] != "2021-11"].to_csv(project / "counts.csv", index=False)
    assert any("2021-11" in line for line in told(project))
    edit(project, acknowledge={"missing 2021-11": "the file was never published"})
    assert told(project) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("area,people\nA01001,n/k\n", "is not a number for areas (1: A01001)"),
        ("area,people\nA01001,5\nA01001,6\n", "areas occur more than once (1: A01001)"),
        ("area,people\n\xe9,5\n", "cannot be read"),
        ('area,people\n"A01001,5\n', "cannot be read"),
    ],
)
def test_a_faulty_population_is_named(project, text, said):
    (project / "population.csv").write_bytes(text.encode("latin-1"))
    assert any(said in line for line in told(project)), told(project)


def test_one_fault_hides_no_other(project):
    edit(project, areas={"id_column": "nope"}, study="Demo", boroughs=["Nowhere"])
    edit(project, counts={"paths": ["counts.csv", "../../etc/passwd"]})
    register = pd.read_csv(project / "register.csv")
    register["end"] = "2020-01-01"
    register.to_csv(project / "register.csv", index=False)
    counts = pd.read_csv(project / "counts.csv")
    counts[counts["month"] != "2021-11"].to_csv(project / "counts.csv", index=False)
    lines = told(project)
    said = "\n".join(lines)
    for planted in ("nope", "field 'study'", "leaves the project", "2021-11", "end"):
        assert planted in said, planted
    assert "field 'study': is missing" not in said


def test_a_borough_that_is_not_in_the_register_is_named(project):
    edit(project, boroughs=["Nowhere"])
    assert any("Nowhere" in line and "not in the register" in line for line in told(project))


def test_counts_that_fall_in_no_area_are_noticed(project):
    counts = pd.read_csv(project / "counts.csv")
    counts[["violence", "robbery"]] = 0
    counts.to_csv(project / "counts.csv", index=False)
    assert any("not one event falls in an area" in line for line in told(project))


def test_counts_of_another_geography_are_named(project):
    counts = pd.read_csv(project / "counts.csv")
    counts["area"] = counts["area"].replace("A01003", "OLD003")
    counts.to_csv(project / "counts.csv", index=False)
    assert any("OLD003" in line and "boundaries of the same year" in line for line in told(project))


@pytest.mark.parametrize("field", ["counts", "areas", "register", "population"])
def test_an_absent_file_is_named_by_its_field(project, field):
    path = {"paths": ["nowhere.csv"]} if field == "counts" else {"path": "nowhere.csv"}
    edit(project, **{field: path})
    assert any("nowhere.csv" in line and field in line for line in told(project))
