"""``cryogauge simulate classes`` from a shell."""

import json

import pandas as pd


def test_a_set_is_made_and_added_to(run, tmp_path):
    made = run("simulate", "classes", "--out", "c", "--count", "1", "--classes", "5", "--json")
    assert made.returncode == 0, made.stderr
    assert set(json.loads(made.stdout)) == {"set", "table", "settings", "sheet"}
    assert len(pd.read_csv(tmp_path / "c/truth.csv")) == 5
    assert "secondary structure" in (tmp_path / "c/sheet.html").read_text()
    more = run("simulate", "classes", "--out", "c", "--count", "2", "--classes", "5")
    assert more.returncode == 0, more.stderr
    assert "2 of 2 jobs are in c" in more.stderr
    assert len(pd.read_csv(tmp_path / "c/truth.csv")) == 10


def test_wrong_calls(run, tmp_path):
    (tmp_path / "none").mkdir()
    for call, said, hint in [
        (["--maps", "none"], "holds no maps", ".mrc"),
        (["--engine", "relion", "--classes", "900"], "cannot be put into 900 classes", "more particles"),
    ]:
        done = run("simulate", "classes", "--out", "c", *call)
        assert (done.returncode, done.stdout) == (2, ""), call
        assert said in done.stderr
        assert hint in done.stderr
