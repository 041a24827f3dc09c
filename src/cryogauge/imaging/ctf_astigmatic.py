"""Defocus and astigmatism of a single exposure from its power spectrum, fast enough to follow a microscope.

The mean power of half-overlapping tiles is averaged over sectors of direction and rings of frequency. Each sector is
compared with the squared contrast transfer at every defocus of a range; the two defoci and the angle of an astigmatic
lens are those whose sum over sectors agrees best. So the two-dimensional search of CTFFIND (Rohou & Grigorieff, J.
Struct. Biol. 192, 216, 2015) becomes a look-up in a table of sector and defocus.
"""

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, map_coordinates
from scipy.optimize import minimize

from cryogauge.imaging.ctf import ctf_1d, electron_wavelength_A
from cryogauge.imaging.ctf_fit import AGREES, flattened, local_agreement
from cryogauge.imaging.threads import for_each
from cryogauge.imaging.transforms import rfft2
from cryogauge.records import BadInput

_TILE_A = 900.0  # wide enough that Thon rings of 3 µm at 4 Å are three samples apart
_TILES_PX = (256, 320, 384, 512, 640, 768, 1024)
_COARSEST_A, _FINEST_A = 30.0, 3.0
#: Highest frequency that is looked at, in cycles a pixel.
FINEST_CYCLES_PX = 0.46
_SECTORS = 18
_GRID = 1.006  # step of the search, a factor
_MOST_ASTIGMATISM = 0.3  # of the defocus
_ENVELOPE_A2 = 60.0
_FOUND = 5.0  # scatters of chance above the middle: noise alone reaches 3.5
_COSTS = 10.0  # scatters for an astigmatism as large as the defocus: noise alone would be explained by some


@dataclass(frozen=True)
class TilePower:
    """The mean power spectrum of an image's tiles.

    Attributes
    ----------
    power
        ``(edge, edge // 2 + 1)`` in the layout of ``np.fft.rfft2``.
    edge_px
        Of a tile.
    pixel_size_A
        Of the image.
    tiles
        How many were averaged.
    """

    power: NDArray[np.float32]
    edge_px: int
    pixel_size_A: float
    tiles: int

    @property
    def frequency_1_A(self) -> NDArray[np.float64]:
        """Of each term."""
        fy = np.fft.fftfreq(self.edge_px, self.pixel_size_A)[:, None]
        return np.hypot(fy, np.fft.rfftfreq(self.edge_px, self.pixel_size_A)[None, :])


@dataclass(frozen=True)
class AstigmaticFit:
    """Contrast transfer of an exposure.

    Attributes
    ----------
    defocus_A
        Mean underfocus; NaN where the rings do not tell.
    astigmatism_A, astigmatism_deg
        Largest minus smallest underfocus, and the direction of the largest from +x towards +y, 0 to 180; NaN likewise.
    correlation
        Of rings and fitted transfer, the mean over sectors, −1 to 1.
    resolution_A
        To which the rings agree with it; infinite where they do nowhere.
    frequency_1_A, rings, expected
        The rings averaged along the fitted astigmatism, flattened, and the fitted transfer likewise: for a plot.
    """

    defocus_A: float
    astigmatism_A: float
    astigmatism_deg: float
    correlation: float
    resolution_A: float
    frequency_1_A: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    rings: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    expected: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))


def tile_power(image: NDArray[np.floating], pixel_size_A: float) -> TilePower:
    """Mean power spectrum of half-overlapping tiles of about 900 Å, each less its mean and faded out at its edges.

    Tiles that are far brighter or darker than most, as those on a grid bar, are left out.

    Raises
    ------
    BadInput
        When the image is smaller than 64 px.
    """
    ny, nx = image.shape
    if min(ny, nx) < 64:
        raise BadInput(f"an image of {ny} × {nx} pixels has no power spectrum to speak of", "give whole exposures")
    wanted = _TILE_A / pixel_size_A if pixel_size_A > 0 else 512
    edge = min(min(_TILES_PX, key=lambda n: abs(n - wanted)), ny // 2 * 2, nx // 2 * 2)
    window = (np.hanning(edge)[:, None] * np.hanning(edge)[None, :]).astype(np.float32)
    corners = [
        (y, x) for y in range(0, ny - edge + 1, edge // 2) for x in range(0, nx - edge + 1, edge // 2)
    ]  # fmt: skip
    means = np.array([float(image[y : y + edge : 4, x : x + edge : 4].mean()) for y, x in corners])
    middle = np.median(means)
    near = np.abs(means - middle) <= max(0.25 * abs(middle), 4 * np.median(np.abs(means - middle)))
    rows = np.array_split(np.flatnonzero(near), 4)
    totals = np.zeros((len(rows), edge, edge // 2 + 1), dtype=np.float32)

    def add(part: int) -> None:
        for k in rows[part]:
            y, x = corners[k]
            tile = np.asarray(image[y : y + edge, x : x + edge], dtype=np.float32)
            spectrum = rfft2((tile - np.float32(means[k])) * window)
            totals[part] += spectrum.real**2 + spectrum.imag**2

    for_each(add, range(len(rows)))
    count = int(near.sum())
    return TilePower(totals.sum(axis=0) / count, edge, pixel_size_A, count)


def fit_astigmatic(
    power: TilePower,
    *,
    lowest_A: float = 3_000.0,
    highest_A: float = 60_000.0,
    voltage_kV: float = 300.0,
    cs_mm: float = 2.7,
    amplitude_contrast: float = 0.07,
) -> AstigmaticFit:
    """Find underfocus and astigmatism that explain the rings of a power spectrum.

    Parameters
    ----------
    power
        Of :func:`tile_power`, with a pixel below some 4 Å.
    lowest_A, highest_A
        Range of the search.
    voltage_kV, cs_mm, amplitude_contrast
        As in :func:`cryogauge.imaging.ctf_1d`.

    Returns
    -------
    AstigmaticFit
        A stigmatic lens is told from an astigmatic one of some 100 Å by chance alone.
    """
    frequency, sectors = _sector_rings(power)
    if len(frequency) < 40:
        return AstigmaticFit(math.nan, math.nan, math.nan, 0.0, math.inf)
    lens = {"voltage_kV": voltage_kV, "cs_mm": cs_mm, "amplitude_contrast": amplitude_contrast}
    count = int(math.log(highest_A / lowest_A) / math.log(_GRID)) + 1
    trials = lowest_A * np.power(_GRID, np.arange(count, dtype=np.float64))
    weight = np.sqrt(frequency)  # a ring has as many terms as it is wide
    seen = np.stack([_unit(_around(np.log(each)) * weight) for each in sectors])
    agreement = seen @ _expected(frequency, trials, lens).T  # (sector, trial)
    # how far wrong defoci reach by chance
    by_chance = agreement.mean(axis=0)
    middle = float(np.median(by_chance))
    scatter = max(1.4826 * float(np.median(np.abs(by_chance - middle))), 1e-6)
    defocus, astigmatism, angle, correlation = _search(agreement, trials, _COSTS * scatter)
    if correlation - _COSTS * scatter * astigmatism / defocus - middle < _FOUND * scatter:
        return AstigmaticFit(math.nan, math.nan, math.nan, correlation, math.inf)
    rings = _along_astigmatism(frequency, sectors, defocus, astigmatism, angle, lens)
    expected = flattened(np.log(np.square(ctf_1d(frequency, defocus, **lens)) + 0.05))
    local = local_agreement(rings, expected)
    resolution = _resolution_A(frequency, local)
    return AstigmaticFit(defocus, astigmatism, angle, correlation, resolution, frequency, rings, expected)


def _sector_rings(power: TilePower) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Frequencies ``(ring,)`` in 1/Å and mean powers ``(sector, ring)``; a sector k is centred on k · 10°."""
    edge, pixel = power.edge_px, power.pixel_size_A
    fy = np.fft.fftfreq(edge)[:, None] * edge
    fx = np.fft.rfftfreq(edge)[None, :] * edge
    ring = np.hypot(fy, fx).round().astype(int)
    sector = (np.round(np.arctan2(fy, fx) % np.pi / (np.pi / _SECTORS)).astype(int)) % _SECTORS
    first = max(int(edge * pixel / _COARSEST_A), 3)
    last = min(int(edge * pixel / _FINEST_A), int(FINEST_CYCLES_PX * edge))
    # the axes hold what the tiles' edges and the camera's seams leave
    within = (ring >= first) & (ring < last) & (np.abs(fx) > 0.5) & (np.abs(fy) > 0.5)
    width = max(last - first, 0)
    place = sector[within] * width + ring[within] - first
    terms = np.bincount(place, minlength=_SECTORS * width)
    mean = np.bincount(place, power.power[within], _SECTORS * width) / np.maximum(terms, 1)
    mean = np.maximum(mean.reshape(_SECTORS, width), 1e-30)
    return np.arange(first, first + width) / (edge * pixel), mean


def _expected(
    frequency: NDArray[np.float64], trials: NDArray[np.float64], lens: dict[str, float]
) -> NDArray[np.float64]:
    squared = np.square(ctf_1d(frequency[None, :], trials[:, None], **lens))
    envelope = np.exp(-0.5 * _ENVELOPE_A2 * np.square(frequency)) * np.sqrt(frequency)
    return np.stack([_unit(_around(np.log(each + 0.05)) * envelope) for each in squared])


def _around(rings: NDArray[np.float64]) -> NDArray[np.float64]:
    """Less a running mean: what noise leaves has one height at all frequencies, what Thon rings leave falls."""
    return rings - gaussian_filter1d(rings, max(len(rings) / 20, 3.0), mode="nearest")


def _unit(rings: NDArray[np.float64]) -> NDArray[np.float64]:
    """About zero and of length 1, so that products are correlations."""
    about = rings - rings.mean()
    return about / max(float(np.linalg.norm(about)), 1e-12)


def _search(
    agreement: NDArray[np.float64], trials: NDArray[np.float64], cost: float
) -> tuple[float, float, float, float]:
    """Mean defocus, astigmatism, angle and mean correlation that agree best: over a grid, then between its points.

    Astigmatism over defocus times ``cost`` is taken off the correlation that is maximised.
    """
    directions = np.arange(_SECTORS) * np.pi / _SECTORS
    count = len(trials)

    def place(defocus: NDArray[np.floating]) -> NDArray[np.float64]:
        return np.log(np.maximum(defocus, 1.0) / trials[0]) / math.log(_GRID)

    def value(defocus: float, cosine: float, sine: float) -> float:
        each = defocus * (1 + cosine * np.cos(2 * directions) + sine * np.sin(2 * directions))
        at = np.stack([np.arange(_SECTORS), place(each)])
        return float(map_coordinates(agreement, at, order=1, mode="nearest").mean())

    best = (-math.inf, float(trials[0]), 0.0, 0.0)
    for part in np.linspace(0, 0.5 * _MOST_ASTIGMATISM, 15):
        for angle in np.arange(_SECTORS) * np.pi / _SECTORS if part else (0.0,):
            ratio = 1 + part * np.cos(2 * (directions - angle))
            steps = np.round(np.log(ratio) / math.log(_GRID)).astype(int)
            low, high = -int(steps.min()), count - int(steps.max())
            total = np.zeros(max(high - low, 1))
            for k, step in enumerate(steps):
                total += agreement[k, low + step : high + step]
            found = int(np.argmax(total))
            worth = float(total[found]) / _SECTORS - 2 * part * cost
            if worth > best[0]:
                best = (worth, float(trials[low + found]), part * math.cos(2 * angle), part * math.sin(2 * angle))
    start = np.array([best[1], best[2], best[3]])
    scale = np.array([0.004 * best[1], 0.01, 0.01])
    simplex = np.vstack([start, start + np.diag(scale)])
    found = minimize(
        lambda p: 2 * cost * math.hypot(p[1], p[2]) - value(p[0], p[1], p[2]), start, method="Nelder-Mead",
        options={"initial_simplex": simplex, "maxiter": 150, "xatol": 1e-4, "fatol": 1e-6},
    )  # fmt: skip
    defocus, cosine, sine = (float(each) for each in found.x)
    angle = math.degrees(0.5 * math.atan2(sine, cosine)) % 180.0
    return defocus, 2 * defocus * math.hypot(cosine, sine), angle, value(defocus, cosine, sine)


def _along_astigmatism(
    frequency: NDArray[np.float64],
    sectors: NDArray[np.float64],
    defocus_A: float,
    astigmatism_A: float,
    angle_deg: float,
    lens: dict[str, float],
) -> NDArray[np.float64]:
    """Rings at the frequencies where the mean defocus has the phase that each sector has by its own, flattened."""
    wavelength = electron_wavelength_A(lens["voltage_kV"])
    quartic = 0.5 * math.pi * lens["cs_mm"] * 1e7 * wavelength**3
    squared = np.square(frequency)
    phase = math.pi * wavelength * defocus_A * squared - quartic * squared**2
    total = np.zeros(len(frequency))
    for k, rings in enumerate(sectors):
        own = defocus_A + 0.5 * astigmatism_A * math.cos(2 * (k * math.pi / _SECTORS - math.radians(angle_deg)))
        linear = math.pi * wavelength * own
        under = np.maximum(linear**2 - 4 * quartic * phase, 0.0)
        at = np.sqrt(np.maximum(2 * phase / (linear + np.sqrt(under)), 0.0))
        total += np.interp(at, frequency, flattened(np.log(rings)))
    return flattened(gaussian_filter1d(total / len(sectors), 1.0))


def _resolution_A(frequency: NDArray[np.float64], local: NDArray[np.float64]) -> float:
    start = int(np.argmax(local))
    if local[start] < AGREES:
        return math.inf
    bad = np.flatnonzero(local[start:] < AGREES)
    return 1 / float(frequency[start + int(bad[0]) - 1] if len(bad) else frequency[-1])
