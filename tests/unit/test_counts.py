"""Tidy tables in, counts with their source out."""

import pandas as pd
import pytest

from hotspot_eval.data.counts import Counts
from hotspot_eval.data.tidy import read_counts
from hotspot_eval.errors import InputError

FRAME = pd.DataFrame(
    {
        "ward": ["007", "007", "008", "008"],
        "month": ["2022-01", "2022-03", "2022-01", "2022-03"],
        "robbery": [1, 0, 3, 4],
        "violence": [5, 6, None, 8],
        "name": ["Abbey", "Abbey", "Alibon", "Alibon"],
        "borough": ["x", "x", "y", "y"],
        "release": [202203, 202206, 202203, 202206],
    }
)


@pytest.fixture
def path(tmp_path):
    FRAME.to_csv(tmp_path / "tidy.csv", index=False)
    return tmp_path / "tidy.csv"


def read(path, **options):
    options = {"area": "ward", "period": "month", "outcomes": ["robbery", "violence"], **options}
    return read_counts(path, **options)


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.parquet"])
def test_every_format_says_the_same(tmp_path, name):
    path = tmp_path / name
    FRAME.to_parquet(path) if name.endswith("parquet") else FRAME.to_csv(path, index=False)
    counts = read(path, area_name="name", cluster="borough", vintage="release")
    assert counts.areas == ("007", "008")
    assert counts.outcomes == ("robbery", "violence")
    assert counts.months["status"].tolist() == ["complete", "missing", "complete"]
    assert counts.months["vintage"].tolist() == ["202203", "", "202206"]
    panel = counts.panel()
    assert panel.counts[:, :, 0].tolist() == [[1, 0, 0], [3, 0, 4]]
    assert panel.observed[:, :, 1].tolist() == [[True, False, True], [False, False, True]]
    assert panel.cluster == ("x", "y")


def test_absent_rows_are_missing_zero_or_a_question(tmp_path):
    sparse = FRAME[FRAME["robbery"] > 0].drop(columns="violence")
    sparse.to_csv(tmp_path / "sparse.csv", index=False)
    counts = read(tmp_path / "sparse.csv", outcomes=None, count="robbery")
    assert not counts.panel().observed[0, 2, 0]
    assert counts.panel(absent="zero").observed[0, 2, 0]
    with pytest.raises(InputError, match="hold no zero"):
        counts.panel(absent=None)
    full = counts.panel(areas=["007", "008", "009"], absent="zero")
    assert full.counts[2].sum() == 0


def test_spans_outcomes_and_attributes_reach_the_panel(path):
    counts = read(path, cluster="borough")
    panel = counts.panel(["robbery"], start="2022-03", offset_base={"007": 10, "008": 20})
    assert panel.shape == (2, 1, 1)
    assert panel.offset_base.tolist() == [[10], [20]]
    left_out = {n.reason: n.rows for s in panel.ledger.steps for n in s.left_out}
    assert left_out == {"missing in the source": 1, "outside start and end": 1}
    with pytest.raises(InputError, match=r"are not in these counts \(1: arson"):
        counts.panel(["arson"])
    with pytest.raises(InputError, match="leave no counts"):
        counts.panel(start="2022-02", end="2022-02")
    with pytest.raises(InputError, match="period 2023-01: lies outside"):
        counts.panel(end="2023-01")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"robbery": [-1, 0, 3, 4]}, r"tidy\.csv, column 'robbery': count is negative"),
        ({"robbery": [0.5, 0, 3, 4]}, r"tidy\.csv, column 'robbery': count is not a whole"),
        ({"ward": ["007", "", "008", "008"]}, r"tidy\.csv, column 'ward': area id is blank"),
        ({"month": ["2022-01"] * 4}, r"tidy\.csv, frame: area and period occur more than once"),
        ({"month": ["x"] * 4}, r"tidy\.csv, column 'month': 'x' is neither"),
    ],
)
def test_errors_are_those_of_the_panel_with_the_file_in_front(path, change, match):
    FRAME.assign(**change).to_csv(path, index=False)
    with pytest.raises(InputError, match=match):
        read(path)


def test_columns_that_are_not_there_are_named(path):
    with pytest.raises(InputError, match=r"columns are missing \(1: theft"):
        read(path, outcomes=["theft"])
    with pytest.raises(InputError, match=r"columns are missing \(1: edition"):
        read(path, vintage="edition")
    with pytest.raises(InputError, match="give exactly one of the two"):
        read(path, count="robbery")


def test_files_that_are_no_tables_are_refused(tmp_path):
    (tmp_path / "a.parquet").write_text("no")
    with pytest.raises(InputError, match=r"a\.parquet: cannot be read as a table"):
        read(tmp_path / "a.parquet")
    (tmp_path / "a.csv").write_bytes(b"\xff\xfe\x00bad")
    with pytest.raises(InputError, match=r"a\.csv: is not UTF-8 text\. Save it as CSV UTF-8"):
        read(tmp_path / "a.csv")
    (tmp_path / "a.csv").write_text('area,"month\n')
    with pytest.raises(InputError, match=r"a\.csv: cannot be read as a table"):
        read(tmp_path / "a.csv")


def test_the_type_refuses_what_it_does_not_promise(path):
    counts = read(path)
    with pytest.raises(InputError, match=r"Counts\.frame: columns are missing \(1: vintage"):
        Counts(frame=counts.frame.drop(columns="vintage"), months=counts.months)
    with pytest.raises(InputError, match="have more than one row"):
        Counts(frame=pd.concat([counts.frame] * 2), months=counts.months)


def test_html_shows_shape_and_ledger_but_no_row(path):
    counts = read(path)
    html = counts._repr_html_()
    assert "2 areas × 3 periods (2022-01 to 2022-03: 2 complete, 1 missing)" in html
    assert "4 rows in, 4 out" in html
    assert "<td" not in html


def test_the_frame_is_handed_out_as_a_copy(path):
    counts = read(path)
    counts.to_frame().drop(columns="count")
    frame = counts.to_frame()
    frame["count"] = 0
    assert counts.frame["count"].sum() == 27


def test_the_real_tidy_panel(shared_data):
    counts = read_counts(
        shared_data / "london_ward_month" / "london_ward_month.csv.gz",
        area="ward_code",
        period="month",
        outcomes=["violence", "robbery"],
        area_name="ward_name",
        cluster="borough",
        vintage="vintage",
    )
    panel = counts.panel()
    assert panel.shape == (679, 45, 2)
    assert panel.observed.all()
    assert len(set(panel.cluster)) == 32
