"""Fourier shell correlation of two half averages, and the resolution that it says."""

from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from cryogauge.imaging.shell_correlation import HALVES, REFERENCE, resolution_at
from cryogauge.pick.average.spectra import box_of, half_sphere, shells_of, terms
from cryogauge.records import BadInput

#: Correlation at which resolution is read (P. B. Rosenthal & R. Henderson, J. Mol. Biol. 333 (2003) 721), and the
#: older, stricter one.
CRITERION, STRICT = HALVES, REFERENCE
#: Correlation of the unmasked halves below which phases are made random, and shells beyond that to be left alone.
_RANDOM_BELOW, _RANDOM_MARGIN = 0.8, 2


@dataclass(frozen=True)
class ShellCorrelation:
    """Fourier shell correlation of two half averages; arrays of one value a shell, from 0 to Nyquist.

    Attributes
    ----------
    frequency_1_A
        Of the shells.
    unmasked, masked
        Of the halves as they are, and under the mask.
    random
        Under the mask, with random phases: what the mask alone correlates, from two shells beyond that where the
        unmasked halves agree by less than 0.8; and what matching one half to the other does, in all shells.
    corrected
        ``masked`` less what ``random`` makes of it (S. Chen et al., Ultramicroscopy 135 (2013) 24, equation 4).
    noise_sd
        Standard deviation of ``masked`` where both halves hold noise alone.
    """

    frequency_1_A: NDArray[np.float64]
    unmasked: NDArray[np.float64]
    masked: NDArray[np.float64]
    random: NDArray[np.float64]
    corrected: NDArray[np.float64]
    noise_sd: NDArray[np.float64]

    def resolution_A(self, criterion: float = CRITERION) -> float:
        """Where the corrected correlation first falls to the criterion; NaN where it never lies above it.

        Where it stays above, two voxels, which is all that can be told.
        """
        return resolution_at(self.frequency_1_A, self.corrected, criterion)

    @property
    def area(self) -> float:
        """Mean of the corrected correlation over the shells from the first to Nyquist: one number for the curve."""
        return float(self.corrected[1:].mean())


def shell_correlation(a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.float64]:
    """Correlation of two boxes of one edge in shells of equal frequency, from 0 to :func:`last_shell`.

    As G. Harauz & M. van Heel, Optik 73 (1986) 146, equation 17; 1 in shell 0, 0 where a shell of either is empty.

    Raises
    ------
    BadInput
        When the boxes are no cubes of one edge.
    """
    if a.ndim != 3 or a.shape != b.shape or len(set(a.shape)) != 1:
        raise BadInput(f"boxes of shapes {a.shape} and {b.shape} cannot be correlated shell by shell")
    points = _all_points(a.shape[0])
    return correlation_of_terms(terms(a, points), terms(b, points), shells_of(points), last_shell(a.shape[0]) + 1)


def correlation_of_terms(
    a: NDArray[np.complexfloating], b: NDArray[np.complexfloating], shells: NDArray[np.intp], count: int
) -> NDArray[np.float64]:
    """:func:`shell_correlation` of terms ``(n,)`` in the given shells; ``count`` values."""
    wide_a, wide_b = a.astype(np.complex128), b.astype(np.complex128)
    cross = np.bincount(shells, (wide_a * wide_b.conj()).real, count)
    power = np.bincount(shells, np.abs(wide_a) ** 2, count) * np.bincount(shells, np.abs(wide_b) ** 2, count)
    found = np.divide(cross, np.sqrt(power), out=np.zeros(count), where=power[:count] > 0)
    found[0] = 1.0
    return np.clip(found, -1.0, 1.0)


def noise_sd(edge_px: int, mask: NDArray[np.floating] | None = None) -> NDArray[np.float64]:
    """Standard deviation of the correlation of two boxes of white noise, by shell: 1 / √(independent terms).

    A mask m correlates terms that lie d apart by the transform of m² at d, C(d): the variance is
    Σ C(k − k')² / (n C(0))² over all pairs of a shell's n terms.
    """
    axis = np.fft.fftfreq(edge_px, 1.0 / edge_px)
    radius = np.sqrt(axis[:, None, None] ** 2 + axis[None, :, None] ** 2 + axis[None, None, :] ** 2)
    shells = np.rint(radius).astype(np.intp)
    square = np.ones((edge_px,) * 3) if mask is None else mask.astype(np.float64) ** 2
    alike = np.abs(np.asarray(scipy.fft.fftn(square)) / square.sum()) ** 2
    found = np.zeros(last_shell(edge_px) + 1)
    for shell in range(1, len(found)):
        members = shells == shell
        spread = np.abs(np.asarray(scipy.fft.fftn(members.astype(float)))) ** 2
        pairs = np.real(np.asarray(scipy.fft.ifftn(spread)))
        found[shell] = np.sqrt((alike * pairs).sum()) / members.sum()
    return found


def compare_halves(
    a: NDArray[np.floating],
    b: NDArray[np.floating],
    mask: NDArray[np.floating],
    voxel_size_A: float,
    *,
    matched: NDArray[np.floating] | None = None,
    seed: int = 0,
) -> ShellCorrelation:
    """Correlation of two half averages with and without a mask, corrected for what makes it higher.

    Parameters
    ----------
    a, b
        The halves, ``(z, y, x)`` of one edge.
    mask
        Soft, of the same shape.
    matched
        Where b was turned and shifted to match a: the masked correlation that the same does to b with random phases,
        by shell.
    seed
        Seeds the random phases.
    """
    edge = a.shape[0]
    count = last_shell(edge) + 1
    unmasked = shell_correlation(a, b)
    masked = shell_correlation(a * mask, b * mask)
    below = np.flatnonzero(unmasked < _RANDOM_BELOW)
    first = int(below[0]) if len(below) else count
    rng = np.random.default_rng(seed)
    random = shell_correlation(*(random_phases(half, first, rng) * mask for half in (a, b)))
    random[: min(first + _RANDOM_MARGIN, count)] = 0.0
    if matched is not None:
        random[1:] = np.maximum(random, matched)[1:]
    corrected = (masked - random) / np.maximum(1.0 - random, 1e-6)
    frequency = np.arange(count) / (edge * voxel_size_A)
    return ShellCorrelation(frequency, unmasked, masked, random, np.clip(corrected, -1.0, 1.0), noise_sd(edge, mask))


def soft_sphere(edge_px: int, radius_px: float, soft_px: float) -> NDArray[np.float32]:
    """A ball about the middle of a box, 1 within its radius, falling to 0 as a cosine does over ``soft_px`` beyond."""
    axis = np.arange(edge_px) - edge_px // 2
    distance = np.sqrt(axis[:, None, None] ** 2 + axis[None, :, None] ** 2 + axis[None, None, :] ** 2)
    fall = np.clip((distance - radius_px) / soft_px, 0.0, 1.0)
    return (0.5 + 0.5 * np.cos(np.pi * fall)).astype(np.float32)


def random_phases(box: NDArray[np.floating], first: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """A box whose phases are random from a shell on; amplitudes, and what lies within, stay."""
    points = _all_points(box.shape[0])
    values = terms(box, points)
    late = shells_of(points) >= first
    values[late] = np.abs(values[late]) * np.exp(2j * np.pi * rng.random(int(late.sum())))
    return box_of(values, points, box.shape[0])


def last_shell(edge_px: int) -> int:
    """The outermost shell that a box holds the whole of: Nyquist, or one below it."""
    return (edge_px - 1) // 2


def _all_points(edge_px: int) -> NDArray[np.int32]:
    return half_sphere(last_shell(edge_px) + 0.49)
