"""A small made-up protein, and maps of it."""

from pathlib import Path

import gemmi
import mrcfile
import numpy as np

from cryogauge.imaging.model_map import model_map
from cryogauge.io.model_atoms import read_atoms

VOXEL_A, EDGE = 1.0, 40
ORIGIN_A = (-30.0, 12.0, 5.0)
RESIDUES = 24


def write_model(path: Path, shift_A: tuple[float, float, float] = (0.0, 0.0, 0.0), chains: str = "A") -> Path:
    """A helix of alanines in the middle of the map, and a magnesium ion and a water beside it."""
    middle = np.array(ORIGIN_A) + (EDGE - 1) / 2 * VOXEL_A + shift_A
    structure = gemmi.Structure()
    structure.name = "made"
    model = gemmi.Model(1)
    for place, chain_name in enumerate(chains):
        chain = gemmi.Chain(chain_name)
        for number in range(1, RESIDUES + 1):
            residue = gemmi.Residue()
            residue.name, residue.seqid = "ALA", gemmi.SeqId(str(number))
            for name, radius, turn, rise in [
                ("N", 1.5, 0, 0.0), ("CA", 2.3, 28, 0.9), ("C", 1.7, 55, 2.0), ("O", 2.0, 57, 3.2), ("CB", 3.3, 12, 1.0)
            ]:  # fmt: skip
                angle = np.deg2rad(100 * number + turn)
                along = 1.5 * (number - RESIDUES / 2) * 0.7 + rise * 0.7
                at = middle + np.array([radius * np.cos(angle) + 9 * place, radius * np.sin(angle), along])
                residue.add_atom(_atom(name, name[0], at))
            chain.add_residue(residue)
        model.add_chain(chain)
    others = gemmi.Chain("X")
    for number, (name, element) in enumerate([("MG", "MG"), ("HOH", "O")], 1):
        residue = gemmi.Residue()
        residue.name, residue.seqid = name, gemmi.SeqId(str(number))
        residue.add_atom(_atom(element, element, middle + np.array([-8.0, 3.0 * number, 0.0])))
        others.add_residue(residue)
    model.add_chain(others)
    structure.add_model(model)
    structure.write_pdb(str(path))
    return path


def _atom(name: str, element: str, at: np.ndarray) -> gemmi.Atom:
    atom = gemmi.Atom()
    atom.name, atom.element, atom.b_iso, atom.occ = name, gemmi.Element(element), 60.0, 1.0
    atom.pos = gemmi.Position(*at)
    return atom


def write_map(path: Path, data: np.ndarray, voxel_A: float = VOXEL_A, origin_A: tuple = ORIGIN_A) -> Path:
    with mrcfile.new(path) as file:
        file.set_data(data.astype(np.float32))
        file.voxel_size = voxel_A
        assert file.header is not None
        file.header.origin = origin_A
    return path


def map_of(model: Path, noise: float = 0.0, seed: int = 0) -> np.ndarray:
    """What the model would give, with white noise of a part of its standard deviation."""
    data = model_map(read_atoms(model), (EDGE, EDGE, EDGE), VOXEL_A, ORIGIN_A)
    return data + noise * data.std() * np.random.default_rng(seed).normal(size=data.shape)
