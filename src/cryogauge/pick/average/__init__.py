"""Subtomograms cut around picks, aligned and averaged: whether picks are of one thing, and its shape."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cryogauge.pick.average.extract import Boxes, cut_boxes, write_boxes
    from cryogauge.pick.average.halves import Halves, average_halves
    from cryogauge.pick.average.masks import mask_from_average, write_mask
    from cryogauge.pick.average.page import verdict, write_average
    from cryogauge.pick.average.particles import ParticleBoxes
    from cryogauge.pick.average.picks import Averaged, AverageOrder, Comparison, average_picks, compare_picks
    from cryogauge.pick.average.shells import ShellCorrelation, compare_halves, shell_correlation

__all__ = [
    "AverageOrder",
    "Averaged",
    "Boxes",
    "Comparison",
    "Halves",
    "ParticleBoxes",
    "ShellCorrelation",
    "average_halves",
    "average_picks",
    "compare_halves",
    "compare_picks",
    "cut_boxes",
    "mask_from_average",
    "shell_correlation",
    "verdict",
    "write_average",
    "write_boxes",
    "write_mask",
]

_NAMES = {
    "extract": "Boxes cut_boxes write_boxes",
    "halves": "Halves average_halves",
    "masks": "mask_from_average write_mask",
    "page": "verdict write_average",
    "particles": "ParticleBoxes",
    "picks": "Averaged AverageOrder Comparison average_picks compare_picks",
    "shells": "ShellCorrelation compare_halves shell_correlation",
}
_HOMES = {name: f"cryogauge.pick.average.{module}" for module, names in _NAMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'cryogauge.pick.average' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
