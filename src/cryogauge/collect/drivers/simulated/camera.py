"""A camera: pictures and movies of a specimen, through beam, slit and read-out."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryogauge.collect.drivers.simulated.faults import Faults
from cryogauge.collect.drivers.simulated.settings import Mechanics
from cryogauge.collect.drivers.simulated.specimen import Specimen
from cryogauge.io import write_mrc
from cryogauge.io.replace import no_space_is_retryable
from cryogauge.records import Retryable
from cryogauge.records.microscope import Mode

_BEAM_RADIUS = 0.55  # of a picture's diagonal


@dataclass(frozen=True)
class View:
    """How a picture is taken.

    Attributes
    ----------
    mode
        Pixel size and shape.
    at_um
        Point of the specimen in the middle, (x, y).
    defocus_A, dose_e_A2, tilt_deg, slit_in
        As they truly are.
    passed
        Share of the electrons that slit and zero-loss peak let through.
    drift_A_s
        (x, y).
    beam_shift_um
        (x, y).
    """

    mode: Mode
    at_um: tuple[float, float]
    defocus_A: float
    dose_e_A2: float
    tilt_deg: float
    slit_in: bool
    passed: float
    drift_A_s: tuple[float, float]
    beam_shift_um: tuple[float, float]


class Camera:
    """Takes pictures.

    Parameters
    ----------
    mechanics
        Its times and noise.
    faults
        What goes wrong.
    seed
        Of the noise.
    frames_folder
        Where movies go.
    """

    def __init__(self, mechanics: Mechanics, faults: Faults, seed: int, frames_folder: Path | None) -> None:
        self._mechanics = mechanics
        self._faults = faults
        self._seed = seed
        self._folder = frames_folder
        self._noise = np.empty(0, np.float32)

    def single(self, specimen: Specimen, view: View, number: int) -> NDArray[np.float32]:
        """A picture, (y, x), electrons a pixel; drift blurs it."""
        data = specimen.picture(view.at_um, view.mode.pixel_size_A, view.mode.shape_px, **self._how(view, number))
        return self._faults.spoil(self._read(data, view, number))

    def movie(self, specimen: Specimen, view: View, number: int) -> tuple[str, NDArray[np.float32]]:
        """Path of a movie (MRC, frame by frame as the specimen drifts) and its plain sum.

        Raises
        ------
        Retryable
            When the disk is full.
        """
        assert self._folder is not None  # without it no movies are among the capabilities
        taken = specimen.movie(
            view.at_um,
            view.mode.pixel_size_A,
            view.mode.shape_px,
            count=self._mechanics.frames,
            **self._how(view, number),
        )
        movie = np.stack([self._read(frame, view, number * len(taken) + n) for n, frame in enumerate(taken)])
        if self._faults.strikes("full disk"):
            raise Retryable(f"no space is left in {self._folder}", "free some space or choose another folder")
        path = self._folder / f"movie_{number:06d}.mrc"
        with no_space_is_retryable(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            write_mrc(path, movie, view.mode.pixel_size_A)
        return str(path), self._faults.spoil(movie.sum(axis=0))

    @staticmethod
    def beam_um(mode: Mode) -> float:
        """Radius of the beam."""
        return _BEAM_RADIUS * math.hypot(*mode.field_um)

    def _how(self, view: View, number: int) -> dict[str, Any]:
        for_s = self._mechanics.exposure_s
        return {
            "defocus_A": view.defocus_A,
            "dose_e_A2": view.dose_e_A2,
            "tilt_deg": view.tilt_deg,
            "seed": int(np.random.default_rng([self._seed, number]).integers(2**31)),
            "slit": view.slit_in,
            "drift_A": (view.drift_A_s[0] * for_s, view.drift_A_s[1] * for_s),
        }

    def _read(self, data: NDArray[np.float32], view: View, number: int) -> NDArray[np.float32]:
        """What beam and slit let through, read out."""
        if view.passed < 1.0:
            data *= np.float32(view.passed)
        if view.beam_shift_um != (0.0, 0.0):
            data *= self._lit(view)
        return data + self._read_noise(number, data.shape)

    def _lit(self, view: View) -> NDArray[np.bool_]:
        pixel_um = view.mode.pixel_size_A / 1e4
        height, width = view.mode.shape_px
        y = np.arange(height)[:, None] - (height - 1) / 2 - view.beam_shift_um[1] / pixel_um
        x = np.arange(width)[None, :] - (width - 1) / 2 - view.beam_shift_um[0] / pixel_um
        return y * y + x * x <= (self.beam_um(view.mode) / pixel_um) ** 2

    def _read_noise(self, number: int, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """A stretch of noise made once, begun elsewhere in every picture."""
        size = math.prod(shape)
        if self._noise.size < size + 65536:
            made = np.random.default_rng(self._seed).standard_normal(size + 65536, np.float32)
            self._noise = np.float32(self._mechanics.read_noise) * made
        start = (number * 7919) % 65536
        return self._noise[start : start + size].reshape(shape)
