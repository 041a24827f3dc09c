from hypothesis import given
from hypothesis import strategies as st

from cryogauge.score.watch.found import Found, Mark
from cryogauge.score.watch.landing import Landing, Patience

PATIENCE = Patience(settle_s=10.0, series_settle_s=30.0, grace_s=100.0)
NEW = 1_000_000.0  # a wall clock at which things with a mark of NEW_NS were just written
NEW_NS = int(NEW * 1e9)


def found(name="a", size=1, newest_ns=NEW_NS, kind="tomogram", lacks=""):
    return Found(name, f"/landing/{name}", kind, Mark(1, size, newest_ns), (f"/landing/{name}",), lacks)


def looks(landing, thing, *times):
    for now in times:
        landing.observe([thing], now)


def test_a_file_is_complete_when_it_has_settled():
    landing = Landing(PATIENCE, {})
    looks(landing, found(), 0.0)
    assert landing.take(20.0, NEW) is None, "seen once only"
    looks(landing, found(), 5.0)
    assert landing.take(9.9, NEW) is None
    assert [each.reason for each in landing.waiting(9.9, NEW)] == ["still being written"]
    assert [each.reason for each in landing.waiting(10.0, NEW)] == ["in the queue"]
    assert landing.take(10.0, NEW) == found()
    assert landing.take(10.0, NEW) is None, "it is under way"
    assert landing.under_way() == ["a"]
    landing.done(found())
    looks(landing, found(), 20.0, 40.0, 60.0)
    assert landing.take(60.0, NEW) is None
    assert landing.waiting(60.0, NEW) == []


def test_what_still_grows_waits_on():
    landing = Landing(PATIENCE, {})
    for second in range(60):
        looks(landing, found(size=second // 8), float(second))
        assert landing.take(float(second), NEW) is None
    looks(landing, found(size=7), 60.0, 66.0)
    assert landing.take(66.0, NEW) == found(size=7)


def test_what_is_old_when_it_is_first_seen_waits_for_a_second_look_only():
    landing = Landing(PATIENCE, {})
    looks(landing, found(), 0.0)
    assert landing.take(0.1, NEW + 11) is None
    looks(landing, found(), 0.1)
    assert landing.take(0.1, NEW + 9) is None
    assert landing.take(0.1, NEW + 11) == found()


def test_a_series_waits_longer_and_for_what_it_lacks():
    landing = Landing(PATIENCE, {})
    series = found(kind="tilt_series")
    looks(landing, series, 0.0, 5.0)
    assert landing.take(29.0, NEW) is None
    assert landing.take(30.0, NEW) == series
    lacking = found("b", kind="tilt_series", lacks="3 of its 41 images are not here yet")
    looks(landing, lacking, 0.0, 5.0)
    assert landing.take(99.0, NEW) is None
    assert landing.waiting(99.0, NEW)[0].reason == lacking.lacks
    assert not landing.settling(99.0, NEW)
    assert landing.take(100.0, NEW) == lacking, "in the end it is told of"


def test_what_cannot_be_read_is_broken_when_it_is_no_longer_young():
    landing = Landing(PATIENCE, {})
    looks(landing, found(), 0.0, 10.0)
    assert landing.take(10.0, NEW) == found()
    assert not landing.failed(found(), "truncated", 11.0, NEW, retryable=False)
    assert landing.take(99.0, NEW) is None
    assert landing.waiting(99.0, NEW)[0].reason == "truncated"
    assert not landing.settling(99.0, NEW)
    assert landing.take(100.0, NEW) == found()
    assert landing.failed(found(), "truncated", 100.0, NEW, retryable=False)
    looks(landing, found(), 200.0, 300.0)
    assert landing.take(300.0, NEW) is None
    whole = found(size=2)
    looks(landing, whole, 310.0, 320.0)
    assert landing.take(320.0, NEW) == whole, "it has changed: another chance"


def test_what_fails_through_no_fault_of_its_own_is_tried_again_less_and_less_often():
    landing = Landing(PATIENCE, {})
    looks(landing, found(), 0.0, 5.0)
    now, pauses = 1000.0, []
    for _ in range(8):
        assert landing.take(now, NEW) == found()
        assert not landing.failed(found(), "no space", now, NEW, retryable=True)
        pause = next(wait for wait in range(1000) if landing.waiting(now + wait, NEW) and _due(landing, now + wait))
        pauses.append(pause)
        now += pause
    assert pauses == [2, 4, 8, 16, 32, 60, 60, 60]


def _due(landing, now):
    return landing.settling(now, NEW)


def test_a_change_under_way_is_judged_after_it():
    landing = Landing(PATIENCE, {})
    looks(landing, found(), 0.0, 10.0)
    assert landing.take(10.0, NEW) == found()
    later = found(size=2)
    looks(landing, later, 11.0, 30.0)
    assert landing.take(30.0, NEW) is None, "one at a time"
    landing.done(found())
    assert landing.take(30.0, NEW) == later
    landing.put_back()
    assert landing.take(30.0, NEW) == later
    assert not landing.failed(found(), "of the former content", 31.0, NEW, retryable=False)
    assert landing.take(31.0, NEW) == later


def test_what_vanishes_is_forgotten_unless_it_was_judged():
    landing = Landing(PATIENCE, {})
    looks(landing, found(), 0.0, 10.0)
    assert landing.observe([], 11.0) == ["a"]
    assert landing.waiting(11.0, NEW) == []
    looks(landing, found(), 12.0, 22.0)
    assert landing.take(22.0, NEW) == found()
    assert landing.observe([], 23.0) == []
    landing.done(found())
    assert landing.observe([], 24.0) == []
    looks(landing, found(), 25.0, 50.0)
    assert landing.take(50.0, NEW) is None, "back again, and known"


def test_what_an_earlier_run_judged_is_known_by_its_mark():
    landing = Landing(PATIENCE, {"a": found().mark, "b": Mark(1, 5, 5)})
    landing.observe([found("a"), found("b")], 0.0)
    landing.observe([found("a"), found("b")], 20.0)
    assert landing.take(20.0, NEW) == found("b")
    assert landing.take(20.0, NEW) is None


@given(
    st.lists(st.tuples(st.sampled_from(["look", "grow", "vanish", "take", "finish", "fail", "wait"]), st.floats(0, 20)))
)
def test_nothing_is_lost_or_judged_twice(steps):
    """Whatever happens, once all is quiet each thing has been judged once in its last state."""
    landing = Landing(PATIENCE, {})
    now, size, there = 0.0, 0, True
    under_way, judged = None, []
    for step, pause in steps:
        now += pause
        if step == "grow":
            size, there = size + 1, True
        elif step == "vanish":
            there = False
        elif step == "take" and under_way is None:
            under_way = landing.take(now, NEW)
        elif step == "finish" and under_way:
            landing.done(under_way)
            judged.append(under_way.mark)
            under_way = None
        elif step == "fail" and under_way:
            landing.failed(under_way, "torn", now, NEW, retryable=True)
            under_way = None
        landing.observe([found(size=size)] if there else [], now)
    if under_way:
        landing.done(under_way)
        judged.append(under_way.mark)
    for _ in range(50):
        now += 30
        landing.observe([found(size=size)], now)
        if taken := landing.take(now, NEW):
            landing.done(taken)
            judged.append(taken.mark)
    assert judged.count(found(size=size).mark) == 1
    assert len(set(judged)) == len(judged)
