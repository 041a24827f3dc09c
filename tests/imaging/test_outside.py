"""Alignment by other programs, for which stand-ins speak: they take the same arguments and leave the same files."""

import os
import shutil
import stat
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cryogauge.imaging.outside import align, find_program, relion_motion
from cryogauge.records import TILT_COLUMNS, BadInput, Retryable, TiltSeries

RELION = shutil.which("relion_run_motioncorr")  # asked before tests hide what is installed

ARETOMO = """
import sys
options = dict(zip(sys.argv[1::2], sys.argv[2::2]))
angles = [float(line) for line in open(options["-AngFile"])]
assert options["-VolZ"] == "0" and float(options["-TiltAxis"]) == 85.0 and int(options["-AlignZ"]) == 200
print("aligning", options["-InMrc"])
with open(options["-InMrc"].replace(".mrc", ".aln"), "w") as out:
    out.write("# AreTomo Alignment / Priims bprmMn\\n# RawSize = 64 48 %d\\n# NumPatches = 0\\n" % len(angles))
    out.write("# DarkFrame =     0    1   -60.00\\n" if False else "")
    out.write("# SEC     ROT         GMAG       TX          TY      SMEAN     SFIT    SCALE     BASE     TILT\\n")
    for k, angle in enumerate(angles):
        out.write(f"{k:5d} 84.5000 1.00000 {k - 2:8.3f} {0.5 * k:8.3f} 1.00 1.00 1.00 0.00 {angle + 0.5:8.2f}\\n")
"""
IMOD = """
import sys
options = dict(zip(sys.argv[1::2], sys.argv[2::2]))
directives = dict(line.strip().split(" = ") for line in open(options["-DirectiveFile"]))
assert directives["runtime.Fiducials.any.trackingMethod"] == "1"
assert directives["setupset.copyarg.rotation"] == "85.00" and directives["setupset.copyarg.pixel"] == "1.00000"
root = options["-CurrentLocation"] + "/" + options["-RootName"]
angles = open(root + ".rawtlt").read()
open(root + ".tlt", "w").write(angles)
import math
c, s = math.cos(math.radians(84.0)), math.sin(math.radians(84.0))
with open(root + ".xf", "w") as out:
    for k in range(len(angles.split())):
        out.write(f"{c:12.7f}{s:12.7f}{-s:12.7f}{c:12.7f}{3.0:12.3f}{k - 1.0:12.3f}\\n")
"""

MOTIONCORR = """
import os, sys
words = [word for word in sys.argv[1:] if word != "--use_own"]
options = dict(zip(words[::2], words[1::2]))
group = int(options.get("--eer_grouping", 0))
os.makedirs("motion", exist_ok=True)
for line in open("movies.star"):
    name = line.split(" ")[0]
    if not name.endswith((".eer", ".mrc")):
        continue
    assert name.endswith(".eer") == (options.get("--eer_upsampling") == "1") == (group > 0)
    frames = open(name, "rb").read().count(b"<metadata>") // group if group else 4
    with open("motion/" + name.replace(name[-4:], ".star"), "w") as out:
        out.write(f"data_general\\n\\n_rlnImageSizeZ {frames}\\n\\n\\ndata_global_shift\\n\\nloop_\\n")
        out.write("_rlnMicrographFrameNumber #1\\n_rlnMicrographShiftX #2\\n_rlnMicrographShiftY #3\\n")
        out.write("".join(f"{k + 1} 0.0 {float(k)}\\n" for k in range(frames)))
"""


def program(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(f"#!{sys.executable}\n{text}")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.fixture
def series():
    table = pd.DataFrame({name: np.zeros(5) for name in TILT_COLUMNS})
    table = table.assign(tilt_deg=[-20.0, -10, 0, 10, 20], axis_deg=85.0, dose_e_A2=3.0)
    images = np.random.default_rng(0).random((5, 48, 64)).astype(np.float32)
    return TiltSeries(images, 10.0, table, "simulated")


@pytest.fixture(autouse=True)
def nothing_installed(monkeypatch, tmp_path):
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("CRYOGAUGE_ARETOMO", raising=False)
    monkeypatch.delenv("CRYOGAUGE_BATCHRUNTOMO", raising=False)


def test_aretomo_is_handed_the_series_and_its_alignment_taken_over(series, tmp_path):
    program(tmp_path / "bin", "AreTomo2", ARETOMO)
    (tmp_path / "run").mkdir()
    found = align(series, "aretomo", tmp_path / "run")
    assert found.alignment == "aretomo"
    np.testing.assert_allclose(found.table["axis_deg"], 84.5)
    np.testing.assert_allclose(found.table["tilt_deg"], series.table["tilt_deg"] + 0.5)
    np.testing.assert_allclose(found.table["shift_x_A"], (np.arange(5) - 2) * 10.0)
    np.testing.assert_allclose(found.table["shift_y_A"], np.arange(5) * 5.0)
    assert found.images is series.images
    assert "aligning series.mrc" in (tmp_path / "run" / "log.txt").read_text()


def test_imod_tracks_patches(series, tmp_path):
    program(tmp_path / "bin", "batchruntomo", IMOD)
    (tmp_path / "run").mkdir()
    found = align(series, "imod", tmp_path / "run")
    assert found.alignment == "imod"
    np.testing.assert_allclose(found.table["axis_deg"], 84.0, atol=1e-3)
    turn = np.deg2rad(84.0)
    for k in range(5):
        d = np.array([3.0, k - 1.0])
        expected = -np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ d * 10.0
        np.testing.assert_allclose(found.table[["shift_x_A", "shift_y_A"]].iloc[k], expected, atol=0.01)


def test_what_is_installed_is_used_first_and_ours_last(series, tmp_path, monkeypatch):
    assert find_program("aretomo") is None
    from cryogauge.simulate.acquire import Imaging, expose
    from cryogauge.simulate.specimens import make_specimen

    recorded = expose(make_specimen("lamella", (24, 64, 64), 40.0, 70.0, 1), Imaging(tilt_step_deg=10), 1)
    assert align(recorded, "auto", tmp_path).alignment == "preview"
    monkeypatch.setenv("CRYOGAUGE_ARETOMO", str(program(tmp_path, "mine", ARETOMO)))
    (tmp_path / "run").mkdir()
    assert align(series, "auto", tmp_path / "run").alignment == "aretomo"


def test_an_alignment_that_is_there_is_kept(series, tmp_path):
    own = replace(series, alignment="TS.xf")
    assert align(own, "aretomo", tmp_path) is own


def test_failures_of_programs_are_told(series, tmp_path):
    with pytest.raises(BadInput, match="AreTomo2 or AreTomo is not on the PATH"):
        align(series, "aretomo", tmp_path)
    program(tmp_path / "bin", "AreTomo", "raise SystemExit(3)")
    with pytest.raises(Retryable, match="ended with status 3"):
        align(series, "aretomo", tmp_path)
    program(tmp_path / "bin", "AreTomo", "")
    with pytest.raises(Retryable, match="left no alignment"):
        align(series, "aretomo", tmp_path)
    program(tmp_path / "bin", "batchruntomo", "")
    with pytest.raises(Retryable, match="IMOD left no alignment"):
        align(series, "imod", tmp_path)
    (tmp_path / "bin" / "AreTomo").write_text("no program")
    with pytest.raises(BadInput, match="cannot be run"):
        align(series, "aretomo", tmp_path)


@pytest.mark.skipif(not RELION, reason="relion_run_motioncorr is not installed (Debian: apt install relion)")
def test_relion_itself_finds_the_drift_that_we_find(tmp_path, monkeypatch):
    """The sign and the size of what RELION writes, by RELION's own program."""
    from cryogauge.imaging.motion import register_frames
    from cryogauge.io import MrcWriter, read_motion
    from tests.imaging.test_motion import drift, movie

    monkeypatch.setenv("CRYOGAUGE_MOTIONCORR", str(RELION))
    monkeypatch.setenv("PATH", os.defpath)
    path = drift(12, reach=(8.0, -5.0))
    frames = movie(path, counts=3.0, size=(256, 320))
    with MrcWriter(tmp_path / "a.mrc", frames.shape, 2.0, stack=True) as writer:
        for frame in frames:
            writer.append(frame.astype(np.float32))
    (tmp_path / "run").mkdir()
    stars = relion_motion([tmp_path / "a.mrc"], 2.0, tmp_path / "run")
    found = read_motion(stars[0], 12)
    np.testing.assert_allclose(found, path, atol=0.5)
    np.testing.assert_allclose(found, register_frames(frames), atol=0.6)
    with pytest.raises(BadInput, match="12 frames, not of 10"):
        read_motion(stars[0], 10)


@pytest.mark.parametrize("groups", [None, [12, 7, None, None]])
def test_relion_has_the_fractions_of_eer_movies_that_we_read(tmp_path, groups):
    from cryogauge.io import MrcWriter, open_movie, read_motion
    from tests.io.tilts.makers import write_eer

    program(tmp_path / "bin", "relion_run_motioncorr", MOTIONCORR)
    paths = [tmp_path / name for name in ("a.eer", "b.eer", "c.eer", "d.mrc")]
    for k, path in enumerate(paths[:3]):
        write_eer(path, np.random.default_rng(k).random((70 + 25 * k, 16, 24)) < 0.02)
    with MrcWriter(paths[3], (4, 16, 24), 2.0, stack=True) as writer:
        for _ in range(4):
            writer.append(np.zeros((16, 24), np.float32))
    (tmp_path / "run").mkdir()
    stars = relion_motion(paths, 2.0, tmp_path / "run", eer_groups=groups)
    movies = [open_movie(path, eer_group=group) for path, group in zip(paths, groups or [None] * 4, strict=True)]
    assert [movie.shape[0] for movie in movies] == ([5, 13, 30, 4] if groups else [35, 31, 30, 4])
    for star, movie in zip(stars, movies, strict=True):
        assert read_motion(star, movie.shape[0]).shape == (movie.shape[0], 2)


def test_without_relion_it_is_said(tmp_path):
    with pytest.raises(BadInput, match="relion_run_motioncorr is not on the PATH"):
        relion_motion([tmp_path / "a.mrc"], 2.0, tmp_path)
