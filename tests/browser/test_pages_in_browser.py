"""The written pages in a real browser: nothing leaves, nothing overflows, everyone can read."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.browser
WIDTHS = (320, 768, 1280)

UNREADABLE = """() => {
  const number = text => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map(v => v / 255)
      .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const behind = element => {
    for (let e = element; e; e = e.parentElement) {
      const colour = number(getComputedStyle(e).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const found = [];
  document.querySelectorAll('details').forEach(d => { d.open = true; });
  for (const element of document.querySelectorAll('body *')) {
    const own = [...element.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    if (!own || !element.getClientRects().length) continue;
    const [a, b] = [number(getComputedStyle(element).color), behind(element)].map(light);
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) found.push(`${element.tagName}.${element.className} ${ratio.toFixed(2)}`);
  }
  return found;
}"""
HEADINGS = "() => [...document.querySelectorAll('h1,h2,h3,h4')].map(h => Number(h.tagName[1]))"
WIDER = """() => [document.documentElement.scrollWidth,
  ...[...document.querySelectorAll('body *')]
    .filter(e => !e.closest('.scroll, .image, .output, pre, .hidden, .skip, thead'))
    .map(e => Math.ceil(e.getBoundingClientRect().right))].reduce((a, b) => Math.max(a, b))"""


def _pages(published: Path) -> list[Path]:
    return sorted(published.rglob("*.html"))


@pytest.fixture(scope="module")
def visit(chromium: Any, published: Path) -> Callable[[Callable[[Any, Path], None], int], None]:
    """Run something on every page at a width."""

    def run(look: Callable[[Any, Path], None], width: int = 1280) -> None:
        page = chromium.new_page(viewport={"width": width, "height": 900})
        for path in _pages(published):
            page.goto(path.as_uri())
            look(page, path)
        page.close()

    return run


def test_every_page_was_written(published):
    assert len(_pages(published)) == 7


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_overflows_sideways(visit, width):
    def look(page, path):
        assert page.evaluate(WIDER) <= width, path.parent.name
        page.evaluate("() => document.querySelectorAll('details').forEach(d => d.open = true)")
        assert page.evaluate(WIDER) <= width, f"{path.parent.name}, unfolded"

    visit(look, width)


def test_print_on_paper_is_not_clipped(chromium, published):
    page = chromium.new_page(viewport={"width": 718, "height": 1000})
    page.emulate_media(media="print")
    for path in _pages(published):
        page.goto(path.as_uri())
        right = "e => Math.ceil(e.getBoundingClientRect().right)"
        for table in page.locator("table").all():
            assert table.evaluate(right) <= 718, path
        assert not page.locator(".skip").is_visible()
    page.close()


def test_no_request_leaves_the_folder(chromium, published):
    page = chromium.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for path in _pages(published):
        page.goto(path.as_uri(), wait_until="load")
    outside = [
        url for url in asked if not url.startswith((published.as_uri(), "data:image/png", "data:,"))
    ]
    assert asked
    assert outside == []


def test_hostile_names_stay_text(visit):
    def look(page, path):
        assert page.title() != "owned"
        assert page.locator("script").count() == 0, path

    visit(look)


def test_images_are_described_and_shown(visit):
    seen = []

    def look(page, path):
        for image in page.locator("img").all():
            seen.append(image.get_attribute("src"))
            assert len(image.get_attribute("alt") or "") > 20, path
            assert image.evaluate("e => e.complete && e.naturalWidth > 0"), path

    visit(look)
    assert len(seen) >= 3 * 6 + 1


def test_headings_are_in_order_and_one_comes_first(visit):
    def look(page, path):
        levels = page.evaluate(HEADINGS)
        assert levels[0] == 1 and levels.count(1) == 1, path
        assert all(b - a <= 1 for a, b in pairwise(levels)), (path, levels)

    visit(look)


def test_text_stands_out_from_its_ground(visit):
    def look(page, path):
        assert page.evaluate(UNREADABLE) == [], path

    visit(look)


def test_contrast_is_really_measured(chromium):
    page = chromium.new_page()
    page.set_content("<p style='color:#999'>pale</p><p style='color:#333'>dark</p>")
    assert len(page.evaluate(UNREADABLE)) == 1


def test_language_skip_link_and_landmarks(visit):
    def look(page, path):
        assert page.locator("html").get_attribute("lang") == "en"
        page.keyboard.press("Tab")
        assert page.evaluate("() => document.activeElement.className") == "skip", path
        page.keyboard.press("Enter")
        assert page.evaluate("() => document.activeElement.id") == "content", path
        for landmark in ("header", "main", "footer"):
            if landmark != "footer" or path.name == "index.html":
                assert page.locator(f"body > {landmark}").count() == 1, (path, landmark)

    visit(look)


def test_tables_have_captions_and_scopes(visit):
    def look(page, path):
        if path.name != "index.html":
            return
        for table in page.locator("table").all():
            assert table.locator("caption").count() == 1, path
            assert table.locator("th:not([scope])").count() == 0, path

    visit(look)


def test_ids_are_unique_and_every_link_arrives(visit, published):
    def look(page, path):
        ids = page.evaluate("() => [...document.querySelectorAll('[id]')].map(e => e.id)")
        assert len(ids) == len(set(ids)), path
        links = page.evaluate("() => [...document.querySelectorAll('a')].map(e => e.href)")
        for link in links:
            target, _, anchor = link.partition("#")
            file = Path(re.sub("^file://", "", target))
            assert file.is_file() and published in file.parents, (path, link)
            assert not anchor or file != path or anchor in ids, (path, link)

    visit(look)


def test_status_is_never_colour_alone(visit):
    words = {"✓": {"Passed", "Evaluated"}, "✕": {"Failed"}, "○": {"Not assessed"}}

    def look(page, path):
        for status in page.locator(".status").all():
            mark = status.locator(".mark").text_content()
            assert status.text_content()[len(mark) :] in words[mark], path

    visit(look)
