"""What a network is to learn: particles painted as spheres, as their shapes, or as peaks.

Positions are ``(z, y, x)`` in voxels of the image, the centre of voxel i at i. Voxel j of a target of stride s lies at
s × j, which is where a convolution of that stride looks.
"""

import numpy as np
from numba import njit

from cryogauge.records import BadInput

#: What a target can be made of.
KINDS = ("spheres", "shapes", "peaks")


def spheres(
    shape: tuple[int, int, int], centres_px: np.ndarray, labels: np.ndarray, radii_px: np.ndarray
) -> np.ndarray:
    """Particles as balls: uint8 ``(z, y, x)`` of labels, 0 for the background.

    Parameters
    ----------
    shape
        Of the target.
    centres_px, labels
        float ``(n, 3)`` as z, y, x and the label of each, from 1. Centres may lie outside.
    radii_px
        Radius by label, ``(label + 1,)``.

    Where two overlap, the smaller one stays whole: it would lose more of itself.
    """
    out = np.zeros(shape, dtype=np.uint8)
    order = np.argsort(-np.asarray(radii_px, dtype=float)[labels], kind="stable")
    _paint(out, np.asarray(centres_px, dtype=float)[order], labels[order].astype(np.uint8),
           np.asarray(radii_px, dtype=float)[labels[order]])  # fmt: skip
    return out


@njit(cache=True)
def _paint(out, centres, labels, radii):
    nz, ny, nx = out.shape
    for i in range(len(centres)):
        cz, cy, cx = centres[i]
        r = radii[i]
        for z in range(max(0, int(np.ceil(cz - r))), min(nz, int(np.floor(cz + r)) + 1)):
            for y in range(max(0, int(np.ceil(cy - r))), min(ny, int(np.floor(cy + r)) + 1)):
                for x in range(max(0, int(np.ceil(cx - r))), min(nx, int(np.floor(cx + r)) + 1)):
                    if (z - cz) ** 2 + (y - cy) ** 2 + (x - cx) ** 2 <= r * r:
                        out[z, y, x] = labels[i]


def peaks(
    shape: tuple[int, int, int],
    centres_px: np.ndarray,
    labels: np.ndarray,
    sigma_px: np.ndarray,
    *,
    stride: int = 1,
) -> np.ndarray:
    """Particles as Gaussian peaks of height 1, one channel a kind: float32 ``(kind, z, y, x)``.

    Parameters
    ----------
    shape
        Of the target; the image is ``stride`` times as large.
    centres_px, labels
        As of :func:`spheres`, in voxels of the image.
    sigma_px
        Width by label, ``(label + 1,)``, in voxels of the image.
    stride
        Voxels of the image in one of the target.

    The Gaussian is centred where the particle is, between voxels too; the voxel nearest to it is 1, so that every
    particle has its positive. Where peaks of a kind meet, the higher counts.
    """
    kinds = len(sigma_px) - 1
    out = np.zeros((kinds, *shape), dtype=np.float32)
    _raise(out, np.asarray(centres_px, dtype=float) / stride, np.asarray(labels, dtype=np.int64),
           np.asarray(sigma_px, dtype=float) / stride)  # fmt: skip
    return out


@njit(cache=True)
def _raise(out, centres, labels, sigma):
    _, nz, ny, nx = out.shape
    for i in range(len(centres)):
        channel = out[labels[i] - 1]
        s = sigma[labels[i]]
        cz, cy, cx = centres[i]
        mz, my, mx = int(np.round(cz)), int(np.round(cy)), int(np.round(cx))
        reach = int(np.ceil(3.0 * s))
        for z in range(max(0, mz - reach), min(nz, mz + reach + 1)):
            for y in range(max(0, my - reach), min(ny, my + reach + 1)):
                for x in range(max(0, mx - reach), min(nx, mx + reach + 1)):
                    square = (z - cz) ** 2 + (y - cy) ** 2 + (x - cx) ** 2
                    value = np.float32(np.exp(-0.5 * square / (s * s)))
                    if value > channel[z, y, x]:
                        channel[z, y, x] = value
        if 0 <= mz < nz and 0 <= my < ny and 0 <= mx < nx:
            channel[mz, my, mx] = 1.0


def shapes(
    shape: tuple[int, int, int],
    centres_px: np.ndarray,
    labels: np.ndarray,
    rotations: np.ndarray,
    masks: dict[int, np.ndarray],
) -> np.ndarray:
    """Particles as their own shapes, turned: uint8 ``(z, y, x)`` of labels.

    Parameters
    ----------
    shape, centres_px, labels
        As of :func:`spheres`.
    rotations
        ``(n, 3, 3)``: turns vectors (z, y, x) of the mask into those of the tomogram.
    masks
        By label, bool ``(z, y, x)`` of odd edges, the particle's centre in the middle.

    Raises
    ------
    BadInput
        When a label has no mask.
    """
    missing = sorted(set(map(int, labels)) - set(masks))
    if missing:
        raise BadInput(f"no map for label {', '.join(map(str, missing))}", "give a map of every kind that is picked")
    out = np.zeros(shape, dtype=np.uint8)
    for centre, label, rotation in zip(np.asarray(centres_px, dtype=float), labels, rotations, strict=True):
        mask = masks[int(label)]
        middle = (np.array(mask.shape) - 1) / 2
        reach = int(np.ceil(np.linalg.norm(middle)))
        first = np.maximum(np.ceil(centre - reach).astype(int), 0)
        last = np.minimum(np.floor(centre + reach).astype(int) + 1, shape)
        if np.any(first >= last):
            continue
        grid = np.stack(np.meshgrid(*map(np.arange, first, last), indexing="ij"), axis=-1) - centre
        place = np.round(grid @ rotation + middle).astype(int)  # the inverse rotation, row by row
        inside = np.all((place >= 0) & (place < mask.shape), axis=-1)
        place[~inside] = 0
        hit = inside & mask[place[..., 0], place[..., 1], place[..., 2]]
        out[tuple(map(slice, first, last))][hit] = label
    return out
