import math

import pytest

from cryogauge.records import BadInput
from cryogauge.score.watch.alerts import AlertRule


def test_the_last_ones_must_all_be_low():
    rule = AlertRule(0.3, 3)
    assert not rule.holds([0.1, 0.1])
    assert rule.holds([0.9, 0.1, 0.2, 0.29])
    assert not rule.holds([0.1, 0.1, 0.3])
    assert not rule.holds([0.1, 0.1, 0.1, 0.9])
    assert rule.words == "last 3 below 0.3"


@pytest.mark.parametrize(("below", "count"), [(0, 5), (1.1, 5), (math.nan, 5), (0.3, 0)])
def test_a_rule_without_sense_is_refused(below, count):
    with pytest.raises(BadInput, match="no alert can be raised"):
        AlertRule(below, count)
