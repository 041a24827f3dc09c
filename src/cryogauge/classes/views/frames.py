"""Averages and references made alike: bright protein, one scale, one weight of frequencies, centred."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.ndimage import affine_transform, gaussian_filter, label, shift

from cryogauge.classes.framing import Framing, find_framing, resampled, without_surroundings
from cryogauge.imaging.fourier import ring_index
from cryogauge.imaging.transforms import irfft2, rfft2
from cryogauge.records import BadInput, ClassStack

Images = NDArray[np.float32]

_FEWEST_RINGS, _MOST_RINGS = 8, 28
#: Part of the Nyquist frequency that the finest ring is.
_FINEST_PART = 0.7
#: How far an average may be moved to the middle, and where its rim begins, in half edges; part of the peak that counts.
_FURTHEST, _RIM, _OUTLINE = 0.5, 0.85, 0.15
#: Powers of the mean spectrum below this part of the highest are not raised further.
_FLOOR = 1e-3


@dataclass(frozen=True)
class Scale:
    """Of images that are compared.

    Attributes
    ----------
    half_A
        From the middle to the edge.
    edge_px
        Their edge.
    rings
        Frequencies that are compared, in cycles per edge.
    """

    half_A: float
    edge_px: int
    rings: int

    @property
    def pixel_size_A(self) -> float:
        """Edge of a pixel."""
        return 2 * self.half_A / self.edge_px


def scale_for(half_A: float, finest_A: float) -> Scale:
    """The scale at which images that reach so far are compared down to about ``finest_A``, coarser for large ones."""
    rings = int(np.clip(np.ceil(2 * half_A / finest_A), _FEWEST_RINGS, _MOST_RINGS))
    return Scale(half_A, 2 * int(np.ceil(rings / _FINEST_PART)), rings)


def usable_classes(
    stack: ClassStack, grades: pd.DataFrame | None = None, cutoff: float | None = None
) -> tuple[NDArray[np.intp], Framing]:
    """Rows of averages that show anything and are good enough, and the framing of all.

    Parameters
    ----------
    stack
        The averages.
    grades
        ``grade`` of each, in the stack's order; all are good enough without.
    cutoff
        Up to which grade; of no account without grades.

    Raises
    ------
    BadInput
        When there is no average, no pixel size, or none is good enough.
    """
    if not len(stack.images):
        raise BadInput(f"{stack.source or 'the stack'} holds no averages")
    if stack.pixel_size_A is None:
        raise BadInput(
            f"{stack.source or 'the stack'} does not say its pixel size", "give it with --pixel-size, Å per pixel"
        )
    framing = find_framing(stack.images)
    good = framing.usable.copy()
    if grades is not None and cutoff is not None:
        if len(grades) != len(stack.images):
            raise BadInput(f"{len(stack.images)} averages but {len(grades)} grades", "grade the classes again")
        good &= grades["grade"].to_numpy(dtype=float) <= cutoff
        if not good.any():
            best = float(grades["grade"].min())
            raise BadInput(
                f"no class is of grade {cutoff:g} or better; the best is {best:.2f}", "give a higher --cutoff"
            )
    if not good.any():
        raise BadInput(f"no average of {stack.source or 'the stack'} shows anything", "look at the averages")
    return np.flatnonzero(good), framing


def shares_of(stack: ClassStack, rows: NDArray[np.intp]) -> NDArray[np.float64]:
    """Part of the particles of these classes that each has, of sum 1; equal parts where the program did not say."""
    shares = stack.table["distribution"].to_numpy(dtype=float)[rows]
    shares = np.where(shares > 0, shares, 0.0)
    return shares / shares.sum() if shares.sum() > 0 else np.full(len(rows), 1 / len(rows))


def reach_A(stack: ClassStack, framing: Framing, rows: NDArray[np.intp]) -> float:
    """Half edge within which the averages show what they show, and some room."""
    assert stack.pixel_size_A is not None
    return float(framing.frame_px[rows].max()) * stack.pixel_size_A


def comparable(stack: ClassStack, framing: Framing, rows: NDArray[np.intp], scale: Scale) -> Images:
    """The averages of these rows with bright protein, at a scale: ``(row, edge, edge)``."""
    assert stack.pixel_size_A is not None
    radius_px = scale.half_A / stack.pixel_size_A
    frames = [
        resampled(
            without_surroundings(
                np.float32(framing.sign[row]) * np.asarray(stack.images[row], dtype=np.float32),
                float(framing.content_px[row]),
            ),
            radius_px,
            scale.edge_px,
        )
        for row in rows
    ]
    return np.stack(frames).astype(np.float32)


def flattening(images: Images) -> NDArray[np.float32]:
    """What evens out a spectrum by half, so that outlines do not outshine detail: the root of mean amplitudes.

    Parameters
    ----------
    images
        Of which the mean spectrum is taken, ``(image, edge, edge)``.

    Returns
    -------
    Factors in the layout of ``rfft2``.
    """
    rings = ring_index((images.shape[1], images.shape[2]))
    power = (np.abs(rfft2(images)) ** 2).mean(axis=0)
    means = np.bincount(rings.ravel(), power.ravel()) / np.bincount(rings.ravel())
    return (np.maximum(means, _FLOOR * means[1:].max())[rings] ** -0.25).astype(np.float32)


def filtered(images: Images, factors: NDArray[np.float32]) -> Images:
    """Images with their spectra multiplied by factors."""
    return irfft2(rfft2(images) * factors, (images.shape[1], images.shape[2])).astype(np.float32)


def centred(images: Images) -> tuple[Images, NDArray[np.float64]]:
    """Images moved so that the centre of mass of what they show lies in the middle.

    What they show is the heaviest of the connected parts that stand out, those away from the middle counting less: a
    neighbour in view does not draw the particle off.

    Returns
    -------
    images
        Moved by whole pixels.
    offset_px
        Where what they show was, y and x from the middle, ``(image, 2)``.
    """
    edge = images.shape[-1]
    axis = np.arange(edge) - edge // 2
    radius = np.hypot(axis[:, None], axis[None, :]) / (edge / 2)
    smooth = np.asarray(gaussian_filter(images, (0, 1.5, 1.5)), dtype=np.float32)
    offsets = np.array([_centre(image, axis, radius) for image in smooth], dtype=float)
    placed = [
        shift(image, -offset, order=0, mode="constant", cval=float(np.median(image[radius > _RIM])))
        for image, offset in zip(images, offsets, strict=True)
    ]
    return np.stack(placed).astype(np.float32), offsets


def _centre(image: NDArray[np.float32], axis: NDArray[np.intp], radius: NDArray[np.float64]) -> NDArray[np.intp]:
    above = image - np.median(image[radius > _RIM])
    parts: Any = label(above > _OUTLINE * above[radius <= _RIM].max())
    parts, count = parts
    if not count:
        return np.zeros(2, dtype=np.intp)
    weights = np.bincount(parts.ravel(), (above * np.exp(-((radius / 0.5) ** 2))).ravel())
    weights[0] = -np.inf
    mass = np.where(parts == weights.argmax(), above, 0.0)
    centre = np.array([mass.sum(axis=1) @ axis, mass.sum(axis=0) @ axis]) / mass.sum()
    return np.rint(np.clip(centre, -_FURTHEST * len(axis) / 2, _FURTHEST * len(axis) / 2)).astype(np.intp)


def laid_on(references: Images, aligned: pd.DataFrame) -> Images:
    """Of each image its reference, mirrored, turned and moved onto it, from :func:`cryogauge.imaging.class2d.align_to`.

    Parameters
    ----------
    references
        All of them, ``(reference, n, n)``.
    aligned
        A row an image.

    Returns
    -------
    float32 ``(image, n, n)``.
    """
    middle = np.full(2, references.shape[-1] // 2, dtype=float)
    laid = []
    for row in aligned.to_dict("records"):
        angle, away = np.deg2rad(row["angle_deg"]), np.array([row["shift_y_px"], row["shift_x_px"]])
        back = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        if row["mirrored"]:
            back[1] *= -1.0
        picture = references[row["reference"]]
        rim = float(np.median(np.concatenate([picture[0], picture[-1]])))
        start: Any = tuple(middle - back @ (middle + away))
        laid.append(affine_transform(picture, back, start, order=1, mode="constant", cval=rim))
    return np.stack(laid).astype(np.float32)


def moved(images: Images, shift_px: NDArray[np.floating]) -> Images:
    """Images moved by parts of pixels ``(image, 2)``, y and x; what leaves at one edge enters at the other."""
    edge = images.shape[-1]
    fy, fx = np.fft.fftfreq(edge)[:, None], np.fft.rfftfreq(edge)[None, :]
    phases = np.exp(-2j * np.pi * (shift_px[:, 0, None, None] * fy + shift_px[:, 1, None, None] * fx))
    return irfft2(rfft2(images) * phases, (edge, edge)).astype(np.float32)
