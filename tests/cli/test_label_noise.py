"""``cryogauge simulate label-noise`` from a shell."""

import json

import pandas as pd
import pytest

from cryogauge.io.copick import read_project_picks
from cryogauge.io.picks import read_picks, write_picks
from tests.simulate.test_noisy_project import picks, project_in

SIZE = ("--size", "40,60,50", "--voxel-size", "10")


@pytest.fixture
def project(tmp_path):
    return project_in(tmp_path / "p")


def test_a_project(project, run, tmp_path):
    call = ("simulate", "label-noise", "p/copick.json", "--miss-rate", 0.2, "--miss-rate", "ribosome=0.5", "--seed", 4)
    done = run(*call, "--false-rate", 0.2, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["saved_as"], told["files"]) == ("noisy/4", 4)
    assert told["counts"]["ribosome"]["missed"] == 5
    assert told["counts"]["apo-ferritin"] == {
        "true": 10, "dropped": 0, "missed": 2, "swapped": 0, "labels": 10, "false": 2
    }  # fmt: skip
    labels = read_picks(tmp_path / "p/label-noise/noisy-4/labels.csv")
    assert len(read_project_picks(project, user="noisy", session="4")) == len(labels) == 16
    again = run(*call, "--save-as", "noisy/4")  # the same command, and its own labels
    assert again.returncode == 0, again.stderr
    assert again.stdout == (
        "labels: p/label-noise/noisy-4/labels.csv\nremoved: p/label-noise/noisy-4/removed.csv\n"
        "settings: p/label-noise/noisy-4/noise.json\n"
    )
    assert "ribosome: 10 true, 0 dropped, 5 missed, 0 swapped, 5 labels, 0 false" in again.stderr
    assert "4 files of picks written into p/copick.json as noisy/4" in again.stderr


def test_a_table(run, tmp_path):
    write_picks(tmp_path / "true.csv", picks())
    asked = ("--false-rate", 0.5, "--keep", "ribosome=0.3", *SIZE, "--out", "n")
    done = run("simulate", "label-noise", "true.csv", *asked)
    assert done.returncode == 0, done.stderr
    labels, removed = read_picks(tmp_path / "n/labels.csv"), read_picks(tmp_path / "n/removed.csv")
    assert labels["change"].value_counts().to_dict() == {"kept": 13, "false": 13}
    assert removed["change"].value_counts().to_dict() == {"dropped": 7}
    done = run("simulate", "label-noise", "true.csv", "--shift", 10)
    assert done.stdout.startswith("labels: label-noise/true-0/labels.csv\n")
    moved = read_picks(tmp_path / "label-noise/true-0/labels.csv")
    assert list(moved["change"]) == ["shifted"] * 20


def test_a_table_of_other_kinds(run, tmp_path):
    write_picks(tmp_path / "true.csv", pd.DataFrame(picks()).assign(object="pore"))
    (tmp_path / "kinds.json").write_text('[{"name": "pore", "radius_A": 50}]')
    done = run("simulate", "label-noise", "true.csv", "--false-rate", "0.5", *SIZE, "--objects", "kinds.json")
    assert done.returncode == 0, done.stderr
    assert "pore: 20 true, 0 dropped, 0 missed, 0 swapped, 40 labels, 20 false" in done.stderr


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["true.csv", "--miss-rate", "=0.5"], "'=0.5' is not a number or KIND=NUMBER"),
        (["true.csv", "--keep", "0.5"], "'0.5' is not KIND=NUMBER"),
        (["true.csv", "--size", "9,9,9"], "--size and --voxel-size are given together"),
        (["true.csv", "--user", "me"], "true.csv is no copick project"),
        (["p/copick.json", "--save-as", "curation/0", "--user", "curation"], "are the true picks themselves"),
    ],
)
def test_wrong_calls(options, says, project, run, tmp_path):
    write_picks(tmp_path / "true.csv", picks())
    done = run("simulate", "label-noise", *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["p", "true.csv"]
    assert not (tmp_path / "p/label-noise").exists()
