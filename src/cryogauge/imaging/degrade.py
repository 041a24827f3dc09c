"""Ways to make a volume worse, or to change what should not matter, by a known amount.

Nothing is altered in place; results are float32. Standard deviations are relative to the volume's own.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from cryogauge.imaging.fourier import periodic_part
from cryogauge.imaging.transforms import irfft2, rfft2
from cryogauge.records import BadInput

_SPOT_RADIUS_PX = 2
_SPOT_SD = 10.0
_HISTOGRAM_LEVELS = 4097
_ROWS = 32  # along y handled together, to bound memory


def add_noise(volume: NDArray[np.floating], sd_ratio: float, seed: int) -> NDArray[np.float32]:
    """Add white Gaussian noise of ``sd_ratio`` times the volume's standard deviation.

    Parameters
    ----------
    volume
        Image or volume of any shape.
    sd_ratio
        Standard deviation of the noise over that of the volume.
    seed
        Seeds the noise.
    """
    noise = np.random.default_rng(seed).standard_normal(volume.shape, dtype=np.float32)
    noise *= np.float32(sd_ratio * volume.std(dtype=np.float64))
    return np.asarray(noise + volume, dtype=np.float32)


def blur(volume: NDArray[np.floating], sigma_px: float) -> NDArray[np.float32]:
    """Blur along every axis by a Gaussian of ``sigma_px`` pixels; the border continues outward unchanged."""
    blurred = np.empty(volume.shape, dtype=np.float32)
    gaussian_filter(volume, sigma_px, output=blurred, mode="nearest")
    return blurred


def widen_wedge(volume: NDArray[np.floating], half_range_deg: float) -> NDArray[np.float32]:
    """Take away what a series with tilts about y of no more than ± ``half_range_deg`` would not have measured.

    Parameters
    ----------
    volume
        Shape ``(z, y, x)``.
    half_range_deg
        Largest tilt, above 0 and below 90.

    Returns
    -------
    The volume with every Fourier term removed whose direction in the kx–kz plane is steeper than the largest tilt;
    terms that vary along y alone, which every tilt measures, stay.

    Raises
    ------
    BadInput
        When the tilt is out of range or the volume is not three-dimensional.
    """
    if volume.ndim != 3:
        raise BadInput(f"a volume has three axes (z, y, x), not {volume.ndim}")
    if not 0 < half_range_deg < 90:
        raise BadInput(f"a largest tilt of {half_range_deg:g}° leaves no wedge to widen", "give more than 0, below 90")
    nz, ny, nx = volume.shape
    kz, kx = np.fft.fftfreq(nz)[:, None, None], np.fft.rfftfreq(nx)[None, None, :]
    measured = np.abs(kz) <= kx * np.tan(np.deg2rad(half_range_deg))
    result = np.empty(volume.shape, dtype=np.float32)

    for first in range(0, ny, _ROWS):
        rows = slice(first, first + _ROWS)
        spectrum = rfft2(volume[:, rows].astype(np.float32), axes=(0, 2))
        result[:, rows] = irfft2(spectrum * measured, (nz, nx), axes=(0, 2))
    return result


def clip_mad(volume: NDArray[np.floating], k: float = 3.0) -> NDArray[np.float32]:
    """Clip grey values at the median ± k × 1.4826 × the median absolute deviation.

    The factor makes the deviation that of a Gaussian's standard deviation. Where more than half the values are equal
    the deviation is zero and says nothing of the rest: the volume is returned as it is.
    """
    values = volume.astype(np.float32)
    middle = np.median(values)
    reach = np.float32(k * 1.4826) * np.median(np.abs(values - middle))
    if reach == 0:
        return values
    return np.clip(values, middle - reach, middle + reach, out=values)


def add_spots(
    volume: NDArray[np.floating], fraction: float = 0.0003, sign: Literal[-1, 1] = -1, seed: int = 0
) -> NDArray[np.float32]:
    """Set balls of radius 2 px at random places to 10 standard deviations from the mean, as gold beads would be.

    Parameters
    ----------
    volume
        Volume or image (then discs are set).
    fraction
        Share of the voxels that the balls cover where they neither overlap nor leave the volume.
    sign
        −1 for dark spots, 1 for bright ones.
    seed
        Seeds the places.
    """
    values = volume.astype(np.float32)
    grid = np.indices((2 * _SPOT_RADIUS_PX + 1,) * values.ndim).reshape(values.ndim, -1) - _SPOT_RADIUS_PX
    ball = grid[:, np.sum(grid**2, axis=0) <= _SPOT_RADIUS_PX**2]
    count = max(1, round(fraction * values.size / ball.shape[1]))
    centres = np.random.default_rng(seed).integers(0, values.shape, size=(count, values.ndim))
    places = (centres[:, :, None] + ball[None]).transpose(1, 0, 2).reshape(values.ndim, -1)
    inside = np.all((places >= 0) & (places < np.array(values.shape)[:, None]), axis=0)
    spot = values.mean(dtype=np.float64) + sign * _SPOT_SD * values.std(dtype=np.float64)
    values[tuple(places[:, inside])] = spot
    return values


def match_histogram(volume: NDArray[np.floating], reference: NDArray[np.floating]) -> NDArray[np.float32]:
    """Give a volume the grey values of another, keeping their order.

    Parameters
    ----------
    volume
        Any shape.
    reference
        Any shape; only its values matter.

    Returns
    -------
    The volume through one monotone map, linear between 4,097 quantiles that lie closer towards either end.
    """
    levels = 0.5 - 0.5 * np.cos(np.linspace(0.0, np.pi, _HISTOGRAM_LEVELS))
    own, first = np.unique(_quantiles(volume, levels), return_index=True)
    return np.interp(volume, own, _quantiles(reference, levels)[first]).astype(np.float32)


def _quantiles(values: NDArray[np.floating], levels: NDArray[np.float64]) -> NDArray[np.float32]:
    ordered = np.sort(values, axis=None)
    return ordered[np.rint(levels * (ordered.size - 1)).astype(np.intp)].astype(np.float32)


def randomise_phases(image: NDArray[np.floating], seed: int) -> NDArray[np.float32]:
    """An image with the same amplitudes at every frequency and no structure: uniformly random phases.

    Parameters
    ----------
    image
        Shape ``(y, x)``. Its jumps across opposite edges are taken out first, or their cross would survive as streaks.
    seed
        Seeds the phases.

    Returns
    -------
    float32 of the same shape, with the image's mean and the amplitudes of its periodic part.

    Raises
    ------
    BadInput
        When the image is not two-dimensional.
    """
    if image.ndim != 2:
        raise BadInput(f"phases are randomised slice by slice: an image has two axes, not {image.ndim}")
    spectrum = rfft2(periodic_part(image))
    # The phases of white noise are uniform and have the symmetry of a real image's.
    noise = rfft2(np.random.default_rng(seed).standard_normal(image.shape))
    noise[0, 0] = np.abs(noise[0, 0])
    spectrum *= noise / np.abs(noise)
    return irfft2(spectrum, (image.shape[0], image.shape[1])).astype(np.float32)
