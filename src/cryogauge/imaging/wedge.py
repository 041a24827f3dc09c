"""The missing wedge of a tomogram: measured in its spectrum, and what it does to the smallest feature."""

from collections.abc import Callable
from typing import Any

import numpy as np

from cryogauge.imaging.feature_scale import score_of_feature_px, width_px_of_score

#: The tilt range that costs nothing: what most tomograms have.
USUAL_RANGE_DEG = 60.0
#: Edge of the block that is transformed, voxels, and the annulus looked at, cycles a voxel.
_BLOCK_PX = 128
_ANNULUS = (0.08, 0.4)
#: Power outside over inside the measured wedge above which nothing is missing that one could see.
_CLEAR = 0.5


def elongation(half_range_deg: float) -> float:
    """How much longer than wide a point becomes along z, for tilts from −α to +α.

    √((α + sin α cos α) / (α − sin α cos α)) (Radermacher & Hoppe 1980): 1.55 at 60°, 1 at 90°.
    """
    a = np.deg2rad(min(max(half_range_deg, 1.0), 90.0))
    return float(np.sqrt((a + np.sin(a) * np.cos(a)) / (a - np.sin(a) * np.cos(a))))


def measure_half_range_deg(volume: Any, to_grey: Callable[[np.ndarray], np.ndarray] | None = None) -> float:
    """Half the tilt range of a tomogram, read off the power in its Fourier planes.

    Parameters
    ----------
    volume
        Array-like ``(z, y, x)`` whose tilt axis lies along x or y; a central block of it is read.
    to_grey
        Applied to each slice first: a map that tames outliers and makes the grey scale play no part.

    Returns
    -------
    float
        Degrees, or NaN where no wedge stands out: isotropic noise on top, a filled wedge, too few slices.
    """
    block = _central_block(volume, to_grey)
    if min(block.shape) < 24:
        return float("nan")
    window = [np.hanning(n + 2)[1:-1].astype(np.float32) for n in block.shape]
    block = (block - block.mean()) * window[0][:, None, None] * window[1][None, :, None] * window[2][None, None, :]
    power = np.abs(np.fft.rfftn(block)) ** 2
    fz = np.fft.fftfreq(block.shape[0])[:, None, None]
    fy = np.fft.fftfreq(block.shape[1])[None, :, None]
    fx = np.fft.rfftfreq(block.shape[2])[None, None, :]
    best = (np.inf, float("nan"))
    for across, along in ((fx, fy), (fy, fx)):
        # near the plane through the origin perpendicular to the tilt axis, where angles in it are well defined
        radius = np.hypot(fz, across)
        where = (radius > _ANNULUS[0]) & (radius < _ANNULUS[1]) & (np.abs(along) < 0.25)
        angle = np.rad2deg(np.arctan2(np.abs(fz), np.abs(across)))
        where, angle = np.broadcast_to(where, power.shape), np.broadcast_to(angle, power.shape)
        best = min(best, _step(angle[where], power[where], np.broadcast_to(radius, power.shape)[where]))
    contrast, half_range = best
    # the window smears the wedge's edge outwards by its main lobe
    leak = np.rad2deg(2.0 / min(block.shape[0], _BLOCK_PX) / (sum(_ANNULUS) / 2))
    return half_range - leak if contrast < _CLEAR else float("nan")


def _step(angle: np.ndarray, power: np.ndarray, radius: np.ndarray) -> tuple[float, float]:
    """Power beyond over power within the angle that parts them best, and that angle."""
    # every radius counts alike, however the spectrum falls, but for those a low-pass has emptied: what is left there
    # has leaked from the strong ones, at any angle
    ring = np.digitize(radius, np.linspace(*_ANNULUS, 17)) - 1
    ring_mean = np.bincount(ring, power, 17) / np.maximum(np.bincount(ring, minlength=17), 1)
    alive = (ring_mean > 1e-3 * ring_mean.max())[ring]
    angle, ring = angle[alive], ring[alive]
    relative = power[alive] / np.maximum(ring_mean[ring], 1e-30)
    degrees = np.clip(angle.astype(int), 0, 89)
    count = np.maximum(np.bincount(degrees, minlength=90), 1)
    profile = np.log(np.maximum(np.bincount(degrees, relative, 90) / count, 1e-6))
    candidates = np.arange(15, 85)
    misfit = [_spread(profile[2:k]) + _spread(profile[k:88]) for k in candidates]
    k = int(candidates[int(np.argmin(misfit))])
    return float(np.exp(np.median(profile[k:88]) - np.median(profile[2:k]))), float(k)


def _spread(values: np.ndarray) -> float:
    return float(((values - np.median(values)) ** 2).sum())


def _central_block(volume: Any, to_grey: Callable[[np.ndarray], np.ndarray] | None) -> np.ndarray:
    """The middle of a volume, at most :data:`_BLOCK_PX` a side, float32."""
    starts = [max(0, (n - _BLOCK_PX) // 2) for n in volume.shape]
    z, y, x = (slice(s, s + _BLOCK_PX) for s in starts)
    slices = [np.asarray(volume[k][y, x], dtype=np.float32) for k in range(volume.shape[0])[z]]
    return np.nan_to_num(np.stack([to_grey(s) if to_grey else s for s in slices]).astype(np.float32))


def with_wedge(score: np.ndarray, half_range_deg: float) -> np.ndarray:
    """Scores of slices, after the elongation of features along z that the slices alone do not show.

    A feature's width becomes the geometric mean of its width in the plane and along z, relative to a tomogram of the
    usual ±60°. Wider ranges are not rewarded, and NaN leaves the scores as they are.
    """
    if not np.isfinite(half_range_deg):
        return score
    widening = max(1.0, np.sqrt(elongation(half_range_deg) / elongation(USUAL_RANGE_DEG)))
    width = width_px_of_score(score)
    return score_of_feature_px(width * widening).astype(np.float32)
