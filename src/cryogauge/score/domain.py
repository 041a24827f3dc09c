"""Whether a volume is of the kind the networks know."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from cryogauge.imaging.fourier import radial_power
from cryogauge.imaging.threads import thread_count
from cryogauge.learn.weights import ModelCard
from cryogauge.records import BadInput, Volume
from cryogauge.score import grey

#: Slices and pixels looked at.
_SLICES, _EDGE = 24, 256
#: Lags along z, in slices, of the correlation between slices.
_LAGS = (1, 2, 4, 8)
_BANDS = np.array([0.0, 0.03, 0.07, 0.13, 0.2, 0.28, 0.36, 0.44, 0.5])


def require_values(picture: np.ndarray, name: str) -> None:
    """Raise ``BadInput`` for a picture of nothing but NaN, or of one value."""
    if not np.isfinite(picture).any():
        raise BadInput(f"{name} holds no number: every value is NaN or infinite")
    good = picture[np.isfinite(picture)]
    if good.min() == good.max():
        raise BadInput(f"{name} is constant: every value is {good.min():g}")


def inspect(volume: Volume, name: str) -> dict[str, str]:
    """Flags for NaNs and constant slices among a sample of slices.

    Raises
    ------
    BadInput
        When all sampled slices are without numbers, or of one value.
    """
    z = np.unique(np.linspace(0, volume.shape[0] - 1, _SLICES).round().astype(int))
    broken, flat = [], []
    lows, highs = [], []
    for k in z:
        image = volume.slice(int(k))[::4, ::4]
        good = np.isfinite(image)
        if not good.all():
            broken.append(int(k))
        if not good.any():
            continue
        low, high = float(image[good].min()), float(image[good].max())
        lows.append(low)
        highs.append(high)
        if low == high:
            flat.append(int(k))
    if not lows:
        raise BadInput(f"{name} holds no number: every value is NaN or infinite", "reconstruct it again")
    if len(flat) == len(lows):
        raise BadInput(f"{name} is constant: every slice has one value", "reconstruct it again")
    notes = {}
    if broken:
        notes["out_of_domain"] = (
            f"slices with NaN or infinite values (the first at z = {broken[0]}): they count as grey"
        )
    elif len(flat) > len(z) // 8:
        notes["out_of_domain"] = f"{len(flat)} of {len(z)} sampled slices are constant (the first at z = {flat[0]})"
    return notes


def features(volume: Volume) -> np.ndarray:
    """What a volume is like apart from its content: spectrum, tails, and likeness of neighbouring slices.

    Returns
    -------
    numpy.ndarray
        float64 ``(n,)``: the logarithm of the power in eight bands, relative to all, of the fullest and of the
        emptiest sampled slices; the correlation between slices at four lags, of either; and the ratio of spreads.
        All of it taken after the grey map, so that the grey scale plays no part.
    """
    to_grey, _ = grey.fit_volume(grey.sample_pixels(volume.data, np.random.default_rng(0)))
    count, ny, nx = volume.shape
    edge = min(_EDGE, ny, nx)
    y, x = (ny - edge) // 2, (nx - edge) // 2

    def window(z: int) -> np.ndarray:
        part = np.asarray(volume.data[z][y : y + edge, x : x + edge], dtype=np.float32)
        return to_grey(part).astype(np.float32) / grey.STEPS

    z = np.unique(np.linspace(0, count - 1, _SLICES).round().astype(int))
    pictures = [window(int(k)) for k in z]
    order = np.argsort([p.std() for p in pictures])
    third = max(1, len(z) // 3)
    found: list[float] = []
    for group in (order[:third], order[-third:]):
        power = np.zeros(len(_BANDS) - 1)
        lagged = np.zeros(len(_LAGS))
        for i in group:
            frequency, radial = radial_power(pictures[i] - pictures[i].mean())
            band = np.digitize(frequency, _BANDS) - 1
            power += np.bincount(band.clip(0, len(power) - 1), radial * frequency, len(power))
            for j, lag in enumerate(_LAGS):
                other = window(int(z[i] + lag) if z[i] + lag < count else max(int(z[i]) - lag, 0))
                lagged[j] += _correlation(pictures[i], other) / len(group)
        found += [*np.log(np.maximum(power / max(power.sum(), 1e-12), 1e-6)), *lagged]
    spread = [float(np.mean([pictures[i].std() for i in group])) for group in (order[:third], order[-third:])]
    return np.array([*found, np.log((spread[1] + 1e-3) / (spread[0] + 1e-3))])


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).mean() / max(float(a.std() * b.std()), 1e-9))


def table(training: list[Volume], kept_out: list[Volume]) -> dict[str, Any]:
    """What :func:`unlike_training` needs: mean and inverse covariance of the training set's features, and the limit.

    The limit is half again the 99th percentile of the distances of tomograms that were not trained on: rather a
    strange volume unflagged than a good one flagged.
    """
    with ThreadPoolExecutor(thread_count()) as pool:
        rows, others = (np.array(list(pool.map(features, volumes))) for volumes in (training, kept_out))
    mean = rows.mean(axis=0)
    spread = rows - mean
    covariance = spread.T @ spread / len(rows)
    inverse = np.linalg.inv(covariance + 1e-2 * np.diag(np.diag(covariance)) + 1e-6 * np.eye(len(mean)))
    others = others - mean
    distance = np.sqrt(np.einsum("ij,jk,ik->i", others, inverse, others))
    limit = 1.5 * float(np.quantile(distance, 0.99))
    return {"mean": mean.tolist(), "inverse_covariance": inverse.tolist(), "limit": limit}


def unlike_training(volume: Volume, card: ModelCard) -> dict[str, str]:
    """An ``out_of_domain`` flag when a volume's features lie further from the training set's than its own members'.

    The distance is Mahalanobis's, to the mean of the training set. Mean, inverse covariance and limit are in the
    model card (:func:`table`).
    """
    if "domain" not in card.tables:
        return {}
    known = card.tables["domain"]
    offset = features(volume) - np.array(known["mean"])
    distance = float(np.sqrt(offset @ np.array(known["inverse_covariance"]) @ offset))
    limit = float(known["limit"])
    if distance <= limit:
        return {}
    return {
        "out_of_domain": f"spectrum and likeness of neighbouring slices are unlike any tomogram trained on "
        f"(distance {distance:.1f}, limit {limit:.1f})"
    }
