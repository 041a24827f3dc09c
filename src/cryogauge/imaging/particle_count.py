"""How many particles an exposure holds, how large they are and how densely they lie, each with its doubt.

Particles are patches of the band energy of :mod:`cryogauge.imaging.particle_energy`. Their size follows from how far
the energy is correlated beyond what copies with phases at random show: for particles that lie at random that is the
correlation of a single one with itself, however many there are (Campbell's theorem). Their number is that of tops of
the energy averaged over their size which stand out over those of the copies. Of particles closer than a part of their
diameter only one has a top, so that of a density ρ at random ``(1 − exp(−ρ a)) / a`` tops remain, a being the area
in which none other may lie (Matérn's second process; Stoyan, Kendall & Mecke, Stochastic Geometry, 5.4), and ρ follows
from their density by the inverse.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.stats import norm

from cryogauge.imaging.particle_energy import BandEnergy

_FINE_A = 15.0
#: Width of a particle's own correlation, at half its height, over its diameter: for a round one that is as thick as a
#: sphere.
_HALF = 0.315
_SIZES_A = (40.0, 600.0)
#: Diameter taken where the energy does not tell one.
USUAL_A = 120.0
_SIZE_TOLD = 4.0  # scatters of the copies
#: Sigma of the average and least distance of tops, over the diameter, and the distance below which the tops of two
#: particles become one, rather less than the width at half height of an averaged one.
_SIGMA, _APART, _MERGE = 0.25, 0.5, 0.7
_FALSE = 0.02  # of the copies' tops stand out
_QUIET = 0.1  # part of the field that holds no particle
#: Scatter of how much particles stand out, over the mean.
_UNLIKE = 0.4
#: Particles in the area in which they merge, from which the scatter of the energy tells more of them than tops do.
_CROWDED = 0.6
#: Error of what the scatter tells.
_SCATTER_ERROR = 0.35
_FEW = 4  # tops that do not tell how many are too faint
_LEAST_SEEN, _MOST_HIDDEN, _LEAST_FREE_UM2 = 0.35, 0.95, 1e-3


@dataclass(frozen=True)
class ParticleCount:
    """What was counted.

    Attributes
    ----------
    centres_A
        ``(n, 2)``: y, x of each top from the centre of the first pixel.
    diameter_A
        NaN where there are too few to tell.
    density_um2, error_um2
        Particles in a µm², those hidden by others and those too faint included, and one standard deviation of it; NaN
        where one cannot tell.
    coverage, coverage_error
        Part of the field that discs of the diameter would take if none lay over another.
    note
        Why one cannot tell, or empty.
    """

    centres_A: NDArray[np.float64]
    diameter_A: float
    density_um2: float
    error_um2: float
    coverage: float
    coverage_error: float
    note: str = ""


def count_particles(energy: BandEnergy) -> ParticleCount:
    """Count the particles of an exposure."""
    area_um2 = float(energy.free.sum()) * (energy.pixel_size_A * 1e-4) ** 2
    if area_um2 < _LEAST_FREE_UM2:
        return _cannot("hardly anything of the field is free")
    told_A = particle_diameter_A(energy)
    diameter_A = told_A if math.isfinite(told_A) else USUAL_A
    centres_px, heights, limit, false = _tops(energy, diameter_A)
    centres_A = centres_px.astype(np.float64) * np.float64(energy.pixel_size_A)
    number = max(len(heights) - false, 0.0)
    seen = share_seen(heights, limit) if number > _FEW else 1.0
    if seen < _LEAST_SEEN:
        return _cannot("what may be particles hardly stands out", told_A)
    density, error = density_um2(number, area_um2, diameter_A, false=false, seen=seen)
    if density * merged_um2(diameter_A) > _CROWDED and density_by_scatter_um2(energy, diameter_A) > density:
        scattered = density_by_scatter_um2(energy, diameter_A)
        density, error = scattered, max(error, _SCATTER_ERROR * scattered)
    disc_um2 = math.pi / 4 * (diameter_A * 1e-4) ** 2
    return ParticleCount(centres_A, told_A, density, error, density * disc_um2, error * disc_um2)


def density_um2(
    number: float, area_um2: float, diameter_A: float, *, false: float = 0.0, seen: float = 1.0
) -> tuple[float, float]:
    """Density of particles that lie at random, and one standard deviation of it, from how many tops there are.

    Parameters
    ----------
    number
        Of tops, less those that are by chance.
    area_um2
        In which they were counted.
    diameter_A
        Of the particles.
    false
        How many tops by chance were taken off.
    seen
        Share of the particles that stand out.
    """
    merged = merged_um2(diameter_A)
    hidden = min(number / area_um2 * merged, _MOST_HIDDEN)
    density = -math.log1p(-hidden) / merged / seen
    # a count's own scatter, and a third of what was added for hidden and faint ones
    own = math.sqrt(number + 2.0 * false + 1.0) / area_um2 / (1.0 - hidden) / seen
    return density, math.hypot(own, (density - number / area_um2) / 3)


def density_by_scatter_um2(energy: BandEnergy, diameter_A: float) -> float:
    """Density of particles by how uneven the energy is, which does not end where particles lie over one another.

    With a mean energy over that of ice of m, and an excess correlation C(r), the density of patches at random is
    m² / ∫C (Campbell's theorem), whatever they are like; so fluorophores are counted in a beam (Magde, Elson & Webb,
    Phys. Rev. Lett. 29, 705, 1972). The tenth of the field with the least stands for the ice, which takes too much
    off; it is used where it says more than tops do.
    """
    over, chance = energy.smooth(_SIGMA * diameter_A)
    free = energy.free
    quiet = np.quantile(over[free], _QUIET) / max(float(np.quantile(chance[:, free], _QUIET)), 1e-30)
    mean = float(over[free].mean() - quiet * chance[:, free].mean())
    more = _excess(energy)[0]
    ends = np.flatnonzero(more <= 0)
    more = more[: int(ends[0])] if len(ends) else more
    around = np.maximum(2 * np.pi * np.arange(len(more)), 1.0)
    whole = float((more * around).sum()) * (energy.pixel_size_A * 1e-4) ** 2
    return max(mean, 0.0) ** 2 / whole if whole > 0 else 0.0


def quiet_share(energy: BandEnergy, squares: NDArray[np.floating], copies: NDArray[np.floating]) -> float:
    """Part of the copies' energy that a place without particles has: by the quietest tenth of the field, or by the
    power spectrum where that says less, for in a crowded field no tenth is empty.
    """
    level = float(np.quantile(copies[:, energy.free], _QUIET))
    return min(float(np.quantile(squares[energy.free], _QUIET)) / max(level, 1e-30), energy.noise_share)


def merged_um2(diameter_A: float) -> float:
    """Area about a particle in which another has no top of its own."""
    return math.pi * (_MERGE * diameter_A * 1e-4) ** 2


def particle_diameter_A(energy: BandEnergy) -> float:
    """Diameter of what is seen, by how far its energy is correlated; NaN where that is not more than chance."""
    step = energy.pixel_size_A
    more, scatter = _excess(energy)
    if more[0] < _SIZE_TOLD * scatter:
        return math.nan
    point = _correlation(np.asarray(ndimage.gaussian_filter(energy.point, _FINE_A / step)))
    half, least = _half_width(more) * step, _half_width(point) * step
    if not math.isfinite(half) or half <= least:
        return _SIZES_A[0]
    return float(np.clip(math.sqrt(half**2 - least**2) / _HALF, *_SIZES_A))


def _excess(energy: BandEnergy) -> tuple[NDArray[np.float64], float]:
    """Correlation of the energy over that of the copies, by distance, and the copies' scatter where that is 0."""
    squares, copies = energy.smooth(_FINE_A)
    own = _correlation(squares, energy.free)
    chance = np.stack([_correlation(copy, energy.free) for copy in copies])
    more = own - chance.mean(axis=0)
    scatter = max(float(chance[:, 0].std(ddof=1)), 1e-6 * float(chance[:, 0].mean()))
    return more - more[len(more) // 2 :].mean(), scatter


def share_seen(heights: NDArray[np.floating], limit: float) -> float:
    """Share of particles above a limit, by how far those that are rise over it.

    Heights are taken as normal about a mean with a scatter of noise (1) and of 0.4 of the mean: the mean is that whose
    part above the limit has the mean height that was found.
    """
    if not len(heights):
        return 1.0
    means = np.linspace(0.0, 12.0 + limit, 200)
    scatter = np.hypot(1.0, _UNLIKE * means)
    away = (limit - means) / scatter
    above = norm.sf(away)
    expected = means + scatter * norm.pdf(away) / np.maximum(above, 1e-12)
    best = int(np.argmin(np.abs(expected - float(heights.mean()))))
    return float(max(above[best], 1e-3))


def _tops(energy: BandEnergy, diameter_A: float) -> tuple[NDArray[np.int64], NDArray[np.float64], float, float]:
    """Places of the tops that stand out, their heights in scatters of the copies, the limit, false ones to expect."""
    from skimage.feature import peak_local_max

    squares, copies = energy.smooth(_SIGMA * diameter_A)
    free = energy.free
    copies = copies * quiet_share(energy, squares, copies)
    middle, scatter = float(copies[:, free].mean()), max(float(copies[:, free].std()), 1e-30)
    apart = max(round(_APART * diameter_A / energy.pixel_size_A), 1)

    def tops(values: NDArray[np.floating]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        height = np.where(free, (values - middle) / scatter, -np.inf)
        places = peak_local_max(height, min_distance=apart, threshold_abs=0.0, exclude_border=False)
        return places, np.asarray(height[tuple(places.T)], np.float64)

    chance = np.sort(np.concatenate([tops(copy)[1] for copy in copies]))
    limit = float(chance[-max(round(_FALSE * len(chance)), 1)]) if len(chance) else 3.0
    places, heights = tops(squares)
    out = heights > limit
    return places[out], heights[out], limit, float((chance >= limit).sum()) / len(copies)


def _correlation(values: NDArray[np.floating], free: NDArray[np.bool_] | None = None) -> NDArray[np.float64]:
    """Mean product of two free places, less the mean, at distances of whole pixels up to a quarter of the field."""
    inside = np.ones(values.shape, bool) if free is None else free
    spectra = [np.fft.rfft2(each) for each in (np.where(inside, values - values[inside].mean(), 0.0), inside * 1.0)]
    y, x = (np.minimum(np.arange(n), n - np.arange(n)) for n in values.shape)
    distance = np.rint(np.hypot(y[:, None], x[None, :])).astype(int).ravel()
    product, pairs = (
        np.bincount(distance, np.fft.irfft2(each.real**2 + each.imag**2, values.shape).ravel()) for each in spectra
    )
    return (product / np.maximum(pairs, 1.0))[: max(min(values.shape) // 4, 4)]


def _half_width(values: NDArray[np.float64]) -> float:
    """Distance in steps at which values first fall to half of the first; NaN where they do not."""
    below = np.flatnonzero(values < 0.5 * values[0])
    if not len(below):
        return math.nan
    k = int(below[0])
    return k - 1 + (values[k - 1] - 0.5 * values[0]) / (values[k - 1] - values[k])


def _cannot(why: str, diameter_A: float = math.nan) -> ParticleCount:
    return ParticleCount(np.zeros((0, 2)), diameter_A, math.nan, math.nan, math.nan, math.nan, why)
