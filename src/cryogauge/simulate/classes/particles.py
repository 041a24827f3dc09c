"""Single particle images with noise and CTF, false picks among them, and the files that RELION takes."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from cryogauge.imaging.ctf import ctf_2d
from cryogauge.imaging.transforms import irfft2, rfft2
from cryogauge.io import MrcWriter
from cryogauge.io.replace import replacing
from cryogauge.records import BadInput
from cryogauge.simulate.classes.assemble import random_structure
from cryogauge.simulate.classes.contaminants import CONTAMINANTS, aggregate
from cryogauge.simulate.classes.finish import circle
from cryogauge.simulate.classes.optics import Optics
from cryogauge.simulate.classes.structure import Structure, structure_from_map
from cryogauge.simulate.classes.views import random_views, splat

_FALSE = ("empty", "ice", "carbon", "edge", "aggregate")
_FALSE_SHARES = (0.55, 0.15, 0.1, 0.05, 0.15)
#: Pickers miss the centre by this share of the diameter, and this often have a second particle in the box.
_MISS, _NEIGHBOURS = 0.04, 0.15


@dataclass(frozen=True)
class ParticleSettings:
    """What particle images are of.

    Attributes
    ----------
    count
        How many images.
    box_px, pixel_size_A
        Edge of an image in pixels, and of a pixel; the pixel follows from the largest particle, which then takes up
        three fifths of the box, unless given.
    structures
        How many generated species, where no maps are given.
    maps
        Density maps (MRC) of which particles are.
    false_picks
        Share of images without a particle.
    snr
        Variance of the signal over that of the noise in an image; from the optics' dose unless given.
    preferred
        Views that particles crowd around, each with a spread of 8°; 0 for none preferred.
    defocus_A, voltage_kV, cs_mm, amplitude_contrast, b_factor_A2, dose_e_A2
        See :class:`cryogauge.simulate.classes.optics.Optics`.
    kind
        Of generated species: ``soluble``, ``membrane`` or ``filament``; drawn unless given.

    Raises
    ------
    BadInput
        For values that cannot be simulated.
    """

    count: int = 1000
    box_px: int = 64
    pixel_size_A: float | None = None
    structures: int = 1
    maps: tuple[Path, ...] = ()
    false_picks: float = 0.2
    snr: float | None = 0.05
    preferred: int = 0
    defocus_A: tuple[float, float] = (8_000.0, 22_000.0)
    voltage_kV: float = 300.0
    cs_mm: float = 2.7
    amplitude_contrast: float = 0.1
    b_factor_A2: float = 80.0
    dose_e_A2: float = 45.0
    kind: str | None = "soluble"

    def __post_init__(self) -> None:
        if self.count < 1 or self.structures < 1 or self.preferred < 0:
            raise BadInput("images and structures must be 1 or more, preferred views 0 or more")
        if not 16 <= self.box_px <= 512:
            raise BadInput(f"a box of {self.box_px} pixels cannot be made", "give 16 to 512")
        if not 0 <= self.false_picks <= 1:
            raise BadInput(f"a share of false picks of {self.false_picks:g} is none", "give 0 to 1")
        if self.snr is not None and not self.snr > 0:
            raise BadInput(f"a signal-to-noise ratio of {self.snr:g} is not positive")


@dataclass(frozen=True)
class SimulatedParticles:
    """Particle images and what is true of them.

    Attributes
    ----------
    images
        float32 ``(particle, y, x)``: background of mean 0 and standard deviation 1, bright protein.
    truth
        One row an image: ``particle`` from 1, ``structure`` (empty for a false pick), ``contaminant`` (empty for a
        particle), ``defocus_A``, ``shift_y_A, shift_x_A`` of the particle from pixel ``box // 2``, ``neighbours``, and
        the nine terms ``r00`` … ``r22`` of the rotation on z, y, x.
    structures
        What they are of.
    optics
        How they were recorded.
    signal_scale
        What a contrast of 1 is in the images' grey values.
    """

    images: NDArray[np.float32]
    truth: pd.DataFrame
    structures: tuple[Structure, ...]
    optics: Optics
    signal_scale: float

    @property
    def rotations(self) -> NDArray[np.float64]:
        """Rotations ``(particle, 3, 3)`` on z, y, x."""
        return self.truth[_ROTATION].to_numpy(np.float64).reshape(-1, 3, 3)


_ROTATION = [f"r{i}{j}" for i in range(3) for j in range(3)]


def make_particles(settings: ParticleSettings | None = None, seed: int = 0) -> SimulatedParticles:
    """Simulate particle images.

    Parameters
    ----------
    settings
        What of.
    seed
        The same seed and settings give the same images.

    Raises
    ------
    BadInput
        When a map cannot be read.
    """
    settings = settings or ParticleSettings()
    rng = np.random.default_rng([seed, 1])
    structures = tuple(structure_from_map(path) for path in settings.maps) or tuple(
        random_structure(rng, f"made-up-{k + 1}", kind=settings.kind) for k in range(settings.structures)
    )
    size_A = max(structure.diameter_A for structure in structures)
    pixel = settings.pixel_size_A or size_A / (0.6 * settings.box_px)
    optics = Optics(
        pixel, settings.voltage_kV, settings.cs_mm, settings.amplitude_contrast, settings.defocus_A,
        settings.b_factor_A2, settings.dose_e_A2,
    )  # fmt: skip
    truth = _drawn_truth(settings, structures, rng)
    box = settings.box_px
    clean = np.empty((settings.count, box, box), dtype=np.float32)
    rotations = truth[_ROTATION].to_numpy(np.float64).reshape(-1, 3, 3)
    by_name = {structure.name: structure for structure in structures}
    envelope = optics.envelope(box)
    for k, row in enumerate(truth.to_dict("records")):
        shift = np.array([row["shift_y_A"], row["shift_x_A"]])
        if row["contaminant"]:
            spectrum = _false_pick(row["contaminant"], structures[0], box, pixel, optics, rng)
        else:
            what = by_name[row["structure"]]
            spectrum = np.float32(optics.contrast_per_V_A) * splat(
                what, rotations[k][None], box, pixel, shifts_A=shift[None]
            )
            if row["neighbours"]:
                angle, reach = rng.uniform(0, 2 * np.pi), what.diameter_A * rng.uniform(0.8, 1.3)
                place = shift + reach * np.array([np.sin(angle), np.cos(angle)])
                beside = random_views(1, rng, kind=what.kind)
                spectrum += np.float32(optics.contrast_per_V_A) * splat(what, beside, box, pixel, shifts_A=place[None])
        transfer = -ctf_2d(
            (box, box), pixel, row["defocus_A"], voltage_kV=optics.voltage_kV, cs_mm=optics.cs_mm,
            amplitude_contrast=optics.amplitude_contrast,
        )  # fmt: skip
        clean[k] = irfft2(spectrum * transfer * envelope, (box, box))
    real = (truth["contaminant"] == "").to_numpy()
    noise = optics.noise_variance
    if settings.snr is not None and real.any():
        noise = float(clean[real].var(axis=(1, 2)).mean()) / settings.snr
    noisy = clean + np.float32(np.sqrt(noise)) * rng.standard_normal(clean.shape, dtype=np.float32)
    images, scale = _normalised(noisy), 1.0 / np.sqrt(noise)
    return SimulatedParticles(images, truth, structures, optics, float(scale))


def _drawn_truth(
    settings: ParticleSettings, structures: tuple[Structure, ...], rng: np.random.Generator
) -> pd.DataFrame:
    count = settings.count
    which = rng.integers(0, len(structures), count)
    false = rng.random(count) < settings.false_picks
    kinds = np.where(false, rng.choice(_FALSE, count, p=_FALSE_SHARES), "")
    views = np.stack([random_views(1, rng, kind=structures[k].kind)[0] for k in which])
    if settings.preferred:
        poles = random_views(settings.preferred, rng)
        chosen = poles[rng.integers(0, len(poles), count)]
        tilt = np.column_stack([np.zeros(count), np.deg2rad(8.0) * rng.standard_normal((count, 2))])
        turn = np.column_stack([rng.uniform(0, 2 * np.pi, count), np.zeros((count, 2))])
        views = (Rotation.from_rotvec(turn) * Rotation.from_rotvec(tilt) * Rotation.from_matrix(chosen)).as_matrix()
    size = np.array([structures[k].diameter_A for k in which])
    shift = _MISS * size[:, None] * rng.standard_normal((count, 2))
    truth = pd.DataFrame(
        {
            "particle": np.arange(1, count + 1),
            "structure": np.where(false, "", [structures[k].name for k in which]),
            "contaminant": kinds,
            "defocus_A": rng.uniform(*settings.defocus_A, count).round(1),
            "shift_y_A": shift[:, 0],
            "shift_x_A": shift[:, 1],
            "neighbours": ((rng.random(count) < _NEIGHBOURS) & ~false).astype(int),
        }
    )
    return pd.concat([truth, pd.DataFrame(views.reshape(-1, 9), columns=pd.Index(_ROTATION))], axis=1)


def _false_pick(
    kind: str, structure: Structure, box_px: int, pixel_size_A: float, optics: Optics, rng: np.random.Generator
) -> NDArray[np.complexfloating]:
    if kind == "empty":
        return np.zeros((box_px, box_px // 2 + 1), dtype=np.complex64)
    if kind == "aggregate":
        return rfft2(aggregate(structure, box_px, pixel_size_A, rng)).astype(np.complex64)
    return rfft2(CONTAMINANTS[kind](box_px, pixel_size_A, rng)).astype(np.complex64)


def _normalised(images: NDArray[np.floating]) -> NDArray[np.float32]:
    """Mean 0 and standard deviation 1 outside the largest circle, image by image, as programs do on extraction."""
    outside = circle(images.shape[-1], 0.95 * images.shape[-1], 1.0) == 0
    rim = images[:, outside]
    spread = np.maximum(rim.std(axis=1), 1e-6)[:, None, None]
    return ((images - rim.mean(axis=1)[:, None, None]) / spread).astype(np.float32)


def write_particles(folder: Path, particles: SimulatedParticles) -> dict[str, Path]:
    """Write particle images as RELION 3.1 takes them: ``particles.mrcs``, ``particles.star`` and ``truth.csv``.

    The names of images in the STAR file are relative to the folder: run RELION there.

    Returns
    -------
    dict
        ``stack``, ``star`` and ``truth``.

    Raises
    ------
    BadInput
        When the folder cannot be written.
    Retryable
        When the disk is full.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stack, star, truth = folder / "particles.mrcs", folder / "particles.star", folder / "truth.csv"
    optics = particles.optics
    with MrcWriter(stack, particles.images.shape, optics.pixel_size_A, stack=True) as writer:
        writer.append(particles.images)
    with replacing(truth) as temporary:
        particles.truth.to_csv(temporary, index=False, float_format="%.6g")
    with replacing(star) as temporary:
        temporary.write_text(_star(particles, stack.name), encoding="utf-8")
    return {"stack": stack, "star": star, "truth": truth}


def _star(particles: SimulatedParticles, stack: str) -> str:
    optics = particles.optics
    group = {
        "rlnOpticsGroupName": "opticsGroup1", "rlnOpticsGroup": 1, "rlnVoltage": f"{optics.voltage_kV:.6f}",
        "rlnSphericalAberration": f"{optics.cs_mm:.6f}", "rlnAmplitudeContrast": f"{optics.amplitude_contrast:.6f}",
        "rlnImagePixelSize": f"{optics.pixel_size_A:.6f}", "rlnImageSize": particles.images.shape[-1],
        "rlnImageDimensionality": 2,
    }  # fmt: skip
    names = ("rlnImageName", "rlnMicrographName", "rlnOpticsGroup", "rlnDefocusU", "rlnDefocusV", "rlnDefocusAngle")
    rows = [
        f"{k + 1:06d}@{stack} micrograph_{1 + k // 200:03d}.mrc 1 {defocus:.1f} {defocus:.1f} 0.0"
        for k, defocus in enumerate(particles.truth["defocus_A"])
    ]
    return _block("optics", tuple(group), [" ".join(map(str, group.values()))]) + _block("particles", names, rows)


def _block(name: str, columns: tuple[str, ...], rows: list[str]) -> str:
    head = "".join(f"_{column} #{k}\n" for k, column in enumerate(columns, 1))
    return f"\n# version 30001\n\ndata_{name}\n\nloop_\n{head}" + "\n".join(rows) + "\n\n"
