"""Wide files against an obvious reading of them, one cell at a time."""

import tempfile
from pathlib import Path

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from hotspot_eval.data.met import read_met_counts

MONTHS = [f"2021{month:02}" for month in range(1, 9)]
WARDS = ["E05000001", "E05000002", "E05000003"]
PAIRS = [
    ("ROBBERY", "ROBBERY OF PERSONAL PROPERTY"),
    ("Robbery", "Robbery of Business Property"),
    ("VIOLENCE AGAINST THE PERSON", "HOMICIDE"),
    ("THEFT", "SHOPLIFTING"),
]
ROWS = st.dictionaries(
    st.tuples(st.sampled_from(WARDS), st.sampled_from(PAIRS)),
    st.lists(st.integers(1, 3), min_size=8, max_size=8),
    min_size=1,
    max_size=6,
)
SPANS = st.tuples(st.integers(0, 5), st.integers(2, 3)).map(lambda s: (s[0], s[0] + s[1]))


def table(rows, first, stop) -> pd.DataFrame:
    cells = [
        [*pair, "Ward", ward, "Camden", *counts[first:stop]]
        for (ward, pair), counts in rows.items()
    ]
    head = ["MajorText", "MinorText", "WardName", "WardCode", "LookUp_BoroughName"]
    return pd.DataFrame(cells, columns=[*head, *MONTHS[first:stop]])


def read(tables, **options):
    with tempfile.TemporaryDirectory() as folder:
        for number, one in enumerate(tables):
            one.to_csv(Path(folder) / f"{number}.csv", index=False)
        return read_met_counts(folder, **options)


def cells(counts) -> dict[tuple[str, str, str], int]:
    frame = counts.to_frame().astype({"area": str, "period": str, "outcome": str})
    return {(r.area, r.period, r.outcome): r.count for r in frame.itertuples(index=False)}


def label(month: str) -> str:
    return f"{month[:4]}-{month[4:]}"


@settings(max_examples=20, deadline=None)
@given(rows=ROWS, order=st.randoms(use_true_random=False))
def test_one_file_is_the_sum_of_its_rows_in_any_order(rows, order):
    one = table(rows, 0, 8)
    found = cells(read([one]))
    for ward in {ward for ward, _ in rows}:
        for t, month in enumerate(MONTHS):
            mine = {pair: counts[t] for (area, pair), counts in rows.items() if area == ward}
            assert found[ward, label(month), "all_crime"] == sum(mine.values())
            robbery = sum(n for (major, _), n in mine.items() if major.lower() == "robbery")
            assert found.get((ward, label(month), "robbery"), 0) == robbery
    assert found == cells(read([one.sample(frac=1, random_state=order.randint(0, 99))]))


EVERYWHERE = st.fixed_dictionaries(
    {(ward, PAIRS[0]): st.lists(st.integers(1, 3), min_size=8, max_size=8) for ward in WARDS}
)


@settings(max_examples=20, deadline=None)
@given(
    data=st.lists(
        st.tuples(EVERYWHERE, SPANS), min_size=2, max_size=3, unique_by=lambda one: one[1][1]
    )
)
def test_each_cell_comes_from_the_newest_file_that_covers_it(data):
    counts = read([table(rows, *span) for rows, span in data], offences=["robbery"])
    expected = {}
    for t, month in enumerate(MONTHS):
        covering = [(span[1], rows) for rows, span in data if span[0] <= t < span[1]]
        if covering:
            _, newest = max(covering, key=lambda one: one[0])
            for ward in WARDS:
                expected[ward, label(month), "robbery"] = newest[ward, PAIRS[0]][t]
    assert cells(counts) == expected
    step = counts.ledger.steps[-1]
    assert step.rows_in == len(WARDS) * sum(stop - first for _, (first, stop) in data)
    assert step.rows_out == len(expected)
