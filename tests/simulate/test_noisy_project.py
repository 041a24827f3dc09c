"""Labels with noise in a real copick project: beside the true picks, whose files do not change."""

import json

import numpy as np
import pandas as pd
import pytest

from cryogauge.io.copick import create_project, open_project, read_project_picks, write_project_picks, write_tomogram
from cryogauge.io.picks import read_picks
from cryogauge.records import CZII_OBJECTS, BadInput
from cryogauge.simulate.label_noise import LabelNoise, noisy_picks
from cryogauge.simulate.noisy_project import check_place, counts_of, extents_A, true_picks, write_into, write_tables

SHAPE, VOXEL_A = (40, 60, 50), 10.0
AXES = ["x_A", "y_A", "z_A"]


def picks(seed=0):
    random = np.random.default_rng(seed)
    rows = [("TS_1", "ribosome")] * 6 + [("TS_2", "ribosome")] * 4 + [("TS_1", "apo-ferritin")] * 10
    table = pd.DataFrame(rows, columns=["tomogram", "object"])
    table[AXES] = random.random((len(table), 3)) * (np.array(SHAPE[::-1]) - 1) * VOXEL_A
    table["score"] = 1.0
    table[["rot", "tilt", "psi"]] = random.random((len(table), 3)) * 90
    return table


def project_in(folder):
    made = open_project(create_project(folder, CZII_OBJECTS))
    for run in ("TS_1", "TS_2"):
        write_tomogram(made, run, np.zeros(SHAPE, np.float32), VOXEL_A, "wbp")
    write_project_picks(made, picks(), user="curation", session="0")
    return made


@pytest.fixture
def project(tmp_path):
    return project_in(tmp_path / "p")


def noisy(project, folder, noise, seed=0, *, user="noisy", session="0"):
    truth = true_picks(project, user="curation", session=None)
    check_place(project, truth, folder, user=user, session=session)
    reach = extents_A(project, set(truth["tomogram"]))
    bare = truth.drop(columns=["user", "session"])
    made = noisy_picks(bare, noise, seed=seed, shapes_A=reach, objects=project.objects)
    folder.mkdir(exist_ok=True)
    written = write_tables(folder, "p", bare, made, noise, seed=seed, into=(project, user, session))
    return truth, made, written, write_into(project, bare, made, user=user, session=session)


def test_labels_go_beside_the_true_picks(project, tmp_path):
    before = {path: path.read_bytes() for path in (tmp_path / "p").rglob("curation_0_*.json")}
    noise = LabelNoise(0.5, 0.5, 5.0)
    truth, made, written, files = noisy(project, tmp_path / "out", noise)
    assert len(before) == 3
    assert all(path.read_bytes() == raw for path, raw in before.items())
    assert files == 4  # two kinds in two runs: an empty one too
    back = read_project_picks(project, user="noisy", session="0")
    by = [*AXES, "object"]
    shared = ["tomogram", *by, "rot", "tilt", "psi"]
    pd.testing.assert_frame_equal(
        back[shared].sort_values(by, ignore_index=True),
        made.labels[shared].sort_values(by, ignore_index=True),
        check_dtype=False,
    )
    labels = read_picks(written["labels"])
    assert labels["change"].value_counts().to_dict() == {"shifted": 10, "false": 10}
    removed = read_picks(written["removed"])
    assert set(removed["change"]) == {"missed"}
    np.testing.assert_allclose(removed[AXES], truth.loc[removed["truth"], AXES])
    used = json.loads(written["settings"].read_text())
    assert used["counts"]["ribosome"] == {
        "true": 10, "dropped": 0, "missed": 5, "swapped": 0, "labels": 10, "false": 5
    }  # fmt: skip
    assert (used["seed"], used["miss_rate"], used["written_to"][1:]) == (0, 0.5, ["noisy", "0"])


def test_run_again_it_replaces_its_own_labels_alone(project, tmp_path):
    noisy(project, tmp_path / "out", LabelNoise(0.1))
    noisy(project, tmp_path / "out", LabelNoise(1.0))
    assert read_project_picks(project, user="noisy", session="0").empty
    with pytest.raises(BadInput, match="holds picks of noisy/0 in TS_1, TS_2, and"):
        noisy(project, tmp_path / "elsewhere", LabelNoise(0.1))
    write_project_picks(project, picks(1), user="noisy", session="1")
    with pytest.raises(BadInput, match="holds picks of noisy/1"):
        noisy(project, tmp_path / "out", LabelNoise(0.1), session="1")


def test_the_true_picks_are_never_replaced(project, tmp_path):
    truth = true_picks(project, user="curation", session="0")
    with pytest.raises(BadInput, match="curation/0 are the true picks themselves"):
        check_place(project, truth, tmp_path, user="curation", session="0")
    with pytest.raises(BadInput, match="no underscores"):
        check_place(project, truth, tmp_path, user="my_noise", session="0")


def test_whose_picks_are_true(project):
    write_project_picks(project, picks(1), user="noisy", session="7")
    assert set(true_picks(project, user=None, session=None)["user"]) == {"curation"}
    write_project_picks(project, picks(2), user="curation", session="1")
    with pytest.raises(BadInput, match="picks of curation/0, curation/1") as raised:
        true_picks(project, user=None, session=None)
    assert "--session" in raised.value.hint
    with pytest.raises(BadInput, match="no picks to start from"):
        true_picks(project, user=None, session="7")
    assert len(true_picks(project, user="noisy", session="7")) == 20
    mine = true_picks(project, user=None, session=None, into=("curation", "1"))
    assert set(mine["session"]) == {"0"}


def test_how_far_a_tomogram_reaches(project, tmp_path):
    assert extents_A(project, ["TS_1"]) == {"TS_1": (390.0, 590.0, 490.0)}
    (tmp_path / "p/overlay/ExperimentRuns/bare").mkdir()
    with pytest.raises(BadInput, match="bare has no tomogram"):
        extents_A(project, ["bare"])


def test_a_table_of_someone_else_stays(project, tmp_path):
    (tmp_path / "labels.csv").write_text("mine")
    made = noisy_picks(picks(), LabelNoise(), seed=0)
    with pytest.raises(BadInput, match="is there and was not written by this"):
        write_tables(tmp_path, "p", picks(), made, LabelNoise(), seed=0)
    assert (tmp_path / "labels.csv").read_text() == "mine"


def test_counts_with_swaps():
    made = noisy_picks(picks(), LabelNoise(swap_rate=0.5, keep={"ribosome": 0.2}), seed=0)
    assert counts_of(picks(), made) == {
        "apo-ferritin": {"true": 10, "dropped": 0, "missed": 0, "swapped": 5, "labels": 6, "false": 0},
        "ribosome": {"true": 10, "dropped": 8, "missed": 0, "swapped": 1, "labels": 6, "false": 0},
    }
