"""Particles in tomograms: networks that find them, and the challenge that scores picks.

Names are loaded when first used: torch comes with them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cryogauge.pick.batch import PickSettings, pick_batch
    from cryogauge.pick.labelled import LabelledSource, read_labelled
    from cryogauge.pick.model import Picker, load_picker
    from cryogauge.pick.predict import picks_of, probability_map
    from cryogauge.pick.presets import PRESETS, Preset, find_preset
    from cryogauge.pick.shipped import picker_weights
    from cryogauge.pick.thresholds import above, tune_thresholds
    from cryogauge.pick.train import Order, train_picker
    from cryogauge.pick.training import train_network

__all__ = [
    "PRESETS",
    "LabelledSource",
    "Order",
    "PickSettings",
    "Picker",
    "Preset",
    "above",
    "find_preset",
    "load_picker",
    "pick_batch",
    "picker_weights",
    "picks_of",
    "probability_map",
    "read_labelled",
    "train_network",
    "train_picker",
    "tune_thresholds",
]

_NAMES = {
    "batch": "PickSettings pick_batch",
    "labelled": "LabelledSource read_labelled",
    "model": "Picker load_picker",
    "predict": "picks_of probability_map",
    "presets": "PRESETS Preset find_preset",
    "shipped": "picker_weights",
    "thresholds": "above tune_thresholds",
    "train": "Order train_picker",
    "training": "train_network",
}
_HOMES = {name: f"cryogauge.pick.{module}" for module, names in _NAMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'cryogauge.pick' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
