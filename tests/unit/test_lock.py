"""The lock: what was decided before the result, what changed since, and what a lock cannot say."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

from hotspot_eval import cli
from hotspot_eval.errors import InputError
from hotspot_eval.run.check import check_params
from hotspot_eval.run.folders import Folders
from hotspot_eval.run.inputs import Inputs
from hotspot_eval.run.lock import lock_params, lock_path, locked, read_locks
from hotspot_eval.run.params import load_params
from hotspot_eval.run.specification import counts_end, specification
from hotspot_eval.simulate import Geography, Operation, simulate

START = "2022-03-07"


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """Two boroughs of monthly counts, treated from March 2022, counts to the end of 2022."""
    home = tmp_path_factory.mktemp("lock")
    simulate(
        rng=np.random.default_rng(5),
        start="2021-01-04",
        weeks=104,
        geography=Geography(boroughs=2, areas_per_borough=20),
        operation=Operation(start=START, weeks=20, k=3),
    ).write(home, frequency="month")
    params = {
        "study": "locked",
        "title": "A study to be locked",
        "seed": 1,
        "counts": {"kind": "tidy", "paths": ["counts.csv"], "period": "month", "source": "met"},
        "areas": {"path": "areas.gpkg", "id_column": "area", "cluster_column": "cluster"},
        "register": {"path": "register.csv"},
        "outcomes": {"primary": "violence", "secondary": ["robbery"]},
        "window": {"pre_periods": 6},
    }
    (home / "params.yaml").write_text(yaml.safe_dump(params))
    return home


@pytest.fixture
def home(made, tmp_path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "study"))


@pytest.fixture
def planned(home) -> Path:
    """The same before the operation: the counts end in February 2022."""
    counts = pd.read_csv(home / "counts.csv")
    counts[counts["month"] < "2022-03"].to_csv(home / "counts.csv", index=False)
    return home


def edit(home: Path, **changes: object) -> None:
    path = home / "params.yaml"
    params = yaml.safe_load(path.read_text())
    for name, value in changes.items():
        known = params.get(name)
        params[name] = {**known, **value} if isinstance(known, dict) else value
    path.write_text(yaml.safe_dump(params))


def inputs_of(home: Path) -> Inputs:
    path = home / "params.yaml"
    return Inputs(params=load_params(path), folders=Folders.around(path))


def check_of(home: Path, site: str):
    return locked(home / "params.yaml", inputs_of(home)).check(site)


def sites(home: Path) -> list[str]:
    return inputs_of(home).boroughs()


def test_without_a_lock_the_page_says_so(home):
    found = check_of(home, "anywhere")
    assert found.status == "not assessed"
    assert found.sentence.startswith("Not pre-specified")


def test_a_lock_made_before_the_outcome_holds_while_nothing_changes(planned, home):
    lock_params(planned / "params.yaml")
    found = check_of(planned, sites(planned)[0])
    day = read_locks(planned / "params.yaml")[0].day
    assert found.status == "passed"
    assert found.sentence.startswith(f"Pre-specified on {day}, unchanged since.")
    assert f"ended on 2022-02-28 then, before the start ({START})" in found.sentence
    assert (found.evidence["locked"] == found.evidence["now"]).all()
    assert {"outcomes.primary", "selection.rule", "window.pre_periods", "seed"} <= set(
        found.evidence["field"]
    )


def test_new_counts_and_a_new_title_are_no_change(planned, made):
    lock_params(planned / "params.yaml")
    shutil.copy(made / "counts.csv", planned / "counts.csv")
    edit(planned, title="Another title", disclosure="internal")
    assert check_of(planned, sites(planned)[0]).status == "passed"


def test_a_lock_made_after_the_outcome_says_so(home):
    made = lock_params(home / "params.yaml")
    found = check_of(home, sites(home)[0])
    assert found.status == "not assessed"
    assert "unchanged since" in found.sentence
    assert "reached 2022-12-31 then, past the start" in found.sentence
    assert "which the page will say" in made.told()


def test_exactly_what_changed_is_named_then_and_now(planned):
    first, second = sites(planned)
    lock_params(planned / "params.yaml")
    register = pd.read_csv(planned / "register.csv")
    row = register.index[register["borough"] == first][0]
    gone, *rest = register.loc[row, "areas"].split(";")
    register.loc[row, "areas"] = ";".join(rest)
    register.to_csv(planned / "register.csv", index=False)
    edit(planned, estimation={"estimator": "linear"}, window={"gap": 2})
    found = check_of(planned, first)
    assert found.status == "failed"
    rows = found.evidence.set_index("field")
    assert set(rows.index) >= {"estimation.estimator", "window.gap", "treated areas"}
    assert set(rows.index) <= {
        "estimation.estimator",
        "window.gap",
        "treated areas",
        "catchment areas",
        "controls areas",
    }
    assert rows.loc["estimation.estimator", ["locked", "now"]].tolist() == ["poisson", "linear"]
    assert rows.loc["window.gap", ["locked", "now"]].tolist() == ["0", "2"]
    assert f"only here 1: {gone} from {START}" in rows.loc["treated areas", "locked"]
    assert rows.loc["treated areas", "now"] == "2 areas"
    other = check_of(planned, second)
    assert "treated areas" not in set(other.evidence["field"])
    assert "fields changed since: estimation.estimator, window.gap" in other.sentence


def test_a_changed_lock_stops_nothing_and_check_tells(home):
    lock_params(home / "params.yaml")
    edit(home, outcomes={"primary": "robbery", "secondary": []})
    problems, summary = check_params([home / "params.yaml"])
    assert problems == []
    assert "changed since: outcomes.primary, outcomes.secondary" in summary[1]


def test_a_second_lock_is_asked_for_and_leaves_the_first(planned):
    path = planned / "params.yaml"
    lock_params(path)
    with pytest.raises(InputError, match=r"holds a lock of .* already"):
        lock_params(path)
    edit(planned, window={"pre_periods": 9})
    lock_params(path, again=True)
    locks = read_locks(path)
    assert [lock.specification["settings"]["window.pre_periods"] for lock in locks] == [6, 9]
    found = check_of(planned, sites(planned)[0])
    assert found.status == "failed"
    assert found.evidence[["field", "locked", "now"]].to_numpy().tolist() == [
        ["window.pre_periods", "6", "9"]
    ]


def test_a_new_site_was_not_locked(planned):
    first, second = sites(planned)
    edit(planned, boroughs=[first])
    lock_params(planned / "params.yaml")
    edit(planned, boroughs="each")
    rows = check_of(planned, second).evidence.set_index("field")
    assert rows.loc["site", ["locked", "now"]].tolist() == ["not among the sites", "a site"]


def test_no_count_is_read(home, monkeypatch):
    def refuse(self, *_):
        raise AssertionError("counts were read")

    for name in ("panel", "counted", "population"):
        monkeypatch.setattr(Inputs, name, refuse)
    lock_params(home / "params.yaml")
    assert len(read_locks(home / "params.yaml")) == 1


def test_roles_are_those_of_the_run(home):
    from hotspot_eval.run.site import Site

    inputs = inputs_of(home)
    told = specification(inputs)["sites"]
    for name in inputs.boroughs():
        site = Site(name=name, params=inputs.params, inputs=inputs, folder=home / "internal")
        design = site.design()
        assert told[name]["controls"] == sorted(design.controls)
        assert told[name]["catchment"] == sorted(design.catchment)
        assert [row.split()[0] for row in told[name]["treated"]] == sorted(design.treated)


def test_files_that_are_not_there_yet_are_no_outcome(home):
    (home / "counts.csv").unlink()
    assert counts_end(inputs_of(home)) == "none"
    lock_params(home / "params.yaml")
    found = check_of(home, sites(home)[0])
    assert found.status == "passed"
    assert "were not there when it was locked" in found.sentence


def test_counts_that_cannot_be_dated_are_not_vouched_for(home):
    edit(home, counts={"period": "nothing"})
    assert counts_end(inputs_of(home)) == "unknown"
    lock_params(home / "params.yaml")
    assert check_of(home, sites(home)[0]).status == "not assessed"


def test_dated_records_end_on_their_last_day(home):
    columns = {"period": "datetime", "outcome_column": "outcome", "kind": "incidents"}
    edit(home, counts={**columns, "paths": ["incidents.csv"]})
    last = pd.read_csv(home / "incidents.csv")["datetime"].max()[:10]
    assert counts_end(inputs_of(home)) == last


def test_a_treatment_in_the_params_is_locked_too(home):
    told = yaml.safe_load((home / "params.yaml").read_text())
    del told["register"]
    areas = specification(inputs_of(home))["sites"][sites(home)[0]]["controls"][:2]
    told["treatment"] = {"areas": areas, "start": "2022-03"}
    (home / "params.yaml").write_text(yaml.safe_dump(told))
    lock_params(home / "params.yaml")
    edit(home, treatment={"start": "2022-05"})
    fields = set(check_of(home, sites(home)[0]).evidence["field"])
    assert fields == {"treatment.start", "treated areas"}


def spoil(path: Path, change) -> None:
    content = json.loads(path.read_text())
    path.write_text(json.dumps(change(content)))


def reach(content, *keys):
    for key in keys:
        content = content[key]
    return content


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: [], "is no lock file"),
        (lambda c: {**c, "version": 9}, "is of version 9, not 1"),
        (lambda c: {**c, "locks": []}, "holds no lock"),
        (lambda c: {**c, "locks": [7]}, "parts missing or of another kind"),
        (lambda c: {**c, "locks": [{**c["locks"][0], "made": "soon"}]}, "of another kind"),
        (lambda c: {**c, "locks": [{**c["locks"][0], "counts_end": "x"}]}, "of another kind"),
        (
            lambda c: {**c, "locks": [{**c["locks"][0], "specification": {"settings": []}}]},
            "of another kind",
        ),
        (
            lambda c: {**c, "locks": [{**c["locks"][0], "made": "2001-01-01T00:00:00+00:00"}]},
            "its seal is broken",
        ),
    ],
)
def test_a_damaged_lock_is_refused(home, change, said):
    lock_params(home / "params.yaml")
    spoil(lock_path(home / "params.yaml"), change)
    with pytest.raises(InputError, match=said):
        read_locks(home / "params.yaml")


@pytest.mark.parametrize("raw", [b"{", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_json_is_refused(home, raw):
    lock_path(home / "params.yaml").write_bytes(raw)
    with pytest.raises(InputError, match="is not readable JSON"):
        read_locks(home / "params.yaml")


def test_an_edited_setting_breaks_the_seal_and_check_says_so(home):
    lock_params(home / "params.yaml")
    path = lock_path(home / "params.yaml")
    content = json.loads(path.read_text())
    reach(content, "locks", 0, "specification", "settings")["estimation.estimator"] = "linear"
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match="edited after lock 1"):
        read_locks(home / "params.yaml")
    problems, _ = check_params([home / "params.yaml"])
    assert ["its seal is broken" in str(problem) for problem in problems] == [True]


def test_the_command_says_what_it_locked(planned):
    told = CliRunner().invoke(cli.app, ["lock", str(planned / "params.yaml")])
    assert told.exit_code == cli.ALL_WELL, told.output
    assert "locked violence by replay, 2 sites; the counts reach 2022-02-28." in told.output
    assert "params.lock.json" in told.output
    again = CliRunner().invoke(cli.app, ["lock", str(planned / "params.yaml")])
    assert isinstance(again.exception, InputError)
