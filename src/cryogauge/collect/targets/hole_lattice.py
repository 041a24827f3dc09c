"""Which size of disc lies on a lattice, and which."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from cryogauge.collect.targets.circles import Response, between_pixels, disc_response, peaks, radii, round_ones
from cryogauge.collect.targets.grey import block_means
from cryogauge.collect.targets.lattice import Lattice, bend, between_sites, fit_lattice
from cryogauge.collect.targets.repetition import repeated_lattice

#: Correlation below which a top is noise, and how many tops are asked for a lattice.
_LEAST, _MOST_TOPS = 0.3, 600
#: Smallest radius in pixels of which tops are more than noise, and largest of which holes are believed on less
#: evidence, if so many lie on one lattice.
_PLAIN_PX, _FAINT_PX, _FAINT_EVIDENCE, MANY = 2.99, 9.0, 0.1, 60
#: Discs with an edge all around that must lie on a lattice if they are to stand for all.
_CLOSED = 8
#: Gap between holes over their diameter, at least.
_LEAST_GAP = 0.1
#: A lattice must be this much more like discs at its sites than between them.
LEAST_EVIDENCE = 0.22
#: Parts of the pitch by which holes lie off their sites, root mean square: of holes made by machine at most, and of
#: points at random or of lacey film.
_EXACT, _LOOSE = 0.05, 0.11
#: Part of the pitch by which a hole may lie off its site.
_STRAY = 0.15
#: Radius in pixels that holes keep at least where they are measured.
_WORKED_PX = 10.0


@dataclass(frozen=True)
class HoleLattice:
    """Holes of one size on one lattice.

    Attributes
    ----------
    lattice
        In pixels of the image searched.
    radius_px
        Radius of the holes in those pixels.
    sign
        1 for holes brighter than the foil, −1 for darker ones.
    evidence
        Mean correlation with discs at the sites minus that between them, 0–1, less where the sites are few.
    """

    lattice: Lattice
    radius_px: float
    sign: int
    evidence: float


def find_lattice(image: NDArray[np.floating]) -> HoleLattice | None:
    """The radius, polarity and lattice that together have the most evidence; ``None`` when none has enough.

    Where no plain discs lie on one, small faint ones are tried: one alone is lost in noise, many on a lattice are not.
    Where none of them stands out, the picture is asked whether it repeats itself.

    Parameters
    ----------
    image
        Grey values of shape (y, x).
    """
    every = radii((image.shape[0], image.shape[1]))
    plain = every[every > _PLAIN_PX]
    return (
        _most_evidence(image, plain, faint=False)
        or _most_evidence(image, plain[plain < _FAINT_PX], faint=True)
        or _most_repeated(image, every[every < _FAINT_PX])
    )


def _most_repeated(image: NDArray[np.floating], tried: NDArray[np.float64]) -> HoleLattice | None:
    best = None
    for radius in tried:
        response = disc_response(image, float(radius))
        for sign in (1, -1):
            found = repeated_lattice(response, sign, 2 * (1 + _LEAST_GAP) * radius)
            if found is None or len(found[0].sites((image.shape[0], image.shape[1]))[0]) < MANY:
                continue
            if best is None or found[1] > best.evidence:
                best = HoleLattice(found[0], float(radius), sign, found[1])
    return best


def _most_evidence(image: NDArray[np.floating], tried: NDArray[np.float64], *, faint: bool) -> HoleLattice | None:
    """By discs with an edge all around, or else by all: most tops in torn foil are of tears, open to a side."""
    closed, any_ = [], []
    for radius in tried:
        response = disc_response(image, float(radius))
        least = _noise(response) if faint else _LEAST
        for sign in (1, -1):
            tops = peaks(response, sign, least)[0][:_MOST_TOPS]
            any_.append(_on_lattice(response, tops, sign, least, at_least=MANY if faint else 3))
            if not faint:
                tops = tops[round_ones(image, tops, float(radius), sign)]
                closed.append(_on_lattice(response, tops, sign, least, at_least=_CLOSED))
    enough = _FAINT_EVIDENCE if faint else LEAST_EVIDENCE
    for found in (closed, any_):
        best = max(found, key=lambda one: one.evidence if one else 0.0, default=None)
        if best is not None and best.evidence > enough:
            return best
    return None


def _on_lattice(
    response: Response, xy: NDArray[np.float64], sign: int, least: float, *, at_least: int
) -> HoleLattice | None:
    """The lattice that tops lie on."""
    fitted = fit_lattice(xy, min_pitch_px=2 * (1 + _LEAST_GAP) * response.radius_px)
    if fitted is None or fitted[2].sum() < at_least:
        return None
    lattice, index, on = fitted
    off = np.linalg.norm(xy[on] - lattice.at(index[on]), axis=1)
    exact = (_LOOSE - float(np.sqrt((off**2).mean())) / lattice.pitch_px) / (_LOOSE - _EXACT)
    few = (1 - 2 / on.sum()) ** 2  # few points lie on any lattice
    evidence = _evidence(response, lattice, sign, least) * few * float(np.clip(exact, 0, 1))
    return HoleLattice(lattice, response.radius_px, sign, float(evidence))


def _noise(response: Response) -> float:
    """Correlation of two standard deviations of noise, 0.3 at most."""
    pixels = np.pi * (1.45 * response.radius_px / response.binning) ** 2
    return min(_LEAST, 2 / float(np.sqrt(pixels)))


def heights_at(
    response: Response, xy: NDArray[np.floating], stray_px: float, sign: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Highest correlation within a distance of places, and where.

    Parameters
    ----------
    response
        As :func:`cryogauge.collect.targets.circles.disc_response` gives it.
    xy
        Places (x, y) in pixels of the image, shape ``(n, 2)``.
    stray_px
        Distance in those pixels.
    sign
        1 for bright discs, −1 for dark ones.

    Returns
    -------
    height, xy
        Correlations, and the places (x, y) of the tops in pixels of the image.
    """
    values = response.map * sign
    ny, nx = values.shape
    reach = max(1, round(stray_px / response.binning))
    dy, dx = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    near = np.hypot(dy, dx) <= max(reach, 1) + 0.3
    at = np.round(response.to_map(xy)).astype(int)
    y = np.clip(at[:, 1:2] + dy[near][None], 0, ny - 1)
    x = np.clip(at[:, 0:1] + dx[near][None], 0, nx - 1)
    highest = values[y, x].argmax(1)
    row = np.arange(len(at))
    y, x = y[row, highest], x[row, highest]
    return values[y, x].astype(float), response.to_image(between_pixels(values, y, x))


def _evidence(response: Response, lattice: Lattice, sign: int, least: float) -> float:
    """Correlation that seven of ten sites with a disc have, less that midway between sites."""
    shape = tuple(n * response.binning for n in response.map.shape)
    index, sites = lattice.sites((shape[0], shape[1]))
    if len(sites) < 3:
        return 0.0
    at, _ = heights_at(response, sites, _STRAY * lattice.pitch_px, sign)
    off, _ = heights_at(response, lattice.at(index + between_sites(lattice)), 0.0, sign)
    held = at > least
    if not held.any():
        return 0.0
    alike = float(np.percentile(at[held], 30)) - max(float(off.mean()), 0.0)
    return alike * float(np.sqrt(min(1.0, held.mean() / 0.25)))


def refine(image: NDArray[np.floating], found: HoleLattice) -> tuple[HoleLattice, Response]:
    """Settle the radius by the mean look of all holes, and the lattice by where they are.

    Parameters
    ----------
    image
        Grey values of shape (y, x).
    found
        As :func:`find_lattice` gives it.

    Returns
    -------
    settled, response
        The same with a better radius and lattice, and the correlation of each place with the mean look of the holes,
        fringes and all: positive where a hole is, whether bright or dark.
    """
    lattice, radius, sign = found.lattice, found.radius_px, found.sign
    response = disc_response(image, radius)
    for last in (False, False, True):
        index, sites = lattice.sites((image.shape[0], image.shape[1]))
        height, xy = heights_at(response, sites, _STRAY * lattice.pitch_px, sign)
        held = height > max(min(_LEAST, 2 * found.evidence), 0.5 * float(np.percentile(height, 90)))
        if held.sum() < 3 or np.linalg.matrix_rank(np.diff(index[held], axis=0)) < 2:
            break
        lattice = Lattice(lattice.kind, bend(index[held], xy[held]))
        r, profile = mean_look(image, xy[held], radius, lattice.pitch_px)
        if last:
            return HoleLattice(lattice, radius, sign, found.evidence), _alike(image, r, profile, radius)
        radius = _steepest(r, profile, sign, radius)
        response = disc_response(image, radius, worked_px=_WORKED_PX)
    return HoleLattice(lattice, radius, sign, found.evidence), Response(
        response.map * sign, response.radius_px, response.binning
    )


def mean_look(
    image: NDArray[np.floating], xy: NDArray[np.floating], radius_px: float, pitch_px: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Grey value against the distance from the centre, the median of many discs.

    Parameters
    ----------
    image
        Grey values of shape (y, x).
    xy
        Centres (x, y) in pixels, shape ``(n, 2)``.
    radius_px, pitch_px
        Radius nearly, and distance of neighbouring discs: the look ends halfway to them.

    Returns
    -------
    r_px, grey
        Distances in pixels, and grey values over the mean of each disc and its surroundings.
    """
    binning = max(1, int(radius_px / 12))
    small = block_means(image, binning)
    r = np.arange(0.0, min(1.6 * radius_px, 0.55 * pitch_px), max(0.04 * radius_px, 0.15))
    turn = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    centre = (np.asarray(xy, float)[:256] - (binning - 1) / 2) / binning
    y = centre[:, 1, None, None] + np.outer(r, np.sin(turn)) / binning
    x = centre[:, 0, None, None] + np.outer(r, np.cos(turn)) / binning
    unseen = (y < 0) | (x < 0) | (y > small.shape[0] - 1) | (x > small.shape[1] - 1)
    rings = np.ma.array(ndimage.map_coordinates(small, [y, x], order=1, mode="nearest"), mask=unseen).mean(axis=2)
    rings = rings - rings.mean(axis=1, keepdims=True)
    return r, np.ma.median(rings, axis=0).filled(0.0)


def _steepest(r: NDArray[np.float64], profile: NDArray[np.float64], sign: int, radius_px: float) -> float:
    """The distance at which the look falls (or rises) most steeply from inside to outside."""
    slope = -sign * np.gradient(ndimage.gaussian_filter1d(profile, max(1.0, 0.05 * radius_px / r[1])), r)
    slope[r < 0.6 * radius_px] = -np.inf
    return float(r[int(np.argmax(slope))])


def _alike(
    image: NDArray[np.floating],
    r: NDArray[np.float64],
    profile: NDArray[np.float64],
    radius_px: float,
) -> Response:
    """Correlation of each place with a round look."""
    from skimage.feature import match_template

    binning = max(1, int(radius_px / _WORKED_PX))
    small = block_means(image, binning)
    reach = int(np.ceil(min(r[-1], 1.45 * radius_px) / binning))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    template = np.interp(np.hypot(y, x) * binning, r, profile)
    return Response(match_template(small, template, pad_input=True, mode="reflect"), radius_px, binning)
