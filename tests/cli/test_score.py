import csv
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from cryogauge.records import SLICE_COLUMNS


def table(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def lines(done):
    assert "Traceback" not in done.stderr
    return done.stderr.splitlines()


def test_tomograms_are_ranked(command, tomogram, tmp_path):
    for name, score in (("a.mrc", 0.3), ("b.mrc", 0.9), ("deep/c.mrc", 0.1)):
        tomogram(f"data/{name}", score)
    done = command("score", "data", "--out", "out")
    assert done.returncode == 0, done.stderr
    assert lines(done) == ["3 scored; report: out/report.html"]
    places = [done.stdout.index(text) for text in (" b ", "0.90", " a ", "0.30", " c ", "0.10", "out of domain")]
    assert places == sorted(places)
    assert "\x1b" not in done.stdout

    out = tmp_path / "out"
    rows = table(out / "scores.csv")
    assert [row["tomogram"] for row in rows] == ["b", "a", "c"]
    assert [float(row["tomoscore"]) for row in rows] == pytest.approx([0.9, 0.3, 0.1], rel=1e-5)
    assert rows[0]["thickness_nm"] == ""
    assert [row["flags"] for row in rows] == ["", "", "out_of_domain no_empty_ends"]
    slices = table(out / "slices.csv")
    assert tuple(slices[0]) == SLICE_COLUMNS
    assert [(row["tomogram"], row["z"]) for row in slices] == [(name, str(z)) for name in "bac" for z in range(4)]
    assert "<html" in (out / "report.html").read_text()[:200]
    assert not (out / "failed.csv").exists()
    used = json.loads((out / "settings.json").read_text())
    assert used["weights_checksum"] == "checksum of compact"
    assert {"version", "model", "pixel_size_A", "local_map", "device", "threads", "slices"} <= used.keys()
    assert not list(out.rglob("*.part"))


def test_what_is_done_and_unchanged_is_not_done_again(command, tomogram, tmp_path):
    tomogram("data/a.mrc", 0.3)
    tomogram("data/b.mrc", 0.9)
    call = ("score", "data", "--out", "out")
    command(*call)
    assert command.judged() == ["a", "b"]
    first = (tmp_path / "out" / "scores.csv").read_text()

    done = command(*call, "--device", "cpu")
    assert command.judged() == []
    assert lines(done) == ["0 scored, 2 already done; report: out/report.html"]
    assert (tmp_path / "out" / "scores.csv").read_text() == first

    tomogram("data/a.mrc", 0.95)
    done = command(*call)
    assert command.judged() == ["a"]
    assert [row["tomogram"] for row in table(tmp_path / "out" / "scores.csv")] == ["a", "b"]

    command(*call, "--no-local-map")
    assert command.judged() == ["a", "b"], "another setting is another result"
    command(*call)
    assert command.judged() == [], "and the earlier one is kept"

    for lost in (tmp_path / "out" / "tomograms").glob("b-*/slices.csv"):
        lost.unlink()
    command(*call)
    assert command.judged() == ["b"]


def test_files_of_one_name_are_never_taken_for_each_other(command, tomogram, tmp_path):
    tomogram("monday/TS_1.mrc", 0.3)
    tomogram("friday/TS_1.mrc", 0.9)
    scores = tmp_path / "out" / "scores.csv"
    for folder, score in (("monday", 0.3), ("friday", 0.9), ("monday", 0.3)):
        command("score", folder, "--out", "out")
        assert [float(row["tomoscore"]) for row in table(scores)] == pytest.approx([score], rel=1e-5)
        slices = table(tmp_path / "out" / "slices.csv")
        assert [float(row["score"]) for row in slices] == pytest.approx([score] * 4, rel=1e-5)
    command("score", "monday", "friday", "--out", "out")
    assert [float(row["tomoscore"]) for row in table(scores)] == pytest.approx([0.9, 0.3], rel=1e-5)


def test_bad_inputs_fail_alone(command, tomogram, tmp_path):
    for name, score in (("good.mrc", 0.9), ("fair.mrc", 0.5), ("die.mrc", 0.5), ("fault.mrc", 0.5)):
        tomogram(f"data/{name}", score)
    whole = tomogram("data/truncated.mrc", 0.5).read_bytes()
    (tmp_path / "data" / "truncated.mrc").write_bytes(whole[:-100])
    (tmp_path / "data" / "text.mrc").write_text("this is a note, not a tomogram\n" * 100)
    (tmp_path / "data" / "zero.mrc").touch()
    tomogram("data/unscaled.mrc", 0.5, pixel_size_A=0)

    done = command("score", "data", "--out", "out", "--workers", "2")
    assert done.returncode == 1
    bad = {"die", "fault", "truncated", "text", "zero", "unscaled"}
    rows = table(tmp_path / "out" / "scores.csv")
    assert [row["tomogram"] for row in rows[:2]] == ["good", "fair"]
    assert {row["tomogram"] for row in rows[2:]} == bad
    assert {(row["flags"], row["tomoscore"]) for row in rows[2:]} == {("failed", "")}
    failed = {row["tomogram"]: row for row in table(tmp_path / "out" / "failed.csv")}
    assert failed.keys() == bad
    assert "killed twice" in failed["die"]["message"]
    assert "--pixel-size" in failed["unscaled"]["hint"]
    assert "--debug" in failed["fault"]["hint"]
    told = lines(done)
    for name in bad:
        assert f"failed: {name}: {failed[name]['message']}" in told
        assert failed[name]["hint"]
        assert f"hint: {failed[name]['hint']}" in told
        assert failed[name]["message"] in (tmp_path / "out" / "report.html").read_text()
    assert told[-1] == "2 scored, 6 failed; report: out/report.html"

    (tmp_path / "data" / "truncated.mrc").write_bytes(whole)
    command.judged()
    again = command("score", "data/truncated.mrc", "data/good.mrc", "--out", "out")
    assert again.returncode == 0, again.stderr
    assert command.judged() == ["truncated"]
    assert not (tmp_path / "out" / "failed.csv").exists()


def test_json_is_for_machines(command, tomogram, tmp_path):
    tomogram("data/a.mrc", 0.3)
    tomogram("data/b.mrc", 0.9)
    (tmp_path / "data" / "zero.mrc").touch()

    def no_constants(name):
        raise AssertionError(f"{name} is not JSON")

    done = command("score", "data", "--out", "out", "--json")
    assert done.returncode == 1
    said = json.loads(done.stdout, parse_constant=no_constants)
    assert [row["tomogram"] for row in said["scores"]] == ["b", "a"]
    assert said["scores"][0]["thickness_nm"] is None
    assert said["scores"][0]["flags"] == []
    assert [failure["tomogram"] for failure in said["failed"]] == ["zero"]
    assert (tmp_path / said["report"]).is_file()


def test_debug_shows_where_it_happened(command, tomogram):
    tomogram("fault.mrc", 0.5)
    quiet = command("score", "fault.mrc", "--out", "out")
    assert "Traceback" not in quiet.stderr
    assert "unexpected ZeroDivisionError: a fault within" in quiet.stderr
    assert "in judge_to_folder" in command("score", "fault.mrc", "--out", "out", "--debug").stderr
    wrong = command("score", "missing.mrc", "--out", "out", "--debug")
    assert "Traceback" in wrong.stderr
    assert wrong.returncode == 2


def test_wrong_calls_exit_with_2(command, tomogram, tmp_path):
    tomogram("a.mrc", 0.5)
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "spoilt").mkdir()
    (tmp_path / "spoilt" / "ledger.sqlite").write_text("this is not a ledger but a text that is long enough\n" * 99)
    for call, said in (
        (("missing.mrc", "--out", "out"), "missing.mrc does not exist"),
        (("empty", "--out", "out"), "no tomogram"),
        (("*.rec", "--out", "out"), "no tomogram"),
        (("a.mrc", "--out", "file"), "cannot make the folder file"),
        (("a.mrc", "--out", "file/within"), "cannot make the folder file/within"),
        (("a.mrc", "--out", "out", "--model", "resnet101"), "no weights"),
        (("a.mrc", "--out", "spoilt"), "ledger"),
    ):
        done = command("score", *call)
        assert done.returncode == 2, done.stderr
        error, hint = lines(done)
        assert error.startswith("error: ")
        assert said in error
        assert hint.startswith("hint: ")
        assert done.stdout == ""
    assert not (tmp_path / "out").exists(), "a wrong call leaves nothing behind"


def test_settings_are_fed_back(command, tomogram, tmp_path):
    """What an earlier run was told is used again; an option given beside the file wins."""
    tomogram("a.mrc", 0.5)
    command("score", "a.mrc", "--out", "first", "--pixel-size", "7.5", "--no-local-map")
    again = command("score", "a.mrc", "--out", "second", "--settings", "first/settings.json")
    assert again.returncode == 0, again.stderr
    used = json.loads((tmp_path / "first" / "settings.json").read_text())
    assert used["pixel_size_A"] == 7.5
    assert used["local_map"] is False
    assert json.loads((tmp_path / "second" / "settings.json").read_text()) == used
    command("score", "a.mrc", "--out", "third", "--settings", "first/settings.json", "--local-map")
    assert json.loads((tmp_path / "third" / "settings.json").read_text()) == used | {"local_map": True}

    (tmp_path / "other.json").write_text(json.dumps(used | {"weights_checksum": "of others"}))
    other = command("score", "a.mrc", "--out", "fourth", "--settings", "other.json")
    assert other.returncode == 0
    assert "the weights are not those" in other.stderr
    for text, said in (
        ("no json", "no JSON"),
        ("[]", "holds no settings"),
        (json.dumps(used | {"contrast": 2}), "contrast"),
        (json.dumps({"model": "compact"}), "missing: device, "),
        (json.dumps(used | {"slices": "yes"}), 'slices cannot be "yes"'),
    ):
        (tmp_path / "wrong.json").write_text(text)
        wrong = command("score", "a.mrc", "--out", "fifth", "--settings", "wrong.json")
        assert wrong.returncode == 2
        assert said in lines(wrong)[0]
        assert lines(wrong)[1].startswith("hint: ")
    assert "cannot be read" in lines(command("score", "a.mrc", "--out", "o", "--settings", "none.json"))[0]


def test_results_are_not_taken_for_inputs(command, tomogram, tmp_path):
    tomogram("a.mrc", 0.5)
    tomogram("out/tomograms/left.mrc", 0.9)
    command("score", ".", "--out", "out")
    assert command.judged() == ["a"]
    assert command("score", "out", "--out", "out").returncode == 2


@pytest.mark.skipif(os.name == "nt", reason="sends POSIX signals")
def test_ctrl_c_loses_only_what_is_under_way(command, tomogram):
    for name in ("a", "b", "c_slow"):
        tomogram(f"data/{name}.mrc", 0.5)
    call = command.arguments(("score", "data", "--out", "out"))
    process = subprocess.Popen(
        call, cwd=command.folder, env=command.environment, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    while "c_slow" not in (command.log.read_text() if command.log.exists() else ""):
        assert process.poll() is None
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130
    assert errors.splitlines() == ["interrupted: what was done is kept; run the same command again to go on"]
    command.judged()
    assert command("score", "data/a.mrc", "data/b.mrc", "--out", "out").returncode == 0
    assert command.judged() == []


def test_a_full_disk_is_told_and_mended(command, tomogram, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root on Linux")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], check=False).returncode != 0:
        pytest.skip("this machine does not let root mount a tmpfs")
    try:
        filling = disk / "filling"
        with pytest.raises(OSError, match="No space"):
            filling.write_bytes(b"\0" * (2 << 20))
        tomogram("a.mrc", 0.5)
        full = command("score", "a.mrc", "--out", "disk/out")
        assert full.returncode in (1, 2)
        told = lines(full)
        assert "no space" in told[-2]
        assert told[-2].startswith("error: ")
        assert told[-1].startswith("hint: free ")
        filling.unlink()
        assert command("score", "a.mrc", "--out", "disk/out").returncode == 0
    finally:
        subprocess.run(["umount", disk], check=True)
