"""Complexes have the mass they are asked to have, and proteins fill the fraction they are asked to fill."""

import numpy as np
import pytest

from cryogauge.simulate.filaments import add_actin, add_microtubule, bent_path
from cryogauge.simulate.particles import (
    NUCLEIC_V,
    PROTEIN_A3_PER_KDA,
    PROTEIN_V,
    Template,
    fill_with_proteins,
    generated_template,
    place_templates,
)


@pytest.mark.parametrize("voxel_size_A", [5.0, 10.0, 20.0])
@pytest.mark.parametrize(("mass_kDa", "symmetry"), [(200.0, 1), (900.0, 7)])
def test_a_generated_complex_has_its_mass(voxel_size_A, mass_kDa, symmetry):
    template = generated_template("c", mass_kDa, voxel_size_A, np.random.default_rng(1), symmetry=symmetry)
    drawn_kDa = template.density.sum() * voxel_size_A**3 / (PROTEIN_V * PROTEIN_A3_PER_KDA)
    assert drawn_kDa == pytest.approx(mass_kDa, rel=0.05)


def test_nucleic_acid_scatters_more():
    bare, half = (
        generated_template("c", 2000.0, 10.0, np.random.default_rng(1), nucleic_fraction=f).density.sum()
        for f in (0.0, 0.5)
    )
    assert half / bare == pytest.approx(0.5 + 0.5 * NUCLEIC_V / PROTEIN_V, rel=0.05)


def test_a_symmetric_complex_is_symmetric():
    density = generated_template("c", 400.0, 8.0, np.random.default_rng(2), symmetry=4).density
    turned = np.rot90(density, axes=(1, 2))
    assert np.corrcoef(density.ravel(), turned.ravel())[0, 1] > 0.97


@pytest.mark.parametrize("fraction", [0.05, 0.2])
@pytest.mark.parametrize("voxel_size_A", [8.0, 16.0])
def test_crowding_fills_its_fraction(fraction, voxel_size_A):
    volume = np.zeros((40, 64, 64), np.float32)
    allowed = np.zeros(volume.shape, bool)
    allowed[12:28] = True
    fill_with_proteins(volume, allowed, fraction, voxel_size_A, np.random.default_rng(0))
    assert volume.sum() / (PROTEIN_V * allowed.sum()) == pytest.approx(fraction, rel=0.1)


def test_placing_marks_its_place_and_stops_when_full():
    density = np.ones((5, 5, 5), np.float32)
    volume, occupied = np.zeros((16, 24, 24), np.float32), np.zeros((16, 24, 24), np.uint8)
    occupied[:4] = 1
    placed = place_templates(volume, occupied, Template("t", density, 3.0), 500, np.random.default_rng(0))
    assert 10 < len(placed) < 120
    assert placed[:, 0].min() > 3.4
    rotations = placed[:, 3:].reshape(-1, 3, 3)
    np.testing.assert_allclose(
        rotations @ rotations.transpose(0, 2, 1), np.eye(3)[None].repeat(len(placed), 0), atol=1e-9
    )
    occupied[:] = 1
    assert len(place_templates(volume, occupied, Template("t", density, 3.0), 5, np.random.default_rng(0))) == 0


@pytest.mark.parametrize("voxel_size_A", [6.0, 12.0])
def test_filaments_have_their_mass_per_length(voxel_size_A):
    def kDa_per_A(draw):
        volume = np.zeros((60, 60, 200), np.float32)
        path = np.stack([np.full(101, 30.0), np.full(101, 30.0), 50.0 + np.arange(101.0)], axis=1)
        draw(volume, path, voxel_size_A, np.random.default_rng(0))
        return volume.sum() * voxel_size_A**3 / (PROTEIN_V * PROTEIN_A3_PER_KDA) / (100 * voxel_size_A)

    assert kDa_per_A(add_microtubule) == pytest.approx(13 * 55.0 / 40.0, rel=0.06)
    assert kDa_per_A(add_actin) == pytest.approx(42.0 / 27.6, rel=0.06)


def test_a_microtubule_is_a_tube():
    voxel_size_A = 8.0
    volume = np.zeros((60, 60, 120), np.float32)
    path = np.stack([np.full(101, 30.0), np.full(101, 30.0), 10.0 + np.arange(101.0)], axis=1)
    add_microtubule(volume, path, voxel_size_A, np.random.default_rng(0))
    z, y = np.indices((60, 60))
    radius_A = np.hypot(z - 30, y - 30) * voxel_size_A
    section = volume[:, :, 20:100].mean(axis=2)
    wall = section[(radius_A > 100) & (radius_A < 125)].mean()
    assert section[radius_A < 60].mean() < 0.05 * wall
    assert (radius_A * section).sum() / section.sum() == pytest.approx(112.0, abs=6.0)


def test_paths_are_of_unit_steps_and_bend_with_their_persistence():
    stiff, soft = (
        bent_path(np.zeros(3), np.array([0.0, 0.0, 1.0]), 400, persistence, np.random.default_rng(3))
        for persistence in (1e6, 50.0)
    )
    np.testing.assert_allclose(np.linalg.norm(np.diff(stiff, axis=0), axis=1), 1.0, rtol=1e-9)
    straightness = [np.linalg.norm(p[-1] - p[0]) / (len(p) - 1) for p in (stiff, soft)]
    assert straightness[0] > 0.99
    assert straightness[1] < 0.9
