from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hotspot_eval.errors import InputError
from hotspot_eval.panel import Panel
from hotspot_eval.spatial import concentration, generalised_gini


def test_gini_is_the_mean_difference():
    y = np.random.default_rng(1).poisson(3.0, 60)
    slow = np.abs(y[:, None] - y[None, :]).sum() / (2 * 60**2 * y.mean())
    result = generalised_gini(y)
    assert result.gini == pytest.approx(slow)
    assert result.generalised == pytest.approx(slow)


@pytest.mark.parametrize("mean", [0.3, 8.0])
def test_standard_error_is_that_of_the_jackknife(mean):
    n = 2000
    y = np.random.default_rng(2).negative_binomial(1.0, 1.0 / (1.0 + mean), n)
    result = generalised_gini(y)
    left_out = np.array([generalised_gini(np.delete(y, i)).generalised for i in range(n)])
    jackknife = np.sqrt((n - 1) / n * ((left_out - left_out.mean()) ** 2).sum())
    assert result.std_error == pytest.approx(jackknife, rel=0.02)


@pytest.mark.parametrize("mean", [0.3, 5.0])
def test_interval_covers_the_value_of_many_places(mean):
    rng = np.random.default_rng(3)
    draw = lambda n: rng.negative_binomial(1.0, 1.0 / (1.0 + mean), n)  # noqa: E731
    truth = generalised_gini(draw(400_000)).generalised
    covered = [
        g.ci_low <= truth <= g.ci_high for g in (generalised_gini(draw(400)) for _ in range(400))
    ]
    assert 0.90 <= np.mean(covered) <= 0.985


def test_generalised_gini_at_its_ends():
    assert generalised_gini([3, 3, 3]).generalised == pytest.approx(0.0)
    spread = np.zeros(1000)
    spread[:50] = 1
    assert generalised_gini(spread).generalised == pytest.approx(0.0, abs=1e-12)
    assert generalised_gini(spread).gini == pytest.approx(0.95)
    one = np.zeros(1000)
    one[0] = 50
    assert generalised_gini(one).generalised == pytest.approx(0.98)
    nothing = generalised_gini([0, 0])
    assert np.isnan(nothing.gini) and nothing.n_events == 0


def test_lorenz_and_the_share_of_places_with_half():
    result = concentration([10, 8, 2, *[0] * 7])
    assert result.share_of_areas == 0.1
    assert concentration([10, 8, 2, *[0] * 7], share=0.51).share_of_areas == 0.2
    assert result.lorenz["share_of_events"].tolist()[:4] == pytest.approx([0, 0.5, 0.9, 1.0])
    assert result.lorenz["share_of_areas"].iloc[-1] == 1.0


def counts(seed=4, steady=True):
    rng = np.random.default_rng(seed)
    rate = rng.gamma(0.5, 4.0, (200, 1)) if steady else rng.gamma(0.5, 4.0, (200, 6))
    table = rng.poisson(np.broadcast_to(rate, (200, 6)))
    return pd.DataFrame(
        table, [f"a{i:03d}" for i in range(200)], [f"2022-0{t}" for t in range(1, 7)]
    )


def test_stability_tells_lasting_hot_spots_from_passing_ones():
    lasting, passing = concentration(counts()), concentration(counts(steady=False))
    assert lasting.stability["top_areas_kept"].min() > 0.5
    assert abs(passing.stability["top_areas_kept"].iloc[0] - 0.05) < 0.06
    assert lasting.stability["rank_correlation"].min() > 0.6
    assert abs(passing.stability["rank_correlation"].iloc[0]) < 0.1
    assert lasting.stability["lag_periods"].tolist() == [1, 2, 3, 4, 5]
    assert (lasting.stability["top_areas_kept_by_chance"] == 0.05).all()


def test_persistence_and_periods():
    table = counts()
    result = concentration(table)
    assert result.persistence["periods_on_top"].sum() == 6 * 10
    assert result.persistence["events"].sum() == table.to_numpy().sum()
    assert result.by_period["period"].tolist() == list(table.columns)
    assert result.by_period["n_events"].tolist() == table.sum().tolist()
    assert result.to_frame()["n_periods"].item() == 6


def test_series_panels_and_row_order_agree():
    table = counts()
    tidy = table.rename_axis("area").reset_index().melt("area", var_name="month")
    panel = Panel.from_counts(tidy, area="area", period="month", count="value")
    one, two = concentration(table), concentration(panel)
    mixed = concentration(table.sample(frac=1.0, random_state=1))
    for other in (two, mixed):
        assert other.to_frame().equals(one.to_frame())
        assert other.persistence.equals(one.persistence)
        assert other.stability.equals(one.stability)
    single = concentration(table.iloc[:, 0])
    assert single.stability.empty and single.gini.n_events == table.iloc[:, 0].sum()
    assert "generalised Gini" in single._repr_html_()


def test_periods_without_events_are_nan():
    table = counts()
    table.iloc[:, 2] = 0
    result = concentration(table)
    assert np.isnan(result.by_period.loc[2, "gini"])
    assert np.isnan(result.by_period.loc[2, "share_of_areas"])


@pytest.mark.parametrize(
    ("values", "options", "match"),
    [
        ([1, -1], {}, "negative or missing"),
        ([1.0, np.nan], {}, "negative or missing"),
        (pd.Series([1, 2], index=["A", "A"]), {}, "occur twice"),
        (np.zeros((2, 2, 2)), {}, "has shape"),
        ([1, 2], {"share": 1.0}, "'share'"),
        ([1, 2], {"top_share": 0.0}, "'top_share'"),
    ],
)
def test_inputs_that_cannot_be_used(values, options, match):
    with pytest.raises(InputError, match=match):
        concentration(values, **options)
