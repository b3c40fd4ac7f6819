"""Specification curve, love plot and power curve: what is drawn is what the table holds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hotspot_eval.errors import InputError
from hotspot_eval.report import figures


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    rows = []
    for estimator in ("Poisson", "linear"):
        for controls in ("as declared", "next in rank"):
            for gap in (0, 3):
                value = float(rng.normal(-5, 6))
                rows.append((estimator, controls, 12, gap, "counts", value, value - 9, value + 9))
    rows.append(("linear", "far", 12, 0, "counts", np.nan, np.nan, np.nan))
    columns = ["estimator", "controls", "pre_periods", "gap", "outcome"]
    frame = pd.DataFrame(rows, columns=[*columns, "percent", "percent_low", "percent_high"])
    frame["pre_periods"] = frame["pre_periods"].astype("Int64")
    return frame.assign(declared=np.arange(len(frame)) == 0)


def test_the_curve_is_sorted_and_says_only_what_varies(table):
    frame = figures.specification_frame(table)
    assert len(frame) == 8
    assert frame["percent"].is_monotonic_increasing
    above, below = figures.specification_curve(frame, note="n").axes
    ticks = [text.get_text() for text in below.get_yticklabels()]
    assert ticks == [
        "Estimator: Poisson",
        "Estimator: linear",
        "Controls: as declared",
        "Controls: next in rank",
        "Gap: 0",
        "Gap: 3",
    ]
    drawn = {line.get_label(): line for line in above.get_lines()}
    place = int(frame["declared"].to_numpy().argmax())
    assert drawn["As declared"].get_xdata().tolist() == [place]
    assert drawn["As declared"].get_ydata().tolist() == [frame["percent"][place]]
    dots = sum(len(line.get_xdata()) for line in below.get_lines() if line.get_marker() in "|D")
    assert dots == 3 * 8
    median = f"Median {np.median(frame['percent']):+.0f}%".replace("-", "−")
    assert median in drawn


def test_open_windows_are_called_all(table):
    frame = figures.specification_frame(table.assign(pre_periods=pd.NA))
    assert set(frame["pre_periods"]) == {"all"}


def said(figure) -> str:
    return figure.texts[0].get_text()


def test_what_cannot_be_drawn_says_so(table, balances):
    one = figures.specification_curve(figures.specification_frame(table.head(1)))
    assert "fewer than two specifications" in said(one)
    none = figures.love_frame({"x": balances["not assessed"]})
    assert "no set of controls" in said(figures.love_plot(none))
    empty = pd.DataFrame({"percent": [], "power": []})
    assert "no reference distribution" in said(figures.power_curve(empty, power=0.8))
    assert "fewer than two placebo estimates" in said(figures.placebo([1.0], estimate=0.0))


def test_an_interval_that_is_cut_off_is_marked(table):
    frame = figures.specification_frame(table)
    frame.loc[2, "percent_high"] = 900.0
    above = figures.specification_curve(frame).axes[0]
    cut = [line for line in above.get_lines() if line.get_marker() == "^"]
    assert cut[0].get_xdata().tolist() == [2]
    assert above.get_ylim()[1] < 900


@pytest.fixture
def balances():
    measures = ["level", "trend", "recent rise"]
    return {
        "as declared": pd.DataFrame({"measure": measures, "difference": [1.4, -0.1, 0.6]}),
        "matched": pd.DataFrame({"measure": measures, "difference": [0.2, 0.05, 0.1]}),
        "not assessed": pd.DataFrame(columns=["measure", "difference"]),
    }


def test_love_plot_draws_every_difference(balances):
    frame = figures.love_frame(balances)
    assert list(frame.columns) == ["measure", "as declared", "matched"]
    axes = figures.love_plot(frame).axes[0]
    drawn = {line.get_label(): list(line.get_xdata()) for line in axes.get_lines()}
    assert drawn["as declared"] == [1.4, -0.1, 0.6]
    assert drawn["matched"] == [0.2, 0.05, 0.1]
    low, high = axes.get_xlim()
    assert low < -1.4 and high > 1.4


def test_love_plot_refuses_too_much(balances):
    many = figures.love_frame({f"set {i}": balances["matched"] for i in range(5)})
    with pytest.raises(InputError, match="at most 4 sets"):
        figures.love_plot(many)


def test_power_curve_marks_what_is_found():
    curve = pd.DataFrame({"percent": [0.0, -20.0, -40.0], "power": [0.05, 0.5, 0.95]})
    axes = figures.power_curve(curve, power=0.8, detectable=-33.0).axes[0]
    drawn = {line.get_label(): line for line in axes.get_lines()}
    assert drawn["Found by the declared method"].get_ydata().tolist() == [5.0, 50.0, 95.0]
    assert drawn["Smallest detectable reduction: 33%"].get_xdata().tolist() == [33.0]
    axes = figures.power_curve(curve, power=0.8).axes[0]
    assert not any("Smallest" in str(line.get_label()) for line in axes.get_lines())
    steps = np.linspace(0.0, 0.95, 20)
    steep = pd.DataFrame({"percent": -100 * steps, "power": np.minimum(1.0, 5 * steps)})
    axes = figures.power_curve(steep, power=0.8).axes[0]
    assert axes.get_xlim()[1] < 30
