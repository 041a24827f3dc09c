"""Simulated classes that no grader was trained on, changes that must not change a grade, and rules beside the network.

Jobs are made by the simulator that the training sets come from, from seeds of their own: other structures, sessions and
programs, but the same model of the world. How a grader does on real averages is another matter.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, rotate

from cryogauge.classes.framing import find_framing, resampled
from cryogauge.imaging.fourier import radial_power
from cryogauge.records import ClassStack, Volume
from cryogauge.simulate.classes import ClassSetSettings, SimulatedClasses, Structure, make_class_set

#: The first seed, and how many jobs; training sets are drawn from seeds that are hashes, and none was looked at.
FIRST_SEED, JOBS = 9_000_000, 60

Images = NDArray[np.float32]


def held_out(jobs: int) -> Iterator[SimulatedClasses]:
    """Jobs with the averages and their truth."""
    for index in range(jobs):
        # every other job in the larger boxes of unbinned particles
        boxes = (48, 128) if index % 2 == 0 else (120, 220)
        yield make_class_set(ClassSetSettings(classes=(20, 40), box_px=boxes), FIRST_SEED + index)


def changes() -> dict[str, Callable[[Images], NDArray[Any]]]:
    """What must not change a grade, by its name; each takes and gives a stack ``(class, y, x)``."""
    return {
        "turned by 90°": lambda images: np.rot90(images, 1, (1, 2)),
        "turned by 37°": lambda images: rotate(images, 37, axes=(2, 1), reshape=False, order=3, mode="nearest"),
        "mirrored": lambda images: images[:, :, ::-1],
        "inverted": lambda images: -images,
        "grey values of another program": lambda images: 250.0 * images + 1000.0,
        "normalised to the border": _to_border,
        "padded by a quarter": lambda images: _padded(images, images.shape[1] // 8),
        "cropped by a tenth": lambda images: _cropped(images, images.shape[1] // 20),
        "binned to three quarters": lambda images: _on(images, 2 * round(0.375 * images.shape[1])),
        "enlarged by a quarter": lambda images: _on(images, 2 * round(0.625 * images.shape[1])),
        "masked": _masked,
        "8 bit": _pictures,
    }


def _to_border(images: Images) -> Images:
    """As RELION normalises particles: mean 0 and standard deviation 1 outside a circle."""
    outside = ~_circle(images.shape[1], 0.37 * images.shape[1])
    mean = images[:, outside].mean(axis=1)[:, None, None]
    spread = images[:, outside].std(axis=1)[:, None, None]
    return (images - mean) / np.where(spread > 1e-6 * np.abs(images).max(), spread, 1.0)


def _padded(images: Images, width: int) -> Images:
    return np.pad(images, ((0, 0), (width, width), (width, width)))


def _cropped(images: Images, width: int) -> Images:
    return images[:, width:-width, width:-width]


def _on(images: Images, edge: int) -> Images:
    return np.stack([resampled(image, images.shape[1] / 2, edge) for image in images])


def _masked(images: Images) -> Images:
    mask = _circle(images.shape[1], 0.47 * images.shape[1])
    return np.stack([np.where(mask, image, np.median(image[mask])) for image in images])


def _pictures(images: Images) -> Images:
    low, high = (np.quantile(images, q, axis=(1, 2), keepdims=True) for q in (0.001, 0.999))
    return np.round(255 * np.clip((images - low) / np.maximum(high - low, 1e-12), 0, 1)).astype(np.float32)


def _circle(edge: int, radius_px: float) -> NDArray[np.bool_]:
    axis = np.arange(edge) - edge // 2
    return np.hypot(axis[:, None], axis[None, :]) <= radius_px


def contrast_rule(stack: ClassStack) -> NDArray[np.float64]:
    """A grade by hand, lower is better: what stands out against its surroundings, times how fine what is shown is.

    The logarithm of the variance within two thirds of the frame over that in the ring around it, plus that of the share
    of the power that lies beyond a tenth of the sampling frequency.
    """
    framing = find_framing(stack.images)
    grades = np.full(len(stack.images), 0.0)
    inner, outer = _circle(96, 32), _circle(96, 46) & ~_circle(96, 38)
    for index in np.flatnonzero(framing.usable):
        frame = resampled(np.asarray(stack.images[index]), framing.frame_px[index], 96)
        stands_out = np.log(frame[inner].var() / (frame[outer].var() + 1e-3 * frame.var()))
        frequency, power = radial_power(frame)
        energy = power * frequency
        fine = np.log(energy[frequency > 0.1].sum() / energy.sum() + 1e-4)
        grades[index] = -(stands_out + fine)
    return grades


def map_of(made: Structure, voxel_size_A: float = 3.0) -> Volume:
    """A structure's density as a map."""
    edge = 2 * round(0.75 * made.diameter_A / voxel_size_A)
    density = np.zeros((edge,) * 3, dtype=np.float32)
    places = np.rint(made.points_A / voxel_size_A).astype(int) + edge // 2
    inside = ((places >= 0) & (places < edge)).all(axis=1)
    np.add.at(density, tuple(places[inside].T), made.weights_kDa[inside])
    return Volume(gaussian_filter(density, 0.8), voxel_size_A, source="map")
