"""What a small picture of an exposure shows: support film, contamination, particles. Lengths in its own pixels.

Pictures are float32 ``(y, x)`` with a longer edge of 512 px, dark where there is matter.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

_CARBON_SIGMA_PX = 5.0
_SEPARATE = 0.8  # between-class over total variance of two regions; a mere slope has 0.75
_UNDECIDED = 0.2  # most of the field may lie between the two
_BLUNTEST = 2.5  # how much wider than a smoothed step a border may be
_LEAST_CARBON = 0.03
_STRANGE = 5.0  # scatters of the smoothed picture
_LEAST_SPOT_PX = 14.0  # across
_SIGMAS_PX = (1.6, 2.2, 3.1, 4.4, 6.2, 8.8, 12.4)
_PEAK = 4.5  # scatters from which a maximum is a particle


@dataclass(frozen=True)
class Particles:
    """Dark spots of one size.

    Attributes
    ----------
    centres_px
        ``(n, 2)`` as y, x.
    diameter_px
        The size at which most stands out; NaN without any.
    coverage
        Part of the usable field that discs of that diameter take.
    """

    centres_px: NDArray[np.int_]
    diameter_px: float
    coverage: float


def find_carbon(picture: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Where there is support film: the darker of two regions with a sharp border, each in one piece.

    Two regions are told apart by brightness, or else by how strong the texture is, where either splits the field into
    two values with little between (Otsu's criterion). None where there is only film or only ice.
    """
    smooth = ndimage.gaussian_filter(picture, _CARBON_SIGMA_PX)
    fine = picture - ndimage.gaussian_filter(picture, 3.0)
    texture = np.log(ndimage.gaussian_filter(np.square(fine), 2 * _CARBON_SIGMA_PX) + 1e-12)
    for each, sigma in ((-smooth, _CARBON_SIGMA_PX), (texture, 2 * _CARBON_SIGMA_PX)):
        found = _two_regions(np.asarray(each), sigma)
        if found is not None:
            return found
    return np.zeros(picture.shape, dtype=bool)


def find_contamination(
    picture: NDArray[np.floating], particle_px: float, besides: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Spots that are far darker or brighter than what is around them and larger than the particles.

    Parameters
    ----------
    picture
        ``(y, x)``.
    particle_px
        Diameter of the particles; NaN without any.
    besides
        Where not to look: support film.
    """
    smooth = np.asarray(ndimage.gaussian_filter(picture, 2.0))
    around = ndimage.median_filter(smooth[::8, ::8], 13, mode="nearest")
    rest = smooth - np.asarray(ndimage.zoom(around, np.array(picture.shape) / around.shape, order=1, mode="nearest"))
    away = ~widened(besides, 10)
    if not away.any():
        return np.zeros(picture.shape, dtype=bool)
    middle = np.median(rest[away])
    scatter = 1.4826 * float(np.median(np.abs(rest[away] - middle)))
    strange = (np.abs(rest - middle) > _STRANGE * max(scatter, 1e-9)) & away
    filled = np.asarray(ndimage.binary_fill_holes(ndimage.binary_closing(strange, iterations=2)), dtype=bool)
    labels = _pieces(filled)
    across = 2 * np.sqrt(np.bincount(labels.ravel()) / np.pi)
    large = across > max(_LEAST_SPOT_PX, 1.5 * particle_px if np.isfinite(particle_px) else 0.0)
    large[0] = False
    return widened(large[labels], 2) & ~besides


def widened(region: NDArray[np.bool_], by_px: int) -> NDArray[np.bool_]:
    """A region and what is within some pixels of it."""
    return np.asarray(ndimage.binary_dilation(region, iterations=by_px), dtype=bool) if region.any() else region


def find_particles(picture: NDArray[np.floating], besides: NDArray[np.bool_]) -> Particles:
    """Dark spots of the size, from 4.5 to 35 px, at which they stand out most.

    Maxima of the Laplacian of Gaussians count from 4.5 times the scatter of its values below zero, where dark spots
    leave little mark: on noise alone hardly one in a field does.

    Parameters
    ----------
    picture
        ``(y, x)``.
    besides
        Where not to look: support film, contamination.
    """
    from skimage.feature import peak_local_max

    free = ~besides
    responses = [np.asarray(sigma**2 * ndimage.gaussian_laplace(picture, sigma)) for sigma in _SIGMAS_PX]
    best, centres = 0.0, np.zeros((0, 2), dtype=int)
    for sigma, response in zip(_SIGMAS_PX, responses, strict=True):
        below = response[free & (response < 0)]
        if below.size < 100:
            continue
        level = _PEAK * 1.4826 * float(np.median(-below))
        peaks = peak_local_max(
            np.where(free, response, -np.inf), min_distance=max(round(1.6 * sigma), 2), threshold_abs=level,
            exclude_border=False,
        )  # fmt: skip
        found = response[tuple(peaks.T)]
        # beside something brighter than they are dark are the halos of bright spots
        brightest = -np.asarray(ndimage.minimum_filter(response, 2 * round(3 * sigma) + 1))[tuple(peaks.T)]
        peaks, found = peaks[found > brightest], found[found > brightest]
        # what stands out over the level, weighed by what it takes up: the lobes of a particle are not particles
        excess = float((found / level - 1).sum()) * sigma**1.5
        if excess > best:
            best, centres = excess, peaks
    if not len(centres):
        return Particles(centres, float("nan"), 0.0)
    # a disc answers most strongly to the scale of its radius over √2
    strength = [float(response[tuple(centres.T)].mean()) for response in responses]
    diameter = 2 * np.sqrt(2) * _SIGMAS_PX[int(np.argmax(strength))]
    coverage = len(centres) * np.pi / 4 * diameter**2 / max(int(free.sum()), 1)
    return Particles(centres, float(diameter), float(coverage))


def is_finest(particles: Particles) -> bool:
    """Whether spots are of the two finest sizes that are looked for."""
    return bool(particles.diameter_px <= 2 * np.sqrt(2) * _SIGMAS_PX[1])


def _two_regions(values: NDArray[np.floating], sigma_px: float) -> NDArray[np.bool_] | None:
    """The higher of two regions that values, smoothed by a sigma, split the field into; None where they do not."""
    from skimage.filters import threshold_otsu

    limit = threshold_otsu(values)
    high = values > limit
    part = float(high.mean())
    if not _LEAST_CARBON < part < 1 - _LEAST_CARBON:
        return None
    means = float(values[~high].mean()), float(values[high].mean())
    between = part * (1 - part) * (means[1] - means[0]) ** 2
    undecided = np.abs(values - sum(means) / 2) < 0.25 * (means[1] - means[0])
    if between < _SEPARATE * float(values.var()) or float(undecided.mean()) > _UNDECIDED:
        return None
    along_y, along_x = np.gradient(values)
    slope = np.hypot(along_y, along_x)[widened(high, 1) & ~high]
    # a step that is smoothed so rises over sigma √2π
    if float(np.median(slope)) * _BLUNTEST * sigma_px * np.sqrt(2 * np.pi) < means[1] - means[0]:
        return None
    for region in (high, ~high):
        labels = _pieces(region)
        sizes = np.bincount(labels.ravel())[1:]
        largest = 1 + int(np.argmax(sizes))
        if sizes[largest - 1] < 0.85 * region.sum() or not _at_border(labels == largest):
            return None
    return high


def _pieces(region: NDArray[np.bool_]) -> NDArray[np.int_]:
    """Connected pieces by number from 1; 0 outside."""
    from skimage.measure import label

    return np.asarray(label(region, connectivity=1))


def _at_border(region: NDArray[np.bool_]) -> bool:
    return bool(region[0].any() or region[-1].any() or region[:, 0].any() or region[:, -1].any())
