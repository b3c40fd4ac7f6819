"""Boroughs of one operation, judged one by one: none is held against the others' operation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.replay_worlds import joint_operation, restless

from hotspot_eval.design import Design, Spell
from hotspot_eval.inference import TopK
from hotspot_eval.inference.replay.engine import study_of

RULE = TopK(k=4)
KEPT = 0.7


def one_by_one(design, *, told):
    """A design for each borough, which knows of the others' treatment or does not."""
    for home in sorted({area[0] for area in design.treated}):
        own = [spell for spell in design.spells if spell.area[0] == home]
        yield Design(
            spells=own,
            controls=[area for area in design.controls if area[0] == home],
            elsewhere=[s for s in design.spells if s.area[0] != home] if told else (),
            pre_periods=design.pre_periods,
            post_periods=design.post_periods,
        )


@pytest.fixture(scope="module")
def operation():
    """Eight boroughs that treat from one month on for a year; a third fewer events."""
    rng = np.random.default_rng(5)
    panel = restless(rng, months=72)
    start = panel.periods.labels[60]
    panel, design = joint_operation(
        panel, RULE, dict.fromkeys("ABCDEFGH", start), rng, post=12, kept=KEPT
    )
    return panel, design, rng


def test_no_scene_holds_a_cell_treated_elsewhere(operation):
    panel, design, rng = operation
    touched = design.on(panel).treatment > 0
    for alone in one_by_one(design, told=True):
        scenes = study_of(panel, alone, rule=RULE, rng=rng).pools[0][1].scenes
        assert len(scenes) > 60
        assert not any(
            touched[np.append(t, c), s - 12 : s + 12].any()
            for t, c, s in zip(scenes.treated, scenes.controls, scenes.onset, strict=True)
        )


def test_the_effect_of_all_boroughs_is_found_borough_by_borough(operation):
    """Untold, scenes of the other boroughs hold the effect, which the replay then takes off."""
    panel, design, rng = operation
    together = study_of(panel, design, rule=RULE, rng=rng)
    whole = np.mean([null.expectation.effect for null in together.nulls])

    def mean_of(told):
        studies = [
            study_of(panel, alone, rule=RULE, rng=rng) for alone in one_by_one(design, told=told)
        ]
        return np.mean([study.nulls[0].expectation.effect for study in studies])

    assert mean_of(told=True) == pytest.approx(whole, abs=0.03)
    assert whole == pytest.approx(np.log(KEPT), abs=0.15)
    assert mean_of(told=False) > whole + 0.06


def test_an_area_treated_throughout_leaves_its_borough_in_play(operation):
    panel, design, rng = operation
    first = next(one_by_one(design, told=False))
    gone = panel.areas[panel.cluster.index("B")]
    always = replace(first, elsewhere=[Spell(area=gone, start=panel.periods.labels[0])])
    scenes = study_of(panel, always, rule=RULE, rng=rng).pools[0][1].scenes
    row = panel.areas.index(gone)
    assert (scenes.cluster == 1).any()
    assert not any(
        row in np.append(t, c) for t, c in zip(scenes.treated, scenes.controls, strict=True)
    )
