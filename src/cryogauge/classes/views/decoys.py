"""Decoys: what is as large, as heavy and as long as a reference, but is something else.

A correlation says little by itself: at low resolution any two compact particles look alike. Here shells of the
reference are turned against one another at random, in coordinates in which its ellipsoid of inertia is a sphere, so
that a decoy keeps mass, outline and the density at every depth, and loses the structure. What an average fits better
than it fits decoys, it owes to the structure.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates
from scipy.spatial.transform import Rotation

from cryogauge.classes.views.frames import Images
from cryogauge.simulate.classes.structure import Structure

#: How many are made.
DECOYS = 5
#: Standard deviations of decoys from which a match is no accident, and the least that one is taken to be.
MATCHES_FROM, _LEAST_SPREAD = 6.0, 0.02
#: Thickness of a shell in units of the finest detail compared.
_SHELL = 1.3


def scrambled_structure(structure: Structure, finest_A: float, rng: np.random.Generator) -> Structure:
    """A decoy of a structure whose centre of mass is its origin."""
    points = structure.points_A.astype(np.float64)
    weights = np.abs(structure.weights_kDa) / np.abs(structure.weights_kDa).sum()
    lengths, axes = np.linalg.eigh((points * weights[:, None]).T @ points)
    lengths = np.sqrt(np.maximum(lengths, 1.0))
    round_ = points @ axes / lengths
    thickness = _SHELL * finest_A / float(np.sqrt(np.mean(lengths**2)))
    shell = (np.linalg.norm(round_, axis=1) / thickness).astype(np.intp)
    turns = Rotation.random(int(shell.max()) + 1, rng=rng).as_matrix()
    turned = np.einsum("nij,nj->ni", turns[shell], round_) * lengths @ axes.T
    return replace(structure, points_A=turned.astype(np.float32))


def scrambled_images(images: Images, finest_px: float, rng: np.random.Generator) -> Images:
    """Decoys of averages with bright protein in the middle: rings turned against one another."""
    edge = images.shape[-1]
    axis = np.arange(edge) - edge // 2
    places = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).astype(float)
    return np.stack([_scrambled_image(image, places, finest_px, rng) for image in images]).astype(np.float32)


def _scrambled_image(
    image: NDArray[np.float32], places: NDArray[np.float64], finest_px: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    edge = len(image)
    mass = np.maximum(image - np.quantile(image, 0.9), 0.0).astype(float)
    mass /= max(float(mass.sum()), 1e-30)
    second = np.einsum("yx,yxi,yxj->ij", mass, places, places)
    lengths, axes = np.linalg.eigh(second)
    lengths = np.sqrt(np.maximum(lengths, 1.0))
    round_ = places @ axes / lengths
    ring = (np.hypot(*np.moveaxis(round_, -1, 0)) * np.sqrt(np.mean(lengths**2)) / (_SHELL * finest_px)).astype(np.intp)
    angle = rng.uniform(0, 2 * np.pi, int(ring.max()) + 1)[ring]
    u, v = np.moveaxis(round_, -1, 0)
    turned = np.stack([np.cos(angle) * u - np.sin(angle) * v, np.sin(angle) * u + np.cos(angle) * v], axis=-1)
    at = turned * lengths @ axes.T + edge // 2
    return np.asarray(map_coordinates(image, np.moveaxis(at, -1, 0), order=1, mode="nearest"))


def beyond_decoys(
    correlation: NDArray[np.floating], of_decoys: NDArray[np.floating]
) -> tuple[NDArray[np.float64], float]:
    """How far correlations lie above those with decoys, in standard deviations of these.

    Both are taken through Fisher's transformation first. The deviation is one for all images: five decoys of one image
    do not tell it.

    Parameters
    ----------
    correlation
        Of each image with the reference, ``(image,)``.
    of_decoys
        With each decoy, ``(decoy, image)``.

    Returns
    -------
    z
        ``(image,)``.
    spread
        The standard deviation, on Fisher's scale.
    """
    decoys = fisher(of_decoys)
    spread = max(float(np.sqrt(decoys.var(axis=0, ddof=1).mean())), _LEAST_SPREAD)
    return (fisher(correlation) - decoys.mean(axis=0)) / spread, spread


def fisher(correlation: NDArray[np.floating]) -> NDArray[np.float64]:
    """Fisher's transformation, under which the spread of correlations does not hang on their height."""
    return np.arctanh(np.clip(np.asarray(correlation, dtype=float), -0.9999, 0.9999))
