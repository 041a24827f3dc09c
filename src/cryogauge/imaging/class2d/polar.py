"""Images on rings of their Fourier transform, as waves around each ring.

The transform of a real image on a ring of radius q (cycles per edge) is ``F(q, φ) = Σ_m a(q, m) exp(i m φ)``, with
``a(q, −m) = (−1)^m a(q, m)*``, so that ``m ≥ 0`` says all. Turning the image by an angle α multiplies ``a(q, m)`` by
``exp(−i m α)``: the correlation of two images over all turns is one transform along m. Mirroring it left to right
replaces ``a`` by its conjugate.

Turns are from +x towards +y about pixel ``n // 2``.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import cast

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from cryogauge.imaging.class2d.sampling import Taps, padded_spectra, sample, taps_at
from cryogauge.imaging.transforms import fast_length


@dataclass(frozen=True)
class Rings:
    """Rings of frequencies and the points on them.

    Attributes
    ----------
    count
        Rings, at 1, 2, … cycles per edge.
    box_px
        Edge of the images; lengths on the rings are in its pixels.
    radius_px
        Radius that holds the object: waves that it cannot make around a ring are left out.
    """

    count: int
    box_px: int
    radius_px: float

    @cached_property
    def frequency(self) -> NDArray[np.float32]:
        """Cycles per edge of each ring."""
        return np.arange(1, self.count + 1, dtype=np.float32)

    @cached_property
    def waves(self) -> int:
        """Waves around a ring that are kept, 0 among them: ``2π q R / n`` on the outermost, and a few."""
        return int(np.ceil(2 * np.pi * self.count * self.radius_px / self.box_px)) + 5

    @cached_property
    def points(self) -> int:
        """Points around a whole ring, an even number; turns are searched in as many steps."""
        return 2 * fast_length(int(np.ceil(1.25 * self.waves)) + 2)

    @cached_property
    def held(self) -> NDArray[np.bool_]:
        """Which waves ``(ring, wave)`` an object of the radius can make."""
        most = 2 * np.pi * self.frequency * self.radius_px / self.box_px + 4
        return np.arange(self.waves)[None, :] <= most[:, None]

    @cached_property
    def quadrature(self) -> NDArray[np.float32]:
        """Weight of each ring in a sum over pixels: ``Σ a b = Σ_q weight(q) Σ_m a(q, m)* b(q, m)``, m of both signs."""
        return (2 * np.pi * self.frequency / self.box_px**2).astype(np.float32)

    @cached_property
    def directions(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Frequencies y and x ``(ring, point)`` on the half of each ring that is measured."""
        angle = 2 * np.pi * np.arange(self.points // 2) / self.points
        return np.outer(self.frequency, np.sin(angle)), np.outer(self.frequency, np.cos(angle))

    @cached_property
    def taps(self) -> Taps:
        """Where the points lie in padded transforms."""
        y, x = self.directions
        return taps_at(y.ravel(), x.ravel())

    def on_rings(self, images: NDArray[np.floating]) -> NDArray[np.complex64]:
        """Transforms ``(image, ring, half the points)`` of square images of any edge that holds the rings."""
        return sample(padded_spectra(images), self.taps).reshape(len(images), self.count, -1)

    def shifts(self, shift_px: NDArray[np.floating]) -> NDArray[np.complex64]:
        """What moves images by ``(..., 2)`` pixels (y, x): factors ``(..., ring, half the points)``."""
        y, x = self.directions
        turns = (shift_px[..., 0, None, None] * y + shift_px[..., 1, None, None] * x) / self.box_px
        return np.exp(np.complex64(-2j * np.pi) * turns.astype(np.float32)).astype(np.complex64)

    def to_waves(self, values: NDArray[np.complexfloating]) -> NDArray[np.complex64]:
        """Waves ``(..., ring, wave)`` of values on half of each ring ``(..., ring, half the points)``."""
        whole = np.concatenate([values, values.conj()], axis=-1)
        found = cast("NDArray[np.complex64]", scipy.fft.fft(whole, axis=-1, overwrite_x=True))[..., : self.waves]
        return found * (self.held / np.float32(self.points))

    def from_waves(self, waves: NDArray[np.complexfloating]) -> NDArray[np.complex64]:
        """Values on half of each ring from its waves: the way back."""
        whole = np.zeros((*waves.shape[:-1], self.points), dtype=np.complex64)
        whole[..., : self.waves] = waves
        sign = np.where(np.arange(1, self.waves) % 2, -1, 1).astype(np.float32)
        whole[..., : -self.waves : -1] = waves[..., 1:].conj() * sign
        values = cast("NDArray[np.complex64]", scipy.fft.ifft(whole, axis=-1, overwrite_x=True))
        return values[..., : self.points // 2] * np.float32(self.points)

    def fitted(self, waves: NDArray[np.complexfloating]) -> NDArray[np.complex64]:
        """Waves ``(..., ring, wave)`` of fewer rings as these rings hold them, the rest 0."""
        whole = np.zeros((*waves.shape[:-2], self.count, self.waves), dtype=np.complex64)
        whole[..., : waves.shape[-2], : waves.shape[-1]] = waves
        return whole

    def power(self, waves: NDArray[np.complexfloating]) -> NDArray[np.float32]:
        """Mean square ``(..., ring)`` around each ring."""
        squares = np.square(waves.real) + np.square(waves.imag)
        return np.asarray(2 * squares.sum(axis=-1) - squares[..., 0], dtype=np.float32)

    def over_turns(self, waves: NDArray[np.complexfloating]) -> NDArray[np.float32]:
        """Sums ``Σ_m c(m) exp(i m α)`` at all turns α ``(turn, ...)`` of products of waves ``(wave, ...)``."""
        turns = cast("NDArray[np.float32]", scipy.fft.irfft(waves, n=self.points, axis=0, overwrite_x=True))
        turns *= np.float32(self.points)
        return turns

    def waves_of_turns(self, chances: NDArray[np.float32]) -> NDArray[np.complex64]:
        """Sums ``Σ_α p(α) exp(i m α)`` for each wave ``(wave, ...)`` of what is given at all turns ``(turn, ...)``."""
        waves = cast("NDArray[np.complex64]", scipy.fft.rfft(chances, axis=0))
        return waves[: self.waves].conj()
