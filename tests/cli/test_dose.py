"""``cryogauge dose`` and ``cryogauge score --tilts`` on real files, in processes of their own."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cryogauge.io import MrcWriter, write_tilt_series
from cryogauge.simulate.acquire import Imaging, combine, expose
from cryogauge.simulate.specimens import make_specimen


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    """A tilt series with its movies, one of whose images is dark, and a broken one."""
    folder = tmp_path_factory.mktemp("session")
    specimen = make_specimen("platelet", (40, 96, 96), 26.52, 70.0, 3, contaminants=False)
    imaging = Imaging(dose_e_A2=300, tilt_range_deg=50, tilt_step_deg=5, frames=4, damage=False, defocus_A=1.2e5)
    parts = expose(specimen, imaging, 3, frames=True)
    assert isinstance(parts, list)
    series = combine(parts)
    names = [f"{k:03d}.mrc" for k in range(len(series.table))]
    for k, name in enumerate(names):
        with MrcWriter(folder / name, (4, 96, 96), 26.52, stack=True) as writer:
            for part in parts:
                writer.append(part.images[k])
    images = series.images.copy()
    images[7] *= 0.2
    write_tilt_series(folder, "TS_1", replace(series, images=images, table=series.table.assign(movie=names)))
    (folder / "TS_2.mrc").write_bytes(b"not an image")
    (folder / "TS_2.mrc.mdoc").write_text((folder / "TS_1.mrc.mdoc").read_text())
    return folder


def test_a_study_says_how_much_dose_is_enough(session, run, tmp_path):
    done = run("dose", "study", session / "TS_1.mrc", "--out", "study", "--halvings", 1, "--doses", "75,225",
               "--thickness", 106, "--motion", "none", "--json")  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["series"] == 1
    assert [each["percent"] for each in found["reached"]] == [90.0, 95.0]
    assert found["log2_fit"]["doses"] == 3
    table = pd.read_csv(tmp_path / "study" / "dose.csv")
    assert sorted(table["dose_e_A2"]) == [75, 150, 150, 225, 300]
    assert json.loads((tmp_path / "study" / "advice.json").read_text())["log2_fit"] == found["log2_fit"]
    again = run("dose", "study", session / "TS_1.mrc", "--out", "study", "--halvings", 1, "--doses", "75,225",
                "--thickness", 106, "--motion", "none")  # fmt: skip
    assert again.returncode == 0
    assert "of the full score" in again.stdout


def test_a_split_goes_on_without_the_broken_series(session, run):
    done = run("dose", "split", session / "TS_1.mrc", session / "TS_2.mrc", "--out", "split", "--halvings", 1,
               "--thickness", 106)  # fmt: skip
    assert done.returncode == 1
    assert done.stdout.startswith("TS_1: 3 tomograms of 300 e⁻/Å² in split/tomograms/TS_1-")
    assert "failed: TS_2" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--halvings", "0"), "no part of the dose is asked for"),
        (("--doses", "a,b"), "no list of doses"),
        (("--doses", "500"), "500 e⁻/Å² cannot be had"),
        (("--halvings", "9"), "too few"),
        (("--gain", "missing.mrc"), "missing.mrc does not exist"),
        (("--voxel-size", "3"), "smaller than the pixel"),
    ],
)
def test_what_cannot_be_done_is_one_line(session, run, options, says):
    done = run("dose", "split", session / "TS_1.mrc", "--out", "split", *options)
    assert done.returncode in (1, 2)
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_tilts_to_leave_out_are_listed_and_told_to_other_programs(session, run, tmp_path):
    done = run("score", "--tilts", session / "TS_1.mrc", session / "TS_2.mrc", "--out", "tilts", "--json")
    assert done.returncode == 1, done.stderr
    told = json.loads(done.stdout)
    left_out = [row for row in told["tilts"] if not row["keep"]]
    assert [(row["series"], row["reasons"]) for row in left_out] == [("TS_1", "dark")]
    assert [failure["tomogram"] for failure in told["failed"]] == ["TS_2"]
    folder = next((tmp_path / "tilts" / "tomograms").glob("TS_1-*"))
    assert "EXCLUDELIST2 8\n" in (folder / "TS_1_exclude.txt").read_text()
    assert {path.name for path in folder.iterdir()} >= {"tilts.csv", "left_out.png"}
    page = (tmp_path / "tilts" / "report.html").read_text()
    assert page.count('<img src="data:image/png') == 1
    assert "TS_2" in page


def test_a_clean_series_loses_nothing(session, run, tmp_path):
    clean = tmp_path / "clean"
    images = np.array([np.memmap(session / "TS_1.mrc", np.float32, "r", 1024, (21, 96, 96))[k] for k in range(21)])
    images[7] *= 5
    from cryogauge.io import read_tilt_series

    write_tilt_series(clean, "TS_1", replace(read_tilt_series(session / "TS_1.mrc"), images=images))
    done = run("score", "--tilts", "clean", "--out", "tilts")
    assert done.returncode == 0, done.stderr
    assert "no image to leave out" in done.stdout
