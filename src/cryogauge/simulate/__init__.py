"""Ground truth: specimens, tilt series, and the oracle that knows how much of a specimen a tomogram shows.

Names are loaded when first used: reading a recipe does not wait for the compiler behind projection.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cryogauge.simulate.acquire import Imaging, combine, contrast, expose
    from cryogauge.simulate.dataset import bundled_recipes, find_recipe, simulate_dataset
    from cryogauge.simulate.densities import load_template
    from cryogauge.simulate.oracle import Truth, judge
    from cryogauge.simulate.product import SimulationSettings, read_settings, simulate_tilt_series
    from cryogauge.simulate.recipe import Recipe, draw, read_recipe
    from cryogauge.simulate.specimens import SlabShape, Specimen, make_specimen
    from cryogauge.simulate.tomogram import SimulatedTomogram, make_tomogram

__all__ = [
    "Imaging",
    "Recipe",
    "SimulatedTomogram",
    "SimulationSettings",
    "SlabShape",
    "Specimen",
    "Truth",
    "bundled_recipes",
    "combine",
    "contrast",
    "draw",
    "expose",
    "find_recipe",
    "judge",
    "load_template",
    "make_specimen",
    "make_tomogram",
    "read_recipe",
    "read_settings",
    "simulate_dataset",
    "simulate_tilt_series",
]

_NAMES = {
    "acquire": "Imaging combine contrast expose",
    "dataset": "bundled_recipes find_recipe simulate_dataset",
    "densities": "load_template",
    "oracle": "Truth judge",
    "product": "SimulationSettings read_settings simulate_tilt_series",
    "recipe": "Recipe draw read_recipe",
    "specimens": "SlabShape Specimen make_specimen",
    "tomogram": "SimulatedTomogram make_tomogram",
}
_HOMES = {name: f"cryogauge.simulate.{module}" for module, names in _NAMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'cryogauge.simulate' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
