"""A made-up study: three sites that ended, one that failed, names that mean harm, a synthesis."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import geopandas as gpd
import nbformat
import numpy as np
import pandas as pd
import pytest
from shapely.geometry import box

from hotspot_eval import report
from hotspot_eval.design import Design
from hotspot_eval.ledger import Ledger, LedgerNote
from hotspot_eval.panel import Panel
from hotspot_eval.results import Check, Effect, Effects, TreatedCells

CHROMIUM = Path("/usr/bin/chromium")
HOSTILE = '<script>document.title="owned"</script>'
OUTCOME = "violence_with_injury"
THREAT = "A difference that grew before the operation would be counted as its effect."


@pytest.fixture(scope="session")
def chromium() -> Iterator[object]:
    """A browser, or the reason for skipping."""
    if not CHROMIUM.exists():
        pytest.skip("no chromium at /usr/bin/chromium: apt-get install -y chromium")
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The written pages of the made-up study."""
    root = tmp_path_factory.mktemp("study")
    write_study(root)
    return root / "published"


def write_study(root: Path) -> report.StudyRecord:
    """Write everything of the made-up study beneath ``root``."""
    rng = np.random.default_rng(20200501)
    sites = [
        _site(root / "internal" / str(number), name, rng)
        for number, name in enumerate(("lambeth", HOSTILE, "a-very-long-name-" * 12))
    ]
    failed = report.SiteRecord.failed(
        study="may_2020",
        site="../x",
        title="Merton & Sutton",
        reason="InputError: /srv/ann/data/register.csv, column 'start': cannot be read as a date "
        "(3: 31/02/2020, n/a, soon). Write dates as 2020-05-04.",
    )
    study = report.StudyRecord(
        study="may_2020",
        title="Operation in South West London, May 2020",
        sites=(*sites, failed),
        synthesis=_synthesis(root / "internal" / "synthesis"),
        acknowledgements=(
            "Contains public sector information licensed under the Open Government Licence v3.0.",
        ),
    )
    out = root / "published"
    _notebook(out / study.sites[0].slug / "04_effect.html", root)
    for record in study.sites:
        report.write_site_page(record, out / record.slug, study_title=study.title)
    report.write_index(study, out)
    return study


def _notebook(target: Path, root: Path) -> None:
    cells = [
        nbformat.v4.new_markdown_cell("# 04 Effect\n\n## What was found\n\nFewer."),
        nbformat.v4.new_code_cell(
            "effect  # " + "a long line " * 20,
            outputs=[
                nbformat.v4.new_output("stream", name="stderr", text="UserWarning: short window"),
                nbformat.v4.new_output("stream", name="stdout", text="x" * 300),
            ],
        ),
    ]
    source = root / "04_effect.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), source)
    report.notebook_html(source, target, title="04 Effect")


def _effect(value: float, error: float, **more: object) -> Effect:
    given = {
        "estimand": "ATT on treated cells",
        "scale": "log_irr",
        "method": "Poisson DiD",
        "inference": "clustered by ward",
        "n_areas": 120,
        "n_treated": 12,
        "n_control": 108,
        "n_clusters": 120,
        "n_periods": 16,
        "treated_cells": (TreatedCells(share=1.0, cells=36, events=412.0),),
    }
    return Effect.from_estimate(value, error, **(given | more))


def _effects(labels: tuple[str, ...], values: list[float], errors: list[float]) -> Effects:
    return Effects(
        labels=labels,
        vector=np.array(values),
        covariance=np.diag(np.square(errors)),
        scale="log_irr",
        estimand="ATT",
        method="Poisson DiD",
        inference="clustered by ward",
    )


def _site(folder: Path, name: str, rng: np.random.Generator) -> report.SiteRecord:
    _first_parts(folder, rng)
    part = report.Part("04_effect", folder=folder)
    part.effect(_effect(-0.16 + 0.1 * rng.normal(), 0.06), role="primary", outcome=OUTCOME)
    part.effect(_effect(-0.05, 0.09, notes=("few events",)), role="secondary", outcome="robbery")
    part.effect(
        _effect(-3.1, 1.7, scale="count", method="WDD", inference="Poisson variance"),
        role="robustness",
        outcome=OUTCOME,
    )
    part.effect(
        _effect(math.nan, math.nan, method="group-time ATT", notes=("one treated cohort",)),
        role="robustness",
        outcome=OUTCOME,
    )
    part.effect(_effect(-0.07, 0.03, method="replay"), role="regression_to_mean", outcome=OUTCOME)
    event = _effects(
        tuple(str(step) for step in range(-6, 4)),
        [0.02, -0.03, 0.04, 0.01, -0.02, 0.0, -0.21, -0.17, -0.12, -0.05],
        [0.09, 0.08, 0.09, 0.08, 0.09, 0.0, 0.09, 0.09, 0.1, 0.1],
    )
    part.check(
        Check(
            name="parallel trends",
            threat=THREAT,
            status="passed",
            sentence="Equal trends before the operation are not rejected (p = 0.412).",
            evidence=event.to_frame()[["label", "estimate", "std_error"]],
        )
    )
    _figures(part, event, rng)
    part.write()
    part = report.Part("05_displacement", folder=folder)
    labels = ("direct", "catchment", "net")
    part.effects(
        _effects(labels, [-0.16, 0.04, -0.1], [0.06, 0.05, 0.05]),
        role="displacement",
        outcome=OUTCOME,
    )
    part.effect(_effect(0.4, 0.1, method="Poisson DiD"), role="output", outcome="arrests")
    part.write()
    return report.SiteRecord.collect(
        folder,
        study="may_2020",
        site=name,
        title=name if name.startswith("<") else name.replace("-", " ").title().strip(),
        params={
            "seed": 7,
            "windows": {"pre_periods": 12, "post_periods": 4, "gap": 0},
            "inputs": ["/srv/secret/counts.csv", "areas.gpkg"],
            "note": None,
        },
        acknowledgements=["Source: Metropolitan Police Service, London Datastore."],
        expected=("01_data", "04_effect", "05_displacement"),
    )


def _first_parts(folder: Path, rng: np.random.Generator) -> None:
    part = report.Part("01_data", folder=folder)
    part.ledger(
        Ledger().step(
            "read counts",
            rows_in=52_310,
            rows_out=52_298,
            left_out=[LedgerNote(reason="no area", rows=12, examples=("row 18", "row 77"))],
        )
    )
    part.fact("wards", 120, sentence="The panel has {value} wards and 16 weeks.")
    part.table(
        "totals",
        pd.DataFrame(
            {
                "role": ["treated", "control", "catchment"],
                "n_areas": [12, 108, 9],
                "events": rng.poisson([400, 3000, 250]),
                "rate_per_1000": [1.25, 0.71, float("nan")],
            }
        ),
        caption="Events before the operation by role, 12 weeks to 3 May 2020",
    )
    part.check(
        Check(
            name="recording breaks",
            threat="A change in recording at the start would look like an effect.",
            status="failed",
            sentence="A break falls inside the window: national lockdown from 23 March 2020.",
            evidence=pd.DataFrame({"break": ["national lockdown"], "from": ["2020-03-23"]}),
        )
    )
    part.check(
        Check(
            name="spatial dependence",
            threat="Correlated neighbours make standard errors too small.",
            status="not assessed",
            sentence="Boundaries were not given, so neighbours are not known.",
        )
    )
    part.minimum_detectable(-18.4, outcome=OUTCOME, method="replay of the study's own past")
    part.write()


def _figures(part: report.Part, event: Effects, rng: np.random.Generator) -> None:
    frame = report.figures.forest_frame(
        {"Poisson DiD": _effect(-0.16, 0.06), "Linear DiD": None, "Imputation": _effect(-0.1, 0.07)}
    )
    part.figure(
        "methods",
        report.figures.forest(frame, emphasis=["Poisson DiD"], note="12 treated, 108 controls"),
        title="Every method finds fewer events",
        subtitle="Change in violence with injury, per cent, with 95% interval",
        alt="Forest plot of three methods; Poisson DiD 15% fewer, imputation 10% fewer.",
        data=frame,
        source="Metropolitan Police Service",
    )

    panel, design, areas = _world(rng)
    figures = report.figures
    counts = figures.trend_frame(panel, design)
    part.figure(
        "trend",
        figures.trend(counts, note="6 treated, 28 control, 2 catchment wards; 24 weeks"),
        title="Treated wards fell further than control wards after the start",
        subtitle="Violence with injury a week, mean of the window before = 100",
        alt="Line chart of weekly events; treated wards fall to 70 after the start, controls stay.",
        data=counts,
    )
    times = figures.event_study_frame(event)
    part.figure(
        "event study",
        figures.event_study(times, unit="weeks", note="6 treated, 28 control wards"),
        title="No trend is seen before the start",
        subtitle="Change against the last week before the start, per cent, with 95% interval",
        alt="Estimates by week: near zero before the start, 12 to 19% fewer after it.",
        data=times,
    )
    draws = rng.normal(-7, 8, 400)
    part.figure(
        "placebo",
        figures.placebo(draws, estimate=-24.0, note="400 placebos, 2017 to 2019"),
        title="The estimate lies at the edge of the placebo estimates",
        subtitle="Change in per cent where nothing was done, and the real estimate",
        alt="Histogram of placebo estimates around 7% fewer; the real one is 24% fewer.",
    )
    roles = figures.role_frame(panel, design)
    part.figure(
        "roles",
        figures.role_map(areas, roles, note="36 wards"),
        title="The treated wards lie together",
        subtitle="Wards by role",
        alt="Map of 36 wards: six treated in the middle, two catchment wards beside them.",
        data=roles,
    )
    before = pd.DataFrame({"area": panel.areas, "events": panel.counts[:, :12, 0].sum(axis=1)})
    before.loc[3, "events"] = float("nan")
    part.figure(
        "counts",
        figures.count_map(areas, before, value="events", label="Events in 12 weeks"),
        title="Violence was concentrated in the middle",
        subtitle="Events a ward, 12 weeks before the start",
        alt="Map of events a ward: most in the middle.",
        data=before,
    )


def _world(rng: np.random.Generator) -> tuple[Panel, Design, gpd.GeoDataFrame]:
    places = [(row, column) for row in range(6) for column in range(6)]
    names = [f"W{row}{column}" for row, column in places]
    weeks = pd.date_range("2020-02-10", periods=24, freq="7D")
    treated = ["W22", "W23", "W32", "W33", "W24", "W34"]
    rows = [
        (name, week, rng.poisson(30 * (0.7 if name in treated and t >= 12 else 1)))
        for name in names
        for t, week in enumerate(weeks)
    ]
    panel = Panel.from_counts(
        pd.DataFrame(rows, columns=["ward", "week", "events"]),
        area="ward",
        period="week",
        count="events",
        frequency="week",
        absent="zero",
    )
    design = Design(
        treated=treated,
        start=panel.periods.labels[12],
        catchment=["W21", "W31"],
        pre_periods=8,
        post_periods=10,
    )
    squares = [box(1000 * x, 1000 * y, 1000 * x + 1000, 1000 * y + 1000) for y, x in places]
    areas = gpd.GeoDataFrame(index=pd.Index(names, name="area"), geometry=squares, crs=27700)
    return panel, design, areas


def _synthesis(folder: Path) -> report.SiteRecord:
    part = report.Part("10_synthesis", folder=folder)
    part.effect(
        _effect(-0.12, 0.05, method="random effects", inference="Hartung–Knapp", n_clusters=0),
        role="primary",
        outcome=OUTCOME,
        label="pooled",
    )
    part.fact("heterogeneity", 0.34, sentence="Share of variance between sites, I²: {value}.")
    part.write()
    return report.SiteRecord.collect(folder, study="may_2020", site="synthesis")
