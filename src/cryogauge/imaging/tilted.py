"""From a tilt series to its tomogram: images binned, aligned and made comparable, then back-projected."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import affine_transform

from cryogauge.imaging.fourier import fourier_bin
from cryogauge.imaging.reconstruction import Filter, weighted_back_projection
from cryogauge.imaging.threads import for_each, thread_count
from cryogauge.records import BadInput, TiltSeries, Volume

#: Spread of the specimen's turn about x, degrees, up to which one turn stands for all images.
_SAME_TURN_DEG = 0.5


class Aligner:
    """The geometry of a tilt series at one voxel size: takes recorded images to aligned ones.

    Parameters
    ----------
    series
        Its table's ``axis_deg`` (counter-clockwise from +y, with +x right and +y up), ``shift_x_A``, ``shift_y_A`` and,
        where there is one, ``magnification`` are used.
    voxel_size_A
        Pixel of the aligned images; the recorded pixel unless given.
    shape
        Shape ``(y, x)`` of the aligned images; unless given that of the binned images, swapped where the tilt axis
        lies nearer x than y.

    Raises
    ------
    BadInput
        When the voxel size is smaller than the recorded pixel, or leaves no image.
    """

    def __init__(self, series: TiltSeries, voxel_size_A: float | None = None, shape: tuple[int, int] | None = None):
        pixel = series.pixel_size_A
        factor = (voxel_size_A or pixel) / pixel
        if factor < 0.999:
            raise BadInput(
                f"a voxel of {voxel_size_A:g} Å is smaller than the pixel of {pixel:g} Å of {series.source}",
                f"ask for {pixel:g} Å or more",
            )
        ny, nx = series.images.shape[1:]
        binned = tuple(2 * round(n / factor / 2) for n in (ny, nx)) if factor > 1.001 else (ny, nx)
        if min(binned) < 8:
            raise BadInput(f"a voxel of {voxel_size_A:g} Å leaves images of {binned[1]} × {binned[0]} pixels")
        #: How many recorded pixels an aligned one is wide.
        self.factor = ny / binned[0]
        self.pixel_size_A = pixel * self.factor
        self._turns = np.deg2rad(series.table["axis_deg"].to_numpy(dtype=np.float64))
        swapped = abs(math.sin(float(np.median(self._turns)))) > math.sqrt(0.5)
        self.shape = shape or (binned[::-1] if swapped else binned)
        # Binning leaves the middle of pixel (0, 0) where it was, so that the image's centre moves against the array's.
        self._centre = (np.array([ny, nx]) - 1) / 2 / self.factor
        self._shifts = series.table[["shift_y_A", "shift_x_A"]].to_numpy(dtype=np.float64) / self.pixel_size_A
        self._magnification = (
            series.table["magnification"].to_numpy(dtype=np.float64)
            if "magnification" in series.table.columns
            else np.ones(len(series.table))
        )

    def bin(self, image: NDArray[np.number]) -> NDArray[np.float32]:
        """A recorded image ``(y, x)`` at the aligner's pixel size."""
        return fourier_bin(np.asarray(image, dtype=np.float32), self.factor) if self.factor > 1 else np.asarray(
            image, dtype=np.float32
        )  # fmt: skip

    def align(self, image: NDArray[np.number], index: int) -> NDArray[np.float32]:
        """A recorded image ``(y, x)`` of the given row of the table, binned, with the tilt axis along +y.

        Cubic splines; what comes from beyond the image's edge is filled with the image's mean.
        """
        return self.align_binned(self.bin(image), index)

    def align_binned(self, binned: NDArray[np.float32], index: int) -> NDArray[np.float32]:
        """:meth:`align` for an image that :meth:`bin` made."""
        cosine, sine = math.cos(self._turns[index]), math.sin(self._turns[index])
        # takes (y, x) of the result to (y, x) of the image
        rotation = np.array([[cosine, sine], [-sine, cosine]]) / self._magnification[index]
        offset = self._centre + self._shifts[index] - rotation @ ((np.array(self.shape) - 1) / 2)
        aligned = np.empty(self.shape, dtype=np.float32)
        affine_transform(
            binned, rotation, offset, output=aligned, order=3, mode="grid-constant", cval=float(binned.mean())
        )
        return aligned


def align_images(
    series: TiltSeries, shape: tuple[int, int] | None = None, *, voxel_size_A: float | None = None
) -> NDArray[np.float32]:
    """Undo each image's shift, turn and magnification so that the tilt axis runs along +y.

    Parameters
    ----------
    series, shape, voxel_size_A
        As in :class:`Aligner`; images are read one by one.

    Returns
    -------
    Images, float32, shape ``(tilt, y, x)``.

    Raises
    ------
    BadInput
        As :class:`Aligner`.
    """
    aligner = Aligner(series, voxel_size_A, shape)
    aligned = np.empty((len(series.table), *aligner.shape), dtype=np.float32)

    def one(index: int) -> None:
        aligned[index] = aligner.align(series.images[index], index)

    for_each(one, range(len(aligned)))
    return aligned


def as_contrast(images: NDArray[np.floating]) -> NDArray[np.float32]:
    """Images ``(tilt, y, x)`` on one scale: relative to each one's mean where they count electrons.

    Images that straddle zero, as normalised or high-passed ones do, are divided by their standard deviation instead.
    """
    out = np.empty(images.shape, dtype=np.float32)
    for image, result in zip(images, out, strict=True):
        mean, deviation = float(image.mean(dtype=np.float64)), float(image.std(dtype=np.float64))
        scale = mean if mean > deviation else deviation
        result[...] = (image - mean) / (scale or 1.0)
    return out


def reconstruct(
    series: TiltSeries, voxel_size_A: float | None = None, *, thickness_nm: float, filter: Filter = "ramp"
) -> Volume:
    """Reconstruct the tomogram of a tilt series from its recorded images and its alignment.

    Parameters
    ----------
    series
        Images marked as not used are left out.
    voxel_size_A
        Voxel of the tomogram; the pixel of the images unless given. The images are binned to the nearest even size,
        so that the voxel may differ by a fraction of a per cent: the volume says what it is.
    thickness_nm
        Extent of the volume along the beam.
    filter
        As in :func:`cryogauge.imaging.weighted_back_projection`.

    Returns
    -------
    Volume
        float32 ``(z, y, x)``.

    Raises
    ------
    BadInput
        When fewer than three images are used, the voxel size cannot be had, or the specimen's turn about x differs
        from image to image.
    """
    used = np.flatnonzero(series.used)
    if len(used) < 3:
        raise BadInput(f"{series.source} has {len(used)} images to use", "a tomogram needs three at least")
    chosen = TiltSeries(_Rows(series.images, used), series.pixel_size_A, series.table.iloc[used], series.source)
    aligner = Aligner(chosen, voxel_size_A)
    images = as_contrast(align_images(chosen, voxel_size_A=voxel_size_A))
    volume = back_project(images, chosen, aligner.pixel_size_A, thickness_nm=thickness_nm, filter=filter)
    return Volume(volume, aligner.pixel_size_A, source=series.source)


def back_project(
    images: NDArray[np.float32], series: TiltSeries, voxel_size_A: float, *, thickness_nm: float, filter: Filter
) -> NDArray[np.float32]:
    """Reconstruct ``(z, y, x)`` from aligned images ``(tilt, y, x)`` and the tilts in the table of their series.

    Where the table has ``xtilt_deg``, the volume is turned about x by that much: a voxel at (y, z)
    from the centre is seen at y cos α − z sin α.

    Raises
    ------
    BadInput
        When ``xtilt_deg`` differs from image to image.
    """
    nz, ny, nx = max(round(thickness_nm * 10.0 / voxel_size_A), 1), images.shape[1], images.shape[2]
    turns = np.zeros(1)
    if "xtilt_deg" in series.table.columns:
        turns = series.table["xtilt_deg"].to_numpy(dtype=np.float64)
    if np.ptp(turns) > _SAME_TURN_DEG:
        raise BadInput(
            f"the turn about x of {series.source} goes from {turns.min():g}° to {turns.max():g}°",
            "one turn for all images is supported",
        )
    turn = float(np.deg2rad(turns.mean()))
    if abs(turn) < 1e-4:
        return weighted_back_projection(images, series.table["tilt_deg"], (nz, ny, nx), filter=filter)
    # deep enough that the turned slab lies within it
    deep = nz + 2 * math.ceil((nz * (abs(math.cos(turn)) - 1) + ny * abs(math.sin(turn))) / 2 + 1)
    volume = weighted_back_projection(images, series.table["tilt_deg"], (deep, ny, nx), filter=filter)
    first = (deep - nz) // 2
    return np.ascontiguousarray(_turned(volume, turn)[first : first + nz])


def _turned(volume: NDArray[np.float32], turn_rad: float) -> NDArray[np.float32]:
    """The volume whose voxel (y, z) shows what stood at (y cos α − z sin α, y sin α + z cos α)."""
    cosine, sine = math.cos(turn_rad), math.sin(turn_rad)
    matrix = np.array([[cosine, sine], [-sine, cosine]])  # for (z, y)
    centre = (np.array(volume.shape[:2]) - 1) / 2
    offset: Any = centre - matrix @ centre
    turned = np.empty_like(volume)

    def part(columns: slice) -> None:
        for x in range(volume.shape[2])[columns]:
            section = volume[:, :, x]
            turned[:, :, x] = affine_transform(
                section, matrix, offset, order=1, mode="constant", cval=float(section.mean())
            )

    threads = thread_count()
    for_each(part, [slice(first, None, threads) for first in range(threads)])
    return turned


class _Rows:
    """Some images of a stack, read when asked for."""

    def __init__(self, images, rows: NDArray[np.intp]):
        self._images, self._rows = images, rows
        self.shape = (len(rows), *images.shape[1:])
        self.dtype = images.dtype

    def __getitem__(self, index: int) -> np.ndarray:
        return self._images[int(self._rows[index])]

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[index] for index in range(len(self)))
