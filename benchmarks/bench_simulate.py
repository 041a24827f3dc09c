"""Simulating and reconstructing one tomogram: specimen, 41 exposures, back-projection, labels.

``simulate_seconds_512`` is the way from a seed to a tomogram of 512 × 512 × 128 voxels; the labels and the parts are
printed beside it. Compilation is not timed: something small is simulated first. The specimen is the fullest kind.
"""

import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from cryogauge.imaging import weighted_back_projection
from cryogauge.simulate import Imaging, contrast, expose, judge, make_specimen

FIGURES = ("simulate_seconds_512",)

_KIND, _VOXEL_A = "lamella", 10.0
_IMAGING = Imaging(tilt_range_deg=60.0, tilt_step_deg=3.0)

Result = TypeVar("Result")


def run(small: bool = False) -> dict[str, float]:
    """Measure; ``small`` takes a quarter of the width."""
    _simulate((16, 32, 32), 10.0)
    return _simulate((64, 128, 128), 40.0) if small else _simulate((128, 512, 512), 90.0)


def _simulate(shape: tuple[int, int, int], thickness_nm: float) -> dict[str, float]:
    specimen, drawing = _timed(lambda: make_specimen(_KIND, shape, _VOXEL_A, thickness_nm, seed=3))
    series, exposing = _timed(lambda: expose(specimen, _IMAGING, seed=4))
    assert not isinstance(series, list)
    images, tilts = np.asarray(series.images), series.table["tilt_deg"]
    tomogram, reconstructing = _timed(lambda: weighted_back_projection(contrast(images), tilts, shape))
    _, labelling = _timed(lambda: judge(tomogram, specimen.biology_V))
    return {
        "simulate_seconds_512": drawing + exposing + reconstructing,
        "simulate_specimen_seconds": drawing,
        "simulate_exposure_seconds": exposing,
        "simulate_reconstruction_seconds": reconstructing,
        "simulate_label_seconds": labelling,
    }


def _timed(work: Callable[[], Result]) -> tuple[Result, float]:
    start = time.perf_counter()
    result = work()
    return result, time.perf_counter() - start
