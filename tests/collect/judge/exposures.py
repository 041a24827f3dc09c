"""Micrographs of known defocus for the tests, and untaught weights."""

from pathlib import Path

import numpy as np
import torch

from cryogauge.collect.judge.network import NAME, micrograph_network
from cryogauge.learn.weights import ModelCard, save_weights
from cryogauge.simulate.micrographs import Optics, empty_field, expose
from cryogauge.simulate.micrographs.matter import add_ice

PIXEL_A = 2.0
#: Particles along an edge, and the standard deviation of their Gaussian density.
_ALONG, _SIGMA_A = 5, 35.0
#: The size that a Laplacian of Gaussians finds for them.
DIAMETER_A = 2 * np.sqrt(2) * _SIGMA_A


def micrograph(edge: int = 640, *, defocus_A: float = 14_000, seed: int = 0, **optics: float) -> np.ndarray:
    """Electrons counted behind 25 round particles in grainy ice, ``(edge, edge)`` at 2 Å."""
    rng = np.random.default_rng(seed)
    field = empty_field((edge, edge), PIXEL_A)
    add_ice(field, 300.0)
    y, x = field.grid_A()
    for place in np.ndindex(_ALONG, _ALONG):
        cy, cx = (np.array(place) + rng.uniform(0.3, 0.7, 2)) * float(y.max()) / _ALONG
        field.phase += np.exp(-0.5 * ((y - cy) ** 2 + (x - cx) ** 2) / _SIGMA_A**2).astype(np.float32)
    field.grain *= 15
    return expose(field, Optics(defocus_A=defocus_A, b_factor_A2=30.0, **optics), rng)


def untaught_weights(folder: Path) -> Path:
    """Weights of a network that has learned nothing, with a card."""
    torch.manual_seed(0)
    path = folder / "untaught.safetensors"
    card = ModelCard(name=NAME, architecture={}, recipe="none", data="none", seed=0, code_version="0")
    save_weights(micrograph_network().eval(), card, path)
    return path
