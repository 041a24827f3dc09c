"""The grade that an average deserves, by comparison with the projection it should be.

The letters of the rubric (CryoSift, section 2.1.3) ask for secondary structure, sharpness, domains, outline and
artefacts. Here these are: how fine the detail is that agrees with the truth, in Å and as a share of the particle; how
strong what is beside the particle is against the particle; and whether the particle is whole, alone and in the middle.

Detail is read off the Fourier ring correlation of average and true projection within the particle's outline, as the
frequency up to which they agree, counted in full where the correlation exceeds 0.9, not at all below 0.2, and no more
once it has been lost. What is coarser than the ring up to 20 Å that agrees best counts like that ring: contrast
transfer takes it away, and it is the finer one that is seen. Detail that agrees but is too faint to be seen, its
amplitude below 0.4 of what the outline has, counts in proportion.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, uniform_filter1d

from cryogauge.imaging.fourier import low_pass, ring_index
from cryogauge.imaging.transforms import irfft2, rfft2
from cryogauge.records.classes import BEST_GRADE, REASONS, WORST_GRADE

#: Grades of detail: of its size in Å, and of its size over the particle's diameter.
_DETAIL_A = ((5.5, 0.8), (7.0, 1.25), (9.0, 1.8), (12.0, 2.4), (16.0, 3.0), (24.0, 3.6), (38.0, 4.2), (90.0, 4.8))
_DETAIL_SHARE = ((0.03, 0.8), (0.05, 1.4), (0.08, 2.1), (0.12, 2.7), (0.18, 3.3), (0.28, 3.9), (0.45, 4.4), (1.0, 4.9))
#: Finest detail that is asked of a pixel: a coarse one is forgiven most of what it cannot show.
_FINEST_A, _FORGIVEN = 5.0, 0.45
_NONE, _FULL = 0.2, 0.9
#: Amplitude from which detail is plain to see, and what size of detail it is measured against.
_PLAIN, _COARSE_A = 0.4, 20.0
#: Rings taken together: where a shell or a filament has nothing, between its layer lines, there is nothing to agree on.
_POOLED, _POOLED_FILAMENT = 3, 7
_SUPPORT_LEVEL, _MARGIN_A = 0.08, 8.0
#: Noise finer than this over the diameter is finer than what a B shows: grain, which programs may filter off.
_GRAIN_SHARE = 0.07
#: Reasons are given from here on: grade of detail; distance from the middle over diameter; strength of what is beside.
_BLURRED, _OFF_CENTRE, _BESIDE, _CUT = 3.3, 0.13, 0.12, 0.12


class Verdict(NamedTuple):
    """What is true of an average.

    Attributes
    ----------
    grade
        1 (A) to 5 (F), continuous.
    reasons
        Each of ``REASONS``, true or false.
    detail_A
        Finest detail that agrees with the truth; infinite without a particle.
    background
        Strength of what is outside the particle over the strength of the particle; NaN without one.
    """

    grade: float
    reasons: dict[str, bool]
    detail_A: float
    background: float


def junk(reason: str) -> Verdict:
    """The verdict on a class without a particle."""
    return Verdict(WORST_GRADE, {name: name == reason for name in REASONS}, np.inf, np.nan)


def judge(
    image: NDArray[np.floating],
    truth: NDArray[np.floating],
    pixel_size_A: float,
    diameter_A: float,
    *,
    extra: NDArray[np.floating] | None = None,
    offset_A: float = 0.0,
    mask_diameter_A: float = np.inf,
    whole: float | None = None,
    endless: bool = False,
) -> Verdict:
    """Grade an average that shows, or should show, one particle.

    Parameters
    ----------
    image
        The average ``(y, x)``, bright protein.
    truth
        Projection of the particle where the average has it, without noise.
    diameter_A
        Of the particle.
    extra
        Neighbours in the average, in the units of ``truth``.
    offset_A
        Distance of the particle's centre from the middle of the box.
    mask_diameter_A
        Circle outside which the program cleared the average.
    whole
        Sum of the truth's pixels were the box large enough for all of it; what ``truth`` holds unless given.
    endless
        A filament, which the box cuts off whatever is done.
    """
    if not np.any(image) or not np.any(truth):
        return junk("empty")
    support, inside = _support(truth, pixel_size_A), _circle(len(image), 0.5 * mask_diameter_A / pixel_size_A)
    seen = truth * inside if endless else truth
    detail_A = _detail_A(image * support, seen * support, pixel_size_A, pooled=_POOLED_FILAMENT if endless else _POOLED)
    grade = _detail_grade(detail_A, diameter_A, pixel_size_A)
    blurred = grade > _BLURRED
    without_grain = low_pass(image, pixel_size_A / max(_GRAIN_SHARE * diameter_A, pixel_size_A))
    background = _background(without_grain, truth, support, inside)
    grade += 1.2 * _ramp(np.log10(max(background, 1e-6)), -0.85, 0.2)
    misplaced = offset_A / diameter_A
    grade += 1.0 * _ramp(misplaced, 0.06, 0.45)
    cut = 0.0 if endless else 1.0 - float((truth * inside).sum()) / (whole or float(truth.sum()))
    grade += 1.6 * _ramp(cut, 0.03, 0.45)
    beside = 0.0
    if extra is not None:
        beside = float(np.sqrt((np.square(extra * inside)).sum() / np.square(truth).sum()))
        grade += 0.8 * _ramp(beside, 0.08, 0.8)
    reasons = dict.fromkeys(REASONS, False) | {
        "blurred": blurred,
        "off_centre": misplaced > _OFF_CENTRE,
        "edge": cut > _CUT,
        "neighbour": beside > _BESIDE,
    }
    return Verdict(float(np.clip(grade, BEST_GRADE, WORST_GRADE)), reasons, detail_A, background)


def _support(truth: NDArray[np.floating], pixel_size_A: float) -> NDArray[np.float64]:
    """The particle's outline and a soft margin, 0 to 1."""
    smooth = gaussian_filter(np.abs(truth), 4.0 / pixel_size_A)
    spread = gaussian_filter((smooth > _SUPPORT_LEVEL * smooth.max()).astype(np.float64), _MARGIN_A / pixel_size_A)
    return np.clip(spread / 0.35, 0.0, 1.0)


def _circle(box_px: int, radius_px: float) -> NDArray[np.float64]:
    place = np.arange(box_px) - box_px // 2
    return (np.hypot(place[:, None], place[None, :]) <= radius_px).astype(np.float64)


def _detail_A(image: NDArray[np.floating], truth: NDArray[np.floating], pixel_size_A: float, *, pooled: int) -> float:
    rings = ring_index((len(image), len(image)))
    seen, true = rfft2(image.astype(np.float64)), rfft2(truth.astype(np.float64))
    cross, power, own = (
        uniform_filter1d(np.bincount(rings.ravel(), values.ravel())[1 : len(image) // 2 + 1], pooled, mode="nearest")
        for values in ((seen * true.conj()).real, np.abs(true) ** 2, np.abs(seen) ** 2)
    )
    correlation = uniform_filter1d(cross / np.sqrt(np.maximum(power * own, 1e-30)), 3, mode="nearest")
    transfer = uniform_filter1d(cross / np.maximum(power, 1e-30), 3, mode="nearest")
    coarse = max(3, int(len(image) * pixel_size_A / _COARSE_A))
    contrast = transfer / max(float(transfer[:coarse].max()), 1e-30)
    weight = np.clip((correlation - _NONE) / (_FULL - _NONE), 0.0, 1.0) * np.clip(contrast / _PLAIN, 0.0, 1.0)
    weight[:coarse] = np.maximum(weight[:coarse], np.clip((correlation[:coarse] - _NONE) / (_FULL - _NONE), 0.0, 1.0))
    # near focus the lens takes away what is coarse, and nobody misses it where what is finer is there
    best = int(weight[:coarse].argmax())
    weight[:best] = weight[best]
    reach = float(np.minimum.accumulate(weight).sum()) / (len(image) * pixel_size_A)
    return 1.0 / reach if reach > 0 else np.inf


def _detail_grade(detail_A: float, diameter_A: float, pixel_size_A: float) -> float:
    limit = max(1.0, 2.0 * pixel_size_A / _FINEST_A) ** _FORGIVEN
    absolute = _interpolated(detail_A / limit, _DETAIL_A)
    return 0.55 * absolute + 0.45 * _interpolated(detail_A / limit**0.4 / diameter_A, _DETAIL_SHARE)


def _interpolated(value: float, table: tuple[tuple[float, float], ...]) -> float:
    sizes, grades = np.array(table).T
    return float(np.interp(np.log(min(value, 1e6)), np.log(sizes), grades))


def _background(
    image: NDArray[np.floating],
    truth: NDArray[np.floating],
    support: NDArray[np.float64],
    inside: NDArray[np.float64],
) -> float:
    """Standard deviation around the particle over that of what the particle's truth explains of the average.

    The dark rim that contrast transfer and filters leave about a particle is no artefact, and is taken off first.
    """
    around = (support < 0.02) & (inside > 0)
    if around.sum() < 20:
        return 0.0
    centred = truth - (truth * support).sum() / support.sum()
    explained = float((image * centred * support).sum() / np.square(centred * support).sum())
    signal = explained * float(np.sqrt((np.square(centred) * support).sum() / support.sum()))
    return float((image - _halo(image, truth))[around].std()) / max(signal, 1e-12)


def _halo(image: NDArray[np.floating], truth: NDArray[np.floating]) -> NDArray[np.floating]:
    """The truth as the microscope and the program filtered it: beyond the particle, the dark rim that this leaves."""
    rings = ring_index((len(image), len(image)))
    seen, true = rfft2(image.astype(np.float64)), rfft2(truth.astype(np.float64))
    cross, power = (
        np.bincount(rings.ravel(), values.ravel()) for values in ((seen * true.conj()).real, np.abs(true) ** 2)
    )
    return irfft2(true * (cross / np.maximum(power, 1e-30))[rings], image.shape)


def _ramp(value: float, low: float, high: float) -> float:
    return float(np.clip((value - low) / (high - low), 0.0, 1.0))
