"""Atoms of a model, from PDB and mmCIF files."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cryogauge.records import BadInput

if TYPE_CHECKING:
    import gemmi

#: What a table of atoms holds, a row an atom, chain by chain: positions in the file's frame; the element's
#: symbol; the atom's name; the chain, the residue's number (with its insertion code, as text) and name; protein,
#: nucleic, water or other; the isotropic displacement B and the occupancy.
ATOM_COLUMNS = (
    "x_A", "y_A", "z_A", "element", "name", "chain", "residue", "residue_name", "kind", "b_A2", "occupancy",
)  # fmt: skip
MODEL_SUFFIXES = (".pdb", ".ent", ".cif", ".mmcif")


def is_model(path: str | Path) -> bool:
    """Whether a name is that of a PDB or mmCIF model, packed or not."""
    return str(path).lower().removesuffix(".gz").endswith(MODEL_SUFFIXES)


def read_atoms(path: str | Path) -> pd.DataFrame:
    """Atoms of the first model as deposited: no assembly is built, of alternative places the first is taken.

    Parameters
    ----------
    path
        A PDB or mmCIF file, also gzipped.

    Returns
    -------
    pandas.DataFrame
        Columns ``ATOM_COLUMNS``; hydrogens, waters and ligands are among them.

    Raises
    ------
    BadInput
        When the file cannot be read, is no model, holds no atoms, or one without a position.
    """
    import gemmi

    path = Path(path)
    if not path.is_file():
        raise BadInput(f"{path} does not exist", "give a PDB or mmCIF file")
    if not is_model(path):
        raise BadInput(f"{path} is no model by its name", f"known are {' '.join(MODEL_SUFFIXES)}, also with .gz")
    try:
        structure = gemmi.read_structure(str(path))
    except (OSError, RuntimeError, ValueError, IndexError) as error:
        told = " ".join(str(error).split())
        raise BadInput(f"{path} is no PDB or mmCIF model: {told}", "copy it again") from error
    structure.remove_alternative_conformations()
    rows = [_row(site) for site in structure[0].all()] if len(structure) else []
    if not rows:
        raise BadInput(f"{path} holds no atoms", "give a coordinate file with ATOM records")
    table = pd.DataFrame(rows, columns=pd.Index(ATOM_COLUMNS))
    if not np.isfinite(table[["x_A", "y_A", "z_A", "b_A2", "occupancy"]].to_numpy(float)).all():
        raise BadInput(f"{path} holds atoms without a position", "copy it again")
    return table


def _row(site: "gemmi.CRA") -> tuple:
    import gemmi

    atom, residue = site.atom, site.residue
    known = gemmi.find_tabulated_residue(residue.name)
    kind = (
        "water" if known.is_water()
        else "protein" if known.is_amino_acid()
        else "nucleic" if known.is_nucleic_acid()
        else "other"
    )  # fmt: skip
    return (
        atom.pos.x, atom.pos.y, atom.pos.z, atom.element.name, atom.name, site.chain.name, str(residue.seqid),
        residue.name, kind, atom.b_iso, atom.occ,
    )  # fmt: skip


def heavy(atoms: pd.DataFrame) -> pd.DataFrame:
    """The atoms that are no hydrogens, numbered anew."""
    return atoms[~atoms["element"].isin(["H", "D"])].reset_index(drop=True)
