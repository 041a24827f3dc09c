"""A second opinion without learning: what a tomogram's own spectra say of its smallest feature.

The empty slices above and below the specimen hold the volume's noise and nothing else, seen through the same
reconstruction filter as the specimen. The specimen's power spectrum, less theirs, is the signal; from the ratio of
the two follows the Fourier ring correlation one would measure against the perfect specimen, and from that, with the
signal's own low-pass fall-off, the finest detail that is both true and visible. What counts as visible is what the
oracle of the simulator counts, so that the opinion speaks on the network's scale.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from cryogauge.imaging.feature_scale import score_of_feature_px
from cryogauge.records import BadInput, Volume
from cryogauge.simulate.oracle import FULL_TRANSFER, PERCENTILE, SOFTNESS, THRESHOLD, WIDTH_TIMES_FREQUENCY

Array = NDArray[np.float64]

_WINDOW_PX = 128
_SMALLEST_WINDOW_PX = 32
_MOST_WINDOWS = 7  # along an axis, where each is judged
_FEW_WINDOWS = 4  # along an axis, where slices are only compared
_MOST_SLICES = 24  # read of each kind
_LAG_PX = 4
_BANDS_1_PX = (1 / 32, 1 / 16, 1 / 10, 1 / 6, 1 / 4)  # edges of the bands in which slices are compared
_EMPTY_BELOW = 0.15  # of the specimen's shared power
_SPECIMEN_ABOVE = 0.5


@dataclass(frozen=True)
class InterslicePower:
    """What slices some pixels apart share: structure runs on along z, noise does not.

    Attributes
    ----------
    z
        Index of the upper slice of each pair, shape ``(pair,)``.
    correlation
        Normalised correlation of slices ``z`` and ``z + lag_px`` in each band, shape ``(pair, band)``; 0 where one
        of them is constant or not finite.
    shared_power
        Their cross-spectrum over the band's power in the whole volume, averaged over the bands, shape ``(pair,)``.
        Added white noise scales it alike at every height, whereas it lowers the correlation most where signal is weak.
    alive
        False where a slice of the pair is constant or not finite, shape ``(pair,)``.
    lag_px
        Distance of the slices in pixels.
    bands_1_px
        Edges of the bands in cycles per pixel, shape ``(band + 1,)``.
    noise_correlation
        Standard deviation of the band-averaged correlation of two slices of white noise.
    """

    z: NDArray[np.intp]
    correlation: Array
    shared_power: Array
    alive: NDArray[np.bool_]
    lag_px: int
    bands_1_px: Array
    noise_correlation: float


@dataclass(frozen=True)
class SpectralOpinion:
    """The smallest feature one would expect from the spectra alone.

    Attributes
    ----------
    feature_px
        Width of the smallest visible feature in pixels, not below 1; NaN when there is no opinion (see ``reason``),
        infinite when nothing up to twelve pixels wide would be visible.
    score
        The same on the scale of the slice scores, 0-1; NaN when there is no opinion.
    cutoff_1_px
        The frequency it follows from, in cycles per pixel; NaN when there is no opinion.
    frequency_1_px
        Centres of the rings in cycles per pixel, shape ``(ring,)``.
    snr
        Signal-to-noise ratio of power in each ring, over the whole field, shape ``(ring,)``.
    expected_frc
        Fourier ring correlation with the perfect specimen that this ratio implies, shape ``(ring,)``.
    gain
        Amplitude of the signal relative to its maximum at lower frequencies, shape ``(ring,)``.
    specimen_z, empty_z
        The slices it was read from.
    reason
        Why there is no opinion, else an empty string.
    """

    feature_px: float
    score: float
    cutoff_1_px: float
    frequency_1_px: Array
    snr: Array
    expected_frc: Array
    gain: Array
    specimen_z: tuple[int, ...]
    empty_z: tuple[int, ...]
    reason: str = ""


def spectral_second_opinion(
    volume: Volume, *, specimen_z: Sequence[int] | None = None, empty_z: Sequence[int] | None = None
) -> SpectralOpinion:
    """Judge a tomogram by its spectra: the specimen's against that of its own empty end slices.

    With the ring-averaged power ``m`` of the specimen and ``e`` of the empty slices the signal-to-noise ratio is
    ``snr = (m - e) / e``. The correlation expected with the perfect specimen is ``sqrt(snr / (1 + snr))``; blind to
    linear filters, it is reduced where the signal's amplitude has fallen below half of its maximum at lower
    frequencies. The rings in which the product exceeds 0.5 (softly) make up the cut-off frequency ``f``, and the
    smallest feature is ``0.4 / f`` pixels wide. That of the better parts of the field (the 85th percentile over
    windows of 128 pixels) is reported. At most 96 slices are read. Either contrast gives the same answer.

    Parameters
    ----------
    volume
        The tomogram, ``(z, y, x)``.
    specimen_z, empty_z
        Slices that hold specimen and slices that hold none, where they are known; found from the volume otherwise.

    Returns
    -------
    SpectralOpinion
        Without an opinion (``reason`` says why) where no end of the volume is empty, nothing tells the specimen from
        noise, or the slices are too small.

    Raises
    ------
    BadInput
        When a given slice lies outside the volume.
    """
    _, ny, nx = volume.shape
    if min(ny, nx) < _SMALLEST_WINDOW_PX:
        return _no_opinion(f"slices smaller than {_SMALLEST_WINDOW_PX} pixels")
    if specimen_z is None or empty_z is None:
        profile = interslice_correlation(volume)
        found_specimen, found_empty = find_specimen_slices(profile), find_empty_slices(profile)
        specimen_z = found_specimen if specimen_z is None else specimen_z
        empty_z = found_empty if empty_z is None else empty_z
    specimen, empty = _checked(specimen_z, volume), _checked(empty_z, volume)
    if not specimen:
        return _no_opinion("no specimen above the noise", specimen, empty)
    if not empty:
        return _no_opinion("no empty slices", specimen, empty)

    frequency, specimen_power = _ring_power(volume, specimen)
    _, empty_power = _ring_power(volume, empty)
    if not (specimen_power.size and empty_power.any()):
        return _no_opinion("constant or non-finite slices", specimen, empty)
    noise = np.median(empty_power, axis=0)  # over the windows: contamination sits in few of them
    snr, expected_frc, gain = _signal(specimen_power.mean(axis=0), noise)
    cutoff = float(np.percentile(_cutoff(frequency, *_signal(specimen_power, noise)[1:]), PERCENTILE))
    feature_px = WIDTH_TIMES_FREQUENCY / cutoff
    score = float(score_of_feature_px(feature_px))
    feature_px = max(feature_px, 1.0) if score > 0 else float("inf")
    return SpectralOpinion(feature_px, score, cutoff, frequency, snr, expected_frc, gain, specimen, empty)


def interslice_correlation(
    volume: Volume, lag_px: int = _LAG_PX, *, bands_1_px: Sequence[float] = _BANDS_1_PX
) -> InterslicePower:
    """Correlate slices ``lag_px`` apart, band by band, at up to 24 heights: a gate that needs no training.

    Crowded specimens reach about 0.35 at 4 pixels, empty slices about 0. Each slice is clipped at five robust
    standard deviations, so that gold beads do not decide, and compared in windows spread over the field.

    Parameters
    ----------
    volume
        The tomogram, ``(z, y, x)``, with at least ``lag_px + 1`` slices of 32 x 32 pixels.
    lag_px
        Distance of the slices.
    bands_1_px
        Edges of the frequency bands in cycles per pixel, ascending, at most 0.5.

    Raises
    ------
    BadInput
        When the volume is too small.
    """
    nz, ny, nx = volume.shape
    if nz <= lag_px or min(ny, nx) < _SMALLEST_WINDOW_PX:
        raise BadInput(
            f"a volume of {nz} × {ny} × {nx} is too small to compare slices {lag_px} pixels apart",
            f"it takes more than {lag_px} slices of at least {_SMALLEST_WINDOW_PX} × {_SMALLEST_WINDOW_PX} pixels",
        )
    z = _spread(np.arange(nz - lag_px))
    edges = np.asarray(bands_1_px, dtype=float)
    edge = _window_edge(ny, nx)
    weights, frequency = _half_plane(edge)
    band = np.digitize(frequency, edges) - 1
    inside = (band >= 0) & (band < len(edges) - 1)

    def per_band(spectrum: NDArray[np.floating]) -> Array:
        total = (spectrum * weights)[..., inside].sum(axis=0)
        return np.bincount(band[inside], total, minlength=len(edges) - 1).astype(float)

    cross = np.zeros((len(z), len(edges) - 1))
    upper, lower = np.zeros_like(cross), np.zeros_like(cross)
    windows = 1
    for row, index in enumerate(z):
        a, b = (_transformed(volume.slice(int(index) + lag), _FEW_WINDOWS) for lag in (0, lag_px))
        windows = len(a)
        cross[row] = per_band((a * b.conj()).real)
        upper[row], lower[row] = per_band(np.abs(a) ** 2), per_band(np.abs(b) ** 2)
    power = np.sqrt(upper * lower)
    alive = np.all(power > 0, axis=1)
    correlation = np.divide(cross, power, out=np.zeros_like(cross), where=power > 0)
    mean_power = power[alive].mean(axis=0) if alive.any() else np.ones(len(edges) - 1)
    # Of each tapered window about a quarter is independent of itself and of its neighbours: ((3/8)² / (35/128))².
    modes = np.bincount(band[inside], weights[inside], minlength=len(edges) - 1) * windows * 0.26
    noise_correlation = float(np.sqrt((1 / np.maximum(modes, 1)).mean() / len(modes)))
    shared = (cross / mean_power).mean(axis=1)
    return InterslicePower(z, correlation, shared, alive, lag_px, edges, noise_correlation)


def find_specimen_slices(profile: InterslicePower) -> tuple[int, ...]:
    """Slices that share at least half as much as the most crowded ones; none where nothing exceeds noise.

    Parameters
    ----------
    profile
        From :func:`interslice_correlation`.

    Returns
    -------
    Ascending slice indices, at most 24.
    """
    plateau = _plateau(profile)
    if plateau is None:
        return ()
    rows = profile.z[profile.alive & (profile.shared_power > _SPECIMEN_ABOVE * plateau)]
    return tuple(int(z) + profile.lag_px // 2 for z in rows)


def find_empty_slices(profile: InterslicePower) -> tuple[int, ...]:
    """Slices at the volume's ends that share next to nothing with their neighbours.

    Only runs from an end count, since a gap inside the specimen is filled with what the missing wedge smears into
    it; for the same reason the third of a run next to the specimen is left out.

    Parameters
    ----------
    profile
        From :func:`interslice_correlation`.

    Returns
    -------
    Ascending slice indices, at most 24; empty where all slices look alike.
    """
    plateau = _plateau(profile)
    if plateau is None:
        return ()
    rows = np.flatnonzero(profile.alive)
    calm = profile.shared_power[rows] < _EMPTY_BELOW * plateau
    if calm.all() or not calm.any():
        return ()
    z = profile.z[rows]
    found: list[NDArray[np.intp]] = []
    head, tail = int(np.argmin(calm)), int(np.argmin(calm[::-1]))
    if head:
        first, last = z[0], z[head - 1] + profile.lag_px
        found.append(np.arange(first, last + 1 - (last - first) // 3))
    if tail:
        first, last = z[len(z) - tail], z[-1] + profile.lag_px
        found.append(np.arange(first + (last - first) // 3, last + 1))
    return tuple(int(index) for index in _spread(np.concatenate(found))) if found else ()


def _plateau(profile: InterslicePower) -> float | None:
    """Shared power of the most crowded slices; None where their correlation is no more than noise would give."""
    if not profile.alive.any():
        return None
    correlation = profile.correlation[profile.alive].mean(axis=1)
    plateau = float(np.percentile(profile.shared_power[profile.alive], 90))
    if plateau <= 0 or float(np.percentile(correlation, 90)) < 4 * profile.noise_correlation:
        return None
    return plateau


def _signal(power: Array, noise: Array) -> tuple[Array, Array, Array]:
    """Signal-to-noise ratio, expected correlation and gain of rings ``(…, ring)``.

    The fall-off of biological structure itself is not made up for: it is small beside that of a blurred tomogram
    up to the frequencies that matter, and the eye sees the picture as it is.
    """
    signal = np.maximum(power - noise, 0.0)
    floor = np.finfo(float).tiny  # denoised volumes may have no noise at all
    snr = signal / np.maximum(noise, floor)
    expected_frc = np.sqrt(signal / np.maximum(signal + noise, floor))
    amplitude = np.sqrt(signal)
    gain = amplitude / np.maximum(np.maximum.accumulate(amplitude, axis=-1), floor)
    return snr, expected_frc, gain


def _cutoff(frequency_1_px: Array, expected_frc: Array, gain: Array) -> Array:
    """Frequency ``(…)`` in cycles per pixel that the visible rings ``(…, ring)`` add up to, as in the oracle."""
    width = float(frequency_1_px[1] - frequency_1_px[0])
    shown = expected_frc * np.minimum(1.0, gain / FULL_TRANSFER)
    visible = 1.0 / (1.0 + np.exp((THRESHOLD - shown) / SOFTNESS))
    return (frequency_1_px[0] - width / 2) + width * visible.sum(axis=-1)


def _ring_power(volume: Volume, z: Sequence[int]) -> tuple[Array, Array]:
    """Frequencies ``(ring,)`` in cycles per pixel and power ``(window, ring)`` averaged over the slices ``z``.

    Rings are two frequency steps of the window wide, the resolution of its taper. The one about the origin is left
    out: it holds what the taper leaks from the slice's mean and from gradients of ice thickness. Slices without any
    power, as programs pad volumes, are passed over; without any other, the power has shape ``(0, ring)``.
    """
    _, ny, nx = volume.shape
    edge = _window_edge(ny, nx)
    weights, frequency = _half_plane(edge)
    rings = edge // 4 - 1
    ring = np.floor(frequency * edge / 2).astype(int) - 1
    inside = (ring >= 0) & (ring < rings)
    total: NDArray[np.floating] | None = None
    read = 0
    for index in z:
        power = np.abs(_transformed(volume.slice(index), _MOST_WINDOWS)) ** 2
        if power.any():
            total = power if total is None else total + power
            read += 1
    centres = (np.arange(rings) + 1.5) * 2 / edge
    if total is None:
        return centres, np.zeros((0, rings))
    members = np.bincount(ring[inside], weights[inside])
    per_ring = np.stack([np.bincount(ring[inside], (window * weights)[inside]) for window in total])
    return centres, per_ring / members / read


def _transformed(picture: NDArray[np.float32], most: int) -> NDArray[np.complex64]:
    """Spectra ``(window, y, x // 2 + 1)`` of tapered windows spread over a slice; zero where nothing is in it."""
    ny, nx = picture.shape
    edge = _window_edge(ny, nx)
    across = _starts(nx, edge, most)
    windows = np.stack([picture[y : y + edge, x : x + edge] for y in _starts(ny, edge, most) for x in across])
    sample = windows[:, ::3, ::3]  # enough for a median, and medians would otherwise take most of the time
    centre = np.median(sample)
    spread = 1.4826 * np.median(np.abs(sample - centre))
    if not np.isfinite(spread) or not np.isfinite(windows).all():
        return np.zeros((len(windows), edge, edge // 2 + 1), dtype=np.complex64)
    if spread > 0:
        windows = np.clip(windows, centre - 5 * spread, centre + 5 * spread)
    line = np.hanning(edge + 1)[:edge].astype(np.float32)
    taper = np.outer(line, line)
    means = (windows * taper).sum(axis=(1, 2), keepdims=True) / taper.sum()
    return np.asarray(fft.rfft2((windows - means) * (taper / np.sqrt((taper**2).sum()))))


def _half_plane(edge: int) -> tuple[Array, Array]:
    """How often each coefficient of ``rfft2`` stands in the full plane, and its frequency in cycles per pixel."""
    frequency = np.hypot(np.fft.fftfreq(edge)[:, None], np.fft.rfftfreq(edge)[None, :])
    weights = np.full(frequency.shape, 2.0)
    weights[:, 0] = weights[:, -1] = 1.0
    return weights, frequency


def _window_edge(ny: int, nx: int) -> int:
    """Edge of the square windows: 128 pixels, or the largest multiple of 4 that fits."""
    return min(_WINDOW_PX, min(ny, nx) // 4 * 4)


def _starts(length: int, edge: int, most: int) -> list[int]:
    """First pixels of windows that overlap by half, or lie farther apart where that would be more than ``most``."""
    count = min(most, max(1, 2 * length // edge - 1))
    return [int(start) for start in np.linspace(0, length - edge, count).round()]


def _spread(indices: NDArray[np.intp]) -> NDArray[np.intp]:
    """At most 24 of the indices, evenly spread."""
    if len(indices) <= _MOST_SLICES:
        return indices
    return indices[np.linspace(0, len(indices) - 1, _MOST_SLICES).round().astype(int)]


def _checked(z: Sequence[int], volume: Volume) -> tuple[int, ...]:
    """At most 24 of the slices, evenly spread; raises ``BadInput`` for one outside the volume."""
    indices = np.asarray(z, dtype=np.intp)
    nz = volume.shape[0]
    if indices.size and (indices.min() < 0 or indices.max() >= nz):
        raise BadInput(f"slice {int(indices[np.argmax(np.abs(indices))])} lies outside a volume of {nz} slices")
    return tuple(int(index) for index in _spread(indices))


def _no_opinion(reason: str, specimen: tuple[int, ...] = (), empty: tuple[int, ...] = ()) -> SpectralOpinion:
    nothing = np.zeros(0)
    nan = float("nan")
    return SpectralOpinion(nan, nan, nan, nothing, nothing, nothing, nothing, specimen, empty, reason)
