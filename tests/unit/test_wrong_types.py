"""Arguments of the wrong type: an InputError that names the argument, what it got, what to do."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from tests.did_worlds import area, month, panel_of, staggered

from hotspot_eval import did, holm
from hotspot_eval import inference as inf
from hotspot_eval.design import Design, Spell
from hotspot_eval.errors import InputError
from hotspot_eval.panel import Panel
from hotspot_eval.periods import Periods

PANEL = panel_of(np.random.default_rng(0).poisson(6, (14, 8)))
DESIGN = staggered({0: 4, 1: 4, 2: 5})
FIT = did.poisson_did(PANEL, DESIGN)
FRAME = pd.DataFrame(
    {"area": ["A", "A", "B", "B"], "month": ["2022-01", "2022-02"] * 2, "n": [1, 2, 3, 4]}
)
XY = pd.DataFrame({"x": np.arange(14.0), "y": 0.0}, index=[area(i) for i in range(14)])
RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"treated": 5}, r"'treated': is 5, not a sequence of ids\. Write treated=\['A', 'B'\]"),
        ({"treated": None}, "'treated': is None"),
        ({"treated": "A0000"}, r"is one text.*Write treated=\['A0000'\]"),
        ({"controls": 5}, "'controls': is 5"),
        ({"catchment": None}, "'catchment': is None"),
        ({"pre_periods": "3"}, "'pre_periods': must be 1 or more whole periods, not '3'"),
        ({"post_periods": 2.5}, "'post_periods': must be 1 or more whole periods, not 2.5"),
        ({"gap": None}, "'gap': must be 0 or more whole periods, not None"),
    ],
)
def test_design(arguments, match):
    with pytest.raises(InputError, match=match):
        Design(**{"treated": [area(0)], "start": month(4), **arguments})


def test_spells_and_treatment():
    with pytest.raises(InputError, match="'spells': is of type int, not Spell"):
        Design(spells=[1])
    with pytest.raises(InputError, match="'spells': is 5"):
        Design(spells=5)
    with pytest.raises(InputError, match="share half is outside"):
        Spell(area="A", start="2022-01", share="half")
    with pytest.raises(InputError, match="dose much is not 0 or more"):
        Spell(area="A", start="2022-01", dose="much")
    with pytest.raises(InputError, match="must be shares"):
        Design.from_treatment(PANEL, [["a"]])
    with pytest.raises(InputError, match="'panel': is of type NoneType, not Panel"):
        DESIGN.on(None)


@pytest.mark.parametrize("frame", [None, 5, "counts.csv", [1, 2], np.ones(3), FRAME["n"]])
def test_a_panel_needs_a_frame(frame):
    kind = type(frame).__name__
    with pytest.raises(InputError, match=f"'frame': is of type {kind}, not DataFrame"):
        Panel.from_counts(frame, area="area", period="month", count="n")
    with pytest.raises(InputError, match="'frame': is of type"):
        Panel.from_incidents(frame, area="area", date="month", frequency="month")


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"count": ["n"]}, "'column': is of type list, not str or int"),
        ({"offset_base": 5}, "'offset_base': is of type int, not Mapping or Series"),
        ({"cluster": ["a"]}, "'cluster': is of type list"),
        ({"areas": 5}, "'areas': is 5, not a sequence of area ids"),
        ({"areas": "A"}, r"Write areas=\['A'\]"),
        ({"ledger": 5}, "'ledger': is of type int, not Ledger"),
        ({"count": None, "outcomes": "n"}, r"Write outcomes=\['n'\]"),
        ({"count": None, "outcomes": []}, "'outcomes': names no column"),
    ],
)
def test_arguments_of_a_panel(arguments, match):
    with pytest.raises(InputError, match=match):
        Panel.from_counts(FRAME, **{"area": "area", "period": "month", "count": "n", **arguments})


@pytest.mark.parametrize(
    ("parts", "match"),
    [
        ({"areas": 5}, "'areas': is of type int, not tuple or list"),
        ({"areas": (1,)}, r"'areas': holds labels that are not text \(1: 1\)"),
        ({"periods": None}, "'periods': is of type NoneType, not Periods"),
        ({"counts": [[1]]}, "'counts': is of type list, not ndarray"),
        ({"observed": None}, "'observed': is of type NoneType"),
        ({"offset_base": 5}, "'offset_base': is of type int"),
        ({"ledger": 5}, "'ledger': is of type int"),
    ],
)
def test_parts_of_a_panel(parts, match):
    right = {
        "areas": ("A",),
        "periods": Periods.span(0, 1, frequency="step"),
        "outcomes": ("y",),
        "counts": np.ones((1, 2, 1), dtype=int),
        "observed": np.ones((1, 2, 1), dtype=bool),
    }
    with pytest.raises(InputError, match=match):
        Panel(**{**right, **parts})


def test_selection_from_a_panel():
    with pytest.raises(InputError, match="'periods': must be the first and the last"):
        PANEL.select(periods=("2020-01",))
    with pytest.raises(InputError, match="'areas': is 5"):
        PANEL.select(areas=5)


ESTIMATORS = (
    did.poisson_did,
    did.linear_did,
    did.event_study,
    did.group_time,
    did.imputation,
    did.synthetic_did,
    did.synthetic_control,
    did.dose_did,
    did.bacon,
    did.compare,
    did.recommend,
    did.displacement,
)


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: getattr(e, "__name__", repr(e)))
def test_estimators_name_panel_and_design(estimator):
    with pytest.raises(InputError, match="argument 'panel': is of type DataFrame, not Panel"):
        estimator(FRAME, DESIGN)
    with pytest.raises(InputError, match="argument 'design': is of type NoneType, not Design"):
        estimator(PANEL, None)


@pytest.mark.parametrize("made", [did.PoissonDid, did.LinearDid, did.Imputation])
def test_options_of_estimators(made):
    with pytest.raises(InputError, match="'ci_level': must be a finite number, not 'x'"):
        made(ci_level="x")
    with pytest.raises(InputError, match=r"'ci_level': must lie in \(0, 1\), not 95"):
        made(ci_level=95)
    with pytest.raises(InputError, match=r"'designs': is .*, not a sequence of Design"):
        made().many(PANEL, DESIGN)


def test_options_of_group_time():
    with pytest.raises(InputError, match="'anticipation': must be a whole number, 0 or more"):
        did.group_time(PANEL, DESIGN, anticipation=1.5)
    with pytest.raises(InputError, match="'all' is not one of the options"):
        did.group_time(PANEL, DESIGN, control="all")
    with pytest.raises(InputError, match="'rng': is of type NoneType, not Generator"):
        did.group_time(PANEL, DESIGN).bands("cells", rng=None)


@pytest.mark.parametrize("pair", ["12", 5, None, ("a", "b"), (1,), {"a": 1}])
def test_counts_of_places(pair):
    with pytest.raises(InputError, match="'control': must be two counts"):
        did.wdd(pair, (1, 2))
    with pytest.raises(InputError, match="'treated': must be two counts"):
        did.rirr((1, 2), pair)
    with pytest.raises(InputError, match="'time_weights': must be 2 numbers above 0"):
        did.wdd((1, 2), (3, 4), time_weights="ab")


def test_inference_from_a_fit():
    with pytest.raises(InputError, match="'fit': is of type Panel, not Fit"):
        inf.cluster_robust(PANEL, {"a": 1})
    with pytest.raises(InputError, match="'fit': is of type NoneType"):
        inf.conley(None, XY, cutoff_m=5)
    with pytest.raises(InputError, match="'fit': is of type str"):
        inf.wild_bootstrap("fit", rng=RNG)
    with pytest.raises(InputError, match=r"'rng': is of type int.*default_rng\(seed\)"):
        inf.wild_bootstrap(FIT, rng=5)
    with pytest.raises(InputError, match="'effects': is of type Fit, not Effects"):
        inf.simultaneous_band(FIT, rng=RNG)
    with pytest.raises(InputError, match="'coordinates': is of type list"):
        inf.conley(FIT, [1], cutoff_m=5)
    with pytest.raises(InputError, match="need two columns"):
        inf.conley(FIT, XY[["x"]], cutoff_m=5)
    with pytest.raises(InputError, match="not finite numbers for areas"):
        inf.conley(FIT, XY.replace(0.0, np.nan), cutoff_m=5)
    with pytest.raises(InputError, match="more than one row for areas"):
        inf.conley(FIT, pd.concat([XY, XY]), cutoff_m=5)
    with pytest.raises(InputError, match="'cutoff_m': must be a finite number above 0, not '5'"):
        inf.conley(FIT, XY, cutoff_m="5")


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"estimator": "poisson"}, "'estimator': is 'poisson', not an estimator"),
        ({"rng": 5}, "'rng': is of type int, not Generator"),
        ({"draws": 20.5}, "'draws': must be a whole number, 19 or more, not 20.5"),
        ({"scheme": 5}, "'scheme': is 5, not a function"),
        ({"scheme": lambda rng: 5}, "'scheme': is 5, not a sequence of area ids"),
    ],
)
def test_randomisation(arguments, match):
    right = {"estimator": did.poisson_did, "rng": RNG, "draws": 19}
    with pytest.raises(InputError, match=match):
        inf.randomization_test(PANEL, DESIGN, **{**right, **arguments})


@pytest.mark.parametrize("rule", ["mimic", 5, None])
def test_replay_needs_a_rule(rule):
    with pytest.raises(InputError, match=r"'rule': is .*, not a rule of selection\. Give TopK"):
        inf.replay(PANEL, DESIGN, rule=rule, estimator=did.poisson_did, rng=RNG)


@pytest.mark.parametrize("check", [inf.placebo_dates, inf.placebo_places, inf.leave_one_out])
def test_placebos_name_what_is_wrong(check):
    extra = {"rng": RNG} if check is inf.placebo_places else {}
    with pytest.raises(InputError, match="'design': is of type NoneType"):
        check(PANEL, None, estimator=did.poisson_did, **extra)
    with pytest.raises(InputError, match="'estimator': is 5"):
        check(PANEL, DESIGN, estimator=5, **extra)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"beta": "text"}, "'beta': is 'text', not numbers"),
        ({"beta": ["a", "b"]}, "'beta': is not all numbers"),
        ({"vcov": None}, "'beta' and 'vcov': have shapes"),
        ({"vcov": [[0.01, 0.005], [0.0, 0.01]]}, "'vcov': is not symmetric"),
        ({"n_pre": "1"}, "'n_pre': must be a whole number, 1 or more, not '1'"),
        ({"n_post": 1.5}, "'n_post': must be a whole number"),
        ({"m": "text"}, "'m': is 'text', not numbers"),
        ({"m": float("nan")}, "'m': must be finite"),
        ({"m": []}, "'m': must be finite"),
        ({"weights": "text"}, "'weights': is 'text'"),
        ({"weights": [0.0]}, "'weights': must have shape .1,., be finite, and not all be 0"),
        ({"level": "95"}, "'level': must be a finite number"),
    ],
)
def test_honest_intervals(arguments, match):
    given = {"beta": [0.1, 0.5], "vcov": np.eye(2) * 0.01, "n_pre": 1, "n_post": 1, **arguments}
    with pytest.raises(InputError, match=match):
        inf.honest_did(**given)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"study": "text"}, "'study': is of type str, not Fit or Effects"),
        ({"m": "0.5"}, "'m': is one text"),
        ({"m": ["a"]}, "'m': must be a finite number of 0 or more"),
        ({"periods_after": 0}, "'periods_after'"),
        ({"level": 2}, "'level'"),
    ],
)
def test_honest_check(arguments, match):
    with pytest.raises(InputError, match=match):
        inf.honest_check(**{"study": did.event_study(PANEL, DESIGN), **arguments})


DOSED = Design(spells=[Spell(area=area(i), start=month(4), dose=1.0 + i) for i in range(4)])
LAGS = did.distributed_lags(
    PANEL, Design(treated=[area(0), area(1)], start=month(3), end=month(4)), lags=1
)


@pytest.mark.parametrize(
    ("function", "arguments", "match"),
    [
        (did.distributed_lags, {"lags": "1"}, "'lags': must be a whole number, 0 or more"),
        (did.distributed_lags, {"lags": 1, "leads": 0.5}, "'leads': must be a whole number"),
        (did.distributed_lags, {"lags": 1, "ci_level": "95"}, "'ci_level'"),
        (did.distributed_lags, {"lags": 1, "period_effects": "town"}, "'period_effects'"),
        (did.distributed_lags, {"lags": 1, "model": np.zeros(2)}, "'model'.*not one of"),
        (did.switchers, {"effects": 1.5}, "'effects': must be a whole number, 1 or more"),
        (did.switchers, {"same_switchers": "yes"}, "'same_switchers': is of type str"),
        (did.did_m, {"ci_level": 95}, r"'ci_level': must lie in \(0, 1\)"),
        (did.event_study, {"ci_level": None}, "'ci_level'"),
    ],
)
def test_switching(function, arguments, match):
    with pytest.raises(InputError, match=match):
        function(PANEL, DESIGN, **arguments)


@pytest.mark.parametrize(
    ("function", "arguments", "match"),
    [
        (did.dose_bins, {"edges": "2"}, "'edges': is one text"),
        (did.dose_bins, {"edges": [None]}, "'edges': must be a finite number"),
        (did.dose_check, {"lookback": 2.5}, "'lookback': must be a whole number"),
        (did.dose_check, {"level": "x"}, "'level'"),
        (did.dose_did, {"correction": "HC3"}, "'correction'"),
    ],
)
def test_dose(function, arguments, match):
    with pytest.raises(InputError, match=match):
        function(PANEL, DOSED, **arguments)


def test_checks_of_a_study():
    with pytest.raises(InputError, match="'study': is of type str, not Fit or Effects"):
        did.carry_over_check("text", bound=0.1)
    with pytest.raises(InputError, match="'bound': must be a finite number above 0"):
        did.carry_over_check(LAGS, bound="wide")
    with pytest.raises(InputError, match="'level'"):
        did.placebo_check(LAGS, bound=0.1, level=None)
    with pytest.raises(InputError, match="'study': is of type NoneType"):
        did.pretrend(None)


def test_triple_differences():
    with pytest.raises(InputError, match="'panel': is of type str, not Panel"):
        did.triple_difference("text", DESIGN, outcome="a", comparison="b")
    with pytest.raises(InputError, match="'outcome': is of type int, not str"):
        did.triple_event_study(PANEL, DESIGN, outcome=1, comparison="b")
    with pytest.raises(InputError, match="'comparison': is None, not a sequence"):
        did.triple_difference(PANEL, DESIGN, outcome="a", comparison=None)


@pytest.mark.parametrize("name", ["x", "residual", "contrast", "weights", "cluster", "absorb"])
def test_cr2_of_words(name):
    given = {"x": np.ones((4, 1)), "residual": [1, -1, 1, -1], "cluster": range(4), "contrast": [1]}
    with pytest.raises(InputError, match=f"'{name}'"):
        inf.cr2_variance(**{**given, name: "text"})


def test_placebos_and_families():
    with pytest.raises(InputError, match="'rng': is of type NoneType"):
        inf.placebo_places(PANEL, DESIGN, estimator=did.PoissonDid(), rng=None)
    with pytest.raises(InputError, match="'draws': must be a whole number"):
        inf.placebo_places(PANEL, DESIGN, estimator=did.PoissonDid(), rng=RNG, draws=1.5)
    with pytest.raises(InputError, match="'effects': is of type list, not Mapping"):
        holm([FIT.effect])
