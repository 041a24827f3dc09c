"""Domains with secondary structure: helices and strands of beads, two a residue, backbone and side chain.

A helix rises 1.5 Å and turns by 100° a residue, its backbone 2.3 Å from its axis; helices pack about 10 Å apart.
Residues of a strand are 3.3 Å apart, strands 4.8 Å, sheets 10 Å. So sharp averages show rods and sheets, and blurred
ones do not. The chain itself is not modelled.
"""

import numpy as np
from numpy.typing import NDArray

#: Mean mass of a residue.
RESIDUE_KDA = 0.110
#: Share of a residue's mass in its backbone, which is better ordered than the side chains.
_BACKBONE = 0.6
_HELIX_RISE_A, _HELIX_TURN, _HELIX_RADIUS_A, _HELIX_SIDE_A = 1.5, np.deg2rad(100.0), 2.3, 5.2
_STRAND_RISE_A, _STRAND_GAP_A, _SHEET_GAP_A, _HELIX_GAP_A = 3.3, 4.8, 10.0, 9.8

Points = NDArray[np.floating]


def make_domain(residues: int, rng: np.random.Generator) -> tuple[Points, NDArray[np.float64]]:
    """Beads ``(n, 3)`` in Å about their centre and their masses ``(n,)`` in kDa of a domain of so many residues.

    All helix, two stacked sheets, or a sheet between helices, with about a quarter of the residues in loops.
    """
    style = rng.choice(["helices", "helices", "sheets", "mixed"])
    ordered = max(6, round(residues * rng.uniform(0.65, 0.85)))
    backbone, side = {"helices": _helices, "sheets": _sheets, "mixed": _mixed}[str(style)](ordered, rng)
    loops = _loops(residues - ordered, backbone, rng)
    points = np.concatenate([backbone, side, loops])
    masses = np.concatenate(
        [
            np.full(len(backbone), _BACKBONE * RESIDUE_KDA),
            np.full(len(side), (1 - _BACKBONE) * RESIDUE_KDA),
            np.full(len(loops), RESIDUE_KDA),
        ]
    )
    return points - points.mean(axis=0), masses


def _helices(residues: int, rng: np.random.Generator) -> tuple[Points, Points]:
    """A bundle of rods of about equal length, on a hexagonal lattice, each a little askew."""
    length = int(np.clip(rng.uniform(0.8, 1.6) * 5.2 * residues ** (1 / 3) * 0.75, 7, 42))
    count = max(1, round(residues / length))
    places = _hexagonal(count) * _HELIX_GAP_A
    parts = [
        _helix(np.array([0.0, y, x]), _askew(rng, 0.25), int(length * rng.uniform(0.7, 1.25)), rng) for y, x in places
    ]
    return _joined(parts)


def _sheets(residues: int, rng: np.random.Generator) -> tuple[Points, Points]:
    """Two twisted sheets face to face."""
    strands = max(2, round(residues / 2 / 7))
    length = max(4, round(residues / 2 / strands))
    first = _sheet(strands, length, -0.5 * _SHEET_GAP_A)
    second = _sheet(strands, length, 0.5 * _SHEET_GAP_A, turn=rng.uniform(-0.6, 0.6))
    return _joined([first, second])


def _mixed(residues: int, rng: np.random.Generator) -> tuple[Points, Points]:
    """A sheet with helices on either side."""
    strands = max(2, round((0.4 * residues / 6) ** 0.75 * 1.3))
    length = max(4, round(0.4 * residues / strands))
    parts = [_sheet(strands, length, 0.0)]
    helix = int(np.clip(rng.integers(9, 18), 7, 40))
    count = max(1, round(0.6 * residues / helix))
    for k in range(count):
        x = (k // 2 - 0.25 * count + 0.5) * _HELIX_GAP_A
        place = np.array([0.0, (-1) ** k * _SHEET_GAP_A, x])
        parts.append(_helix(place, _askew(rng, 0.2), helix, rng))
    return _joined(parts)


def _helix(middle: Points, direction: Points, residues: int, rng: np.random.Generator) -> tuple[Points, Points]:
    steps = np.arange(residues)
    across = np.cross(direction, [0.0, 0.3, 1.0])
    across /= np.linalg.norm(across)
    other = np.cross(direction, across)
    angle = _HELIX_TURN * steps + rng.uniform(0, 2 * np.pi)
    axis = middle + (steps - residues / 2)[:, None] * _HELIX_RISE_A * direction
    round_ = np.cos(angle)[:, None] * across + np.sin(angle)[:, None] * other
    return axis + _HELIX_RADIUS_A * round_, axis + _HELIX_SIDE_A * round_


def _sheet(strands: int, length: int, depth_A: float, *, turn: float = 0.0) -> tuple[Points, Points]:
    """Strands along z, side by side along x, twisted by 15° each; at y = depth."""
    row = (np.arange(strands) - (strands - 1) / 2)[:, None]
    step = (np.arange(length) - (length - 1) / 2)[None, :]
    twist = np.deg2rad(15.0) * row + turn
    along = step * _STRAND_RISE_A
    z, y = along * np.cos(twist), along * np.sin(twist) + depth_A
    x = np.broadcast_to(row * _STRAND_GAP_A, z.shape)
    pleat = np.where(np.arange(length) % 2, 1.0, -1.0)[None, :]
    backbone = np.stack([z, y + 0.9 * pleat, x], axis=-1).reshape(-1, 3)
    side = np.stack([z, y + 3.6 * pleat, x], axis=-1).reshape(-1, 3)
    return backbone, side


def _loops(residues: int, around: Points, rng: np.random.Generator) -> Points:
    """Residues without order, on the outside of what there is."""
    if residues <= 0:
        return np.empty((0, 3))
    middle = around.mean(axis=0)
    chosen = around[rng.integers(0, len(around), residues)] - middle
    return middle + chosen * rng.uniform(0.9, 1.2, (residues, 1)) + rng.normal(0, 3.5, (residues, 3))


def _hexagonal(count: int) -> Points:
    """The ``count`` places ``(count, 2)`` of a hexagonal lattice of spacing 1 that are nearest to its middle."""
    reach = int(np.ceil(np.sqrt(count))) + 2
    i, j = np.meshgrid(np.arange(-reach, reach + 1), np.arange(-reach, reach + 1), indexing="ij")
    places = np.stack([0.3 + i.ravel() * np.sqrt(3) / 2, 0.2 + j.ravel() + 0.5 * i.ravel()], axis=1)
    return places[np.argsort(np.linalg.norm(places, axis=1))[:count]]


def _askew(rng: np.random.Generator, amount: float) -> Points:
    """A direction near z, up or down."""
    direction = np.array([1.0, *rng.normal(0, amount, 2)])
    return direction / np.linalg.norm(direction) * rng.choice([-1.0, 1.0])


def _joined(parts: list[tuple[Points, Points]]) -> tuple[Points, Points]:
    return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])
