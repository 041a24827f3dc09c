"""Averages of particles at known poses, with all their frequencies, and how far their halves agree."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryogauge.imaging.class2d.prepare import batches, read_batch, soft_circle
from cryogauge.imaging.class2d.sampling import padded_spectra, sample, taps_at
from cryogauge.imaging.class2d.transfer import Transfer, transfer_at, transfer_of
from cryogauge.imaging.fourier import fourier_ring_correlation, ring_index
from cryogauge.imaging.threads import for_each
from cryogauge.imaging.transforms import irfft2

RESOLVED = 0.143  # correlation of two halves at which detail is said to end (Rosenthal & Henderson 2003)
_FEWEST = 4  # particles that halves are compared of


@dataclass(frozen=True)
class Averaged:
    """Averages and their resolution.

    Attributes
    ----------
    images
        float32 ``(class, y, x)``; one without particles is 0.
    resolution_A
        Where the ring correlation of two halves falls below 0.143; NaN for fewer than four particles.
    correlation
        That of the halves, ``(class, ring)``.
    """

    images: NDArray[np.float32]
    resolution_A: NDArray[np.float64]
    correlation: NDArray[np.float64]


def average_classes(
    particles: Any,
    pixel_size_A: float,
    assignment: NDArray[np.integer],
    angle_rad: NDArray[np.floating],
    shift_px: NDArray[np.floating],
    classes: int,
    *,
    radius_px: float,
    transfer: Transfer | None = None,
    sign: float = 1.0,
) -> Averaged:
    """Average particles at full resolution.

    Each is turned and shifted in Fourier space. Sums of transfer times particle are divided by those of squared
    transfer, each ring filtered by what the halves' correlation says of the whole (``2 c / (1 + c)``).

    Parameters
    ----------
    particles
        Array-like ``(particle, n, n)``, read in batches.
    pixel_size_A
        Edge of a pixel.
    assignment
        Class of each particle.
    angle_rad, shift_px
        Turn and then shift ``(particle, 2)`` (y, x) of the class that make the particle.
    classes
        How many there are.
    radius_px
        Of the mask under which halves are compared; beyond it images are normalised.
    transfer
        As of the particles; none: what the average holds is as the microscope left it.
    sign
        What particles are multiplied by.
    """
    n = int(particles.shape[-1])
    frequency_y, frequency_x = (
        f.astype(np.float64) for f in np.meshgrid(np.fft.fftfreq(n, 1 / n), np.arange(n // 2 + 1), indexing="ij")
    )
    inside = np.hypot(frequency_y, frequency_x) < n / 2
    points = np.stack([frequency_y[inside], frequency_x[inside]])
    total = np.zeros((2, classes, points.shape[1]), dtype=np.complex128)
    weight = np.zeros((2, classes, points.shape[1]))
    half = _halves(assignment, classes)
    for part in batches(len(particles)):
        images, _ = read_batch(particles, part, radius_px)
        transfers = transfer_of(transfer, part, n)
        values, passed = _laid(sign * images, transfers, points, angle_rad[part], shift_px[part])
        for k, number in enumerate(range(part.start, part.stop)):
            total[half[number], assignment[number]] += values[k] * passed[k]
            weight[half[number], assignment[number]] += np.square(passed[k])
    return _averaged(total, weight, inside, n, pixel_size_A, radius_px, np.bincount(assignment, minlength=classes))


def _laid(
    images: NDArray[np.float32],
    transfers: NDArray[np.float32] | None,
    points: NDArray[np.float64],
    angle_rad: NDArray[np.floating],
    shift_px: NDArray[np.floating],
) -> tuple[NDArray[np.complex64], NDArray[np.float32]]:
    """Fourier terms ``(image, point)`` of images turned and shifted back, and transfer at them; on all threads."""
    n = images.shape[-1]
    spectra = padded_spectra(images)
    values = np.empty((len(images), points.shape[1]), dtype=np.complex64)
    passed = np.ones(values.shape, dtype=np.float32)

    def lay(k: int) -> None:
        cosine, sine = np.cos(angle_rad[k]), np.sin(angle_rad[k])
        y, x = cosine * points[0] + sine * points[1], cosine * points[1] - sine * points[0]
        back = np.exp(2j * np.pi * (y * shift_px[k, 0] + x * shift_px[k, 1]) / n)
        values[k] = sample(spectra[k : k + 1], taps_at(y, x))[0] * back
        if transfers is not None:
            passed[k] = transfer_at(transfers[k : k + 1], y, x)[0]

    for_each(lay, range(len(images)))
    return values, passed


def _halves(assignment: NDArray[np.integer], classes: int) -> NDArray[np.int64]:
    """Every second particle of each class."""
    half = np.zeros(len(assignment), dtype=np.int64)
    for k in range(classes):
        members = np.flatnonzero(assignment == k)
        half[members[1::2]] = 1
    return half


def _averaged(
    total: NDArray[np.complexfloating],
    weight: NDArray[np.floating],
    inside: NDArray[np.bool_],
    n: int,
    pixel_size_A: float,
    radius_px: float,
    members: NDArray[np.integer],
) -> Averaged:
    classes = total.shape[1]
    rings = ring_index((n, n))[inside]
    mask = soft_circle(n, radius_px)
    images = np.zeros((classes, n, n), dtype=np.float32)
    correlation = np.zeros((classes, n // 2 + 1))
    resolution = np.full(classes, np.nan)

    def back(sums: NDArray[np.complexfloating], weights: NDArray[np.floating]) -> NDArray[np.float32]:
        spectrum = np.zeros(inside.shape, dtype=np.complex128)
        # Terms that nearly no particle passed would be noise enlarged without bound.
        ring = np.bincount(rings, weights) / np.bincount(rings)
        spectrum[inside] = sums / np.maximum(weights, 0.1 * np.maximum(ring[rings], 1e-12))
        return np.fft.fftshift(irfft2(spectrum, (n, n))).astype(np.float32)

    for k in np.flatnonzero(members):
        kept = np.ones(n // 2 + 1)
        if members[k] >= _FEWEST:
            halves = [mask * back(total[h, k], weight[h, k]) for h in (0, 1)]
            _, correlation[k] = fourier_ring_correlation(*halves)
            resolution[k] = crossing_A(correlation[k], n * pixel_size_A)
            smooth = np.convolve(np.pad(correlation[k], 1, mode="edge"), np.full(3, 1 / 3), mode="valid")
            kept = np.clip(2 * smooth / (1 + np.maximum(smooth, 0)), 0.0, 1.0)
        images[k] = back(total[:, k].sum(axis=0) * kept[np.minimum(rings, n // 2)], weight[:, k].sum(axis=0))
    return Averaged(images, resolution, correlation)


def crossing_A(correlation: NDArray[np.floating], edge_A: float) -> float:
    """Resolution at which a ring correlation first falls below 0.143, between rings by a straight line.

    Parameters
    ----------
    correlation
        By ring, from 0; ring r is r cycles per edge. The first two tell of brightness and are not looked at.
    edge_A
        Edge of the images.
    """
    below = np.flatnonzero(correlation[2:] < RESOLVED)
    if not len(below):
        return float(edge_A / (len(correlation) - 1))
    ring = int(below[0]) + 2
    before, here = float(correlation[ring - 1]), float(correlation[ring])
    part = (before - RESOLVED) / (before - here) if before > RESOLVED else 0.0
    return float(edge_A / (ring - 1 + part))
