"""Particles and resolution of RELION's reconstructions, and what does not say them."""

import os
from pathlib import Path

import pytest

from cryogauge.io.relion_refinement import read_refinement
from cryogauge.records import BadInput

DATA = os.environ.get("CRYOGAUGE_DATA")
MODEL = """
# version 30001

data_model_general

_rlnReferenceDimensionality                        {dimensions}
_rlnCurrentResolution                      {resolution}
_rlnPixelSize                               1.060000
_rlnNrClasses                                      {classes}

data_model_groups

loop_
_rlnGroupNumber #1
_rlnGroupNrParticles #2
1 700
2 323
"""
POSTPROCESS = """
data_general

_rlnFinalResolution                               2.826667
_rlnUnfilteredMapHalf1                        {half}
"""


def refinement(folder, particles=1000, resolution=3.5, classes=1, dimensions=3, run="run_"):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{run}model.star").write_text(
        MODEL.format(resolution=resolution, classes=classes, dimensions=dimensions)
    )
    if particles:
        rows = "".join(f"{number}@stack.mrcs 1\n" for number in range(1, particles + 1))
        table = "\ndata_particles\n\nloop_\n_rlnImageName #1\n_rlnOpticsGroup #2\n"
        (folder / f"{run}data.star").write_text(f"\ndata_optics\n\nloop_\n_rlnOpticsGroup #1\n1\n{table}{rows}")
    return folder


def test_a_finished_refinement_says_both(tmp_path):
    job = refinement(tmp_path / "Refine3D" / "job001")
    refinement(job, 1000, 7.0, run="run_it003_half1_")
    refinement(job, 900, 9.0, run="run_it002_")
    found = read_refinement(job)
    assert (found.particles, found.resolution_A, found.pixel_size_A) == (1000, 3.5, 1.06)
    assert read_refinement(job / "run_model.star") == found
    assert read_refinement(job / "run_it002_model.star").resolution_A == 9.0


def test_without_a_table_of_particles_its_groups_are_counted(tmp_path):
    assert read_refinement(refinement(tmp_path / "job", particles=0, run="run_it200_")).particles == 1023


def test_a_post_processing_counts_in_the_job_it_names(tmp_path):
    job = refinement(tmp_path / "Refine3D" / "job001")
    (job / "run_half1_class001_unfil.mrc").write_bytes(b"")
    folder = tmp_path / "PostProcess" / "job002"
    folder.mkdir(parents=True)
    star = folder / "postprocess.star"
    star.write_text(POSTPROCESS.format(half="Refine3D/job001/run_half1_class001_unfil.mrc"))
    found = read_refinement(folder)
    assert (found.particles, found.resolution_A) == (1000, 2.826667)
    assert read_refinement(star) == found


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"classes": 3}, "several classes"),
        ({"dimensions": 2}, "2-D classification"),
        ({"resolution": 0}, "does not say its rlnCurrentResolution"),
        ({"run": "run_it003_half1_"}, "no finished reconstruction"),
    ],
)
def test_what_says_no_resolution_is_told(tmp_path, change, message):
    with pytest.raises(BadInput, match=message):
        read_refinement(refinement(tmp_path / "job", **change))


def test_other_files_are_told(tmp_path):
    (tmp_path / "notes.txt").write_text("thick")
    (tmp_path / "postprocess.star").write_text(POSTPROCESS.format(half="Refine3D/gone/half1.mrc"))
    for name, message in [
        ("missing", "does not exist"), ("notes.txt", "by its name"), ("postprocess.star", "not to be found"),
    ]:  # fmt: skip
        with pytest.raises(BadInput, match=message):
            read_refinement(tmp_path / name)
    (tmp_path / "postprocess.star").write_text("data_general\n\n_rlnMaskName x.mrc\n")
    with pytest.raises(BadInput, match="rlnFinalResolution"):
        read_refinement(tmp_path)


@pytest.mark.skipif(not DATA, reason="CRYOGAUGE_DATA names no folder of real files")
def test_models_of_real_jobs_are_read():
    folder = Path(DATA or ".") / "metadata"
    found = read_refinement(folder / "ASPIRE-Python" / "sample_data_model.star")
    assert (found.particles, found.resolution_A, found.pixel_size_A) == (20000, 8.152174, 1.25)
    with pytest.raises(BadInput, match="several classes"):
        read_refinement(folder / "cets-relion" / "Class3D_run_it025_model.star")
