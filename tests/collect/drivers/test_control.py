"""Time-outs and cancelling, by the world's clock and by a virtual one."""

import math
import threading
import time

import pytest

from cryogauge.collect.drivers.control import Control, VirtualClock, WallClock
from cryogauge.records.faults import Cancelled, TimedOut
from cryogauge.records.microscope import Clock


def test_virtual_time_passes_at_once_and_never_beyond_the_limit():
    control = Control(VirtualClock(100.0))
    began = time.monotonic()
    control.wait(86_400.0)
    assert control.clock.now_s == 86_500.0
    with pytest.raises(TimedOut, match="a long task"), control.limit(10.0, "a long task"):
        control.wait(math.inf)
    assert control.clock.now_s == 86_510.0
    assert time.monotonic() - began < 5


def test_the_shorter_of_nested_limits_counts():
    control = Control(VirtualClock())
    with control.limit(10.0, "outer"), control.limit(100.0, "inner"):
        assert control.remaining_s == 10.0
    assert control.remaining_s == math.inf


def test_clocks(monkeypatch):
    assert isinstance(WallClock(), Clock)
    assert abs(WallClock().now_s - time.time()) < 5
    control = Control()
    with control.limit(60.0, "a command"), monkeypatch.context() as patched:
        patched.setattr(time, "time", lambda: 2e9)  # somebody sets the machine's clock anew
        control.check()
        assert 50.0 < control.remaining_s <= 60.0
    clock = VirtualClock()
    clock.sleep(-5.0)
    assert clock.now_s == 0.0


def test_waiting_is_called_off_from_another_thread():
    control = Control()
    timer = threading.Timer(0.05, control.cancelled.set)
    timer.start()
    with pytest.raises(Cancelled):
        control.wait(30.0)
    timer.join()
    with pytest.raises(Cancelled):
        control.run(print)


def test_results_and_errors_come_back():
    control = Control()
    assert control.run(max, 3, 7, key=lambda value: -value) == 3
    with pytest.raises(ZeroDivisionError):
        control.run(lambda: 1 / 0)
    assert control.run(threading.get_ident) == control.run(threading.get_ident)  # one thread for all
    control.forget()


def test_no_call_begins_while_one_that_was_left_alone_runs():
    control, go, calls = Control(), threading.Event(), []
    with pytest.raises(TimedOut), control.limit(0.1, "a call that hangs"):
        control.run(lambda: (go.wait(30), calls.append("first")))
    with pytest.raises(TimedOut), control.limit(0.1, "the next"):
        control.run(calls.append, "second")
    assert calls == []
    go.set()
    control.run(calls.append, "third")
    assert calls == ["first", "third"]
    control.forget()
