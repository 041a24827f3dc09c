"""``cryogauge validate slice-quality`` on small tomograms with labels."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from cryogauge.io import write_mrc


@pytest.fixture
def validate(tmp_path):
    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "cryogauge", "validate", "slice-quality", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=200, check=False)

    return call


@pytest.fixture
def labels(tmp_path):
    rng = np.random.default_rng(0)
    rows = []
    for name in ("a", "b"):
        write_mrc(tmp_path / f"{name}.mrc", rng.normal(size=(24, 64, 64)).astype(np.float32), 16.0)
        rows += [
            {
                "tomogram": name, "uri": str(tmp_path / f"{name}.mrc"), "z": z, "pixel_size_A": 16.0,
                "annotator": "kim", "category": z % 6, "score": (z % 6) / 5, "width_px": None, "repeat": False,
                "chosen": "unsure" if z == 9 else "random", "seconds": 1.0, "labelled_at": "2025-01-01T00:00:00Z",
            }
            for z in range(0, 24, 3)
        ]  # fmt: skip
    pd.DataFrame(rows).to_csv(tmp_path / "labels.csv", index=False)
    return tmp_path / "labels.csv"


def test_a_comparison_is_written_and_printed(validate, labels, tmp_path):
    done = validate("labels.csv", "--out", "agreement", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["labelled_slices"], found["labels_left_out"]) == (14, 2)
    assert "2 labels of slices that a network was unsure of are left out" in done.stderr
    assert found["failed"] == []
    made = {path.name for path in (tmp_path / "agreement").iterdir()}
    wanted = {"tomograms.csv", "slices.csv", "confusion.csv", "coverage.csv", "curves.svg", "report.html"}
    assert wanted <= made


def test_a_tomogram_that_is_gone_does_not_end_the_rest(validate, labels, tmp_path):
    (tmp_path / "b.mrc").unlink()
    done = validate("labels.csv", "--out", "agreement", "--json")
    assert done.returncode == 1
    assert [one["tomogram"] for one in json.loads(done.stdout)["failed"]] == ["b"]
    assert len(pd.read_csv(tmp_path / "agreement" / "tomograms.csv")) == 1


def test_a_wrong_call_is_told_in_a_line(validate, labels, tmp_path):
    (tmp_path / "empty").mkdir()
    for arguments, said in (
        (("none.csv",), "none.csv"),
        (("empty",), "no simulated data set"),
        (("labels.csv", "--weights", "none.safetensors"), "no model card"),
    ):
        done = validate(*arguments, "--out", "agreement")
        assert done.returncode == 2, done.stderr
        assert said in done.stderr
