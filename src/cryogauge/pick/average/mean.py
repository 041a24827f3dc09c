"""The average of particles that lie each in its own way, weighted by what their tilt series measured."""

import threading

import numpy as np
from numpy.typing import NDArray

from cryogauge.imaging.threads import for_each
from cryogauge.pick.average.align import Poses
from cryogauge.pick.average.shells import last_shell
from cryogauge.pick.average.spectra import box_of, half_sphere, oversampled, sample
from cryogauge.pick.average.wedge import measured

#: Particles that a frequency must be measured by to count in full: a Wiener filter's constant.
_WIENER = 1.0


def mean_of(
    boxes: NDArray[np.float32],
    poses: Poses,
    series: NDArray[np.intp],
    tilt_ranges_deg: tuple[tuple[float, float], ...],
    *,
    radius: float | None = None,
) -> NDArray[np.float32]:
    """Average in the map's frame: Σ terms / (Σ measured + 1), each turned and moved back.

    Parameters
    ----------
    boxes
        float32 ``(n, z, y, x)``.
    poses
        How they lie.
    series, tilt_ranges_deg
        Which tilt range is each one's, and the ranges, see :func:`~cryogauge.pick.average.wedge.measured`.
    radius
        Frequencies beyond it, in periods a box, are left out; all within a box's by default.

    Returns
    -------
    float32 ``(z, y, x)``.
    """
    edge = boxes.shape[1]
    points = half_sphere(last_shell(edge) + 0.49 if radius is None else radius)
    total = np.zeros(len(points), dtype=np.complex128)
    weight = np.zeros(len(points))
    lock = threading.Lock()

    def add(row: int) -> None:
        spectrum, scale = oversampled(boxes[row])
        turn = poses.turns[row]
        lying = points @ turn.T
        there = measured(lying, tilt_ranges_deg[series[row]])
        phase = (2.0 * np.pi / edge) * (lying @ poses.shifts_px[row])
        values = sample(spectrum, scale, points, turn[None])[0] * np.exp(1j * phase)
        with lock:
            np.add(total, values, out=total, where=there)
            np.add(weight, 1.0, out=weight, where=there)

    for_each(add, range(len(boxes)))
    return box_of((total / (weight + _WIENER)).astype(np.complex64), points, edge)
