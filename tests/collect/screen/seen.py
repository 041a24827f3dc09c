"""Grids whose exposures show particles, for the quick microscope: from all sides, or from one."""

import numpy as np

from cryogauge.collect.drivers.registry import guard
from cryogauge.collect.drivers.simulated.scope import SimulatedMicroscope
from cryogauge.collect.drivers.simulated.specimen import Source
from cryogauge.collect.screen.particles import CENTRES
from cryogauge.collect.screen.run import JOURNAL
from cryogauge.imaging.ctf import ctf_2d
from cryogauge.imaging.transforms import irfft2
from cryogauge.simulate.classes.structure import Structure
from cryogauge.simulate.classes.views import random_views, scattered_views, splat
from tests.collect.screen import quick

EDGE_PX, PIXEL_A, DEFOCUS_A, DIAMETER_A = 264, 5.0, 12_000.0, 100.0
MODES = {**quick.MODES, "exposure": {"pixel_size_A": PIXEL_A, "shape_px": [EDGE_PX, EDGE_PX], "dose_e_A2": 40.0}}
LENS = {"voltage_kV": 300.0, "cs_mm": 2.7, "amplitude_contrast": 0.1}
_LATTICE = 22.0 + 44.0 * np.arange(6)
PLACES_PX = np.stack(np.meshgrid(_LATTICE, _LATTICE, indexing="ij"), axis=-1).reshape(-1, 2)
_TOO_LOW_PX = np.array([4.0, -3.0])  # who counts particles does not find their middles


def _made_up():
    """Three arms of different lengths at right angles: it looks like itself from nowhere else."""
    rng = np.random.default_rng(3)
    ends = np.array([[55.0, 0.0, 0.0], [0.0, 40.0, 0.0], [0.0, 0.0, 28.0]])
    points = np.concatenate([end * rng.uniform(0, 1, (150, 1)) + rng.normal(0, 5, (150, 3)) for end in ends])
    points = (points - points.mean(axis=0)).astype(np.float32)
    return Structure("arms", points, np.full(len(points), 0.4, np.float32), 4.0, 180.0)


STRUCTURE = _made_up()


def image(grid, center_um, pixel_size_A, shape_px, *, dose_e_A2, seed, **more):
    if pixel_size_A != PIXEL_A:
        return quick.image(0.8, center_um, pixel_size_A, shape_px, dose_e_A2=dose_e_A2, seed=seed, **more)
    rng = np.random.default_rng(seed)
    count = len(PLACES_PX)
    one = random_views(1, np.random.default_rng(8))[0]
    views = scattered_views(one, count, 2.0, 180.0, rng) if grid == "one side" else random_views(count, rng)
    shifts_A = (PLACES_PX - EDGE_PX // 2 + rng.uniform(-1, 1, (count, 2))) * PIXEL_A
    spectrum = splat(STRUCTURE, views, EDGE_PX, PIXEL_A, shifts_A=shifts_A, weights=np.full(count, 1.0))
    transfer = ctf_2d((EDGE_PX, EDGE_PX), PIXEL_A, DEFOCUS_A, **LENS)
    contrast = 4e-3 * irfft2(spectrum * transfer, (EDGE_PX, EDGE_PX))
    return rng.poisson(np.maximum(1.0 + contrast, 0.0) * dose_e_A2 * PIXEL_A**2).astype(np.float32)


def judge(picture, pixel_size_A, settings):
    """What a judge would say of these exposures, which all are alike but for what they show."""
    return {
        "score": 0.9, "kind": "great", "ctf_resolution_A": 6.0, "defocus_A": DEFOCUS_A, "astigmatism_A": 0.0,
        "astigmatism_deg": 0.0, "pixel_size_A": pixel_size_A, "particles": len(PLACES_PX),
        "particle_diameter_A": DIAMETER_A, CENTRES: (PLACES_PX + _TOO_LOW_PX) * PIXEL_A,
    }  # fmt: skip


class Bench(quick.Bench):
    """The quick microscope over such grids."""

    def connect(self, settings, folder):
        source = Source(lambda grid, seed: grid, image, lambda *_, **__: iter(()))
        made = lambda given, control: SimulatedMicroscope(given, control, source)  # noqa: E731
        self.scope = guard(made, settings.microscope, journal=folder / JOURNAL)
        return self.scope
