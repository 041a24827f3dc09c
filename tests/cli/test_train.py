"""``cryogauge train`` with a recipe in miniature; the training itself is tried in ``tests/score``."""

import subprocess
import sys

import numpy as np
import pytest

from cryogauge.io import write_mrc

TINY = """
count: 40
seed: 3
shape: [40, 64, 64]
kinds: {lamella: 1}
voxel_size_A: [16.0, 16.0]
thickness_nm: [25.0, 30.0]
"""


@pytest.fixture
def train(tmp_path):
    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "cryogauge", "train", "slice-quality", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=200, check=False)

    return call


def _labels(folder, tomograms: int = 2) -> str:
    """A table of labels of small tomograms, in the columns of an export."""
    rng = np.random.default_rng(0)
    head = "tomogram,uri,z,pixel_size_A,annotator,category,score,width_px,repeat,seconds,labelled_at"
    rows = [head]
    for k in range(tomograms):
        write_mrc(folder / f"{k}.mrc", rng.normal(size=(24, 64, 64)).astype(np.float32), 16.0)
        rows += [
            f"{k},{folder / f'{k}.mrc'},{z},16.0,kim,{category},{category / 5},,False,2.0,2025-01-01T00:00:00Z"
            for z, category in ((2, 0), (12, 4), (20, 1))
        ]
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")
    return "labels.csv"


def test_a_stage_ends_in_time_and_says_how_to_go_on(train, tmp_path):
    (tmp_path / "tiny.yaml").write_text(TINY)
    done = train("--recipe", "tiny.yaml", "--out", "made", "--stage-minutes", "0.1")
    assert done.returncode == 0, done.stderr
    assert "call again to go on" in done.stdout + done.stderr
    made = sorted(path.name for path in (tmp_path / "made" / "examples").glob("[0-9]*.npz"))
    assert made[:1] == ["000000.npz"]


def test_labels_are_read_and_learned_from_in_stages(train, tmp_path):
    done = train("--labels", _labels(tmp_path), "--out", "made", "--stage-minutes", "0.1")
    assert done.returncode == 0, done.stderr
    assert "reading 3 labelled slices of 0" in done.stderr
    assert list((tmp_path / "made" / "slices").glob("*.npz"))
    assert not done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--recipe", "unicorn"), "there is no recipe unicorn"),
        (("--labels", "none.csv"), "none.csv"),
        (("--epochs", "3"), "--epochs and --per-category belong to the paper's preset"),
        (("--start", "none.safetensors"), "training from simulation alone starts anew"),
        (("--preset", "paper", "--labels", "none"), "none"),
    ],
)
def test_a_wrong_call_is_told_in_a_line(train, arguments, said):
    done = train(*arguments, "--out", "made")
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
