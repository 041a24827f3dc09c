"""Particles are placed by their outlines: none overlaps, and picks tell where and how they stand."""

import numpy as np
import pandas as pd
from scipy.ndimage import map_coordinates
from scipy.spatial.transform import Rotation

from cryogauge.simulate.canvas import empty_canvas
from cryogauge.simulate.phantom.placing import claim, place_shape
from cryogauge.simulate.phantom.species import load_shapes

VOXEL_A = 10.0
SHAPES = {shape.name: shape for _, shape in load_shapes(None, VOXEL_A)[0]}


def _canvas(seed, shape=(44, 110, 110)):
    return empty_canvas(shape, VOXEL_A, shape[0] * VOXEL_A / 10.0, np.random.default_rng(seed))


def _drawn_anew(pick, shape):
    """The particle's mask on the specimen's grid, from its pick alone, by another way than the simulator's."""
    centre = np.array([pick.x_A, pick.y_A, pick.z_A]) / VOXEL_A
    near = np.argwhere(np.linalg.norm(np.stack(np.indices(shape), axis=-1) - centre[::-1], axis=-1) < 22)
    # RELION's angles turn the specimen's axes into the particle's
    own = Rotation.from_euler("ZYZ", [pick.rot, pick.tilt, pick.psi], degrees=True).apply(near[:, ::-1] - centre)
    mask = SHAPES[pick.object].mask
    places = (own[:, ::-1] + (np.array(mask.shape) - 1) / 2).T
    drawn = np.zeros(shape, dtype=bool)
    drawn[tuple(near.T)] = map_coordinates(mask, places, order=1) >= 0.5
    return drawn


def test_nothing_overlaps_however_crowded_and_picks_say_how_it_stands():
    canvas = _canvas(1)
    labels = np.zeros(canvas.shape, dtype=np.uint8)
    for name, wanted in (("ribosome", 12), ("thyroglobulin", 12), ("apo-ferritin", 40), ("beta-amylase", 40)):
        place_shape(canvas, labels, SHAPES[name], wanted, 0.0)
    picks = pd.concat(canvas.picks)
    assert 30 < len(picks) < 104  # there is no room for all
    taken = np.zeros(canvas.shape, dtype=int)
    for pick in picks.itertuples():
        mask = _drawn_anew(pick, canvas.shape)
        assert mask.sum() > 0.9 * SHAPES[str(pick.object)].mask.sum()  # all of it lies in the ice
        taken += mask
        assert labels[mask].min() == labels[mask].max() == SHAPES[str(pick.object)].label
        assert canvas.biology[mask].mean() > 5 * abs(canvas.biology[labels == 0].mean())
    assert taken.max() == 1
    np.testing.assert_array_equal(taken > 0, labels > 0)


def test_what_is_not_annotated_takes_room_but_leaves_no_pick():
    canvas = _canvas(3)
    labels = np.zeros(canvas.shape, dtype=np.uint8)
    place_shape(canvas, labels, SHAPES["proteasome"], 5, 0.0)
    assert not canvas.picks
    assert not labels.any()
    assert canvas.occupied.any()
    assert canvas.biology.max() > 1.0


def test_nothing_is_claimed_beyond_the_ice():
    shape = SHAPES["ribosome"]
    occupied = np.zeros((60, 60, 60), dtype=np.uint8)
    for z in (5.0, 55.0):
        assert not claim(occupied, shape.mask, shape.fence, shape.reach_px, np.array([z, 30.0, 30.0]), np.eye(3))
    assert not occupied.any()
    assert claim(occupied, shape.mask, shape.fence, shape.reach_px, np.array([30.0, 30.0, 30.0]), np.eye(3))
    assert occupied.sum() == shape.mask.sum()
    assert not claim(occupied, shape.mask, shape.fence, shape.reach_px, np.array([30.0, 42.0, 30.0]), np.eye(3))


def test_particles_that_cluster_stand_nearer_to_one_another():
    def nearest(clustering):
        distances = []
        for seed in range(4):
            canvas = _canvas(seed, (60, 260, 260))
            place_shape(canvas, np.zeros(canvas.shape, np.uint8), SHAPES["ribosome"], 8, 0.0, clustering=clustering)
            places = canvas.picks[0][["x_A", "y_A", "z_A"]].to_numpy()
            apart = np.linalg.norm(places[:, None] - places[None], axis=2)
            distances += list(np.sort(apart, axis=1)[:, 1])
        return np.median(distances)

    assert nearest(1.0) < 0.8 * nearest(0.0)
