"""A tomogram within seconds: for judging while the microscope still stands on the target."""

from cryogauge.imaging.coarse import align_coarsely
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
    aligned = series if series.alignment else align_coarsely(series, thickness_nm=thickness_nm * 0.6)
    voxel = max(voxel_size_A, series.pixel_size_A)
    return reconstruct(aligned, voxel, thickness_nm=thickness_nm), aligned
