"""Fourier rings, power, low-pass and cropping of images and volumes. Frequencies are in cycles per pixel."""

import numpy as np
from numpy.typing import NDArray

from cryogauge.imaging.transforms import frequency_radius, irfft2, rfft2
from cryogauge.records import BadInput


def ring_index(shape: tuple[int, int]) -> NDArray[np.intp]:
    """Ring of each term of ``scipy.fft.rfft2``, shape ``(y, x // 2 + 1)``.

    Ring r holds frequencies nearest to ``r / n`` cycles per pixel, n being the shorter edge; Nyquist is ring
    ``n // 2``. The corners have higher numbers.
    """
    n = min(shape)
    return np.rint(frequency_radius(shape) * n).astype(np.intp)


def _ring_sums(shape: tuple[int, int], *terms: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Sums over whole rings up to Nyquist of real fields in the layout of ``rfft2``: the missing half is counted."""
    rings = ring_index(shape)
    twice = np.full(rings.shape, 2.0)
    twice[:, 0] = 1.0
    if shape[1] % 2 == 0:
        twice[:, -1] = 1.0
    sums = [np.bincount(rings.ravel(), (term * twice).ravel()) for term in terms]
    return [np.asarray(total[: min(shape) // 2 + 1], dtype=np.float64) for total in sums]


def fourier_ring_correlation(
    a: NDArray[np.floating], b: NDArray[np.floating]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Correlation of two images in rings of equal frequency (van Heel & Schatz 2005).

    Parameters
    ----------
    a, b
        Images of one shape ``(y, x)``.

    Returns
    -------
    frequency
        Cycles per pixel of each ring, from 0 to 1/2.
    correlation
        Between −1 and 1; 0 where a ring of either image is empty.

    Raises
    ------
    BadInput
        When the shapes differ or are not two-dimensional.
    """
    if a.ndim != 2 or a.shape != b.shape:
        raise BadInput(f"images of shapes {a.shape} and {b.shape} cannot be correlated ring by ring")
    shape = (a.shape[0], a.shape[1])
    fa, fb = rfft2(a.astype(np.float64)), rfft2(b.astype(np.float64))
    cross, power_a, power_b = _ring_sums(shape, (fa * fb.conj()).real, np.abs(fa) ** 2, np.abs(fb) ** 2)
    scale = np.sqrt(power_a * power_b)
    correlation = np.divide(cross, scale, out=np.zeros_like(cross), where=scale > 0)
    return np.arange(len(correlation)) / min(shape), np.clip(correlation, -1.0, 1.0)


def radial_power(image: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean power of an image's Fourier terms in rings.

    Parameters
    ----------
    image
        Shape ``(y, x)``.

    Returns
    -------
    frequency
        Cycles per pixel of each ring, from 0 to 1/2.
    power
        Mean of ``|F|² / (number of pixels)``: white noise of variance v gives v in every ring. The mean of the image
        is taken out first.
    """
    if image.ndim != 2:
        raise BadInput(f"an image has two axes (y, x), not {image.ndim}")
    shape = (image.shape[0], image.shape[1])
    spectrum = rfft2(image.astype(np.float64) - float(image.mean(dtype=np.float64)))
    power, terms = _ring_sums(shape, np.abs(spectrum) ** 2 / image.size, np.ones(spectrum.shape))
    return np.arange(len(power)) / min(shape), power / terms


def low_pass(images: NDArray[np.floating], half_1_px: float) -> NDArray[np.float32]:
    """Gaussian low-pass of one image or each image of a stack; edges meet as in any discrete Fourier transform.

    Parameters
    ----------
    images
        Shape ``(..., y, x)``.
    half_1_px
        Frequency in cycles per pixel at which the amplitude falls to one half.

    Returns
    -------
    float32 of the same shape.

    Raises
    ------
    BadInput
        When the frequency is not positive.
    """
    if not half_1_px > 0:
        raise BadInput(f"a low-pass at {half_1_px:g} cycles per pixel lets nothing through", "0.5 is Nyquist")
    ny, nx = images.shape[-2:]
    gain = np.exp2(-((frequency_radius((ny, nx)) / half_1_px) ** 2)).astype(np.float32)
    spectrum = rfft2(images.astype(np.float32, copy=False))
    spectrum *= gain
    return irfft2(spectrum, (ny, nx)).astype(np.float32, copy=False)


def fourier_bin(images: NDArray[np.floating], factor: float) -> NDArray[np.float32]:
    """Shrink one image or each image of a stack by cropping its Fourier transform.

    Nothing above the new Nyquist frequency is left to alias, and what lies below is unchanged, the mean included. The
    middle of pixel (0, 0) stays where it was.

    Parameters
    ----------
    images
        Shape ``(..., y, x)``.
    factor
        How many old pixels a new one is wide, at least 1. The new edges are the old ones divided by it, rounded to
        even numbers; a pixel size must be scaled by the old edge over the new.

    Returns
    -------
    float32 of shape ``(..., y', x')``.

    Raises
    ------
    BadInput
        When the factor is below 1 or leaves fewer than two pixels.
    """
    ny, nx = images.shape[-2:]
    new_y, new_x = (2 * round(n / factor / 2) if factor > 1 else n for n in (ny, nx))
    if factor < 1 or min(new_y, new_x) < 2:
        raise BadInput(f"images of {ny} × {nx} pixels cannot be binned by {factor:g}")
    if factor == 1:
        return images.astype(np.float32)
    spectrum = rfft2(images.astype(np.float32, copy=False))
    # The new Nyquist terms stand for both signs of a frequency whose partners are cut away: they are left out.
    half = new_y // 2
    cropped = np.zeros((*images.shape[:-2], new_y, new_x // 2 + 1), dtype=np.complex64)
    cropped[..., :half, : new_x // 2] = spectrum[..., :half, : new_x // 2]
    if half > 1:
        cropped[..., -half + 1 :, : new_x // 2] = spectrum[..., ny - half + 1 :, : new_x // 2]
    cropped *= new_y * new_x / (ny * nx)
    return irfft2(cropped, (new_y, new_x)).astype(np.float32, copy=False)


def periodic_part(image: NDArray[np.floating]) -> NDArray[np.float64]:
    """An image without the jumps between its opposite edges, which draw a cross through its Fourier transform.

    Moisan, J. Math. Imaging Vis. 39, 161 (2011): the smooth image that has the same jumps is subtracted. The mean is
    kept, the interior hardly changes, and no window darkens the borders.

    Parameters
    ----------
    image
        Shape ``(y, x)``.

    Returns
    -------
    float64 of the same shape.
    """
    jumps = np.zeros(image.shape)
    across_y, across_x = (np.asarray(image[-1] - image[0], float), np.asarray(image[:, -1] - image[:, 0], float))
    jumps[0] += across_y
    jumps[-1] -= across_y
    jumps[:, 0] += across_x
    jumps[:, -1] -= across_x
    fy, fx = np.fft.fftfreq(image.shape[0])[:, None], np.fft.rfftfreq(image.shape[1])[None, :]
    laplacian = 2.0 * np.cos(2 * np.pi * fy) + 2.0 * np.cos(2 * np.pi * fx) - 4.0
    laplacian[0, 0] = 1.0  # the jumps add up to nothing there
    smooth = irfft2(rfft2(jumps) / laplacian, (image.shape[0], image.shape[1]))
    return np.asarray(image - smooth, dtype=np.float64)
