"""A tomogram within seconds: for judging while the microscope still stands on the target."""

from dataclasses import replace

import numpy as np

from cryogauge.imaging.coarse import align_coarsely
from cryogauge.imaging.threads import for_each
from cryogauge.imaging.tilted import reconstruct
from cryogauge.records import TiltSeries, Volume


def quick_tomogram(
    series: TiltSeries, voxel_size_A: float = 20.0, thickness_nm: float = 300.0
) -> tuple[Volume, TiltSeries]:
    """Reconstruct a tilt series at low resolution, aligning it coarsely where it is not aligned.

    Parameters
    ----------
    series
        An alignment that it has is taken over; one without is aligned by
        :func:`cryogauge.imaging.coarse.align_coarsely`.
    voxel_size_A
        Voxel wanted; the images' pixel where that is larger.
    thickness_nm
        Extent of the volume along the beam.

    Returns
    -------
    volume
        float32 ``(z, y, x)``.
    series
        As it was reconstructed; its ``alignment`` is ``preview`` where the alignment is ours.

    Raises
    ------
    BadInput
        When it cannot be aligned or reconstructed.
    """
    small = _shrunk(series, voxel_size_A)
    aligned = small if small.alignment else align_coarsely(small, thickness_nm=thickness_nm * 0.6)
    volume = reconstruct(aligned, max(voxel_size_A, small.pixel_size_A), thickness_nm=thickness_nm)
    return volume, replace(series, table=aligned.table, alignment=aligned.alignment)


def _shrunk(series: TiltSeries, voxel_size_A: float) -> TiltSeries:
    """The series with its images averaged in blocks to at most half the voxel, and held: each is read once.

    What blocks alias lies beyond the frequencies that the later binning keeps, nearly all of it.
    """
    block = int(voxel_size_A / (2 * series.pixel_size_A))
    if block < 2:
        return series
    count, ny, nx = series.images.shape
    height, width = ny // block, nx // block
    images = np.empty((count, height, width), dtype=np.float32)

    def one(k: int) -> None:
        image = np.asarray(series.images[k])[: height * block, : width * block]
        blocks = image.reshape(height, block, width, block)
        images[k] = blocks.sum(axis=3, dtype=np.float32).sum(axis=1) / block**2

    for_each(one, range(count))
    return replace(series, images=images, pixel_size_A=series.pixel_size_A * block)
