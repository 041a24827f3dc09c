"""The user's maps and models become templates of the right size, mass and place."""

import gzip

import numpy as np
import pytest

from cryogauge.io import write_mrc
from cryogauge.records import BadInput
from cryogauge.simulate.densities import excess_potential_V_A3, load_template
from cryogauge.simulate.particles import PROTEIN_V


def _ball(edge, radius_px):
    grid = np.indices((edge,) * 3) - (edge - 1) / 2
    return (np.linalg.norm(grid, axis=0) <= radius_px).astype(np.float32)


@pytest.mark.parametrize(("map_A", "voxel_size_A"), [(4.0, 10.0), (3.0, 12.0), (10.0, 10.0), (12.0, 8.0)])
def test_a_map_keeps_its_size_and_gets_proteins_potential(tmp_path, map_A, voxel_size_A):
    radius_A = 96.0
    write_mrc(tmp_path / "ball.mrc", 170.0 * _ball(int(2 * radius_A / map_A) + 9, radius_A / map_A), map_A)
    template = load_template(tmp_path / "ball.mrc", voxel_size_A)
    assert template.name == "ball"
    volume_A3 = template.density.sum() / PROTEIN_V * voxel_size_A**3
    assert volume_A3 == pytest.approx(4 / 3 * np.pi * radius_A**3, rel=0.04)
    grid = np.indices(template.density.shape).reshape(3, -1) - (np.array(template.density.shape) - 1)[:, None] / 2
    weight = template.density.ravel() / template.density.sum()
    assert np.abs((grid * weight).sum(axis=1)).max() < 0.02
    gyration_A = np.sqrt((np.square(grid).sum(axis=0) * weight).sum()) * voxel_size_A
    assert gyration_A == pytest.approx(np.sqrt(0.6) * radius_A, rel=0.06)
    assert template.radius_px * voxel_size_A == pytest.approx(0.9 ** (1 / 3) * radius_A, rel=0.1)


def test_solvent_noise_in_a_map_is_left_out(tmp_path):
    ball = _ball(48, 12.0)
    noise = np.random.default_rng(0).normal(0, 0.04, ball.shape).astype(np.float32)
    write_mrc(tmp_path / "noisy.mrc", ball + noise, 10.0)
    density = load_template(tmp_path / "noisy.mrc", 10.0).density
    assert np.abs(density[:4]).max() == 0.0


PDB_LINE = "ATOM  {:5d}  {:<3s} ALA A{:4d}    {:8.3f}{:8.3f}{:8.3f}  1.00 20.00          {:>2s}\n"


def _model(path, atoms, header=""):
    lines = [PDB_LINE.format(i + 1, element, i + 1, x, y, z, element) for i, (element, x, y, z) in enumerate(atoms)]
    water = "HETATM 9999  O   HOH B 900      50.000  50.000  50.000  1.00 20.00           O\n"
    path.write_text(header + "".join(lines) + water + "END\n")


@pytest.mark.parametrize("voxel_size_A", [4.0, 8.0])
def test_a_model_has_the_potential_of_its_atoms(tmp_path, voxel_size_A):
    rng = np.random.default_rng(0)
    elements = rng.choice(["C", "N", "O", "P"], 3000)
    _model(tmp_path / "blob.pdb", [(e, *p) for e, p in zip(elements, rng.normal(0, 25, (3000, 3)), strict=True)])
    template = load_template(tmp_path / "blob.pdb", voxel_size_A)
    expected = sum(excess_potential_V_A3(e) for e in elements)
    assert template.density.sum() * voxel_size_A**3 == pytest.approx(expected, rel=0.02)


def test_a_models_axes_are_those_of_the_map(tmp_path):
    atoms = [("C", 0, 0, 0)] * 50 + [("C", 60, 0, 0)] * 10 + [("C", 0, 20, 0)] * 10
    _model(tmp_path / "l.pdb", atoms)
    density = load_template(tmp_path / "l.pdb", 5.0).density
    z, y, x = np.argwhere(density > 0.1 * density.max()).max(axis=0) - np.unravel_index(density.argmax(), density.shape)
    assert (z, y, x) == (pytest.approx(0, abs=2), pytest.approx(4, abs=2), pytest.approx(12, abs=2))


def test_protein_by_atoms_matches_protein_by_mass():
    """Average amino acid: C4.9 N1.36 O1.48 S0.04 with H7.8, 110 Da; 1212 Å³ a kDa."""
    per_residue = sum(
        n * excess_potential_V_A3(e) for e, n in (("C", 4.9), ("N", 1.36), ("O", 1.48), ("S", 0.04), ("H", 7.8))
    )
    assert per_residue / (0.110 * 1212.0) == pytest.approx(PROTEIN_V, rel=0.4)
    assert abs(excess_potential_V_A3("H")) < 0.1 * excess_potential_V_A3("C")


def test_zipped_models_are_read(tmp_path):
    _model(tmp_path / "a.pdb", [("C", 0, 0, 0), ("N", 9, 0, 0)])
    with gzip.open(tmp_path / "b.pdb.gz", "wb") as zipped:
        zipped.write((tmp_path / "a.pdb").read_bytes())
    plain, packed = (load_template(tmp_path / name, 6.0) for name in ("a.pdb", "b.pdb.gz"))
    assert packed.name == "b"
    np.testing.assert_array_equal(plain.density, packed.density)


@pytest.mark.parametrize(
    ("name", "text"), [("none.pdb", "REMARK nothing\nEND\n"), ("text.cif", "the grid was thick\n")]
)
def test_what_is_no_model_is_refused(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    with pytest.raises(BadInput, match=name):
        load_template(tmp_path / name, 10.0)


def test_a_map_without_density_is_refused(tmp_path):
    write_mrc(tmp_path / "zero.mrc", np.zeros((20, 20, 20), np.float32), 5.0)
    with pytest.raises(BadInput, match="no positive density"):
        load_template(tmp_path / "zero.mrc", 10.0)
