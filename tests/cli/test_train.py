"""``cryogauge train`` with a recipe in miniature; the training itself is tried in ``tests/score``."""

import subprocess
import sys

import pytest

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
        command = [sys.executable, "-m", "cryogauge.cli", "train", "compact", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=200, check=False)

    return call


def test_a_stage_ends_in_time_and_says_how_to_go_on(train, tmp_path):
    (tmp_path / "tiny.yaml").write_text(TINY)
    done = train("--recipe", "tiny.yaml", "--out", "made", "--stage-minutes", "0.1")
    assert done.returncode == 0, done.stderr
    assert "call again to go on" in done.stdout + done.stderr
    made = sorted(path.name for path in (tmp_path / "made" / "examples").glob("[0-9]*.npz"))
    assert made[:2] == ["000000.npz", "000001.npz"]


def test_a_recipe_that_is_none_is_a_wrong_call(train):
    done = train("--recipe", "unicorn", "--out", "made")
    assert done.returncode == 2
    assert "there is no recipe unicorn" in done.stderr
