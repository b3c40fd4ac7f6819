"""Worlds that a referee wrote, who had seen neither the estimators nor the other worlds."""

from __future__ import annotations

from dataclasses import replace

from tests.calibration.referee_draws import RefereeWorld

__all__ = ["REFEREE"]

BOROUGHS = RefereeWorld(
    name="D boroughs",
    told="points in twenty boroughs with shocks of their own, whole boroughs treated, 36 + 12 "
    "months",
    points=True,
    fades="exponential",
    reach=0.1,
    field_sd=0.1,
    boroughs=20,
    borough_sd=0.2,
    mixing=0.3,
    periods=48,
    start=36,
    together="borough",
)
REFEREE = (
    RefereeWorld(
        name="A grid",
        told="the field is a spatial autoregression of 0.7",
    ),
    RefereeWorld(
        name="B grid labels",
        told="as *A grid*, eight boroughs of 25 known, rate ratio 0.8",
        boroughs=8,
        ratio=0.8,
    ),
    RefereeWorld(
        name="C points",
        told="points with half an event, Poisson with log-normal shocks of areas and a field of "
        "serial 0.7, 36 + 24 months",
        points=True,
        fades="exponential",
        reach=0.2,
        field_sd=0.3,
        field_serial=0.7,
        own_sd=0.3,
        mixing=0.0,
        mean=0.5,
        shape=1.2,
        periods=60,
        start=36,
    ),
    BOROUGHS,
    replace(
        BOROUGHS,
        name="D2 boroughs untold",
        told="as *D boroughs*, in a panel without labels",
        labels=False,
    ),
    RefereeWorld(
        name="E rare",
        told="0.3 events a month, gamma noise of variance 1, 12 + 12 months, a block of the grid "
        "treated",
        mean=0.3,
        shape=1.5,
        mixing=1.0,
        field_sd=0.3,
        periods=24,
        start=12,
        together="block",
    ),
    RefereeWorld(
        name="F heavy",
        told="points with two events, shocks of areas with t₃ tails, bursts of three months, four "
        "quarters known",
        points=True,
        fades="exponential",
        reach=0.15,
        field_sd=0.2,
        own_sd=0.4,
        heavy=True,
        bursts=0.01,
        mean=2.0,
        mixing=0.2,
        boroughs=4,
    ),
    RefereeWorld(
        name="G trends",
        told="points in ten boroughs with trends that differ by 6 % a year, a season, 24 + 24 "
        "months",
        points=True,
        fades="exponential",
        reach=0.15,
        field_sd=0.15,
        boroughs=10,
        trend=0.06,
        season=0.3,
        mixing=0.4,
        mean=1.5,
        periods=48,
        start=24,
    ),
    RefereeWorld(
        name="H weekly",
        told="0.25 events a week, shocks of serial 0.9, 52 + 26 weeks",
        mean=0.25,
        own_sd=0.3,
        own_serial=0.9,
        field_sd=0.2,
        field_serial=0.9,
        periods=78,
        start=52,
    ),
    RefereeWorld(
        name="I hot",
        told="points in ten boroughs, areas treated in proportion to their level, a smooth field, "
        "populations known, rate ratio 0.8",
        points=True,
        fades="gaussian",
        reach=0.12,
        field_serial=0.6,
        mixing=0.4,
        boroughs=10,
        hot=True,
        exposure=True,
        ratio=0.8,
    ),
    RefereeWorld(
        name="J short post",
        told="three events a month, forty boroughs of five known, a block treated, 24 + 6 months",
        boroughs=40,
        reach=0.8,
        field_sd=0.2,
        field_serial=0.4,
        mixing=0.3,
        mean=3.0,
        periods=30,
        together="block",
    ),
    RefereeWorld(
        name="L persistent",
        told="spatial autoregression of 0.9, all shocks of serial 0.85",
        reach=0.9,
        field_serial=0.85,
        own_sd=0.25,
        own_serial=0.85,
        mixing=0.3,
        mean=1.5,
    ),
    RefereeWorld(
        name="M NB alone",
        told="half an event, gamma noise of variance 1 and no shocks at all, 12 + 12 months",
        mixing=1.0,
        field_sd=0.0,
        mean=0.5,
        periods=24,
        start=12,
    ),
    RefereeWorld(
        name="P short pre",
        told="as *A grid*, eight boroughs of 25 known, 12 + 12 months",
        boroughs=8,
        periods=24,
        start=12,
    ),
)
