"""The map of a model: sums of Gaussians in closed form, where atoms lie, and what the grid can hold."""

import gemmi
import numpy as np
import pandas as pd
import pytest

from cryogauge.imaging.model_map import POTENTIAL_V_A2, inside, model_map, model_mask
from cryogauge.io.model_atoms import ATOM_COLUMNS
from cryogauge.records import BadInput

VOXEL_A = 0.5
SHAPE = (40, 36, 44)


def atoms(*rows):
    """Atoms of ``(x, y, z, element, B, occupancy)``."""
    table = [(x, y, z, element, "X", "A", "1", "UNK", "protein", b, q) for x, y, z, element, b, q in rows]
    return pd.DataFrame(table, columns=pd.Index(ATOM_COLUMNS))


def closed_form(table, origin_A=(0.0, 0.0, 0.0), b_A2=None):
    """The transform of each scattering factor Σ aₖ exp(−(bₖ + B) s² / 4), times the constant of the potential."""
    z, y, x = (np.arange(n) * VOXEL_A for n in SHAPE)
    total = np.zeros(SHAPE)
    for row in table.itertuples():
        factor = gemmi.Element(row.element).c4322
        square = (
            (z[:, None, None] + origin_A[2] - row.z_A) ** 2
            + (y[None, :, None] + origin_A[1] - row.y_A) ** 2
            + (x[None, None, :] + origin_A[0] - row.x_A) ** 2
        )
        for a, b in zip(factor.a, factor.b, strict=True):
            wide = b + (row.b_A2 if b_A2 is None else b_A2)
            total += row.occupancy * a * (4 * np.pi / wide) ** 1.5 * np.exp(-4 * np.pi**2 * square / wide)
    return POTENTIAL_V_A2 * total


TWO = atoms((10.3, 8.1, 9.9, "C", 40.0, 1.0), (11.6, 9.0, 9.2, "O", 60.0, 0.5))


def test_atoms_are_the_gaussians_of_their_scattering_factors():
    found, wanted = model_map(TWO, SHAPE, VOXEL_A), closed_form(TWO)
    assert found.dtype == np.float32
    assert found.shape == SHAPE
    np.testing.assert_allclose(found, wanted, atol=1e-4 * wanted.max())


def test_the_origin_shifts_the_frame_and_nothing_else():
    moved = TWO.assign(x_A=TWO["x_A"] - 100, y_A=TWO["y_A"] + 30, z_A=TWO["z_A"] + 7)
    found = model_map(moved, SHAPE, VOXEL_A, (-100.0, 30.0, 7.0))
    np.testing.assert_allclose(found, model_map(TWO, SHAPE, VOXEL_A), atol=1e-4)


def test_the_integral_is_the_amplitude_at_zero_angle():
    one = atoms((10.0, 9.0, 10.0, "S", 30.0, 1.0))
    amplitude = sum(gemmi.Element("S").c4322.a)
    assert model_map(one, SHAPE, VOXEL_A).sum() * VOXEL_A**3 == pytest.approx(POTENTIAL_V_A2 * amplitude, rel=1e-3)


def test_a_resolution_takes_the_place_of_b_factors():
    found = model_map(TWO, SHAPE, VOXEL_A, resolution_A=5.0)
    wanted = closed_form(TWO, b_A2=100.0)
    np.testing.assert_allclose(found, wanted, atol=1e-4 * wanted.max())


def test_atoms_too_sharp_for_the_grid_are_widened_alike():
    sharp = TWO.assign(b_A2=[0.0, 20.0])
    least = 8 * np.pi**2 * (1.2 * VOXEL_A) ** 2
    wanted = closed_form(TWO.assign(b_A2=[least, least + 20.0]))
    np.testing.assert_allclose(model_map(sharp, SHAPE, VOXEL_A), wanted, atol=1e-4 * wanted.max())


def test_atoms_outside_are_left_out_and_none_is_told():
    far = atoms((10.3, 8.1, 9.9, "C", 40.0, 1.0), (-0.1, 8.0, 9.0, "O", 40.0, 1.0), (10.0, 17.6, 9.0, "N", 40.0, 1.0))
    assert inside(far, SHAPE, VOXEL_A).tolist() == [True, False, False]
    np.testing.assert_array_equal(model_map(far, SHAPE, VOXEL_A), model_map(far[:1], SHAPE, VOXEL_A))
    for make in (
        lambda: model_map(far[1:], SHAPE, VOXEL_A),
        lambda: model_mask(far[1:], SHAPE, 0.5, radius_A=1, soft_A=1),
    ):
        with pytest.raises(BadInput, match="no atom of the model lies in the map"):
            make()


def test_a_mask_falls_off_with_the_distance_from_atoms():
    mask = model_mask(atoms((10.0, 9.0, 9.5, "C", 40.0, 1.0)), SHAPE, VOXEL_A, radius_A=3.0, soft_A=2.0)
    at = {distance: float(mask[19, 18, 20 + round(distance / VOXEL_A)]) for distance in (0, 3, 4, 5, 6)}
    assert at == pytest.approx({0: 1.0, 3: 1.0, 4: 0.5, 5: 0.0, 6: 0.0}, abs=1e-6)
