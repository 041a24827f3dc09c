import json

import numpy as np
import pytest

from cryogauge.imaging.tilted import reconstruct
from cryogauge.io import open_volume, read_tilt_series, write_tilt_series
from cryogauge.simulate.acquire import Imaging, expose
from cryogauge.simulate.specimens import make_specimen


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    folder = tmp_path_factory.mktemp("session")
    specimen = make_specimen("lamella", (24, 96, 96), 20.0, 40.0, 1)
    series = expose(specimen, Imaging(tilt_step_deg=6, axis_deg=-4.0), 1)
    for name in ("TS_1", "TS_2"):
        write_tilt_series(folder, name, series)
    (folder / "TS_2.xf").unlink()
    return folder


def test_an_alignment_is_taken_over_and_a_missing_one_is_a_preview(session, run, tmp_path):
    done = run("reconstruct", session, "--out", "out", "--thickness", 48, "--json")
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)["tomograms"]
    assert made["TS_1"]["alignment"].endswith("TS_1.xf")
    assert made["TS_2"]["alignment"] == "preview"
    assert made["TS_2"]["file"] == "out/TS_2_preview.mrc"
    volume = open_volume(tmp_path / "out" / "TS_1.mrc")
    expected = reconstruct(read_tilt_series(session / "TS_1.mrc"), thickness_nm=48)
    np.testing.assert_allclose(np.asarray(volume.data), expected.data, atol=1e-5)
    again = run("reconstruct", session, "--out", "out", "--thickness", 48)
    assert "out/TS_1.mrc: 24 × 96 × 96 voxels of 20.00 Å, aligned by" in again.stdout


def test_a_preview_gives_way_to_an_alignment(session, run, tmp_path):
    folder = tmp_path / "session"
    write_tilt_series(folder, "TS_1", read_tilt_series(session / "TS_1.mrc"))
    (folder / "TS_1.xf").rename(tmp_path / "kept.xf")
    assert run("reconstruct", folder, "--out", "out", "--thickness", 48).returncode == 0
    (tmp_path / "kept.xf").rename(folder / "TS_1.xf")
    done = run("reconstruct", folder, "--out", "out", "--thickness", 48)
    assert done.returncode == 0
    assert sorted(path.name for path in (tmp_path / "out").glob("*.mrc")) == ["TS_1.mrc"]


def test_other_settings_replace_a_tomogram_and_the_ledger_knows(session, run, tmp_path):
    for voxel in (20, 40, 20):
        done = run("reconstruct", session / "TS_1.mrc", "--out", "out", "--thickness", 48, "--voxel-size", voxel)
        assert f"voxels of {voxel:.2f} Å" in done.stdout
        assert open_volume(tmp_path / "out" / "TS_1.mrc").voxel_size_A == pytest.approx(voxel)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--align", "imod"), "batchruntomo is not on the PATH"),
        (("--voxel-size", "5"), "smaller than the pixel"),
        (("--alignment", "missing.xf"), "missing.xf"),
    ],
)
def test_what_cannot_be_reconstructed_is_one_line(session, run, options, says):
    done = run("reconstruct", session / "TS_2.mrc", "--out", "out", *options)
    assert done.returncode in (1, 2)
    assert says in done.stderr
    assert "Traceback" not in done.stderr
