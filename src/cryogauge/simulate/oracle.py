"""How much of the specimen a tomogram shows, slice by slice: the label that no person has to draw.

For every place in every slice the reconstruction is compared with the specimen's own slice in narrow frequency
bands. A band counts as visible when the local correlation, times the tomogram's relative transfer in that band,
exceeds a threshold; the bands that count add up to a cut-off frequency, and that to the width of the smallest
feature one could make out, on the scale of Tan et al. (2025).

Why not something simpler: the correlation of half tomograms is high in empty slices too, because structure and
gold leak along z through the missing wedge; the specimen's own slice is empty there, and the correlation nought.
Correlation alone is blind to low-pass filtering, hence the transfer.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, gaussian_filter1d

from cryogauge.imaging.feature_scale import score_of_feature_px
from cryogauge.imaging.transforms import frequency_radius, irfft2, rfft2
from cryogauge.imaging.wedge import with_wedge

#: Edge of a label tile in pixels.
TILE_PX = 16
#: Band edges, cycles a pixel: fine at low frequencies, where the scale from 12 to 4.5 pixels lies.
BAND_EDGES = (0.02, 0.045, 0.07, 0.095, 0.125, 0.16, 0.2, 0.25, 0.3, 0.36, 0.42, 0.5)
#: Correlation at which a band counts as half visible, and the softness of that step. 0.5 against a perfect
#: reference is the convention of single-particle work (Rosenthal & Henderson 2003): signal a third of the noise.
THRESHOLD, SOFTNESS = 0.5, 0.06
#: Relative transfer below which a band's correlation counts for less: at a quarter it is invisible however true.
FULL_TRANSFER = 0.5
#: A feature's width in pixels times the cut-off frequency: a sinusoid's half period is 0.5; 0.4 makes the finest
#: category reachable, at 0.4 cycles a pixel.
WIDTH_TIMES_FREQUENCY = 0.4
#: Gaussian window of the local correlation in tiles, and of the labels along z in slices (Methods of the paper).
WINDOW_TILES = 1.6
Z_SIGMA_SLICES = 3.0
#: Local labels get half of it: the scores taken from a predicted map are smoothed once more.
LABEL_Z_SIGMA = 1.5
#: Standard deviation of the biological potential within the window below which there is no structure, V.
STRUCTURE_V = 0.10
#: A slice's score is this percentile over the tiles that hold structure, faded in over the first of the area.
PERCENTILE = 85.0
FULL_AREA = 0.04


@dataclass(frozen=True)
class Truth:
    """The oracle's labels.

    Attributes
    ----------
    quality
        Local score 0–1, float32 ``(z, y', x')``, one value a tile of :data:`TILE_PX` pixels; 0 without structure.
    structure
        Whether a tile holds biological structure, bool of the same shape.
    score
        Score of each slice, float32 ``(z,)``, smoothed along z.
    """

    quality: np.ndarray
    structure: np.ndarray
    score: np.ndarray


def _tiles(values: np.ndarray, edge: int) -> np.ndarray:
    """Mean over square tiles of the last two axes."""
    y, x = values.shape[-2] // edge, values.shape[-1] // edge
    # rows first: additions along contiguous memory
    rows = values.reshape(*values.shape[:-2], y, edge, x * edge).mean(axis=-2)
    return rows.reshape(*rows.shape[:-1], x, edge).mean(axis=-1)


def _band(
    spectrum: NDArray[np.complexfloating], mask: NDArray[np.bool_], shape: tuple[int, int], step: int
) -> np.ndarray:
    """Band-passed images from their ``rfft2``, on every ``step``-th pixel."""
    ny, nx = shape
    if step == 1:
        return irfft2(spectrum * mask, shape)
    half, wide = ny // step // 2, nx // step // 2 + 1
    rows = np.r_[0:half, ny - half : ny]
    cut = (spectrum[:, rows, :wide] * mask[rows, :wide]) / step**2
    return irfft2(cut, (ny // step, nx // step))


def judge(
    reconstruction: np.ndarray,
    biology_V: np.ndarray,
    *,
    within: np.ndarray | None = None,
    half_range_deg: float | None = None,
    chunk: int = 16,
) -> Truth:
    """Compare a reconstruction with the specimen it shows.

    Parameters
    ----------
    reconstruction
        float32 ``(z, y, x)``, either contrast sign.
    biology_V
        Potential of the biological structure, V, on the same grid.
    within
        Part of each voxel that lies in the slab, float32 of the same shape (:meth:`Specimen.coverage`). A tile less
        than half in it holds no structure, whatever the window of its neighbours sees: this keeps the surfaces sharp.
    half_range_deg
        Largest tilt. A narrower range than the usual draws features out along z, which no slice shows; given it, the
        scores pay for that (:func:`cryogauge.imaging.wedge.with_wedge`).
    chunk
        Slices held in memory at a time.

    Returns
    -------
    Truth
    """
    nz = len(reconstruction)
    ny, nx = (n // TILE_PX * TILE_PX for n in reconstruction.shape[1:])
    grid = (ny // TILE_PX, nx // TILE_PX)
    edges = np.array(BAND_EDGES)
    bands = len(edges) - 1
    radius = frequency_radius((ny, nx))
    cross = np.zeros((bands, nz, *grid), dtype=np.float32)
    power_r = np.zeros_like(cross)
    power_p = np.zeros_like(cross)
    spread = np.zeros((nz, *grid), dtype=np.float32)
    for start in range(0, nz, chunk):
        part = slice(start, min(nz, start + chunk))
        truth = biology_V[part, :ny, :nx].astype(np.float32)
        spread[part] = _tiles(truth**2, TILE_PX) - _tiles(truth, TILE_PX) ** 2
        fr = rfft2(reconstruction[part, :ny, :nx].astype(np.float32))
        fp = rfft2(truth)
        for b in range(bands):
            mask = (radius >= edges[b]) & (radius < edges[b + 1])
            # a coarse band fits on a coarse grid, where its tile means are the same and cost a sixteenth
            step = 4 if edges[b + 1] <= 0.125 else 2 if edges[b + 1] <= 0.25 else 1
            r, p = _band(fr, mask, (ny, nx), step), _band(fp, mask, (ny, nx), step)
            cross[b, part] = _tiles(r * p, TILE_PX // step)
            power_r[b, part] = _tiles(r * r, TILE_PX // step)
            power_p[b, part] = _tiles(p * p, TILE_PX // step)
    structure_V = np.sqrt(np.maximum(_window(spread), 0.0))
    structure = structure_V > STRUCTURE_V
    if within is not None:
        structure &= _tiles(within[:, :ny, :nx], TILE_PX) > 0.5
    transfer = _relative_transfer(cross, power_p, structure)
    visible = np.zeros((nz, *grid), dtype=np.float32)
    for b in range(bands):
        correlation = _window(cross[b]) / np.sqrt(np.maximum(_window(power_r[b]) * _window(power_p[b]), 1e-20))
        # chance correlation of so few independent samples, taken off in quadrature
        window_px = 4 * np.pi * (WINDOW_TILES * TILE_PX) ** 2 * 1.7
        samples = max(2.0, np.pi * (edges[b + 1] ** 2 - edges[b] ** 2) * window_px)
        squared = np.maximum(correlation**2 - 1.0 / samples, 0.0)
        shown = np.sqrt(squared) * min(1.0, transfer[b] / FULL_TRANSFER)
        seen = 1.0 / (1.0 + np.exp(-(shown - THRESHOLD) / SOFTNESS))
        visible += (edges[b + 1] - edges[b]) * seen
    cutoff = edges[0] + visible
    quality = score_of_feature_px(WIDTH_TIMES_FREQUENCY / cutoff).astype(np.float32)
    if half_range_deg is not None:
        quality = with_wedge(quality, half_range_deg)
    quality = np.where(structure, quality, 0.0).astype(np.float32)
    return Truth(quality, structure, slice_scores(quality, structure))


def _window(tiles: np.ndarray) -> np.ndarray:
    """Gaussian average over neighbouring tiles and a slice to either side."""
    return gaussian_filter(tiles, (0.6, WINDOW_TILES, WINDOW_TILES), mode="nearest")


def _relative_transfer(cross: np.ndarray, power_p: np.ndarray, structure: np.ndarray) -> np.ndarray:
    """Amplitude that the reconstruction gives each band of the specimen, relative to the best band below it.

    A low-passed tomogram has less of the fine bands than of the coarse ones; a high-passed one, or one taken in
    phase contrast, is not blamed for the coarse bands it lacks.
    """
    where = structure[None]
    amplitude = np.abs((cross * where).sum(axis=(1, 2, 3))) / np.maximum((power_p * where).sum(axis=(1, 2, 3)), 1e-20)
    return amplitude / np.maximum(np.maximum.accumulate(amplitude), 1e-20)


def slice_scores(quality: np.ndarray, structure: np.ndarray, *, z_sigma: float = Z_SIGMA_SLICES) -> np.ndarray:
    """Score of each slice from its tiles: a high percentile where there is structure, smoothed along z.

    A slice in which structure covers less than :data:`FULL_AREA` fades out with that area, so that one crumb does
    not make a slice.

    Parameters
    ----------
    quality, structure
        ``(z, y', x')`` local scores and whether there is structure.
    z_sigma
        Gaussian smoothing along z in slices; 0 for none.

    Returns
    -------
    numpy.ndarray
        float32 ``(z,)`` in 0–1.
    """
    score = np.zeros(len(quality), dtype=np.float32)
    for z, (values, mask) in enumerate(zip(quality, structure, strict=True)):
        if mask.any():
            score[z] = np.percentile(values[mask], PERCENTILE) * min(1.0, float(mask.mean()) / FULL_AREA)
    return gaussian_filter1d(score, z_sigma, mode="nearest") if z_sigma > 0 else score
