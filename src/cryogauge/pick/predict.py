"""Picks of a trained network in a tomogram."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cryogauge.learn.tiling import HALF_TURNS, predict_volume
from cryogauge.pick.peaks import find_clusters, find_peaks
from cryogauge.pick.presets import Preset
from cryogauge.records import PICK_COLUMNS, PickObject

if TYPE_CHECKING:
    from torch import Tensor, nn


def probability_map(
    networks: "Sequence[nn.Module]",
    data: np.ndarray,
    preset: Preset,
    *,
    all_turns: bool = False,
    progress: Callable[[float], None] = lambda done: None,
) -> np.ndarray:
    """Probabilities of each kind: float32 ``(kind, z / stride, y / stride, x / stride)``.

    Channel 0 is the background where voxels are labelled, and the first kind where peaks are. Several networks of one
    preset are averaged.

    Parameters
    ----------
    data
        ``(z, y, x)`` as :func:`cryogauge.pick.patches.normalised` makes it.
    all_turns
        Average over half turns about the three axes, at four times the cost.
    """
    import torch

    def activation(logits: "Tensor") -> "Tensor":
        return torch.sigmoid(logits) if preset.target == "peaks" else torch.softmax(logits, 1)

    total: np.ndarray | None = None
    for number, network in enumerate(networks):

        def told(part: float, before: int = number) -> None:
            progress((before + part) / len(networks))

        found = predict_volume(
            network, data, activation=activation, tile_px=preset.tile_px,
            overlap_px=preset.overlap_px, multiple=preset.network.multiple, stride=preset.network.stride,
            turns=HALF_TURNS if all_turns else ((),), progress=told,
        )  # fmt: skip
        if total is None:
            total = found
        else:
            total += found
    assert total is not None
    if len(networks) > 1:
        total /= len(networks)
    return total


def picks_of(
    probability: np.ndarray, objects: Sequence[PickObject], voxel_size_A: float, preset: Preset, tomogram: str
) -> pd.DataFrame:
    """Picks from :func:`probability_map`: a table of ``PICK_COLUMNS``, positions in Å, the best of each kind first."""
    stride = preset.network.stride
    step_A = stride * voxel_size_A
    winner = None if preset.target == "peaks" else _winners(probability)
    parts = []
    for each in objects:
        radius_px = each.radius_A / step_A
        if winner is None:
            centres, scores = find_peaks(
                probability[each.label - 1], radius_px, separation=preset.picking.separation,
                threshold=preset.picking.threshold,
            )  # fmt: skip
        else:
            centres, scores = find_clusters(
                winner == each.label, probability[each.label], preset.size * radius_px, preset.picking
            )
        z, y, x = centres.T * step_A
        parts.append(
            pd.DataFrame(
                {"tomogram": tomogram, "object": each.name, "x_A": x, "y_A": y, "z_A": z, "score": scores},
                columns=list(PICK_COLUMNS),
            )
        )
    return pd.concat(parts, ignore_index=True)


def _winners(probability: np.ndarray) -> np.ndarray:
    """The likeliest channel of every voxel, uint8; a channel at a time, since the map itself may fill the memory."""
    highest, winner = probability[0].copy(), np.zeros(probability.shape[1:], dtype=np.uint8)
    for channel in range(1, len(probability)):
        above = probability[channel] > highest
        winner[above] = channel
        np.copyto(highest, probability[channel], where=above)
    return winner
