"""Recipes: what they refuse, and that a draw is its seed's and index's alone."""

from dataclasses import replace

import numpy as np
import pytest

from cryogauge.records import BadInput
from cryogauge.simulate.dataset import bundled_recipes, find_recipe
from cryogauge.simulate.recipe import Recipe, draw, read_recipe, recipe_from

BUNDLED = [name for name in bundled_recipes() if name == "example" or name.startswith("slices")]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"kind": {"cell": 1}}, "unknown key: kind"),
        ({"kinds": {"unicorn": 1}}, "unknown specimen: unicorn"),
        ({"looks": {"sepia": 0.5}}, "unknown look: sepia"),
        ({"filters": {"wiener": 1}}, "unknown filter: wiener"),
        ({"kinds": ["cell"]}, "not names with weights"),
        ({"kinds": {"cell": 0}}, "weight above 0"),
        ({"dose_e_A2": [100.0, 50.0]}, "dose_e_A2 must be a range"),
        ({"dose_e_A2": 100.0}, "dose_e_A2 must be a range"),
        ({"count": 0}, "count of at least 1"),
        ({"shape": [8, 64, 64]}, "at least 16 voxels"),
        (["cell"], "not a mapping"),
    ],
)
def test_what_is_wrong_is_named(given, message):
    with pytest.raises(BadInput, match=message):
        recipe_from(given)


def test_files_that_are_no_recipes_are_refused(tmp_path):
    (tmp_path / "bad.yaml").write_text("count: [1\n")
    with pytest.raises(BadInput, match="no YAML"):
        read_recipe(tmp_path / "bad.yaml")
    with pytest.raises(BadInput, match="there is no recipe nothing"):
        find_recipe("nothing")


@pytest.mark.parametrize("name", BUNDLED)
def test_bundled_recipes_can_be_drawn_from(name):
    recipe = read_recipe(find_recipe(name))
    kinds = {draw(recipe, index).kind for index in range(80)}
    assert kinds <= set(recipe.kinds)
    assert len(kinds) > 3


def test_a_draw_depends_on_seed_and_index_alone():
    recipe = Recipe(seed=3, kinds={"cell": 1.0, "lamella": 2.0})
    assert draw(recipe, 4) == draw(replace(recipe, count=500), 4)
    assert draw(recipe, 4) != draw(recipe, 5)
    assert draw(recipe, 4) != draw(replace(recipe, seed=4), 4)


def test_draws_keep_to_their_ranges():
    recipe = Recipe(
        kinds={"cell": 1.0, "lamella": 3.0},
        voxel_size_A=(8.0, 16.0),
        dose_e_A2=(40.0, 120.0),
        denoised=0.0,
        slab_tilt_deg=9.0,
        looks={"inverted": 0.5},
        filters={"sirt": 1.0},
    )
    draws = [draw(recipe, index) for index in range(300)]
    assert all(8.0 <= d.voxel_size_A <= 16.0 and 40.0 <= d.imaging.dose_e_A2 <= 120.0 for d in draws)
    assert all(d.filter == "sirt" and abs(d.slab.slab_tilt_deg) <= 9.0 for d in draws)
    assert all(d.thickness_nm * 10 / d.voxel_size_A <= d.shape[0] for d in draws)
    assert np.mean([d.kind == "lamella" for d in draws]) == pytest.approx(0.75, abs=0.1)
    assert np.mean([d.looks == ("inverted",) for d in draws]) == pytest.approx(0.5, abs=0.1)
    # evenly in the logarithm: half of the voxel sizes below the geometric mean
    assert np.mean([d.voxel_size_A < np.sqrt(8 * 16) for d in draws]) == pytest.approx(0.5, abs=0.1)
