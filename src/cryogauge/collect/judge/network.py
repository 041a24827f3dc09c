"""The network that sorts micrographs into six classes from a small picture, whatever its pixel size and grey scale.

A few convolutions say, cell by cell, what is there: particles, crystals and dirt, crystalline ice, film, nothing. The
class follows from these layers, from what the picture is like on the whole, and from its power spectrum, which shows
ice by the first ring of contrast transfer where the eye sees but noise, and drift by what it takes along one direction.
Several such networks, which differ in what they started from and in the order of what they were shown, are asked
together: where they err, they err apart.
"""

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from cryogauge.simulate.micrographs.draw import MICROGRAPH_CLASSES

if TYPE_CHECKING:
    from torch import Tensor, nn

#: What the card of the weights is called by.
NAME = "micrograph-judge"
#: Longer edge of the pictures that it is shown.
PICTURE_PX = 512
#: Edge of the cells of which the network says what is there, and what it tells apart.
CELL_PX = 16
LAYERS = ("particles", "contamination", "crystalline", "carbon", "vacuum")
_VIEWS, _BANDS = 3, 24
#: Values of so many scatters of the noise are halved.
_LARGE = 8.0
_WIDTHS = (16, 32, 64, 96)
_HIDDEN = 96
#: Networks that are asked together.
MEMBERS = 2


def micrograph_network() -> "nn.Module":
    """Untaught networks, ``members``, that are asked together: the mean of what each says, as :func:`one_network`."""
    import torch
    from torch import nn

    class Networks(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.members = nn.ModuleList(one_network() for _ in range(MEMBERS))

        def forward(self, pictures: "Tensor") -> "tuple[Tensor, Tensor]":
            logits, layers = zip(*(member(pictures) for member in self.members), strict=True)
            return torch.stack(logits).mean(0), torch.stack(layers).mean(0)

    return Networks()


def one_network() -> "nn.Module":
    """An untaught network.

    ``forward(pictures)`` of pictures ``(b, y, x)`` of 64 px at least in any grey scale gives logits ``(b, class)`` and
    logits of what is in each cell ``(b, layer, y / 16, x / 16)``, rounded up.
    """
    import torch
    from torch import nn

    def step(wide: int, wider: int, kernel: int = 3, stride: int = 1) -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(wide, wider, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(wider), nn.ReLU()
        )

    a, b, c, d = _WIDTHS
    told_of = 2 * c + 3 * d + 2 * len(LAYERS) + 2 * _BANDS

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fine = nn.Sequential(
                step(_VIEWS, a, 5, 2), step(a, b, stride=2), step(b, b), step(b, c, stride=2), step(c, c)
            )
            self.layers = nn.Conv2d(c, len(LAYERS), 1)
            self.coarse = nn.Sequential(step(c, d, stride=2), step(d, d))
            self.head = nn.Sequential(
                nn.BatchNorm1d(told_of), nn.Dropout(0.3), nn.Linear(told_of, _HIDDEN), nn.ReLU(), nn.Dropout(0.2),
                nn.Linear(_HIDDEN, len(MICROGRAPH_CLASSES)),
            )  # fmt: skip

        def forward(self, pictures: "Tensor") -> "tuple[Tensor, Tensor]":
            seen, noise = _seen(pictures)
            fine = self.fine(seen)
            coarse, layers = self.coarse(fine), self.layers(fine)
            there = layers.sigmoid()
            told = [
                fine.mean((2, 3)), fine.std((2, 3)), coarse.mean((2, 3)), coarse.std((2, 3)), coarse.amax((2, 3)),
                there.mean((2, 3)), there.amax((2, 3)), _bands(noise),
            ]  # fmt: skip
            return self.head(torch.cat(told, dim=1)), layers

    return Network()


def _seen(pictures: "Tensor") -> "tuple[Tensor, Tensor]":
    """What does not depend on brightness and contrast: views ``(b, 3, y / 2, x / 2)``, and the first of them in full.

    The first is in units of the noise between neighbouring pixels, large values drawn in; the second about the mean of
    what surrounds a pixel, in units of its own scatter; the third tells how strong the noise is there.
    """
    import torch
    from torch.nn import functional

    x = pictures[:, None]
    step = (x - functional.pad(x, (1, 0, 0, 0), mode="replicate")[..., :-1]).abs()
    scatter = 0.886 * step.mean((2, 3), keepdim=True)
    some = x[:, :, ::5, ::5].flatten(2)
    middle = some.median(-1, keepdim=True).values[..., None]
    # a picture of eight bits cannot say less than a part of a step
    unit = scatter + 0.02 * (some[..., None] - middle).abs().mean((2, 3), keepdim=True) + 1e-6
    noise = (x - middle) / unit
    noise = noise / (1 + noise.abs() / _LARGE)
    half = functional.avg_pool2d(x, 2, ceil_mode=True)
    broad = functional.avg_pool2d(half, 8, 4, ceil_mode=True, count_include_pad=False)
    local = half - functional.interpolate(broad, size=half.shape[2:], mode="bilinear", align_corners=False)
    limit = 3 * local.abs().mean((2, 3), keepdim=True)
    own = local.clamp(-limit, limit).square().mean((2, 3), keepdim=True).sqrt() + 1e-6
    strong = torch.log(functional.avg_pool2d(step, 2, ceil_mode=True) / unit + 0.05)
    small = functional.avg_pool2d(noise, 2, ceil_mode=True)
    return torch.cat([small, (local / own).clamp(-6, 6), strong], dim=1), noise[:, 0]


def _bands(seen: "Tensor") -> "Tensor":
    """Of rings of the spectrum, finer ones where structure lies, ``(b, 2 · band)``: logarithms of the power, and what
    part of it lies along one direction, as drift makes it.
    """
    import torch

    centred = seen - seen.mean((1, 2), keepdim=True)
    power = torch.fft.rfft2(centred, norm="ortho").abs().square().flatten(1)
    ring, terms, *turns = (torch.from_numpy(each) for each in _rings(seen.shape[1], seen.shape[2]))
    summed, along, across = (
        torch.zeros(len(seen), _BANDS).index_add_(1, ring, part) for part in (power, power * turns[0], power * turns[1])
    )
    one_way = (along.square() + across.square() + 1e-12).sqrt() / (summed + 1e-6)
    return torch.cat([torch.log(summed / terms + 1e-3), one_way], dim=1)


@lru_cache(maxsize=32)
def _rings(ny: int, nx: int) -> tuple[np.ndarray, ...]:
    """Ring of each term of a spectrum, number of terms in each ring, cosine and sine of twice each term's direction."""
    y, x = np.broadcast_arrays(np.fft.fftfreq(ny)[:, None], np.fft.rfftfreq(nx)[None, :])
    ring = np.minimum((np.sqrt(np.hypot(y, x) * 2) * _BANDS).astype(np.int64), _BANDS - 1).ravel()
    twice = 2 * np.arctan2(y, x).ravel()
    count = np.maximum(np.bincount(ring, minlength=_BANDS), 1).astype(np.float32)
    return ring, count, np.cos(twice).astype(np.float32), np.sin(twice).astype(np.float32)
