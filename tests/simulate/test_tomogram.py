from dataclasses import replace

import numpy as np

from cryogauge.simulate.recipe import draw, recipe_from
from cryogauge.simulate.tomogram import make_tomogram

RECIPE = {"shape": [24, 48, 48], "voxel_size_A": [14.0, 15.0], "thickness_nm": [15.0, 20.0], "kinds": {"virions": 1}}


def test_a_draw_makes_the_same_tomogram_again_and_looks_only_change_its_look():
    plain = draw(recipe_from(RECIPE), 0)
    first, again, negative = (make_tomogram(d) for d in (plain, plain, replace(plain, looks=("inverted",))))
    assert first.data.shape == first.specimen.biology_V.shape == (24, 48, 48)
    assert np.array_equal(first.data, again.data)
    assert np.array_equal(first.specimen.potential_V, negative.specimen.potential_V)
    np.testing.assert_array_equal(negative.data, -first.data)
