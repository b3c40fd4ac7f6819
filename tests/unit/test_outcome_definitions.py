"""Outcome definitions: complete, at one with the readers, honest about what cannot be told."""

from __future__ import annotations

from pathlib import Path

import pytest

from hotspot_eval.data.breaks import CALENDAR
from hotspot_eval.data.guard import output_reason
from hotspot_eval.data.met.categories import OUTCOMES
from hotspot_eval.data.outcomes import (
    OutcomeTypes,
    outcome_definition,
    outcome_definitions,
    outcome_names,
    outcome_rules,
    read_outcome_definitions,
)
from hotspot_eval.data.police_uk import read_police_uk
from hotspot_eval.errors import InputError

SIX_HARMS = {
    "domestic_abuse", "online_child_sexual_abuse", "intra_familial_child_abuse",
    "missing_persons", "mental_health", "county_lines",
}  # fmt: skip


def test_breaks_named_are_in_the_calendar() -> None:
    known = {entry.name for entry in CALENDAR}
    for name in outcome_names():
        one = outcome_definition(name)
        assert set(one.comparable_across) | set(one.broken_by) <= known, name


def test_met_outcomes_are_those_the_reader_makes() -> None:
    for name in outcome_names("met"):
        assert set(outcome_definition(name).crime_types("met")) <= set(OUTCOMES)


def test_street_types_are_those_the_files_hold(shared_data: Path) -> None:
    incidents = read_police_uk(shared_data / "police_uk" / "city-of-london")
    held = set(incidents.cells.labels["crime_type"])
    now = {
        kind
        for name in outcome_names("police_uk")
        for entry in outcome_definition(name).sources["police_uk"]
        if not entry.last
        for kind in entry.crime_types
    }
    assert now <= held


def test_police_generated_agrees_with_the_guard() -> None:
    plain = [name for name in outcome_names() if name not in SIX_HARMS]
    made = {name for name in plain if outcome_definition(name).police_generated}
    assert made == {name for name in plain if output_reason(name) is not None}
    assert made == {"weapons_possession", "drugs"}


def test_six_safeguarding_harms() -> None:
    harms = {name for name in outcome_names() if outcome_definition(name).safeguarding}
    assert harms == SIX_HARMS
    for name in harms:
        one = outcome_definition(name)
        assert one.disclosure == "publication"
        assert one.public_data_show and one.public_data_hide
        assert set(one.sources) == {"internal"} and set(one.unavailable) == {"police_uk", "met"}


def test_harm_is_a_vector_of_counts() -> None:
    harm = outcome_definition("harm_weighted")
    assert harm.components == ("homicide", "violence_with_injury", "robbery")
    with pytest.raises(InputError, match=r"is not in internal: estimate its components"):
        harm.crime_types("internal")


def test_rules() -> None:
    rules = outcome_rules(["robbery", "anti_social_behaviour"], source="police_uk")
    assert rules["anti_social_behaviour"].crime_types == ("Anti-social behaviour",)
    own = outcome_rules({"mine": ["Drugs"], "one": "Robbery"}, source="police_uk")  # type: ignore[dict-item]
    assert own["one"].crime_types == ("Robbery",)
    with pytest.raises(InputError) as caught:
        outcome_rules(["knife_crime", "robery", "violence"], source="police_uk")
    text = str(caught.value)
    assert "a knife is a flag on other offences" in text
    assert "Did you mean robbery" in text
    with pytest.raises(InputError, match=r"names no outcome"):
        outcome_rules([], source="police_uk")
    with pytest.raises(InputError, match=r"names no crime type"):
        outcome_rules({"mine": []}, source="police_uk")
    with pytest.raises(InputError, match=r"'fbi' is not one of the options"):
        outcome_rules(["robbery"], source="fbi")  # type: ignore[arg-type]


def test_frame_has_one_row_an_outcome() -> None:
    frame = outcome_definitions()
    assert frame["outcome"].tolist() == list(outcome_names())
    assert frame.set_index("outcome").loc["knife_crime", "police_uk"] == ""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", r"is not YAML"),
        ("[]", r"holds no outcome"),
        ("mine: 3", r"is not a mapping of fields"),
        ("mine: {label: x}", r"lacks fields \(3: disclosure, police_generated, public_space\)"),
        (
            "mine: {label: x, public_space: mixed, police_generated: false, disclosure: open, "
            "colour: red}",
            r"has unknown fields \(1: colour\)",
        ),
        (
            "mine: {label: x, public_space: mixed, police_generated: false, disclosure: open}",
            r"has neither sources nor components",
        ),
        (
            "mine: {label: x, public_space: mixed, police_generated: false, disclosure: open, "
            "components: [theirs]}",
            r"has unknown components \(1: theirs\)",
        ),
        (
            "mine: {label: x, public_space: mixed, police_generated: false, disclosure: open, "
            "sources: {police_uk: [{crime_types: [Robbery], since: 2013-05}]}}",
            r"other fields than crime_types",
        ),
    ],
)
def test_own_file_is_checked(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "outcomes.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        read_outcome_definitions(path)


def test_own_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "outcomes.yaml"
    path.write_text(
        "shop: {label: Shops, public_space: 'no', police_generated: false, disclosure: open, "
        "sources: {police_uk: [{from: 2013-05, crime_types: [Shoplifting]}]}}",
        encoding="utf-8",
    )
    shop = read_outcome_definitions(path)["shop"]
    assert shop.crime_types("police_uk") == ("Shoplifting",)
    assert shop.sources["police_uk"] == (
        OutcomeTypes(crime_types=("Shoplifting",), first="2013-05"),
    )
