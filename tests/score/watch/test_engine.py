"""Real files, real workers; a network that has not learned anything."""

import json
import shutil

import pytest

from cryogauge.jobs import Ledger
from cryogauge.records import BadInput
from cryogauge.score.tomogram import ScoreSettings
from cryogauge.score.watch.alerts import AlertRule
from cryogauge.score.watch.engine import Watch, WatchSettings
from cryogauge.score.watch.feed import Feed
from cryogauge.score.watch.found import Found, Mark
from cryogauge.score.watch.landing import Patience


def named(told, kind="scored"):
    return sorted(event["name"] for event in told if event["event"] == kind)


def test_each_is_told_once_however_often_it_is_looked_at(land, watch_once, tmp_path):
    land("TS_1.mrc", 1)
    land("deep/TS_2.rec", 2)
    land("λ TS_3.mrc", 3)
    torn = land("torn.mrc", 4)
    whole = torn.read_bytes()
    torn.write_bytes(whole[:-100])
    (tmp_path / "landing" / "note.txt").write_text("no tomogram")
    land(".hidden.mrc", 5)

    told = watch_once(workers=2)
    assert named(told) == ["TS_1.mrc", "deep/TS_2.rec", "λ TS_3.mrc"]
    assert [(event["name"], "truncated" in event["message"]) for event in told if event["event"] == "failed"] == [
        ("torn.mrc", True)
    ]
    first = next(event for event in told if event["name"] == "TS_1.mrc")
    assert first["kind"] == "tomogram"
    assert first["path"] == str(tmp_path / "landing" / "TS_1.mrc")
    assert first["size_bytes"] == (tmp_path / "landing" / "TS_1.mrc").stat().st_size
    assert first["scores"]["tomogram"] == "TS_1.mrc"
    assert (tmp_path / "out" / first["folder"] / "best.png").is_file()

    assert watch_once() == [], "nothing new, and what is broken is not told twice"
    land("monday/TS_1.mrc", 6)  # the same stem elsewhere changes no name
    torn.write_bytes(whole)
    land("TS_1.mrc", 7)  # replaced
    (tmp_path / "landing" / "deep" / "TS_2.rec").touch()
    assert named(watch_once()) == ["TS_1.mrc", "monday/TS_1.mrc", "torn.mrc"]
    land("TS_1.mrc", 1)  # back to what it was: told, not worked on
    again = watch_once()
    assert [(event["name"], event["key"]) for event in again] == [("TS_1.mrc", first["key"])]
    assert watch_once() == []

    lines = [json.loads(line) for line in (tmp_path / "out" / "feed.jsonl").read_text().splitlines()]
    assert [line["id"] for line in lines] == list(range(1, len(lines) + 1))


def test_what_a_kill_kept_from_being_told_is_told_at_the_next_start(land, watch_once, tmp_path):
    for number in range(3):
        land(f"TS_{number}.mrc", number)
    told = watch_once()
    feed = tmp_path / "out" / "feed.jsonl"
    lines = feed.read_bytes().splitlines(keepends=True)
    feed.write_bytes(b"".join(lines[:-1]) + lines[-1][:40])  # killed while it wrote the last line
    (tmp_path / "landing" / told[-1]["name"]).unlink()  # and what it tells of is gone meanwhile
    left = tmp_path / "out" / "tomograms" / "TS_9.mrc-0123456789ab.part"
    left.mkdir()
    again = watch_once()
    assert [event["name"] for event in again] == [told[-1]["name"]]
    assert {**again[0], "id": 0, "at": 0} == {**told[-1], "id": 0, "at": 0}
    assert not left.exists()

    feed.unlink()
    assert named(watch_once()) == ["TS_0.mrc", "TS_1.mrc", "TS_2.mrc"]
    shutil.rmtree(tmp_path / "out" / "tomograms")
    assert watch_once() == [], "made again, not told again"
    assert len(list((tmp_path / "out" / "tomograms").iterdir())) == 2


def test_an_alert_is_raised_once_and_ends_when_it_is_over(tmp_path):
    (tmp_path / "landing").mkdir()
    settings = WatchSettings(tmp_path / "landing", tmp_path, alert=AlertRule(below=0.3, count=2))

    def alerts(*scores):
        """What is told at the start when these scores were told before it."""
        with Feed(tmp_path / "feed.jsonl") as feed:
            for score in scores:
                number = len(feed.after())
                feed.append("scored", name=f"{number}", key=f"{number}", scores={"tomoscore": score})
        told = []
        with Watch(settings, weights_checksum="w", on_event=told.append) as watch:
            watch.begin()
        return [(e["state"], [each["tomoscore"] for each in e["last"]]) for e in told if e["event"] == "alert"]

    assert alerts(0.9, 0.1) == []
    assert alerts(0.2) == [("raised", [0.1, 0.2])]
    assert alerts() == []
    assert alerts(0.1, 0.1) == []
    assert alerts(0.3) == [("over", [0.1, 0.3])]
    assert alerts(0.1, 0.2) == [("raised", [0.1, 0.2])]
    assert (tmp_path / "feed.jsonl").read_text().count('"session_start"') == 6


def test_settings_that_mend_a_broken_file_score_it(land, watch_once):
    land("a.mrc", 1, pixel_size_A=0.0)
    (failed,) = watch_once()
    assert failed["event"] == "failed"
    assert "--pixel-size" in failed["hint"]
    assert named(watch_once(pixel_size_A=12.0)) == ["a.mrc"]


def test_the_young_are_given_time_and_the_vanished_are_let_go(land, watch_once, tmp_path, monkeypatch):
    torn = land("torn.mrc", 1)
    torn.write_bytes(torn.read_bytes()[:-100])
    mark = Mark(1, 5000, 0)
    gone = Found("gone.mrc", str(tmp_path / "landing" / "gone.mrc"), "tomogram", mark, (str(tmp_path / "gone.mrc"),))
    changed = land("changed.mrc", 2)
    other = Found("changed.mrc", str(changed), "tomogram", mark, (str(changed),))

    from cryogauge.score.watch.scan import Scanner

    look = Scanner.look
    monkeypatch.setattr(
        Scanner, "look", lambda self: [each for each in look(self) if each.name == "torn.mrc"] + [gone, other]
    )
    assert watch_once(patience=Patience(0.2, 0.2, 3600.0)) == []
    with Ledger(tmp_path / "out" / "ledger.sqlite") as ledger:
        assert list(ledger.results()) == [], "what changed while it was judged is not kept"


def test_wrong_folders_are_refused(tmp_path, untrained_weights):
    settings = ScoreSettings(weights=str(untrained_weights))
    (tmp_path / "a").mkdir()
    (tmp_path / "out").mkdir()
    with pytest.raises(BadInput, match="is no folder"):
        Watch(WatchSettings(tmp_path / "b", tmp_path / "out", settings), weights_checksum="w")
    with pytest.raises(BadInput, match="the watched folder itself"):
        Watch(WatchSettings(tmp_path / "a", tmp_path / "a", settings), weights_checksum="w")
    with Watch(WatchSettings(tmp_path / "a", tmp_path / "out", settings), weights_checksum="w"):
        pass
    (tmp_path / "out" / "feed.jsonl").write_text("no feed\n")
    for _ in range(2):  # the first attempt lets go of the ledger
        with pytest.raises(BadInput, match="no event of a feed"):
            Watch(WatchSettings(tmp_path / "a", tmp_path / "out", settings), weights_checksum="w")
