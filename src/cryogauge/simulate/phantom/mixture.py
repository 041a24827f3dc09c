"""The phantom's specimen: a slab of ice with the mixture in it, its picks and its labels."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from cryogauge.records import PICK_COLUMNS, BadInput
from cryogauge.simulate import contamination, filaments
from cryogauge.simulate.acquire import Imaging
from cryogauge.simulate.canvas import MEDIUM, ORGANELLE, Canvas, empty_canvas
from cryogauge.simulate.fields import smooth_field
from cryogauge.simulate.particles import PROTEIN_A3_PER_KDA, PROTEIN_V, generated_template
from cryogauge.simulate.phantom.placing import place_shape
from cryogauge.simulate.phantom.species import Shape, Species, load_shapes, make_shape
from cryogauge.simulate.rasterise import add_blobs
from cryogauge.simulate.specimens import Specimen

#: Size of the challenge's tomograms, voxels, and their voxel size.
CHALLENGE_SHAPE = (184, 630, 630)
CHALLENGE_VOXEL_A = 10.012
_CHALLENGE_A3 = float(np.prod(CHALLENGE_SHAPE)) * CHALLENGE_VOXEL_A**3
#: The paper's imaging: 31 tilts within ±45°, 62.9 e⁻/Å² at 300 kV behind an energy filter, a counting camera binned
#: 6.5-fold. The residual misalignment is of the size that alignment without gold beads leaves. The contrast and the
#: amount of clutter below were set, before any network was trained, so that slices have the power spectra of the
#: challenge's raw ones, and virus-like particles the depth of theirs.
CHALLENGE_IMAGING = Imaging(
    dose_e_A2=62.9, tilt_range_deg=45.0, tilt_step_deg=3.0, schedule="dose-symmetric", defocus_sd_A=1500.0,
    detector_binning=6.5, shift_sd_A=6.0, axis_error_deg=0.15, drift_A=4.0, contrast_factor=1.5, frames=2,
)  # fmt: skip
#: Albumin dissolved in the slab and on each of its surfaces, and the lysate's small proteins: numbers a nm³ and nm².
_ALBUMIN_NM3, _ALBUMIN_NM2, _LYSATE_NM3 = 1e-4, 8e-3, 1.5e-4
#: Contrast of membranes against the simulator's lipid bilayers: those of the challenge's raw tomograms are faint.
_MEMBRANE = 0.4
#: What the species keep from the surfaces, where small proteins gather (paper, Extended Data Fig. 4).
_SURFACE_A = 60.0


@dataclass(frozen=True)
class PhantomSettings:
    """What phantoms are drawn from.

    Attributes
    ----------
    shape
        ``(z, y, x)`` voxels of the tomogram. The specimen is as thick as it is, whatever the tomogram shows of it.
    voxel_size_A
        Voxel size.
    maps
        Folder of maps, see :func:`cryogauge.simulate.phantom.species.load_shapes`; None for look-alikes.
    thickness_nm, defocus_A
        Ranges, drawn evenly.
    crowding
        Multiplies the mean numbers of the species, of the decoys and of the small proteins.
    imaging
        Everything else of the imaging; its defocus is replaced by the one drawn.
    """

    shape: tuple[int, int, int] = CHALLENGE_SHAPE
    voxel_size_A: float = CHALLENGE_VOXEL_A
    maps: Path | None = None
    thickness_nm: tuple[float, float] = (150.0, 250.0)
    defocus_A: tuple[float, float] = (30_000.0, 50_000.0)
    crowding: float = 1.0
    imaging: Imaging = field(default=CHALLENGE_IMAGING)

    def __post_init__(self) -> None:
        if len(self.shape) != 3 or self.shape[0] < 16 or min(self.shape[1:]) < 48:
            raise BadInput(
                f"a phantom of {' × '.join(map(str, self.shape))} voxels holds no virus-like particle",
                "give at least 16 slices of 48 × 48",
            )
        if not 5.0 <= self.voxel_size_A <= 20.0:
            raise BadInput(f"a voxel size of {self.voxel_size_A:g} Å is outside 5–20 Å", "the challenge has 10.012 Å")
        for name in ("thickness_nm", "defocus_A"):
            low, high = getattr(self, name)
            if not 0 < low <= high:
                raise BadInput(f"{name} must be a range of two numbers, 0 < low ≤ high")
        if not 0 <= self.crowding <= 5:
            raise BadInput(f"a crowding of {self.crowding:g} is outside 0–5", "1 is the challenge's")


class Mixture(NamedTuple):
    """A specimen thicker than or as thick as the tomogram, and the labels and picks within the tomogram.

    Attributes
    ----------
    specimen
        Its volume is the tomogram's, with ``spare_px`` slices more below and above; its picks are the tomogram's.
    labels
        uint8 in the tomogram's shape.
    spare_px
        Slices of the specimen below the tomogram's first.
    """

    specimen: Specimen
    labels: np.ndarray
    spare_px: int


def draw_mixture(settings: PhantomSettings, seed: int) -> Mixture:
    """Draw the specimen of a phantom: the same settings, maps and seed give the same.

    The numbers of each species follow a Poisson distribution whose mean itself varies by a third from one tomogram to
    the next, as places on a grid do.

    Raises
    ------
    BadInput
        When the maps cannot be used.
    """
    rng = np.random.default_rng(seed)
    shapes, _ = load_shapes(settings.maps, settings.voxel_size_A)
    canvas, spare = _slab(settings, rng)
    labels = np.zeros(canvas.shape, dtype=np.uint8)
    room = float((canvas.region == MEDIUM).sum()) * settings.voxel_size_A**3 * settings.crowding / _CHALLENGE_A3
    _membranes(canvas, room)
    if rng.random() < 0.5:
        _film(canvas)
    _actin(canvas, room)
    _forbid(canvas)
    for species, shape in [*shapes, *_lysate(settings.voxel_size_A, rng)]:
        count = int(rng.poisson(species.count * room * rng.gamma(9.0, 1.0 / 9.0)))
        margin = _SURFACE_A if shape.label else 0.0
        place_shape(canvas, labels, shape, count, margin, clustering=species.clustering)
    _small_proteins(canvas, settings.crowding)
    _aggregates(canvas, room)
    first, last = spare, spare + settings.shape[0]
    picks = pd.concat(canvas.picks, ignore_index=True) if canvas.picks else pd.DataFrame(columns=list(PICK_COLUMNS))
    z_px = picks["z_A"].to_numpy(float) / settings.voxel_size_A
    picks = picks[(z_px >= first) & (z_px <= last - 1)].reset_index(drop=True)
    picks["z_A"] = picks["z_A"].astype(float) - first * settings.voxel_size_A
    specimen = Specimen(
        canvas.biology, canvas.biology, settings.voxel_size_A, canvas.top, canvas.bottom, picks, "phantom"
    )
    return Mixture(specimen, labels[first:last].copy(), spare)


def _slab(settings: PhantomSettings, rng: np.random.Generator) -> tuple[Canvas, int]:
    """A slab in a box that holds all of it, and how many slices the box has below the tomogram."""
    thickness_nm = float(rng.uniform(*settings.thickness_nm))
    slope_deg = float(abs(rng.normal(0.0, 1.5)))
    nz, ny, nx = settings.shape
    tall = thickness_nm * 10.0 / settings.voxel_size_A + max(ny, nx) * np.tan(np.deg2rad(slope_deg)) * 1.5 + 12
    spare = max(0, int(np.ceil((tall - nz) / 2)))
    canvas = empty_canvas(
        (nz + 2 * spare, ny, nx), settings.voxel_size_A, thickness_nm, rng, slab_tilt_deg=slope_deg,
        wedge=float(rng.normal(0.0, 0.02)), roughness_A=20.0,
    )  # fmt: skip
    return canvas, spare


def _film(canvas: Canvas) -> None:
    """The edge of the hole in the carbon film, across a corner, at the bottom of the slab."""
    rng = canvas.rng
    ny, nx = canvas.shape[1:]
    angle, radius = rng.uniform(0, 2 * np.pi), canvas.px(rng.uniform(5000.0, 8000.0))
    reach = rng.uniform(0.45, 0.62) * np.hypot(ny, nx)  # from the middle of the field to the edge of the film
    y = np.arange(ny)[:, None] - ny / 2 + (radius - reach) * np.sin(angle)
    x = np.arange(nx)[None, :] - nx / 2 + (radius - reach) * np.cos(angle)
    film = np.hypot(y, x) - radius + 0.5 * smooth_field((ny, nx), 20.0, rng)
    thick = max(canvas.px(rng.uniform(120.0, 200.0)), 1.0)
    first = max(int(canvas.bottom.min()), 0)
    height = int(np.ceil(thick)) + 2
    carbon = contamination.carbon_film((height, ny, nx), height / 2, thick, film, rng)
    last = min(first + height, canvas.shape[0])
    canvas.biology[first:last] += carbon[: last - first]
    canvas.occupied[first:last][carbon[: last - first] > 0] = 1


def _membranes(canvas: Canvas, room: float) -> None:
    """Vesicles and lysosomes: closed membranes, some nested or filled, most as wide as the ice lets them be."""
    rng = canvas.rng
    largest = max(0.45 * canvas.thickness_px * canvas.voxel_size_A, 300.0)
    for _ in range(int(rng.poisson(4.0 * room))):
        radius = float(np.exp(rng.uniform(np.log(180.0), np.log(largest))))
        body = canvas.vesicle(radius, lumen=ORGANELLE, allowed=MEDIUM)
        if rng.random() < 0.25:
            canvas.inner_vesicle(body, float(rng.uniform(130.0, 400.0)), lumen=ORGANELLE, allowed=ORGANELLE)
    canvas.occupied[np.abs(canvas.biology) > 0.6] = 1
    canvas.biology *= _MEMBRANE
    if rng.random() < 0.6 and np.any(canvas.region == ORGANELLE):
        canvas.crowd(float(rng.uniform(0.005, 0.06)), ORGANELLE)


def _actin(canvas: Canvas, room: float) -> None:
    """Pieces of actin filaments, each as far as the ice is free."""
    rng = canvas.rng
    for _ in range(int(rng.poisson(6.0 * room))):
        angle = rng.uniform(0, 2 * np.pi)
        direction = np.array([rng.normal(0, 0.1), np.sin(angle), np.cos(angle)])
        path = filaments.bent_path(
            canvas.somewhere(canvas.px(100.0)), direction, canvas.px(rng.uniform(500.0, 4000.0)), canvas.px(6e4), rng
        )
        z, y, x = np.round(path).astype(int).T
        inside = (z >= 0) & (z < canvas.shape[0])
        taken = ~inside | (canvas.occupied[np.where(inside, z, 0), y % canvas.shape[1], x % canvas.shape[2]] > 0)
        free = int(np.argmax(taken)) if taken.any() else len(path)
        if free >= 10:
            filaments.add_actin(canvas.biology, path[:free], canvas.voxel_size_A, rng)


def _forbid(canvas: Canvas) -> None:
    """Keep what is placed next out of membranes, filaments and closed bodies."""
    for z in range(canvas.shape[0]):
        canvas.occupied[z][(np.abs(canvas.biology[z]) > 0.4) | (canvas.region[z] != MEDIUM)] = 1


def _lysate(voxel_size_A: float, rng: np.random.Generator) -> list[tuple[Species, Shape]]:
    """Complexes of the lysate that no one knows, others in each tomogram, the smaller the more of them."""
    made = []
    for k in range(10):
        mass = float(np.exp(rng.uniform(np.log(80.0), np.log(3000.0))))
        species = Species(f"lysate-{k + 1}", mass, 8.0 if mass < 700.0 else 4.0)
        template = generated_template(
            species.name, mass, voxel_size_A, rng, symmetry=int(rng.choice([1, 1, 2, 3])),
            elongation=float(rng.uniform(0.8, 1.6)),
        )  # fmt: skip
        made.append((species, make_shape(template, species, voxel_size_A)))
    return made


def _small_proteins(canvas: Canvas, crowding: float) -> None:
    """Albumin throughout and as a film on both surfaces; the lysate's small proteins between."""
    rng = canvas.rng
    area_nm2 = canvas.shape[1] * canvas.shape[2] * canvas.voxel_size_A**2 / 100.0
    volume_nm3 = area_nm2 * canvas.thickness_px * canvas.voxel_size_A / 10.0
    dissolved = rng.poisson(crowding * _ALBUMIN_NM3 * volume_nm3)
    gathered = rng.poisson(crowding * _ALBUMIN_NM2 * 2.0 * area_nm2)
    lysate = rng.poisson(crowding * _LYSATE_NM3 * volume_nm3)
    count = dissolved + gathered + lysate
    mass = np.full(count, 66.0)
    mass[dissolved + gathered :] = np.exp(rng.uniform(np.log(20.0), np.log(150.0), lysate))
    place = rng.uniform(0.0, 1.0, (count, 3)) * np.array([1.0, canvas.shape[1] - 1, canvas.shape[2] - 1])
    place[dissolved + gathered :, 1:] = _in_patches(canvas, lysate)
    y, x = place[:, 1].astype(int), place[:, 2].astype(int)
    low, high = canvas.bottom[y, x], canvas.top[y, x]
    place[:, 0] = low + place[:, 0] * (high - low)
    film = slice(dissolved, dissolved + gathered)
    depth = canvas.px(20.0) + np.abs(rng.normal(0.0, canvas.px(25.0), gathered))
    place[film, 0] = np.where(rng.random(gathered) < 0.5, low[film] + depth, high[film] - depth)
    z = np.clip(np.round(place[:, 0]).astype(int), 0, canvas.shape[0] - 1)
    free = canvas.occupied[z, y, x] == 0
    _add_globules(canvas, place[free], mass[free])


def _aggregates(canvas: Canvas, room: float) -> None:
    """Loose clumps of small proteins, 15 to 80 nm wide, as lysates have them."""
    rng = canvas.rng
    for _ in range(int(rng.poisson(30.0 * room))):
        count = int(np.exp(rng.uniform(np.log(20.0), np.log(250.0))))
        wide = canvas.px(18.0 * np.cbrt(count) * rng.uniform(1.3, 2.5))
        places = canvas.somewhere(canvas.px(100.0)) + wide * rng.standard_normal((count, 3)) * rng.uniform(0.6, 1.2, 3)
        z, y, x = np.round(places).astype(int).T
        inside = (z >= 0) & (z < canvas.shape[0])
        free = canvas.occupied[np.where(inside, z, 0), y % canvas.shape[1], x % canvas.shape[2]] == 0
        places = places[inside & free]
        _add_globules(canvas, places, np.exp(rng.uniform(np.log(30.0), np.log(150.0), len(places))))


def _in_patches(canvas: Canvas, count: int) -> np.ndarray:
    """``(count, 2)`` places y, x of which some regions hold several times as many as others."""
    rng, (ny, nx) = canvas.rng, canvas.shape[1:]
    weight = np.exp(0.8 * smooth_field((ny, nx), canvas.px(600.0), rng)).astype(np.float64).ravel()
    chosen = np.searchsorted(np.cumsum(weight), rng.uniform(0.0, weight.sum(), count))
    places = np.stack(np.unravel_index(np.minimum(chosen, ny * nx - 1), (ny, nx)), axis=1) + rng.uniform(
        -0.5, 0.5, (count, 2)
    )
    return np.clip(places, 0.0, [ny - 1, nx - 1])


def _add_globules(canvas: Canvas, centres_px: np.ndarray, mass_kDa: np.ndarray) -> None:
    """Small proteins of three domains each."""
    rng, parts = canvas.rng, 3
    radius_A = np.repeat((3.0 * mass_kDa * PROTEIN_A3_PER_KDA / (4.0 * np.pi)) ** (1.0 / 3.0), parts)
    spread = (0.55 * radius_A / canvas.voxel_size_A)[:, None]
    places = np.repeat(centres_px, parts, axis=0) + spread * rng.standard_normal((len(radius_A), 3))
    integral = np.repeat(mass_kDa, parts) / parts * PROTEIN_A3_PER_KDA * PROTEIN_V / canvas.voxel_size_A**3
    sigma_A = np.sqrt((0.42 * radius_A) ** 2 + canvas.voxel_size_A**2 / 12.0)
    add_blobs(canvas.biology, places, np.maximum(sigma_A / canvas.voxel_size_A, 0.42), integral)
