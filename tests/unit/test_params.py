from pathlib import Path

import pytest

from hotspot_eval.errors import InputError
from hotspot_eval.run.folders import Folders
from hotspot_eval.run.params import Params, load_params, params_or_problems

GOOD = """
study: demo
title: Demo
seed: 1
counts: {kind: tidy, paths: [counts.csv]}
areas: {path: areas.gpkg, id_column: area}
register: {path: register.csv}
outcomes: {primary: violence}
"""


def written(folder: Path, text: str, name: str = "study.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_good_file_survives_the_way_to_a_notebook(tmp_path):
    params = load_params(written(tmp_path, GOOD + "window: {start: 2022-01, end: 2023-12}\n"))
    assert params.window.start == "2022-01"
    assert Params(**params.dump()) == params


def test_dates_stay_what_was_written(tmp_path):
    text = GOOD.replace(
        "register: {path: register.csv}", "treatment: {areas: [A], start: 2022-07-04}"
    )
    assert load_params(written(tmp_path, text)).treatment.start == "2022-07-04"


def test_spaces_around_an_area_id_are_no_part_of_it(tmp_path):
    text = GOOD.replace(
        "register: {path: register.csv}", "treatment: {areas: [' A', 'B '], start: 2022-07}"
    )
    assert load_params(written(tmp_path, text)).treatment.areas == ["A", "B"]


def test_every_problem_is_found_and_the_rest_still_read(tmp_path):
    text = GOOD + "colour: red\nwindow: {start: 2023-01, end: 2022-01, pre_periods: 0}\n"
    params, problems = params_or_problems(written(tmp_path, text))
    told = "\n".join(map(str, problems))
    assert "field 'colour': is unknown" in told
    assert "field 'window.pre_periods'" in told
    assert "window ends (2022-01) before it starts (2023-01)" in told
    assert params is not None


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("window: {pre_period: 12}", "Did you mean 'window.pre_periods'"),
        ("outcome: {primary: theft}", "Did you mean 'outcomes'"),
        ("pre_periods: 12", "Did you mean 'window.pre_periods', one level further"),
        ("colour: red", "docs/params.md lists every field"),
        ("window: {pre_periods: twelve}", "must be a whole number (given: 'twelve')"),
        ("window: {pre_periods: 0}", "must be 1 or more (given: '0')"),
        ("window: {start: 1st Jan 2018}", "'1st Jan 2018' is no date that can be read. Write it"),
        ("window: {frequency: monthly}", "must be 'week', 'four_week', 'month'"),
        ("selection: top_count", "must hold fields of its own"),
    ],
)
def test_a_wrong_field_is_told_in_the_words_of_the_file(tmp_path, line, said):
    _, problems = params_or_problems(written(tmp_path, GOOD + line + "\n"))
    assert any(said in str(problem) for problem in problems), problems


def test_a_missing_seed_is_named(tmp_path):
    with pytest.raises(InputError, match="field 'seed': is missing"):
        load_params(written(tmp_path, GOOD.replace("seed: 1\n", "")))


def test_extends_lays_a_file_over_another(tmp_path):
    written(tmp_path, "window: {pre_periods: 24, gap: 1}\nseed: 9\n", "_defaults.yaml")
    text = "extends: _defaults.yaml\nwindow: {gap: 2}\n" + GOOD.replace("seed: 1\n", "")
    params = load_params(written(tmp_path, text))
    assert (params.window.pre_periods, params.window.gap, params.seed) == (24, 2, 9)


@pytest.mark.parametrize("parent", ["../x.yaml", "study.yaml", "/etc/passwd"])
def test_extends_stays_in_the_folder_and_out_of_circles(tmp_path, parent):
    _, problems = params_or_problems(written(tmp_path, f"extends: {parent}\n" + GOOD))
    assert any("no params file of this folder" in str(problem) for problem in problems)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [", "not valid YAML"),
        ("- 1", "must be a mapping"),
        ("x: &a 1\ny: *a", "anchors"),
        ("seed: 1\nseed: 2", "not valid YAML"),
        ("x: !!python/object:os.system {}", "not valid YAML"),
    ],
)
def test_hostile_yaml_is_refused(tmp_path, text, said):
    with pytest.raises(InputError, match=said):
        load_params(written(tmp_path, text))


def test_a_study_has_one_source_of_treatment(tmp_path):
    with pytest.raises(InputError, match="exactly one of 'register' and 'treatment'"):
        load_params(written(tmp_path, GOOD + "treatment: {areas: [A], start: 2022-07}\n"))


@pytest.mark.parametrize("name", ["https://x/y.csv", "/vsicurl/x", "C:/x.csv", "~/x", "a*.csv"])
def test_only_plain_local_paths_are_read(tmp_path, name):
    with pytest.raises(InputError, match="not a plain local path"):
        Folders(project=tmp_path).find(name, field="areas.path")


def test_a_path_may_not_leave_the_project(tmp_path):
    home = tmp_path / "project"
    home.mkdir()
    written(tmp_path, "x", "secret.csv")
    (home / "link.csv").symlink_to(tmp_path / "secret.csv")
    folders = Folders(project=home)
    for name in ("../secret.csv", "link.csv", str(tmp_path / "secret.csv")):
        with pytest.raises(InputError, match="leaves the project"):
            folders.find(name, field="areas.path")
    allowed = Folders(project=home, data=(tmp_path,))
    assert allowed.find("secret.csv", field="areas.path").name == "secret.csv"
    with pytest.raises(InputError, match="neither in the project nor in a --data folder"):
        folders.find("absent.csv", field="areas.path")
