"""Templates: one strict, escaping environment, and what a notebook shows."""

from __future__ import annotations

import pandas as pd
import pytest
from jinja2 import UndefinedError

from hotspot_eval.report import FigureFile, Table
from hotspot_eval.report.render import (
    environment,
    numeric,
    show_figure,
    show_table,
    shown_at,
    written,
)


def _table(**columns) -> Table:
    return Table.from_frame("t", pd.DataFrame(columns), caption="A caption")


def test_the_environment_escapes_and_forgives_nothing():
    template = environment().from_string("{{ text }}")
    assert template.render(text="<b>") == "&lt;b&gt;"
    with pytest.raises(UndefinedError):
        template.render()


def test_numbers_are_set_to_the_right_and_text_is_not():
    table = _table(role=["a", "b"], n=[1, 2], rate=[0.5, float("nan")], mixed=[1, "x"])
    assert [numeric(table, j) for j in range(4)] == [False, True, True, False]


def test_numbers_of_a_column_have_the_same_decimals():
    table = _table(
        a=[0.02, 0.1, float("nan")],
        b=[12345.678, 0.5, -1.0],
        c=["x", "y", "z"],
        d=[1, 20000, -3],
        e=[1e-12, 2.0, 3.0],
        f=[-0.0, 0.5, 1.0],
    )
    columns = list(zip(*written(table), strict=True))
    assert columns[0] == ("0.02", "0.10", "[x]")
    assert columns[1] == ("12,346", "0.5", "−1")
    assert columns[3] == ("1", "20,000", "−3")
    assert columns[4] == ("1.000e−12", "2", "3")
    assert columns[5] == ("0.0", "0.5", "1.0")


def test_a_table_has_caption_scopes_and_a_key_to_its_signs():
    html = show_table(_table(role=["a"], rate=[float("nan")]), "open").html
    assert '<th scope="col">Role</th>' in html and '<th scope="row">a</th>' in html
    assert ">A caption</caption>" in html and "[x] not available." in html and "[c]" not in html
    assert "not available" not in show_table(_table(role=["a"], n=[1]), "open").html


def test_a_long_table_is_cut_and_says_so():
    html = show_table(_table(draw=list(range(75)), p_value=[0.5] * 75), "open").html
    assert html.count("<tr>") == 61 and "The first 60 of 75 rows" in html
    assert '<th scope="col" class="n">p-value</th>' in html
    assert "The first 60" not in show_table(_table(draw=list(range(60))), "open").html


def test_a_table_of_sentences_is_stacked_where_the_screen_is_narrow():
    words = "It assumes that trends would have been parallel, and says so at some length."
    html = show_table(_table(estimator=["a"], why=[words]), "open").html
    assert 'class="data stack"' in html and 'data-label="Why"' in html
    assert 'class="data"' in show_table(_table(estimator=["a"], why=["short"]), "open").html


def test_a_figure_holds_its_image_and_texts():
    entry = FigureFile(
        name="f", file="f.png", title="Fewer", subtitle="per cent", alt="A plot", source="Met",
        width=860, height=400,
    )  # fmt: skip
    shown = show_figure(entry, b"png", "internal")
    assert 'src="data:image/png;base64,cG5n" alt="A plot" width="860" height="400"' in shown.html
    assert "Source: Met." in shown.html and repr(shown) == "Fewer. A plot"
    assert shown._repr_html_() == shown.html and shown_at(shown.html) == "internal"


def test_only_what_was_shown_by_a_part_says_so():
    assert shown_at("<table></table>") == ""
    assert shown_at('<p><div class="shown" data-disclosure="open">') == ""
