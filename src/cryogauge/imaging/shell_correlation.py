"""Fourier shell correlation of two maps, the resolution that it says, and the shift at which they match."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from cryogauge.imaging.threads import thread_count
from cryogauge.records import BadInput

#: Correlation at which resolution is read: of two half maps (P. B. Rosenthal & R. Henderson, J. Mol. Biol. 333 (2003)
#: 721), and of a map with what it should be.
HALVES, REFERENCE = 0.143, 0.5
#: Correlation of the unmasked halves below which phases are made random, and shells beyond that to be left alone.
_RANDOM_BELOW, _RANDOM_MARGIN = 0.8, 2


@dataclass(frozen=True)
class ShellCurve:
    """Correlation by shell, from frequency 0 to Nyquist; arrays of one value a shell.

    Attributes
    ----------
    frequency_1_A
        Of the shells.
    unmasked, masked
        Of the maps as they are, and under a mask; the latter None where there was none.
    corrected
        ``masked`` less what the mask alone makes of it, where that was asked for.
    """

    frequency_1_A: NDArray[np.float64]
    unmasked: NDArray[np.float64]
    masked: NDArray[np.float64] | None = None
    corrected: NDArray[np.float64] | None = None

    @property
    def best(self) -> NDArray[np.float64]:
        """The curve that resolution is read from: corrected, else masked, else unmasked."""
        found = self.masked if self.corrected is None else self.corrected
        return self.unmasked if found is None else found

    def resolution_A(self, threshold: float) -> float:
        """Where :attr:`best` first falls to a threshold; see :func:`resolution_at`."""
        return resolution_at(self.frequency_1_A, self.best, threshold)


def shell_curve(
    a: NDArray[np.floating],
    b: NDArray[np.floating],
    voxel_size_A: float,
    *,
    mask: NDArray[np.floating] | None = None,
    halves: bool = False,
    seed: int = 0,
) -> ShellCurve:
    """Correlation of two maps, with and without a mask.

    Parameters
    ----------
    a, b
        Maps of one shape ``(z, y, x)``.
    voxel_size_A
        Edge of their voxel.
    mask
        Soft, of the same shape.
    halves
        The maps are independent halves: the masked correlation is corrected by that of the maps with random phases
        beyond where they agree by 0.8 (S. Chen et al., Ultramicroscopy 135 (2013) 24, equation 4).
    seed
        Seeds the random phases.

    Raises
    ------
    BadInput
        When the shapes differ.
    """
    if a.ndim != 3 or a.shape != b.shape or (mask is not None and mask.shape != a.shape):
        shapes = " and ".join(str(each.shape) for each in (a, b, mask) if each is not None)
        raise BadInput(f"maps of shapes {shapes} cannot be correlated shell by shell", "give them on one grid")
    fa, fb = _transform(a), _transform(b)
    unmasked = correlate_shells(fa, fb, a.shape)
    frequency = np.arange(len(unmasked)) / (min(a.shape) * voxel_size_A)
    if mask is None:
        return ShellCurve(frequency, unmasked)
    masked = correlate_shells(_transform(a * mask), _transform(b * mask), a.shape)
    if not halves:
        return ShellCurve(frequency, unmasked, masked)
    below = np.flatnonzero(unmasked < _RANDOM_BELOW)
    first = int(below[0]) if len(below) else len(unmasked)
    rng = np.random.default_rng(seed)
    ra, rb = (_transform(_scrambled(each, a.shape, first, rng) * mask) for each in (fa, fb))
    random = correlate_shells(ra, rb, a.shape)
    random[: first + _RANDOM_MARGIN] = 0.0
    corrected = (masked - random) / np.maximum(1.0 - random, 1e-6)
    return ShellCurve(frequency, unmasked, masked, np.clip(corrected, -1.0, 1.0))


def correlate_shells(
    fa: NDArray[np.complexfloating], fb: NDArray[np.complexfloating], shape: tuple[int, ...]
) -> NDArray[np.float64]:
    """Correlation in shells of equal frequency of the real transforms ``(z, y, x // 2 + 1)`` of two maps.

    As G. Harauz & M. van Heel, Optik 73 (1986) 146, equation 17. Shell r holds frequencies nearest to ``r / n`` cycles
    per voxel, n being the shortest edge; the last is that of Nyquist. 0 where a shell of either map is empty.
    """
    count = min(shape) // 2 + 1
    cross, power_a, power_b = np.zeros(count), np.zeros(count), np.zeros(count)
    twice = np.full(fa.shape[2], 2.0)
    twice[0] = 1.0
    if shape[2] % 2 == 0:
        twice[-1] = 1.0
    for z, shells in _shells_by_slice(shape):
        use = shells < count
        at, weight = shells[use], np.broadcast_to(twice, shells.shape)[use]
        of_a, of_b = fa[z][use].astype(np.complex128), fb[z][use].astype(np.complex128)
        cross += np.bincount(at, (of_a * of_b.conj()).real * weight, count)
        power_a += np.bincount(at, np.abs(of_a) ** 2 * weight, count)
        power_b += np.bincount(at, np.abs(of_b) ** 2 * weight, count)
    scale = np.sqrt(power_a * power_b)
    return np.clip(np.divide(cross, scale, out=np.zeros(count), where=scale > 0), -1.0, 1.0)


def resolution_at(frequency_1_A: NDArray[np.floating], correlation: NDArray[np.floating], threshold: float) -> float:
    """Where a curve first falls to a threshold, in Å, between its shells, that of frequency 0 left out.

    NaN where it never lies above; where it stays above, the last shell's, which is all that can be told.
    """
    if not correlation[1] > threshold:
        return float("nan")
    below = np.flatnonzero(correlation[1:] < threshold)
    if not len(below):
        return float(1.0 / frequency_1_A[-1])
    k = int(below[0]) + 1
    high, low = float(correlation[k - 1]), float(correlation[k])
    part = (high - threshold) / (high - low)
    return float(1.0 / (frequency_1_A[k - 1] + part * (frequency_1_A[k] - frequency_1_A[k - 1])))


def best_shift_px(a: NDArray[np.floating], b: NDArray[np.floating]) -> tuple[int, int, int]:
    """Voxels (z, y, x) by which to move ``b`` so that it correlates best with ``a``; the edges meet."""
    product = _transform(a) * _transform(b).conj()
    product[0, 0, 0] = 0.0
    correlation = _back(product, a.shape)
    found = np.unravel_index(int(np.argmax(correlation)), a.shape)
    z, y, x = (int(at) if at <= n // 2 else int(at) - n for at, n in zip(found, a.shape, strict=True))
    return z, y, x


def _shells_by_slice(shape: tuple[int, ...]) -> Iterator[tuple[int, NDArray[np.intp]]]:
    """For each z of a real transform, the shells of its terms ``(y, x // 2 + 1)``."""
    fz, fy, fx = np.fft.fftfreq(shape[0]), np.fft.fftfreq(shape[1]), np.fft.rfftfreq(shape[2])
    flat = fy[:, None] ** 2 + fx[None, :] ** 2
    for z, frequency in enumerate(fz):
        yield z, np.rint(np.sqrt(flat + frequency**2) * min(shape)).astype(np.intp)


def _scrambled(
    spectrum: NDArray[np.complexfloating], shape: tuple[int, ...], first: int, rng: np.random.Generator
) -> NDArray[np.floating]:
    """The map of a transform whose phases are random from a shell on."""
    changed = spectrum.copy()
    for z, shells in _shells_by_slice(shape):
        late = shells >= first
        changed[z][late] = np.abs(changed[z][late]) * np.exp(2j * np.pi * rng.random(int(late.sum())))
    return _back(changed, shape)


def _transform(values: NDArray[np.floating]) -> NDArray[np.complexfloating]:
    found = scipy.fft.rfftn(np.asarray(values, np.float32), workers=thread_count())
    return cast("NDArray[np.complexfloating]", found)


def _back(spectrum: NDArray[np.complexfloating], shape: tuple[int, ...]) -> NDArray[np.floating]:
    return cast("NDArray[np.floating]", scipy.fft.irfftn(spectrum, s=shape, workers=thread_count()))
