"""What holds of every ledger and every panel, whatever the rows."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotspot_eval.errors import InputError
from hotspot_eval.ledger import Ledger, LedgerNote, LedgerStep
from hotspot_eval.panel import Panel

AREAS = [f"E{number:02}" for number in range(6)]
MONTHS = [f"2022-{month:02}" for month in range(1, 7)]
CELLS = st.dictionaries(
    st.tuples(st.sampled_from(AREAS), st.sampled_from(MONTHS)),
    st.tuples(st.none() | st.integers(0, 50), st.integers(0, 50)),
    min_size=1,
    max_size=36,
)
quick = settings(max_examples=40, deadline=None)
ORDER = st.randoms(use_true_random=False)


def table(cells) -> pd.DataFrame:
    rows = [(area, month, one, two) for (area, month), (one, two) in cells.items()]
    frame = pd.DataFrame(rows, columns=["area", "month", "one", "two"])
    return frame.astype({"one": "Int64", "two": "Int64"})


def made(frame: pd.DataFrame, **options) -> Panel:
    options = {"absent": "missing", **options}
    return Panel.from_counts(frame, area="area", period="month", outcomes=["one", "two"], **options)


def same(one: Panel, two: Panel) -> bool:
    return (
        (one.areas, one.periods, one.outcomes) == (two.areas, two.periods, two.outcomes)
        and np.array_equal(one.counts, two.counts)
        and np.array_equal(one.observed, two.observed)
    )


@quick
@given(
    gone=st.lists(st.integers(0, 1_000), max_size=6),
    kept=st.integers(0, 1_000),
    off=st.integers(-3, 3),
)
def test_a_step_exists_exactly_if_it_balances(gone, kept, off):
    notes = tuple(LedgerNote(reason=f"reason {n}", rows=rows) for n, rows in enumerate(gone))
    step = {"name": "step", "rows_in": kept + sum(gone) + off, "rows_out": kept, "left_out": notes}
    if off:
        with pytest.raises(InputError, match="ledger step"):
            LedgerStep(**step)
    else:
        assert LedgerStep(**step).rows_out == kept


@quick
@given(gone=st.lists(st.integers(0, 9), max_size=6), kept=st.integers(0, 9))
def test_the_table_of_a_ledger_balances_too(gone, kept):
    notes = [LedgerNote(reason=f"reason {n}", rows=rows) for n, rows in enumerate(gone)]
    ledger = Ledger().step("s", rows_in=kept + sum(gone), rows_out=kept, left_out=notes)
    rows = ledger.to_frame().groupby("entry")["rows"].sum()
    assert rows["in"] == rows.get("out", rows["in"]) + rows.get("left out", 0)


@quick
@given(cells=CELLS, order=ORDER)
def test_row_order_never_matters(cells, order):
    frame = table(cells)
    places = list(range(len(frame)))
    order.shuffle(places)
    assert same(made(frame), made(frame.iloc[places]))


@quick
@given(cells=CELLS, data=st.data())
def test_a_repeated_row_is_refused_by_name(cells, data):
    frame = table(cells)
    again = frame.iloc[[data.draw(st.integers(0, len(frame) - 1))]]
    name = f"{again['area'].iloc[0]} in {again['month'].iloc[0]}"
    with pytest.raises(InputError, match=f"more than once \\(1: {name}"):
        made(pd.concat([frame, again]))


@quick
@given(cells=CELLS)
def test_the_grid_is_complete_and_holds_every_stated_count(cells):
    panel = made(table(cells))
    stated = {area for area, _ in cells}
    months = [month for _, month in cells]
    span = MONTHS[MONTHS.index(min(months)) : MONTHS.index(max(months)) + 1]
    assert panel.areas == tuple(sorted(stated))
    assert panel.periods.labels == tuple(span)
    for i, area in enumerate(panel.areas):
        for t, month in enumerate(span):
            values = cells.get((area, month), (None, None))
            for k, value in enumerate(values):
                assert panel.observed[i, t, k] == (value is not None)
                assert panel.counts[i, t, k] == (value or 0)


@quick
@given(cells=CELLS)
def test_missing_never_becomes_zero(cells):
    panel = made(table(cells), absent="zero")
    months = {month for _, month in cells}
    for i, area in enumerate(panel.areas):
        for t, month in enumerate(panel.periods.labels):
            one, two = panel.observed[i, t]
            blank = cells.get((area, month), (0, 0))[0] is None
            assert two == (month in months)
            assert one == (month in months and not blank)


@quick
@given(cells=CELLS, subset=st.sets(st.sampled_from(AREAS), min_size=1))
def test_the_ledger_of_a_panel_accounts_for_every_row(cells, subset):
    frame = table(cells)
    inside = sum(area in subset for area, _ in cells)
    if not inside:
        with pytest.raises(InputError, match="names none of the areas"):
            made(frame, areas=subset)
        return
    step = made(frame, areas=subset).ledger.steps[0]
    assert (step.rows_in, step.rows_out) == (len(frame), inside)


@quick
@given(cells=CELLS)
def test_inputs_are_not_mutated(cells):
    frame = table(cells)
    before = frame.copy(deep=True)
    areas = [*AREAS]
    made(frame, areas=areas, cluster=dict.fromkeys(AREAS, "x"))
    pd.testing.assert_frame_equal(frame, before)
    assert areas == AREAS


@quick
@given(cells=CELLS)
def test_a_panel_is_what_its_own_frame_makes(cells):
    panel = made(table(cells))
    frame = panel.to_frame()
    assert same(
        panel,
        Panel.from_counts(
            frame, area="area", period="period", outcomes=["one", "two"], absent="missing"
        ),
    )


@quick
@given(
    rows=st.lists(
        st.tuples(st.sampled_from([*AREAS, None]), st.sampled_from(MONTHS)), min_size=1, max_size=60
    ),
    order=ORDER,
)
def test_incidents_are_counted_once_or_left_out_once(rows, order):
    frame = pd.DataFrame(rows, columns=["area", "month"]).astype({"area": object})
    options = {"area": "area", "date": "month", "frequency": "month", "areas": AREAS[:4]}
    panel = Panel.from_incidents(frame, start="2022-02", end="2022-05", **options)
    shuffled = frame.sample(frac=1, random_state=order.randint(0, 99))
    again = Panel.from_incidents(shuffled, start="2022-02", end="2022-05", **options)
    assert same(panel, again)
    assert panel.counts.sum() == panel.ledger.steps[-1].rows_out
    for area in AREAS[:4]:
        expected = [rows.count((area, month)) for month in MONTHS[1:5]]
        assert panel.counts[panel.areas.index(area), :, 0].tolist() == expected
