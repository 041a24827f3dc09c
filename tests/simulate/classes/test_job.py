"""Jobs: whole tables, grades over the whole range, junk at its end, the same from the same seed; and their files."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import starfile
from scipy.spatial.transform import Rotation

from cryogauge.io import open_volume, write_mrc
from cryogauge.records import BadInput
from cryogauge.records.classes import CLASS_COLUMNS, REASONS
from cryogauge.simulate.classes import ClassSetSettings, make_class_set
from cryogauge.simulate.classes.batch import read_class_set, simulate_class_sets, write_set_sheet
from cryogauge.simulate.classes.finish import PROGRAMS
from cryogauge.simulate.classes.job import offset_seen_A

SMALL = ClassSetSettings(classes=(12, 20), box_px=(48, 64))


@pytest.fixture(scope="module")
def jobs():
    return [make_class_set(SMALL, seed) for seed in range(14)]


def test_the_same_seed_gives_the_same_job(jobs):
    again = make_class_set(SMALL, 3)
    np.testing.assert_array_equal(again.stack.images, jobs[3].stack.images)
    pd.testing.assert_frame_equal(again.truth, jobs[3].truth)
    assert not np.array_equal(jobs[3].stack.images[:5], jobs[4].stack.images[:5])


def test_tables_fit_the_images(jobs):
    for job in jobs:
        assert set(CLASS_COLUMNS) <= set(job.stack.table.columns)
        assert list(job.truth["class"]) == list(job.stack.table["class"])
        assert job.stack.table["distribution"].sum() == pytest.approx(1)
        assert job.stack.program in PROGRAMS
        assert np.isfinite(job.stack.images).all()
        assert job.truth["grade"].between(1, 5).all()
        known = job.stack.table["resolution_A"].dropna()
        assert (known >= 2 * job.stack.pixel_size_A - 1e-6).all()


def test_grades_are_broad_and_junk_is_the_worst(jobs):
    truth = pd.concat([job.truth for job in jobs])
    shares = np.histogram(truth["grade"], bins=[0.9, 1.7, 2.5, 3.3, 4.1, 5.1])[0] / len(truth)
    assert (shares > 0.06).all(), shares
    none = truth[(truth["contaminant"] != "") | (truth["members"] == 0)]
    assert len(none) > 10
    assert (none["grade"] >= 4.5).all()
    assert none[[f"reason_{name}" for name in REASONS]].sum(axis=1).eq(1).all()
    assert truth.loc[truth["contaminant"] == "", "mass_kDa"].notna().all()


def test_grey_values_alone_do_not_tell_the_grade(jobs):
    # standard deviation, skewness and kurtosis of what is inside the mask: a network could lean on them
    rows, grades = [], []
    for job in jobs:
        for image, grade in zip(job.stack.images, job.truth["grade"], strict=True):
            values = image[image != 0] if np.any(image == 0) else image.ravel()
            if len(values) > 100 and values.std() > 0 and grade < 4.5:
                z = (values - values.mean()) / values.std()
                rows.append([np.mean(z**3), np.mean(z**4), 1.0])
                grades.append(grade)
    table, known = np.array(rows), np.array(grades)
    fit = table @ np.linalg.lstsq(table, known, rcond=None)[0]
    assert np.corrcoef(fit, known)[0, 1] < 0.6


def test_a_filament_is_off_the_middle_only_across_its_axis():
    view = Rotation.from_rotvec([0.0, 0.0, np.pi / 2]).as_matrix()  # turned about the last axis: z comes to lie along y
    assert abs(view[1, 0]) == pytest.approx(1)
    assert offset_seen_A((30.0, 4.0), view, "filament") == pytest.approx(4.0)
    assert offset_seen_A((30.0, 4.0), view, "soluble") == pytest.approx(np.hypot(30.0, 4.0))


def test_particles_can_be_of_maps(tmp_path):
    z, y, x = np.indices((24, 24, 24)) - 11.5
    ring = (np.abs(np.hypot(y, x) - 7) < 2.5) & (np.abs(z) < 3)
    write_mrc(tmp_path / "ring.mrc", ring.astype(np.float32), 6.0)
    made = make_class_set(ClassSetSettings(classes=(6, 6), box_px=(48, 48), maps=(tmp_path / "ring.mrc",)), 1)
    assert set(made.truth["structure"]) == {"ring"}


def test_settings_that_cannot_be_are_refused():
    for wrong, said in [
        ({"classes": (5, 4)}, "cannot be made"),
        ({"box_px": (16, 64)}, "16 to 64"),
        ({"program": "imagic"}, "imagic"),
    ]:
        with pytest.raises(BadInput, match=said):
            ClassSetSettings(**wrong)


def test_a_set_grows_resumes_and_is_read_back(tmp_path):
    settings = ClassSetSettings(classes=(4, 6), box_px=(48, 56))
    out, states = tmp_path / "set", []

    def make(count, seed=0):
        states.clear()
        return simulate_class_sets(out, count, settings, seed=seed, on_outcome=lambda o: states.append(o.state))

    make(1)
    first = (out / "job_00000/classes.mrcs").read_bytes()
    written = make(2)
    assert len(set(states)) == 2, states
    assert (out / "job_00000/classes.mrcs").read_bytes() == first
    table = pd.read_csv(written["table"])
    assert set(table["job"]) == {"job_00000", "job_00001"}
    job = read_class_set(out / "job_00001")
    star: Any = starfile.read(out / "job_00001/model.star", always_dict=True)
    assert len(star["model_classes"]) == len(job.truth) == len(job.stack.images)
    assert star["model_classes"]["rlnReferenceImage"].iloc[0] == "000001@classes.mrcs"
    images = open_volume(out / "job_00001/classes.mrcs")
    assert images.voxel_size_A == pytest.approx(job.stack.pixel_size_A, rel=1e-5)
    page = write_set_sheet(out).read_text()
    assert "secondary structure" in page
    assert "data:image/png" in page
    with pytest.raises(BadInput, match="other settings"):
        make(2, seed=1)
    with pytest.raises(BadInput, match="holds no simulated classes"):
        read_class_set(Path(tmp_path))
