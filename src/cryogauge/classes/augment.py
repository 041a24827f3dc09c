"""Ways in which the same average can look otherwise: turned, moved, masked, in other grey values.

Simulated averages give themselves away by their grey values, masks, sizes and places. What is changed here at random
cannot be learned from.
"""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

#: Parts of a batch for which a change is made.
_SAMPLED, _MASKED, _GREY, _COARSE_GREY, _SOFTER, _HALOED, _RINGED, _NOISIER, _INVERTED, _TOLD_NOTHING = (
    0.7, 0.5, 0.5, 0.3, 0.3, 0.5, 0.15, 0.35, 0.1, 0.5,
)  # fmt: skip
#: Strongest noise over the image's standard deviation, and grades that noise as strong as the image costs: what a
#: person would still tell apart must not be called noise. And the frequency, in cycles per pixel, to which it costs:
#: finer is grain, as the oracle has it of a particle that fills its frame.
_STRONGEST, _WORSE, _GRAIN_1_PX = 0.45, 0.9, 0.2


def augmented(images: "Tensor", edge_px: int, rng: np.random.Generator) -> "tuple[Tensor, Tensor]":
    """Examples as another program, box and camera would have shown them.

    Parameters
    ----------
    images
        ``(b, 1, y, x)`` with room around the frame: :func:`cryogauge.classes.prepare.framed` with a reach above 1.
    edge_px
        Of the frame.
    rng
        Draws everything.

    Returns
    -------
    images
        ``(b, 1, edge, edge)``.
    worse
        ``(b,)``: by how many grades the noise that was added makes them worse.
    """
    import torch

    images = _sampled(images, edge_px, rng)
    count = len(images)
    images = _filtered(images, rng)
    images, worse = _noisier(images, rng)
    images = _masked(images, rng)
    images = _regraded(images, rng)
    sign = np.where(rng.random(count) < _INVERTED, -1.0, 1.0)
    images = images * _column(sign)
    turns = int(rng.integers(4))
    images = torch.rot90(images, turns, (2, 3))
    return (images.flip(3) if rng.random() < 0.5 else images), worse


def told_less(features: "Tensor", missing: "Tensor", rng: np.random.Generator) -> "tuple[Tensor, Tensor]":
    """Features ``(b, 7)`` with noise and gaps: half of the examples come without any, the others lack some."""
    import torch

    count, width = features.shape
    dropped = (rng.random((count, 1)) < _TOLD_NOTHING) | (rng.random((count, width)) < 0.25)
    missing = missing.bool() | torch.from_numpy(dropped)
    # programs estimate resolution and count classes each in its own way
    drift = torch.from_numpy(rng.normal(0, 0.3, (count, width)).astype(np.float32))
    return torch.where(missing, 0.0, features + drift), missing


def _column(values: np.ndarray) -> "Tensor":
    import torch

    return torch.from_numpy(values.astype(np.float32)).view(-1, 1, 1, 1)


def _sampled(images: "Tensor", edge_px: int, rng: np.random.Generator) -> "Tensor":
    """Turned by any angle, moved a little, larger or smaller; some only cut out, as they are, without interpolation."""
    import torch
    from torch.nn import functional

    count, edge = len(images), images.shape[-1]
    angle = rng.uniform(0, 2 * np.pi, count)
    size = np.exp(rng.normal(0, 0.12, count)).clip(0.72, 1.33)
    moved = rng.normal(0, 0.03, (count, 2))
    cos, sin = np.cos(angle) * size, np.sin(angle) * size
    # grid_sample counts from −1 to 1 over the wider image; so scaled, pixel edge // 2 stays the middle
    part = edge_px / edge
    theta = np.stack(
        [np.stack([cos, -sin, moved[:, 0]], 1), np.stack([sin, cos, moved[:, 1]], 1)], 1
    ) * np.array([part, part, 1.0])  # fmt: skip
    grid = functional.affine_grid(
        torch.from_numpy(theta.astype(np.float32)), [count, 1, edge_px, edge_px], align_corners=False
    )
    turned = functional.grid_sample(images, grid, mode="bicubic", padding_mode="border", align_corners=False)
    start = edge // 2 - edge_px // 2
    cut = images[:, :, start : start + edge_px, start : start + edge_px]
    return torch.where(torch.from_numpy(rng.random(count) < _SAMPLED).view(-1, 1, 1, 1), turned, cut)


def _filtered(images: "Tensor", rng: np.random.Generator) -> "Tensor":
    """A little softer, as after another interpolation, or sharper; with the dark halo of contrast transfer or without.

    Halos reach from those of a program that lost the lowest frequencies alone to those of plain means, of whose coarse
    half little is left.
    """
    import torch

    count, edge = len(images), images.shape[-1]
    squared = torch.fft.fftfreq(edge)[:, None] ** 2 + torch.fft.rfftfreq(edge)[None, :] ** 2
    softer = np.where(rng.random(count) < _SOFTER, rng.uniform(-0.12, 0.2, count), 0.0)
    depth = np.where(rng.random(count) < _HALOED, rng.uniform(0.3, 1.0, count), 0.0)
    width = np.exp(rng.uniform(np.log(2.5), np.log(18.0), count))
    gain = torch.exp(-2 * np.pi**2 * squared * _column(softer))
    gain = gain * (1 - _column(depth) * torch.exp(-2 * np.pi**2 * squared * _column(width) ** 2))
    # a plain mean of particles of about one defocus keeps the rings of its contrast transfer
    ringed = np.where(rng.random(count) < _RINGED, rng.uniform(0.5, 1.0, count), 0.0)
    first_zero = np.exp(rng.uniform(np.log(0.08), np.log(0.5), count))
    transfer = torch.sin(np.pi * squared / _column(first_zero) ** 2 + 0.1).abs()
    gain = gain * (1 - _column(ringed) * (1 - transfer))
    return torch.fft.irfft2(torch.fft.rfft2(images) * gain, s=(edge, edge))


def _noisier(images: "Tensor", rng: np.random.Generator) -> "tuple[Tensor, Tensor]":
    """Noise, white or coarse, as of programs that do not filter it, and how much worse it makes a grade."""
    import torch

    count, edge = len(images), images.shape[-1]
    squared = torch.fft.fftfreq(edge)[:, None] ** 2 + torch.fft.rfftfreq(edge)[None, :] ** 2
    noise = torch.from_numpy(rng.standard_normal(images.shape, dtype=np.float32))
    width = rng.uniform(0, 2.2, count)
    grain = torch.exp(-2 * np.pi**2 * squared * _column(width) ** 2)
    noise = torch.fft.irfft2(torch.fft.rfft2(noise) * grain, s=(edge, edge))
    fall = 4 * np.pi**2 * width**2 + np.pi  # of the noise's power; white ends at Nyquist
    felt = np.sqrt(fall / (fall + 2 * np.log(2) / _GRAIN_1_PX**2))
    strength = _column(np.where(rng.random(count) < _NOISIER, _STRONGEST * rng.random(count) ** 1.5, 0.0))
    noisy = images + noise * strength * images.std((2, 3), keepdim=True) / noise.std((2, 3), keepdim=True)
    return noisy, _WORSE * strength.flatten() * torch.from_numpy(felt.astype(np.float32))


def _masked(images: "Tensor", rng: np.random.Generator) -> "Tensor":
    """Under a circular mask of any radius that leaves what is shown, hard or soft."""
    import torch

    count, edge = len(images), images.shape[-1]
    axis = (torch.arange(edge) - edge // 2) / (edge / 2)
    radius = torch.hypot(axis[:, None], axis[None, :])
    reach = _column(np.where(rng.random(count) < _MASKED, rng.uniform(0.82, 1.1, count), 9.0))
    mask = ((reach - radius) / _column(rng.uniform(0.01, 0.12, count)) + 1).clamp(0, 1)
    ring = ((radius > 0.75) & (radius < 0.97)).float()
    outside = (images * ring).sum((2, 3), keepdim=True) / ring.sum()
    return images * mask + outside * (1 - mask)


def _regraded(images: "Tensor", rng: np.random.Generator) -> "Tensor":
    """Other grey values in the same order: a bent scale, clipped ends, the steps of an 8-bit picture."""
    import torch

    count = len(images)
    flat = images.reshape(count, -1)
    low, high = torch.quantile(flat[:, ::7], torch.tensor([0.002, 0.998]), dim=1)[:, :, None, None, None]
    span = (high - low).clamp_min(1e-6)
    unit = (images - low) / span
    inside = unit.clamp(0, 1)
    bent = inside ** _column(np.exp(rng.normal(0, 0.25, count)))
    changed = torch.from_numpy(rng.random(count) < _GREY).view(-1, 1, 1, 1)
    steps = _column(rng.integers(48, 256, count).astype(float))
    stepped = torch.from_numpy(rng.random(count) < _COARSE_GREY).view(-1, 1, 1, 1)
    unit = torch.where(changed, bent, unit)
    return torch.where(stepped, (unit * steps).round() / steps, unit)
