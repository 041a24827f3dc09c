"""Where an exposure holds more power than its ice: the image restored in the band where particles are seen, squared.

Near focus the lens passes little of what is as coarse as a particle, so that most particles are no dark blobs but
patches of texture from 25 to 300 Å. The square of the image in that band, averaged over an area, shows them. What it
would be without anything in one place rather than another is told by copies with the same power spectrum and phases at
random, as surrogate data are made (Theiler et al., Physica D 58, 77, 1992).

How much matter there is follows from the power itself. At spacings finer than particles are large, what a volume of
protein in water scatters does not depend on how it is shared out among them (Porod, Kolloid-Z. 124, 83, 1951), so that
nothing ends where particles lie over one another.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.optimize import nnls

from cryogauge.imaging.ctf import ctf_2d
from cryogauge.imaging.fourier import fourier_bin, periodic_part
from cryogauge.imaging.transforms import frequency_radius, irfft2, rfft2

#: Pixel at which particles are looked for, and the band in which they are.
PIXEL_A, _FINEST_A, _COARSEST_A = 6.0, 25.0, 300.0
_DOMAIN_A = 45.0
_COPIES = 8


@dataclass(frozen=True)
class BandEnergy:
    """Squares of an exposure in the band of particles, and of copies without anything particular.

    Attributes
    ----------
    squares
        float32 ``(y, x)``.
    copies
        float32 ``(copy, y, x)``, of the same power spectrum with phases at random.
    point
        float32 ``(y, x)``: what a point in the middle of the field leaves.
    pixel_size_A
        Of all of them.
    free
        bool ``(y, x)``: where particles are looked for.
    noise_share
        Energy that camera and ice have where the field is free, by the power spectrum, over that of the copies, which
        have it everywhere.
    matter_A2
        Power of what particles are made of, at spacings where it does not fall yet (beyond 45 Å), of the contrast
        squared, in Å²: in proportion to their volume in an area. How large it is for a volume is the microscope's own.
    """

    squares: NDArray[np.float32]
    copies: NDArray[np.float32]
    point: NDArray[np.float32]
    pixel_size_A: float
    free: NDArray[np.bool_]
    noise_share: float = 1.0
    matter_A2: float = math.nan

    def smooth(self, sigma_A: float) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """Squares and copies averaged over a Gaussian, nothing coming from where particles are not looked for."""
        sigma = sigma_A / self.pixel_size_A
        weight = np.maximum(ndimage.gaussian_filter(self.free.astype(np.float32), sigma), np.float32(1e-3))
        seen = np.stack([self.squares, *self.copies]) * self.free
        mean = np.asarray(ndimage.gaussian_filter(seen, (0, sigma, sigma))) / weight
        return mean[0], mean[1:]


def band_energy(
    image: NDArray[np.floating],
    pixel_size_A: float,
    besides: NDArray[np.bool_],
    *,
    defocus_A: float,
    astigmatism_A: float = 0.0,
    astigmatism_deg: float = 0.0,
    voltage_kV: float = 300.0,
    cs_mm: float = 2.7,
    amplitude_contrast: float = 0.1,
    seed: int = 0,
) -> BandEnergy:
    """Squares of an exposure in the band of particles.

    Parameters
    ----------
    image
        ``(y, x)``, dark where there is matter, in any unit.
    pixel_size_A
        Edge of a pixel.
    besides
        Where not to look, of any shape that covers the same field: support film, contamination.
    defocus_A, astigmatism_A, astigmatism_deg, voltage_kV, cs_mm, amplitude_contrast
        As in :func:`cryogauge.imaging.ctf.ctf_2d`.
    seed
        Of the copies.
    """
    small = fourier_bin(image, PIXEL_A / pixel_size_A) if pixel_size_A < PIXEL_A else np.asarray(image, np.float32)
    shape = (small.shape[0], small.shape[1])
    pixel = pixel_size_A * max(image.shape) / max(shape)
    free = ~_resized(besides, shape)
    flat = _even(small, free)
    frequency = frequency_radius(shape, pixel)
    transfer = ctf_2d(
        shape, pixel, defocus_A, astigmatism_A=astigmatism_A, astigmatism_deg=astigmatism_deg, voltage_kV=voltage_kV,
        cs_mm=cs_mm, amplitude_contrast=amplitude_contrast,
    )  # fmt: skip
    fine = np.exp(-0.5 * np.square(frequency * _FINEST_A / 1.5))
    passed = transfer * (fine * (1.0 - np.exp(-0.5 * np.square(frequency * _COARSEST_A)))).astype(np.float32)
    spectrum = rfft2(periodic_part(flat).astype(np.float32))
    rng = np.random.default_rng(seed)
    copies = np.empty((_COPIES, *shape), np.float32)
    for copy in copies:
        phase = rfft2(rng.standard_normal(shape, dtype=np.float32))
        phase /= np.maximum(np.abs(phase), 1e-12)
        copy[:] = np.square(irfft2(np.abs(spectrum) * phase * passed, shape))
    middle = np.zeros(shape, np.float32)
    middle[shape[0] // 2, shape[1] // 2] = 1.0
    point = np.square(irfft2(rfft2(middle) * transfer * passed, shape))
    part = max(float(free.mean()), 1e-3)
    noise_share, matter_A2 = _shares(np.square(np.abs(spectrum)), frequency, transfer, passed, pixel)
    return BandEnergy(
        np.square(irfft2(spectrum * passed, shape)).astype(np.float32),
        copies,
        point.astype(np.float32),
        pixel,
        free,
        noise_share / part,
        matter_A2 / part,
    )


def _shares(
    power: NDArray[np.floating],
    frequency: NDArray[np.float64],
    transfer: NDArray[np.floating],
    passed: NDArray[np.floating],
    pixel_size_A: float,
) -> tuple[float, float]:
    """Part of the energy that camera and ice have, and the power of particles in Å²: that of camera and ice is even,
    and even but for the lens; that of particles, which comes on top, falls beyond a spacing of 45 Å. The three shares
    are fitted to the rings of the spectrum.
    """
    shape = (power.shape[0], 2 * (power.shape[1] - 1))
    step = 1 / (min(shape) * pixel_size_A)
    ring = np.rint(frequency / step).astype(int).ravel()
    count = np.bincount(ring)
    squared = np.square(transfer)
    terms = (np.ones_like(squared), squared, squared / np.square(1 + np.square(_DOMAIN_A * frequency)))
    rings = np.stack([np.bincount(ring, np.asarray(each, np.float64).ravel()) / count for each in (power, *terms)])
    used = (np.arange(len(count)) * step > 1 / _COARSEST_A) & (np.arange(len(count)) * step < 0.45 / pixel_size_A)
    seen, model = rings[0, used], rings[0, used]
    shares = np.zeros(3)
    for _ in range(5):  # a ring's scatter is its mean over the root of its terms
        weight = np.sqrt(count[used]) / np.maximum(model, 1e-30)
        shares, _ = nnls(rings[1:, used].T * weight[:, None], seen * weight)
        model = shares @ rings[1:, used]
    through = np.square(passed)
    energy = shares * [float((through * each).sum()) for each in terms]
    matter_A2 = float(shares[2]) * pixel_size_A**2 / math.prod(shape)
    return float(energy[:2].sum() / max(float(energy.sum()), 1e-30)), matter_A2


def _resized(mask: NDArray[np.bool_], shape: tuple[int, int]) -> NDArray[np.bool_]:
    rows, columns = (np.arange(n) * m // n for n, m in zip(shape, mask.shape, strict=True))
    return mask[np.ix_(rows, columns)]


def _even(image: NDArray[np.floating], free: NDArray[np.bool_]) -> NDArray[np.float32]:
    """An image over a quadratic surface through what is free, less 1; 0 elsewhere."""
    y, x = (np.linspace(-1, 1, n, dtype=np.float32) for n in image.shape)
    y, x = np.broadcast_arrays(y[:, None], x[None, :])
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1)
    if free.sum() < 100:
        return np.zeros(image.shape, np.float32)
    some = np.flatnonzero(free)[:: max(int(free.sum()) // 20_000, 1)]
    fitted, *_ = np.linalg.lstsq(terms.reshape(-1, 6)[some], image.ravel()[some], rcond=None)
    light = terms @ fitted
    return np.where(free & (light > 0), image / np.where(light > 0, light, 1.0) - 1.0, 0.0).astype(np.float32)
