"""Settling and focus learn from what is seen."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryogauge.collect.drivers.simulated.settings import Mechanics
from cryogauge.collect.drivers.simulated.stage import Stage
from cryogauge.collect.screen.pace import FAR_UM, Focus, Settling
from cryogauge.records.microscope import StagePosition


def test_waiting_comes_to_what_drift_needs():
    """Drift of 24·exp(−t/14 s) Å/s is below 1 after 44 s; it is looked at every 5 s."""
    settling = Settling()
    for _ in range(40):
        look_s = 5.0 * max(1, math.ceil((14 * math.log(24) - settling.wait_s) / 5.0))
        rate = 24 * math.exp(-(settling.wait_s + look_s) / 14)
        settling = settling.learned(look_s, rate, 1.0, 120.0)
    assert 33 < settling.wait_s < 52


def settled(apart, decay_s=14.0, look_s=5.0):
    """Mean seconds until the simulated stage is quiet, of its last 60 moves (one in four far), and the last waits."""
    stage, now = Stage(Mechanics(drift_decay_s=decay_s), np.random.default_rng(0)), 0.0
    settling = {True: Settling(), False: Settling()}
    spent, x = [], 0.0
    for number in range(80):
        step = 200.0 if number % 4 == 0 else 5.0
        x, far = x + step, step > FAR_UM and apart
        stage.move(StagePosition(x, 0.0, 0.0, 0.0), now)
        begun, now = now, now + settling[far].wait_s
        took = look_s * max(1, math.ceil(stage.seconds_until(1.0, now) / look_s))
        now += took
        assert math.hypot(*stage.drift(now)) <= 1.0 + 1e-9
        settling[far] = settling[far].learned(took, math.hypot(*stage.drift(now)), 1.0, 60.0)
        spent.append(now - begun)
    return float(np.mean(spent[20:])), settling[True].wait_s, settling[False].wait_s


def test_the_simulated_stage_is_waited_for_as_long_as_it_drifts():
    """Far moves drift by 24·exp(−t/14 s) Å/s and are quiet after 44 s, near ones by 7 and after 27 s."""
    spent, far, near = settled(apart=True)
    assert 33 < far < 52
    assert 16 < near < 35
    assert spent < settled(apart=False)[0] < 50.0  # what waiting 45 s each time would take
    quick = settled(apart=True, decay_s=3.0)
    assert quick[0] < 0.5 * spent


def test_waiting_falls_where_nothing_drifts():
    settling = Settling(40.0)
    for _ in range(60):
        settling = settling.learned(5.0, 0.1, 1.0, 120.0)
    assert settling.wait_s < 1.0


@given(st.lists(st.tuples(st.floats(0.1, 600), st.floats(0, 50)), max_size=20))
def test_waiting_stays_within_its_bounds(looks):
    settling = Settling()
    for look_s, rate in looks:
        settling = settling.learned(look_s, rate, 1.0, 60.0)
        assert 0 <= settling.wait_s <= 60.0


def test_focus_is_sought_when_unknown_far_away_or_off():
    focus = Focus()
    assert focus.why((0, 0), 30.0) == "focus is not known"
    focus = Focus(500.0, (0.0, 0.0), 15_000.0)
    assert focus.why((3.0, 4.0), 30.0) == ""
    assert focus.why((30.0, 40.0), 30.0) == "the stage moved 50 µm"
    near = focus.learned(15_000.0, 16_000.0, 4000.0)
    assert near.zero_A == pytest.approx(0.0)  # half of the error is taken back
    assert not near.off
    far = focus.learned(15_000.0, 25_000.0, 4000.0)
    assert far.zero_A == 500.0
    assert far.why((0, 0), 30.0) == "the last exposure was out of focus"
    assert focus.learned(15_000.0, math.nan, 4000.0) == focus
