"""Simulated single-particle micrographs of six classes, as a screening session meets them, with their truth."""

from cryogauge.simulate.micrographs.draw import MICROGRAPH_CLASSES, Micrograph, simulate_micrograph
from cryogauge.simulate.micrographs.exposure import Optics, expose
from cryogauge.simulate.micrographs.field import Field, empty_field
from cryogauge.simulate.micrographs.thumbnail import thumbnail

__all__ = [
    "MICROGRAPH_CLASSES",
    "Field",
    "Micrograph",
    "Optics",
    "empty_field",
    "expose",
    "simulate_micrograph",
    "thumbnail",
]
