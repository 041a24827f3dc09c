"""Look-alikes of the challenge's species for when no maps are at hand: of the right mass, symmetry and shape.

Each is a cloud of domain-sized blobs ``(n, 3)``, z, y, x in Å about the centre, with which of them are nucleic acid.
They stand for the outlines that a tomogram at 10 Å a voxel shows; nothing finer in them is real.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.spatial.transform import Rotation

from cryogauge.simulate.particles import (
    BLOB_KDA,
    NUCLEIC_V,
    PROTEIN_A3_PER_KDA,
    PROTEIN_V,
    Template,
    template_from_blobs,
)

Points = NDArray[np.float64]

#: Part of a complex's outline that its domains fill; the rest is clefts and channels.
_PACKING = 0.75
#: Blobs of a helix bundle and of a dimer of coat proteins: along it, across it and outwards from the shell, Å.
_BUNDLE_A = ((-19, -4, 3), (-9, 6, -4), (0, -6, 5), (9, 6, -5), (19, -2, 2))
_DIMER_A = ((-24, -8, 0), (-24, 10, 0), (-8, 17, 5), (-8, -16, -5), (8, 16, -5), (8, -17, 5), (24, -10, 0), (24, 8, 0))
#: Width by which look-alikes are smoothed.
_BLUR_A = 6.0
#: Blobs of packaged RNA.
_RNA_BLOBS = 70


def apoferritin() -> tuple[Points, NDArray[np.bool_]]:
    """24 four-helix bundles, tangential on a sphere: 12 nm across, 8 nm hollow, octahedral."""
    centre = _apart("O", np.empty((0, 3)))
    along, across = _tangent(centre, 0.5), _tangent(centre, 0.5 + np.pi / 2)
    bundle = [(49.0 + depth) * centre + a * along + b * across for a, b, depth in _BUNDLE_A]
    return _protein(_orbit(np.array(bundle), "O"))


def virus_like_particle() -> tuple[Points, NDArray[np.bool_]]:
    """180 coat proteins of 14 kDa in 90 dimers on an icosahedral shell 28 nm across (T = 3), loose RNA within."""
    dimers = []
    twofold = np.array([0.0, 0.0, 1.0])
    for direction in (twofold, _apart("I", _orbit(twofold[None], "I"))):
        along, across = _tangent(direction, 0.4), _tangent(direction, 0.4 + np.pi / 2)
        dimers += [(126.0 + depth) * direction + a * along + b * across for a, b, depth in _DIMER_A]
    # the dimers on the two-folds come twice
    shell = np.unique(np.round(_orbit(np.array(dimers), "I"), 1), axis=0)
    rng = np.random.default_rng(8)
    rna = rng.standard_normal((_RNA_BLOBS, 3))
    rna *= (np.cbrt(rng.uniform(50.0**3, 100.0**3, _RNA_BLOBS)) / np.linalg.norm(rna, axis=1))[:, None]
    return np.concatenate([shell, rna]), np.arange(len(shell) + _RNA_BLOBS) >= len(shell)


def beta_galactosidase() -> tuple[Points, NDArray[np.bool_]]:
    """Four subunits of 135 kDa in D2, 18 × 14 × 9 nm."""
    subunit = _lobes(135.0, [([4.0, 10.0, 18.0], [32.0, 44.0, 56.0])], seed=1, quarter=True)
    return _protein(_orbit(subunit, "D2"))


def thyroglobulin() -> tuple[Points, NDArray[np.bool_]]:
    """Two subunits of 330 kDa in C2, each a string of lobes: 24 × 15 × 11 nm."""
    lobes = [
        ([0.0, 20.0, 32.0], [40.0, 40.0, 40.0]), ([14.0, -22.0, 70.0], [34.0, 34.0, 40.0]),
        ([-14.0, 16.0, 96.0], [28.0, 28.0, 28.0]), ([20.0, 40.0, 4.0], [28.0, 30.0, 30.0]),
    ]  # fmt: skip
    return _protein(_orbit(_lobes(330.0, lobes, seed=2), "C2"))


def beta_amylase() -> tuple[Points, NDArray[np.bool_]]:
    """Four subunits of 67 kDa in D2, 11 nm across."""
    subunit = _lobes(67.0, [([6.0, 12.0, 16.0], [26.0, 30.0, 34.0])], seed=3, quarter=True)
    return _protein(_orbit(subunit, "D2"))


def large_subunit() -> tuple[Points, NDArray[np.bool_]]:
    """The 60S subunit alone, rounded with three stalks, nucleic acid at the core."""
    lobes = [
        ([0.0, -40.0, 0.0], [95.0, 78.0, 100.0]), ([70.0, -45.0, 40.0], [45.0, 42.0, 42.0]),
        ([-75.0, -50.0, 35.0], [40.0, 38.0, 44.0]), ([10.0, -30.0, -105.0], [34.0, 30.0, 45.0]),
    ]  # fmt: skip
    return _with_core(_lobes(2800.0, lobes, seed=4))


def small_subunit() -> tuple[Points, NDArray[np.bool_]]:
    """The 40S subunit alone: body, head and beak."""
    lobes = [
        ([-35.0, 88.0, 10.0], [60.0, 42.0, 58.0]), ([55.0, 85.0, 5.0], [52.0, 36.0, 42.0]),
        ([98.0, 70.0, -25.0], [30.0, 28.0, 28.0]), ([-95.0, 75.0, 0.0], [30.0, 26.0, 36.0]),
    ]  # fmt: skip
    return _with_core(_lobes(1500.0, lobes, seed=5))


def ribosome() -> tuple[Points, NDArray[np.bool_]]:
    """The two subunits with a cleft between them: 25–30 nm."""
    (large, in_large), (small, in_small) = large_subunit(), small_subunit()
    points = np.concatenate([large, small])
    return points - points.mean(axis=0), np.concatenate([in_large, in_small])


def nucleosome() -> tuple[Points, NDArray[np.bool_]]:
    """A disc of eight histones, 11 nm across and 5.5 nm thick, with two turns of DNA around it."""
    turn = np.linspace(0.0, 1.65 * 2 * np.pi, 26)
    coil = np.stack([-13.0 + 26.0 * turn / turn[-1], 42.0 * np.cos(turn), 42.0 * np.sin(turn)], axis=1)
    core = _lobes(108.0, [([0.0, 0.0, 0.0], [25.0, 30.0, 30.0])], seed=6)
    return np.concatenate([core, coil]), np.arange(len(core) + len(coil)) >= len(core)


def proteasome() -> tuple[Points, NDArray[np.bool_]]:
    """A 20S core: four stacked rings of seven, a barrel 15 nm long and 11.5 nm wide, with its channel."""
    rings = []
    for height, turn in ((-56.0, 0.0), (-19.0, 0.2), (19.0, -0.2), (56.0, 0.0)):
        angle = 2 * np.pi * np.arange(7) / 7 + turn
        centres = np.stack([np.full(7, height), 38.0 * np.cos(angle), 38.0 * np.sin(angle)], axis=1)
        rings += [centre + _lobes(26.0, [([0.0, 0.0, 0.0], [16.0, 18.0, 18.0])], seed=7) for centre in centres]
    return _protein(np.concatenate(rings))


#: Look-alikes by name.
LOOKALIKES: dict[str, Callable[[], tuple[Points, NDArray[np.bool_]]]] = {
    "apo-ferritin": apoferritin,
    "beta-amylase": beta_amylase,
    "beta-galactosidase": beta_galactosidase,
    "ribosome": ribosome,
    "thyroglobulin": thyroglobulin,
    "virus-like-particle": virus_like_particle,
    "nucleosome": nucleosome,
    "proteasome": proteasome,
    "large-subunit": large_subunit,
    "small-subunit": small_subunit,
}


@cache
def lookalike(name: str, voxel_size_A: float) -> Template:
    """One of :data:`LOOKALIKES` as a density map."""
    points, nucleic = LOOKALIKES[name]()
    template = template_from_blobs(name, points, np.where(nucleic, NUCLEIC_V, PROTEIN_V), voxel_size_A)
    # domains touch: without this their lattice would show
    return replace(template, density=gaussian_filter(np.pad(template.density, 1), _BLUR_A / voxel_size_A))


def _protein(points: Points) -> tuple[Points, NDArray[np.bool_]]:
    return points, np.zeros(len(points), dtype=bool)


def _with_core(points: Points) -> tuple[Points, NDArray[np.bool_]]:
    """Half of the blobs, those nearest to the middle, as nucleic acid."""
    depth = np.linalg.norm(points - points.mean(axis=0), axis=1)
    return points, depth < np.median(depth)


def _orbit(points: Points, group: str) -> Points:
    """Every image of the points under a rotation group; a two-fold of C2 lies along z."""
    turns = Rotation.create_group(group).as_matrix()
    if group == "C2":  # scipy's first axis is x; ours come as z, y, x, so that z is the last of its three
        turns = turns[:, ::-1, ::-1]
    return np.concatenate([points @ turn.T for turn in turns])


def _apart(group: str, others: Points) -> Points:
    """The direction whose images under a group keep furthest from one another and from others, of many drawn."""
    rng = np.random.default_rng(5)
    best, nearest = np.zeros(3), 1.0
    for _ in range(1500):
        point = _unit(rng.standard_normal(3).tolist())
        cosines = np.sort(np.concatenate([others, _orbit(point[None], group)]) @ point)
        if cosines[-2] < nearest:
            best, nearest = point, cosines[-2]
    return best


def _lobes(
    mass_kDa: float, lobes: Sequence[tuple[list[float], list[float]]], *, seed: int, quarter: bool = False
) -> Points:
    """Blobs of the given mass on a jittered lattice, the nearest to the centres of a few ellipsoidal lobes.

    ``quarter`` keeps them to x > 0 and y > 0, the part of space that is one subunit's of four in D2.
    """
    rng = np.random.default_rng(seed)
    spacing = np.cbrt(BLOB_KDA * PROTEIN_A3_PER_KDA / _PACKING)
    reach = max(float(np.max(np.abs(np.array(centre)) + 2.0 * np.array(axes))) for centre, axes in lobes)
    half = int(np.ceil(reach / spacing))
    lattice = np.stack(np.meshgrid(*[np.arange(-half, half + 1.0)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    # half a step off, so that a quarter's first layer is as far from its neighbour's as layers are
    lattice = (lattice + 0.5 + 0.2 * rng.standard_normal(lattice.shape)) * spacing
    if quarter:
        lattice = lattice[(lattice[:, 1:] > 0.0).all(axis=1)]
    distance = [np.linalg.norm((lattice - np.array(centre)) / np.array(axes), axis=1) for centre, axes in lobes]
    return lattice[np.argsort(np.min(distance, axis=0))[: round(mass_kDa / BLOB_KDA)]]


def _unit(vector: Sequence[float]) -> Points:
    return np.array(vector) / np.linalg.norm(vector)


def _tangent(direction: Points, angle_rad: float) -> Points:
    """A unit vector at right angles to a direction, turned about it by an angle."""
    first = np.cross(direction, [1.0, 0.0, 0.0] if abs(direction[0]) < 0.8 else [0.0, 1.0, 0.0])
    first /= np.linalg.norm(first)
    return np.cos(angle_rad) * first + np.sin(angle_rad) * np.cross(direction, first)
