"""From the tiles of a network to the scores of slices."""

import numpy as np
from scipy.special import expit

from cryogauge.imaging.wedge import with_wedge
from cryogauge.learn.weights import ModelCard
from cryogauge.score.network import ERROR, QUALITY, STRUCTURE
from cryogauge.simulate.oracle import LABEL_Z_SIGMA, Z_SIGMA_SLICES, slice_scores

#: Controls have to be beaten by a fifth, since one texture is not the next; and none counts for more than the limit, or
#: nothing could beat it.
CONTROL_MARGIN = 1.2
_HIGHEST_FLOOR = 0.97
#: Smoothing of the scores along z that is left to do: the map the network learned is smoothed already.
REMAINING_Z_SIGMA = float(np.sqrt(Z_SIGMA_SLICES**2 - LABEL_Z_SIGMA**2))


def tile_values(out: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Quality, probability of structure and expected error of each tile from the network's ``(z, 3, y', x')``."""
    quality, presence = expit(out[:, QUALITY]), expit(out[:, STRUCTURE])
    error = np.exp(np.clip(out[:, ERROR], -6, 1))
    return quality.astype(np.float32), presence.astype(np.float32), error.astype(np.float32)


def calibrated(quality: np.ndarray, card: ModelCard, *, single: bool = False) -> np.ndarray:
    """The network's qualities on the oracle's scale.

    A network in doubt keeps to the middle of the scale, more so of single pictures. The card's tables, made on
    tomograms that were not trained on (:func:`cryogauge.score.training.calibration`), stretch what it says to the
    range that the oracle uses; the order of scores stays as it is.
    """
    table = card.tables.get("picture_calibration" if single else "calibration")
    return quality if table is None else np.interp(quality, table["network"], table["oracle"]).astype(np.float32)


def control_score(out: np.ndarray, card: ModelCard, *, single: bool = False) -> float:
    """The best score the network gives to controls: textures of the same spectrum that show nothing."""
    quality, presence, _ = tile_values(out)
    found = slice_scores(calibrated(quality, card, single=single), presence > 0.5, z_sigma=0.0)
    return float(found.max())


def local_scores(
    quality: np.ndarray, card: ModelCard, control: np.ndarray, half_range_deg: float, *, single: bool = False
) -> np.ndarray:
    """The network's qualities as they are reported: calibrated, above the control's, and paid for the missing wedge.

    What a meaningless texture would get is no merit: only the part of the scale above it counts. ``control`` are
    scores of :func:`control_score`, of a shape that fits the qualities'.
    """
    floor = np.minimum(CONTROL_MARGIN * control, _HIGHEST_FLOOR).astype(np.float32)
    local = np.maximum(calibrated(quality, card, single=single) - floor, 0.0) / (1.0 - floor)
    return with_wedge(local, half_range_deg)


def slice_errors(error: np.ndarray, presence: np.ndarray) -> np.ndarray:
    """Expected error of each slice's score: the mean over the tiles that decide it."""
    structure = presence > 0.5
    count = structure.sum(axis=(1, 2))
    within = (error * structure).sum(axis=(1, 2)) / np.maximum(count, 1)
    return np.where(count > 0, within, error.mean(axis=(1, 2))).astype(np.float32)


def scores_of_tiles(quality: np.ndarray, presence: np.ndarray) -> np.ndarray:
    """Scores of every slice of a volume from its tiles, with the smoothing along z that is left to do."""
    return slice_scores(quality, presence > 0.5, z_sigma=REMAINING_Z_SIGMA)
