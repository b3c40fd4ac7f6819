import pickle

import pytest

from hotspot_eval.errors import HotspotEvalError, InputError, Problem, check_choice


def test_a_message_counts_all_and_shows_five():
    problem = Problem(
        where="areas.gpkg", what="ids occur twice", examples=list("ABCDEFG"), advice="Keep one."
    )
    assert str(problem) == "areas.gpkg: ids occur twice (7: A, B, C, D, E, …). Keep one."


def test_an_error_carries_every_problem_and_survives_a_process():
    error = InputError(Problem(where="a", what="x"), Problem(where="b", what="y"))
    again = pickle.loads(pickle.dumps(error))
    assert isinstance(again, HotspotEvalError)
    assert isinstance(again, ValueError)
    assert again.problems == error.problems
    assert str(again) == "a: x.\nb: y."


def test_an_error_without_a_problem_is_a_mistake_of_ours():
    with pytest.raises(ValueError, match="at least one Problem"):
        InputError()


def test_an_unknown_option_names_those_there_are():
    with pytest.raises(InputError, match=r"argument 'model': 'logit'.*Use one of 'a', 'b'"):
        check_choice("model", "logit", ("a", "b"))
