"""The built-in 2-D classifier, and RELION on the same particles where it is installed.

2,000 simulated particles of 64 pixels in 10 classes and 8 iterations, a fifth of them false picks, with their contrast
transfer; one thread each, one after the other in one run. Both read the particles from disk. RELION searches coarser
than by default, turns 24° apart and then 12°, shifts to 3 pixels, which makes it several times faster. Times are of the
processor, so that whatever else the machine does plays no part. Compilation is not timed: ours classifies something
small first.

A quick classifier that sorts badly would be worth nothing, so two numbers are told of each program and not recorded:
``agreement``, the mean correlation of a true particle's projection without noise with the average of its class, turned
and shifted to where it fits best, and ``false_in_best``, the share of false picks in the classes that hold the fewest,
as many as make half of all particles.
"""

import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import numpy as np
import starfile
from numpy.typing import NDArray

from cryogauge.classes.iterate.plan import RelionJobs
from cryogauge.classes.iterate.relion_commands import classify_command, find_relion
from cryogauge.imaging import ctf_2d
from cryogauge.imaging.class2d import ClassSettings, align_to, classify
from cryogauge.imaging.transforms import irfft2
from cryogauge.io.mrc import map_mrc
from cryogauge.simulate.classes.particles import ParticleSettings, SimulatedParticles, make_particles, write_particles
from cryogauge.simulate.classes.views import splat

FIGURES = ("class2d_seconds_2000x64", "class2d_ratio_relion")
WORK = Path(__file__).resolve().parent.parent / "work" / "benchmarks" / "class2d"

_BOX_PX, _CLASSES, _ITERATIONS, _SEED = 64, 10, 8, 5
_MASK = 1.2  # diameter over the particle's, as the selection has it
_COMPARED = 200  # true particles that agreement is the mean of


def run(small: bool = False) -> dict[str, float]:
    """Measure both; ``small`` classifies 300."""
    shutil.rmtree(WORK, ignore_errors=True)
    particles = make_particles(ParticleSettings(count=300 if small else 2000, box_px=_BOX_PX), seed=_SEED)
    write_particles(WORK, particles)
    widest_A = (_BOX_PX - 4) * particles.optics.pixel_size_A
    mask_A = min(_MASK * particles.structures[0].diameter_A, widest_A)
    with mock.patch.dict(os.environ, OMP_NUM_THREADS="1"):
        _ours(particles, mask_A, 30, 1)
        with _processor_time(resource.RUSAGE_SELF) as seconds:
            found = _ours(particles, mask_A, len(particles.images), _ITERATIONS)
        figures = {"class2d_seconds_2000x64": seconds[0], **_told("builtin", *found, particles)}
        if shutil.which("relion_refine"):
            with _processor_time(resource.RUSAGE_CHILDREN) as theirs:
                _relion(mask_A)
            figures |= {"class2d_ratio_relion": theirs[0] / seconds[0], **_told("relion", *_relion_result(), particles)}
    shutil.rmtree(WORK)
    return figures


@contextmanager
def _processor_time(who: int) -> Iterator[list[float]]:
    """Seconds of the processor, user's and system's, that go by meanwhile; in a list that is filled at the end."""
    spent: list[float] = []
    before = resource.getrusage(who)
    yield spent
    after = resource.getrusage(who)
    spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def _ours(
    particles: SimulatedParticles, mask_A: float, count: int, iterations: int
) -> tuple[NDArray[np.float32], NDArray[np.integer]]:
    optics, defocus_A = particles.optics, particles.truth["defocus_A"].to_numpy()

    def transfer(part: slice) -> NDArray[np.floating]:
        return np.stack([
            -ctf_2d(
                (_BOX_PX, _BOX_PX), optics.pixel_size_A, defocus, voltage_kV=optics.voltage_kV, cs_mm=optics.cs_mm,
                amplitude_contrast=optics.amplitude_contrast,
            )
            for defocus in defocus_A[part]
        ])  # fmt: skip

    settings = ClassSettings(_CLASSES, iterations, mask_diameter_A=mask_A)
    images = map_mrc(WORK / "particles.mrcs")[1][:count]
    found = classify(images, optics.pixel_size_A, settings, ctf=transfer)
    return found.averages, found.assignment


def _relion(mask_A: float) -> None:
    relion = find_relion(extra=("--pad", "1", "--preread_images"))
    jobs = RelionJobs(iterations=_ITERATIONS, gradient_iterations=0, psi_step_deg=24, offset_range_px=3)
    command = classify_command(
        relion, jobs, WORK / "particles.star", WORK / "run", classes=_CLASSES, mask_diameter_A=mask_A, seed=_SEED,
    )  # fmt: skip
    with (WORK / "run.log").open("w") as log:
        subprocess.run(command, cwd=WORK, stdout=log, stderr=subprocess.STDOUT, check=True)


def _relion_result() -> tuple[NDArray[np.float32], NDArray[np.integer]]:
    """RELION's averages, and the class of each particle from 0, in the particles' order."""
    begin = f"run_it{_ITERATIONS:03d}"
    blocks: dict = starfile.read(WORK / f"{begin}_data.star", always_dict=True)  # pyright: ignore
    table = blocks["particles"]
    number = table["rlnImageName"].str.partition("@")[0].astype(int)
    return map_mrc(WORK / f"{begin}_classes.mrcs")[1], table["rlnClassNumber"].to_numpy()[
        np.argsort(number.to_numpy())
    ] - 1


def _told(
    program: str, averages: NDArray[np.floating], classes: NDArray[np.integer], particles: SimulatedParticles
) -> dict[str, float]:
    true = (particles.truth["contaminant"] == "").to_numpy()
    agreement = []
    for row in np.flatnonzero(true)[:_COMPARED]:
        view = splat(particles.structures[0], particles.rotations[row][None], _BOX_PX, particles.optics.pixel_size_A)
        clean = irfft2(view, (_BOX_PX, _BOX_PX)).reshape(1, _BOX_PX, _BOX_PX)
        table = align_to(clean, np.asarray(averages)[classes[row]][None], mirror=False, rings=_BOX_PX // 4)
        agreement.append(table["correlation"].iloc[0])
    members = [np.flatnonzero(classes == number) for number in np.unique(classes)]
    best = np.concatenate(sorted(members, key=lambda each: -true[each].mean()))[: len(classes) // 2]
    return {f"{program}_agreement": float(np.mean(agreement)), f"{program}_false_in_best": float((~true[best]).mean())}
