"""What somebody should look at: told when it is so, and not otherwise."""

from cryogauge.collect.screen import orders
from cryogauge.collect.screen.log import WORDS
from cryogauge.web.collect_alerts import alerts, doing
from tests.collect.screen.written import Written


def texts(session, silent_s=0.0):
    return [each["text"] for each in alerts(session, silent_s)]


def say(written, text):
    with (written.folder / WORDS).open("a") as file:
        file.write(f"2026-01-01 12:00:00  {text}\n")
    written.session.refresh()


def test_poor_and_lost_exposures_are_told_when_there_are_several(tmp_path):
    written = Written(tmp_path)
    for hole in range(6):
        assert texts(written.session) == []
        row = {"exposure": f"1/0/{hole}/0", "score": 0.1, "ctf_resolution_A": 9.0, "said": "Thick ice."}
        written.step("judged", f"1/0/{hole}/0", row)
    poor = "None of the last 6 exposures fits to 8 Å or better. The last one: Thick ice."
    assert texts(written.session) == [poor]
    written.step("judged", "1/0/7/0", {**row, "ctf_resolution_A": 7.9})
    assert texts(written.session) == []
    for hole, lost in ((8, []), (9, ["The last 2 exposures were lost: half of it is missing."])):
        written.step("expose", f"1/0/{hole}/0", "half of it is missing", outcome="failed", fault="HalfImage")
        assert texts(written.session) == lost
    written.step("expose", "1/0/10/0", {"picture": "x"})
    assert texts(written.session) == []


def test_what_it_waits_for_is_told(tmp_path):
    written = Written(tmp_path)
    say(written, "waiting while dewars are filled or a pump runs")
    assert texts(written.session) == ["It waits: waiting while dewars are filled or a pump runs"]
    assert doing(written.session) == "waiting"
    say(written, "square 1/0: 12 holes, 9 targets")
    assert texts(written.session) == []
    assert doing(written.session) == "square 1/0: 12 holes, 9 targets"
    assert texts(written.session, 900.0) == ["Nothing was done for 15 min: square 1/0: 12 holes, 9 targets"]
    written.step("expose", "1/0/4/0")
    assert doing(written.session) == "exposing hole 4 of square 1/0"
    orders.stop(tmp_path, "Ada")
    written.session.refresh()
    assert texts(written.session) == ["It stops before its next action: wanted by Ada."]


def test_the_end_is_told_by_its_gravity(tmp_path):
    written = Written(tmp_path)
    written.step("ended", "", {"finished": False, "why": "The session stopped: the disk is full."})
    assert alerts(written.session, 0.0) == [{"level": "fail", "text": "The session stopped: the disk is full."}]
    written.step("ended", "", {"finished": True, "why": "The session is finished."})
    assert alerts(written.session, 0.0) == []
