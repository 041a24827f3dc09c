"""Made-up particles of every size and symmetry: domains put together, copied by symmetry, set in detergent or strung
into filaments.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from cryogauge.simulate.classes.folds import RESIDUE_KDA, make_domain
from cryogauge.simulate.classes.structure import Structure
from cryogauge.simulate.particles import PROTEIN_A3_PER_KDA

#: Symmetries and how often each is drawn; a third of what is solved has none.
_SYMMETRIES = ("C1", "C2", "C3", "C4", "C5", "C6", "C7", "D2", "D3", "D4", "D7", "T", "O", "I")
_SHARES = np.array([12, 6, 4, 3, 1.5, 1.5, 1.5, 4, 2, 1, 1, 1.2, 1.8, 1.5])
#: Width of a bead, from well-ordered to less.
_SIGMA_A = (1.4, 2.2)
#: Outline that a domain's sphere takes over its bare volume, and how far neighbours may sink into one another.
_LOOSENESS, _CONTACT = 1.25, 0.86
_LARGEST_KDA, _SMALLEST_KDA = 4000.0, 30.0
#: Length of filaments.
FILAMENT_A = 700.0
#: Copies that each kind of point group makes.
_ORDERS = {"T": 12, "O": 24, "I": 60}

Points = NDArray[np.float64]


def random_structure(rng: np.random.Generator, name: str, *, kind: str | None = None) -> Structure:
    """A made-up particle.

    Parameters
    ----------
    rng
        Source of randomness.
    name
        What it is called.
    kind
        ``soluble``, ``membrane`` or ``filament``; drawn unless given.
    """
    kind = kind or str(rng.choice(["soluble", "membrane", "filament"], p=[0.71, 0.19, 0.1]))
    if kind == "filament":
        return _filament(rng, name)
    symmetry = str(rng.choice(_SYMMETRIES, p=_SHARES / _SHARES.sum()))
    if kind == "membrane" and symmetry[0] not in "C":
        symmetry = "C4"
    copies = _copies(symmetry)
    low = max(_SMALLEST_KDA, 9.0 * copies)
    high = 700.0 if kind == "membrane" else _LARGEST_KDA
    mass_kDa = float(np.exp(np.clip(rng.normal(np.log(230.0), 1.0), np.log(low), np.log(max(high, 1.5 * low)))))
    complex_ = made_complex(name, mass_kDa, symmetry, rng, stretch=1.5 if kind == "membrane" else None)
    return _in_detergent(complex_, rng) if kind == "membrane" else complex_


def made_complex(
    name: str, mass_kDa: float, symmetry: str, rng: np.random.Generator, *, stretch: float | None = None
) -> Structure:
    """A soluble complex of a given mass and point group (``C1``, ``C4``, ``D2``, ``T``, ``O``, ``I``).

    Parameters
    ----------
    stretch
        Length along z over width of how domains are put together; drawn unless given.
    """
    copies = _copies(symmetry)
    unit_kDa = mass_kDa / copies
    if stretch is None:  # what solids are built of is often long, and lies along their edges
        stretch = float(np.exp(rng.uniform(0.0, 1.2) if symmetry in _ORDERS else rng.normal(0.0, 0.35)))
    points, masses, centres, radii, domain = _chain(unit_kDa, stretch, rng)
    if copies > 1:
        turns = Rotation.create_group(symmetry).as_matrix()[:, ::-1, ::-1]
        if symmetry[0] not in "CD":  # the groups of solids need no main axis
            turns = Rotation.create_group(symmetry).as_matrix()
        own = Rotation.random(rng=rng).as_matrix()
        points, centres = points @ own.T, centres @ own.T
        offset = _touching(centres, radii, turns, symmetry, rng)
        points = np.concatenate([(points + offset) @ turn.T for turn in turns])
        centres = np.concatenate([(centres + offset) @ turn.T for turn in turns])
        domain = np.concatenate([domain + k * len(radii) for k in range(copies)])
        masses = np.tile(masses, copies)
    middle = points.mean(axis=0)
    heading = rng.standard_normal(3)
    reach = (centres - middle) @ heading
    beyond = reach > np.quantile(reach, rng.uniform(0.55, 0.8))
    return Structure(
        name,
        (points - middle).astype(np.float32),
        masses.astype(np.float32),
        float(rng.uniform(*_SIGMA_A)),
        float(masses.sum()),
        moving=beyond[domain],
    )


def _copies(symmetry: str) -> int:
    if symmetry in _ORDERS:
        return _ORDERS[symmetry]
    return int(symmetry[1:]) * (2 if symmetry[0] == "D" else 1)


def _chain(
    mass_kDa: float, stretch: float, rng: np.random.Generator
) -> tuple[Points, NDArray[np.float64], Points, NDArray[np.float64], NDArray[np.intp]]:
    """Beads, their masses, centres and radii of the domains, and each bead's domain."""
    count = max(1, round(mass_kDa / rng.uniform(14.0, 42.0)))
    shares = rng.uniform(0.5, 1.5, count)
    residues = np.maximum(20, np.round(shares / shares.sum() * mass_kDa / RESIDUE_KDA)).astype(int)
    dense = rng.random() < 0.12  # a core of nucleic acid scatters more
    radii = np.cbrt(3 * residues * RESIDUE_KDA * PROTEIN_A3_PER_KDA * _LOOSENESS / (4 * np.pi))
    centres = _grown(radii, stretch, rng)
    points, masses, domain = [], [], []
    for k, number in enumerate(residues):
        beads, weights = make_domain(int(number), rng)
        beads = beads @ Rotation.random(rng=rng).as_matrix().T
        factor = 1.6 if dense and np.linalg.norm(centres[k]) < 0.6 * np.linalg.norm(centres, axis=1).max() else 1.0
        weights = weights * (factor * number * RESIDUE_KDA / weights.sum())
        points.append(beads + centres[k])
        masses.append(weights)
        domain.append(np.full(len(beads), k))
    return np.concatenate(points), np.concatenate(masses), centres, radii, np.concatenate(domain)


def _grown(radii: NDArray[np.float64], stretch: float, rng: np.random.Generator) -> Points:
    """Centres of spheres, each touching an earlier one, as compact along the axes as ``stretch`` lets it."""
    centres = np.zeros((len(radii), 3))
    squeeze = np.array([1 / stretch, stretch**0.5, stretch**0.5])
    whim = rng.uniform(0.02, 0.35)  # how far growth strays from the most compact place
    for k in range(1, len(radii)):
        other = rng.integers(0, k, 24)
        away = rng.standard_normal((24, 3))
        away /= np.linalg.norm(away, axis=1, keepdims=True)
        tried = centres[other] + away * (_CONTACT * (radii[other] + radii[k]))[:, None]
        gap = np.linalg.norm(tried[:, None] - centres[None, :k], axis=2) / (radii[:k] + radii[k])
        sunk = np.maximum(0.0, _CONTACT * 0.98 - gap).sum(axis=1)
        size = np.linalg.norm((tried - centres[:k].mean(axis=0)) * squeeze, axis=1)
        cost = size / size.mean() + 12.0 * sunk + whim * rng.standard_normal(24)
        centres[k] = tried[np.argmin(cost)]
    return centres - centres.mean(axis=0)


def _touching(
    centres: Points, radii: NDArray[np.float64], turns: Points, symmetry: str, rng: np.random.Generator
) -> Points:
    """Where a subunit must go for its symmetry mates to touch but hardly to sink into one another, ``(3,)``."""
    limit = _CONTACT * (radii[:, None] + radii[None, :])
    others = [turn for turn in turns if not np.allclose(turn, np.eye(3))]
    farthest = 40.0 + 4.0 * float(radii.max()) * np.cbrt(len(radii)) * np.sqrt(len(turns))

    def clear(placed: Points) -> bool:
        return all(
            (np.linalg.norm(placed[:, None] - (placed @ turn.T)[None], axis=2) >= limit).all() for turn in others
        )

    longest = np.linalg.svd(centres - centres.mean(axis=0))[2][0]
    best = np.full(3, np.inf)
    for _ in range(8):  # near an axis copies part slowly: the tightest of a few directions is kept
        direction = rng.standard_normal(3)
        if symmetry[0] in "CD":
            direction[0] *= 0.0 if symmetry[0] == "C" else 0.6
        elif len(centres) > 1:
            direction -= (direction @ longest) * longest
        direction /= np.linalg.norm(direction)
        low, high = 0.0, min(farthest, float(np.linalg.norm(best)))
        if np.isfinite(best).all() and not clear(centres + high * direction):
            continue
        for _ in range(9):
            middle = 0.5 * (low + high)
            low, high = (low, middle) if clear(centres + middle * direction) else (middle, high)
        best = high * direction
    return best


def _in_detergent(structure: Structure, rng: np.random.Generator) -> Structure:
    """A micelle or nanodisc about the middle of the long axis z: bright heads, tails like the ice or below."""
    points = structure.points_A
    height = float(np.quantile(points[:, 0], rng.uniform(0.25, 0.6)))
    slab = np.abs(points[:, 0] - height) < 20.0
    across = np.linalg.norm(points[slab][:, 1:], axis=1) if slab.any() else np.array([20.0])
    inner = float(np.quantile(across, 0.8))
    disc = rng.random() < 0.35
    reach, half = inner + rng.uniform(14.0, 26.0), rng.uniform(18.0, 23.0)
    steps = [np.arange(-1, 1, 4.5 / size) for size in (half, reach, reach)]
    draw = np.stack(np.meshgrid(*steps, indexing="ij"), axis=-1).reshape(-1, 3)
    draw += rng.uniform(-2.2, 2.2, draw.shape) / [half, reach, reach]  # a lattice would show
    power = 6.0 if disc else 2.0
    shape = np.abs(draw[:, 0]) ** power + np.hypot(draw[:, 1], draw[:, 2]) ** power
    draw, shape = draw[shape < 1], shape[shape < 1]
    placed = draw * [half, reach, reach] + [height, 0.0, 0.0]
    free = np.hypot(placed[:, 1], placed[:, 2]) > 0.75 * inner
    placed, depth = placed[free], 1.0 - shape[free] ** (1.0 / power)
    volume_kDa = 4.5**3 / PROTEIN_A3_PER_KDA
    weights = volume_kDa * np.where(depth < 0.3, rng.uniform(0.55, 0.95), rng.uniform(-0.1, 0.2))
    points = np.concatenate([points, placed.astype(np.float32)])
    middle = points.mean(axis=0)
    return replace(
        structure,
        points_A=points - middle,
        weights_kDa=np.concatenate([structure.weights_kDa, weights.astype(np.float32)]),
        moving=np.concatenate([structure.moving, np.zeros(len(placed), dtype=bool)]),
        kind="membrane",
    )


def _filament(rng: np.random.Generator, name: str, length_A: float = FILAMENT_A) -> Structure:
    """Subunits on a helix along z, from amyloid-thin to as wide as a microtubule; its mass is of 100 Å of it."""
    wide = rng.random() < 0.4
    unit_kDa = float(rng.uniform(30.0, 60.0) if wide else rng.uniform(12.0, 45.0))
    points, masses, _, radii, _ = _chain(unit_kDa, 1.0, rng)
    points = points @ Rotation.random(rng=rng).as_matrix().T
    size = 1.5 * float(radii.mean()) * np.cbrt(len(radii))
    starts = int(rng.integers(5, 14)) if wide else int(rng.integers(1, 4))
    radius = size * starts / (2 * np.pi) if starts > 2 else size * rng.uniform(0.2, 0.6)
    rise = size * (1.0 if starts > 2 else rng.uniform(0.45, 0.9))
    twist = rng.uniform(-0.12, 0.12) if starts > 2 else rng.uniform(-np.pi, np.pi)
    placed = []
    for layer in np.arange(-length_A / 2, length_A / 2, rise):
        for start in range(starts):
            angle = 2 * np.pi * start / starts + twist * layer / rise
            turn = Rotation.from_rotvec([0.0, 0.0, angle]).as_matrix()[::-1, ::-1]
            place = np.array([layer + rise * start / starts, 0.0, 0.0])
            placed.append((points + np.array([0.0, 0.0, radius])) @ turn.T + place)
    cloud = np.concatenate(placed)
    return Structure(
        name,
        (cloud - [cloud[:, 0].mean(), 0.0, 0.0]).astype(np.float32),
        np.tile(masses, len(placed)).astype(np.float32),
        float(rng.uniform(*_SIGMA_A)),
        float(masses.sum() * len(placed) * 100.0 / length_A),
        kind="filament",
    )
