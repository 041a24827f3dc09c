import numpy as np
import pytest

from cryogauge.simulate.contamination import (
    CARBON_V,
    GOLD_V,
    add_frost,
    add_glycogen,
    add_gold,
    carbon_film,
    curtains,
    ice_hole,
)


@pytest.mark.parametrize("voxel_size_A", [10.0, 20.0, 40.0])
def test_gold_keeps_its_mass_at_every_voxel_size(voxel_size_A):
    edge = int(2400 / voxel_size_A)
    volume, rng = np.zeros((edge,) * 3, np.float32), np.random.default_rng(0)
    add_gold(volume, rng.uniform(0.2 * edge, 0.8 * edge, (40, 3)), 150.0, voxel_size_A, rng)
    mass = volume.sum() * voxel_size_A**3 / (GOLD_V * 40 * np.pi / 6 * 150.0**3)
    assert mass == pytest.approx(1.0, abs=0.3)


def test_carbon_has_an_edge_and_its_thickness():
    hole = np.where(np.arange(40) < 20, 1.0, -1.0)[:, None] * np.ones((40, 30))
    film = carbon_film((30, 40, 30), 12.0, 6.5, hole, np.random.default_rng(0))
    assert np.all(film[:, 20:] == 0)
    assert film[:, :20].sum(axis=0).mean() == pytest.approx(6.5 * CARBON_V, rel=0.02)


def test_frost_and_glycogen_are_round_things_where_they_are_put():
    for draw in (
        lambda volume, rng: add_frost(volume, np.array([[20.0, 20.0, 20.0]]), 250.0, 15.0, rng),
        lambda volume, rng: add_glycogen(volume, np.array([[20.0, 20.0, 20.0]]), 15.0, rng),
    ):
        volume = np.zeros((41, 41, 41), np.float32)
        draw(volume, np.random.default_rng(0))
        grid = np.indices(volume.shape).reshape(3, -1)
        centre = (grid * volume.ravel()).sum(axis=1) / volume.sum()
        assert np.abs(centre - 20).max() < 10
        assert volume[:, :2].max() < 0.1 * volume.max()


def test_curtains_run_along_one_direction():
    relief = curtains((64, 96), 5.0, np.random.default_rng(3))
    along, across = (np.abs(np.diff(relief, axis=axis)).mean() for axis in (0, 1))
    assert max(along, across) > 3 * min(along, across)


def test_a_hole_is_round_and_somewhere_in_the_field():
    for seed in range(8):
        hole = ice_hole((96, 120), np.random.default_rng(seed))
        assert 0 <= hole.min() <= hole.max() == 1
        inside = np.argwhere(hole > 0.5)
        reach = inside.max(axis=0) - inside.min(axis=0)
        assert max(reach) < 0.8 * 96
        # a disc, perhaps cut by the border: it has no holes or arms of its own
        assert len(inside) > 0.5 * np.prod(reach + 1)
