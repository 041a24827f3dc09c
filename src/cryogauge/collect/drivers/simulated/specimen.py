"""A grid in the column: its pictures, its height, and what the beam has done to it."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from cryogauge.collect.drivers.options import options_from
from cryogauge.collect.drivers.simulated.settings import Mechanics
from cryogauge.collect.targets.realign import Placement
from cryogauge.records import BadInput

_CELL_UM = 10.0
_FAINT_E_A2 = 0.5  # exposures below it leave nothing to see


@dataclass(frozen=True)
class Source:
    """Where pictures of a grid come from.

    Attributes
    ----------
    grid
        Makes a grid of what the options say is in a slot, and a seed.
    image
        As :func:`cryogauge.simulate.grid.grid_image`.
    frames
        As :func:`cryogauge.simulate.grid.grid_frames`.
    """

    grid: Callable[[Any, int], Any]
    image: Callable[..., NDArray[np.float32]]
    frames: Callable[..., Iterable[NDArray[np.float32]]]


class Specimen:
    """A grid under the beam.

    Parameters
    ----------
    grid
        The grid.
    source
        How it is pictured.
    seed
        Of its height.

    Attributes
    ----------
    exposed
        (x_um, y_um, radius_um, dose_e_A2) of what was exposed so far.
    placement
        How it lies on the stage; its points are told as they lay at first.
    """

    def __init__(self, grid: Any, source: Source, seed: int) -> None:
        self.grid = grid
        self.exposed: list[tuple[float, float, float, float]] = []
        self.placement = Placement()
        self._source = source
        self._near: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
        self._widest_um = 0.0
        rng = np.random.default_rng([seed, 17])
        self._offset_um = rng.uniform(-40.0, 40.0)
        self._slope = rng.normal(0.0, 0.01, 2)  # up to 20 µm across a grid
        waves = rng.uniform(300.0, 900.0, 4)
        angles = rng.uniform(0.0, 2.0 * math.pi, 4)
        self._waves = [
            (2.0 * math.pi * math.cos(angle) / wave, 2.0 * math.pi * math.sin(angle) / wave, phase)
            for wave, angle, phase in zip(waves, angles, rng.uniform(0.0, 2.0 * math.pi, 4), strict=True)
        ]

    def point_um(self, x_um: float, y_um: float) -> tuple[float, float]:
        """The point of the grid at a place of the stage."""
        x, y = self.placement.before_um((x_um, y_um))
        return float(x), float(y)

    def eucentric_z_um(self, x_um: float, y_um: float) -> float:
        """The stage's z at which a point of the grid is at eucentric height."""
        waves = sum(1.5 * math.sin(a * x_um + b * y_um + phase) for a, b, phase in self._waves)
        return float(self._offset_um + self._slope[0] * x_um + self._slope[1] * y_um + waves)

    def expose(self, center_um: tuple[float, float], radius_um: float, dose_e_A2: float) -> bool:
        """Leave a dose there; whether it was enough to matter."""
        if dose_e_A2 < _FAINT_E_A2:
            return False
        self._near[_cell(*center_um)].append(len(self.exposed))
        self._widest_um = max(self._widest_um, radius_um)
        self.exposed.append((*center_um, radius_um, dose_e_A2))
        return True

    def dose_at(self, x_um: float, y_um: float) -> float:
        """e/Å² that a point has had."""
        return sum(
            dose for x, y, radius, dose in self._around(x_um, y_um, 0.0) if math.hypot(x - x_um, y - y_um) <= radius
        )

    def picture(
        self,
        center_um: tuple[float, float],
        pixel_size_A: float,
        shape_px: tuple[int, int],
        *,
        defocus_A: float,
        dose_e_A2: float,
        tilt_deg: float,
        seed: int,
        slit: bool,
        drift_A: tuple[float, float] = (0.0, 0.0),
    ) -> NDArray[np.float32]:
        """A picture of the grid as the beam has left it.

        Parameters
        ----------
        center_um
            Point of the grid in the picture's middle, (x, y).
        pixel_size_A, shape_px, defocus_A, dose_e_A2, tilt_deg, seed, slit
            How it is taken; the shape is (y, x).
        drift_A
            How far the specimen moves while it is taken, (x, y).

        Returns
        -------
        Electrons a pixel, (y, x).
        """
        image = self._source.image(
            self.grid,
            center_um,
            pixel_size_A,
            self._turned_px(shape_px),
            defocus_A=defocus_A,
            dose_e_A2=dose_e_A2,
            tilt_deg=tilt_deg,
            seed=seed,
            slit=slit,
            prior_dose_e_A2=self.dose_at(*center_um),
            drift_A=drift_A,
        )
        darkened = self._darkened(image, center_um, pixel_size_A, tilt_deg) if self.exposed else image
        return self._turned(darkened, shape_px)

    def movie(
        self,
        center_um: tuple[float, float],
        pixel_size_A: float,
        shape_px: tuple[int, int],
        *,
        defocus_A: float,
        dose_e_A2: float,
        tilt_deg: float,
        seed: int,
        slit: bool,
        drift_A: tuple[float, float],
        count: int,
    ) -> NDArray[np.float32]:
        """The frames of a movie, (frame, y, x); arguments as of :meth:`picture`, of the whole movie."""
        steps = (np.arange(count) + 0.5) / count
        frames = self._source.frames(
            self.grid,
            center_um,
            pixel_size_A,
            self._turned_px(shape_px),
            drift_px=-np.outer(steps, drift_A[::-1]) / pixel_size_A,  # what is seen moves against the beam's way
            defocus_A=defocus_A,
            dose_e_A2=dose_e_A2,
            tilt_deg=tilt_deg,
            seed=seed,
            slit=slit,
            prior_dose_e_A2=self.dose_at(*center_um),
        )
        darkened = (self._darkened(frame, center_um, pixel_size_A, tilt_deg) for frame in frames)
        return np.stack([self._turned(frame, shape_px) for frame in darkened])

    def _turned_px(self, shape_px: tuple[int, int]) -> tuple[int, int]:
        """Shape (y, x) of a picture along the grid's axes that holds one along the stage's."""
        if not self.placement.rotation_deg:
            return shape_px
        y, x = np.abs(self.placement.turn) @ np.array(shape_px, float)
        return math.ceil(y) + 2, math.ceil(x) + 2

    def _turned(self, image: NDArray[np.float32], shape_px: tuple[int, int]) -> NDArray[np.float32]:
        """A picture along the grid's axes as the stage's see it; each pixel the nearest, so that noise stays noise."""
        if not self.placement.rotation_deg:
            return image
        turn = self.placement.turn  # of ways (y, x) from the stage's axes to the grid's: its inverse with axes swapped
        start: Any = (np.array(image.shape) - 1) / 2 - turn @ ((np.array(shape_px) - 1) / 2)
        return np.asarray(ndimage.affine_transform(image, turn, start, shape_px, order=0, mode="nearest"), np.float32)

    def _around(self, x_um: float, y_um: float, reach_um: float) -> list[tuple[float, float, float, float]]:
        reach = reach_um + self._widest_um
        (x0, y0), (x1, y1) = _cell(x_um - reach, y_um - reach), _cell(x_um + reach, y_um + reach)
        if (x1 - x0 + 1) * (y1 - y0 + 1) > len(self._near):
            return [self.exposed[n] for cell in self._near.values() for n in cell]
        cells = ((i, j) for i in range(x0, x1 + 1) for j in range(y0, y1 + 1))
        return [self.exposed[n] for cell in cells if cell in self._near for n in self._near[cell]]

    def _darkened(
        self, image: NDArray[np.float32], center_um: tuple[float, float], pixel_size_A: float, tilt_deg: float
    ) -> NDArray[np.float32]:
        """Exposed places are darker: contamination grows where the beam was."""
        pixel_um = pixel_size_A / 1e4
        height, width = image.shape
        across = math.cos(math.radians(tilt_deg))
        for x, y, radius, dose in self._around(*center_um, 0.5 * pixel_um * math.hypot(height, width)):
            reach = radius / pixel_um
            if reach < 0.5:
                continue  # smaller than a pixel
            column = (x - center_um[0]) * across / pixel_um + (width - 1) / 2
            row = (y - center_um[1]) / pixel_um + (height - 1) / 2
            top, bottom = max(0, math.ceil(row - reach)), min(height, math.floor(row + reach) + 1)
            left, right = max(0, math.ceil(column - reach)), min(width, math.floor(column + reach) + 1)
            if top >= bottom or left >= right:
                continue
            dy = np.arange(top, bottom)[:, None] - row
            dx = np.arange(left, right)[None, :] - column
            part = image[top:bottom, left:right]
            part *= np.where(dy * dy + dx * dx <= reach * reach, 0.94 + 0.06 * math.exp(-dose / 30.0), 1.0)
        return image


def placement_of(mechanics: Mechanics, seed: Sequence[int], loads: int) -> Placement:
    """How a grid lies that was loaded so many times, against how it lay at first; drawn anew for each."""
    if loads < 2 or not (mechanics.reload_um or mechanics.reload_deg):
        return Placement()
    turned, x, y = np.random.default_rng([*seed, loads]).standard_normal(3)
    return Placement(
        float(mechanics.reload_deg * turned), (float(mechanics.reload_um * x), float(mechanics.reload_um * y))
    )


def _cell(x_um: float, y_um: float) -> tuple[int, int]:
    return math.floor(x_um / _CELL_UM), math.floor(y_um / _CELL_UM)


def grid_source(optics: Mapping[str, Any], grids: Mapping[int, Any]) -> Source:
    """The simulation of grids, through the optics of :class:`cryogauge.simulate.grid.GridOptics`.

    Raises
    ------
    BadInput
        For optics, or settings of one of the grids by slot, that are none: a session is not to find out on the way.
    """
    from cryogauge.simulate.grid import GridOptics, GridSettings, grid_frames, grid_image, make_grid
    from cryogauge.simulate.grid.settings import settings_from

    def made(grid: Any, seed: int) -> Any:
        grid = settings_from(dict(grid)) if isinstance(grid, Mapping) else grid
        return make_grid(grid, seed) if isinstance(grid, GridSettings) else grid

    unknown = sorted(set(optics) - {each.name for each in fields(GridOptics)})
    if unknown:
        raise BadInput(f"no optics of a grid's picture are called {unknown[0]!r}", "see GridOptics")
    for slot, grid in grids.items():
        if isinstance(grid, Mapping):
            options_from(GridSettings, grid, f"the simulated grid in slot {slot}")
    through = GridOptics(**optics)
    return Source(made, partial(grid_image, optics=through), partial(grid_frames, optics=through))
