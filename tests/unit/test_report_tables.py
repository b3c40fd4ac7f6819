"""Result tables: the same bytes, documented columns, nothing a spreadsheet would run."""

from __future__ import annotations

import csv
import math

import pandas as pd
import pytest

from hotspot_eval.ledger import Ledger, LedgerNote
from hotspot_eval.report import (
    ReportedEffect,
    SiteRecord,
    StudyRecord,
    Table,
    write_site_tables,
    write_study_tables,
)
from hotspot_eval.report.tables import CHECK_COLUMNS, ESTIMATE_COLUMNS, LEDGER_COLUMNS
from hotspot_eval.results import Effect, TreatedCells


def _effect(estimate: float, **more) -> Effect:
    given = {"estimand": "ATT", "scale": "log_irr", "method": "m", "inference": "i"} | more
    return Effect.from_estimate(estimate, 0.1, **given)


def _record(site: str = "camden", *effects: Effect) -> SiteRecord:
    entries = [
        ReportedEffect(role="robustness", outcome="o", label=f"l{k}", effect=effect)
        for k, effect in enumerate(effects)
    ]
    ledger = Ledger().step(
        "read", rows_in=3, rows_out=2, left_out=[LedgerNote(reason="blank", rows=1)]
    )
    return SiteRecord(
        study="s",
        site=site,
        effects=tuple(entries),
        ledger=Table.from_frame("ledger", ledger.to_frame(), caption="c", counts=["rows"]),
    )


def _rows(path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_numbers_keep_every_digit(tmp_path):
    effect = _effect(-0.1 / 3, treated_cells=(TreatedCells(share=1.0, cells=4, events=50.0),))
    estimates, _, _ = write_site_tables(_record("camden", effect), tmp_path)
    row = _rows(estimates)[0]
    for name, value in {
        "estimate": effect.estimate,
        "ci_low": effect.ci_low,
        "irr": math.exp(effect.estimate),
        "percent_change": effect.percent_change().value,
        "percent_high": effect.percent_change().high,
        "prevented": effect.crimes_prevented().value,
        "treated_events": 50.0,
    }.items():
        assert float(row[name]) == value, name
    assert row["df"] == "inf" and row["notes"] == "" and row["treated_cells"] == "4"


def test_columns_are_the_documented_ones_in_order(tmp_path):
    paths = write_site_tables(_record("camden", _effect(0.1)), tmp_path)
    documented = (ESTIMATE_COLUMNS, CHECK_COLUMNS, LEDGER_COLUMNS)
    for path, columns in zip(paths, documented, strict=True):
        assert path.read_text(encoding="utf-8").split("\n")[0] == ",".join(columns)
        assert all(meaning.endswith(".") for meaning in columns.values())


def test_the_same_record_gives_the_same_bytes(tmp_path):
    record = _record("camden", _effect(0.1), _effect(-0.2))
    first = [path.read_bytes() for path in write_site_tables(record, tmp_path / "a")]
    again = SiteRecord.from_json(record.to_json())
    assert [path.read_bytes() for path in write_site_tables(again, tmp_path / "b")] == first
    assert b"\r" not in b"".join(first)


def test_what_is_impossible_is_empty_with_its_reason(tmp_path):
    effect = _effect(math.nan, notes=("one treated cohort",))
    row = _rows(write_site_tables(_record("camden", effect), tmp_path)[0])[0]
    assert row["estimate"] == row["irr"] == row["prevented"] == row["treated_cells"] == ""
    assert row["notes"] == "one treated cohort"


def test_count_scale_has_no_ratio(tmp_path):
    row = _rows(write_site_tables(_record("c", _effect(-3.0, scale="count")), tmp_path)[0])[0]
    assert row["irr"] == row["percent_change"] == "" and float(row["estimate"]) == -3.0


def test_failed_sites_have_a_row_with_the_reason(tmp_path):
    bad = SiteRecord.failed(study="s", site="barnet", reason="no register")
    study = StudyRecord(study="s", sites=(_record("camden", _effect(0.1)), bad))
    estimates, checks = write_study_tables(study, tmp_path)
    told = [(row["site"], row["site_status"], row["reason"]) for row in _rows(estimates)]
    assert told == [("camden", "ok", ""), ("barnet", "failed", "no register")]
    assert [row["reason"] for row in _rows(checks)] == ["no register"]
    same = write_study_tables(study.sites, tmp_path / "again")
    assert same[0].read_bytes() == estimates.read_bytes()


def test_the_synthesis_follows_the_sites(tmp_path):
    study = StudyRecord(
        study="s",
        sites=(_record("camden", _effect(0.1)),),
        synthesis=_record("all", _effect(0.2)),
    )
    assert [row["site"] for row in _rows(write_study_tables(study, tmp_path)[0])] == [
        "camden", "all",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["=cmd()", "+1+1", "-x", "@a", "\tx"])
def test_text_never_starts_a_formula(tmp_path, name):
    row = _rows(write_site_tables(_record(name, _effect(0.1)), tmp_path)[0])[0]
    assert row["site"] == f"'{name}"


def test_text_that_is_a_number_stays_one(tmp_path):
    row = _rows(write_site_tables(_record("-3", _effect(0.1)), tmp_path)[0])[0]
    assert row["site"] == "-3"


def test_the_ledger_balances_in_the_file(tmp_path):
    rows = pd.read_csv(write_site_tables(_record(), tmp_path)[2])
    total = rows.groupby("entry")["rows"].sum()
    assert total["in"] == total["out"] + total["left out"]
