"""Averages of a session's particles: their places mended by coarse averages first, then classes from coarse to fine.

Who counts particles finds their densest parts. Coarse averages tell how far these lie from the middle of what all of
them show, and which two places are of one particle.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage

from cryogauge.collect.judge.judge import JudgeSettings
from cryogauge.collect.screen.particles import Cut, cut_particles
from cryogauge.imaging.class2d import Classification, ClassSettings, classify
from cryogauge.records import BadInput, ClassStack

Exposures = Sequence[tuple[Path, NDArray[np.floating], Mapping[str, Any]]]

_ITERATIONS, _SEED = 15, 0
#: Of the coarse averages: how many, in how many iterations, how often; and, over the particles' diameter, the finest
#: detail and how far particles may lie from the middle of their box.
_COARSE_CLASSES, _COARSE_ITERATIONS, _PASSES = 6, 12, 3
_COARSE, _ASTRAY = 0.12, 0.3
#: Places closer than this share of the diameter are of one particle.
_APART = 0.5
#: What an average shows is what is brighter than this share of its brightest, its detail blurred by so many pixels.
_SHOWN, _BLUR_PX = 0.25, 1.5
_FEWEST_IN_A_CLASS = 5


def make_averages(
    exposures: Exposures, diameter_A: float, judge: JudgeSettings, classes: int, source: str
) -> ClassStack:
    """Classify the particles of exposures.

    Parameters
    ----------
    exposures, diameter_A, judge
        As for :func:`cryogauge.collect.screen.particles.cut_particles`.
    classes
        How many averages to make.
    source
        What they are of, in words.

    Raises
    ------
    BadInput
        When a picture cannot be read, or there are too few particles whose boxes lie within the exposures.
    """
    cut = _cut(exposures, diameter_A, judge, classes)
    for _ in range(_PASSES):
        coarse = ClassSettings(
            _COARSE_CLASSES, _COARSE_ITERATIONS, finest_A=_COARSE * diameter_A, invert=False, seed=_SEED,
            largest_shift_px=_ASTRAY * diameter_A / cut.pixel_size_A,
        )  # fmt: skip
        found = classify(cut.images, cut.pixel_size_A, coarse, ctf=cut.transfer_of)
        cut = _cut(_mended(exposures, cut, found, diameter_A), diameter_A, judge, classes)
    settings = ClassSettings(classes, _ITERATIONS, invert=False, seed=_SEED)
    found = classify(cut.images, cut.pixel_size_A, settings, ctf=cut.transfer_of)
    table = pd.DataFrame({
        "class": np.arange(classes), "resolution_A": found.resolution_A, "distribution": found.distribution,
        "particles": np.bincount(found.assignment, minlength=classes),
    })  # fmt: skip
    return ClassStack(found.averages, cut.pixel_size_A, table, source, "cryogauge", found.notes)


def _cut(exposures: Exposures, diameter_A: float, judge: JudgeSettings, classes: int) -> Cut:
    cut = cut_particles(exposures, diameter_A, judge)
    if len(cut.images) < _FEWEST_IN_A_CLASS * classes:
        raise BadInput(
            f"{len(cut.images)} particles, whose boxes lie within the exposures, are too few for {classes} classes",
            "give fewer classes",
        )
    return cut


def _mended(exposures: Exposures, cut: Cut, found: Classification, diameter_A: float) -> Exposures:
    """Exposures with the places of their particles in the middle of what the averages show, each particle once."""
    y, x = np.array([_middle(average) for average in found.averages])[found.assignment].T
    cosine, sine = np.cos(np.deg2rad(found.angle_deg)), np.sin(np.deg2rad(found.angle_deg))
    away = np.stack([cosine * y + sine * x, cosine * x - sine * y], axis=1)
    centres_A = cut.centres_A + (found.shift_px + away) * cut.pixel_size_A
    mended = []
    for number, (path, _, row) in enumerate(exposures):
        own = np.flatnonzero(cut.exposure == number)
        own = own[np.argsort(-found.score[own], kind="stable")]
        mended.append((path, _thinned(centres_A[own], _APART * diameter_A), row))
    return mended


def _middle(average: NDArray[np.floating]) -> NDArray[np.float64]:
    """Where the centre of mass of what an average shows lies, (y, x) from pixel ``n // 2``."""
    n = average.shape[0]
    axis = np.arange(n) - n // 2
    away = np.hypot(axis[:, None], axis[None, :]) / (n / 2)
    smooth = np.asarray(ndimage.gaussian_filter(average, _BLUR_PX))
    above = np.where(away < 0.9, smooth - np.median(smooth[(away > 0.8) & (away < 1.0)]), 0.0)
    mass = np.where(above > _SHOWN * above.max(), above, 0.0)
    if not mass.any():
        return np.zeros(2)
    return np.array([mass.sum(axis=1) @ axis, mass.sum(axis=0) @ axis]) / mass.sum()


def _thinned(places_A: NDArray[np.float64], apart_A: float) -> NDArray[np.float64]:
    """Places, the first first, without those closer to one before."""
    kept: list[int] = []
    for k, place in enumerate(places_A):
        if not kept or np.hypot(*(places_A[kept] - place).T).min() >= apart_A:
            kept.append(k)
    return places_A[kept]
