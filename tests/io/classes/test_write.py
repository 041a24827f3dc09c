"""Grades as a STAR file, against RELION's own programs and starfile."""

import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest
import starfile

from cryogauge.io.classes import open_classes, write_graded_star
from cryogauge.records import BadInput
from tests.io.classes.makers import needs_relion, pictures, write_relion, write_stack

GRADES = [1.25, 5.75, np.nan]


def graded(stack, values=GRADES):
    return pd.DataFrame({"class": stack.table["class"], "grade": values})


def test_relion_averages_are_named_where_they_lie(tmp_path):
    job = tmp_path / "Class2D" / "job002"
    write_relion(job, [1, 1, 2], name="Class2D/job002")
    stack = open_classes(job)
    assert write_graded_star(tmp_path / "g.star", stack, graded(stack)) == [tmp_path / "g.star"]
    table = starfile.read(tmp_path / "g.star")
    assert table["rlnReferenceImage"].tolist() == [f"{k:06d}@Class2D/job002/run_it025_classes.mrcs" for k in (1, 2, 3)]
    assert table["rlnClassNumber"].tolist() == [1, 2, 3]
    np.testing.assert_allclose(table["rlnClassScore"], [(5 - 1.25) / 4, 0, 0])
    np.testing.assert_allclose(table["cryogaugeGrade"].astype(float), GRADES)
    np.testing.assert_allclose(table["rlnEstimatedResolution"], [12.5, 999, 999])
    assert "rlnClassPriorOffsetY" not in table
    write_graded_star(tmp_path / "g.star", stack, graded(stack), in_prior_offset=True)
    np.testing.assert_allclose(starfile.read(tmp_path / "g.star")["rlnClassPriorOffsetY"], [1.25, 5.75, 5])
    again = open_classes(tmp_path / "g.star")
    np.testing.assert_array_equal(again.images, stack.images)
    pd.testing.assert_series_equal(again.table["resolution_A"], stack.table["resolution_A"])


def test_averages_of_others_are_written_beside(tmp_path):
    images = pictures(3)
    write_stack(tmp_path / "a.mrcs", images, 3.0)
    stack = open_classes(tmp_path / "a.mrcs")
    out = tmp_path / "out"
    out.mkdir()
    assert write_graded_star(out / "g.star", stack, graded(stack)) == [out / "g.star", out / "g.mrcs"]
    moved = shutil.move(out, tmp_path / "moved")
    again = open_classes(f"{moved}/g.star")
    np.testing.assert_array_equal(again.images, images)
    assert again.pixel_size_A == 3.0
    with pytest.raises(BadInput, match="other classes"):
        write_graded_star(tmp_path / "b.star", stack, graded(stack)[::-1])
    with pytest.raises(BadInput, match="cannot be written"):
        write_graded_star(tmp_path / "none" / "b.star", stack, graded(stack))


@needs_relion
def test_relion_reads_the_table_keeps_the_grade_and_selects_by_it(relion_job, tmp_path):
    stack = open_classes(relion_job)
    write_graded_star(tmp_path / "g.star", stack, graded(stack), in_prior_offset=True)
    # Version 3.1's handler takes tables of particles with optics alone, so it gets ours as one.
    head = (relion_job / "run_it002_data.star").read_text().partition("data_particles")[0]
    table = (tmp_path / "g.star").read_text().replace("data_\n", "data_particles\n")
    (tmp_path / "as_particles.star").write_text(head + table)
    subprocess.run(
        [
            "relion_star_handler", "--i", "as_particles.star", "--o", "o.star",
            "--select", "rlnClassPriorOffsetY", "--maxval", "2",
        ],
        cwd=tmp_path, check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    kept = starfile.read(tmp_path / "o.star", always_dict=True)["particles"]
    assert kept["rlnClassNumber"].tolist() == [1]
    assert kept["cryogaugeGrade"].astype(float).tolist() == [1.25]
    assert kept["rlnClassScore"].astype(float).tolist() == [0.9375]
