"""Looks of the same micrograph, as other ice, cameras and programs would have shown it."""

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cryogauge.collect.judge.network import CELL_PX
from cryogauge.imaging.transforms import frequency_radius, irfft2, rfft2
from cryogauge.simulate.fields import smooth_field

if TYPE_CHECKING:
    from torch import Tensor

#: Heights in cells of what the network is shown in a batch.
_FEWEST, _MOST = 12, 25
#: Textures that ice is made grainier by.
_TEXTURES, _TEXTURE_PX = 60, 544


@lru_cache(maxsize=1)
def _textures() -> NDArray[np.float32]:
    """Grain with spectra that contrast transfer gives it, and slow waves, ``(n, 544, 544)`` of unit variance."""
    rng = np.random.default_rng(5)
    shape = (_TEXTURE_PX, _TEXTURE_PX)
    made = []
    for k in range(_TEXTURES):
        if k % 3 == 2:
            made.append(smooth_field(shape, float(np.exp(rng.uniform(np.log(6), np.log(120)))), rng))
            continue
        squared = np.square(frequency_radius(shape).astype(np.float32) / np.float32(rng.uniform(0.15, 0.9)))
        gain = np.abs(np.sin(np.pi * squared + rng.uniform(0, 0.3))) * np.exp(-squared / np.float32(rng.uniform(1, 6)))
        grain = irfft2(rfft2(rng.standard_normal(shape, dtype=np.float32)) * gain, shape)
        made.append(grain / grain.std())
    return np.stack(made).astype(np.float32)


def looks(
    pictures: NDArray[np.uint8], layers: NDArray[np.uint8], icy: NDArray[np.bool_], rng: np.random.Generator
) -> "tuple[Tensor, Tensor]":
    """Pictures ``(b, y, x)`` and layers ``(b, layer, y / 16, x / 16)`` turned, cut a little, shrunk to a size drawn for
    all, and changed in their greys; those that are ``icy`` may have grainier ice. Layers are 0 to 1.
    """
    import torch
    from torch.nn import functional

    shrunk = rng.random() < 0.85
    cells = int(rng.integers(_FEWEST, _MOST)) if shrunk else _MOST
    out_pictures, out_layers = [], []
    ny, nx = (n // CELL_PX for n in pictures.shape[1:])
    for picture, layer, ice in zip(pictures, layers, icy, strict=True):
        high, wide = (int(rng.integers(int(0.87 * n), n + 1)) for n in (ny, nx)) if shrunk else (cells, cells)
        top, left = int(rng.integers(0, ny - high + 1)), int(rng.integers(0, nx - wide + 1))
        y, x = slice(CELL_PX * top, CELL_PX * (top + high)), slice(CELL_PX * left, CELL_PX * (left + wide))
        cut = torch.from_numpy(_changed(picture[y, x].astype(np.float32), bool(ice), rng))[None, None]
        told = torch.from_numpy(layer[:, top : top + high, left : left + wide].astype(np.float32) / 255)[None]
        if shrunk:
            edge = CELL_PX * cells
            cut = functional.interpolate(cut, size=(edge, edge), mode="bilinear", antialias=True)
            told = functional.interpolate(told, size=(cells, cells), mode="bilinear", antialias=True)
        turns, mirrored = int(rng.integers(0, 4)), rng.random() < 0.5
        cut, told = (torch.rot90(each, turns, (2, 3)) for each in (cut, told))
        out_pictures.append(cut.flip(3) if mirrored else cut)
        out_layers.append(told.flip(3) if mirrored else told)
    return torch.cat(out_pictures)[:, 0], torch.cat(out_layers)


def _changed(picture: NDArray[np.float32], icy: bool, rng: np.random.Generator) -> NDArray[np.float32]:
    ny, nx = picture.shape
    scatter = 0.95 * float(np.abs(np.diff(picture[::2], axis=1)).mean()) + 0.3
    seen = picture.copy()
    if icy:
        for chance, low, high in ((0.6, 0.1, 1.5), (0.3, 0.1, 1.0)):
            if rng.random() < chance:
                top, left = rng.integers(0, _TEXTURE_PX - ny), rng.integers(0, _TEXTURE_PX - nx)
                texture = _textures()[rng.integers(0, _TEXTURES), top : top + ny, left : left + nx]
                seen += np.float32(scatter * np.exp(rng.uniform(np.log(low), np.log(high)))) * texture
    if rng.random() < 0.3:
        noise = rng.standard_normal(picture.shape, dtype=np.float32)
        seen += np.float32(scatter * rng.uniform(0.1, 1.0)) * noise
    if rng.random() < 0.35:  # softer, or sharpened
        share = np.float32(rng.uniform(0.05, 0.3) if rng.random() < 0.7 else -rng.uniform(0.02, 0.1))
        for axis in (0, 1):
            seen = (1 - 2 * share) * seen + share * (np.roll(seen, 1, axis) + np.roll(seen, -1, axis))
    if rng.random() < 0.2:  # a beam that leans
        down, right = (scatter * rng.normal(0, 1.5, 2)).astype(np.float32)
        seen += down * np.linspace(-1, 1, ny, dtype=np.float32)[:, None]
        seen += right * np.linspace(-1, 1, nx, dtype=np.float32)[None, :]
    cut = np.exp(rng.uniform(np.log(0.0005), np.log(0.03))) if rng.random() < 0.5 else 0.0
    low, high = np.quantile(seen[::4, ::4], (cut, 1 - cut)).astype(np.float32)
    unit = np.clip((seen - low) / max(high - low, np.float32(1e-6)), 0, 1) ** np.float32(np.exp(rng.normal(0, 0.3)))
    steps = np.float32(rng.integers(24, 96) if rng.random() < 0.15 else 255)
    return np.round(unit * steps) * (np.float32(255) / steps)
