"""An output of policing is no primary outcome unless somebody says why."""

import pytest

from hotspot_eval.data.guard import check_outcome, output_reason
from hotspot_eval.data.met import OUTCOMES
from hotspot_eval.errors import InputError

MADE_BY_POLICE = {"weapons_possession", "drugs"}


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_the_outcomes_of_the_met_files_are_sorted(outcome):
    assert (output_reason(outcome) is not None) == (outcome in MADE_BY_POLICE)


@pytest.mark.parametrize(
    "outcome",
    [
        "Possession of weapons",
        "Drugs",
        "stop_and_search",
        "Stops",
        "arrests",
        "ARRESTS FOR ROBBERY",
        "knives_seized",
        "weapons_found",
        "sanction detections",
        "patrol_hours",
        "Going Equipped",
        "knife possession",
        "possession_of_firearms_offences",
        "drug trafficking",
    ],
)
def test_outputs_are_refused_however_they_are_written(outcome):
    with pytest.raises(InputError, match="is an output of policing, not an outcome"):
        check_outcome(outcome)


@pytest.mark.parametrize(
    "outcome",
    [
        "Violence and sexual offences",
        "Robbery",
        "Anti-social behaviour",
        "Shoplifting",
        "Bicycle theft",
        "domestic_abuse",
        "knife_crime_with_injury",
        "missing_persons",
        "county_lines",
        "Criminal damage and arson",
        "firearm_discharges",
        "weapon_enabled_violence",
        "drug_related_violence",
        "bus_stop_robbery",
        "Vehicle crime",
        "Other crime",
        "Public order",
    ],
)
def test_outcomes_pass(outcome):
    check = check_outcome(outcome)
    assert check.status == "passed"
    assert check.evidence["made_by_police"].tolist() == [False]


def test_an_acknowledgement_needs_a_reason_and_stays_visible():
    with pytest.raises(InputError, match="outcome 'drugs'"):
        check_outcome("drugs", acknowledged={"drugs": "  "})
    check = check_outcome("drugs", acknowledged={"drugs": "the market is the problem"})
    assert check.status == "failed"
    assert "the market is the problem" in check.sentence
    assert check.evidence["acknowledged"].tolist() == ["the market is the problem"]


def test_a_secondary_output_is_shown_and_not_refused():
    check = check_outcome("arrests", primary=False)
    assert check.status == "failed"
    assert check.evidence["role"].tolist() == ["secondary"]
