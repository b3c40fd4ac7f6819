"""Rendered notebooks: folded code, described figures, no path, no script, no request."""

from __future__ import annotations

import base64
import re

import nbformat
import pandas as pd
import pytest

from hotspot_eval.errors import InputError
from hotspot_eval.report import Part, notebook_html

PIXEL = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()
new_output, new_code, new_text = (
    nbformat.v4.new_output,
    nbformat.v4.new_code_cell,
    nbformat.v4.new_markdown_cell,
)


def _render(tmp_path, *cells, **more) -> str:
    source = tmp_path / "x.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=list(cells)), source)
    return notebook_html(source, tmp_path / "x.html", title="A <title>", **more).read_text("utf-8")


def test_nothing_is_asked_for_and_no_script_is_written(tmp_path):
    html = _render(tmp_path, new_text("# A\n\n$x^2$"), new_code("1 + 1"))
    assert not re.search(r"https?://|<script|mathjax|require", html, re.IGNORECASE)
    assert "default-src 'none'" in html and '<html lang="en">' in html


def test_code_is_folded_and_coloured(tmp_path):
    html = _render(tmp_path, new_code("import os"))
    assert re.search(r'<details class="code"><summary>Code</summary>\s*<div class="high', html)
    assert "<details open" not in html


def test_injected_parameters_and_paths_are_not_shown(tmp_path):
    injected = new_code("folder = '/srv/secret/x'", metadata={"tags": ["injected-parameters"]})
    outputs = [
        new_output("stream", name="stdout", text="read /srv/secret/wards.csv"),
        new_output("stream", name="stderr", text="/srv/secret/lib/frame.py:3: UserWarning: few"),
        new_output("error", ename="E", evalue="v", traceback=["E: /srv/secret/a.csv"]),
        new_output("execute_result", data={"text/plain": "Path('/srv/secret/b.csv')"}),
    ]
    html = _render(tmp_path, injected, new_code("open('/srv/secret/z.csv')", outputs=outputs))
    assert "secret" not in html
    assert "The settings of this run are listed" in html
    for kept in ("wards.csv", "a.csv", "b.csv", "z.csv"):
        assert kept in html


def test_warnings_are_shown_calmly(tmp_path):
    output = new_output("stream", name="stderr", text="UserWarning: <b>few</b> events")
    html = _render(tmp_path, new_code("x", outputs=[output]))
    assert 'class="notice"><p>Message while this ran:</p>' in html
    assert "UserWarning: &lt;b&gt;few&lt;/b&gt; events" in html


def test_images_have_alternative_text(tmp_path):
    told = new_output("display_data", data={"image/png": PIXEL}, metadata={"alt": 'Two "lines"'})
    silent = new_output("display_data", data={"image/png": PIXEL})
    html = _render(tmp_path, new_code("x", outputs=[told, silent]))
    texts = [found[1] for found in re.findall(r"""<img[^>]*?alt=(["'])(.*?)\1""", html)]
    assert texts == ['Two "lines"', "Figure of this notebook, without a description"]


@pytest.mark.parametrize(("first", "headings"), [("# One", 1), ("no heading", 1)])
def test_there_is_one_first_heading(tmp_path, first, headings):
    html = _render(tmp_path, new_text(first))
    assert len(re.findall("<h1", html)) == headings
    assert "<title>A &lt;title&gt;</title>" in html


def test_a_link_leads_back(tmp_path):
    assert '<a href="index.html">Back to the results of this site</a>' in _render(tmp_path)
    assert 'href="index.html"' not in _render(tmp_path, back="")


def test_publication_shows_only_what_a_part_has_protected(tmp_path):
    frame = pd.DataFrame({"role": ["treated"], "events": [3]})
    levels = ("open", "publication")
    shown = [Part("p", folder=tmp_path, disclosure=k).table("t", frame, caption=k) for k in levels]
    outputs = [
        *(new_output("execute_result", data={"text/html": table.html}) for table in shown),
        new_output("execute_result", data={"text/html": frame.to_html()}),
        new_output("stream", name="stdout", text="3 events"),
        new_output("error", ename="E", evalue="3 events", traceback=["E: 3 events"]),
    ]
    cell = new_code("x", outputs=outputs)
    html = _render(tmp_path, cell, disclosure="publication")
    assert html.count("Output left out") == 4
    assert ">[c]<" in html and ">3<" not in html and "3 events" not in html
    assert "Output left out" not in _render(tmp_path, cell)
    with pytest.raises(InputError, match="'disclosure'"):
        _render(tmp_path, cell, disclosure="secret")


def test_what_is_no_notebook_is_refused(tmp_path):
    path = tmp_path / "x.ipynb"
    path.write_text("nothing")
    with pytest.raises(InputError, match=r"x\.ipynb: is no notebook"):
        notebook_html(path, tmp_path / "x.html", title="t")
