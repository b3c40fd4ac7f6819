"""Pages as text: everything in the record is on them, escaped, and every file they link to."""

from __future__ import annotations

import re

import pandas as pd
import pytest

from hotspot_eval.errors import InputError
from hotspot_eval.report import (
    Part,
    SiteRecord,
    StudyRecord,
    figures,
    write_index,
    write_site_page,
)
from hotspot_eval.results import Check, Effect

HOSTILE = "<img src=x onerror=alert(1)>"


def _effect(estimate: float = -0.2) -> Effect:
    return Effect.from_estimate(
        estimate, 0.1, estimand=HOSTILE, scale="log_irr", method=HOSTILE, inference=HOSTILE
    )


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    folder = tmp_path_factory.mktemp("internal")
    part = Part("04_effect", folder=folder)
    part.effect(_effect(), role="primary", outcome=HOSTILE, label=HOSTILE)
    part.fact(HOSTILE, HOSTILE, sentence=HOSTILE)
    part.table(HOSTILE, pd.DataFrame({HOSTILE: [HOSTILE]}), caption=HOSTILE)
    evidence = pd.DataFrame({HOSTILE: [HOSTILE]})
    part.check(
        Check(name=HOSTILE, threat=HOSTILE, status="failed", sentence=HOSTILE, evidence=evidence)
    )
    frame = figures.forest_frame({HOSTILE: _effect()})
    texts = dict.fromkeys(("title", "subtitle", "alt", "source"), HOSTILE)
    part.figure(HOSTILE, figures.forest(frame), **texts, data=frame)
    part.write()
    return SiteRecord.collect(
        folder,
        study="s",
        site=HOSTILE,
        title=HOSTILE,
        params={HOSTILE: HOSTILE},
        acknowledgements=[HOSTILE],
    )


def _links(html: str) -> set[str]:
    return set(re.findall(r'(?:href|src)="([^"#][^"]*)"', html)) - {"data:,"}


def test_hostile_text_is_escaped_everywhere(record, tmp_path):
    page = write_site_page(record, tmp_path / record.slug).read_text(encoding="utf-8")
    index = write_index(StudyRecord(study="s", sites=(record,)), tmp_path).read_text("utf-8")
    for html in (page, index):
        assert "<img src=x" not in html and "onerror=alert(1)>" not in html
        assert "&lt;img src=x" in html
    shown = page.lower().count("&lt;img src=x")
    assert shown >= 20


def test_every_link_of_a_page_has_its_file(record, tmp_path):
    site = tmp_path / record.slug
    site.mkdir()
    (site / "04_effect.html").write_text("<p>notebook</p>")
    (site / "manifest.json").write_text("{}")
    page = write_site_page(record, site)
    index = write_index(StudyRecord(study="s", sites=(record,)), tmp_path)
    links = _links(page.read_text("utf-8"))
    assert {"04_effect.html", "manifest.json", "record.json", "../index.html"} <= links
    for source in (page, index):
        for link in _links(source.read_text("utf-8")):
            assert (source.parent / link).is_file(), link


def test_a_page_written_twice_is_the_same(record, tmp_path):
    first = write_site_page(record, tmp_path).read_bytes()
    assert write_site_page(record, tmp_path).read_bytes() == first


def test_a_record_read_back_needs_its_folder(record, tmp_path):
    again = SiteRecord.from_json(record.to_json())
    with pytest.raises(InputError, match="does not say where they are"):
        write_site_page(again, tmp_path)
    write_site_page(again, tmp_path, folder=record.folder)
    with pytest.raises(InputError, match=r"figures are missing \(2"):
        write_site_page(again, tmp_path, folder=tmp_path / "elsewhere")


def test_figures_are_taken_from_their_folder_only(record, tmp_path):
    text = record.to_json().replace(record.figures[0].file, "../../secret.png")
    with pytest.raises(InputError, match=r"figures are missing \(1: \.\./\.\./secret\.png"):
        write_site_page(SiteRecord.from_json(text), tmp_path, folder=record.folder)


def test_failed_sites_are_listed_with_their_reason_and_have_a_page(record, tmp_path):
    bad = SiteRecord.failed(study="s", site="barnet", reason="no register\nat all")
    study = StudyRecord(study="s", sites=(record, bad))
    page = write_site_page(bad, tmp_path / bad.slug).read_text("utf-8")
    index = write_index(study, tmp_path).read_text("utf-8")
    assert "no register\nat all" in page and "no register\nat all" in index
    assert 'href="barnet/index.html"' in index and "1 evaluated, 1 failed" in index
    assert "Estimates</h2>" not in page
    frame = pd.read_csv(tmp_path / "figures" / "forest-of-sites.csv")
    assert frame["note"].tolist()[1] == "failed: no estimate"


def test_the_forest_has_every_site_and_the_pooled_effect(record, tmp_path):
    twins = [
        SiteRecord.failed(study="s", site=name, title="Twin", reason="r") for name in ("a", "b")
    ]
    synthesis = SiteRecord(study="s", site="all-sites", effects=record.effects)
    study = StudyRecord(study="s", sites=(record, *twins), synthesis=synthesis)
    write_index(study, tmp_path)
    frame = pd.read_csv(tmp_path / "figures" / "forest-of-sites.csv")
    assert frame["label"].tolist() == [HOSTILE, "Twin (a)", "Twin (b)", "All sites together"]
    assert frame["estimate"].notna().tolist() == [True, False, False, True]


def test_a_study_of_failures_has_an_index_without_forest(tmp_path):
    bad = SiteRecord.failed(study="s", site="barnet", reason="r")
    html = write_index(StudyRecord(study="s", sites=(bad,), synthesis=bad), tmp_path)
    assert "<figure" not in html.read_text("utf-8")
    assert (tmp_path / "synthesis" / "index.html").is_file()
    assert "The synthesis did not finish" in html.read_text("utf-8")
    with pytest.raises(InputError, match="has no site to show"):
        write_index(StudyRecord(study="s", sites=()), tmp_path)


def test_publication_is_marked_and_suppressed(tmp_path):
    part = Part("01_data", folder=tmp_path / "internal", disclosure="publication")
    part.table("t", pd.DataFrame({"role": ["treated"], "events": [3]}), caption="c")
    part.fact("arrests", 4, sentence="{value} people were arrested.", count=True)
    part.write()
    record = SiteRecord.collect(tmp_path / "internal", study="s", site="x")
    page = write_site_page(record, tmp_path / "out").read_text("utf-8")
    assert "For publication: counts are rounded" in page
    assert ">[c]</td>" in page and "[c] people were arrested." in page
    assert "[c] suppressed because the number is small." in page


def test_no_page_asks_for_anything_outside(record, tmp_path):
    page = write_site_page(record, tmp_path).read_text("utf-8")
    assert not re.search(r"https?://|//cdn|@import|url\(", page)
    assert "default-src 'none'" in page
