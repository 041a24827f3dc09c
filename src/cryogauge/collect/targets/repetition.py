"""The lattice of discs too small and faint to be seen one by one, from how their picture repeats itself.

Noise agrees with itself nowhere but at home, a lattice at every one of its steps: the autocorrelation of the map of
disc-likeness has tops on a lattice of the same steps, each the sum over all discs in the picture.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from cryogauge.collect.targets.circles import Response
from cryogauge.collect.targets.lattice import Lattice, between_sites, fit_lattice

#: Steps that are looked at, in radii; and how many of the highest tops.
_FARTHEST, _TOPS = 30.0, 80
#: Part of the tops that must lie on the lattice, and how many.
_ON, _LEAST_ON = 0.5, 24
#: Standard errors by which sites must look more like discs than the places between them, of the hundreds of origins
#: that are tried chance brings one to four; and standard deviations, which are fewer where only a corner has discs.
_SURE, _EACH = 8.0, 0.6
#: Correlations are cut here, so that a few strong edges do not outweigh many faint discs.
_CUT = 0.6


def repeated_lattice(response: Response, sign: int, min_pitch_px: float) -> tuple[Lattice, float] | None:
    """The lattice on which a picture repeats itself, if it does beyond doubt.

    Parameters
    ----------
    response
        As :func:`cryogauge.collect.targets.circles.disc_response` gives it.
    sign
        1 for bright discs, −1 for dark ones.
    min_pitch_px
        Shortest pitch in pixels of the image.

    Returns
    -------
    lattice, contrast
        In pixels of the image; and the mean correlation at the sites less that between them.
    """
    values = response.map * sign
    steps = _tops(_autocorrelation(values, _FARTHEST * response.radius_px / response.binning),
                  response.radius_px / response.binning)  # fmt: skip
    fitted = fit_lattice(steps, min_pitch_px=min_pitch_px / response.binning)
    if fitted is None or fitted[2].sum() < max(_LEAST_ON, _ON * len(steps)):
        return None
    lattice = Lattice(fitted[0].kind, np.vstack([np.zeros(2), fitted[0].coefficients[1:3]]))
    lattice = Lattice(lattice.kind, np.vstack([_origin(values, lattice), lattice.coefficients[1:]]))
    index, sites = lattice.sites((values.shape[0], values.shape[1]))
    at, off = _at(values, sites), _at(values, lattice.at(index + between_sites(lattice)))
    contrast = float(at.mean() - off.mean())
    each = contrast / float(np.sqrt(at.var() + off.var()) + 1e-9)
    if each < max(_EACH, _SURE / float(np.sqrt(len(at)))):
        return None
    return lattice.scaled(response.binning, (response.binning - 1) / 2), contrast


def _autocorrelation(values: NDArray[np.float32], farthest_px: float) -> NDArray[np.float64]:
    """Of steps up to a distance along each axis, the step (0, 0) in the middle."""
    values = np.clip(values, -_CUT, _CUT)
    values = values - values.mean()
    ny, nx = values.shape
    size = [fft.next_fast_len(2 * n, real=True) for n in values.shape]
    spectrum: Any = fft.rfft2(values, size)
    whole: Any = fft.irfft2(np.abs(spectrum) ** 2, size)
    reach = int(min(farthest_px, min(values.shape) // 3))
    dy, dx = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    near = np.roll(whole, (reach, reach), (0, 1))[: 2 * reach + 1, : 2 * reach + 1]
    return near / ((ny - np.abs(dy)) * (nx - np.abs(dx)))


def _tops(correlation: NDArray[np.float64], radius_px: float) -> NDArray[np.float64]:
    """The steps (x, y) at which the correlation has its highest tops over what is slow in it."""
    correlation = correlation - ndimage.gaussian_filter(correlation, 4 * radius_px)
    top = ndimage.maximum_filter(correlation, size=max(3, 2 * round(radius_px) + 1)) == correlation
    y, x = np.nonzero(top)
    highest = np.argsort(-correlation[y, x], kind="stable")[:_TOPS]
    return np.column_stack([x, y])[highest] - correlation.shape[0] // 2.0


def _origin(values: NDArray[np.float32], lattice: Lattice) -> NDArray[np.float64]:
    """Where in a cell the sites lie: where all cells laid on one another are highest."""
    y, x = np.mgrid[: values.shape[0], : values.shape[1]]
    basis = lattice.coefficients[1:3]
    part = (np.column_stack([x.ravel(), y.ravel()]) @ np.linalg.inv(basis)) % 1
    count = max(6, int(2 * lattice.pitch_px))
    cell = np.minimum((part * count).astype(np.int64), count - 1)
    cell = cell[:, 0] * count + cell[:, 1]
    total, seen = np.bincount(cell, values.ravel(), count**2), np.bincount(cell, minlength=count**2)
    laid = ndimage.gaussian_filter((total / np.maximum(seen, 1)).reshape(count, count), 1.0, mode="wrap")
    i, j = np.unravel_index(int(laid.argmax()), laid.shape)
    return (np.array([i, j]) + 0.5) / count @ basis


def _at(values: NDArray[np.float32], xy: NDArray[np.float64]) -> NDArray[np.float64]:
    x, y = np.clip(np.round(xy).astype(int), 0, np.array(values.shape)[::-1] - 1).T
    return values[y, x].astype(np.float64)
