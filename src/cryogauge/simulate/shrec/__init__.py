"""Tomograms like those of the SHREC tracks: crowded with twelve known complexes, written as SHREC writes them."""

from cryogauge.simulate.shrec.batch import simulate_shrec
from cryogauge.simulate.shrec.tomogram import ShrecSettings, ShrecTomogram, make_shrec

__all__ = ["ShrecSettings", "ShrecTomogram", "make_shrec", "simulate_shrec"]
