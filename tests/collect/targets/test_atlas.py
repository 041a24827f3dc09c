"""Atlases from tiles cut out of a picture that is known."""

import numpy as np
import pytest

from cryogauge.collect.targets.atlas import stitch
from cryogauge.records import BadInput
from tests.collect.targets.grids import mesh


def tiles_of(picture, tile, step, error_px, rng):
    """Tiles (3 × 3), their true middles and the places that the stage claims, (x, y) in pixels."""
    tiles, true = [], []
    for y in range(3):
        for x in range(3):
            top, left = y * step, x * step
            tiles.append(picture[top : top + tile, left : left + tile])
            true.append((left + (tile - 1) / 2, top + (tile - 1) / 2))
    true = np.array(true)
    return tiles, true, true + rng.normal(0, error_px, true.shape)


@pytest.mark.parametrize(("rotation_deg", "longest_px"), [(0.0, 4096), (30.0, 4096), (-100.0, 260)])
def test_tiles_come_back_to_where_they_were_cut(rotation_deg, longest_px):
    rng = np.random.default_rng(0)
    picture, *_ = mesh(shape=(420, 420), pitch=55.0, side=36.0, seed=3, kinds=["intact", "thick", "broken", "missing"])
    tiles, true, claimed = tiles_of(picture, 180, 120, 4.0, rng)
    turn = np.deg2rad(rotation_deg)
    axes = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    um = 5000e-4
    atlas = stitch(tiles, claimed @ axes.T * um + [100, -50], 5000.0, rotation_deg=rotation_deg, longest_px=longest_px)
    left = atlas.shift_px - (true - claimed)
    left -= left.mean(0)  # where the whole lies, the stage alone says
    assert np.abs(left).max() < 1.0
    factor = atlas.pixel_size_A / 5000
    assert factor == (1 if longest_px == 4096 else 2)
    xy = np.argwhere(atlas.image == atlas.image.max())[0][::-1]
    stage = atlas.stage_um(xy[None])[0]
    place = np.linalg.inv(axes) @ (stage - [100, -50]) / um
    bright = np.argwhere(picture == picture.max())[0][::-1] if factor == 1 else place
    assert np.abs(place - bright - (claimed - true).mean(0)).max() < (3 if factor == 1 else 1e6)


def test_tiles_without_features_stay_where_the_stage_had_them():
    rng = np.random.default_rng(1)
    tiles = [rng.normal(10, 1, (64, 64)) for _ in range(4)]
    atlas = stitch(tiles, np.array([[0, 0], [20, 0], [0, 20], [20, 20]], float), 5000.0)
    assert np.abs(atlas.shift_px).max() < 1e-6
    assert atlas.image.shape == (104, 104)
    assert atlas.stage_um(np.array([[31.5, 31.5]]))[0] == pytest.approx([0, 0], abs=1e-6)


def test_tiles_that_are_no_atlas_are_refused():
    with pytest.raises(BadInput, match="no atlas"):
        stitch([], np.zeros((0, 2)), 5000.0)
    with pytest.raises(BadInput, match="differ in shape"):
        stitch([np.zeros((8, 8)), np.zeros((9, 8))], np.zeros((2, 2)), 5000.0)
