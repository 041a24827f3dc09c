"""Classes that RELION itself makes of simulated particles, graded by what is known of their members."""

import os
import re
import shutil
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from cryogauge.imaging.transforms import irfft2, rfft2
from cryogauge.io import open_volume
from cryogauge.records import BadInput
from cryogauge.records.classes import REASONS, ClassStack
from cryogauge.simulate.classes.job import SimulatedClasses
from cryogauge.simulate.classes.oracle import Verdict, judge, junk
from cryogauge.simulate.classes.particles import ParticleSettings, SimulatedParticles, make_particles, write_particles
from cryogauge.simulate.classes.views import splat

_PROGRAM = "relion_refine"
#: RELION's mask over the largest particle's diameter; members whose projections a class is compared with.
_MASK, _COMPARED = 1.25, 24
#: A class of fewer particles than this share is one of whatever else its members are.
_PURE = 0.35


@dataclass(frozen=True)
class RelionSettings:
    """What RELION classifies, and how long.

    Attributes
    ----------
    particles, box_px
        How many images of which edge; 800 of 56 pixels take about a minute.
    classes, iterations
        As RELION's ``--K`` and ``--iter``.
    structures, maps, false_picks
        As of :class:`ParticleSettings`.
    snr
        As there; drawn between 0.04 and 0.5 unless given.
    preferred
        As there; drawn among 0, 3 and 6 unless given: few particles show sharp classes only of few views.

    Raises
    ------
    BadInput
        For fewer particles than classes, or no iterations.
    """

    particles: int = 800
    box_px: int = 56
    classes: int = 10
    iterations: int = 8
    structures: int = 1
    maps: tuple[Path, ...] = ()
    false_picks: float = 0.25
    snr: float | None = None
    preferred: int | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.classes <= self.particles or self.iterations < 1:
            raise BadInput(
                f"{self.particles} particles cannot be put into {self.classes} classes in {self.iterations} iterations",
                "give more particles than classes and one iteration or more",
            )


def relion_classes(folder: Path, settings: RelionSettings | None = None, *, seed: int = 0) -> SimulatedClasses:
    """Simulate particles, let RELION classify them, and grade its classes.

    A class's truth is the projection, of its commonest species, that agrees best with it among the true views of its
    members as RELION turned and shifted them; a class of mostly false picks is junk. RELION's files stay in the folder.

    Parameters
    ----------
    folder
        For the particles and RELION's files; created if need be.
    settings
        What and how long.
    seed
        Of the particles and of RELION.

    Raises
    ------
    BadInput
        When RELION is not installed or fails.
    """
    settings = settings or RelionSettings()
    if shutil.which(_PROGRAM) is None:
        raise BadInput(f"{_PROGRAM} is not on the PATH", "install RELION 3.1 or later, or use the built-in engine")
    rng = np.random.default_rng([seed, 3])
    snr = settings.snr or float(np.exp(rng.uniform(np.log(0.04), np.log(0.5))))
    preferred = int(rng.choice([0, 3, 6])) if settings.preferred is None else settings.preferred
    particles = make_particles(
        ParticleSettings(
            count=settings.particles, box_px=settings.box_px, structures=settings.structures, maps=settings.maps,
            false_picks=settings.false_picks, snr=snr, preferred=preferred,
        ),
        seed,
    )  # fmt: skip
    write_particles(folder, particles)
    size_A = max(structure.diameter_A for structure in particles.structures)
    pixel = particles.optics.pixel_size_A
    mask_A = min(_MASK * size_A, (settings.box_px - 4) * pixel)
    _run(folder, settings, mask_A, seed)
    return _graded(folder, settings, particles, mask_A, f"RELION, simulated job {seed}")


def _run(folder: Path, settings: RelionSettings, mask_A: float, seed: int) -> None:
    command = [
        _PROGRAM, "--i", "particles.star", "--o", "./run", "--iter", str(settings.iterations), "--K",
        str(settings.classes), "--particle_diameter", f"{mask_A:.1f}", "--tau2_fudge", "2", "--ctf", "--zero_mask",
        "--flatten_solvent", "--norm", "--scale", "--oversampling", "1", "--psi_step", "24", "--offset_range", "3",
        "--offset_step", "2", "--pool", "30", "--pad", "1", "--preread_images", "--dont_combine_weights_via_disc",
        "--j", "1", "--random_seed", str(seed % 2**31),
    ]  # fmt: skip
    with (folder / "run.log").open("w", encoding="utf-8") as log:
        code = subprocess.run(
            command, cwd=folder, stdout=log, stderr=subprocess.STDOUT, check=False,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        ).returncode  # fmt: skip
    if code != 0:
        said = (folder / "run.log").read_text(encoding="utf-8", errors="replace")
        what = re.findall(r"ERROR:?\s*(.+)", said) or [said.strip().splitlines()[-1] if said.strip() else "nothing"]
        raise BadInput(f"{_PROGRAM} ended with status {code}: {what[0]}", f"read {folder / 'run.log'}")


def _graded(
    folder: Path, settings: RelionSettings, particles: SimulatedParticles, mask_A: float, source: str
) -> SimulatedClasses:
    import starfile

    last = f"run_it{settings.iterations:03d}"
    images = np.asarray(open_volume(folder / f"{last}_classes.mrcs").data, dtype=np.float32)
    model: Any = starfile.read(folder / f"{last}_model.star", always_dict=True)
    data: Any = starfile.read(folder / f"{last}_data.star", always_dict=True)
    classes, poses = model["model_classes"], data["particles"]
    index = poses["rlnImageName"].str.split("@").str[0].astype(int).to_numpy() - 1
    poses = poses.iloc[np.argsort(index)].reset_index(drop=True)
    rows = []
    for number, image in enumerate(images, 1):
        members = np.flatnonzero(poses["rlnClassNumber"] == number)
        rows.append({"class": number, **_row(image, members, poses, particles, mask_A)})
    truth = pd.DataFrame(rows)
    table = pd.DataFrame(
        {
            "class": truth["class"],
            "resolution_A": classes["rlnEstimatedResolution"].astype(float).to_numpy(),
            "distribution": classes["rlnClassDistribution"].astype(float).to_numpy(),
            "particles": truth["members"].astype(float),
        }
    )
    stack = ClassStack(images, particles.optics.pixel_size_A, table, source=source, program="relion")
    return SimulatedClasses(stack, truth)


def _row(
    image: NDArray[np.float32],
    members: NDArray[np.intp],
    poses: pd.DataFrame,
    particles: SimulatedParticles,
    mask_A: float,
) -> dict[str, Any]:
    """What is true of one class."""
    truth = particles.truth.iloc[members]
    species = Counter(name for name in truth["structure"] if name)
    common, votes = species.most_common(1)[0] if species else ("", 0)
    purity = votes / max(len(members), 1)
    row = {"structure": common, "mass_kDa": np.nan, "diameter_A": np.nan, "snr": np.nan, "contaminant": ""}
    if purity < _PURE:
        kinds = Counter(kind for kind in truth["contaminant"] if kind)
        row |= {"structure": "", "contaminant": kinds.most_common(1)[0][0] if kinds else "empty"}
        verdict = junk(row["contaminant"])
    else:
        structure = next(s for s in particles.structures if s.name == common)
        own = members[(truth["structure"] == common).to_numpy()][:_COMPARED]
        verdict = _best(image, own, poses, particles, common, mask_A)
        row |= {"mass_kDa": structure.mass_kDa, "diameter_A": structure.diameter_A}
    return row | {
        "grade": verdict.grade,
        "detail_A": verdict.detail_A,
        "background": verdict.background,
        "members": len(members),
        "purity": purity,
        **{f"reason_{name}": verdict.reasons[name] for name in REASONS},
    }


def _best(
    image: NDArray[np.float32],
    members: NDArray[np.intp],
    poses: pd.DataFrame,
    particles: SimulatedParticles,
    name: str,
    mask_A: float,
) -> Verdict:
    """The most lenient verdict by the true projections of the members, each shifted to where it fits the class."""
    structure = next(s for s in particles.structures if s.name == name)
    box, pixel = len(image), particles.optics.pixel_size_A
    turns = np.deg2rad(poses["rlnAnglePsi"].astype(float).to_numpy()[members])
    views = aligned_views(particles.rotations[members], turns)
    spectrum = rfft2(image)
    best = junk("blurred")
    for view in views:
        projection = splat(structure, view[None], box, pixel)
        agreement = irfft2(spectrum * projection.conj(), (box, box))
        place = np.unravel_index(np.argmax(agreement), agreement.shape)
        shift = np.array([(int(p) + box // 2) % box - box // 2 for p in place])
        moved = np.roll(irfft2(projection, (box, box)), shift, axis=(0, 1))
        verdict = judge(
            image, moved, pixel, structure.diameter_A, offset_A=float(np.hypot(*shift)) * pixel, mask_diameter_A=mask_A
        )
        best = min(best, verdict, key=lambda v: v.grade)
    return best


def aligned_views(rotations: NDArray[np.floating], psi_rad: NDArray[np.floating]) -> NDArray[np.float64]:
    """Views ``(n, 3, 3)`` of particles as their class shows them, after RELION's in-plane angles are taken out.

    RELION turns a particle by minus psi about the beam, which points along +z, to lay it on its class.
    """
    about_z = np.column_stack([-np.asarray(psi_rad), np.zeros((len(psi_rad), 2))])
    return (Rotation.from_rotvec(about_z) * Rotation.from_matrix(rotations)).as_matrix()
