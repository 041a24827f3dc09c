"""RELION's class averages: a run of its own, and what can be wrong with one."""

import shutil

import mrcfile
import numpy as np
import pytest
import starfile

from cryogauge.io.classes import open_classes
from cryogauge.io.classes.relion_run import find_run, runs_in
from cryogauge.records import BadInput
from tests.io.classes.makers import needs_relion, pictures, write_relion, write_stack


@needs_relion
def test_a_run_of_relion_reads_as_other_programs_read_it(relion_job):
    stack = open_classes(relion_job)
    theirs = starfile.read(relion_job / "run_it002_model.star", always_dict=True)["model_classes"]
    data = starfile.read(relion_job / "run_it002_data.star", always_dict=True)["particles"]
    np.testing.assert_array_equal(stack.images, mrcfile.read(relion_job / "run_it002_classes.mrcs"))
    assert isinstance(stack.images, np.memmap)
    assert (stack.program, stack.pixel_size_A, stack.notes) == ("relion", 4.0, ())
    assert stack.table["class"].tolist() == [1, 2, 3]
    np.testing.assert_allclose(stack.table["distribution"], theirs["rlnClassDistribution"].astype(float))
    counts = data["rlnClassNumber"].value_counts().reindex([1, 2, 3], fill_value=0)
    assert stack.table["particles"].tolist() == counts.tolist()
    told = theirs["rlnEstimatedResolution"].astype(float)
    np.testing.assert_array_equal(stack.table["resolution_A"], np.where(np.isfinite(told) & (told < 999), told, np.nan))
    assert (
        open_classes(relion_job.parent.parent / "Class2D" / "job002" / "run_it002_optimiser.star").source
        == stack.source
    )
    assert open_classes(relion_job, iteration=1).source.endswith("run_it001_model.star")


def test_the_last_whole_iteration_is_read_and_any_other_on_demand(tmp_path):
    job = tmp_path / "Class2D" / "job004"
    for number in (1, 9, 10):
        write_relion(job, [1] * number + [2], run=f"run_it{number:03d}_", seed=number)
    images = write_relion(job, [3] * 5, run="run_ct10_it012_", seed=12)
    write_stack(job / "run_unmasked_classes.mrcs", pictures(3, seed=99))
    newest = open_classes(job)
    np.testing.assert_array_equal(newest.images, images)
    assert newest.table["particles"].tolist() == [0, 0, 5]
    assert open_classes(job, iteration=9).table["particles"].tolist() == [9, 1, 0]
    assert open_classes(job / "run_it001_classes.mrcs").table["particles"].tolist() == [1, 1, 0]
    assert open_classes(job / "run_it001_data.star", iteration=10).table["particles"].tolist() == [10, 1, 0]
    with pytest.raises(BadInput) as caught:
        open_classes(job, iteration=3)
    assert "iteration 3" in caught.value.message
    assert "1, 9, 10, 12" in caught.value.hint
    (job / "run_ct10_it012_model.star").unlink()
    older = open_classes(job)
    assert older.source.endswith("run_it010_model.star")
    assert "run_ct10_it012" in older.notes[0]
    with pytest.raises(BadInput, match="unmasked"):
        open_classes(job / "run_unmasked_classes.mrcs")


def test_what_is_missing_is_told_and_becomes_nan(tmp_path):
    images = write_relion(tmp_path / "j", [1, 2, 2, 0])
    stack = open_classes(tmp_path / "j")
    assert stack.table["resolution_A"].isna().tolist() == [False, True, True]
    assert stack.table["particles"].tolist() == [1, 2, 0]
    assert "1 of 4 particles" in stack.notes[0]
    (tmp_path / "j" / "run_it025_data.star").unlink()
    stack = open_classes(tmp_path / "j")
    assert stack.table["particles"].isna().all()
    assert stack.table["distribution"].notna().all()
    assert "no table of particles" in stack.notes[0]
    (tmp_path / "j" / "run_it025_model.star").unlink()
    stack = open_classes(tmp_path / "j")
    np.testing.assert_array_equal(stack.images, images)
    assert stack.table[["resolution_A", "distribution", "particles"]].isna().all(axis=None)
    assert (stack.pixel_size_A, stack.program) == (4.0, "relion")
    assert any("model.star is missing" in note for note in stack.notes)


def test_blocks_and_names_of_every_version_are_read(tmp_path):
    for block in ("images", ""):  # RELION 3.0 and before
        write_relion(tmp_path / f"old{block}", [1, 1, 3], block=block)
        assert open_classes(tmp_path / f"old{block}").table["particles"].tolist() == [2, 0, 1]
    write_relion(tmp_path / "set", [1, 2], run="run_")  # as published for training
    assert open_classes(tmp_path / "set").table["particles"].tolist() == [1, 1, 0]
    for end in ("classes.mrcs", "model.star", "data.star"):  # the published ones were renamed; their tables were not
        (tmp_path / "set" / f"run_{end}").unlink()
    images = write_relion(tmp_path / "set", [1, 2], run="run_it025_", name="Class2D/job09")
    for end, new in (("classes.mrcs", "class.mrcs"), ("model.star", "model.star"), ("data.star", "data.star")):
        (tmp_path / "set" / f"run_it025_{end}").rename(tmp_path / "set" / f"run_{new}")
    for name in ("", "run_model.star"):
        np.testing.assert_array_equal(open_classes(tmp_path / "set" / name).images, images)
    write_relion(tmp_path / "bare", [1, 2], run="")  # as ours simulates
    assert open_classes(tmp_path / "bare").table["particles"].tolist() == [1, 1, 0]
    write_relion(tmp_path / "vdam", [1, 2], run="run_it200_")
    write_relion(tmp_path / "vdam", [], run="run_it000_")
    assert find_run(tmp_path / "vdam", None).iteration == 200


def test_a_job_that_was_aborted_says_what_is_missing(tmp_path):
    job = tmp_path / "job007"
    write_relion(job, [1], run="run_it000_")
    with pytest.raises(BadInput, match=r"run_itNNN_classes.mrcs, of iterations 0"):
        open_classes(job)
    assert open_classes(job, iteration=0).box_px == 16
    write_relion(job, [1], run="run_it003_")
    (job / "run_it003_classes.mrcs").unlink()
    with pytest.raises(BadInput, match="of iterations 0, 3 it has no averages"):
        open_classes(job)
    with pytest.raises(BadInput, match="neither its folder"):
        open_classes(job / "run_it003_model.star")
    write_relion(job, [1], run="other_it001_")
    with pytest.raises(BadInput, match="several classifications: other, run"):
        open_classes(job)


def test_files_that_do_not_belong_together_are_refused(tmp_path):
    job = tmp_path / "job001"
    write_relion(job, [1, 2, 60])
    with pytest.raises(BadInput, match="class 60"):
        open_classes(job)
    write_relion(job, [1, 2])
    write_stack(job / "run_it025_classes.mrcs", pictures(5))
    with pytest.raises(BadInput, match=r"lists 3 classes, .* holds 5"):
        open_classes(job)
    write_stack(job / "run_it025_classes.mrcs", pictures(2))
    with pytest.raises(BadInput, match=r"lists 3 classes, .* holds 2"):
        open_classes(job)
    write_relion(job, [1, 2])
    (job / "run_it025_optimiser.star").write_text(
        "data_optimiser_general\n_rlnModelStarFile Class2D/job001/run_it024_model.star\n"
    )
    with pytest.raises(BadInput, match=r"run_it024_model\.star, another iteration"):
        open_classes(job / "run_it025_optimiser.star")
    model = job / "run_it025_model.star"
    model.write_text(
        model.read_text().replace(
            "_rlnReferenceDimensionality                        2", "_rlnReferenceDimensionality 3"
        )
    )
    with pytest.raises(BadInput, match="3-D"):
        open_classes(model)
    write_relion(job, [1, 2])
    data = job / "run_it025_data.star"
    data.write_text(data.read_text().replace("           2 ", "         nan "))
    with pytest.raises(BadInput, match="no number"):
        open_classes(job)


def test_odd_images_are_refused_or_told(tmp_path):
    job = tmp_path / "job001"
    write_relion(job, [1, 2], count=3)
    images = pictures(3)
    images[1, 3, 3] = np.nan
    write_stack(job / "run_it025_classes.mrcs", images)
    stack = open_classes(job)
    assert np.isnan(stack.images[1]).any()
    assert any("not numbers: 2" in note for note in stack.notes)
    write_stack(job / "run_it025_classes.mrcs", pictures(3)[:, :10])
    with pytest.raises(BadInput, match="16 × 10 px"):
        open_classes(job)
    (job / "run_it025_classes.mrcs").write_bytes(b"rubbish")
    with pytest.raises(BadInput):
        open_classes(job)
    write_relion(tmp_path / "single", [1, 1], count=1)
    assert open_classes(tmp_path / "single").table["distribution"].tolist() == [1.0]


def test_averages_of_a_selection_are_found_from_the_project(tmp_path):
    images = write_relion(tmp_path / "Class2D" / "job003", [1, 2, 3], name="Class2D/job003")
    select = tmp_path / "Select" / "job005"
    select.mkdir(parents=True)
    (select / "class_averages.star").write_text(
        "data_\n\nloop_\n_rlnReferenceImage #1\n_rlnClassDistribution #2\n_rlnEstimatedResolution #3\n"
        "000003@Class2D/job003/run_it025_classes.mrcs 0.5 8.1\n000001@Class2D/job003/run_it025_classes.mrcs 0.2 9\n"
    )
    (select / "particles.star").write_text(
        "data_optics\n\nloop_\n_rlnOpticsGroup #1\n_rlnImagePixelSize #2\n1 3.25\n\n"
        "data_particles\n\nloop_\n_rlnImageName #1\n_rlnClassNumber #2\n1@a 3\n2@a 3\n3@a 1\n"
    )
    for path in (select, select / "class_averages.star"):
        stack = open_classes(path)
        np.testing.assert_array_equal(stack.images, images[[2, 0]])
        assert stack.table["class"].tolist() == [3, 1]
        assert stack.table["particles"].tolist() == [2, 1]
        assert stack.pixel_size_A == 3.25
        assert any("says a pixel of 4 Å" in note for note in stack.notes)
    assert open_classes(select, pixel_size_A=4.0).pixel_size_A == 4.0
    shutil.rmtree(tmp_path / "Class2D")
    with pytest.raises(BadInput, match="neither its folder nor below"):
        open_classes(select)


def test_a_table_of_averages_counts_classes_as_their_job_did(tmp_path):
    images = pictures(2)
    write_stack(tmp_path / "class_averages.mrcs", images)
    (tmp_path / "class_averages.star").write_text(
        "data_\n\nloop_\n_rlnReferenceImage #1\n_rlnClassNumber #2\n"
        "000001@Select/job9/class_averages.mrcs 17\n000002@Select/job9/class_averages.mrcs 4\n"
    )
    stack = open_classes(tmp_path)
    assert stack.table["class"].tolist() == [17, 4]
    np.testing.assert_array_equal(stack.images, images)
    assert {"resolution_A", "distribution"} <= set(stack.table.columns[stack.table.isna().all()])
    assert not runs_in(tmp_path)
