"""Command lines of RELION 3.1, 4 and 5 for the steps of a selection."""

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryogauge.classes.iterate.plan import RelionJobs
from cryogauge.records import BadInput

_INSTALL = "install RELION, load its module, or set CRYOGAUGE_RELION to the folder of its programs"


@dataclass(frozen=True)
class Relion:
    """An installation, and what it may use.

    Attributes
    ----------
    folder
        Of its programs; empty for those on the PATH.
    version
        The first number of its version, such as 3, 4 or 5.
    threads, mpi
        Of every step; with MPI one process leads and the others work.
    extra
        Further arguments of ``relion_refine``, such as ``--gpu 0``.
    """

    folder: str
    version: int
    threads: int = 1
    mpi: int = 1
    extra: tuple[str, ...] = ()

    def program(self, name: str, *, mpi: bool = False) -> list[str]:
        """The beginning of a command."""
        path = str(Path(self.folder) / name) if self.folder else name
        return ["mpirun", "-n", str(self.mpi), f"{path}_mpi"] if mpi and self.mpi > 1 else [path]


def find_relion(*, threads: int = 1, mpi: int = 1, extra: Sequence[str] = (), version: int | None = None) -> Relion:
    """The RELION of this machine: of the folder ``CRYOGAUGE_RELION``, or of the PATH.

    Parameters
    ----------
    version
        Of a RELION that is not on this machine but on the cluster's; None asks the program.

    Raises
    ------
    BadInput
        When there is none, or it does not say its version.
    """
    folder = os.environ.get("CRYOGAUGE_RELION", "")
    if version is None:
        program = shutil.which("relion_refine", path=folder or None)
        if program is None:
            raise BadInput("relion_refine is not found", _INSTALL)
        try:
            done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=60, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise BadInput(f"{program} does not start: {error}", _INSTALL) from error
        found = re.search(r"RELION version:\s*(\d+)", done.stdout + done.stderr)
        if found is None:
            raise BadInput(f"{program} does not say its version", _INSTALL)
        version = int(found[1])
    return Relion(folder, version, threads, mpi, tuple(extra))


def classify_command(
    relion: Relion, jobs: RelionJobs, star: Path, out: Path, *, classes: int, mask_diameter_A: float, seed: int
) -> list[str]:
    """2-D classification: by VDAM where RELION has it and the plan wants it, or else by expectation maximisation.

    Parameters
    ----------
    out
        Begin of the files' names; ``classify_result`` says which is the last.
    """
    gradient = _gradient(relion, jobs)
    command = [
        *relion.program("relion_refine", mpi=not gradient),  # VDAM has no MPI
        "--i", str(star), "--o", str(out), "--ctf", "--iter", str(last_iteration(relion, jobs)),
        "--tau2_fudge", f"{jobs.tau2_fudge:g}", "--particle_diameter", f"{mask_diameter_A:g}", "--K", str(classes),
        "--flatten_solvent", "--zero_mask", "--oversampling", "1", "--psi_step", f"{jobs.psi_step_deg:g}",
        "--offset_range", f"{jobs.offset_range_px:g}", "--offset_step", f"{jobs.offset_step_px:g}",
        "--norm", "--scale", "--dont_combine_weights_via_disc", "--pool", "30",
    ]  # fmt: skip
    if relion.version >= 4:
        command += ["--center_classes"]
    if gradient:
        command += ["--grad", "--class_inactivity_threshold", "0.1", "--grad_write_iter", "10"]
    return [*command, *_common(relion, out, seed)]


def continue_command(relion: Relion, jobs: RelionJobs, optimiser: Path, out: Path) -> list[str]:
    """Go on with a classification from its last whole iteration."""
    return [
        *relion.program("relion_refine", mpi=not _gradient(relion, jobs)), "--continue", str(optimiser),
        "--o", str(out), "--iter", str(last_iteration(relion, jobs)), "--dont_combine_weights_via_disc", "--pool", "30",
        "--j", str(relion.threads), "--pipeline_control", f"{out.parent}/", *relion.extra,
    ]  # fmt: skip


def model_command(
    relion: Relion, jobs: RelionJobs, star: Path, out: Path, *, mask_diameter_A: float, seed: int
) -> list[str]:
    """A first model from nothing, without symmetry: stochastic gradient descent (3.1), VDAM (4 and later)."""
    first, last = jobs.model_resolution_A
    command = [
        *relion.program("relion_refine", mpi=relion.version < 4),
        "--i", str(star), "--o", str(out), "--ctf", "--denovo_3dref", "--K", "1", "--sym", "C1", "--flatten_solvent",
        "--zero_mask", "--particle_diameter", f"{mask_diameter_A:g}", "--oversampling", "1", "--healpix_order", "1",
        "--offset_range", f"{jobs.offset_range_px:g}", "--offset_step", f"{jobs.offset_step_px:g}",
        "--dont_combine_weights_via_disc", "--pool", "3", "--pad", "1",
    ]  # fmt: skip
    if relion.version >= 4:
        command += ["--grad", "--iter", str(sum(jobs.model_iterations)), "--auto_sampling", "--tau2_fudge", "4"]
        command += ["--grad_write_iter", "10"]
    else:
        start, middle, end = jobs.model_iterations
        small, large = jobs.model_batch
        command += [
            "--sgd", "--sgd_ini_iter", str(start), "--sgd_inbetween_iter", str(middle), "--sgd_fin_iter", str(end),
            "--sgd_ini_resol", f"{first:g}", "--sgd_fin_resol", f"{last:g}", "--sgd_ini_subset", str(small),
            "--sgd_fin_subset", str(large), "--sgd_write_iter", "10", "--skip_gridding",
        ]  # fmt: skip
        command += ["--maxsig", str(jobs.model_poses)] if jobs.model_poses else []
    return [*command, *_common(relion, out, seed)]


def extract_command(
    relion: Relion,
    jobs: RelionJobs,
    micrographs: Path,
    star: Path,
    folder: Path,
    *,
    box_px: int,
    diameter_px: float,
    recenter: bool,
) -> list[str]:
    """Cut the particles of a STAR file out of their micrographs again, centred by their shifts where they have any."""
    command = [
        *relion.program("relion_preprocess", mpi=True),
        "--i", str(micrographs), "--reextract_data_star", str(star), "--part_star",
        str(folder / "particles.star"), "--part_dir", f"{folder}/", "--extract", "--extract_size", str(box_px),
        "--norm",
        "--bg_radius", str(min(round(diameter_px / 2), box_px // 2 - 1)), "--white_dust", "-1", "--black_dust", "-1",
        "--pipeline_control", f"{folder}/",
    ]  # fmt: skip
    if recenter:
        command += ["--recenter", "--recenter_x", "0", "--recenter_y", "0", "--recenter_z", "0"]
    return [*command, *(["--invert_contrast"] if jobs.invert else [])]


def last_iteration(relion: Relion, jobs: RelionJobs) -> int:
    """The number of the last iteration of a classification."""
    return jobs.gradient_iterations if _gradient(relion, jobs) else jobs.iterations


def _gradient(relion: Relion, jobs: RelionJobs) -> bool:
    return relion.version >= 4 and jobs.gradient_iterations > 0


def _common(relion: Relion, out: Path, seed: int) -> list[str]:
    # RELION takes 0 for a seed of its own choice from the clock
    return [
        "--random_seed", str(seed + 1), "--j", str(relion.threads), "--pipeline_control", f"{out.parent}/",
        *relion.extra,
    ]  # fmt: skip
