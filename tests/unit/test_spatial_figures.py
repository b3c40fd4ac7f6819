from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from shapely import box
from tests.spatial_worlds import lattice_areas

from hotspot_eval.errors import InputError
from hotspot_eval.panel import Panel
from hotspot_eval.report.figures import spatial as figures
from hotspot_eval.spatial import concentration, contiguity, emerging_hotspots, local_g, local_moran

AREAS = lattice_areas(8, 8)
GRAPH = contiguity(AREAS)
MONTHS = [f"2022-{t + 1:02d}" for t in range(8)]


@pytest.fixture(scope="module")
def counts():
    mean = np.full((8, 8, 8), 1.0)
    mean[1:4, 1:4] = 12.0
    table = np.random.default_rng(1).poisson(mean).reshape(64, 8)
    return pd.DataFrame(table, index=AREAS.index, columns=MONTHS)


def texts(figure: Figure) -> str:
    keys = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    inner = [
        text.get_text()
        for axes in figure.axes
        if axes.get_legend() is not None
        for text in axes.get_legend().get_texts()
    ]
    titles = [axes.get_title() for axes in figure.axes]
    return "\n".join([*keys, *inner, *titles, figure.get_supxlabel()])


def test_cluster_map_counts_each_label_and_states_the_test(counts):
    result = local_moran(counts, GRAPH)
    figure = figures.cluster_map(AREAS, result, period="2022-03", note="Robbery")
    shown = texts(figure)
    label = result.clusters()[:, 2]
    assert f"high-high ({(label == 'high-high').sum()})" in shown
    assert "Robbery; 64 areas; 2022-03; two-sided, exact, fdr_bh at 0.05" in shown
    drawn = sum(len(c.get_paths()) for c in figure.axes[0].collections)
    assert drawn == 64
    with pytest.raises(InputError, match="is not in the result"):
        figures.cluster_map(AREAS, result, period="2023-01")
    with pytest.raises(InputError, match="have no boundary"):
        figures.cluster_map(AREAS.iloc[1:], result)


def test_isolates_are_in_the_key():
    areas = lattice_areas(8, 8)
    areas.loc["far"] = [box(20_000, 0, 21_000, 1_000)]
    result = local_g(np.arange(65), contiguity(areas))
    assert "isolate (1)" in texts(figures.cluster_map(areas, result))


def test_calendar_has_a_map_for_each_period(counts):
    result = local_g(counts, GRAPH)
    figure = figures.gi_calendar(AREAS, result, columns=4, note="Robbery")
    shown = texts(figure)
    assert [axes.get_title() for axes in figure.axes] == MONTHS
    assert f"{result.significant().sum()} significant cells" in shown
    assert "64 areas; 2022-01 to 2022-08" in shown


def test_lorenz_states_half_and_the_gini(counts):
    result = concentration(counts)
    shown = texts(figures.lorenz_curve(result))
    assert f"50% of events in {result.share_of_areas:.1%} of areas" in shown
    assert f"generalised Gini {result.gini.generalised:.2f}" in shown
    curve = figures.lorenz_curve({"Robbery": result, "Violence": result}).axes[0].lines
    assert curve[1].get_linestyle() != curve[3].get_linestyle()
    with pytest.raises(InputError, match="nothing to draw"):
        figures.lorenz_curve({})


def test_emerging_map_names_each_history(counts):
    tidy = counts.rename_axis("area").reset_index().melt("area", var_name="month")
    panel = Panel.from_counts(tidy, area="area", period="month", count="value")
    result = emerging_hotspots(panel, GRAPH)
    shown = texts(figures.emerging_map(AREAS, result))
    persistent = int((result.category == "persistent hot spot").sum())
    assert persistent and f"persistent ({persistent})" in shown
    assert "64 areas; 2022-01 to 2022-08; fdr_bh over the cube at 0.05" in shown


def test_looks_differ_without_colour():
    """Any two hot-spot histories differ in hatching or clearly in lightness."""

    def light(face):
        return float(np.dot(to_rgb(face), (0.2126, 0.7152, 0.0722)))

    for looks in (figures._EMERGING, {k: figures._CLUSTERS[k] for k in ("high-high", "low-low")}):
        pairs = [(a, b) for a in looks.values() for b in looks.values() if a is not b]
        assert all(a[1] != b[1] or abs(light(a[0]) - light(b[0])) > 0.12 for a, b in pairs)
