"""What a session did, as it is kept in its folder."""

import pytest

from cryogauge.collect.drivers.control import VirtualClock
from cryogauge.collect.screen.log import BEGUN, Log


@pytest.mark.parametrize("starts_s", [(0.0, 0.0), (1.7e9, 1.7e9 + 86_400)])
def test_the_time_taken_is_that_of_the_runs(tmp_path, starts_s):
    """Neither the years since 1970 nor the night between two runs, and not the last run alone."""
    for start_s, square in zip(starts_s, ("1/2", "1/3"), strict=True):
        log = Log(tmp_path, lambda text: None)
        log.clock = clock = VirtualClock(start_s)
        log.renew(BEGUN, "", {"driver": "simulated"})
        log.do("square", square, lambda clock=clock: clock.sleep(1800.0) or {})
        assert log.taken_s() == pytest.approx(1800.0 * (1 + (square == "1/3")))
        log.close()
