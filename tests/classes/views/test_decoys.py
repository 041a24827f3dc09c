import numpy as np
import pytest

from cryogauge.classes.views.decoys import beyond_decoys, scrambled_images, scrambled_structure
from tests.classes.views.worlds import rod, structure


@pytest.mark.parametrize("made", [structure(1), rod(20, 200.0, 160.0)])
def test_a_decoy_is_as_heavy_and_as_long_but_something_else(made):
    decoy = scrambled_structure(made, 15.0, np.random.default_rng(0))
    first, second = (points.T @ points / len(points) for points in (made.points_A, decoy.points_A))
    assert decoy.weights_kDa.sum() == made.weights_kDa.sum()
    assert np.linalg.eigvalsh(second) == pytest.approx(np.linalg.eigvalsh(first), rel=0.35)
    assert np.linalg.norm(decoy.points_A - made.points_A, axis=1).mean() > 15.0


def test_rings_of_an_image_are_turned_and_nothing_lost():
    axis = np.arange(48) - 24
    rng = np.random.default_rng(1)
    image = np.zeros((48, 48))
    for y, x in rng.normal(0, 6, (9, 2)):
        image += np.exp(-((axis[:, None] - y) ** 2 + (axis[None, :] - x) ** 2) / 8)
    decoy = scrambled_images(image[None].astype(np.float32), 3.0, rng)[0]
    assert decoy.sum() == pytest.approx(image.sum(), rel=0.2)
    assert np.corrcoef(decoy.ravel(), image.ravel())[0, 1] < 0.95


def test_what_is_drawn_as_decoys_are_lies_about_zero_with_spread_one():
    rng = np.random.default_rng(2)
    drawn = np.tanh(rng.normal(0.8, 0.1, (21, 300)))
    z, spread = beyond_decoys(drawn[0], drawn[1:])
    assert spread == pytest.approx(0.1, rel=0.05)
    assert z.mean() == pytest.approx(0, abs=0.2)
    assert z.std() == pytest.approx(1, rel=0.15)
