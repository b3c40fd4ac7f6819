"""From a register to designs: which spells are used, and which areas may be controls."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
from shapely.geometry import box

from hotspot_eval.data import InterventionRegister, partition, read_register
from hotspot_eval.errors import InputError
from hotspot_eval.panel import Panel
from hotspot_eval.periods import Periods

BOROUGHS = {"A": "North", "B": "North", "C": "North", "D": "North", "E": "South", "F": "South"}


@pytest.fixture
def panel() -> Panel:
    months = Periods.span("2022-01", "2022-12", frequency="month").labels
    rows = [(area, month, 5) for area in BOROUGHS for month in months]
    frame = pd.DataFrame(rows, columns=["area", "month", "n"])
    return Panel.from_counts(frame, area="area", period="month", count="n", cluster=BOROUGHS)


@pytest.fixture
def areas() -> gpd.GeoDataFrame:
    """Six squares of a kilometre in a row."""
    return gpd.GeoDataFrame(
        {"area": list(BOROUGHS), "area_name": None, "cluster": list(BOROUGHS.values())},
        geometry=[box(1000 * i, 0, 1000 * (i + 1), 1000) for i in range(6)],
        crs=27700,
    ).set_index("area")


def register_of(
    folder: Path, *lines: str, header: str = "Site,Area,Start,End"
) -> InterventionRegister:
    path = folder / "register.csv"
    path.write_text("\n".join([header, *lines]))
    return read_register(path, latest="2025-01-01", kind="hotspot")


def reasons(register: InterventionRegister, panel: Panel, **options: object) -> dict[str, str]:
    placed = register.placement(panel, **options)  # type: ignore[arg-type]
    return dict(zip(placed.spells["site"], placed.spells["reason"], strict=True))


def test_controls_are_of_the_same_borough_and_never_treated(tmp_path, panel):
    register = register_of(
        tmp_path,
        "a,A,2022-06-01,2022-06-30",
        "late,B,2023-03-01,2023-03-31",
    )
    design = register.design(panel)
    assert design.treated == ("A",)
    assert design.controls == ("C", "D")
    assert design.excluded == ("B",)
    everywhere = register.design(panel, controls="all")
    assert everywhere.controls == ("C", "D", "E", "F")
    named = register.design(panel, controls=["B", "D", "E"])
    assert named.controls == ("D", "E")
    assert named.excluded == ("B",)


def test_the_design_knows_what_was_delivered_elsewhere(tmp_path, panel):
    register = register_of(
        tmp_path,
        "North,a,A,2022-06-01,2022-06-30",
        "North,late,B,2023-03-01,2023-03-31",
        "South,e,E,2022-02-10,2022-02-20",
        "South,e,E,2022-05-01,2022-05-31",
        "South,out,Z,2022-05-01,2022-05-31",
        header="Borough,Site,Area,Start,End",
    )

    def told(**options):
        design = register.select(boroughs=["North"]).design(panel, **options)
        assert design.treated == ("A",)
        return [(s.area, str(s.start), s.end and str(s.end)) for s in design.elsewhere]

    assert told() == [
        ("B", "2023-03-01", "2023-03-31"),
        ("E", "2022-02-10", "2022-02-20"),
        ("E", "2022-05-01", "2022-05-31"),
    ]
    assert told(exposure="ever_after") == [("B", "2023-03-01", None), ("E", "2022-02-10", None)]
    both = register.select(kinds=["hotspot"]).design(panel)
    assert both.treated == ("A", "E")
    assert [spell.area for spell in both.elsewhere] == ["B"]


def test_select_does_not_turn_treated_areas_into_controls(tmp_path, panel):
    register = register_of(
        tmp_path,
        "a,A,2022-06-01,2022-06-30",
        "b,B,2022-09-01,2022-09-30",
    )
    early = register.select(end="2022-06").design(panel)
    assert early.treated == ("A",)
    assert early.controls == ("C", "D")


def test_spells_that_do_not_fall_on_the_panel_are_named(tmp_path, panel):
    register = register_of(
        tmp_path,
        "used,A,2022-06-01,2022-06-30",
        "late,B,2023-03-01,2023-03-31",
        "strange,Z,2022-06-01,2022-06-30",
        "before,C,2021-03-01,2021-03-31",
        "again,C,2022-05-01,2022-05-31",
    )
    assert reasons(register, panel) == {
        "used": "",
        "late": "starts after the panel's last period",
        "strange": "area is not in the panel",
        "before": "ended before the panel's first period",
        "again": "area was treated before the panel's first period",
    }
    step = register.placement(panel).ledger.steps[0]
    assert (step.rows_in, step.rows_out) == (5, 1)
    unknown = next(note for note in step.left_out if note.reason == "area is not in the panel")
    assert unknown.examples == ("Z",)
    kept = reasons(register, panel, already_treated="keep")
    assert (kept["again"], kept["before"]) == ("", "ended before the panel's first period")


def test_areas_whose_windows_do_not_fit_are_left_out(tmp_path, panel):
    register = register_of(
        tmp_path,
        "early,A,2022-02-01,2022-02-28",
        "middle,B,2022-06-01,2022-06-30",
        "late,C,2022-12-01,2022-12-31",
    )
    options = {"pre_periods": 3, "post_periods": 2, "gap": 1}
    assert reasons(register, panel, **options) == {
        "early": "fewer than 3 periods before the area's first treated one",
        "middle": "",
        "late": "fewer than 2 periods from the area's first treated one on",
    }
    design = register.design(panel, pre_periods=3, post_periods=2, gap=1)
    assert design.excluded == ("A", "C")
    assert design.on(panel).used[1].sum() == 5


def test_no_design_says_why(tmp_path, panel):
    register = register_of(tmp_path, "late,A,2023-03-01,2023-03-31")
    placed = register.placement(panel)
    assert placed.design is None
    assert "no design: no spell is left: 1 starts after" in repr(placed)
    with pytest.raises(InputError, match="no spell is left: 1 starts after the panel's last"):
        register.design(panel)
    every = register_of(tmp_path, *(f"{a},{a},2022-06-01,2022-06-30" for a in "ABCD"))
    with pytest.raises(InputError, match="no area is left that serves as control"):
        every.design(panel)


def test_exposure_by_days_and_from_the_first_day_on(tmp_path, panel):
    register = register_of(
        tmp_path,
        "a,A,2022-06-16,2022-06-30",
        "b,A,2022-09-01,2022-09-01",
    )
    days = register.design(panel).on(panel).treatment[0]
    assert days[5:9].tolist() == pytest.approx([0.5, 0, 0, 1 / 30])
    assert days.sum() == pytest.approx(0.5 + 1 / 30)
    ever = register.design(panel, exposure="ever_after")
    assert ever.on(panel).treatment[0].tolist() == [0] * 5 + [0.5] + [1] * 6
    assert (ever.spells[0].site, ever.spells[0].kind) == ("a + b", "hotspot")
    launched = register.design(panel, exposure="ever_after", start_from="2022-04")
    assert launched.on(panel).treatment[0].sum() == 9


def test_two_vans_on_one_day_treat_one_day(tmp_path, panel):
    register = register_of(
        tmp_path,
        "s,A,01/06/2022,04:00",
        "s,A,01/06/2022,05:00",
        "t,A,01/06/2022,03:00",
        header="Site,Area,Date,Duration",
    )
    chosen = register.design(panel).on(panel)
    assert chosen.treatment[0, 5] == pytest.approx(1 / 30)
    assert chosen.dose is not None
    assert chosen.dose[0, 5] == pytest.approx(12 / 30)


def test_kinds_are_kept_apart(tmp_path, panel):
    path = tmp_path / "register.csv"
    path.write_text(
        "Site,Area,Start,End,Kind\na,A,2022-06-01,2022-06-30,hotspot\n"
        "b,B,2022-06-01,2022-06-30,offender management\n"
    )
    register = read_register(path)
    design = register.select(kinds=["hotspot"]).design(panel)
    assert (design.treated, design.controls, design.excluded) == (("A",), ("C", "D"), ("B",))


def test_one_placement_a_borough(tmp_path, panel):
    register = register_of(
        tmp_path,
        "a,A,2022-06-01,2022-06-30",
        "e,E,2022-07-01,2022-07-31",
        "f,F,2022-08-01,2022-08-31",
    )
    placed = register.by_borough(panel, pre_periods=3)
    assert list(placed) == ["North", "South"]
    north, south = placed["North"], placed["South"]
    assert north.design is not None
    assert north.design.controls == ("B", "C", "D")
    assert (south.design, south.problem) == (None, "no area is left that serves as control")
    assert len(north.spells) + len(south.spells) == 3


def test_a_partition_gives_shares_rings_and_donut(tmp_path, panel, areas):
    register = register_of(
        tmp_path,
        "half,300,500,400,2022-06-01,2022-06-30",
        header="Site,Easting,Northing,Radius (m),Start,End",
    )
    assert register.spells["area"].isna().all()
    with pytest.raises(InputError, match="site has no area"):
        register.design(panel)
    split = partition(areas, register.sites, rings_m=[800], donut_m=1000)
    design = register.design(panel, split, controls="all")
    share = split.roles.set_index("area").loc["A", "share_treated"]
    assert 0.3 < share < 0.5
    assert design.on(panel).treatment[0, 5] == pytest.approx(share)
    assert (design.treated, design.catchment) == (("A",), ("B",))
    assert design.excluded == ("C",)
    assert design.controls == ("D", "E", "F")
    plain = register.design(panel, split, controls="all", catchment=["D"])
    assert (plain.catchment, plain.excluded) == (("D",), ("B", "C"))


def test_rings_around_other_boroughs_sites_are_kept_out(tmp_path, panel, areas):
    register = register_of(
        tmp_path,
        "a,A,2022-06-01,2022-06-30",
        "f,F,2022-09-01,2022-09-30",
    )
    split = partition(areas, register.sites, rings_m=[300])
    assert split.areas("rings") == ("B", "E")
    design = register.by_borough(panel, split)["North"].design
    assert design is not None
    assert (design.treated, design.catchment) == (("A",), ("B",))
    early = register.select(end="2022-06").design(panel, split, controls="all")
    assert (early.catchment, early.controls, early.excluded) == (("B",), ("C", "D"), ("E", "F"))
    whole = register.design(panel, split, controls="all")
    assert (whole.catchment, whole.controls) == (("B", "E"), ("C", "D"))


def test_a_treated_area_is_never_a_catchment(tmp_path, panel):
    register = register_of(
        tmp_path,
        "a,A,2022-06-01,2022-06-30",
        "b,B,2023-06-01,2023-06-30",
    )
    design = register.design(panel, catchment=["A", "B", "C"])
    assert (design.treated, design.catchment, design.excluded) == (("A",), ("C",), ("B",))


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"controls": "neighbours"}, "argument 'controls'"),
        ({"exposure": "weeks"}, "argument 'exposure'"),
        ({"already_treated": "perhaps"}, "argument 'already_treated'"),
        ({"start_from": "2022-05"}, "has no meaning where treatment is the days delivered"),
        ({"controls": ["Z"]}, r"are not in the panel \(1: Z\)"),
        ({"catchment": ["Z"]}, r"are not in the panel \(1: Z\)"),
        ({"exposure": "ever_after", "start_from": "2031-05"}, "lies outside the panel"),
    ],
)
def test_options_that_are_refused(tmp_path, panel, options, match):
    register = register_of(tmp_path, "a,A,2022-06-01,2022-06-30")
    with pytest.raises(InputError, match=match):
        register.design(panel, **options)


def test_a_panel_without_boroughs(tmp_path, panel):
    bare = Panel.from_counts(panel.to_frame(), area="area", period="period", count="n")
    register = register_of(tmp_path, "a,A,2022-06-01,2022-06-30")
    with pytest.raises(InputError, match="'same_cluster', but the panel knows no boroughs"):
        register.design(bare)
    with pytest.raises(InputError, match="needs the boroughs of the panel's areas"):
        register.by_borough(bare)
    assert register.design(bare, controls="all").controls == ("B", "C", "D", "E", "F")


def test_nothing_is_changed_in_place(tmp_path, panel):
    register = register_of(tmp_path, "a,A,2022-06-01,2022-06-30", "b,B,2023-06-01,")
    before = register.spells.copy()
    register.placement(panel, exposure="ever_after")
    register.by_borough(panel)
    pd.testing.assert_frame_equal(register.spells, before)
