"""Figures: what is drawn is what was given, alike every time, and matplotlib is left alone."""

from __future__ import annotations

import math

import geopandas as gpd
import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from shapely.geometry import box

from hotspot_eval.design import Design
from hotspot_eval.errors import InputError
from hotspot_eval.inference import simultaneous_band
from hotspot_eval.panel import Panel
from hotspot_eval.report import figures
from hotspot_eval.report.figures.save import save_figure
from hotspot_eval.report.figures.style import COLOURS, SEQUENTIAL
from hotspot_eval.results import Effect, Effects

AREAS = list("ABCDEF")
MONTHS = [f"2022-{month:02d}" for month in range(1, 9)]


def _effect(estimate: float, std_error: float = 0.1, **more) -> Effect:
    given = {"estimand": "ATT", "scale": "log_irr", "method": "m", "inference": "i"} | more
    return Effect.from_estimate(estimate, std_error, **given)


@pytest.fixture
def panel():
    rows = [(a, m, 10 * (i + 1) + t) for i, a in enumerate(AREAS) for t, m in enumerate(MONTHS)]
    frame = pd.DataFrame(rows, columns=["area", "month", "n"])
    kept = frame[frame["n"] != 21]
    return Panel.from_counts(kept, area="area", period="month", count="n", absent="missing")


@pytest.fixture
def design():
    return Design(
        treated=["A", "B"], start="2022-06", catchment=["F"], pre_periods=3, post_periods=2, gap=1
    )


@pytest.fixture
def areas():
    squares = [box(k, 0, k + 1, 1) for k in range(len(AREAS))]
    return gpd.GeoDataFrame(index=pd.Index(AREAS, name="area"), geometry=squares, crs=27700)


def test_trend_frame_sums_roles_and_names_windows(panel, design):
    frame = figures.trend_frame(panel, design)
    assert frame["window"].tolist() == [
        "outside", "before", "before", "before", "gap", "after", "after", "outside",
    ]  # fmt: skip
    assert math.isnan(frame["treated"][1]) and frame["treated"][0] == 10 + 20
    assert frame["control"][0] == 30 + 40 + 50 and frame["catchment"][7] == 67


def test_trend_frame_of_staggered_starts(panel):
    design = Design(treated=["C", "D"], start=["2022-04", "2022-06"])
    assert figures.trend_frame(panel, design)["window"].tolist() == [
        *["before"] * 3, *["mixed"] * 2, *["after"] * 3,
    ]  # fmt: skip


def test_trend_is_indexed_to_the_window_before(panel, design):
    frame = figures.trend_frame(panel, design)
    axes = figures.trend(frame, note="two treated").axes[0]
    treated = next(line for line in axes.lines if line.get_label() == "Treated")
    base = frame["treated"][2:4].mean()
    np.testing.assert_allclose(treated.get_ydata(), 100 * frame["treated"] / base)


def test_trend_needs_something_to_compare_with(panel):
    frame = pd.DataFrame({"period": ["a"], "window": ["after"], "treated": [1.0]})
    with pytest.raises(InputError, match="no period before the operation"):
        figures.trend(frame)
    frame = pd.DataFrame({"period": ["a"], "window": ["before"], "treated": [0.0]})
    with pytest.raises(InputError, match="trend, treated: has no events before"):
        figures.trend(frame)


def test_forest_keeps_rows_without_an_estimate():
    effects = {
        "a": _effect(-0.2),
        "failed": None,
        "nan": _effect(math.nan, notes=("why",)),
        "wdd": _effect(-3.0, scale="count"),
    }
    frame = figures.forest_frame(effects)
    assert frame["estimate"].notna().tolist() == [True, False, False, False]
    assert frame["note"].tolist() == [
        "",
        "no estimate",
        "why",
        "on the count scale, no per cent change",
    ]
    assert frame["estimate"][0] == pytest.approx(-18.126925)
    axes = figures.forest(frame, emphasis=["a"]).axes[0]
    assert [t.get_text() for t in axes.get_yticklabels()] == list(effects)
    assert [t.get_text() for t in axes.texts] == frame["note"].tolist()[1:]
    own = figures.forest_frame(effects, show="estimate")
    assert own["estimate"][3] == -3.0
    with pytest.raises(InputError, match="'show'"):
        figures.forest_frame(effects, show="odds")
    with pytest.raises(InputError, match="no row to draw"):
        figures.forest(frame.iloc[:0])


def test_one_wide_interval_does_not_hide_the_others():
    effects = {name: _effect(-0.1 * k, 0.05) for k, name in enumerate("abcdef")}
    plain = figures.forest(figures.forest_frame(effects)).axes[0].get_xlim()
    wide = figures.forest(figures.forest_frame(effects | {"g": _effect(0.0, 3.0)})).axes[0]
    assert wide.get_xlim()[1] < plain[1] + 100
    assert any(line.get_marker() == ">" for line in wide.lines)


def test_event_study_reads_times_and_marks_the_base():
    effects = Effects(
        labels=("0", "-1", "−2"),
        vector=np.array([-0.2, 0.0, 0.05]),
        covariance=np.diag([0.01, 0.0, 0.01]),
        scale="log_irr",
        estimand="ATT",
        method="m",
        inference="i",
    )
    frame = figures.event_study_frame(effects)
    assert frame["event_time"].tolist() == [-2, -1, 0]
    assert frame["base"].tolist() == [False, True, False]
    assert frame["estimate"][2] == pytest.approx(-18.126925)
    figure = figures.event_study(frame, unit="months")
    assert figure.axes[0].get_xlabel() == "Months since the start"


def test_event_study_shows_the_band_that_holds_for_all_times_at_once():
    effects = Effects(
        labels=("-2", "-1", "0"), vector=np.array([0.05, 0.0, -0.2]),
        covariance=np.diag([0.01, 0.0, 0.01]), scale="log_irr",
        estimand="ATT", method="m", inference="i",
    )  # fmt: skip
    band = simultaneous_band(effects, rng=np.random.default_rng(1))
    frame = figures.event_study_frame(effects, band)
    shown = frame[~frame["base"]]
    assert (shown["band_low"] < shown["low"]).all()
    assert (shown["band_high"] > shown["high"]).all()
    assert frame.loc[frame["base"], "band_low"].isna().all()
    assert frame["band_low"][2] == pytest.approx(
        100 * np.expm1(band["simultaneous_low"][2]), rel=1e-12
    )
    figures.event_study(frame)
    with pytest.raises(InputError, match="labels of the effects"):
        figures.event_study_frame(effects, band.iloc[1:])


def test_event_study_refuses_labels_without_time():
    effects = Effects(
        labels=("total",), vector=np.zeros(1), covariance=np.eye(1), scale="count",
        estimand="e", method="m", inference="i",
    )  # fmt: skip
    with pytest.raises(InputError, match="'total' holds no event time"):
        figures.event_study_frame(effects)


def test_placebo_draws_every_draw():
    draws = np.linspace(-10, 10, 101)
    figure = figures.placebo(draws, estimate=-12.0)
    axes = figure.axes[0]
    assert sum(bar.get_height() for bar in axes.patches) == 101
    assert -12.0 in [line.get_xdata()[0] for line in axes.lines]
    for bad in ([1.0, math.nan], [[1.0, 2.0]]):
        with pytest.raises(InputError, match="a vector of finite numbers"):
            figures.placebo(bad, estimate=0.0)


def _legend(figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_role_map_counts_its_areas(panel, design, areas):
    roles = figures.role_frame(panel, design)
    assert _legend(figures.role_map(areas, roles)) == [
        "Treated (2)", "Catchment (1)", "Control (3)", "Not used (0)",
    ]  # fmt: skip
    figure = figures.role_map(areas.iloc[:2], roles, note="n")
    assert figure.get_supxlabel() == "n; 4 areas lie outside this map"
    with pytest.raises(InputError, match="areas have no boundary"):
        figures.role_map(areas.set_axis([f"x{k}" for k in range(6)]), roles)
    with pytest.raises(InputError, match=r"unknown roles \(1: spare\)"):
        figures.role_map(areas, roles.replace("catchment", "spare"))


def test_count_map_has_whole_classes_and_never_calls_missing_zero(areas):
    values = pd.DataFrame({"area": AREAS[:5], "n": [0, 1, 2, 3, 40]})
    labels = _legend(figures.count_map(areas, values, value="n", label="Events"))
    assert labels[-1] == "Not shown or missing (1)"
    assert labels[0].startswith("0") and labels[-2].endswith("40")
    assert not any("." in label for label in labels)
    with pytest.raises(InputError, match="'classes': must be 2 to 5"):
        figures.count_map(areas, values, value="n", label="Events", classes=6)
    with pytest.raises(InputError, match="no value to draw"):
        figures.count_map(areas, values.assign(n=np.nan), value="n", label="Events")


def test_count_map_of_one_value(areas):
    values = pd.DataFrame({"area": AREAS, "n": [2] * 6})
    assert _legend(figures.count_map(areas, values, value="n", label="Events")) == ["2"]


def test_matplotlib_is_left_as_it_was():
    before = dict(mpl.rcParams)
    figures.forest(figures.forest_frame({"$a_b$": _effect(0.1)}))
    assert dict(mpl.rcParams) == before


def test_saving_twice_gives_the_same_bytes_and_no_software_or_date(tmp_path):
    for name in ("a", "b"):
        figure = figures.forest(figures.forest_frame({"$a": _effect(0.1)}))
        entry = save_figure(figure, tmp_path / name, name="x/y", title="t", subtitle="s", alt="a")
    raw = (tmp_path / "a" / entry.file).read_bytes()
    assert raw == (tmp_path / "b" / entry.file).read_bytes()
    assert b"Software" not in raw and b"tEXt" not in raw and b"tIME" not in raw
    assert int.from_bytes(raw[16:20]) == 2 * entry.width


def _light(colour: str) -> float:
    line = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return 0.2126 * line[0] + 0.7152 * line[1] + 0.0722 * line[2]


def test_lines_stand_out_from_paper_and_classes_run_from_light_to_dark():
    for name in ("ink", "soft", "treated", "control", "catchment", "accent"):
        assert 1.05 / (_light(COLOURS[name]) + 0.05) >= 4.5, name
    lights = [_light(colour) for colour in SEQUENTIAL]
    assert lights == sorted(lights, reverse=True)


def test_partial_pooling_shows_each_site_twice_and_the_mean_once():
    own = {"Lambeth": _effect(-0.4), "Merton": _effect(0.1, 0.2)}
    failed = _effect(math.nan, math.nan, notes=("no event",))
    drawn = {"Lambeth": _effect(-0.2, 0.05), "Merton": _effect(-0.05, 0.05)}
    frame = figures.partial_pooling_frame({**own, "Sutton": failed}, drawn, _effect(-0.1, 0.04))
    assert frame["label"].tolist() == [
        *["Lambeth"] * 2, *["Merton"] * 2, "Sutton", "Mean of all sites",
    ]  # fmt: skip
    assert frame["kind"].tolist() == ["own", "drawn", "own", "drawn", "own", "mean"]
    assert frame["estimate"][0] == pytest.approx(100 * math.expm1(-0.4))
    figure = figures.partial_pooling(frame, note="two sites")
    axes = figure.axes[0]
    named = [text.get_text() for text in figure.legends[0].get_texts()]
    assert sum("Site's own" in name for name in named) == 1 and len(named) == 4
    assert "no event" in [text.get_text() for text in axes.texts]
    places = {round(float(line.get_ydata()[0]), 2) for line in axes.lines[1:]}
    assert places == {-0.17, 0.17, 0.83, 1.17, 3.0}
    with pytest.raises(InputError, match="no site to draw"):
        figures.partial_pooling(frame[frame["kind"] == "mean"])


def test_matched_sets_are_told_by_balance():
    rng = np.random.default_rng(2)
    frame = pd.DataFrame(
        {"estimate": rng.normal(-0.1, 0.05, 50), "worst_difference": np.linspace(0.0, 0.5, 50)}
    )
    frame.loc[0, "estimate"] = math.nan
    figure = figures.matched_sets(frame, estimate=-0.2)
    named = [text.get_text() for text in figure.legends[0].get_texts()]
    assert any(name.startswith("24 sets within 0.25") for name in named)
    assert any(name.startswith("25 sets further away") for name in named)
    axes = figure.axes[0]
    drawn = [line.get_xdata()[0] for line in axes.lines]
    assert drawn == pytest.approx([0.0, frame["estimate"].median(), -0.2])
    assert max(bar.get_y() + bar.get_height() for bar in axes.patches) > 1
    few = figures.matched_sets(pd.DataFrame(columns=["estimate", "worst_difference"]), estimate=0.1)
    assert "fewer than two matched sets" in few.texts[0].get_text()
