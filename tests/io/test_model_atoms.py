"""Atoms of models: the same from PDB and mmCIF, and what is no model."""

import gzip

import gemmi
import numpy as np
import pandas as pd
import pytest

from cryogauge.io.model_atoms import ATOM_COLUMNS, heavy, read_atoms
from cryogauge.records import BadInput

PDB = """\
CRYST1   50.000   50.000   50.000  90.00  90.00  90.00 P 1           1
ATOM      1  N   GLY A   1      11.000  12.000  13.000  1.00 20.00           N
ATOM      2  CA AGLY A   1      12.400  12.000  13.000  0.60 21.00           C
ATOM      3  CA BGLY A   1      12.500  12.100  13.000  0.40 22.00           C
ATOM      4  H   GLY A   1      10.500  12.800  13.000  1.00 20.00           H
ATOM      5  P    DA B  12A     20.000  21.000  22.000  1.00 30.00           P
TER
HETATM    6 MG    MG A 101      30.000  30.000  30.000  1.00 40.00          MG
HETATM    7  O   HOH A 201      31.000  31.000  31.000  1.00 50.00           O
END
"""


@pytest.fixture
def pdb(tmp_path):
    path = tmp_path / "model.pdb"
    path.write_text(PDB)
    return path


def test_a_pdb_file_is_read_atom_by_atom(pdb):
    atoms = read_atoms(pdb)
    assert tuple(atoms.columns) == ATOM_COLUMNS
    assert atoms["name"].tolist() == ["N", "CA", "H", "MG", "O", "P"]
    assert atoms["element"].str.upper().tolist() == ["N", "C", "H", "MG", "O", "P"]
    assert atoms["kind"].tolist() == ["protein"] * 3 + ["other", "water", "nucleic"]
    assert atoms["residue"].tolist() == ["1", "1", "1", "101", "201", "12A"]
    np.testing.assert_allclose(atoms.loc[1, ["x_A", "y_A", "z_A", "b_A2", "occupancy"]], [12.4, 12, 13, 21, 0.6])
    assert heavy(atoms)["name"].tolist() == ["N", "CA", "MG", "O", "P"]


def test_mmcif_and_compressed_files_hold_the_same(tmp_path, pdb):
    gemmi.read_structure(str(pdb)).make_mmcif_document().write_file(str(tmp_path / "model.cif"))
    with gzip.open(tmp_path / "model.pdb.gz", "wt") as file:
        file.write(PDB)
    for name in ("model.cif", "model.pdb.gz"):
        pd.testing.assert_frame_equal(read_atoms(tmp_path / name), read_atoms(pdb))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("missing.pdb", None, "does not exist"),
        ("model.mrc", "x", "no model by its name"),
        ("model.pdb", "", "holds no atoms"),
        ("model.pdb", "the grid was thick today\n" * 9, "holds no atoms"),
        ("model.cif", "the grid was thick today\n" * 9, "is no PDB or mmCIF model"),
        ("model.cif", "data_x\n_cell.length_a 3\n", "holds no atoms"),
        ("model.pdb.gz", "not compressed", "model"),
    ],
)
def test_what_is_no_model_is_told(tmp_path, name, text, message):
    path = tmp_path / name
    if text is not None:
        path.write_text(text)
    with pytest.raises(BadInput, match=message):
        read_atoms(path)


def test_an_atom_without_a_position_is_told(tmp_path, pdb):
    document = gemmi.read_structure(str(pdb)).make_mmcif_document()
    document.write_file(str(tmp_path / "model.cif"))
    text = (tmp_path / "model.cif").read_text()
    (tmp_path / "model.cif").write_text(text.replace("12.4", "?"))
    with pytest.raises(BadInput, match="without a position"):
        read_atoms(tmp_path / "model.cif")
