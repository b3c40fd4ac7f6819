"""The ledger balances or refuses to exist."""

import pickle

import pytest

from hotspot_eval.errors import InputError
from hotspot_eval.ledger import Ledger, LedgerNote, LedgerStep


def test_a_step_that_does_not_balance_is_refused():
    with pytest.raises(InputError, match="ledger step 'read': 5 rows in, 3 out \\+ 1 left out"):
        LedgerStep(
            name="read", rows_in=5, rows_out=3, left_out=(LedgerNote(reason="blank", rows=1),)
        )


def test_a_note_cannot_count_fewer_than_no_rows():
    with pytest.raises(InputError, match="ledger note 'blank': counts -1 rows"):
        LedgerNote(reason="blank", rows=-1)


def test_remarks_are_no_part_of_the_balance():
    step = LedgerStep(
        name="read", rows_in=2, rows_out=2, remarks=(LedgerNote(reason="mended", rows=2),)
    )
    assert step.rows_out == 2


def test_notes_keep_five_examples_as_text():
    note = LedgerNote(reason="blank", rows=9, examples=tuple(range(9)))
    assert note.examples == ("0", "1", "2", "3", "4")


def test_step_returns_a_new_ledger_and_drops_notes_of_no_row():
    empty = Ledger()
    full = empty.step(
        "read", rows_in=1, rows_out=1, left_out=[LedgerNote(reason="blank row", rows=0)]
    )
    assert empty.steps == ()
    assert full.steps[0].left_out == ()


def test_frame_tells_in_each_reason_and_out():
    ledger = Ledger().step(
        "read",
        rows_in=4,
        rows_out=3,
        left_out=[LedgerNote(reason="blank row", rows=1, examples=("line 3",))],
        remarks=[LedgerNote(reason="mended", rows=2)],
    )
    frame = ledger.to_frame()
    assert frame[["entry", "rows"]].to_numpy().tolist() == [
        ["in", 4],
        ["left out", 1],
        ["remark", 2],
        ["out", 3],
    ]
    assert frame["first_five"].tolist() == ["", "line 3", "", ""]


def test_ledgers_add_up_in_order():
    one, two = (Ledger().step(name, rows_in=1, rows_out=1) for name in ("first", "second"))
    assert [step.name for step in (one + two).steps] == ["first", "second"]


def test_text_and_html_tell_the_reason_and_escape_it():
    ledger = Ledger().step(
        "read <a>",
        rows_in=2_000,
        rows_out=1_999,
        left_out=[LedgerNote(reason="no area", rows=1)],
    )
    assert str(ledger) == "read <a>: 2,000 rows in, 1,999 out; 1 left out: no area"
    assert "<a>" not in ledger._repr_html_()


def test_a_ledger_survives_a_worker():
    ledger = Ledger().step("read", rows_in=1, rows_out=1)
    assert pickle.loads(pickle.dumps(ledger)) == ledger
