"""Records of a site and of a study."""

from __future__ import annotations

import json
from dataclasses import replace

import pandas as pd
import pytest

from hotspot_eval.errors import InputError
from hotspot_eval.ledger import Ledger, LedgerNote
from hotspot_eval.report import Part, SiteRecord, StudyRecord, apply_disclosure, figures
from hotspot_eval.results import Effect

HOW = {"study": "s", "site": "camden"}


def _effect(estimate: float = -0.2) -> Effect:
    return Effect.from_estimate(
        estimate, 0.1, estimand="ATT", scale="log_irr", method="m", inference="i"
    )


def _write(folder, *, level="open", drawn=False):
    part = Part("06_robustness", folder=folder, disclosure=level)
    part.effect(_effect(-0.1), role="robustness", outcome="robbery")
    part.write()
    part = Part("04_effect", folder=folder, disclosure=level)
    part.effect(_effect(-0.3), role="secondary", outcome="burglary")
    part.effect(_effect(), role="primary", outcome="robbery")
    part.table("t", pd.DataFrame({"role": ["treated"], "events": [3]}), caption="c")
    part.ledger(
        Ledger().step(
            "read",
            rows_in=103,
            rows_out=100,
            left_out=[LedgerNote(reason="no area", rows=3, examples=("row 7",))],
        )
    )
    if drawn:
        frame = figures.forest_frame({"a": _effect()})
        part.figure("f", figures.forest(frame), title="t", subtitle="s", alt="a", data=frame)
    part.write()
    return folder


def test_parts_are_joined_and_effects_ordered_by_role(tmp_path):
    record = SiteRecord.collect(_write(tmp_path), **HOW)
    assert record.parts == ("04_effect", "06_robustness")
    assert [entry.role for entry in record.effects] == ["primary", "secondary", "robustness"]
    assert record.primary.outcome == "robbery"
    assert record.with_role("secondary")[0].part == "04_effect"


def test_json_gives_the_record_back(tmp_path):
    record = SiteRecord.collect(_write(tmp_path), **HOW, params={"a": {"b": 1}})
    text = record.to_json()
    assert SiteRecord.from_json(text) == record
    assert SiteRecord.from_json(text).to_json() == text
    assert str(tmp_path) not in text
    study = StudyRecord(study="s", sites=(record,), synthesis=record)
    assert StudyRecord.from_json(study.to_json()) == study


def test_another_version_is_refused(tmp_path):
    record = json.loads(SiteRecord.collect(_write(tmp_path), **HOW).to_json())
    with pytest.raises(InputError, match="record: has version 99, not 1"):
        SiteRecord.from_json(json.dumps(record | {"version": 99}))
    path = tmp_path / "04_effect.part.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"version": 0}))
    with pytest.raises(InputError, match="part: has version 0"):
        SiteRecord.collect(tmp_path, **HOW)


def test_missing_parts_are_named(tmp_path):
    with pytest.raises(InputError, match="site 'camden': has no parts"):
        SiteRecord.collect(tmp_path, **HOW)
    _write(tmp_path)
    with pytest.raises(InputError, match=r"parts were not written \(1: 01_data\)"):
        SiteRecord.collect(tmp_path, **HOW, expected=["01_data", "04_effect"])


def test_a_site_has_one_primary_effect(tmp_path):
    part = Part("05_displacement", folder=_write(tmp_path))
    part.effect(_effect(), role="primary", outcome="theft", label="another")
    part.write()
    with pytest.raises(InputError, match=r"more than one primary effect \(2: m, another\)"):
        SiteRecord.collect(tmp_path, **HOW)


def test_settings_are_flat_and_name_no_machine_path(tmp_path):
    params = {"seed": 1, "window": {"pre": 12, "gap": None}, "files": ["/srv/a/x.csv", "y.csv"]}
    record = SiteRecord.collect(_write(tmp_path), **HOW, params=params)
    assert record.params == (
        ("seed", 1), ("window.pre", 12), ("window.gap", None), ("files", "x.csv, y.csv"),
    )  # fmt: skip


def test_the_strictest_level_is_applied_to_everything(tmp_path):
    record = SiteRecord.collect(_write(tmp_path), **HOW, disclosure="publication")
    assert record.disclosure.level == "publication"
    assert record.tables[0].rows == (("treated", "[c]"),)
    places = [record.ledger.columns.index(name) for name in ("rows", "first_five")]
    assert [[row[j] for j in places] for row in record.ledger.rows] == [
        [105, ""], ["[c]", ""], [100, ""],
    ]  # fmt: skip
    assert apply_disclosure(record, "publication") == record


def test_the_level_of_a_part_is_never_weakened(tmp_path):
    record = SiteRecord.collect(_write(tmp_path, level="publication", drawn=True), **HOW)
    assert record.disclosure.level == "publication"


def test_figures_drawn_without_protection_are_not_published(tmp_path):
    _write(tmp_path, drawn=True)
    with pytest.raises(InputError, match=r"drawn without protection \(1: 04_effect\)"):
        SiteRecord.collect(tmp_path, **HOW, disclosure="publication")


def test_a_failed_site_has_a_reason_and_no_path():
    record = SiteRecord.failed(**HOW, reason=" /srv/ann/x.csv: empty\n")
    assert (record.status, record.reason) == ("failed", "x.csv: empty")
    assert SiteRecord.failed(**HOW, reason="").reason == "no reason was recorded"
    with pytest.raises(InputError, match="a failed site, and no other, has a reason"):
        replace(record, status="ok")


def test_hostile_sites_get_harmless_folders():
    for site in ("../x", "<script>", "a/b", "x" * 500):
        record = SiteRecord.failed(study="s", site=site, reason="r")
        assert "/" not in record.slug and len(record.slug) <= 64
    assert SiteRecord.failed(study="s", site="x", slug="../y", reason="r").slug != "../y"


def test_sites_do_not_share_a_folder():
    sites = [SiteRecord.failed(study="s", site=name, reason="r") for name in ("Ealing", "ealing")]
    with pytest.raises(InputError, match=r"would share a folder \(1: 'Ealing' and 'ealing'\)"):
        StudyRecord(study="s", sites=sites)


def test_a_study_knows_its_failed_sites_and_strictest_level(tmp_path):
    good = SiteRecord.collect(_write(tmp_path), **HOW, disclosure="internal")
    bad = SiteRecord.failed(study="s", site="b", reason="r")
    study = StudyRecord(study="s", sites=(good, bad))
    assert study.failed == (bad,) and study.disclosure == "internal" and study.title == "s"
