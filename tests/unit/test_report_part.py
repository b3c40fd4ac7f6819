"""Part: what a notebook hands over."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from hotspot_eval.errors import InputError
from hotspot_eval.ledger import Ledger, LedgerNote
from hotspot_eval.report import Part, PartRecord, figures
from hotspot_eval.report.render import shown_at
from hotspot_eval.results import Check, Effect, Effects, TreatedCells

TEXTS = {"title": "Fewer", "subtitle": "per cent", "alt": "Forest plot"}


def _effect(estimate: float = -0.2, method: str = "Poisson DiD") -> Effect:
    return Effect.from_estimate(
        estimate, 0.1, estimand="ATT", scale="log_irr", method=method, inference="i"
    )


def _figure():
    return figures.forest(figures.forest_frame({"Poisson": _effect()}))


@pytest.fixture
def part(tmp_path):
    return Part("04_effect", folder=tmp_path)


def test_what_is_written_is_read_back(part):
    part.effect(_effect(), role="primary", outcome="robbery")
    part.by_outcome({"burglary": _effect(0.1)}, role="secondary")
    part.checks([Check(name="c", threat="t", status="not assessed", sentence="s")])
    part.fact("wards", np.int64(12), sentence="{value} wards.")
    part.minimum_detectable(-20, outcome="robbery")
    part.ledger(Ledger().step("read", rows_in=3, rows_out=3))
    part.table("t", pd.DataFrame({"n": [1]}), caption="c")
    part.figure("f", _figure(), **TEXTS)
    part.write()
    path = part.path
    assert path.name == "04_effect.part.json"
    assert PartRecord.from_json(path.read_text(encoding="utf-8")) == part.record()
    assert part.record().effects[0].label == "Poisson DiD"
    assert "2 effects, 1 checks, 1 facts, 1 tables, 1 figures" in repr(part)


def test_the_same_content_gives_the_same_bytes(tmp_path):
    written = []
    for name in ("a", "b"):
        part = Part("04_effect", folder=tmp_path / name)
        part.effect(_effect(-0.1 / 3), role="primary", outcome="robbery")
        part.figure("f", _figure(), **TEXTS, data=pd.DataFrame({"x": [0.1 + 0.2]}))
        part.write()
        files = sorted(p for p in (tmp_path / name).rglob("*") if p.is_file())
        written.append([(p.name, p.read_bytes()) for p in files])
    assert written[0] == written[1]
    assert [name for name, _ in written[0]] == [
        "04_effect.part.json", "04_effect-f.csv", "04_effect-f.png",
    ]  # fmt: skip
    assert written[0][1][1] == b"x\n0.30000000000000004\n"


def test_a_cell_run_twice_replaces_what_it_added(part):
    for estimate in (-0.2, -0.3):
        part.effect(_effect(estimate), role="primary", outcome="robbery")
        part.fact("x", estimate)
    assert [entry.effect.estimate for entry in part.record().effects] == [-0.3]
    assert [fact.value for fact in part.record().facts] == [-0.3]


def test_effects_keep_their_labels_in_order(part):
    effects = Effects(
        labels=("direct", "net"),
        vector=np.array([-0.2, -0.1]),
        covariance=np.eye(2),
        scale="log_irr",
        estimand="ATT",
        method="m",
        inference="i",
    )
    part.effects(effects, role="displacement", outcome="robbery")
    part.effects(effects, role="displacement", outcome="robbery", label="500 m")
    labels = [entry.label for entry in part.record().effects]
    assert labels == ["direct", "net", "500 m: direct", "500 m: net"]


@pytest.mark.parametrize("name", ["../x", "", "04 effect", "a/b"])
def test_a_part_is_named_like_a_file(tmp_path, name):
    with pytest.raises(InputError, match="is no file name"):
        Part(name, folder=tmp_path)


def test_records_are_refused_wherever_they_come_in(part):
    records = pd.DataFrame({"Crime ID": ["a"], "n": [1]})
    with pytest.raises(InputError, match="table 't': has columns that look like records"):
        part.table("t", records, caption="c")
    with pytest.raises(InputError, match="figure 'f', data: has columns that look like records"):
        part.figure("f", _figure(), **TEXTS, data=records)
    check = Check(name="c", threat="t", status="failed", sentence="s", evidence=records)
    with pytest.raises(InputError, match="check 'c': has columns that look like records"):
        part.check(check)


@pytest.mark.parametrize("empty", sorted(TEXTS))
def test_a_figure_needs_its_texts(part, empty):
    with pytest.raises(InputError, match=f"figure 'f', {empty}: is empty"):
        part.figure("f", _figure(), **{**TEXTS, empty: " "})
    assert not (part.folder / "figures").exists()


def test_a_published_figure_is_drawn_from_protected_counts(tmp_path):
    part = Part("04_effect", folder=tmp_path, disclosure="publication")
    counts = pd.DataFrame({"week": ["a", "b"], "events": [3, 17]})
    with pytest.raises(InputError, match="comes without the data it shows"):
        part.figure("f", _figure(), **TEXTS)
    with pytest.raises(InputError, match="holds counts that are not protected"):
        part.figure("f", _figure(), **TEXTS, data=counts)
    part.figure("f", _figure(), **TEXTS, data=part.protect(counts))
    assert (tmp_path / "figures" / "04_effect-f.csv").read_text() == "week,events\na,\nb,15.0\n"


def test_a_table_is_shown_as_it_will_be_published(tmp_path):
    frame = pd.DataFrame({"role": ["treated"], "events": [3]})
    shown = {
        level: Part("01_data", folder=tmp_path, disclosure=level).table("t", frame, caption="c")
        for level in ("open", "publication")
    }
    assert ">3<" in shown["open"].html and "[c]" not in shown["open"].html
    assert ">[c]<" in shown["publication"].html and ">3<" not in shown["publication"].html


def test_what_is_shown_is_escaped(part):
    frame = pd.DataFrame({"<b>": ["<script>"], "n": [1]})
    html = part.table("t", frame, caption="<i>c</i>").html
    assert "<script" not in html and "<b>" not in html and "<i>" not in html
    html = part.figure("f", _figure(), title="<b>", subtitle="s", alt='"><script>').html
    assert "<script" not in html and "<b>" not in html


def test_effects_and_checks_are_shown_as_the_page_shows_them(part):
    shown = part.effect(_effect(), role="primary", outcome="robbery")
    assert (
        "18.1% lower" in repr(shown) and "−18.1%" in shown.html and "Events prevented" in shown.html
    )
    evidence = pd.DataFrame({"share": [0.5]})
    checks = [
        Check(name="one", threat="t", status="failed", sentence="5 % of <b>.", evidence=evidence)
    ]
    shown = part.checks(checks)
    assert (
        "Failed" in shown.html
        and "5% of &lt;b&gt;." in shown.html
        and "The threat: t" in shown.html
    )
    assert "No effect to show." in part.by_outcome({}, role="secondary").html
    assert "No check to show." in part.checks([]).html
    unseen = part.minimum_detectable(-18.4, outcome="robbery")
    assert "would have detected a reduction in robbery of 18.4%" in repr(unseen)


def test_few_events_on_treated_cells_are_not_shown_on_publication(tmp_path):
    cells = (TreatedCells(share=1.0, cells=3, events=3.0),)
    effect = replace(_effect(), treated_cells=cells)
    part = Part("04_effect", folder=tmp_path, disclosure="publication")
    html = part.effect(effect, role="primary", outcome="robbery").html
    assert "too few to be shown" in html and shown_at(html) == "publication"


def test_ledger_rows_are_counts(part):
    part.ledger(
        Ledger().step(
            "read", rows_in=5, rows_out=2, left_out=[LedgerNote(reason="no area", rows=3)]
        )
    )
    assert part.record().ledger.counts == ("rows",)
