"""From a seed to a tomogram like SHREC's, with all that is known of it."""

from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.spatial.transform import Rotation

from cryogauge.imaging.reconstruction import weighted_back_projection
from cryogauge.io.picks.angles import from_matrices
from cryogauge.records import BadInput, TiltSeries
from cryogauge.records.shrec import SHREC_VOXEL_A
from cryogauge.simulate.acquire import Imaging, contrast, expose
from cryogauge.simulate.canvas import Canvas, empty_canvas
from cryogauge.simulate.phantom.placing import claim, paint
from cryogauge.simulate.phantom.species import Shape
from cryogauge.simulate.rasterise import add_template
from cryogauge.simulate.shrec.species import load_complexes
from cryogauge.simulate.specimens import Specimen

#: Particles of a tomogram of 2019 and 2020, about 200 of each species in 512 × 512 × 200 voxels of 1 nm.
_PARTICLES, _ROOM_PX = 2400, 512 * 512 * 200
#: Random places tried for a particle before it is given up.
_TRIES = 60
#: Slices of ice-free room above the slab, and as many below.
_SPARE_PX = 2
#: 41 tilts within ±60°, as SHREC's; dose, contrast and camera are those of a usual, well aligned series.
SHREC_IMAGING = Imaging(
    dose_e_A2=100.0, tilt_range_deg=60.0, tilt_step_deg=3.0, schedule="dose-symmetric",
    detector_binning=6.5, contrast_factor=1.5,
)  # fmt: skip


@dataclass(frozen=True)
class ShrecSettings:
    """What tomograms are drawn from.

    Attributes
    ----------
    shape
        ``(z, y, x)`` voxels of 10 Å. The ice fills all but two slices at either end, and particles all of the ice.
    maps
        Folders of maps, see :func:`cryogauge.simulate.shrec.species.load_complexes`.
    crowding
        Multiplies the number of particles, which goes with the volume.
    defocus_A
        Range, drawn evenly.
    imaging
        Everything else of the imaging.
    """

    shape: tuple[int, int, int] = (180, 512, 512)
    maps: tuple[Path, ...] = ()
    crowding: float = 1.0
    defocus_A: tuple[float, float] = (20_000.0, 50_000.0)
    imaging: Imaging = field(default=SHREC_IMAGING)

    def __post_init__(self) -> None:
        if len(self.shape) != 3 or min(self.shape) < 40:
            raise BadInput(
                f"a tomogram of {' × '.join(map(str, self.shape))} voxels holds no proteasome",
                "give at least 40 slices of 40 × 40",
            )
        if not 0 < self.crowding <= 5:
            raise BadInput(f"a crowding of {self.crowding:g} is outside 0–5", "1 is SHREC's")
        low, high = self.defocus_A
        if not 0 < low <= high:
            raise BadInput("defocus_A must be a range of two numbers, 0 < low ≤ high")


@dataclass(frozen=True)
class ShrecTomogram:
    """A tomogram and all that is known of it; arrays ``(z, y, x)``, protein dark.

    Attributes
    ----------
    data
        float32 reconstruction.
    potential_V
        float32 potential above ice, without noise.
    classes, occupancy
        uint8 and uint16: class and number of the particle that fills each voxel, from 1.
    particles
        ``object``; ``x, y, z`` in voxels; ``rot, tilt, psi`` in degrees as pick tables have them. Row i is
        number i + 1.
    defocus_A
        What was drawn.
    """

    data: np.ndarray
    potential_V: np.ndarray
    classes: np.ndarray
    occupancy: np.ndarray
    particles: pd.DataFrame
    defocus_A: float


def make_shrec(settings: ShrecSettings, seed: int) -> ShrecTomogram:
    """Fill a slab of ice with the twelve species, record a tilt series of it and reconstruct it; nothing is written.

    Kinds, places, which are whole voxels, and turns are drawn evenly, as SHREC draws them.

    Parameters
    ----------
    settings
        Size, maps and imaging.
    seed
        The same settings, maps and seed give the same tomogram.

    Raises
    ------
    BadInput
        When the maps cannot be used, or not one particle finds room.
    """
    placing_seed, imaging_seed, draw_seed = np.random.SeedSequence(seed).generate_state(3)
    rng = np.random.default_rng(placing_seed)
    nz = settings.shape[0]
    canvas = empty_canvas(settings.shape, SHREC_VOXEL_A, (nz - 2 * _SPARE_PX) * SHREC_VOXEL_A / 10.0, rng)
    particles, occupancy, classes = _fill(canvas, _shapes(settings.maps), settings, rng)
    defocus_A = float(np.random.default_rng(draw_seed).uniform(*settings.defocus_A))
    specimen = Specimen(
        canvas.biology, canvas.biology, SHREC_VOXEL_A, canvas.top, canvas.bottom, particles, "SHREC-like"
    )
    series = expose(specimen, replace(settings.imaging, defocus_A=defocus_A), int(imaging_seed))
    assert isinstance(series, TiltSeries)
    tilts = series.table["tilt_deg"].to_numpy()
    data = weighted_back_projection(contrast(np.asarray(series.images)), tilts, settings.shape)
    return ShrecTomogram(data, canvas.biology, classes, occupancy, particles, defocus_A)


@lru_cache(maxsize=1)
def _shapes(maps: tuple[Path, ...]) -> dict[str, Shape]:
    return load_complexes(maps)


def _fill(
    canvas: Canvas, shapes: dict[str, Shape], settings: ShrecSettings, rng: np.random.Generator
) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Place particles in the slab; a table of them, whose voxels are whose, and of which class."""
    occupancy = np.zeros(canvas.shape, np.uint16)
    wanted = round(_PARTICLES * settings.crowding * float(np.prod(settings.shape)) / _ROOM_PX)
    names, centres, turns = [], [], []
    for name in rng.choice(list(shapes), wanted):
        shape = shapes[str(name)]
        found = _place(canvas, shape, rng)
        if found is not None:
            names.append(str(name))
            centres.append(found[0])
            turns.append(found[1])
            paint(occupancy, shape.mask, shape.reach_px, *found, len(names))
    if not names:
        raise BadInput("not one particle found room", "give a larger --size")
    particles = pd.DataFrame({"object": names})
    particles[["z", "y", "x"]] = np.array(centres)
    particles[["rot", "tilt", "psi"]] = from_matrices(np.array(turns)[:, ::-1, ::-1])
    of_class = np.array([0, *(shapes[name].label for name in names)], np.uint8)
    return particles, occupancy, of_class[occupancy]


def _place(canvas: Canvas, shape: Shape, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray] | None:
    """Find room for a particle and put it there; its centre and turn, ``(z, y, x)``, or nothing."""
    reach = shape.reach_px
    low, high = np.full(3, np.ceil(reach)), np.array(canvas.shape) - 1 - np.ceil(reach)
    if (high < low).any():
        return None
    for _ in range(_TRIES):
        centre = rng.integers(low.astype(int), high.astype(int), endpoint=True).astype(np.float64)
        rotation = Rotation.random(rng=rng).as_matrix()
        if claim(canvas.occupied, shape.mask, shape.fence, reach, centre, rotation):
            add_template(canvas.biology, shape.density, centre, rotation)
            return centre, rotation
    return None
