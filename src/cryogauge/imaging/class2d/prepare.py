"""Particle images made ready to be compared: background to mean 0 and variance 1, masked, smaller."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryogauge.imaging.class2d.transfer import Transfer, transfer_of
from cryogauge.imaging.transforms import irfft2, rfft2
from cryogauge.records import BadInput

_SOFT_PX = 4.0  # over which the mask falls off, outwards
_BATCH = 256  # images read at a time


def soft_circle(box_px: int, radius_px: float, soft_px: float = _SOFT_PX) -> NDArray[np.float32]:
    """1 within a radius about pixel ``n // 2``, falling to 0 by a cosine; it ends within the box."""
    away = np.hypot(*(np.mgrid[:box_px, :box_px] - box_px // 2))
    soft = max(min(soft_px, (box_px - 1) // 2 - radius_px), 1e-3)
    return (0.5 + 0.5 * np.cos(np.pi * np.clip((away - radius_px) / soft, 0, 1))).astype(np.float32)


def normalised(images: NDArray[np.floating], radius_px: float) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Images ``(image, y, x)`` of which the pixels beyond a radius have mean 0 and standard deviation 1.

    Returns
    -------
    images
        float32; a constant image is all 0.
    flat
        Which were constant outside the radius.
    """
    n = images.shape[-1]
    outside = np.hypot(*(np.mgrid[:n, :n] - n // 2)) > radius_px
    rim = images[:, outside].astype(np.float64)
    middle, spread = rim.mean(axis=1), rim.std(axis=1)
    flat = ~(spread > 1e-6 * np.maximum(np.abs(middle), 1e-30))
    scaled = (images - middle[:, None, None]) / np.where(flat, 1.0, spread)[:, None, None]
    scaled[flat] = 0.0
    return scaled.astype(np.float32), flat


def shrunk(images: NDArray[np.floating], edge_px: int) -> NDArray[np.float32]:
    """Images ``(image, n, n)`` cut to the lowest frequencies of a smaller even edge, pixel ``n // 2`` to ``edge // 2``.

    Fourier terms keep their values, so that grey values grow by the area of a pixel.
    """
    n = images.shape[-1]
    if edge_px >= n:
        return np.asarray(images, dtype=np.float32)
    spectrum = rfft2(np.roll(images, (-(n // 2), -(n // 2)), axis=(1, 2)))
    half = edge_px // 2
    small = np.zeros((len(images), edge_px, half + 1), dtype=np.complex64)
    small[:, :half, :half] = spectrum[:, :half, :half]
    small[:, -half + 1 :, :half] = spectrum[:, n - half + 1 :, :half]
    return np.roll(irfft2(small, (edge_px, edge_px)), (half, half), axis=(1, 2)).astype(np.float32)


def batches(count: int, size: int = _BATCH) -> list[slice]:
    """Slices that cover so many items in order."""
    return [slice(first, min(first + size, count)) for first in range(0, count, size)]


def read_batch(particles: Any, part: slice, radius_px: float) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Normalised images of a part of the particles, and which are flat.

    Raises
    ------
    BadInput
        When an image holds values that are not numbers; it is named by its index.
    """
    images = np.asarray(particles[part], dtype=np.float32)
    bad = np.flatnonzero(~np.isfinite(images).all(axis=(1, 2)))
    if len(bad):
        raise BadInput(
            f"particle {part.start + int(bad[0])} (counted from 0) holds values that are not finite numbers",
            "leave it out, or extract it again",
        )
    return normalised(images, radius_px)


def reduced(particles: Any, radius_px: float, edge_px: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """All particles masked and shrunk, and the indices of constant ones; read in batches.

    Parameters
    ----------
    particles
        Array-like ``(particle, n, n)``.
    radius_px
        Of the mask.
    edge_px
        Edge to shrink to, even.
    """
    count, n = len(particles), particles.shape[-1]
    mask = soft_circle(n, radius_px)
    small = np.empty((count, min(edge_px, n), min(edge_px, n)), dtype=np.float32)
    flat = []
    for part in batches(count):
        images, constant = read_batch(particles, part, radius_px)
        small[part] = shrunk(images * mask, edge_px)
        flat.append(part.start + np.flatnonzero(constant))
    return small, np.concatenate(flat)


def sign_of(particles: Any, radius_px: float, transfer: Transfer | None = None, most: int = 4096) -> float:
    """1 where the mean of the particles, times transfer if given, is brighter in its middle than its rim; else −1.

    ``most`` particles, spread over all batches, are looked at.
    """
    n = int(particles.shape[-1])
    total = np.zeros((n, n // 2 + 1), dtype=np.complex128)
    parts = batches(len(particles))
    for part in parts[:: max(len(parts) * _BATCH // most, 1)]:
        images, _ = read_batch(particles, part, radius_px)
        passed = transfer_of(transfer, part, n)
        spectra = rfft2(images)
        total += spectra.sum(axis=0) if passed is None else (spectra * passed).sum(axis=0)
    mean = irfft2(total, (n, n))
    middle = soft_circle(n, radius_px / 2, 1.0) > 0.5
    rim = soft_circle(n, radius_px, 1.0) < 0.5
    return 1.0 if mean[middle].mean() >= mean[rim].mean() else -1.0
