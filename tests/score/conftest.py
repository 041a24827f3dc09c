"""A small simulated tomogram, and a network that has not learned anything."""

from pathlib import Path

import pytest

from cryogauge.learn.weights import ModelCard, save_weights
from cryogauge.score.network import CONTEXT, compact
from cryogauge.simulate.recipe import draw, recipe_from
from cryogauge.simulate.tomogram import SimulatedTomogram, make_tomogram

SMALL = {
    "seed": 3,
    "shape": [56, 112, 112],
    "kinds": {"lamella": 1},
    "voxel_size_A": [16.0, 16.0],
    "thickness_nm": [45.0, 50.0],
    "dose_e_A2": [200.0, 200.0],
    "defocus_A": [40000.0, 40000.0],
    "tilt_range_deg": [60.0, 60.0],
    "tilt_step_deg": [3.0, 3.0],
    "slab_tilt_deg": 0.0,
    "misaligned": 0.0,
    "contrast_factor": [0.5, 0.5],
    "denoised": 0.0,
}


@pytest.fixture(scope="session")
def small_settings() -> dict[str, object]:
    """Of :func:`small_recipe`, to be changed."""
    return dict(SMALL)


@pytest.fixture(scope="session")
def small_recipe(small_settings):
    return recipe_from(small_settings)


@pytest.fixture(scope="session")
def simulated(small_recipe) -> SimulatedTomogram:
    """A lamella of about 30 slices with empty ice above and below, well recorded."""
    return make_tomogram(draw(small_recipe, 0))


@pytest.fixture(scope="session")
def untrained_weights(tmp_path_factory) -> Path:
    """Random weights of a narrow network, with a card."""
    import torch

    torch.manual_seed(5)
    architecture = {"slices": len(CONTEXT), "width": 4}
    path = tmp_path_factory.mktemp("weights") / "untrained.safetensors"
    save_weights(compact(**architecture), ModelCard("untrained", architecture, "none", "none", 0, "0"), path)
    return path
