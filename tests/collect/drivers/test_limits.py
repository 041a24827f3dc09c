"""Whatever is asked and whatever fails, no command outside the limits reaches the microscope."""

import math
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from cryogauge.collect.drivers.limits import check_defocus, check_dose, check_shift, check_stage
from cryogauge.collect.drivers.registry import guard
from cryogauge.records import BadInput, CryogaugeError
from cryogauge.records.faults import Unsafe
from cryogauge.records.microscope import Limits, Mode, Settings
from tests.collect.drivers.rigs import simulated

ANY = st.floats(allow_nan=True, allow_infinity=True)
NEAR = st.floats(-200.0, 200.0)
NUMBER = st.one_of(ANY, NEAR)
MODES = {mode.name: mode for mode in (Mode("low", 4000.0, (6, 8), 0.01), Mode("high", 2.0, (8, 6), 30.0))}
FAULTS = {"lost connection": 0.05, "hang": 0.02, "stuck stage": 0.05, "wrong readback": 0.05, "jam": 0.2, "blank": 0.1}


def pair(low, high):
    return st.tuples(st.floats(low, 0.0), st.floats(0.0, high))


LIMITS = st.builds(
    Limits,
    x_um=pair(-150, 150),
    y_um=pair(-150, 150),
    z_um=pair(-100, 100),
    tilt_deg=pair(-60, 60),
    image_shift_um=st.floats(0, 20),
    beam_shift_um=st.floats(0, 20),
    defocus_A=pair(-1e6, 1e6),
    dose_e_A2=st.floats(30, 100),
)


class Session(RuleBasedStateMachine):
    """Somebody who asks for anything, of a microscope where anything fails."""

    @initialize(limits=LIMITS, seed=st.integers(0, 1000))
    def begin(self, limits, seed):
        options = {"grids": {1: None, 2: None}, "seed": seed, "fault_rates": FAULTS}
        self.scope = guard(simulated, Settings(MODES, limits, options))
        self.limits = limits

    def _try(self, command, *arguments, **named):
        with suppress(CryogaugeError):  # refused or failed: what it must not do is move
            command(*arguments, **named)

    @rule(slot=st.integers(-1, 14))
    def load(self, slot):
        self._try(self.scope.load_grid, slot)

    @rule(axes=st.dictionaries(st.sampled_from(["x_um", "y_um", "z_um", "tilt_deg"]), NUMBER))
    def move(self, axes):
        self._try(self.scope.move_stage, **axes)

    @rule(x=NUMBER, y=NUMBER)
    def shift_image(self, x, y):
        self._try(self.scope.set_image_shift, x, y)

    @rule(x=NUMBER, y=NUMBER)
    def shift_beam(self, x, y):
        self._try(self.scope.set_beam_shift, x, y)

    @rule(defocus=st.one_of(ANY, st.floats(-2e6, 2e6)))
    def focus(self, defocus):
        self._try(self.scope.set_defocus, defocus)
        self._try(self.scope.autofocus, defocus)

    @rule(mode=st.sampled_from(["low", "high", "none"]), dose=st.one_of(st.none(), NUMBER))
    def record(self, mode, dose):
        self._try(self.scope.set_mode, mode)
        self._try(self.scope.record, dose)

    @rule()
    def find_height(self):
        self._try(self.scope.find_eucentricity)

    @rule()
    def reconnect(self):
        self._try(self.scope.reconnect)

    @invariant()
    def nothing_is_outside(self):
        if not hasattr(self, "scope"):
            return
        driver, limits = self.scope.driver, self.limits
        assert driver.unsafe_moves == 0
        for axis, value in vars(driver._stage.asked).items():
            low, high = getattr(limits, axis)
            assert low <= value <= high, axis
        assert math.hypot(*driver._image_shift_um) <= limits.image_shift_um
        assert math.hypot(*driver._beam_shift_um) <= limits.beam_shift_um
        assert limits.defocus_A[0] <= driver._defocus_A <= limits.defocus_A[1]

    def teardown(self):
        if hasattr(self, "scope"):
            self.scope.close()


TestAnythingAtAll = Session.TestCase
TestAnythingAtAll.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)


@settings(max_examples=30)
@given(LIMITS, NUMBER, NUMBER)
def test_checks_are_the_ranges(limits, value, other):
    def passes(check, *arguments, **named):
        try:
            check(limits, *arguments, **named)
        except Unsafe:
            return False
        return True

    for axis in ("x_um", "y_um", "z_um", "tilt_deg"):
        low, high = getattr(limits, axis)
        assert passes(check_stage, **{axis: value}) is (low <= value <= high)
    within = math.hypot(value, other) <= limits.image_shift_um
    assert passes(check_shift, "image_shift_um", value, other) is within
    assert passes(check_defocus, value) is (limits.defocus_A[0] <= value <= limits.defocus_A[1])
    assert passes(check_dose, value) is (0 <= value <= limits.dose_e_A2)


@settings(max_examples=20)
@given(LIMITS, LIMITS)
def test_both_limits_hold_in_the_narrower(one, other):
    both = one.within(other)
    assert both == other.within(one)
    assert both.within(one) == both
    assert both.x_um[0] == max(one.x_um[0], other.x_um[0])
    assert both.dose_e_A2 == min(one.dose_e_A2, other.dose_e_A2)


@pytest.mark.parametrize(
    "wrong", [{"x_um": (1.0, -1.0)}, {"z_um": (math.nan, 1.0)}, {"dose_e_A2": -1.0}, {"tilt_deg": (-90.0, math.inf)}]
)
def test_limits_that_are_none_are_refused(wrong):
    with pytest.raises(BadInput, match=next(iter(wrong))):
        Limits(**wrong)


def test_limits_without_overlap_are_refused():
    with pytest.raises(BadInput, match="x_um"):
        Limits(x_um=(0.0, 1.0)).within(Limits(x_um=(2.0, 3.0)))


def test_a_mode_that_exposes_too_much_is_refused():
    with pytest.raises(BadInput, match="exposes 30"):
        guard(simulated, Settings(MODES, Limits(dose_e_A2=20.0)))
