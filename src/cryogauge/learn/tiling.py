"""A network on volumes larger than memory would hold its layers of: tiles, blended where they overlap."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from cryogauge.learn.precision import mixed_precision

if TYPE_CHECKING:
    from torch import Tensor, nn

#: Axes that are reversed by the half turns about each axis, which keep the missing wedge and the hand.
HALF_TURNS = ((), (0, 1), (0, 2), (1, 2))


def predict_volume(
    network: "nn.Module",
    volume: np.ndarray,
    *,
    activation: Callable[["Tensor"], "Tensor"],
    tile_px: int = 176,
    overlap_px: int = 24,
    multiple: int = 1,
    stride: int = 1,
    turns: tuple[tuple[int, ...], ...] = ((),),
    progress: Callable[[float], None] = lambda done: None,
) -> np.ndarray:
    """What a network says of every voxel.

    Parameters
    ----------
    network
        ``(batch, 1, z, y, x)`` to ``(batch, channels, z / stride, …)``; on its device, in evaluation mode.
    volume
        ``(z, y, x)`` of any float type.
    activation
        Applied to the network's output of a tile: blending is of probabilities, not of logits.
    tile_px, overlap_px
        A tile's longest edge, and what it shares with its neighbour at least, along each axis; tiles are weighted by a
        Gaussian. Edges are as short as as many tiles allow: little is computed twice, and little beyond the end.
    multiple
        Edges of a tile must be multiples of this.
    stride
        Voxels of the volume in one of the output, 1 or 2.
    turns
        Half turns whose predictions are averaged, each as the axes that it reverses: :data:`HALF_TURNS` for all four.
    progress
        Told the part done, 0–1.

    Returns
    -------
    float32 ``(channels, ⌈z / stride⌉, ⌈y / stride⌉, ⌈x / stride⌉)``; voxel j lies at stride × j of the volume.
    """
    if tile_px % multiple or tile_px <= overlap_px:
        raise ValueError(f"tiles of {tile_px} px: not a multiple of {multiple}, or not above {overlap_px}")
    out: np.ndarray | None = None
    for done, axes in enumerate(turns):

        def told(part: float, before: int = done) -> None:
            progress((before + part) / len(turns))

        shown = _turned(volume, axes, stride)
        tiles = [_tiles(length, tile_px, overlap_px, multiple, stride) for length in shown.shape]
        turned = _predict(network, shown, activation, tiles, stride, told)
        back = np.flip(turned, tuple(axis + 1 for axis in axes)) if axes else turned
        back = back[(slice(None), *(slice(-(-n // stride)) for n in volume.shape))]
        if out is None:
            out = back if len(turns) == 1 else back.copy()
        else:
            out += back
    assert out is not None
    if len(turns) > 1:
        out /= len(turns)
    return out


def _turned(volume: np.ndarray, axes: tuple[int, ...], stride: int) -> np.ndarray:
    """The volume with axes reversed; voxels stay on the output's grid, so that what is found can be turned back."""
    out = volume
    for axis in axes:
        # reversed, voxel i is at n - 1 - i; only with n - 1 a multiple of the stride does the grid fall on itself
        out = np.flip(_to_grid(out, axis, stride), axis)
    return out


def _to_grid(volume: np.ndarray, axis: int, stride: int) -> np.ndarray:
    lacking = -(volume.shape[axis] - 1) % stride
    return np.concatenate([volume, volume.take([-1] * lacking, axis)], axis) if lacking else volume


def _tiles(length: int, longest: int, overlap: int, multiple: int, stride: int) -> tuple[int, list[int]]:
    """Edge of the tiles along an axis, and where each begins: on the output's grid, the last one ending at the end."""
    count = max(1, -(-(length - overlap) // (longest - overlap)))
    edge = -(-(length + (count - 1) * overlap) // count)
    edge = -(-edge // multiple) * multiple
    starts = np.linspace(0, max(0, length - edge), count) / stride
    return edge, sorted({int(np.ceil(start)) * stride for start in starts})


def _predict(
    network: "nn.Module",
    volume: np.ndarray,
    activation: Callable[["Tensor"], "Tensor"],
    tiles: list[tuple[int, list[int]]],
    stride: int,
    progress: Callable[[float], None],
) -> np.ndarray:
    import torch

    first = next(network.parameters())
    corners = np.stack(np.meshgrid(*(starts for _, starts in tiles), indexing="ij"), axis=-1).reshape(-1, 3)
    edges = [edge for edge, _ in tiles]
    size = tuple(-(-n // stride) for n in volume.shape)
    weight = _weight(tuple(-(-n // stride) for n in edges))
    out: np.ndarray | None = None
    total = np.zeros(size, dtype=np.float32)
    for k, corner in enumerate(corners):
        part = volume[tuple(slice(c, c + n) for c, n in zip(corner, edges, strict=True))]
        lacking = [(0, n - m) for n, m in zip(edges, part.shape, strict=True)]
        tile = np.pad(part.astype(np.float32), lacking, mode="symmetric" if min(part.shape) > 1 else "edge")
        image = torch.from_numpy(tile)[None, None].to(first.device, memory_format=torch.channels_last_3d)
        with torch.inference_mode(), mixed_precision(first.device.type):
            found = activation(network(image).float())[0].cpu().numpy()
        if out is None:
            out = np.zeros((len(found), *size), dtype=np.float32)
        at = tuple(
            slice(c // stride, min(c // stride + n, m)) for c, n, m in zip(corner, weight.shape, size, strict=True)
        )
        inside = tuple(slice(s.stop - s.start) for s in at)
        out[(slice(None), *at)] += found[(slice(None), *inside)] * weight[inside]
        total[at] += weight[inside]
        progress((k + 1) / len(corners))
    assert out is not None
    out /= total
    return out


def _weight(shape: tuple[int, ...]) -> np.ndarray:
    """A Gaussian, an eighth of the tile wide along each axis."""
    lines = [np.exp(-0.5 * ((np.arange(n) - (n - 1) / 2) / max(n / 8, 1e-3)) ** 2) for n in shape]
    z, y, x = (np.maximum(line, 1e-3) for line in lines)
    return (z[:, None, None] * y[None, :, None] * x[None, None, :]).astype(np.float32)
