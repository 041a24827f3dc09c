"""``cryogauge simulate phantom`` from a shell."""

import json

import pytest


def test_a_small_phantom_is_made(run, tmp_path):
    done = run("simulate", "phantom", "--out", "p", "--count", "1", "--size", "24,64,64", "--types", "wbp", "--json")
    assert done.returncode == 0, done.stderr
    written = json.loads(done.stdout)
    assert set(written) == {"project", "table", "settings"}
    assert (tmp_path / "p" / "overlay/ExperimentRuns/phantom-0000/VoxelSpacing10.012/wbp.zarr").is_dir()
    used = json.loads((tmp_path / "p" / "phantom.json").read_text())
    assert used["shape"] == [24, 64, 64]
    assert "1 of 1 phantoms" not in done.stdout


@pytest.mark.parametrize(
    ("options", "message", "hint"),
    [
        (["--size", "4,64,64"], "holds no virus-like particle", "at least 16 slices"),
        (["--types", "wbp,isonet"], "no type of tomogram is called 'isonet'", "ctfdeconv"),
        (["--maps", "nowhere"], "nowhere", "look-alikes"),
        (["--voxel-size", "100"], "outside 5–20", "10.012"),
    ],
)
def test_a_wrong_call_says_what_and_how_to_mend_it(run, options, message, hint):
    done = run("simulate", "phantom", "--out", "p", "--count", "1", *options)
    assert done.returncode == 2
    assert message in done.stderr
    assert hint in done.stderr
