import json
import os
import subprocess
import sys
import threading

import pytest

from cryogauge.records import BadInput, Retryable
from cryogauge.score.watch.feed import Feed


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_events_are_numbered_lines_that_come_back(tmp_path):
    path = tmp_path / "feed.jsonl"
    with Feed(path) as feed:
        first = feed.append("scored", name="λ\nTS_1", scores={"thickness_nm": None})
        assert lines(path) == [first]
    with Feed(path) as feed:
        feed.append("alert", state="raised")
        assert [event["id"] for event in feed.after()] == [1, 2]
        assert feed.after(1)[0]["state"] == "raised"
        assert feed.after(2) == []
    assert lines(path)[0]["name"] == "λ\nTS_1"
    assert lines(path)[0]["at"].endswith("+00:00")


@pytest.mark.parametrize("kept", [0, 1, 30])
def test_a_torn_line_is_cut_off(tmp_path, kept):
    path = tmp_path / "feed.jsonl"
    with Feed(path) as feed:
        feed.append("scored", name="a")
        whole = path.read_bytes()
        feed.append("scored", name="b")
    path.write_bytes(path.read_bytes()[: len(whole) + kept])
    with Feed(path) as feed:
        assert [event["name"] for event in feed.after()] == ["a"]
        assert feed.append("scored", name="c")["id"] == 2
    assert [event["name"] for event in lines(path)] == ["a", "c"]


@pytest.mark.parametrize("text", ["no json\n", "[]\n", '{"id": 2, "event": "scored"}\n', '{"id": 1}\n', "\n"])
def test_another_file_is_refused_and_left_alone(tmp_path, text):
    path = tmp_path / "feed.jsonl"
    path.write_text(text)
    with pytest.raises(BadInput, match="line 1 is no event") as raised:
        Feed(path)
    assert "ledger" in raised.value.hint
    assert path.read_text() == text
    with pytest.raises(BadInput, match="cannot use the feed"):
        Feed(tmp_path / "nowhere" / "feed.jsonl")


def test_a_name_that_is_no_utf8_is_told_and_comes_back(tmp_path):
    name = os.fsdecode(b"TS_\xff.mrc")
    with Feed(tmp_path / "feed.jsonl") as feed:
        feed.append("failed", name=name)
    with Feed(tmp_path / "feed.jsonl") as feed:
        assert feed.after()[0]["name"] == name


def test_who_waits_is_woken(tmp_path):
    with Feed(tmp_path / "feed.jsonl") as feed:
        assert not feed.wait(0, 0.01)
        woken = []
        waiting = threading.Thread(target=lambda: woken.append(feed.wait(0, 30)))
        waiting.start()
        feed.append("scored", name="a")
        waiting.join(5)
        assert woken == [True]
        assert feed.wait(0, 0.0)


def test_a_full_disk_leaves_no_half_line(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root on Linux")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], check=False).returncode != 0:
        pytest.skip("this machine does not let root mount a tmpfs")
    try:
        with Feed(disk / "feed.jsonl") as feed:
            feed.append("scored", name="a")
            with pytest.raises(Retryable, match="no space"):
                feed.append("scored", name="b" * 100_000)
            assert feed.append("scored", name="c")["id"] == 2
            assert [event["name"] for event in lines(disk / "feed.jsonl")] == ["a", "c"]
    finally:
        subprocess.run(["umount", disk], check=True)
