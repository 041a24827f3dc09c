"""Simulated grids: squares, holes, ice, dirt and particles, seen at every magnification and known in full."""

from cryogauge.simulate.grid.layout import SimulatedGrid, make_grid
from cryogauge.simulate.grid.molecules import grid_particles
from cryogauge.simulate.grid.recording import GridOptics, grid_frames, grid_image
from cryogauge.simulate.grid.settings import GridSettings
from cryogauge.simulate.grid.view import View

__all__ = [
    "GridOptics",
    "GridSettings",
    "SimulatedGrid",
    "View",
    "grid_frames",
    "grid_image",
    "grid_particles",
    "make_grid",
]
