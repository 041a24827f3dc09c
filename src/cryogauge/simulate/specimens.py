"""A specimen: a slab of ice with one of the kinds of contents drawn into it, and all that is known of it."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from cryogauge.records import PICK_COLUMNS, BadInput
from cryogauge.simulate import contamination
from cryogauge.simulate.canvas import Canvas, empty_canvas
from cryogauge.simulate.fields import smooth_field
from cryogauge.simulate.kinds import KINDS
from cryogauge.simulate.particles import Template


@dataclass(frozen=True)
class Specimen:
    """A specimen and all that is known of it.

    Attributes
    ----------
    potential_V
        float32 ``(z, y, x)``: potential above vitreous ice of everything in the slab.
    biology_V
        The part of it that is biological structure.
    voxel_size_A
        Voxel size.
    top_px, bottom_px
        Surfaces of the slab, z in voxels at each ``(y, x)``.
    picks
        Centres and Euler angles (degrees, in RELION's convention: the intrinsic ZYZ rotation by ``rot, tilt, psi``
        is the inverse of that from template to specimen) of the placed complexes.
    kind
        Name of the kind.
    """

    potential_V: np.ndarray
    biology_V: np.ndarray
    voxel_size_A: float
    top_px: np.ndarray
    bottom_px: np.ndarray
    picks: pd.DataFrame
    kind: str

    def coverage(self) -> np.ndarray:
        """Part of each voxel that lies within the slab, float32 0–1 of shape ``(z, y, x)``."""
        z = np.arange(self.potential_V.shape[0], dtype=np.float32)[:, None, None]
        return np.clip(self.top_px - z + 0.5, 0.0, 1.0) * np.clip(z - self.bottom_px + 0.5, 0.0, 1.0)

    @property
    def thickness_nm(self) -> float:
        """Mean thickness perpendicular to the slab's mean plane, nm."""
        along_z = float((self.top_px - self.bottom_px).mean()) * self.voxel_size_A / 10.0
        return along_z * float(np.cos(np.deg2rad(self.tilt_deg)))

    @property
    def tilt_deg(self) -> float:
        """Angle between the slab's mean plane and the volume's slices."""
        middle = 0.5 * (self.top_px + self.bottom_px)
        ny, nx = middle.shape
        y, x = np.mgrid[:ny, :nx]
        design = np.stack([np.ones(middle.size), x.ravel(), y.ravel()], axis=1)
        _, b, c = np.linalg.lstsq(design, middle.ravel(), rcond=None)[0]
        return float(np.rad2deg(np.arctan(np.hypot(b, c))))


@dataclass(frozen=True)
class SlabShape:
    """How the slab departs from a flat sheet; see :func:`cryogauge.simulate.canvas.empty_canvas`."""

    slab_tilt_deg: float = 0.0
    wedge: float = 0.0
    curvature: float = 0.0
    roughness_A: float = 0.0
    curtain_A: float = 0.0
    offset: float = 0.0


def make_specimen(
    kind: str,
    shape: tuple[int, int, int],
    voxel_size_A: float,
    thickness_nm: float,
    seed: int,
    *,
    slab: SlabShape = SlabShape(),
    contaminants: bool | None = None,
    templates: tuple[Template, ...] = (),
) -> Specimen:
    """Draw a specimen.

    Parameters
    ----------
    kind
        One of :data:`KINDS`.
    shape
        ``(z, y, x)`` voxels of the volume; the slab is centred in it, with empty ice above and below.
    voxel_size_A
        5–50 Å.
    thickness_nm
        Mean thickness of the slab.
    seed
        The same seed draws the same specimen.
    slab
        Tilt, wedge, curvature and relief of the slab.
    contaminants
        Gold, frost, carbon and holes in the ice: drawn at random by default, always with True, never with False.
    templates
        Complexes of the user's own, placed in the place of generated ones; see
        :func:`cryogauge.simulate.densities.load_template`.

    Raises
    ------
    BadInput
        Unknown kind, voxel size out of range, or a slab that does not fit.
    """
    if kind not in KINDS:
        raise BadInput(f"no specimen is called {kind!r}", f"one of: {', '.join(KINDS)}")
    if not 4.0 <= voxel_size_A <= 60.0:
        raise BadInput(f"a pixel size of {voxel_size_A:g} Å is outside 4–60 Å", "choose --pixel-size between 5 and 50")
    rng = np.random.default_rng(seed)
    canvas = empty_canvas(
        shape, voxel_size_A, thickness_nm, rng, templates=templates, slab_tilt_deg=slab.slab_tilt_deg, wedge=slab.wedge,
        curvature=slab.curvature, roughness_A=slab.roughness_A, curtain_A=slab.curtain_A, offset=slab.offset,
    )  # fmt: skip
    KINDS[kind](canvas)
    canvas.biology *= canvas.coverage()
    hole = np.zeros(canvas.shape[1:], dtype=np.float32)
    if contaminants or (contaminants is None and rng.random() < 0.6):
        _contaminate(canvas)
        if rng.random() < 0.15:
            hole = contamination.ice_hole(canvas.shape[1:], rng)
            canvas.biology *= 1.0 - hole
            canvas.other *= 1.0 - hole
            canvas.other += contamination.VACUUM_V * hole * canvas.coverage()
    picks = pd.concat(canvas.picks, ignore_index=True) if canvas.picks else pd.DataFrame(columns=list(PICK_COLUMNS))
    if canvas.picks:
        z = np.clip((picks["z_A"].to_numpy(float) / voxel_size_A).round().astype(int), 0, shape[0] - 1)
        y = (picks["y_A"].to_numpy(float) / voxel_size_A).round().astype(int) % shape[1]
        x = (picks["x_A"].to_numpy(float) / voxel_size_A).round().astype(int) % shape[2]
        there = (z <= canvas.top[y, x]) & (z >= canvas.bottom[y, x]) & (hole[y, x] < 0.5)
        picks = picks[there].reset_index(drop=True)
        picks.insert(0, "tomogram", "")
    return Specimen(canvas.biology + canvas.other, canvas.biology, voxel_size_A, canvas.top, canvas.bottom, picks, kind)


def _contaminate(canvas: Canvas) -> None:
    """Gold, frost and a carbon edge, each with its own chance."""
    rng = canvas.rng
    area_A2 = canvas.shape[1] * canvas.shape[2] * canvas.voxel_size_A**2
    if rng.random() < 0.6:
        diameter = float(rng.choice([50.0, 100.0, 100.0, 150.0]))
        count = int(rng.poisson(min(60.0, area_A2 / 1.5e6 * rng.uniform(0.1, 1.5))))
        contamination.add_gold(canvas.other, canvas.on_surface(count), diameter, canvas.voxel_size_A, rng)
    if rng.random() < 0.5:
        count = int(rng.poisson(min(25.0, area_A2 / 4e7 * rng.uniform(0.2, 3.0) + 1)))
        largest = float(np.clip(0.15 * canvas.shape[2] * canvas.voxel_size_A, 200.0, 1800.0))
        diameter = float(np.exp(rng.uniform(np.log(150.0), np.log(largest))))
        contamination.add_frost(canvas.other, canvas.on_surface(count), diameter, canvas.voxel_size_A, rng)
    if rng.random() < 0.2:
        y = np.arange(canvas.shape[1])[:, None] - canvas.shape[1] * rng.uniform(-0.2, 0.6)
        bend = smooth_field(canvas.shape[1:], canvas.shape[1] / 6, rng) * canvas.shape[1] * 0.02
        film_px = max(canvas.px(rng.uniform(100.0, 220.0)), 1.0)
        canvas.other += contamination.carbon_film(canvas.shape, float(canvas.bottom.min()), film_px, -(y + bend), rng)
