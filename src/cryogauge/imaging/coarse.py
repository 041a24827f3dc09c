"""Coarse alignment of a tilt series without markers, for previews: neighbours first, then the growing reconstruction.

Each image is compared with its neighbour of lower tilt, stretched across the tilt axis by the ratio of their cosines
(Guckenberger, Ultramicroscopy 9, 167, 1982). That leaves errors that add up along the series. They are taken out by
projection matching: from low tilts to high ones, each image is compared with the projection of what the
images before it reconstruct (as in Dengler, Ultramicroscopy 30, 337, 1989), and then once more with that of all others.
Shifts only: the direction of the tilt axis is taken from the microscope, and nothing turns or warps.
"""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import affine_transform
from scipy.ndimage import shift as moved

from cryogauge.imaging.correlation import best_shift
from cryogauge.imaging.projection import project
from cryogauge.imaging.reconstruction import weighted_back_projection
from cryogauge.imaging.tilted import Aligner, align_images, as_contrast
from cryogauge.imaging.transforms import irfft2, rfft2
from cryogauge.records import PREVIEW, BadInput, TiltSeries

_LONGEST_PX, _SHORTEST_PX = 384, 160  # edge of the images that are compared
_MOST_SLICES = 96
_TAPER = 0.12  # part of the edge that fades out, so that edges do not correlate
_LOW, _HIGH = 0.02, 0.22  # pass band, cycles per compared pixel
_REACH = 0.25  # part of the edge that neighbours may be apart
_STEP_REACH = 0.06  # and an image from the projection of the others
_START = 3  # images of lowest tilt that the reconstruction begins with


def align_coarsely(series: TiltSeries, *, thickness_nm: float = 200.0) -> TiltSeries:
    """Find the shift of every used image.

    Parameters
    ----------
    series
        ``tilt_deg`` and ``axis_deg`` of its table are used; shifts it may hold are not.
    thickness_nm
        About how thick the specimen is.

    Returns
    -------
    The same images with ``shift_x_A`` and ``shift_y_A`` found, those of images not used being 0, and
    ``alignment`` set to :data:`cryogauge.records.PREVIEW`.

    Raises
    ------
    BadInput
        When tilt angles or the direction of the axis are not known, or fewer than three images are used.
    """
    used = np.flatnonzero(series.used)
    table = series.table
    if len(used) < _START:
        raise BadInput(f"{series.source} has {len(used)} images to use", "an alignment needs three at least")
    if not np.isfinite(table[["tilt_deg", "axis_deg"]].to_numpy(dtype=np.float64)[used]).all():
        raise BadInput(
            f"the tilt angles or the direction of the tilt axis of {series.source} are not known",
            "an .mdoc beside the stack says both",
        )
    pixel = series.pixel_size_A
    longest_A = pixel * max(series.images.shape[1:])
    # no finer than the specimen needs: the reconstruction would be many slices deep
    voxel = max(longest_A / _LONGEST_PX, min(thickness_nm * 10 / _MOST_SLICES, longest_A / _SHORTEST_PX), pixel)
    straight = replace(series, table=table.assign(shift_x_A=0.0, shift_y_A=0.0))
    aligner = Aligner(straight, voxel)
    images = as_contrast(align_images(straight, voxel_size_A=voxel))[used]
    tilts = table["tilt_deg"].to_numpy(dtype=np.float64)[used]
    slices = max(round(thickness_nm * 10 / aligner.pixel_size_A), 4)
    found = _match_projections(images, tilts, _match_neighbours(images, tilts), slices)
    # from the aligned frame (y, x) back to the recorded image
    turn = np.deg2rad(table["axis_deg"].to_numpy(dtype=np.float64)[used])
    y, x = found.T * aligner.pixel_size_A
    shift_y, shift_x = np.cos(turn) * y + np.sin(turn) * x, -np.sin(turn) * y + np.cos(turn) * x
    shifts = np.zeros((2, len(table)))
    shifts[:, used] = shift_x, shift_y
    return replace(series, table=table.assign(shift_x_A=shifts[0], shift_y_A=shifts[1]), alignment=PREVIEW)


def _match_neighbours(images: NDArray[np.float32], tilts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Displacement (y, x) of each image, outward from the lowest tilt, shape ``(tilt, 2)``."""
    order = np.argsort(tilts)
    cosines = np.cos(np.deg2rad(tilts))
    lowest = int(np.argmin(np.abs(tilts[order])))
    found = np.zeros((len(tilts), 2))
    for way in (order[lowest:], order[: lowest + 1][::-1]):
        for before, here in pairwise(way):
            ratio = float(cosines[before] / cosines[here])
            stretched = _stretched(images[here], ratio)
            dy, dx = offset_between(band_passed(images[before]), band_passed(stretched), _REACH)
            found[here] = found[before, 0] + dy, (found[before, 1] + dx) / ratio
    return found


def _match_projections(
    images: NDArray[np.float32], tilts: NDArray[np.float64], start: NDArray[np.float64], slices: int
) -> NDArray[np.float64]:
    """Better displacements: each image against the projection of the images of lower tilt, then of all others."""
    found = start.copy()
    order = np.argsort(np.abs(tilts))
    shape = (slices, images.shape[1], images.shape[2])
    volume = np.zeros(shape, dtype=np.float32)

    def part(k: int) -> NDArray[np.float32]:
        """What one image adds to the reconstruction, which is the sum of what they all add."""
        return weighted_back_projection(_undo(images[k], found[k])[None], tilts[k : k + 1], shape)

    for k in order[:_START]:
        volume += part(k)
    for k in order[_START:]:
        found[k] += _step(volume, images[k], found[k], float(tilts[k]))
        volume += part(k)
    for k in order:
        volume -= part(k)
        found[k] += _step(volume, images[k], found[k], float(tilts[k]))
        volume += part(k)
    return found - found[order[0]]


def _step(
    volume: NDArray[np.float32], image: NDArray[np.float32], found: NDArray[np.float64], tilt_deg: float
) -> NDArray[np.float64]:
    """How far an image still is from the projection of a reconstruction that it has no part in."""
    expected = project(volume, [tilt_deg], periodic=False)[0]
    return np.array(offset_between(band_passed(expected), band_passed(_undo(image, found)), _STEP_REACH))


def _undo(image: NDArray[np.float32], by: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.asarray(moved(image, -by, order=1, mode="constant", cval=0.0), dtype=np.float32)


def _stretched(image: NDArray[np.float32], ratio: float) -> NDArray[np.float32]:
    """The image drawn out along x about its centre."""
    centre = (image.shape[1] - 1) / 2
    offset: Any = (0.0, centre - centre / ratio)
    drawn = affine_transform(image, np.array([1.0, 1.0 / ratio]), offset, order=1, mode="nearest")
    return np.asarray(drawn, dtype=np.float32)


def band_passed(image: NDArray[np.float32]) -> NDArray[np.complexfloating]:
    """Transform of an image ``(y, x)`` with mean and outliers taken off, edges faded out, in the pass band."""
    middle, spread = float(np.median(image)), float(image.std()) or 1.0
    window = np.ones(image.shape, dtype=np.float32)
    for axis, n in enumerate(image.shape):
        fade = max(int(n * _TAPER), 1)
        ramp = np.ones(n, dtype=np.float32)
        ramp[:fade] = 0.5 - 0.5 * np.cos(np.pi * (np.arange(fade) + 0.5) / fade)
        ramp[-fade:] = ramp[:fade][::-1]
        window *= ramp[:, None] if axis == 0 else ramp[None, :]
    spectrum = rfft2(np.clip((image - middle) / spread, -4, 4) * window)
    radius = np.hypot(np.fft.fftfreq(image.shape[0])[:, None], np.fft.rfftfreq(image.shape[1])[None, :])
    return spectrum * (np.exp(-((radius / _HIGH) ** 2)) - np.exp(-((radius / _LOW) ** 2)))


def offset_between(
    reference: NDArray[np.complexfloating], other: NDArray[np.complexfloating], reach: float
) -> tuple[float, float]:
    """How far (y, x) the content of ``other`` lies from that of ``reference``, to a fraction of a pixel."""
    ny, nx = reference.shape[0], 2 * (reference.shape[1] - 1)
    cross = other * reference.conj()
    # half-way to phase correlation: sharper than the plain one, steadier than the pure one
    return best_shift(irfft2(cross / np.sqrt(np.abs(cross) + 1e-12), (ny, nx)), reach)
