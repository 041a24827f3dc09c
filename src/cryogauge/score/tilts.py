"""Tilt images judged one by one: which of a series to leave out, and why.

Every measure is compared with what the other images of the series lead one to expect, since specimens differ more than
good images of one specimen do.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cryogauge.imaging.coarse import band_passed, offset_between
from cryogauge.imaging.ctf_fit import fit_defocus
from cryogauge.imaging.fourier import radial_power
from cryogauge.imaging.threads import for_each
from cryogauge.imaging.tilted import Aligner, as_contrast
from cryogauge.imaging.transforms import irfft2, rfft2
from cryogauge.records import BadInput, TiltSeries

#: An image that scores less is left out.
KEEP_SCORE = 0.5
#: Columns of ``tilts.csv``.
TILT_COLUMNS = (
    "series", "image", "tilt_deg", "score", "keep", "reasons", "brightness", "blocked_fraction", "detail_lost",
    "agreement", "content", "ice_ring", "defocus_A", "ctf_correlation", "ctf_resolution_A",
    "ice_ring_density", "motion_total_A",
)  # fmt: skip
_LONGEST_PX = 384
_BLOCK_PX = 12
_DARK_BLOCK = 0.45  # of the brightness of the image's lit part
_SECTORS = 12
_DETAIL = 0.15  # power of detail over noise that can be missed when it is gone
_TELLS = 0.12  # agreement of images that chance alone does not reach
_ICE_RING_A = (3.6, 3.95)  # reflections of crystalline ice: 3.66 Å of cubic, 3.67 and 3.90 Å of hexagonal
_CTF_PIXEL_A = 5.0  # coarser images show no rings to speak of
_WORSE = 2.0  # times the resolution of images at like tilts: where a program's fit failed it states one all the same


@dataclass(frozen=True)
class _Seen:
    """What one image shows by itself."""

    mean: float
    counts: bool
    blocked: float
    sectors: NDArray[np.float64]
    content: float
    ice: float
    defocus_A: float
    ctf_correlation: float
    ctf_resolution_A: float


def judge_tilts(series: TiltSeries, name: str, *, ctf: bool = True) -> pd.DataFrame:
    """Judge every image of a tilt series.

    Parameters
    ----------
    series
        Images are read one at a time; those marked as not used are judged too.
    name
        For the table.
    ctf
        Fit the contrast transfer of images whose pixel is at most 5 Å, near the defocus that the table states; the
        defocus is told where the table has ``voltage_kV``.

    Returns
    -------
    Table of ``TILT_COLUMNS``, rows in the images' order. ``score`` 0–1 is the product of what each measure leaves;
    ``keep`` is false below 0.5 and for images not used before; ``reasons`` are words:

    - ``dark``, ``bright``: ``brightness``, the mean over that expected from the other images at this tilt (Beer and
      Lambert's law), is far from 1;
    - ``blocked``: ``blocked_fraction`` of the field is in the shadow of a grid bar or thick ice;
    - ``drift``: ``detail_lost``, the part of the fine detail that is missing in the direction where most is, against
      the neighbouring images, is large;
    - ``moved``: ``agreement``, the correlation with the neighbouring image, is far below that of the others;
    - ``empty``: ``content``, structure over noise, is nothing;
    - ``ice``: ``ice_ring``, power at 3.6–3.95 Å over that beside it, is that of crystals;
    - ``no_ctf``: the transfer fits none of the expected defocus while it fits most images of the series; or where the
      table has ``ctf_resolution_A``, that is more than twice what it is at like tilts.

    ``ctf_resolution_A`` is the series table's where that has it, else our own fit's; ``ice_ring_density`` and
    ``motion_total_A`` are the series table's. What could not be measured is NaN and costs nothing.

    Raises
    ------
    BadInput
        When the series has fewer than five images, or no tilt angles.
    """
    count = len(series.table)
    tilts = series.table["tilt_deg"].to_numpy(dtype=np.float64)
    if count < 5:
        raise BadInput(f"{name} has {count} images", "five at least can be compared with each other")
    if not np.isfinite(tilts).all():
        raise BadInput(f"the tilt angles of {name} are not known", "put a .tlt, .rawtlt or .mdoc beside the stack")
    axis = series.table["axis_deg"].fillna(0.0)
    plain = TiltSeries(
        series.images, series.pixel_size_A, series.table.assign(axis_deg=axis, shift_x_A=0.0, shift_y_A=0.0)
    )
    voxel = max(series.pixel_size_A * max(series.images.shape[1:]) / _LONGEST_PX, series.pixel_size_A)
    aligner = Aligner(plain, voxel)
    small = np.empty((count, *aligner.shape), dtype=np.float32)
    seen: list[Any] = [None] * count

    def one(k: int) -> None:
        image = np.asarray(series.images[k], dtype=np.float32)
        binned = aligner.bin(image)
        small[k] = aligner.align_binned(binned, k)
        seen[k] = _look(image, binned, series, k, ctf)

    for_each(one, range(count))
    agreement = _agreement(as_contrast(small), tilts)
    return _table(name, series, seen, agreement)


def _look(image: NDArray[np.float32], binned: NDArray[np.float32], series: TiltSeries, k: int, ctf: bool) -> _Seen:
    mean, deviation = float(image.mean(dtype=np.float64)), float(image.std(dtype=np.float64))
    # binned, since single pixels of a counting camera scatter as much as they count
    counts = mean > float(binned.std(dtype=np.float64)) and mean > 0
    fit = (math.nan, math.nan, math.nan)
    if ctf and series.pixel_size_A <= _CTF_PIXEL_A and deviation > 0:
        stated = float(series.table["defocus_A"].iloc[k])
        around = {"lowest_A": max(0.5 * stated, 3e3), "highest_A": 1.7 * stated} if stated > 6e3 else {}
        told = float(series.table["voltage_kV"].iloc[k]) if "voltage_kV" in series.table.columns else math.nan
        found = fit_defocus(image, series.pixel_size_A, voltage_kV=told if told > 0 else 300.0, **around)
        # rings fit at any voltage, but only with the right one do they say the defocus
        fit = (found.defocus_A if told > 0 else math.nan, found.correlation, found.resolution_A)
    return _Seen(
        mean, counts, _blocked(binned) if counts else math.nan, _sectors(binned), _content(binned),
        _ice_ring(image, series.pixel_size_A), *fit,
    )  # fmt: skip


def _blocked(image: NDArray[np.float32]) -> float:
    """Part of the field far darker than its lit part."""
    ny, nx = (n // _BLOCK_PX * _BLOCK_PX for n in image.shape)
    blocks = image[:ny, :nx].reshape(ny // _BLOCK_PX, _BLOCK_PX, nx // _BLOCK_PX, _BLOCK_PX).mean(axis=(1, 3))
    lit = float(np.percentile(blocks, 85))
    return float((blocks < _DARK_BLOCK * lit).mean()) if lit > 0 else 1.0


def _sectors(image: NDArray[np.float32]) -> NDArray[np.float64]:
    """Power of middling detail above the noise in sectors of direction, and its standard error: ``(2, sector)``."""
    ny, nx = image.shape
    window = np.hanning(ny)[:, None] * np.hanning(nx)[None, :]
    middle, spread = float(np.median(image)), float(image.std()) or 1.0
    power = np.abs(rfft2((np.clip((image - middle) / spread, -4, 4) * window).astype(np.float32))) ** 2
    fy, fx = np.fft.fftfreq(ny)[:, None], np.fft.rfftfreq(nx)[None, :]
    radius, direction = np.hypot(fy, fx), np.arctan2(fy, fx) % np.pi
    floor = float(np.median(power[radius > 0.42])) or 1.0
    within = (radius > 0.04) & (radius < 0.25)
    sector = (direction[within] / np.pi * _SECTORS).astype(int) % _SECTORS
    terms = np.maximum(np.bincount(sector, minlength=_SECTORS), 1)
    mean = np.bincount(sector, power[within] / floor, _SECTORS) / terms
    # the mean of noise is its median over log 2, and as large is its scatter from term to term
    noise = 1.0 / np.log(2.0)
    return np.stack([np.maximum(mean - noise, 0.0), noise / np.sqrt(terms)])


def _lost(sectors: NDArray[np.float64], tilts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Part of the detail that is missing in the direction where most is, against the neighbours in tilt."""
    power, error = sectors[:, 0], sectors[:, 1]
    expected = np.stack([_expected(tilts, column) for column in power.T], axis=1)
    known = expected.mean(axis=1) > _DETAIL  # there is something that could be lost
    kept = (power + 3 * error) / (expected + 3 * error)  # so that noise alone does not look like a loss
    wide = 0.5 * (kept + np.roll(kept, 1, axis=1))  # two sectors: one alone may be empty by chance
    return np.where(known, np.clip(1.0 - wide.min(axis=1), 0.0, 1.0), np.nan)


def _content(image: NDArray[np.float32]) -> float:
    """Power of what is large over that of the finest rings, less one: 0 for noise alone."""
    frequency, power = radial_power(image)
    floor = float(np.median(power[frequency > 0.4]))
    large = float(np.median(power[(frequency > 0.015) & (frequency < 0.1)]))
    return large / floor - 1.0 if floor > 0 else 0.0


def _ice_ring(image: NDArray[np.float32], pixel_size_A: float) -> float:
    """Power between 3.6 and 3.95 Å over that of the rings beside; NaN for pixels too coarse to show it."""
    if 2.15 * pixel_size_A > _ICE_RING_A[0]:
        return math.nan
    frequency, power = radial_power(image)
    spacing = np.divide(pixel_size_A, frequency, out=np.full(len(frequency), np.inf), where=frequency > 0)
    ring = (spacing > _ICE_RING_A[0]) & (spacing < _ICE_RING_A[1])
    beside = ((spacing > 3.3) & (spacing <= 3.55)) | ((spacing >= 4.05) & (spacing < 4.5))
    if not ring.any() or not beside.any():
        return math.nan
    return float(power[ring].mean() / power[beside].mean())


def _agreement(images: NDArray[np.float32], tilts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Correlation of each image with the most alike of the two on either side of it, displaced as fits best.

    Two, so that an image beside a faulty one is not taken for faulty itself.
    """
    order = np.argsort(tilts)
    spectra = [band_passed(image) for image in images]
    best = np.full(len(tilts), -1.0)
    for apart in (1, 2):
        for before, here in zip(order[:-apart], order[apart:], strict=True):
            value = _likeness(spectra[before], spectra[here])
            best[before], best[here] = max(best[before], value), max(best[here], value)
    return best


def _likeness(a: NDArray[np.complexfloating], b: NDArray[np.complexfloating]) -> float:
    shape = (a.shape[0], 2 * (a.shape[1] - 1))
    dy, dx = offset_between(a, b, 0.25)
    fy, fx = np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])[None, :]
    back = b * np.exp(2j * np.pi * (fy * dy + fx * dx))
    x, y = irfft2(a.astype(np.complex64), shape), irfft2(back.astype(np.complex64), shape)
    return float(np.corrcoef(x.ravel(), y.ravel())[0, 1])


def _table(name: str, series: TiltSeries, seen: list[_Seen], agreement: NDArray[np.float64]) -> pd.DataFrame:
    tilts = series.table["tilt_deg"].to_numpy(dtype=np.float64)
    brightness = _brightness(series, seen)
    lost = _lost(np.stack([s.sectors for s in seen]), tilts)
    expected_agreement = _expected(tilts, agreement)
    resolution, fitted = _rings_fit(series, seen, tilts)
    density, motion = _stated(series, "ice_ring_density"), _stated(series, "motion_total_A")
    ctf_tells = np.mean(fitted) > 0.6
    rows = []
    for k, s in enumerate(seen):
        left = {
            "dark": _falls(brightness[k], 0.8, 0.35),
            "bright": _falls(-brightness[k], -1.4, -2.2),
            "blocked": _falls(-s.blocked, -0.08, -0.4),
            "drift": _falls(-lost[k], -0.6, -0.9),
            "moved": _falls(agreement[k] / expected_agreement[k], 0.6, 0.25) if expected_agreement[k] > _TELLS else 1.0,
            "empty": max(_falls(s.content, 0.5, 0.1), _falls(agreement[k], 0.12, 0.07)),
            "ice": _falls(-s.ice, -1.25, -1.9),
            "no_ctf": 0.6 if ctf_tells and not fitted[k] and abs(tilts[k]) < 45 else 1.0,
        }
        score = float(np.prod(list(left.values())))
        reasons = " ".join(word for word, value in left.items() if value < 0.7)
        image = series.table["image"].iloc[k] if "image" in series.table.columns else str(k)
        rows.append((
            name, image, tilts[k], round(score, 4), bool(score >= KEEP_SCORE and series.used[k]), reasons,
            brightness[k], s.blocked, lost[k], agreement[k], s.content, s.ice, s.defocus_A, s.ctf_correlation,
            resolution[k], density[k], motion[k],
        ))  # fmt: skip
    return pd.DataFrame(rows, columns=list(TILT_COLUMNS))


def _rings_fit(
    series: TiltSeries, seen: list[_Seen], tilts: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """To which resolution the transfer fits each image, by another program or else by us, and whether it does."""
    stated = _stated(series, "ctf_resolution_A")
    own = np.array([s.ctf_resolution_A for s in seen])
    resolution = np.where(np.isnan(stated), own, stated)
    usual = _expected(tilts, np.nan_to_num(resolution, nan=np.inf))
    return resolution, np.where(np.isnan(stated), np.isfinite(own), stated < _WORSE * usual)


def _stated(series: TiltSeries, name: str) -> NDArray[np.float64]:
    """An optional column of the series' table; NaN where it has none."""
    if name not in series.table.columns:
        return np.full(len(series.table), np.nan)
    return series.table[name].to_numpy(dtype=np.float64)


def _brightness(series: TiltSeries, seen: list[_Seen]) -> NDArray[np.float64]:
    """Mean over that expected at the tilt: the logarithm falls with the path through the specimen, 1 / cos."""
    from scipy.stats import theilslopes

    if np.mean([s.counts for s in seen]) <= 0.5:  # normalised images; a few blank ones make no series of them
        return np.full(len(seen), np.nan)
    dose = series.table["dose_e_A2"].to_numpy(dtype=np.float64)
    dose = dose if np.isfinite(dose).all() and (dose > 0).all() else np.ones(len(seen))
    mean = np.array([s.mean for s in seen])
    level = np.log(np.maximum(mean, 1e-3 * np.median(mean)) / dose)
    path = 1.0 / np.cos(np.deg2rad(series.table["tilt_deg"].to_numpy(dtype=np.float64)))
    # never rising with the path, and through the bright images: the faulty ones are mostly dark
    slope = min(float(np.asarray(theilslopes(level, path))[0]), 0.0)
    rest = level - slope * path
    return np.exp(rest - np.median(rest[rest >= np.median(rest)]))


def _expected(tilts: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Median of the seven images nearest in tilt, the image itself left out."""
    order = np.argsort(tilts)
    sorted_values = values[order]
    out = np.empty(len(values))
    for place, k in enumerate(order):
        first = int(np.clip(place - 3, 0, max(len(order) - 7, 0)))
        near = [i for i in range(first, min(first + 7, len(order))) if i != place]
        out[k] = np.median(sorted_values[near])
    return out


def _falls(value: float, good: float, bad: float) -> float:
    """1 at ``good`` and beyond, 0 at ``bad`` and beyond, straight between; 1 for what was not measured."""
    return 1.0 if math.isnan(value) else float(np.clip((value - bad) / (good - bad), 0.0, 1.0))
