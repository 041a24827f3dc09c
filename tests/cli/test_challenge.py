"""``cryogauge challenge``: a real process, real files."""

import json
import re
import signal
import subprocess

import httpx
import numpy as np
import pandas as pd
import pytest

from cryogauge.cli import main
from cryogauge.io import write_picks
from cryogauge.pick.challenge import read_split, score_picks
from cryogauge.records import CZII_OBJECTS

TOKEN = "0123456789abcdef"


@pytest.fixture
def files(tmp_path, monkeypatch):
    """``truth.csv`` in our form and ``picks.csv`` in the challenge's, and the tables; the folder is the current one."""
    rng = np.random.default_rng(0)
    rows = [
        (f"TS_{number}", kind.name, *(rng.uniform(0, 1, 3) * [6300, 6300, 1840]), np.nan)
        for number in range(12)
        for kind in CZII_OBJECTS
        for _ in range(rng.poisson(8))
    ]
    truth = pd.DataFrame(rows, columns=["tomogram", "object", "x_A", "y_A", "z_A", "score"])
    picks = truth[rng.random(len(truth)) < 0.7].copy()
    picks[["x_A", "y_A", "z_A"]] += rng.normal(0, 15, (len(picks), 3))
    write_picks(tmp_path / "truth.csv", truth)
    names = {"tomogram": "experiment", "object": "particle_type", "x_A": "x", "y_A": "y", "z_A": "z"}
    theirs = picks.rename(columns=names)[list(names.values())].rename_axis("id").reset_index()
    theirs.to_csv(tmp_path / "picks.csv", index=False)
    monkeypatch.chdir(tmp_path)
    return truth, picks


def _run(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        main(["challenge", *map(str, arguments)])
    said = capsys.readouterr()
    return ended.value.code, said.out, said.err


def test_score_prints_every_digit_and_writes_a_page(files, tmp_path, capsys):
    truth, picks = files
    code, out, err = _run(capsys, "score", "truth.csv", "picks.csv", "--out", "score")
    assert code == 0, err
    assert out.startswith(f"score {score_picks(truth, picks).score!r}\n")
    assert "beta-galactosidase" in out
    assert (tmp_path / "score" / "report.html").exists()
    code, out, _ = _run(capsys, "score", "truth.csv", "picks.csv", "--json", "--beta", "1")
    told = json.loads(out)
    assert told["rules"]["beta"] == 1.0
    assert told["score"] != score_picks(truth, picks).score
    assert len(told["objects"]) == 6


def test_score_by_other_kinds(files, tmp_path, capsys):
    kinds = [{"name": each.name, "radius_A": each.radius_A, "weight": 1} for each in CZII_OBJECTS]
    (tmp_path / "kinds.json").write_text(json.dumps(kinds))
    code, out, err = _run(capsys, "score", "truth.csv", "picks.csv", "--objects", "kinds.json", "--json")
    assert code == 0, err
    told = json.loads(out)
    assert told["score"] == pytest.approx(np.mean([each["f_beta"] for each in told["objects"]]))


def test_slips_are_warned_of_and_unusable_rows_refused(files, tmp_path, capsys):
    table = pd.read_csv("picks.csv")
    table[["x", "y", "z"]] /= 10.012
    table.to_csv("voxels.csv", index=False)
    code, _, err = _run(capsys, "score", "truth.csv", "voxels.csv")
    assert code == 0
    assert "warning: the coordinates look like voxels" in err
    table.astype(object).assign(x="nan").to_csv("nan.csv", index=False)
    code, out, err = _run(capsys, "score", "truth.csv", "nan.csv")
    assert (code, out) == (2, "")
    assert "line 2: x is nan" in err
    assert "hint:" in err
    for wrong in (
        ("nothing.csv", "picks.csv"),
        ("truth.csv", "picks.csv", "--beta", "0"),
        ("truth.csv", "picks.csv", "--user", "x"),
    ):
        code, _, err = _run(capsys, "score", *wrong)
        assert code == 2
        assert err.count("\n") == 2


def test_split_and_choose_beta(files, capsys):
    code, out, err = _run(capsys, "split", "truth.csv", "--train", 3, "--bins", 4, "--out", "split")
    assert code == 0, err
    assert out == "split/split.csv: 3 train, 2 public, 7 private\n"
    assert sorted(read_split("split/split.csv").values()).count("private") == 7
    code, _, err = _run(capsys, "split", "truth.csv", "--out", "split2")
    assert code == 2
    assert "12 tomograms cannot be sorted into 16 bins" in err
    code, out, err = _run(
        capsys, "choose-beta", "truth.csv", "picks.csv", "--betas", "2,4", "--draws", 4, "--out", "beta"
    )
    assert code in (0, 1), err
    assert ("no β" in out) == (code == 1)
    code, out, _ = _run(
        capsys, "choose-beta", "truth.csv", "picks.csv", "--betas", "4", "--draws", 2, "--out", "beta", "--json"
    )
    assert [each["beta"] for each in json.loads(out)["stability"]] == [4.0]
    assert _run(capsys, "choose-beta", "truth.csv", "picks.csv", "--betas", "two", "--out", "beta")[0] == 2


def _serve(command):
    call = ["challenge", "serve", "truth.csv", "--split", "split/split.csv", "--board", "b.sqlite", "--no-browser"]
    return subprocess.Popen(
        command.arguments(call), cwd=command.folder, env=command.environment, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_serve_stop_and_go_on(files, command, capsys):
    _run(capsys, "split", "truth.csv", "--train", 3, "--bins", 4, "--out", "split")
    content = (command.folder / "picks.csv").read_bytes()
    for number in (1, 2):
        process = _serve(command)
        try:
            address = process.stdout.readline().strip()
            sent = httpx.post(f"{address}api/submit", params={"team": "Ada"}, content=content)
            assert sent.json()["number"] == number
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=120)
        finally:
            process.kill()
        assert process.returncode == 0, err
        assert "2 public and 7 private tomograms" in err
        assert re.search(rf"{address}organiser\?key=\S{{32}}", err)
        assert f"{number} submissions in b.sqlite" in err


def test_serve_refuses_what_is_not_safe(files, command, capsys):
    _run(capsys, "split", "truth.csv", "--train", 3, "--bins", 4, "--out", "split")
    serve = ("serve", "truth.csv", "--split", "split/split.csv", "--board", "b.sqlite", "--no-browser")
    code, _, err = _run(capsys, *serve, "--host", "0.0.0.0")
    assert code == 2
    assert "other machines could reach" in err
    code, _, err = _run(capsys, *serve, "--organiser-key", "short")
    assert code == 2
    code, _, err = _run(capsys, *serve[:4], "b.sqlite", *serve[4:])
    assert code == 2
