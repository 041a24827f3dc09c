"""RELION as the engine: its command lines, and the real program on a handful of small particles."""

import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cryogauge.classes.iterate.particle_star import read_particle_star
from cryogauge.classes.iterate.plan import RelionJobs, make_plan
from cryogauge.classes.iterate.relion import RelionEngine
from cryogauge.classes.iterate.relion_commands import (
    Relion,
    classify_command,
    extract_command,
    find_relion,
    last_iteration,
    model_command,
)
from cryogauge.classes.iterate.running import run_here
from cryogauge.classes.iterate.workflow import iterate
from cryogauge.io import write_mrc
from cryogauge.io.mrc import map_mrc
from cryogauge.records import BadInput, Retryable
from tests.classes.iterate.worlds import BOX, PIXEL_A, write_particles

needs_relion = pytest.mark.skipif(shutil.which("relion_refine") is None, reason="no RELION on this machine")
_QUICK = RelionJobs(
    iterations=2, psi_step_deg=36, offset_range_px=2, offset_step_px=2, model_iterations=(1, 1, 1), model_poses=20,
    model_batch=(5, 5),
)  # fmt: skip


def _plan(count, **given):
    return make_plan(count, 128, 150.0, **{"rounds": 1, "classes": 2, "cutoffs": (3.5,), "relion": _QUICK} | given)


def _value(command, flag):
    return command[command.index(flag) + 1]


def test_the_command_follows_the_version(tmp_path):
    jobs, star, out = RelionJobs(), tmp_path / "particles.star", tmp_path / "run"
    given = {"classes": 20, "mask_diameter_A": 180.0, "seed": 0}
    old = classify_command(Relion("", 3, threads=4, mpi=3), jobs, star, out, **given)
    assert old[:4] == ["mpirun", "-n", "3", "relion_refine_mpi"]
    assert "--grad" not in old
    assert (_value(old, "--iter"), _value(old, "--K"), _value(old, "--tau2_fudge"), _value(old, "--j")) == (
        "25", "20", "2", "4",
    )  # fmt: skip
    assert int(_value(old, "--random_seed")) > 0  # RELION takes 0 for the clock
    new = classify_command(Relion("/opt/relion", 5, mpi=3, extra=("--gpu", "0")), jobs, star, out, **given)
    assert new[0] == "/opt/relion/relion_refine"
    assert {"--grad", "--center_classes"} <= set(new)
    assert (_value(new, "--iter"), new[-2:]) == ("200", ["--gpu", "0"])
    plain = RelionJobs(gradient_iterations=0)
    assert "--grad" not in classify_command(Relion("", 5), plain, star, out, **given)
    assert last_iteration(Relion("", 5), plain) == 25
    first = model_command(Relion("", 3), jobs, star, out, mask_diameter_A=180.0, seed=4)
    assert {"--sgd", "--denovo_3dref"} <= set(first)
    assert _value(first, "--sgd_ini_resol") == "35"
    later = model_command(Relion("", 4), jobs, star, out, mask_diameter_A=180.0, seed=4)
    assert {"--grad", "--denovo_3dref", "--auto_sampling"} <= set(later)
    assert "--sgd" not in later
    assert _value(first, "--random_seed") == _value(later, "--random_seed") == "5"
    cut = extract_command(Relion("", 3), jobs, star, star, tmp_path, box_px=128, diameter_px=200, recenter=True)
    assert (_value(cut, "--extract_size"), _value(cut, "--bg_radius")) == ("128", "63")


def test_without_relion_one_is_told(monkeypatch, tmp_path):
    monkeypatch.setenv("CRYOGAUGE_RELION", str(tmp_path))
    with pytest.raises(BadInput, match="relion_refine is not found"):
        find_relion()
    assert find_relion(version=4).program("relion_refine") == [f"{tmp_path}/relion_refine"]


def _grade(stack):
    """The class with more particles is good."""
    share = stack.table["distribution"].to_numpy(float)
    return pd.DataFrame({"class": stack.table["class"], "grade": np.where(share == share.max(), 2.0, 3.0)})


@needs_relion
def test_the_real_program_from_particles_to_a_first_model(tmp_path):
    star = read_particle_star(write_particles(tmp_path, 60))
    full = read_particle_star(write_particles(tmp_path, 60, name="full", box=48, pixel_A=PIXEL_A * BOX / 48))
    commands = []

    def runner(job, tick):
        commands.append(job.commands[0])
        run_here(job, tick)

    engine = RelionEngine(star, find_relion(), unbinned=full, runner=runner)
    found = iterate(engine, _plan(60), _grade, tmp_path / "out")
    assert [each.failure for each in found.batches] == [""]
    assert len(found.batches[0].ids) == 60
    assert (tmp_path / "out" / "round_1" / "RELION_JOB_EXIT_SUCCESS").is_file()
    assert found.rounds[0].classified.stack.program == "relion"
    handed = read_particle_star(tmp_path / "out" / "batch_3.5" / "particles" / "particles.star")
    assert (len(handed.rows), handed.box_px) == (60, 48)
    assert found.batches[0].model is not None
    assert map_mrc(found.batches[0].model)[1].shape == (48, 48, 48)
    assert _value(commands[-1], "--i") == str(handed.path)
    count = len(commands)
    iterate(engine, _plan(60), _grade, tmp_path / "out")
    assert len(commands) == count


@needs_relion
def test_a_classification_that_was_stopped_goes_on_from_its_last_iteration(tmp_path):
    star = read_particle_star(write_particles(tmp_path, 40))
    folder = tmp_path / "step"
    folder.mkdir()
    engine = RelionEngine(star, find_relion())
    stopped = make_plan(40, 128, 150.0, relion=replace(_QUICK, iterations=1))
    engine.classify(np.arange(40), 2, stopped, folder, lambda text: None)
    said = []
    engine.classify(np.arange(40), 2, _plan(40), folder, said.append)
    assert any("--continue" in line and "run_it001_optimiser.star" in line for line in said)


@needs_relion
def test_what_relion_complains_of_is_told(tmp_path):
    path = write_particles(tmp_path, 40)
    path.write_text(path.read_text().replace("000040@", "000400@"))
    engine = RelionEngine(read_particle_star(path), find_relion())
    with pytest.raises(Retryable, match=r"400 .*exceeds stack size 40"):
        iterate(engine, _plan(40), _grade, tmp_path / "out")
    assert (tmp_path / "out" / "round_1" / "RELION_JOB_EXIT_FAILURE").is_file()


@needs_relion
def test_particles_are_cut_out_of_micrographs_again(tmp_path):
    rng = np.random.default_rng(0)
    rows = ""
    for number in range(3):
        micrograph = rng.normal(size=(320, 320)).astype(np.float32)
        for row in range(number, 9, 3):
            micrograph[195 + row : 206 + row, 95 + row : 106 + row] = -20.0
        write_mrc(tmp_path / f"mic{number}.mrc", micrograph[None], PIXEL_A / 4)
        rows += f"mic{number}.mrc 1\n"
    star = read_particle_star(write_particles(tmp_path, 9))
    (tmp_path / "micrographs.star").write_text(
        "data_optics\n\nloop_\n_rlnOpticsGroupName #1\n_rlnOpticsGroup #2\n_rlnMicrographOriginalPixelSize #3\n"
        "_rlnMicrographPixelSize #4\n_rlnVoltage #5\n_rlnSphericalAberration #6\n_rlnAmplitudeContrast #7\n"
        "one 1 2 2 300 2.7 0.1\n\ndata_micrographs\n\nloop_\n_rlnMicrographName #1\n_rlnOpticsGroup #2\n"
        f"{rows}\n"
    )
    engine = RelionEngine(star, find_relion(), micrographs=tmp_path / "micrographs.star")
    folder = tmp_path / "cut"
    folder.mkdir()
    extracted = engine.reextract(np.arange(0, 9, 2), tmp_path, _plan(9), folder, lambda text: None)
    cut = read_particle_star(extracted.source)
    assert "unbinned, 128 px of 2 Å" in extracted.note
    assert (len(cut.rows), cut.box_px, cut.pixel_size_A) == (5, 128, 2.0)
    assert cut.values("rlnMicrographName") == [star.values("rlnMicrographName")[row] for row in (0, 6, 4, 2, 8)]
    image = map_mrc(cut.root / cut.images[0].partition("@")[2])[1][0]
    assert np.abs(image[59:70, 59:70]).mean() > 5 * np.abs(image[:40]).mean()
    assert image[64, 64] > 0  # black on the micrograph, white in the particle
